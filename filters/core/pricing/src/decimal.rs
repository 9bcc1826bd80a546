//! A decimal number read from its digits: what was written is what is meant.

/// The most significant digits that are read: as many as surely fit into 128 bits.
const MOST_DIGITS: usize = 38;
/// An exponent beyond it is as good as this one: no unit of money is that small, and no amount that large.
const FARTHEST_EXPONENT: i32 = 1_000_000;

/// A decimal number that is not negative, exactly as written: `mantissa × 10^exponent`.
///
/// Written as JSON writes numbers: `2.50`, `0`, `1.5e-06`. Two texts of the same number are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Has no zero at its end, unless it is zero.
    mantissa: u128,
    exponent: i32,
}

/// Why a text is no [`Decimal`], or why a decimal is no whole number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is no number as JSON writes it.
    #[error("is no decimal number")]
    Malformed,
    /// The number is below zero.
    #[error("is negative")]
    Negative,
    /// The number has more significant digits than any price.
    #[error("has more than {MOST_DIGITS} significant digits")]
    Long,
    /// The number is no multiple of the unit that is asked for.
    #[error("is finer than its unit")]
    Fine,
    /// The number does not fit into 64 bits of the unit that is asked for.
    #[error("is too large")]
    Large,
}

impl Decimal {
    /// Reads a text. Takes time linear in its length.
    ///
    /// # Errors
    ///
    /// [`DecimalError::Malformed`], [`DecimalError::Negative`] or [`DecimalError::Long`].
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (number, power) = match unsigned.split_once(['e', 'E']) {
            Some((number, power)) => (number, exponent(power)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
            Some(_) => return Err(DecimalError::Malformed),
            None => (number, ""),
        };
        if !is_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(DecimalError::Malformed);
        }
        let (mantissa, zeros) = significant(whole.bytes().chain(fraction.bytes()))?;
        if mantissa == 0 {
            return Ok(Self { mantissa, exponent: 0 });
        }
        if negative {
            return Err(DecimalError::Negative);
        }
        let places = i32::try_from(fraction.len()).unwrap_or(i32::MAX);
        Ok(Self { mantissa, exponent: power.saturating_sub(places).saturating_add(zeros) })
    }

    /// The number in units of `10^-decimals`.
    ///
    /// # Errors
    ///
    /// [`DecimalError::Fine`] or [`DecimalError::Large`].
    pub fn exactly(self, decimals: u32) -> Result<u64, DecimalError> {
        match self.steps(decimals) {
            Steps::Up(power) => self.times(power),
            Steps::Down(_) => Err(DecimalError::Fine),
        }
    }

    /// The least whole number of units of `10^-decimals` that is not below the number.
    ///
    /// # Errors
    ///
    /// [`DecimalError::Large`].
    pub fn rounded_up(self, decimals: u32) -> Result<u64, DecimalError> {
        match self.steps(decimals) {
            Steps::Up(power) => self.times(power),
            // A power that does not fit is above every mantissa.
            Steps::Down(power) => {
                let units = 10_u128.checked_pow(power).map_or(1, |power| self.mantissa.div_ceil(power));
                u64::try_from(units).map_err(|_| DecimalError::Large)
            }
        }
    }

    fn times(self, power: u32) -> Result<u64, DecimalError> {
        if self.mantissa == 0 {
            return Ok(0);
        }
        10_u128
            .checked_pow(power)
            .and_then(|power| self.mantissa.checked_mul(power))
            .and_then(|units| u64::try_from(units).ok())
            .ok_or(DecimalError::Large)
    }

    /// By which power of ten the mantissa becomes units.
    fn steps(self, decimals: u32) -> Steps {
        let power = self.exponent.saturating_add_unsigned(decimals);
        if power < 0 && self.mantissa != 0 {
            Steps::Down(power.unsigned_abs())
        } else {
            Steps::Up(power.unsigned_abs())
        }
    }
}

