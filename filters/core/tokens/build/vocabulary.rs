//! The tables of one vocabulary: which byte strings are tokens, and which of two comes first.
//!
//! * `arena`: the bytes of all tokens of two bytes or more, in the order of their ranks, without anything in between. Where a token
//!   begins there says all that merging needs to know of its rank, so ranks themselves are not kept.
//! * `pairs`: the tokens of two bytes. A bit for each of the 65,536 pairs, how many bits are set before each word of 64, and the place in
//!   the arena of each token, in the order of the bits.
//! * `slots` and `pilots`: the tokens of three bytes or more, in a perfect hash table. A token's hash names its bucket, the bucket's pilot
//!   its slot; pilots are chosen here so that no two tokens share a slot.

use std::collections::BTreeMap;

use crate::hash;

/// Zeros after the last token, so that 16 bytes can be read wherever one begins.
const PADDING: usize = 16;
/// Tokens of a bucket, on average: fewer make the pilots easier to find and their table larger.
const BUCKET: usize = 3;
/// A slot's bits for the place in the arena.
const PLACE_BITS: u32 = 21;
/// No token: its place is past every arena's end.
const EMPTY: u32 = u32::MAX;

pub(crate) struct Tables {
    pub(crate) pairs: Vec<u8>,
    pub(crate) pilots: Vec<u8>,
    pub(crate) slots: Vec<u8>,
    pub(crate) arena: Vec<u8>,
}

impl Tables {
    /// The tables of a vocabulary, given in the order of its ranks.
    pub(crate) fn new(tokens: &[Vec<u8>]) -> Self {
        let mut arena = Vec::new();
        let mut pairs = BTreeMap::new();
        let mut long = Vec::new();
        let mut bytes = [false; 256];
        for token in tokens {
            let place = u32::try_from(arena.len()).expect("a place has 32 bits");
            match token.as_slice() {
                [] => panic!("a token without bytes"),
                [byte] => {
                    bytes[usize::from(*byte)] = true;
                    continue;
                }
                [first, second] => drop(pairs.insert(u16::from_be_bytes([*first, *second]), place)),
                _ => {
                    assert!(token.len() <= 128, "a token of {} bytes", token.len());
                    let hash = hash_of(token);
                    long.push(Entry { hash, value: place | hash::tag(hash, token.len()) << PLACE_BITS });
                }
            }
            arena.extend_from_slice(token);
        }
        assert!(bytes.iter().all(|known| *known), "every byte is a token");
        assert!(arena.len() + PADDING < 1 << PLACE_BITS, "an arena of {} bytes", arena.len());
        arena.extend_from_slice(&[0; PADDING]);
        let (pilots, slots) = perfect_hash(&long);
        Self { pairs: pair_table(&pairs), pilots, slots, arena }
    }
}

struct Entry {
    hash: u64,
    value: u32,
}

fn hash_of(token: &[u8]) -> u64 {
    if token.len() > 16 {
        return hash::hash_long(token);
    }
    let mut words = [0; 16];
    words[..token.len()].copy_from_slice(token);
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| words[at + byte]));
    hash::hash(word(0), word(8), token.len())
}

fn pair_table(pairs: &BTreeMap<u16, u32>) -> Vec<u8> {
    let mut bits = [0_u64; 1024];
    for pair in pairs.keys() {
        bits[usize::from(pair >> 6)] |= 1 << (pair & 63);
    }
    let mut before = 0_u16;
    let mut ranks = Vec::new();
    for word in &bits {
        ranks.extend(before.to_le_bytes());
        before += word.count_ones() as u16;
    }
    let bits = bits.iter().flat_map(|word| word.to_le_bytes());
    let places = pairs.values().flat_map(|place| place.to_le_bytes());
    bits.chain(ranks).chain(places).collect()
}

/// Pilots and slots. The fullest buckets choose first; a bucket for which no pilot leads to free slots alone takes those that disturb the
/// fewest, and the buckets that it drives out choose anew.
fn perfect_hash(entries: &[Entry]) -> (Vec<u8>, Vec<u8>) {
    const FREE: u32 = u32::MAX;
    // Next to full: a table without a free slot takes long to build, and free slots are read for nothing.
    let slots = entries.len() + entries.len() / 50;
    let mut buckets = vec![Vec::new(); entries.len() / BUCKET];
    for entry in entries {
        buckets[hash::bucket(entry.hash, entries.len() / BUCKET)].push(entry.hash);
    }
    let mut order: Vec<u32> = (0..buckets.len() as u32).collect();
    order.sort_by_key(|bucket| buckets[*bucket as usize].len());
    let mut pilots = vec![0_u8; buckets.len()];
    let mut owner = vec![FREE; slots];
    let mut turn = 0_usize;
    while let Some(bucket) = order.pop() {
        let hashes = &buckets[bucket as usize];
        let mut best = (usize::MAX, 0);
        // Each turn begins at another pilot, so that two buckets do not drive each other out for ever.
        turn += 1;
        for step in 0..=255_u8 {
            let pilot = step.wrapping_add((turn % 251) as u8);
            let places: Vec<usize> = hashes.iter().map(|hash| hash::slot(*hash, pilot, slots)).collect();
            if (1..places.len()).any(|at| places[..at].contains(&places[at])) {
                continue;
            }
            let disturbed = |place: &usize| match owner[*place] {
                FREE => 0,
                other => buckets[other as usize].len().pow(2),
            };
            let cost = places.iter().map(disturbed).sum();
            if cost < best.0 {
                best = (cost, pilot);
            }
            if cost == 0 {
                break;
            }
        }
        let (cost, pilot) = best;
        assert!(cost != usize::MAX, "two tokens have the same hash");
        assert!(turn < 100 * buckets.len(), "no perfect hash was found");
        pilots[bucket as usize] = pilot;
        for hash in hashes {
            let place = hash::slot(*hash, pilot, slots);
            let other = owner[place];
            if other != FREE && other != bucket {
                let old = pilots[other as usize];
                for hash in &buckets[other as usize] {
                    owner[hash::slot(*hash, old, slots)] = FREE;
                }
                order.push(other);
            }
            owner[place] = bucket;
        }
    }
    let mut values = vec![EMPTY; slots];
    for entry in entries {
        let pilot = pilots[hash::bucket(entry.hash, buckets.len())];
        let value = &mut values[hash::slot(entry.hash, pilot, slots)];
        assert!(*value == EMPTY, "two tokens share a slot");
        *value = entry.value;
    }
    (pilots, values.into_iter().flat_map(u32::to_le_bytes).collect())
}
