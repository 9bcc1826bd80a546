//! Counting a text that arrives in parts.

mod run;

use std::fmt;

use crate::memo::Remember;
use crate::split::{Cl100k, O200k};
use crate::text::{self, Rules, Until};
use crate::{Encoding, Memory};
use run::Run;

/// Bytes that are gathered before they are cut into pieces: enough that what is left over and looked at again is the smaller part.
const GATHER: usize = 1024;
/// The bytes from which on an unfinished piece is counted while it grows.
const LONG: usize = 512;

/// How many tokens a text is that arrives in parts, and how many it is so far.
///
/// Its [`count`](Self::count) is that of the concatenation, wherever the text was divided. It keeps at most 24 KiB, however long the text or
/// one word of it is, a kilobyte or two for ordinary text, and nothing before the first part; a byte is looked at a bounded number of times
/// however small the parts are.
///
/// ```
/// let mut counter = tokens::Counter::new(tokens::Encoding::O200kBase);
/// for delta in ["The ans", "wer", " is fort", "y-two."] {
///     counter.push(delta);
/// }
/// assert_eq!(counter.finish(), tokens::Encoding::O200kBase.count("The answer is forty-two."));
/// ```
#[derive(Clone)]
pub struct Counter {
    encoding: Encoding,
    /// Of the pieces that are finished.
    tokens: u64,
    /// What came after them. Whole characters.
    pending: Vec<u8>,
    /// A piece that has become long, between the two.
    run: Option<Box<Run>>,
}

impl Counter {
    /// A counter of no text.
    pub const fn new(encoding: Encoding) -> Self {
        Self { encoding, tokens: 0, pending: Vec::new(), run: None }
    }

    /// The encoding that it counts in.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Takes the next part of the text.
    pub fn push(&mut self, part: &str) {
        self.push_to(part, &mut ());
    }

    /// The same, with a memory.
    pub fn push_with(&mut self, part: &str, memory: &mut Memory) {
        self.push_to(part, memory.of(self.encoding));
    }

    /// The tokens of the text so far, as if it ended here. Looks again at what may still change, a few kilobytes at most.
    pub fn count(&self) -> u64 {
        self.count_by(&mut ())
    }

    /// The same, with a memory.
    pub fn count_with(&self, memory: &mut Memory) -> u64 {
        self.count_by(memory.of(self.encoding))
    }

    /// The tokens of the whole text.
    pub fn finish(self) -> u64 {
        self.count()
    }

    fn count_by(&self, memo: &mut impl Remember) -> u64 {
        self.tokens
            + match (self.encoding, &self.run) {
                (_, None) => self.encoding.count_bytes(&self.pending, Until::ALL, memo).0,
                (Encoding::O200kBase, Some(run)) => run.count::<O200k>(),
                (Encoding::Cl100kBase, Some(run)) => run.count::<Cl100k>(),
            }
    }

    fn push_to(&mut self, part: &str, memo: &mut impl Remember) {
        match self.encoding {
            Encoding::O200kBase => self.push_bytes::<O200k>(part.as_bytes(), memo),
            Encoding::Cl100kBase => self.push_bytes::<Cl100k>(part.as_bytes(), memo),
        }
    }

    fn push_bytes<R: Rules>(&mut self, mut part: &[u8], memo: &mut impl Remember) {
        while !part.is_empty() {
            let (taken, rest) = part.split_at(whole_characters(part));
            part = rest;
            match &mut self.run {
                Some(run) => {
                    if let Some(ended) = run.push::<R>(taken) {
                        self.tokens += ended.tokens;
                        self.pending = ended.rest;
                        self.run = None;
                    }
                }
                None => self.pending.extend_from_slice(taken),
            }
            if self.pending.len() >= GATHER {
                self.count_pieces::<R>(memo);
            }
        }
    }

    /// Counts the pieces that are finished. An unfinished one that is long is counted on as a run.
    fn count_pieces<R: Rules>(&mut self, memo: &mut impl Remember) {
        let mut start = 0;
        while start < self.pending.len() {
            let piece = R::piece(&self.pending, start);
            if piece.open {
                break;
            }
            self.tokens += text::piece::<R::Tables>(&self.pending, start, piece.end, u64::MAX, memo);
            start = piece.end;
        }
        self.pending.drain(..start);
        if self.pending.len() < LONG {
            return;
        }
        if let Some(mut run) = Run::new::<R>(&self.pending) {
            let begun = std::mem::take(&mut self.pending);
            match run.push::<R>(&begun) {
                None => self.run = Some(Box::new(run)),
                Some(ended) => {
                    self.tokens += ended.tokens;
                    self.pending = ended.rest;
                }
            }
        }
    }

    /// The bytes that it keeps.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.pending.capacity() + self.run.as_ref().map_or(0, |run| run.kept())
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the text: it is somebody's prompt.
        f.debug_struct("Counter").field("encoding", &self.encoding).field("tokens", &self.count()).finish()
    }
}

/// At most so many bytes of a text as are gathered, and no character divided.
fn whole_characters(text: &[u8]) -> usize {
    if text.len() <= GATHER {
        return text.len();
    }
    let is_first = |at: &usize| text.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80);
    (GATHER - 3..=GATHER).rev().find(is_first).unwrap_or(GATHER)
}
