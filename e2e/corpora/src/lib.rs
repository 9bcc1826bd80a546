//! Texts that tokenizers are tested and measured on: about a megabyte each of what people send, and of what an attacker would.
//!
//! Prose, code and CJK are other people's (README.md names sources and licences) and lie compressed in `text/`, so that a megabyte of
//! text that never repeats itself costs the repository a quarter of that. JSON and words are generated from a seed. The same version
//! of this crate gives the same bytes everywhere.

mod generated;
mod random;

use std::io::Read as _;

pub use random::Random;

/// Bytes of a generated text, and roughly of every other.
pub const SIZE: usize = 1_000_000;

/// One kind of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Corpus {
    /// English prose, with curly quotes and no-break spaces.
    English,
    /// Rust, C, Go, JavaScript, TypeScript and Python.
    Code,
    /// Indented records with names, numbers, dates and identifiers.
    Json,
    /// Chinese and Japanese prose.
    Cjk,
    /// Thirty-one languages in fourteen scripts.
    Multi,
    /// Random lower-case words of 6 to 14 letters: hardly a piece repeats, so it is the floor for whoever remembers pieces.
    Uniq,
}

impl Corpus {
    /// Every corpus, in the order of tables.
    pub const ALL: [Self; 6] = [Self::English, Self::Code, Self::Json, Self::Cjk, Self::Multi, Self::Uniq];

    /// Its name in tables and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "english",
            Self::Code => "code",
            Self::Json => "json",
            Self::Cjk => "cjk",
            Self::Multi => "multi",
            Self::Uniq => "uniq",
        }
    }

    /// The text.
    ///
    /// # Panics
    /// When a file of this crate is damaged.
    pub fn text(self) -> String {
        match self {
            Self::English => unpacked(include_bytes!("../text/english.txt.zst")),
            Self::Code => unpacked(include_bytes!("../text/code.txt.zst")),
            Self::Cjk => unpacked(include_bytes!("../text/cjk.txt.zst")),
            Self::Multi => unpacked(include_bytes!("../text/multi.txt.zst")),
            Self::Json => generated::json(SIZE),
            Self::Uniq => generated::words(SIZE),
        }
    }
}

/// A megabyte on which tokenizers have been quadratic, have run out of stack, or have panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hostile {
    /// U+0020 alone: one piece of whitespace, and a regex that backtracks over it.
    Spaces,
    /// The letter `a` alone: one piece, in which every merge has the same rank as its neighbours'.
    OneLetter,
    /// U+4E2D alone: one piece of three-byte characters.
    OneIdeograph,
    /// U+3000 alone: whitespace beyond ASCII.
    IdeographicSpaces,
    /// Random lower-case letters: one piece that no cache and no vocabulary knows.
    OneWord,
}

impl Hostile {
    /// Every hostile text, in the order of tables.
    pub const ALL: [Self; 5] =
        [Self::Spaces, Self::OneLetter, Self::OneIdeograph, Self::IdeographicSpaces, Self::OneWord];

    /// What it is made of.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spaces => "spaces",
            Self::OneLetter => "`a`",
            Self::OneIdeograph => "`中`",
            Self::IdeographicSpaces => "U+3000",
            Self::OneWord => "random letters",
        }
    }

    /// The text: as many whole characters as a mebibyte has room for, which is also what Envoy buffers by default.
    pub fn text(self) -> String {
        const MEBIBYTE: usize = 1 << 20;
        let only = |character: char| String::from(character).repeat(MEBIBYTE / character.len_utf8());
        match self {
            Self::Spaces => only(' '),
            Self::OneLetter => only('a'),
            Self::OneIdeograph => only('中'),
            Self::IdeographicSpaces => only('\u{3000}'),
            Self::OneWord => {
                let mut random = Random::new(5);
                std::iter::repeat_with(|| random.letter()).take(MEBIBYTE).collect()
            }
        }
    }
}

fn unpacked(file: &[u8]) -> String {
    let mut text = String::new();
    ruzstd::decoding::StreamingDecoder::new(file)
        .expect("a zstd frame begins the file")
        .read_to_string(&mut text)
        .expect("the file is UTF-8, compressed by zstd");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    #[test]
    fn every_corpus_is_about_a_megabyte_of_text() {
        for corpus in Corpus::ALL {
            let length = corpus.text().len();
            assert!((990_000..=1_000_100).contains(&length), "{}: {length}", corpus.name());
        }
        for hostile in Hostile::ALL {
            let length = hostile.text().len();
            assert!((1_048_573..=1_048_576).contains(&length), "{}: {length}", hostile.name());
        }
    }

    #[test]
    fn they_are_the_same_every_time() {
        for corpus in Corpus::ALL {
            assert!(corpus.text() == corpus.text(), "{}", corpus.name());
        }
    }

    #[test]
    fn prose_has_what_trips_tokenizers() {
        let english = Corpus::English.text();
        for character in ['“', '’', '\u{a0}', '—'] {
            assert!(english.contains(character), "U+{:04X}", u32::from(character));
        }
        let scripts: BTreeSet<u32> = Corpus::Multi.text().chars().map(|c| u32::from(c) >> 7).collect();
        assert!(scripts.len() >= 16, "{scripts:?}");
    }

    /// A text that repeats itself would flatter whoever remembers pieces.
    #[test]
    fn no_long_passage_repeats() {
        for corpus in [Corpus::English, Corpus::Code, Corpus::Cjk, Corpus::Multi, Corpus::Json] {
            let text = corpus.text();
            let lines: Vec<&str> = text.lines().filter(|line| line.len() > 200).collect();
            let different: HashSet<&str> = lines.iter().copied().collect();
            assert!(different.len() * 100 >= lines.len() * 98, "{}: {}", corpus.name(), lines.len());
        }
    }

    #[test]
    fn hardly_a_word_repeats_in_uniq() {
        let text = Corpus::Uniq.text();
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let different: HashSet<&str> = words.iter().copied().collect();
        assert!(words.iter().all(|word| (6..=14).contains(&word.len())));
        assert!(different.len() * 1000 >= words.len() * 999, "{} of {}", different.len(), words.len());
    }
}
