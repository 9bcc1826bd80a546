//! Remembers how many tokens the words are that are no token themselves: the ones that cost most, and that a text repeats.

use crate::tables::Key;

/// Words that are remembered.
const ENTRIES: usize = 2048;
/// The longest, in bytes.
pub(crate) const MAX_WORD: usize = 15;

/// What a count remembers, if anything.
pub(crate) trait Remember {
    /// The tokens of a word of at most 15 bytes, if they were kept.
    fn recall(&self, word: Key, len: usize, hash: u64) -> Option<u64>;
    /// Keeps them.
    fn keep(&mut self, word: Key, len: usize, hash: u64, tokens: u64);
}

/// Remembers nothing.
impl Remember for () {
    #[inline(always)]
    fn recall(&self, _: Key, _: usize, _: u64) -> Option<u64> {
        None
    }

    #[inline(always)]
    fn keep(&mut self, _: Key, _: usize, _: u64, _: u64) {}
}

/// A word in each place, the last one that hashed to it. The upper byte of `high`, which a word of 15 bytes leaves free, holds the word's
/// length and its tokens, of which neither can be zero where something is kept.
#[derive(Clone)]
pub(crate) struct Memo(Box<[Key; ENTRIES]>);

impl Memo {
    pub(crate) fn new() -> Self {
        Self(Box::new([Key { low: 0, high: 0 }; ENTRIES]))
    }
}

impl Remember for Memo {
    #[inline(always)]
    fn recall(&self, word: Key, len: usize, hash: u64) -> Option<u64> {
        let kept = self.0.get(place(hash))?;
        let about = kept.high >> 56;
        (kept.low == word.low && kept.high << 8 >> 8 == word.high && about >> 4 == len as u64)
            .then_some(about & 15)
    }

    #[inline(always)]
    fn keep(&mut self, word: Key, len: usize, hash: u64, tokens: u64) {
        if let Some(kept) = self.0.get_mut(place(hash)) {
            *kept = Key { low: word.low, high: word.high | ((len as u64) << 4 | tokens) << 56 };
        }
    }
}

#[inline(always)]
fn place(hash: u64) -> usize {
    (hash >> 20) as usize % ENTRIES
}
