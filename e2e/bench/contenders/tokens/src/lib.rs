//! The contender `tokens`: this project's own tokenizer.

use harness::Encoding;

/// The tokens of that text.
pub fn count(encoding: Encoding, text: &str) -> u64 {
    match encoding {
        Encoding::Cl100kBase => tokens::Encoding::Cl100kBase.count(text),
        Encoding::O200kBase => tokens::Encoding::O200kBase.count(text),
    }
}

harness::export!(count);
