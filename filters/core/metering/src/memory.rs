//! What counts remember.

use std::{cell::Cell, fmt, rc::Rc};

pub use tokens::Recalled;

/// The words that were counted before, by whatever in a worker counts: clones share them. (See [`tokens::Memory`].)
///
/// A new one takes no memory before the first count, and then 256 KiB for each vocabulary that is used. It changes no count.
#[derive(Clone, Default)]
pub struct Memory(Rc<Cell<tokens::Memory>>);

impl Memory {
    /// How often it was of use since this was last told; `None` where that is fewer than so many words.
    pub fn recalled(&self, least: u64) -> Option<Recalled> {
        self.with(|memory| memory.recalled(least))
    }

    /// Counts with it. What counts meanwhile begins with an empty one, and nothing does.
    pub(crate) fn with<T>(&self, count: impl FnOnce(&mut tokens::Memory) -> T) -> T {
        let mut memory = self.0.take();
        let counted = count(&mut memory);
        self.0.set(memory);
        counted
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}
