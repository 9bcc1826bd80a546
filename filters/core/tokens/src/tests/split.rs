//! The pieces are those that the regular expressions match, character for character: a count alone can be right by chance.

use corpora::{Corpus, Random};
use fancy_regex::Regex;

use crate::split::{Cl100k, O200k, Split};

const CL100K: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s";
const O200K: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

/// One character or more of each kind that the expressions tell apart.
const PARTS: &[&str] = &[
    "a",
    "s",
    "t",
    "re",
    "LL",
    "Ve",
    "'",
    "'s",
    "'ſ",
    "ſ",
    "A",
    "B",
    "ǅ",
    "ʰ",
    "中",
    "ก",
    "\u{301}",
    "\u{93e}",
    "0",
    "٣",
    "Ⅷ",
    "½",
    " ",
    "  ",
    "\t",
    "\u{b}",
    "\u{85}",
    "\u{a0}",
    "\u{3000}",
    "\u{2028}",
    "\r",
    "\n",
    "\r\n",
    "/",
    "!",
    ".",
    "-",
    "’",
    "😀",
    "é",
    "É",
    "İ",
    "\u{200d}",
    "\u{0}",
    "\u{378}",
    "longerwordthansixteen",
    "CamelCase",
    "ABCdefGHI",
];

fn ends<S: Split>(text: &str) -> Vec<usize> {
    let next = |start: &usize| (*start < text.len()).then(|| S::piece(text.as_bytes(), *start).end);
    std::iter::successors(next(&0), next).collect()
}

fn check_ends(texts: impl Iterator<Item = String>) {
    let (o200k, cl100k) = (Regex::new(O200K).unwrap(), Regex::new(CL100K).unwrap());
    for text in texts {
        let expect = |regex: &Regex| -> Vec<usize> {
            regex.find_iter(&text).map(|found| found.unwrap().end()).collect()
        };
        assert_eq!(ends::<O200k>(&text), expect(&o200k), "{text:?}");
        assert_eq!(ends::<Cl100k>(&text), expect(&cl100k), "{text:?}");
    }
}

/// A piece that is not open is cut the same whatever follows.
fn check_open<S: Split>(text: &str) {
    let mut start = 0;
    while start < text.len() {
        let piece = S::piece(text.as_bytes(), start);
        let more = ["a", "A", "中", "\u{301}", " ", "\n", "'", "'s", "s", "e", "1", "!", "/", "\u{a0}"];
        for more in more.into_iter().filter(|_| !piece.open) {
            let longer = [text, more].concat();
            assert_eq!(S::piece(longer.as_bytes(), start), piece, "at {start} of {text:?}, then {more:?}");
        }
        start = piece.end;
    }
}

fn random_texts(seed: u64, texts: u32) -> impl Iterator<Item = String> {
    let mut random = Random::new(seed);
    (0..texts).map(move |_| {
        let few: Vec<&str> =
            (0..1 + random.below(8)).map(|_| PARTS[random.below(PARTS.len() as u64) as usize]).collect();
        (0..random.below(12)).map(|_| few[random.below(few.len() as u64) as usize]).collect()
    })
}

#[test]
fn pieces_are_what_the_expressions_match() {
    check_ends(random_texts(21, 30_000));
}

#[test]
fn what_is_not_open_is_certain() {
    for text in random_texts(22, 10_000) {
        check_open::<O200k>(&text);
        check_open::<Cl100k>(&text);
    }
}

#[test]
fn every_two_and_three_kinds_of_characters() {
    check_ends(PARTS.iter().flat_map(|a| {
        PARTS.iter().flat_map(move |b| ["", "a", "A", " ", "\n", "'s", "中"].map(|c| [a, *b, c].concat()))
    }));
}

#[test]
fn pieces_of_corpora() {
    for corpus in Corpus::ALL {
        let text = corpus.text();
        check_ends(text.lines().step_by(5).map(|line| [line, "\n"].concat()));
    }
}

#[test]
fn every_character_has_its_class() {
    let characters: Vec<char> = (0..=0x10_FFFF).filter_map(char::from_u32).collect();
    check_ends(characters.chunks(200).map(|characters| {
        let around = |c: &char| ['a', *c, 'B', *c, *c, ' ', *c, '1', '!', *c, '\n'];
        characters.iter().flat_map(around).collect()
    }));
}
