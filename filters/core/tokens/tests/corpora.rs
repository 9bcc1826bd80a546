//! Counts equal the reference's on megabytes of prose, code, JSON and CJK, in any slice, and in any parts.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

use corpora::{Corpus, Hostile, Random};
use tiktoken_rs::CoreBPE;
use tokens::{Counter, Encoding, UpTo};

/// Slices of each corpus.
const SLICES: usize = 200;
/// The longest slice, in bytes.
const LONGEST_SLICE: u64 = 2_000;
/// The longest part of a text that arrives in parts, in bytes: longer than most words, shorter than many runs.
const LONGEST_PART: u64 = 40;

fn reference(encoding: Encoding) -> &'static CoreBPE {
    match encoding {
        Encoding::O200kBase => tiktoken_rs::o200k_base_singleton(),
        Encoding::Cl100kBase => tiktoken_rs::cl100k_base_singleton(),
    }
}

fn expected(encoding: Encoding, text: &str) -> u64 {
    reference(encoding).count_ordinary(text) as u64
}

/// From about there, as long as that, on character boundaries.
fn slice(text: &str, start: usize, length: usize) -> &str {
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(floor(start)..floor(start + length)).unwrap_or_default()
}

#[test]
fn whole_corpora_count_as_the_reference_counts_them() {
    for corpus in Corpus::ALL {
        let text = corpus.text();
        for encoding in Encoding::ALL {
            let expected = expected(encoding, &text);
            assert_eq!(encoding.count(&text), expected, "{} {}", encoding.name(), corpus.name());
            assert_eq!(encoding.count_up_to(&text, expected), UpTo::Exactly(expected), "{}", corpus.name());
            assert_eq!(
                encoding.count_up_to(&text, expected - 1),
                UpTo::MoreThan(expected - 1),
                "{}",
                corpus.name()
            );
        }
    }
}

/// A slice begins and ends in the middle of words, of runs of spaces and of numbers, where a whole corpus has only two such places.
#[test]
fn slices_count_as_the_reference_counts_them() {
    let mut random = Random::new(11);
    for corpus in Corpus::ALL {
        let text = corpus.text();
        for _ in 0..SLICES {
            let start = random.below(text.len() as u64) as usize;
            let slice = slice(&text, start, random.below(LONGEST_SLICE) as usize);
            for encoding in Encoding::ALL {
                assert_eq!(encoding.count(slice), expected(encoding, slice), "{} {slice:?}", encoding.name());
            }
        }
    }
}

#[test]
fn in_parts_they_count_as_at_once() {
    let mut random = Random::new(12);
    for corpus in Corpus::ALL {
        let text = corpus.text();
        for encoding in Encoding::ALL {
            let mut counter = Counter::new(encoding);
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let part = slice(rest, 0, 4 + random.below(LONGEST_PART) as usize);
                counter.push(part);
                rest = rest.strip_prefix(part).unwrap_or_default();
            }
            assert_eq!(counter.finish(), encoding.count(&text), "{} {}", encoding.name(), corpus.name());
        }
    }
}

/// Up to where the reference can follow: it has no stack for a megabyte of spaces, and its time for the others is not linear.
#[test]
fn the_beginnings_of_hostile_texts_count_as_the_reference_counts_them() {
    for hostile in Hostile::ALL {
        let text = hostile.text();
        for length in [1, 100, 127, 128, 129, 1_000, 20_000] {
            let text = slice(&text, 0, length);
            for encoding in Encoding::ALL {
                assert_eq!(
                    encoding.count(text),
                    expected(encoding, text),
                    "{} {} of {}",
                    encoding.name(),
                    length,
                    hostile.name()
                );
            }
        }
    }
}

/// The same megabytes in parts: no part may cost what came before it once more.
#[test]
fn hostile_texts_count_the_same_in_parts() {
    for hostile in Hostile::ALL {
        let text = hostile.text();
        for encoding in Encoding::ALL {
            let mut counter = Counter::new(encoding);
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let part = slice(rest, 0, 30_000);
                counter.push(part);
                rest = rest.strip_prefix(part).unwrap_or_default();
            }
            assert_eq!(counter.finish(), encoding.count(&text), "{} {}", encoding.name(), hostile.name());
        }
    }
}
