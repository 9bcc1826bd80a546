//! How `o200k_base` cuts text.
//!
//! ```text
//! [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! |[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! |\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
//! ```

use super::{Blanks, Class, Kind, PREFIXES, Piece, SIGNS, Set, Split};
use super::{at, contraction, contraction_open, no_word, numbers, run, words};

/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`.
pub(crate) const UPPER: Set = Set::of(&[Class::Upper, Class::Caseless, Class::Mark]);
/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`.
pub(crate) const LOWER: Set = Set::of(&[Class::Lower, Class::Caseless, Class::Mark]);
/// What is in both sets.
pub(crate) const EITHER: Set = Set::of(&[Class::Caseless, Class::Mark]);
/// What is in one of them.
const WORD: Set = Set::of(&[Class::Upper, Class::Lower, Class::Caseless, Class::Mark]);

/// The rules of `o200k_base`.
pub(crate) struct O200k;

impl Split for O200k {
    const BLANKS_END_WHOLE: bool = false;

    #[inline(always)]
    fn piece(text: &[u8], start: usize) -> Piece {
        match words::cased(text, start).or_else(|| words::sign(text, start)) {
            Some(end) => Piece { end, open: false },
            None => any(text, start),
        }
    }

    /// A mark may be what stands before a word or the first of its letters, and either reading ends the word at the same place: it is
    /// taken for a letter.
    #[inline(always)]
    fn kind(text: &[u8], start: usize) -> Option<(Kind, usize)> {
        let first = at(text, start)?;
        if WORD.has(first.class) {
            return Some((Kind::Upper, start));
        }
        let second = start + first.len;
        let next = at(text, second);
        if PREFIXES.has(first.class) && next.is_some_and(|next| WORD.has(next.class)) {
            return Some((Kind::Upper, second));
        }
        Some(no_word(text, start, first, next))
    }

    #[inline(always)]
    fn tail(text: &[u8], mut position: usize) -> usize {
        while let Some(b'\r' | b'\n' | b'/') = text.get(position) {
            position += 1;
        }
        position
    }
}

#[inline(never)]
fn any(text: &[u8], start: usize) -> Piece {
    let Some((kind, position)) = O200k::kind(text, start) else {
        return Piece { end: start, open: true };
    };
    match kind {
        Kind::Numbers => numbers(text, start),
        Kind::Signs => {
            let end = O200k::tail(text, run(text, position, SIGNS));
            Piece { end, open: end == text.len() }
        }
        Kind::Blanks => Blanks::at(text, start).piece(text, start),
        _ => word(text, position),
    }
}

/// The word whose letters begin at a position.
fn word(text: &[u8], start: usize) -> Piece {
    // `U*W+`: `U*` takes all it can. If a small letter follows, `W+` goes on from there; otherwise `U*` gives back as little as `W+` needs,
    // to the last character that is in both sets. If there is none, the second expression takes the capitals alone.
    let mut either = None;
    let mut position = start;
    let mut next = at(text, position);
    while let Some(char) = next
        && UPPER.has(char.class)
    {
        position += char.len;
        if EITHER.has(char.class) {
            either = Some(position);
        }
        next = at(text, position);
    }
    let end = match next {
        Some(char) if char.class == Class::Lower => run(text, position + char.len, LOWER),
        _ => either.unwrap_or(position),
    };
    let open = next.is_none() || contraction_open(text, end);
    Piece { end: end + contraction(text, end), open }
}
