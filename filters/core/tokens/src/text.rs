//! The tokens of a text: its pieces one after the other, each looked up whole and, where it is no token, encoded.

use crate::long;
use crate::memo::{MAX_WORD, Remember};
use crate::merge::{Large, Medium, Word};
use crate::split::{Cl100k, O200k, Split};
use crate::tables::{self, Cl100kBase, Key, NO_TOKEN, O200kBase, Tables};

/// An encoding: how it cuts text, and its vocabulary.
pub(crate) trait Rules: Split {
    type Tables: Tables;
}

impl Rules for O200k {
    type Tables = O200kBase;
}

impl Rules for Cl100k {
    type Tables = Cl100kBase;
}

/// Where to stop counting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until {
    /// With more tokens than this.
    pub(crate) more_than: u64,
    /// Where even a token for each byte that is left makes no more than this.
    pub(crate) at_most: u64,
}

impl Until {
    /// At the end of the text.
    pub(crate) const ALL: Self = Self::more_than(u64::MAX);

    /// Where there are more tokens than the limit.
    pub(crate) const fn more_than(limit: u64) -> Self {
        Self { more_than: limit, at_most: 0 }
    }
}

/// The tokens of a text up to where counting stopped, and the bytes that are left.
pub(crate) fn count<R: Rules>(text: &[u8], until: Until, memo: &mut impl Remember) -> (u64, u64) {
    let mut tokens = 0;
    let mut start = 0;
    let mut left = text.len() as u64;
    while left > 0 && tokens <= until.more_than && tokens + left > until.at_most {
        let end = R::piece(text, start).end;
        tokens += piece::<R::Tables>(text, start, end, until.more_than - tokens, memo);
        start = end;
        left = (text.len() - end) as u64;
    }
    (tokens, left)
}

/// The tokens of one piece of a text; more than `limit` of them, though not all, where it has more.
#[inline(always)]
pub(crate) fn piece<T: Tables>(
    text: &[u8],
    start: usize,
    end: usize,
    limit: u64,
    memo: &mut impl Remember,
) -> u64 {
    let len = end - start;
    if let 3..=MAX_WORD = len
        && let Some(bytes) = text.get(start..).and_then(<[u8]>::first_chunk)
    {
        let key = Key::new(bytes, len);
        if let Some(tokens) = memo.recall(key, len) {
            return tokens;
        }
        let tokens = match tables::short::<T>(key, len, key.hash(len)) {
            NO_TOKEN => word::<T>(text.get(start..end).unwrap_or_default()),
            _ => 1,
        };
        memo.keep(key, len, tokens);
        return tokens;
    }
    if len == 1 {
        return 1;
    }
    other::<T>(text.get(start..end).unwrap_or_default(), limit)
}

/// The tokens of a word that is no token itself.
#[inline(never)]
fn word<T: Tables>(word: &[u8]) -> u64 {
    Word::tokens::<T>(word)
}

#[inline(never)]
fn other<T: Tables>(piece: &[u8], limit: u64) -> u64 {
    match *piece {
        [] => 0,
        [_] => 1,
        [first, second] => {
            if tables::pair::<T>(first, second) == NO_TOKEN {
                2
            } else {
                1
            }
        }
        _ if whole::<T>(piece) => 1,
        _ if piece.len() <= Word::MAX => word::<T>(piece),
        _ if piece.len() <= Medium::MAX => Medium::new().encode::<T>(piece).tokens(),
        _ if piece.len() <= Large::MAX => Large::new().encode::<T>(piece).tokens(),
        _ => long::count::<T>(piece, limit),
    }
}

/// Whether a piece of three bytes or more is a token.
fn whole<T: Tables>(piece: &[u8]) -> bool {
    if piece.len() > 16 {
        return tables::long::<T>(piece) != NO_TOKEN;
    }
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
    let key = Key::new(&bytes, piece.len());
    tables::short::<T>(key, piece.len(), key.hash(piece.len())) != NO_TOKEN
}
