//! The short cut for what most text consists of: a word in ASCII letters, with at most one character before it, in one look at 16 bytes.
//!
//! Eight bytes are classified at once, with carries kept inside their bytes; where a word ends is then the number of trailing zeros of a
//! mask, so no branch of its own is taken, or mispredicted, for each letter. Whatever is not plain here is left to the rules written out.

use super::{Class, LETTERS, Set, at};

/// What a cased word may go on with.
const CASED: Set = Set::of(&[Class::Upper, Class::Lower, Class::Caseless, Class::Mark]);
/// The upper bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// One byte, eight times.
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The upper bit of each byte from `from` to `to`, both below 128.
#[inline(always)]
const fn between(word: u64, from: u8, to: u8) -> u64 {
    let seven = word & !HIGH;
    // Neither sum leaves its byte.
    let at_least = seven.wrapping_add(all(0x80 - from));
    let above = seven.wrapping_add(all(0x7F - to));
    at_least & !above & !word & HIGH
}

/// What a word may have before its letters, besides what is not plain: any ASCII but letters, digits, line breaks and, for the
/// contractions, the apostrophe.
#[inline(always)]
const fn prefix(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && byte < 0x80 && byte != b'\r' && byte != b'\n' && byte != b'\''
}

/// Sixteen bytes as two words, and how many of them stand before the letters.
#[inline(always)]
fn sixteen(text: &[u8], start: usize) -> Option<(u64, u64, u32)> {
    let bytes: &[u8; 16] = text.get(start..)?.first_chunk()?;
    let word = u128::from_le_bytes(*bytes);
    let first = bytes[0];
    if first.is_ascii_alphabetic() {
        Some((word as u64, (word >> 64) as u64, 0))
    } else if prefix(first) {
        Some((word as u64, (word >> 64) as u64, 1))
    } else {
        None
    }
}

/// The number of the first marked byte; 16 if none is.
#[inline(always)]
fn first_marked(low: u64, high: u64) -> u32 {
    if low != 0 { low.trailing_zeros() >> 3 } else { 8 + (high.trailing_zeros() >> 3) }
}

/// The end of `[^\r\n\p{L}\p{N}]?\p{L}+` in ASCII, where it is plain.
#[inline(always)]
pub(super) fn letters(text: &[u8], start: usize) -> Option<usize> {
    let (low, high, before) = sixteen(text, start)?;
    // The bit that makes a letter small, set in every byte: letters, and nothing else, are then between a and z.
    let other = |word: u64| !between(word | all(0x20), b'a', b'z') & HIGH;
    let len = first_marked(other(low) & !u64::from(before * 0x80), other(high));
    plain_end(text, start, before, len, LETTERS)
}

/// The end of a cased word of `o200k_base` in ASCII: capitals, then small letters.
#[inline(always)]
pub(super) fn cased(text: &[u8], start: usize) -> Option<usize> {
    let (low, high, before) = sixteen(text, start)?;
    let not_upper = |word: u64| !between(word, b'A', b'Z') & HIGH;
    let not_lower = |word: u64| !between(word, b'a', b'z') & HIGH;
    let capitals = first_marked(not_upper(low) & !u64::from(before * 0x80), not_upper(high));
    if capitals == 16 {
        return None;
    }
    // Capitals, and what stands before them, count as small letters where the small letters are looked for.
    let passed = (1_u128 << (capitals * 8)) - 1;
    let len = first_marked(not_lower(low) & !(passed as u64), not_lower(high) & !((passed >> 64) as u64));
    let end = plain_end(text, start, before, len, CASED)?;
    // What may be a contraction is part of the word.
    (text.get(end) != Some(&b'\'')).then_some(end)
}

/// The end, if there are letters and the end is not only that of the 16 bytes or of ASCII.
#[inline(always)]
fn plain_end(text: &[u8], start: usize, before: u32, len: u32, letters: Set) -> Option<usize> {
    let end = start + len as usize;
    let next = *text.get(end)?;
    let plain = len > before && len < 16;
    (plain && (next < 0x80 || !at(text, end).is_some_and(|next| letters.has(next.class)))).then_some(end)
}
