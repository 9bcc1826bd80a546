//! Byte pair encoding of more bytes than a word has, up to a window of a long piece, in two levels: the smallest key of each block of
//! keys is kept, so that a merge searches those and the blocks that it changed.

use super::{NONE, key, minimum, place};
use crate::steps;
use crate::tables::{self, Tables};

/// Keys of one block.
const BLOCK: usize = 32;

/// The tokens of at most `N` bytes. `N` is a power of two, `BLOCKS` is `N / 32`, `ROOM` is `N + 16`.
pub(crate) struct Window<const N: usize, const BLOCKS: usize, const ROOM: usize> {
    len: usize,
    /// The bytes, and zeros behind them.
    bytes: [u8; ROOM],
    /// For the first byte of each part: what merging it with the next part makes.
    keys: [[i32; BLOCK]; BLOCKS],
    /// The smallest key of each block.
    smallest: [i32; BLOCKS],
    /// For the first byte of each part: where the next part begins.
    next: [u16; N],
    /// For the first byte of each part: where the part before begins.
    previous: [u16; N],
    tokens: usize,
}

/// A window for a long word.
pub(crate) type Medium = Window<256, 8, 272>;
/// A window of a piece that is longer than that.
pub(crate) type Large = Window<1024, 32, 1040>;

impl<const N: usize, const BLOCKS: usize, const ROOM: usize> Window<N, BLOCKS, ROOM> {
    /// How many bytes fit.
    pub(crate) const MAX: usize = N;
    const POSITION_BITS: u32 = N.trailing_zeros();

    /// A window of nothing.
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        const { assert!(N.is_power_of_two() && N == BLOCK * BLOCKS && ROOM == N + 16) }
        Self {
            len: 0,
            bytes: [0; ROOM],
            keys: [[NONE; BLOCK]; BLOCKS],
            smallest: [NONE; BLOCKS],
            next: [0; N],
            previous: [0; N],
            tokens: 0,
        }
    }

    /// Encodes the first `N` bytes, or fewer, in a window of nothing. That is where its caller has it: it is too large to be handed back.
    #[inline(never)]
    pub(crate) fn encode<T: Tables>(&mut self, bytes: &[u8]) -> &Self {
        debug_assert_eq!(self.len, 0);
        self.len = bytes.len().min(N);
        self.tokens = self.len;
        self.bytes.iter_mut().zip(bytes.iter().take(N)).for_each(|(to, from)| *to = *from);
        self.find_pairs::<T>();
        while self.merge::<T>() {}
        self
    }

    /// How many tokens the bytes are.
    pub(crate) fn tokens(&self) -> u64 {
        self.tokens as u64
    }

    /// Where the tokens end, in order.
    pub(crate) fn ends(&self) -> impl Iterator<Item = usize> {
        let mut position = 0;
        std::iter::from_fn(move || {
            if position >= self.len {
                return None;
            }
            position = self.next(position);
            Some(position)
        })
    }

    #[inline(always)]
    fn find_pairs<T: Tables>(&mut self) {
        let Self { len, bytes, keys, next, previous, .. } = self;
        for (position, (next, previous)) in next.iter_mut().zip(previous).enumerate().take(*len) {
            *next = (position + 1) as u16;
            *previous = position.wrapping_sub(1) as u16;
        }
        let positions = keys.as_flattened_mut().iter_mut().take(len.saturating_sub(1));
        for (position, (to, pair)) in positions.zip(bytes.windows(2)).enumerate() {
            if let [first, second] = *pair {
                *to = key(tables::pair::<T>(first, second), position, Self::POSITION_BITS);
            }
        }
        for block in 0..BLOCKS.min(self.len.div_ceil(BLOCK)) {
            self.search(block);
        }
    }

    /// Merges two parts, if any two make a token.
    #[inline(always)]
    fn merge<T: Tables>(&mut self) -> bool {
        steps::add(1);
        let smallest = minimum(&self.smallest);
        if smallest == NONE {
            return false;
        }
        let start = smallest as usize % N;
        let taken = self.next(start);
        let end = self.next(taken);
        self.tokens -= 1;
        self.set_next(start, end);
        let mut with_next = NONE;
        if end < self.len {
            self.set_previous(end, start);
            with_next = key(place::<T>(&self.bytes, start, self.next(end)), start, Self::POSITION_BITS);
        }
        self.set_key(start, with_next);
        self.set_key(taken, NONE);
        let block = start / BLOCK;
        if start > 0 {
            let before = self.previous(start);
            let with_this = key(place::<T>(&self.bytes, before, end), before, Self::POSITION_BITS);
            self.set_key(before, with_this);
            if before / BLOCK != block {
                self.search(before / BLOCK);
            }
        }
        if taken / BLOCK != block {
            self.search(taken / BLOCK);
        }
        self.search(block);
        true
    }

    #[inline(always)]
    fn set_key(&mut self, position: usize, key: i32) {
        if let Some(to) = self.keys.as_flattened_mut().get_mut(position) {
            *to = key;
        }
    }

    /// Finds the smallest key of a block.
    #[inline(always)]
    fn search(&mut self, block: usize) {
        steps::add(1);
        if let (Some(smallest), Some(keys)) = (self.smallest.get_mut(block), self.keys.get(block)) {
            *smallest = minimum(keys);
        }
    }

    #[inline(always)]
    fn next(&self, position: usize) -> usize {
        self.next.get(position).map_or(self.len, |next| usize::from(*next))
    }

    #[inline(always)]
    fn set_next(&mut self, position: usize, next: usize) {
        if let Some(to) = self.next.get_mut(position) {
            *to = next as u16;
        }
    }

    #[inline(always)]
    fn previous(&self, position: usize) -> usize {
        self.previous.get(position).map_or(0, |previous| usize::from(*previous))
    }

    #[inline(always)]
    fn set_previous(&mut self, position: usize, previous: usize) {
        if let Some(to) = self.previous.get_mut(position) {
            *to = previous as u16;
        }
    }
}
