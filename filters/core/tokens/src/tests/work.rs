//! Hostile texts: the work is linear in their length, counted in steps, and what is kept of them is bounded.

use super::{place, vocabulary};
use crate::tables::NO_TOKEN;
use crate::{Counter, Encoding, UpTo, steps};

/// More steps than any text may take for a byte.
const STEPS_PER_BYTE: u64 = 16;
const MEBIBYTE: usize = 1 << 20;
/// More bytes than a counter may keep.
const KEPT: usize = 24 << 10;

/// A sequence of numbers without pattern.
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Half a mebibyte of parts that are chosen at random, each repeated up to so many times.
fn mixed(parts: &[&str], times: usize) -> String {
    let mut noise = Noise(1);
    let mut text = String::new();
    while text.len() < MEBIBYTE / 2 {
        let part = parts[noise.below(parts.len())];
        text.push_str(&part.repeat(1 + noise.below(times)));
    }
    text
}

/// A word in which each pair of letters is an earlier token than the pair before it. Merging begins at its end, every second pair at a
/// time, so that one letter more at the end moves every part of it.
fn descending(encoding: Encoding) -> String {
    let ranked = vocabulary(encoding);
    let pairs = ranked.iter().filter(|token| token.len() == 2 && token.iter().all(u8::is_ascii_lowercase));
    let mut chains = vec![Vec::new(); 256];
    for pair in pairs {
        let (first, second) = (usize::from(pair[0]), usize::from(pair[1]));
        if chains[second].len() + 1 > chains[first].len() {
            chains[first] = [&[pair[1]], chains[second].as_slice()].concat();
        }
    }
    let (first, chain) = chains.iter().enumerate().max_by_key(|(_, chain)| chain.len()).unwrap();
    let word = String::from_utf8([&[first as u8], chain.as_slice()].concat()).unwrap();
    let places: Vec<u32> = word.as_bytes().windows(2).map(|pair| place(encoding, pair)).collect();
    assert!(places.is_sorted_by(|a, b| a > b) && places.len() > 30 && !places.contains(&NO_TOKEN));
    word
}

fn hostile() -> Vec<(&'static str, String)> {
    let repeated = |part: &str| part.repeat(MEBIBYTE / 2 / part.len());
    let letters: Vec<String> = ('a'..='z').map(String::from).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    let upper: Vec<String> = ('A'..='Z').chain(['中', 'ʰ']).map(String::from).collect();
    let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
    vec![
        ("spaces", repeated(" ")),
        ("letter", repeated("a")),
        ("ideograph", repeated("中")),
        ("wide spaces", repeated("\u{3000}")),
        ("carets", repeated("^")),
        ("lines", repeated("\n")),
        ("digits", repeated("1")),
        ("apostrophes", repeated("'s")),
        ("letters", mixed(&letters, 1)),
        ("capitals", mixed(&upper, 1)),
        ("capitals, then none", mixed(&["A", "Q", "É"], 300) + "中"),
        ("runs of signs", mixed(&["-", "=", "*", "_", "#", "/", "."], 130)),
        ("runs of blanks", mixed(&[" ", "\n", "\t", "\r", "\u{a0}", "\u{3000}", "\u{2028}"], 90)),
        ("lines and blanks", mixed(&["\n", " "], 2000)),
        ("words", mixed(&["the", "international", "representation", "XML", "http", "zz"], 1)),
        ("descending", repeated(&descending(Encoding::O200kBase))),
        ("descending, otherwise", repeated(&descending(Encoding::Cl100kBase))),
        ("a mixture", mixed(&["word", " ", "\n", "中", "ABC", "1", "!", "\u{3000}", "'ſ", "é", "😀"], 40)),
    ]
}

#[test]
fn work_is_linear_in_the_text() {
    for (name, half) in hostile() {
        let text = half.repeat(2);
        for encoding in Encoding::ALL {
            let (_, few) = steps::of(|| encoding.count(&half));
            let (whole, many) = steps::of(|| encoding.count(&text));
            let name = format!("{name} in {}: {few} and {many} steps", encoding.name());
            assert!(many as f64 <= 2.1 * few as f64, "{name}");
            assert!(many <= STEPS_PER_BYTE * text.len() as u64, "{name}");
            assert!(whole >= 1, "{name}");

            let mut counter = Counter::new(encoding);
            let mut kept = 0;
            let ((), counted) = steps::of(|| {
                for part in parts(&text, 61) {
                    counter.push(part);
                    kept = kept.max(counter.kept());
                }
            });
            assert!(counted <= 3 * STEPS_PER_BYTE * text.len() as u64, "{name}, {counted} in parts");
            assert!(kept <= KEPT, "{name}: {kept} bytes kept");
            assert_eq!(counter.finish(), whole, "{name}");
        }
    }
}

#[test]
fn a_change_that_goes_far_back_is_noticed() {
    for encoding in Encoding::ALL {
        let word = descending(encoding);
        let before = steps::retries();
        // Another length after each, so that the end of a window is somewhere else in each.
        let text: String =
            (0..400).map(|at| [word.as_str(), word.split_at(at % word.len()).0].concat()).collect();
        let counted = encoding.count(&text);
        assert!(steps::retries() > before, "this text is to make a window go back");
        let reference = match encoding {
            Encoding::O200kBase => tiktoken_rs::o200k_base_singleton(),
            Encoding::Cl100kBase => tiktoken_rs::cl100k_base_singleton(),
        };
        assert_eq!(counted, reference.count_ordinary(&text) as u64);
        let mut counter = Counter::new(encoding);
        parts(&text, 7).for_each(|part| counter.push(part));
        assert_eq!(counter.finish(), counted);
    }
}

#[test]
fn ten_megabytes_of_one_word_are_counted_in_a_window() {
    let part = mixed(&["a", "b", "q", "x", "ing", "zz"], 1).repeat(2);
    for encoding in Encoding::ALL {
        let mut counter = Counter::new(encoding);
        let ((), counted) = steps::of(|| (0..10).for_each(|_| counter.push(&part)));
        assert!(counter.kept() <= KEPT);
        assert!(counted <= 3 * STEPS_PER_BYTE * 10 * part.len() as u64);
        assert_eq!(counter.finish(), encoding.count(&part.repeat(10)));
    }
}

#[test]
fn a_limit_ends_the_work() {
    for (name, text) in hostile() {
        for encoding in Encoding::ALL {
            let (found, work) = steps::of(|| encoding.count_up_to(&text, 100));
            assert_eq!(found, UpTo::MoreThan(100), "{name}");
            // Up to the end of the run of characters, and some windows of tokens as long as they get.
            assert!(work <= 2 * text.len() as u64 + 20_000 * STEPS_PER_BYTE, "{name}: {work} steps");
        }
    }
}

#[test]
fn a_counter_is_small_until_it_is_used() {
    assert!(size_of::<Counter>() <= 48);
    assert_eq!(Counter::new(Encoding::O200kBase).kept(), 0);
}

trait FloorBoundary {
    fn floor_boundary(&self, at: usize) -> usize;
}

impl FloorBoundary for str {
    fn floor_boundary(&self, at: usize) -> usize {
        (0..=at.min(self.len())).rev().find(|at| self.is_char_boundary(*at)).unwrap()
    }
}

/// The text in parts of at most so many bytes.
fn parts(text: &str, len: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (part, left) = rest.split_at(rest.floor_boundary(len));
        rest = left;
        (!part.is_empty()).then_some(part)
    })
}
