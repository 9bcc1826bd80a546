//! OpenAI's tokenizers, `o200k_base` and `cl100k_base`: how many tokens a text is, exactly, over read-only tables.
//!
//! A worker's VM lives long, has little memory and must not stall. So the vocabularies are tables that the build writes and the program
//! reads where they lie: the first count costs what the hundredth does, nothing is allocated, and there is no regular expression that a
//! hostile text could exhaust. Every text takes time linear in its length and a bounded stack.
//!
//! Text is text: what looks like a special token, `<|endoftext|>`, is counted as the characters that it consists of, which is how a
//! provider must read what a user wrote. What chats, tools and images cost beyond their text is not known here.

#![forbid(unsafe_code)]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions within one text and sums of at most its length: neither can leave its type"
)]

mod counter;
mod hash;
mod long;
mod memo;
mod memory;
mod merge;
mod split;
mod steps;
mod tables;
mod text;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use memo::Remember;
use text::Until;

pub use counter::Counter;
pub use memory::{Memory, Recalled};

/// A vocabulary and the rules by which text is cut before it is looked up there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// GPT-4o and later.
    O200kBase,
    /// GPT-4, GPT-3.5 and the third generation of embeddings.
    Cl100kBase,
}

/// What [`Encoding::count_up_to`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpTo {
    /// The text has so many tokens, at most the limit.
    Exactly(u64),
    /// The text has more tokens than this limit; how many more was not looked at.
    MoreThan(u64),
}

/// What [`Encoding::bound_with`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The text has so many tokens.
    Exactly(u64),
    /// The text has no more tokens than that, which is enough to know.
    AtMost(u64),
    /// The text has more tokens than the limit.
    MoreThan(u64),
}

impl Encoding {
    /// Both encodings.
    pub const ALL: [Self; 2] = [Self::O200kBase, Self::Cl100kBase];

    /// The name by which OpenAI's own tokenizer knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
        }
    }

    /// The encoding of a name, as [`name`](Self::name) writes it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.name() == name)
    }

    /// How many tokens a text is.
    ///
    /// ```
    /// assert_eq!(tokens::Encoding::O200kBase.count("tiktoken is great!"), 6);
    /// ```
    pub fn count(self, text: &str) -> u64 {
        self.count_bytes(text.as_bytes(), Until::ALL, &mut ()).0
    }

    /// The same, with a memory.
    pub fn count_with(self, text: &str, memory: &mut Memory) -> u64 {
        self.count_bytes(text.as_bytes(), Until::ALL, memory.of(self)).0
    }

    /// How many tokens a text is, as far as that is at most `limit`. Stops soon after the limit is passed, also inside of one long word.
    pub fn count_up_to(self, text: &str, limit: u64) -> UpTo {
        self.up_to(text, limit, &mut ())
    }

    /// The same, with a memory.
    pub fn count_up_to_with(self, text: &str, limit: u64, memory: &mut Memory) -> UpTo {
        self.up_to(text, limit, memory.of(self))
    }

    /// How many tokens a text is, or a bound of that as soon as one is low enough.
    ///
    /// Each byte that was not looked at yet may be a token. Once that makes no more than `enough`, there is nothing left to find out, and once
    /// there are more than `limit`, neither. Of a text that has a token in four bytes, two thirds are looked at to see that it has no more
    /// than one in two.
    ///
    /// ```
    /// use tokens::{Bound, Encoding, Memory};
    ///
    /// let text = "many words ".repeat(100);
    /// let bound = Encoding::O200kBase.bound_with(&text, 500, 500, &mut Memory::new());
    /// assert!(matches!(bound, Bound::AtMost(tokens) if (200..=500).contains(&tokens)));
    /// ```
    pub fn bound_with(self, text: &str, enough: u64, limit: u64, memory: &mut Memory) -> Bound {
        if *bounds(text.len()).start() > limit {
            return Bound::MoreThan(limit);
        }
        match self.count_bytes(text.as_bytes(), Until { more_than: limit, at_most: enough }, memory.of(self))
        {
            (tokens, 0) if tokens <= limit => Bound::Exactly(tokens),
            (tokens, left) if tokens <= limit => Bound::AtMost(tokens + left),
            _ => Bound::MoreThan(limit),
        }
    }

    fn up_to(self, text: &str, limit: u64, memo: &mut impl Remember) -> UpTo {
        let fewest = *bounds(text.len()).start();
        if fewest <= limit {
            let (tokens, _) = self.count_bytes(text.as_bytes(), Until::more_than(limit), memo);
            if tokens <= limit {
                return UpTo::Exactly(tokens);
            }
        }
        UpTo::MoreThan(limit)
    }

    fn count_bytes(self, text: &[u8], until: Until, memo: &mut impl Remember) -> (u64, u64) {
        match self {
            Self::O200kBase => text::count::<split::O200k>(text, until, memo),
            Self::Cl100kBase => text::count::<split::Cl100k>(text, until, memo),
        }
    }
}

/// Between how many tokens a text of so many bytes has in either encoding: every byte is a token, and no token is longer than 128 bytes.
pub const fn bounds(bytes: usize) -> RangeInclusive<u64> {
    bytes.div_ceil(tables::MAX_TOKEN) as u64..=bytes as u64
}
