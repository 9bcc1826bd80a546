//! The short cuts for what most text consists of: a word in ASCII letters, with at most one character before it, in one look at 16 bytes, and
//! a sign behind a word.
//!
//! Sixteen bytes are classified at once; where a word ends is then the number of trailing zeros of a mask, so no branch of its own is taken,
//! or mispredicted, for each letter. Whatever is not plain here is left to the rules written out.

use super::letters::Letters;
use super::{Class, LETTERS, Set, at};

/// What a cased word may go on with.
const CASED: Set = Set::of(&[Class::Upper, Class::Lower, Class::Caseless, Class::Mark]);
/// A bit behind those of sixteen bytes, so that something is found in any case.
const END: u32 = 1 << 16;

/// What a word may have before its letters, besides what is not plain: any ASCII but letters, digits, line breaks and, for the
/// contractions, the apostrophe.
#[inline(always)]
const fn prefix(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && byte < 0x80 && byte != b'\r' && byte != b'\n' && byte != b'\''
}

/// The sixteen bytes at a position, the letters among them, and how many bytes stand before those.
#[inline(always)]
fn sixteen(text: &[u8], start: usize) -> Option<(&[u8; 16], Letters, u32)> {
    let bytes: &[u8; 16] = text.get(start..)?.first_chunk()?;
    // As one number, which is two loads; byte by byte, the compiler finds six, because one of the bytes is looked at by itself.
    let word = u128::from_le_bytes(*bytes);
    let letters = Letters::of(word);
    let first = word as u8;
    // Nearly always a blank.
    if first == b' ' {
        Some((bytes, letters, 1))
    } else if (letters.upper | letters.lower) & 1 != 0 {
        Some((bytes, letters, 0))
    } else {
        prefix(first).then_some((bytes, letters, 1))
    }
}

/// The end of `[^\r\n\p{L}\p{N}]?\p{L}+` in ASCII, where it is plain.
#[inline(always)]
pub(super) fn letters(text: &[u8], start: usize) -> Option<usize> {
    let (bytes, letters, before) = sixteen(text, start)?;
    let others = !(letters.upper | letters.lower | before) | END;
    let len = others.trailing_zeros();
    let next = next(bytes, before, len)?;
    ends(text, start + len as usize, next, LETTERS)
}

/// The end of a cased word of `o200k_base` in ASCII: capitals, then small letters.
#[inline(always)]
pub(super) fn cased(text: &[u8], start: usize) -> Option<usize> {
    let (bytes, letters, before) = sixteen(text, start)?;
    let capitals = (!(letters.upper | before) | END).trailing_zeros();
    // Capitals, and what stands before them, count as small letters where the small letters are looked for. If there is nothing else, they do
    // up to the end of the sixteen.
    let passed = (1 << capitals) - 1;
    let len = (!(letters.lower | passed) | END).trailing_zeros();
    // What may be a contraction is part of the word.
    let next = next(bytes, before, len).filter(|next| *next != b'\'')?;
    ends(text, start + len as usize, next, CASED)
}

/// The end of a sign with a blank behind it, which most signs of prose have. (` ?[^\s\p{L}\p{N}]+` in both encodings: the blank ends it, and begins
/// nothing that the sign could belong to.)
#[inline(always)]
pub(super) fn sign(text: &[u8], start: usize) -> Option<usize> {
    match text.get(start..)? {
        [sign, b' ', ..] if sign.is_ascii_punctuation() => Some(start + 1),
        _ => None,
    }
}

/// What follows a word of so many bytes, if it has letters, and ends within the sixteen.
#[inline(always)]
fn next(bytes: &[u8; 16], before: u32, len: u32) -> Option<u8> {
    bytes.get(len as usize).copied().filter(|_| len > before)
}

/// The end, if it is not only that of ASCII.
#[inline(always)]
fn ends(text: &[u8], end: usize, next: u8, letters: Set) -> Option<usize> {
    (next < 0x80 || !at(text, end).is_some_and(|next| letters.has(next.class))).then_some(end)
}
