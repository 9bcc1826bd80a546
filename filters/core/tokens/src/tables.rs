//! The vocabularies as read-only tables, and the one question that merging asks of them: is this a token, and how early?
//!
//! How the tables are laid out is told where they are made, in `build/vocabulary.rs`. Nothing is set up at run time: they are bytes of the
//! program, read where they lie.

use crate::hash;
use crate::steps;

/// The longest token of either vocabulary, in bytes.
pub(crate) const MAX_TOKEN: usize = 128;
/// The place of what is no token: later than every place.
pub(crate) const NO_TOKEN: u32 = u32::MAX;
/// A slot's bits for the place in the arena.
const PLACE_BITS: u32 = 21;
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;

/// Begins on a cache line, so that no table's entry lies on two.
#[repr(C, align(64))]
struct Aligned<T>(T);

/// One encoding's tables.
pub(crate) trait Tables {
    fn pairs() -> &'static [[u8; 8]];
    fn pairs_before() -> &'static [[u8; 2]];
    fn pair_places() -> &'static [[u8; 4]];
    fn pilots() -> &'static [u8];
    fn slots() -> &'static [[u8; 4]];
    fn arena() -> &'static [u8];
}

macro_rules! tables {
    ($name:ident, $file:literal) => {
        /// The tables of
        #[doc = $file]
        pub(crate) struct $name;

        impl Tables for $name {
            #[inline(always)]
            fn pairs() -> &'static [[u8; 8]] {
                const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".pairs"));
                static BITS: Aligned<[u8; 8192]> = Aligned(part(BYTES, 0));
                BITS.0.as_chunks().0
            }

            #[inline(always)]
            fn pairs_before() -> &'static [[u8; 2]] {
                const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".pairs"));
                static BEFORE: Aligned<[u8; 2048]> = Aligned(part(BYTES, 8192));
                BEFORE.0.as_chunks().0
            }

            #[inline(always)]
            fn pair_places() -> &'static [[u8; 4]] {
                const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".pairs"));
                static PLACES: Aligned<[u8; BYTES.len() - 10240]> = Aligned(part(BYTES, 10240));
                PLACES.0.as_chunks().0
            }

            #[inline(always)]
            fn pilots() -> &'static [u8] {
                const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".pilots"));
                BYTES
            }

            #[inline(always)]
            fn slots() -> &'static [[u8; 4]] {
                const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".slots"));
                static SLOTS: Aligned<[u8; BYTES.len()]> =
                    Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".slots")));
                SLOTS.0.as_chunks().0
            }

            #[inline(always)]
            fn arena() -> &'static [u8] {
                const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".arena"));
                static ARENA: Aligned<[u8; BYTES.len()]> =
                    Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".arena")));
                &ARENA.0
            }
        }
    };
}

tables!(O200kBase, "o200k_base");
tables!(Cl100kBase, "cl100k_base");

const fn part<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    match bytes.split_at(from).1.first_chunk() {
        Some(part) => *part,
        None => [0; N],
    }
}

/// At most 16 bytes as two little-endian words, padded with zeros: what a short token is hashed and compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) low: u64,
    pub(crate) high: u64,
}

/// The words' bits that belong to a token of each length from 0 to 16.
static MASKS: [Key; 17] = {
    let mut masks = [Key { low: 0, high: 0 }; 17];
    let mut rest: &mut [Key] = &mut masks;
    let mut len = 0_u32;
    while let [mask, tail @ ..] = rest {
        mask.low = if len >= 8 { u64::MAX } else { (1_u64 << (8 * len)) - 1 };
        mask.high = match len {
            16 => u64::MAX,
            9..16 => (1_u64 << (8 * (len - 8))) - 1,
            _ => 0,
        };
        len += 1;
        rest = tail;
    }
    masks
};

impl Key {
    /// The first `len` of 16 bytes.
    #[inline(always)]
    pub(crate) fn new(bytes: &[u8; 16], len: usize) -> Self {
        let word = u128::from_le_bytes(*bytes);
        let mask = MASKS.get(len).copied().unwrap_or(Key { low: 0, high: 0 });
        Self { low: word as u64 & mask.low, high: (word >> 64) as u64 & mask.high }
    }

    /// The hash of `len` bytes, which these are.
    #[inline(always)]
    pub(crate) fn hash(self, len: usize) -> u64 {
        hash::hash(self.low, self.high, len)
    }
}

/// The place of a token of two bytes.
#[inline(always)]
pub(crate) fn pair<T: Tables>(first: u8, second: u8) -> u32 {
    steps::add(1);
    let pair = usize::from(first) << 8 | usize::from(second);
    let word = T::pairs().get(pair >> 6).map_or(0, |word| u64::from_le_bytes(*word));
    let bit = 1_u64 << (pair & 63);
    if word & bit == 0 {
        return NO_TOKEN;
    }
    let before = T::pairs_before().get(pair >> 6).map_or(0, |count| u16::from_le_bytes(*count));
    let rank = (word & (bit - 1)).count_ones() as usize + usize::from(before);
    T::pair_places().get(rank).map_or(NO_TOKEN, |place| u32::from_le_bytes(*place))
}

/// The place of a token of 3 to 16 bytes.
#[inline(always)]
pub(crate) fn short<T: Tables>(key: Key, len: usize, hash: u64) -> u32 {
    steps::add(1);
    let Some(place) = candidate::<T>(hash, len) else { return NO_TOKEN };
    match T::arena().get(place..).and_then(<[u8]>::first_chunk) {
        Some(bytes) if Key::new(bytes, len) == key => place as u32,
        _ => NO_TOKEN,
    }
}

/// The place of a token of 17 bytes or more.
#[inline(never)]
pub(crate) fn long<T: Tables>(bytes: &[u8]) -> u32 {
    steps::add(1);
    if bytes.len() > MAX_TOKEN {
        return NO_TOKEN;
    }
    let Some(place) = candidate::<T>(hash::hash_long(bytes), bytes.len()) else { return NO_TOKEN };
    match T::arena().get(place..).and_then(|arena| arena.get(..bytes.len())) {
        Some(token) if token == bytes => place as u32,
        _ => NO_TOKEN,
    }
}

/// Where in the arena the only token lies that can have this hash and length.
#[inline(always)]
fn candidate<T: Tables>(hash: u64, len: usize) -> Option<usize> {
    let pilot = T::pilots().get(hash::bucket(hash, T::pilots().len())).copied().unwrap_or(0);
    let slot = T::slots().get(hash::slot(hash, pilot, T::slots().len()));
    let slot = slot.map_or(u32::MAX, |slot| u32::from_le_bytes(*slot));
    (slot >> PLACE_BITS == hash::tag(hash, len)).then_some((slot & PLACE_MASK) as usize)
}
