//! Byte pair encoding of a few bytes: of all neighbours the two that make the earliest token become one part, until none make any.
//!
//! Everything is in arrays on the stack. The next merge is the smallest of an array of keys, found by looking at a block of them at once,
//! which the compiler turns into vector instructions. A heap would compare less and cost more.

mod window;
mod word;

pub(crate) use window::{Large, Medium};
pub(crate) use word::Word;

use crate::tables::{self, Key, NO_TOKEN, Tables};

/// The key of a position at which no merge is possible.
const NONE: i32 = i32::MAX;

/// What is compared to find the next merge: the place of the token that it makes, and among equal ones the position. Signed, because that
/// is what the vector instructions of more machines compare.
#[inline(always)]
fn key(place: u32, position: usize, position_bits: u32) -> i32 {
    if place == NO_TOKEN { NONE } else { (place << position_bits | position as u32) as i32 }
}

/// The place of the token of three bytes or more from `start` to `end`, behind which 16 bytes can be read.
#[inline(always)]
fn place<T: Tables>(bytes: &[u8], start: usize, end: usize) -> u32 {
    let len = end - start;
    if len > 16 {
        return tables::long::<T>(bytes.get(start..end).unwrap_or_default());
    }
    match bytes.get(start..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => {
            let key = Key::new(bytes, len);
            tables::short::<T>(key, len, key.hash(len))
        }
        None => NO_TOKEN,
    }
}

/// The smallest of some keys; written so that it becomes vector instructions.
#[inline(always)]
fn minimum<const N: usize>(keys: &[i32; N]) -> i32 {
    keys.iter().copied().fold(NONE, i32::min)
}
