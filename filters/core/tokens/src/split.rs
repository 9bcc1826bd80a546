//! Cuts text into the pieces that are tokenized one by one: what the encodings' regular expressions match, written out by hand.
//!
//! A piece is a word with the blank or sign before it, up to three digits, a run of signs, or a run of blanks. The expressions are quoted
//! where each is implemented. They look ahead and go back, but never by more than one run of characters, and so neither do these: each
//! character is classified a bounded number of times.

mod cl100k;
mod class;
mod letters;
mod o200k;
mod words;

pub(crate) use cl100k::Cl100k;
use class::Char;
pub(crate) use class::{Class, Set, at};
pub(crate) use o200k::{EITHER, LOWER, O200k, UPPER};

/// `\p{L}`.
pub(crate) const LETTERS: Set = Set::of(&[Class::Upper, Class::Lower, Class::Caseless]);
/// `[^\s\p{L}\p{N}]`.
pub(crate) const SIGNS: Set = Set::of(&[Class::Other, Class::Mark]);
/// `[^\r\n\p{L}\p{N}]`: what a word may have before it.
const PREFIXES: Set = Set::of(&[Class::Other, Class::Mark, Class::Space]);
/// `[\r\n]`.
pub(crate) const BREAKS: Set = Set::of(&[Class::Break]);
/// `\s`.
pub(crate) const BLANKS: Set = Set::of(&[Class::Space, Class::Break]);

/// Where a piece ends, and whether more text could have moved that end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) end: usize,
    /// The end of the text was reached while looking for the end of the piece.
    pub(crate) open: bool,
}

/// What a piece consists of, from the position on at which that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters in one run.
    Letters,
    /// Capitals, and what may stand among them, after which small letters may follow.
    Upper,
    /// The small letters of a word.
    Lower,
    /// A word's end, behind which a contraction may stand.
    Contraction,
    /// Digits.
    Numbers,
    /// Signs.
    Signs,
    /// What may follow signs: line breaks.
    Tail,
    /// Blanks.
    Blanks,
}

/// How an encoding cuts text.
pub(crate) trait Split {
    /// Blanks at the very end of a text are one piece, although a line break is among them.
    const BLANKS_END_WHOLE: bool;

    /// The piece that begins at `start`, a character's first byte. `text` is UTF-8.
    fn piece(text: &[u8], start: usize) -> Piece;

    /// Of what kind that piece is, and from where on; `None` at the end of the text, and for what is a contraction alone.
    fn kind(text: &[u8], start: usize) -> Option<(Kind, usize)>;

    /// The end of the [`Kind::Tail`] that begins at a position.
    fn tail(text: &[u8], position: usize) -> usize;
}

/// The end of the run of characters of `set` that begins at `position`.
#[inline(always)]
pub(crate) fn run(text: &[u8], mut position: usize, set: Set) -> usize {
    while let Some(char) = at(text, position)
        && set.has(char.class)
    {
        position += char.len;
    }
    position
}

/// `\p{N}{1,3}`, of which the first is known.
#[inline(always)]
fn numbers(text: &[u8], mut position: usize) -> Piece {
    for _ in 0..3 {
        match at(text, position) {
            Some(char) if char.class == Class::Number => position += char.len,
            Some(_) => return Piece { end: position, open: false },
            None => return Piece { end: position, open: true },
        }
    }
    Piece { end: position, open: false }
}

/// The kind of a piece that is no word: numbers, signs with a space before them, or blanks.
#[inline(always)]
fn no_word(text: &[u8], start: usize, first: Char, next: Option<Char>) -> (Kind, usize) {
    let spaced = text.get(start) == Some(&b' ') && next.is_some_and(|next| SIGNS.has(next.class));
    match first.class {
        Class::Number => (Kind::Numbers, start),
        class if SIGNS.has(class) || spaced => (Kind::Signs, start + first.len),
        _ => (Kind::Blanks, start),
    }
}

/// The run of blanks that begins at a position.
struct Blanks {
    end: usize,
    /// Behind its last line break.
    broken: Option<usize>,
    /// Where its last character begins.
    last: usize,
}

impl Blanks {
    #[inline(always)]
    fn at(text: &[u8], start: usize) -> Self {
        let mut blanks = Self { end: start, broken: None, last: start };
        while let Some(char) = at(text, blanks.end)
            && BLANKS.has(char.class)
        {
            blanks.last = blanks.end;
            blanks.end += char.len;
            if char.class == Class::Break {
                blanks.broken = Some(blanks.end);
            }
        }
        blanks
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`: up to the last line break; without one all but the last blank, which goes with what follows, unless
    /// it is the only one or nothing follows.
    #[inline(always)]
    fn piece(&self, text: &[u8], start: usize) -> Piece {
        let open = self.end == text.len();
        let end = match self.broken {
            Some(broken) => broken,
            None if open || self.last == start => self.end,
            None => self.last,
        };
        Piece { end, open }
    }
}

/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)` at a position: its length, or 0. Of the characters that fold to these letters only the long s, `ſ`, is
/// none of ASCII.
#[inline(always)]
pub(crate) fn contraction(text: &[u8], position: usize) -> usize {
    match text.get(position) {
        Some(b'\'') => suffix(text.get(position + 1..).unwrap_or_default()),
        _ => 0,
    }
}

#[inline]
fn suffix(rest: &[u8]) -> usize {
    match *rest {
        [b's' | b'S' | b't' | b'T' | b'm' | b'M' | b'd' | b'D', ..] => 2,
        [b'r' | b'R' | b'v' | b'V', b'e' | b'E', ..] | [b'l' | b'L', b'l' | b'L', ..] => 3,
        [0xC5, 0xBF, ..] => 3,
        _ => 0,
    }
}

/// Whether more text could make a contraction at this position, or another one.
#[inline(always)]
pub(crate) fn contraction_open(text: &[u8], position: usize) -> bool {
    match text.get(position..) {
        None | Some([]) | Some([b'\'']) => true,
        Some([b'\'', byte]) => matches!(byte, b'r' | b'R' | b'v' | b'V' | b'l' | b'L'),
        Some(_) => false,
    }
}