/// A power of ten to multiply with, or to divide by.
enum Steps {
    Up(u32),
    Down(u32),
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What follows the `e`. One that is out of every range stays out of it.
fn exponent(text: &str) -> Result<i32, DecimalError> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if !is_digits(digits) {
        return Err(DecimalError::Malformed);
    }
    let size = digits.parse().unwrap_or(FARTHEST_EXPONENT).min(FARTHEST_EXPONENT);
    Ok(size.saturating_mul(sign))
}

/// The digits as a number without the zeros at its end, and how many these are.
fn significant(digits: impl Iterator<Item = u8>) -> Result<(u128, i32), DecimalError> {
    let mut mantissa: u128 = 0;
    let mut zeros: i32 = 0;
    for digit in digits.map(|byte| u128::from(byte.saturating_sub(b'0'))) {
        if digit == 0 {
            zeros = if mantissa == 0 { 0 } else { zeros.saturating_add(1) };
            continue;
        }
        let shift = zeros.unsigned_abs().saturating_add(1);
        mantissa = 10_u128
            .checked_pow(shift)
            .and_then(|power| mantissa.checked_mul(power)?.checked_add(digit))
            .or(if mantissa == 0 { Some(digit) } else { None })
            .ok_or(DecimalError::Long)?;
        zeros = 0;
    }
    Ok((mantissa, zeros))
}

#[cfg(test)]
mod tests {
    use super::{Decimal, DecimalError};

    fn exactly(text: &str, decimals: u32) -> Result<u64, DecimalError> {
        Decimal::parse(text)?.exactly(decimals)
    }

    #[test]
    fn what_was_written_is_what_is_meant() {
        for (text, decimals, units) in [
            ("0", 12, 0),
            ("-0.0", 12, 0),
            ("0e999999999999", 12, 0),
            ("2.50", 2, 250),
            ("2.5e-06", 18, 2_500_000_000_000),
            ("2.5E+3", 0, 2_500),
            ("10", 0, 10),
            ("1000000000000000000000e-21", 0, 1),
            ("0.000000000000000000000000000000000000000000000000000001e54", 0, 1),
            ("18446744073709551615", 0, u64::MAX),
            ("0.1", 1, 1),
        ] {
            assert_eq!(exactly(text, decimals), Ok(units), "{text}");
        }
        assert_eq!(Decimal::parse("2.50"), Decimal::parse("25e-1"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "-", ".", ".5", "5.", "+1", "01", "1e", "1e+", "e1", "1.e1", "0x1", "1,5", "1_000", " 1",
            "1 ", "NaN", "٣", "1e1e1", "1.1.1", "--1", "$1",
        ] {
            assert_eq!(Decimal::parse(text), Err(DecimalError::Malformed), "{text}");
        }
        assert_eq!(Decimal::parse("-0.01"), Err(DecimalError::Negative));
        assert_eq!(Decimal::parse(&"1".repeat(40)), Err(DecimalError::Long));
        assert_eq!(Decimal::parse(&format!("1{}1", "0".repeat(1 << 20))), Err(DecimalError::Long));
    }

    #[test]
    fn what_is_finer_than_the_unit_is_refused_or_rounded_up() {
        for (text, decimals, up) in [
            ("0.15", 1, 2),
            ("1.0000000000000000000000000000000000001", 0, 2),
            ("1e-40", 0, 1),
            ("1e-999999999999", 18, 1),
            ("0.99", 1, 10),
        ] {
            assert_eq!(exactly(text, decimals), Err(DecimalError::Fine), "{text}");
            assert_eq!(Decimal::parse(text).unwrap().rounded_up(decimals), Ok(up), "{text}");
        }
        assert_eq!(Decimal::parse("0.15").unwrap().rounded_up(2), Ok(15));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in ["18446744073709551616", "1e20", "1e999999999999"] {
            assert_eq!(exactly(text, 0), Err(DecimalError::Large), "{text}");
            assert_eq!(Decimal::parse(text).unwrap().rounded_up(0), Err(DecimalError::Large), "{text}");
        }
        assert_eq!(Decimal::parse("18446744073709551615.1").unwrap().rounded_up(0), Err(DecimalError::Large));
    }
}
