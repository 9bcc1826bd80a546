//! What kind of character stands at a position of a text, as far as the patterns of the encodings tell kinds apart.

use crate::steps;

/// A kind of character. The numbers are those of `build/classes.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// None of the others: punctuation, symbols, control characters, what is unassigned.
    Other = 0,
    /// `\p{Lu}`, `\p{Lt}`.
    Upper = 1,
    /// `\p{Ll}`.
    Lower = 2,
    /// `\p{Lm}`, `\p{Lo}`: letters without case.
    Caseless = 3,
    /// `\p{M}`.
    Mark = 4,
    /// `\p{N}`.
    Number = 5,
    /// `\s` without the line breaks.
    Space = 6,
    /// `\r` and `\n`, the two that the patterns call a line break.
    Break = 7,
}

/// Some of the classes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set(u8);

impl Set {
    pub(crate) const fn of(classes: &[Class]) -> Self {
        let mut set = 0;
        let mut rest = classes;
        while let [class, tail @ ..] = rest {
            set |= 1 << *class as u8;
            rest = tail;
        }
        Self(set)
    }

    #[inline(always)]
    pub(crate) const fn has(self, class: Class) -> bool {
        self.0 >> class as u8 & 1 != 0
    }
}

/// A character's class and its length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Char {
    pub(crate) class: Class,
    pub(crate) len: usize,
}

static INDEX: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/classes.index"));
static BLOCKS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/classes.blocks"));

/// The character that begins at a position of UTF-8; `None` at the end.
#[inline(always)]
pub(crate) fn at(text: &[u8], position: usize) -> Option<Char> {
    let rest = text.get(position..)?;
    let first = *rest.first()?;
    steps::add(1);
    if first < 0x80 {
        // The first block is ASCII.
        return Some(Char { class: class(BLOCKS.get(usize::from(first))), len: 1 });
    }
    Some(wide(rest))
}

/// A character outside of ASCII.
#[inline]
fn wide(rest: &[u8]) -> Char {
    let low = |byte: u8| u32::from(byte & 0x3F);
    let (code, len) = match *rest {
        [a @ 0xF0..=0xFF, b, c, d, ..] => (u32::from(a & 7) << 18 | low(b) << 12 | low(c) << 6 | low(d), 4),
        [a @ 0xE0..=0xEF, b, c, ..] => (u32::from(a & 15) << 12 | low(b) << 6 | low(c), 3),
        [a, b, ..] => (u32::from(a & 31) << 6 | low(b), 2),
        _ => (0, 1),
    };
    let block = usize::from(INDEX.get((code >> 7) as usize).copied().unwrap_or(0));
    Char { class: class(BLOCKS.get(block << 7 | (code & 127) as usize)), len }
}

#[inline(always)]
fn class(number: Option<&u8>) -> Class {
    match number {
        Some(1) => Class::Upper,
        Some(2) => Class::Lower,
        Some(3) => Class::Caseless,
        Some(4) => Class::Mark,
        Some(5) => Class::Number,
        Some(6) => Class::Space,
        Some(7) => Class::Break,
        _ => Class::Other,
    }
}
