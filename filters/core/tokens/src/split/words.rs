//! The short cut for what most text consists of: a word in ASCII letters, with at most one character before it, in one look at 16 bytes.
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

/// The letters among sixteen bytes, and how many bytes stand before them.
#[inline(always)]
fn sixteen(text: &[u8], start: usize) -> Option<(Letters, u32)> {
    let bytes: &[u8; 16] = text.get(start..)?.first_chunk()?;
    let letters = Letters::of(bytes);
    // Nearly always a blank.
    if bytes[0] == b' ' {
        Some((letters, 1))
    } else if (letters.upper | letters.lower) & 1 != 0 {
        Some((letters, 0))
    } else {
        prefix(bytes[0]).then_some((letters, 1))
    }
}

/// The end of `[^\r\n\p{L}\p{N}]?\p{L}+` in ASCII, where it is plain.
#[inline(always)]
pub(super) fn letters(text: &[u8], start: usize) -> Option<usize> {
    let (letters, before) = sixteen(text, start)?;
    let others = !(letters.upper | letters.lower | before) | END;
    plain_end(text, start, before, others.trailing_zeros(), LETTERS)
}

/// The end of a cased word of `o200k_base` in ASCII: capitals, then small letters.
#[inline(always)]
pub(super) fn cased(text: &[u8], start: usize) -> Option<usize> {
    let (letters, before) = sixteen(text, start)?;
    let capitals = (!(letters.upper | before) | END).trailing_zeros();
    if capitals == 16 {
        return None;
    }
    // Capitals, and what stands before them, count as small letters where the small letters are looked for.
    let passed = (1 << capitals) - 1;
    let len = (!(letters.lower | passed) | END).trailing_zeros();
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
