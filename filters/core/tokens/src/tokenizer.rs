//! An encoding with a memory.

use std::fmt;

use crate::memo::Memo;
use crate::{Encoding, UpTo};

/// Counts in one encoding, and remembers the words that are several tokens.
///
/// Such a word costs many times what one costs that is a token itself, and a text repeats it. The memory makes counting prose and code
/// faster by a third or more. It takes 32 KiB, from the start, and never grows; what it holds changes no count. Without it,
/// [`Encoding::count`] needs no memory at all.
///
/// ```
/// let mut tokenizer = tokens::Tokenizer::new(tokens::Encoding::Cl100kBase);
/// assert_eq!(tokenizer.count("tiktoken is great!"), 6);
/// ```
#[derive(Clone)]
pub struct Tokenizer {
    encoding: Encoding,
    memo: Memo,
}

impl Tokenizer {
    /// A tokenizer that remembers nothing yet.
    pub fn new(encoding: Encoding) -> Self {
        Self { encoding, memo: Memo::new() }
    }

    /// The encoding that it counts in.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How many tokens a text is.
    pub fn count(&mut self, text: &str) -> u64 {
        self.encoding.count_bytes(text.as_bytes(), u64::MAX, &mut self.memo)
    }

    /// How many tokens a text is, as [`Encoding::count_up_to`] says it.
    pub fn count_up_to(&mut self, text: &str, limit: u64) -> UpTo {
        self.encoding.up_to(text, limit, &mut self.memo)
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not what it remembers: those are words of somebody's prompt.
        f.debug_struct("Tokenizer").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}
