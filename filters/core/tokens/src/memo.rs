//! The words of one encoding that are remembered.

use crate::tables::Key;

/// Words that share a place.
const WAYS: usize = 4;
/// Places.
const SETS: usize = 4096;
/// The longest word, in bytes.
pub(crate) const MAX_WORD: usize = 15;

/// What a count remembers, if anything.
pub(crate) trait Remember {
    /// The tokens of a word of 1 to 15 bytes, if they were kept.
    fn recall(&mut self, word: Key, len: usize) -> Option<u64>;
    /// Keeps them.
    fn keep(&mut self, word: Key, len: usize, tokens: u64);
}

/// Remembers nothing.
impl Remember for () {
    #[inline(always)]
    fn recall(&mut self, _: Key, _: usize) -> Option<u64> {
        None
    }

    #[inline(always)]
    fn keep(&mut self, _: Key, _: usize, _: u64) {}
}

/// Words and their tokens, in sets of four, each a cache line.
///
/// A word comes in at the end of its set, in the place of the one that was there, and moves up by one each time it is met again. So words
/// that are met once drive out each other, and not those that are met often.
#[derive(Clone)]
pub(crate) struct Memo {
    sets: Box<[Set]>,
    pub(crate) asked: u64,
    pub(crate) missed: u64,
}

/// A word is kept with its length and its tokens in the upper byte of `high`, which a word of 15 bytes leaves free. Where nothing is kept, the
/// length is zero, which no word's is.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Set([Key; WAYS]);

/// A word's length, within what is kept of it.
const LEN_SHIFT: u32 = 60;
/// Its tokens.
const TOKENS_SHIFT: u32 = 56;
const TOKENS: u64 = 15 << TOKENS_SHIFT;

impl Memo {
    pub(crate) fn new() -> Self {
        Self { sets: vec![Set([Key { low: 0, high: 0 }; WAYS]); SETS].into(), asked: 0, missed: 0 }
    }

    /// Where a word belongs, with its length in it. One product spreads words well enough, and most of what a recalled word costs is this.
    #[inline(always)]
    fn set(&mut self, word: Key) -> Option<&mut [Key; WAYS]> {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let mixed = (word.low ^ word.high.rotate_left(29)).wrapping_mul(ODD);
        self.sets.get_mut((mixed >> (64 - SETS.trailing_zeros())) as usize).map(|Set(set)| set)
    }
}

#[inline(always)]
fn with_len(word: Key, len: usize) -> Key {
    Key { low: word.low, high: word.high | (len as u64) << LEN_SHIFT }
}

impl Remember for Memo {
    #[inline(always)]
    fn recall(&mut self, word: Key, len: usize) -> Option<u64> {
        self.asked += 1;
        let word = with_len(word, len);
        let set = self.set(word)?;
        let way = set.iter().position(|kept| kept.low == word.low && kept.high & !TOKENS == word.high);
        let Some(way) = way else {
            self.missed += 1;
            return None;
        };
        let tokens = set.get(way).map(|kept| (kept.high & TOKENS) >> TOKENS_SHIFT);
        if way > 0 {
            set.swap(way - 1, way);
        }
        tokens
    }

    #[inline(always)]
    fn keep(&mut self, word: Key, len: usize, tokens: u64) {
        let word = with_len(word, len);
        if let Some([.., last]) = self.set(word) {
            *last = Key { low: word.low, high: word.high | tokens << TOKENS_SHIFT & TOKENS };
        }
    }
}
