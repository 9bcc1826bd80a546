//! The texts of a run as files, which is how they reach every contender.

use std::fs;
use std::path::PathBuf;

use corpora::{Corpus, Hostile};

use crate::Error;

/// Bytes of a text with --quick.
const QUICK: usize = 16 * 1024;
/// Bytes of the text of a first count: a short question, as a first request has.
const FIRST: usize = 1_000;

/// A text in a file.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// Where it is.
    pub(super) path: PathBuf,
    /// How long it is.
    pub(super) bytes: usize,
}

/// All texts of a run.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    /// What a fresh instance is asked first.
    pub(super) first: Text,
    /// What throughput is measured on.
    pub(super) corpora: Vec<(Corpus, Text)>,
    /// What an attacker would send.
    pub(super) hostile: Vec<(Hostile, Text)>,
}

impl Texts {
    /// Writes them below cargo's target directory.
    pub(super) fn write(corpora: &[Corpus], quick: bool) -> Result<Self, Error> {
        let directory = lab::paths::target().join("bench-texts");
        fs::create_dir_all(&directory).map_err(Error::system("creating a directory for the texts"))?;
        let write = |name: &str, text: &str| -> Result<Text, Error> {
            // Of every process its own: two runs at once must not exchange their texts.
            let path = directory.join(format!("{}-{name}.txt", std::process::id()));
            fs::write(&path, text).map_err(Error::system("writing a text"))?;
            Ok(Text { path, bytes: text.len() })
        };
        let shortened = |text: String| if quick { beginning(&text, QUICK).to_owned() } else { text };
        let first = write("first", beginning(&Corpus::English.text(), FIRST))?;
        let corpora = corpora
            .iter()
            .map(|corpus| Ok((*corpus, write(corpus.name(), &shortened(corpus.text()))?)))
            .collect::<Result<_, Error>>()?;
        let hostile = Hostile::ALL
            .iter()
            .enumerate()
            .map(|(n, hostile)| Ok((*hostile, write(&format!("hostile-{n}"), &shortened(hostile.text()))?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self { first, corpora, hostile })
    }
}

impl Drop for Texts {
    fn drop(&mut self) {
        let corpora = self.corpora.iter().map(|(_, text)| text);
        let hostile = self.hostile.iter().map(|(_, text)| text);
        for text in corpora.chain(hostile).chain([&self.first]) {
            // What is left over costs a few megabytes below `target`.
            let _ = fs::remove_file(&text.path);
        }
    }
}

/// As many whole characters as fit into that many bytes.
fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
