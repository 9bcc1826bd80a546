//! How `cl100k_base` cuts text.
//!
//! ```text
//! '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s
//! ```

use super::{BREAKS, Blanks, Kind, LETTERS, PREFIXES, Piece, SIGNS, Split};
use super::{at, contraction, contraction_open, no_word, numbers, run, words};

/// The rules of `cl100k_base`.
pub(crate) struct Cl100k;

impl Split for Cl100k {
    const BLANKS_END_WHOLE: bool = true;

    #[inline(always)]
    fn piece(text: &[u8], start: usize) -> Piece {
        match words::letters(text, start).or_else(|| words::sign(text, start)) {
            Some(end) => Piece { end, open: false },
            None => any(text, start),
        }
    }

    #[inline(always)]
    fn kind(text: &[u8], start: usize) -> Option<(Kind, usize)> {
        let first = at(text, start)?;
        if contraction(text, start) > 0 {
            return None;
        }
        let second = start + first.len;
        let next = at(text, second);
        let prefixed = PREFIXES.has(first.class) && next.is_some_and(|next| LETTERS.has(next.class));
        if LETTERS.has(first.class) || prefixed {
            return Some((Kind::Letters, second));
        }
        Some(no_word(text, start, first, next))
    }

    #[inline(always)]
    fn tail(text: &[u8], position: usize) -> usize {
        run(text, position, BREAKS)
    }
}

#[inline(never)]
fn any(text: &[u8], start: usize) -> Piece {
    let Some((kind, position)) = Cl100k::kind(text, start) else {
        let end = start + contraction(text, start);
        return Piece { end, open: end == start };
    };
    let end = match kind {
        Kind::Numbers => return numbers(text, start),
        Kind::Signs => Cl100k::tail(text, run(text, position, SIGNS)),
        Kind::Blanks => {
            let blanks = Blanks::at(text, start);
            if blanks.end == text.len() {
                // `\s++$`, which this expression alone has.
                return Piece { end: blanks.end, open: true };
            }
            return blanks.piece(text, start);
        }
        _ => run(text, position, LETTERS),
    };
    // An apostrophe at the end may yet become a contraction.
    let unfinished = text.get(start) == Some(&b'\'') && contraction_open(text, start);
    Piece { end, open: unfinished || end == text.len() }
}
