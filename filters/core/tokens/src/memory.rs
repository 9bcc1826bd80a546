//! What a worker remembers of the words that it has counted.

use std::fmt;

use crate::Encoding;
use crate::memo::Memo;

/// Words that were counted, and how many tokens each of them is; of both encodings.
///
/// Texts repeat words, their own and each other's. One that is no token itself costs many times what another does, because it has to be
/// encoded; but to find one that is takes three looks into tables of some megabytes, which are in none of a core's nearer caches when a worker
/// has done other things since it last counted. Here it is one look into 256 KiB.
///
/// It takes nothing before the first count in an encoding, then 256 KiB for that one, and never grows. What it holds changes no count. Without
/// one, [`Encoding::count`] needs no memory at all.
///
/// ```
/// use tokens::{Encoding, Memory};
///
/// let mut memory = Memory::new();
/// assert_eq!(Encoding::Cl100kBase.count_with("tiktoken is great!", &mut memory), 6);
/// ```
#[derive(Clone, Default)]
pub struct Memory {
    o200k: Option<Memo>,
    cl100k: Option<Memo>,
}

/// How often a memory was of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recalled {
    /// Words of 3 to 15 bytes that were counted; only of those anything is remembered.
    pub words: u64,
    /// Those of them that were remembered.
    pub remembered: u64,
}

impl Memory {
    /// Nothing is remembered yet.
    pub const fn new() -> Self {
        Self { o200k: None, cl100k: None }
    }

    /// How often it was of use since this was last told; `None`, and nothing is told, where that is fewer than so many words.
    pub fn recalled(&mut self, least: u64) -> Option<Recalled> {
        let memos = || [&self.o200k, &self.cl100k].into_iter().flatten();
        let words = memos().map(|memo| memo.asked).sum();
        let missed: u64 = memos().map(|memo| memo.missed).sum();
        if words < least {
            return None;
        }
        for memo in [&mut self.o200k, &mut self.cl100k].into_iter().flatten() {
            (memo.asked, memo.missed) = (0, 0);
        }
        Some(Recalled { words, remembered: words - missed })
    }

    pub(crate) fn of(&mut self, encoding: Encoding) -> &mut Memo {
        let memo = match encoding {
            Encoding::O200kBase => &mut self.o200k,
            Encoding::Cl100kBase => &mut self.cl100k,
        };
        memo.get_or_insert_with(Memo::new)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not what it remembers: those are words of somebody's prompt.
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}
