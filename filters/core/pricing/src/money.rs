//! The two integers of money, a token's price and an amount, as types that cannot be confused.

use std::fmt;

use crate::decimal::{Decimal, DecimalError};

/// The most that a million tokens, or a request, may be said to cost, in dollars: a hundred times the dearest model there has been.
const MOST_DOLLARS: u64 = 100_000;

/// What one token costs, in attodollars (10⁻¹⁸ US dollars). A million tokens cost as many picodollars.
///
/// Never above [`TokenPrice::MOST`], so that any 64-bit number of tokens has a cost that fits into 128 bits. Displayed in dollars for a million
/// tokens, as [`TokenPrice::per_million`] reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenPrice(u64);

/// Why a text is no price and no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// It is no number that money can be.
    #[error(transparent)]
    Number(#[from] DecimalError),
    /// It has more decimals than are kept.
    #[error("has more than {decimals} decimals")]
    Fine {
        /// How many are kept.
        decimals: u32,
    },
    /// It is more than anything costs.
    #[error("is more than {MOST_DOLLARS} dollars")]
    Large,
}

impl TokenPrice {
    /// No price at all.
    pub const FREE: Self = Self(0);
    /// The highest price: 100,000 dollars for a million tokens.
    pub const MOST: Self = Self(MOST_DOLLARS.saturating_mul(1_000_000_000_000));
    /// How many decimals of the dollars for a million tokens are kept.
    pub const DECIMALS: u32 = 12;
    /// How many decimals of the dollars for one token are kept.
    const DECIMALS_OF_ONE: u32 = 18;

    /// Reads the dollars that a million tokens cost: `2.50`.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the text; it has at most [`TokenPrice::DECIMALS`] decimals.
    pub fn per_million(text: &str) -> Result<Self, MoneyError> {
        limited(Decimal::parse(text)?.exactly(Self::DECIMALS), Self::DECIMALS, Self::MOST.0).map(Self)
    }

    /// Reads the dollars that one token costs: `2.5e-06`. A text with more decimals than are kept gives the next higher price.
    ///
    /// # Errors
    ///
    /// Whatever else is wrong with the text.
    pub fn of_one_rounded_up(text: &str) -> Result<Self, MoneyError> {
        let decimal = Decimal::parse(text)?;
        limited(decimal.rounded_up(Self::DECIMALS_OF_ONE), Self::DECIMALS_OF_ONE, Self::MOST.0).map(Self)
    }

    /// Whether that text, as [`TokenPrice::of_one_rounded_up`] reads it, was this price exactly.
    pub fn is_exactly(self, text: &str) -> bool {
        Decimal::parse(text).and_then(|decimal| decimal.exactly(Self::DECIMALS_OF_ONE)) == Ok(self.0)
    }

    /// In attodollars for a token, which is picodollars for a million tokens.
    pub const fn attodollars(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TokenPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_dollars(f, self.0, Self::DECIMALS)
    }
}

/// An amount of money in millionths of a US dollar. Displayed in dollars.
///
/// Sums saturate: eighteen trillion dollars stay eighteen trillion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroDollars(pub u64);

impl MicroDollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// How many decimals of a dollar are kept.
    pub const DECIMALS: u32 = 6;
    /// The most that a text may say.
    const MOST: u64 = MOST_DOLLARS.saturating_mul(1_000_000);

    /// Reads an amount in dollars: `0.005`.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the text; it has at most [`MicroDollars::DECIMALS`] decimals and is at most 100,000 dollars.
    pub fn dollars(text: &str) -> Result<Self, MoneyError> {
        limited(Decimal::parse(text)?.exactly(Self::DECIMALS), Self::DECIMALS, Self::MOST).map(Self)
    }

    /// The sum, at most the largest amount.
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of this after the other, at least nothing.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for MicroDollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_dollars(f, self.0, Self::DECIMALS)
    }
}

fn limited(units: Result<u64, DecimalError>, decimals: u32, most: u64) -> Result<u64, MoneyError> {
    match units {
        Ok(units) if units <= most => Ok(units),
        Ok(_) | Err(DecimalError::Large) => Err(MoneyError::Large),
        Err(DecimalError::Fine) => Err(MoneyError::Fine { decimals }),
        Err(other) => Err(MoneyError::Number(other)),
    }
}

/// Dollars with as many decimals as are needed, and at least two: `2.50`, `0.075`.
fn write_dollars(f: &mut fmt::Formatter<'_>, units: u64, decimals: u32) -> fmt::Result {
    let one = 10_u64.saturating_pow(decimals);
    let (whole, mut rest) = (units.checked_div(one).unwrap_or(0), units.checked_rem(one).unwrap_or(0));
    let mut digits = decimals;
    while digits > 2 && rest % 10 == 0 {
        rest /= 10;
        digits = digits.saturating_sub(1);
    }
    write!(f, "{whole}.{rest:0width$}", width = usize::try_from(digits).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_and_shown_exactly() {
        for (text, shown, attodollars) in [
            ("0", "0.00", 0),
            ("2.5", "2.50", 2_500_000_000_000),
            ("0.075", "0.075", 75_000_000_000),
            ("0.000000000001", "0.000000000001", 1),
            ("100000", "100000.00", 100_000_000_000_000_000),
            ("3", "3.00", 3_000_000_000_000),
        ] {
            let price = TokenPrice::per_million(text).unwrap();
            assert_eq!((price.to_string().as_str(), price.attodollars()), (shown, attodollars), "{text}");
            assert_eq!(TokenPrice::per_million(shown), Ok(price));
        }
        assert_eq!(TokenPrice::per_million("100000"), Ok(TokenPrice::MOST));
    }

    #[test]
    fn a_token_and_a_million_have_the_same_price() {
        for (one, million) in
            [("2.5e-06", "2.5"), ("1.41953125e-07", "0.141953125"), ("0", "0"), ("0.1", "100000")]
        {
            let price = TokenPrice::of_one_rounded_up(one).unwrap();
            assert_eq!(TokenPrice::per_million(million), Ok(price));
            assert!(price.is_exactly(one));
        }
        let price = TokenPrice::of_one_rounded_up("5.0000000000000004e-08").unwrap();
        assert_eq!(price.to_string(), "0.050000000001");
        assert!(!price.is_exactly("5.0000000000000004e-08"));
    }

    #[test]
    fn what_is_no_price_says_why() {
        for (text, error) in [
            ("100000.01", "is more than 100000 dollars"),
            ("1e99", "is more than 100000 dollars"),
            ("0.0000000000001", "has more than 12 decimals"),
            ("-1", "is negative"),
            ("$1", "is no decimal number"),
        ] {
            assert_eq!(TokenPrice::per_million(text).unwrap_err().to_string(), error, "{text}");
        }
        assert_eq!(MicroDollars::dollars("0.0000001").unwrap_err().to_string(), "has more than 6 decimals");
        assert_eq!(MicroDollars::dollars("0.005").unwrap().to_string(), "0.005");
        assert_eq!(MicroDollars::dollars("100000.000001"), Err(MoneyError::Large));
        assert_eq!(MicroDollars(u64::MAX).to_string(), "18446744073709.551615");
    }
}
