//! The tables hold the vocabularies, all of them and nothing else; and what is said of the vocabularies is true.

use std::collections::{BTreeMap, BTreeSet};

use super::{place, vocabulary};
use crate::long::REACH;
use crate::tables::{MAX_TOKEN, NO_TOKEN};
use crate::{Encoding, bounds};

#[test]
fn every_token_has_a_place_and_places_are_in_the_order_of_ranks() {
    for encoding in Encoding::ALL {
        let tokens = vocabulary(encoding);
        assert_eq!(tokens.len(), if encoding == Encoding::O200kBase { 199_998 } else { 100_256 });
        let long: Vec<u32> =
            tokens.iter().filter(|token| token.len() > 1).map(|token| place(encoding, token)).collect();
        assert!(!long.contains(&NO_TOKEN));
        assert!(long.is_sorted_by(|a, b| a < b));
        assert_eq!(tokens.iter().filter(|token| token.len() == 1).count(), 256);
    }
}

#[test]
fn what_is_no_token_has_no_place() {
    for encoding in Encoding::ALL {
        let tokens: BTreeSet<Vec<u8>> = vocabulary(encoding).into_iter().collect();
        let mut near = 0;
        for token in tokens.iter().filter(|token| token.len() > 1) {
            let last = token.len() - 1;
            let mut others = [token.clone(), token.clone(), token.clone(), token.clone()];
            others[0][last] ^= 1;
            others[1][last / 2] ^= 0x20;
            others[2].push(0);
            others[3].insert(0, b' ');
            for other in others.iter().filter(|other| !tokens.contains(*other)) {
                assert_eq!(place(encoding, other), NO_TOKEN, "{other:?}");
                near += 1;
            }
        }
        assert!(near > 100_000);
        assert_eq!(place(encoding, &[b' '; 129]), NO_TOKEN);
        assert_eq!(place(encoding, &[b' '; 5000]), NO_TOKEN);
    }
}

#[test]
fn no_token_is_longer_than_the_bounds_say() {
    for encoding in Encoding::ALL {
        assert_eq!(vocabulary(encoding).iter().map(Vec::len).max(), Some(MAX_TOKEN));
    }
    assert_eq!(bounds(0), 0..=0);
    assert_eq!(bounds(1), 1..=1);
    assert_eq!(bounds(128), 1..=128);
    assert_eq!(bounds(129), 2..=129);
}

/// A token's number: its byte, or 256 and its rank among the longer ones. Earlier tokens have smaller numbers where both are longer.
struct Numbers {
    encoding: Encoding,
    places: Vec<u32>,
}

impl Numbers {
    fn of(&self, bytes: &[u8]) -> Option<usize> {
        match bytes {
            [byte] => Some(usize::from(*byte)),
            _ => match place(self.encoding, bytes) {
                NO_TOKEN => None,
                place => Some(256 + self.places.binary_search(&place).unwrap()),
            },
        }
    }
}

/// The parts that the last merge of a token's encoding joins; `None` if its bytes are not encoded as the token.
fn last_merge(numbers: &Numbers, token: &[u8]) -> Option<(usize, usize)> {
    let mut bounds: Vec<usize> = (0..=token.len()).collect();
    let mut numbered: BTreeMap<usize, Option<usize>> = BTreeMap::new();
    while bounds.len() > 3 {
        let made = |at: usize, numbered: &mut BTreeMap<usize, Option<usize>>| {
            let (start, end) = (bounds[at], bounds[at + 2]);
            *numbered.entry(start * 256 + end).or_insert_with(|| numbers.of(&token[start..end]))
        };
        let merges = (0..bounds.len() - 2).filter_map(|at| Some((made(at, &mut numbered)?, at)));
        let (_, at) = merges.min()?;
        bounds.remove(at + 1);
    }
    numbers.of(token)?;
    Some((numbers.of(&token[..bounds[1]])?, numbers.of(&token[bounds[1]..])?))
}

/// What the join of windows rests on, as it is argued there: every token is the encoding of its own bytes, and no change at the end of a
/// text goes further back than [`REACH`].
#[test]
fn a_change_at_the_end_reaches_no_further_back() {
    for (encoding, expect) in [(Encoding::O200kBase, 719), (Encoding::Cl100kBase, 566)] {
        let tokens: Vec<Vec<u8>> = vocabulary(encoding).into_iter().filter(|token| token.len() > 1).collect();
        let places = tokens.iter().map(|token| place(encoding, token)).collect();
        let numbers = Numbers { encoding, places };
        let mut merges = Vec::new();
        // How far a chain goes that ends with each token as the left part, in bytes; over chains whose ranks rise.
        let mut chains = vec![0; 256 + tokens.len()];
        for token in &tokens {
            let (left, right) =
                last_merge(&numbers, token).expect("every token is the encoding of its bytes");
            merges.push((left, right));
            // The right part may have begun as any of the parts on its left edge.
            let mut edge = right;
            let mut longest = chains[edge];
            while edge >= 256 {
                edge = merges[edge - 256].0;
                longest = longest.max(chains[edge]);
            }
            let len = if left < 256 { 1 } else { tokens[left - 256].len() };
            chains[left] = chains[left].max(longest + len);
        }
        let reach = chains.into_iter().max().unwrap();
        assert_eq!(reach, expect);
        assert!(reach <= REACH);
    }
}
