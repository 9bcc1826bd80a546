//! The contender `tokens-memory`: this project's own tokenizer, with its memory of words.

use std::cell::RefCell;

use harness::Encoding;
use tokens::Memory;

thread_local! {
    static MEMORY: RefCell<Memory> = const { RefCell::new(Memory::new()) };
}

/// The tokens of that text.
pub fn count(encoding: Encoding, text: &str) -> u64 {
    let encoding = match encoding {
        Encoding::Cl100kBase => tokens::Encoding::Cl100kBase,
        Encoding::O200kBase => tokens::Encoding::O200kBase,
    };
    MEMORY.with_borrow_mut(|memory| encoding.count_with(text, memory))
}

harness::export!(count);
