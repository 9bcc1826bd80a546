//! Byte pair encoding of at most 64 bytes, which is what nearly every piece that is no token itself has.

use super::{NONE, key, minimum, place};
use crate::steps;
use crate::tables::{self, Tables};

/// The bytes of the longest word, so that the beginnings of its parts are the bits of one machine word.
const MAX: usize = 64;
const POSITION_BITS: u32 = MAX.trailing_zeros();
/// Keys that are searched at once.
const BLOCK: usize = 16;

/// The parts of a word while they are merged.
pub(crate) struct Word {
    len: usize,
    /// The bytes, and zeros behind them.
    bytes: [u8; MAX + 16],
    /// For the first byte of each part: what merging it with the next part makes.
    keys: [[i32; BLOCK]; MAX / BLOCK],
    /// A bit for the first byte of each part.
    parts: u64,
}

impl Word {
    /// How many bytes fit.
    pub(crate) const MAX: usize = MAX;

    /// How many tokens at most 64 bytes are.
    #[inline(always)]
    pub(crate) fn tokens<T: Tables>(bytes: &[u8]) -> u64 {
        let len = bytes.len().min(MAX);
        let parts = u64::MAX.checked_shr(64 - len as u32).unwrap_or(0);
        let mut word = Self { len, bytes: [0; MAX + 16], keys: [[NONE; BLOCK]; MAX / BLOCK], parts };
        word.bytes.iter_mut().zip(bytes.iter().take(MAX)).for_each(|(to, from)| *to = *from);
        word.find_pairs::<T>();
        while word.merge::<T>() {}
        u64::from(word.parts.count_ones())
    }

    #[inline(always)]
    fn find_pairs<T: Tables>(&mut self) {
        let Self { len, bytes, keys, .. } = self;
        let positions = keys.as_flattened_mut().iter_mut().take(len.saturating_sub(1));
        for (position, (to, pair)) in positions.zip(bytes.windows(2)).enumerate() {
            if let [first, second] = *pair {
                *to = key(tables::pair::<T>(first, second), position, POSITION_BITS);
            }
        }
    }

    /// Merges two parts, if any two make a token.
    #[inline(always)]
    fn merge<T: Tables>(&mut self) -> bool {
        let blocks = self.keys.iter().take(self.len.div_ceil(BLOCK));
        let smallest = blocks.fold(NONE, |smallest, block| smallest.min(minimum(block)));
        steps::add(self.len.div_ceil(BLOCK) as u64);
        if smallest == NONE {
            return false;
        }
        let start = smallest as usize % MAX;
        let taken = self.next(start);
        self.parts &= !(1 << (taken % MAX));
        self.set_key(taken, NONE);
        let end = self.next(start);
        let with_next = if end < self.len { self.key::<T>(start, self.next(end)) } else { NONE };
        self.set_key(start, with_next);
        let before = self.parts & ((1 << start) - 1);
        if before != 0 {
            let before = before.ilog2() as usize;
            let with_this = self.key::<T>(before, end);
            self.set_key(before, with_this);
        }
        true
    }

    #[inline(always)]
    fn key<T: Tables>(&self, start: usize, end: usize) -> i32 {
        key(place::<T>(&self.bytes, start, end), start, POSITION_BITS)
    }

    /// Where the part behind the one that begins at `start` begins.
    #[inline(always)]
    fn next(&self, start: usize) -> usize {
        let behind = self.parts & (u64::MAX << 1 << start);
        if behind == 0 { self.len } else { behind.trailing_zeros() as usize }
    }

    #[inline(always)]
    fn set_key(&mut self, position: usize, key: i32) {
        if let Some(to) = self.keys.as_flattened_mut().get_mut(position) {
            *to = key;
        }
    }
}
