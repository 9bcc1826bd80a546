//! Which of sixteen bytes are ASCII letters: a bit for each.

use wide::u8x16;

/// Sixteen bytes, told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letters {
    /// A bit for each capital, from the first byte upwards.
    pub(super) upper: u32,
    /// A bit for each small letter.
    pub(super) lower: u32,
}

impl Letters {
    /// Of bytes as a number, the first one lowest.
    #[inline(always)]
    pub(super) fn of(bytes: u128) -> Self {
        let bytes = u8x16::new(bytes.to_le_bytes());
        let from = |first: u8| {
            let above = bytes - u8x16::splat(first);
            above.min(u8x16::splat(25)).cmp_eq(above).move_mask() as u32
        };
        Self { upper: from(b'A'), lower: from(b'a') }
    }
}

#[cfg(test)]
mod tests {
    use super::Letters;

    #[test]
    fn every_byte_is_what_it_is_in_every_place() {
        for place in 0..16 {
            for byte in 0..=255_u8 {
                for others in [0, b'Z', b'a', 0xFF] {
                    let mut bytes = [others; 16];
                    bytes[place] = byte;
                    let bits = |is: fn(&u8) -> bool| {
                        bytes.iter().rev().fold(0, |bits, byte| bits << 1 | u32::from(is(byte)))
                    };
                    let upper = bits(u8::is_ascii_uppercase);
                    let lower = bits(u8::is_ascii_lowercase);
                    assert_eq!(
                        Letters::of(u128::from_le_bytes(bytes)),
                        Letters { upper, lower },
                        "{bytes:?}"
                    );
                }
            }
        }
    }
}
