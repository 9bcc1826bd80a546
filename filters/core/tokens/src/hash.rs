//! How the bytes of a token become a place in its vocabulary's table; the builder of the tables and their readers share it.

/// Odd constants without pattern: the fractional digits of π, e and the golden ratio.
const K: [u64; 5] = [
    0x9E37_79B9_7F4A_7C15,
    0x243F_6A88_85A3_08D3,
    0xB7E1_5162_8AED_2A6B,
    0x1319_8A2E_0370_7345,
    0x082E_FA98_EC4E_6C89,
];

/// The hash of at most 16 bytes, given as two little-endian words padded with zeros.
///
/// Plain 64-bit products, because WebAssembly has no wider ones. It need not resist an adversary: every hit is compared byte by byte, and
/// a miss costs the same wherever it lands.
#[inline(always)]
pub(crate) fn hash(low: u64, high: u64, len: usize) -> u64 {
    mix(low ^ (len as u64).wrapping_mul(K[0]), high)
}

/// The hash of more than 16 bytes: of the first and the last 16 and of some in their middle, which is enough to tell all tokens of both
/// vocabularies apart, and as quick for the longest as for the shortest.
pub(crate) fn hash_long(bytes: &[u8]) -> u64 {
    let word = |from: usize| {
        let word = bytes.get(from..).and_then(<[u8]>::first_chunk);
        word.map_or(0, |word| u64::from_le_bytes(*word))
    };
    let len = bytes.len();
    let first = hash(word(0), word(8), len);
    let last = mix(word(len.saturating_sub(16)), word(len.saturating_sub(8)));
    mix(first ^ word(len / 2), last)
}

#[inline(always)]
fn mix(a: u64, b: u64) -> u64 {
    let mixed = a.wrapping_mul(K[1]) ^ b.wrapping_mul(K[2]).rotate_left(32);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(K[3]);
    mixed ^ (mixed >> 32)
}

/// Which of the pilots leads to the slot.
#[inline(always)]
pub(crate) fn bucket(hash: u64, buckets: usize) -> usize {
    reduce(hash >> 32, buckets)
}

/// Which slot a pilot leads to.
#[inline(always)]
pub(crate) fn slot(hash: u64, pilot: u8, slots: usize) -> usize {
    let moved = (hash ^ u64::from(pilot).wrapping_mul(K[4])).wrapping_mul(K[1]);
    reduce(moved >> 32, slots)
}

/// What a slot keeps of the hash, in its upper bits beside the token's length: most misses end there.
#[inline(always)]
pub(crate) fn tag(hash: u64, len: usize) -> u32 {
    (((hash & 15) << 7) | (len as u64).wrapping_sub(1) & 127) as u32
}

/// Maps 32 bits evenly to `0..n`, by multiplication instead of division.
#[inline(always)]
fn reduce(word: u64, n: usize) -> usize {
    (word.wrapping_mul(n as u64) >> 32) as usize
}
