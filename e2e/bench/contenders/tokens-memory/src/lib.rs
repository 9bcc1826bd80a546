//! The contender `tokens-memory`: this project's own tokenizer, with its memory of words that are several tokens.

use std::cell::RefCell;

use harness::Encoding;
use tokens::Tokenizer;

thread_local! {
    static CL100K: RefCell<Option<Tokenizer>> = const { RefCell::new(None) };
    static O200K: RefCell<Option<Tokenizer>> = const { RefCell::new(None) };
}

/// The tokens of that text.
pub fn count(encoding: Encoding, text: &str) -> u64 {
    let (cell, encoding) = match encoding {
        Encoding::Cl100kBase => (&CL100K, tokens::Encoding::Cl100kBase),
        Encoding::O200kBase => (&O200K, tokens::Encoding::O200kBase),
    };
    cell.with_borrow_mut(|tokenizer| tokenizer.get_or_insert_with(|| Tokenizer::new(encoding)).count(text))
}

harness::export!(count);
