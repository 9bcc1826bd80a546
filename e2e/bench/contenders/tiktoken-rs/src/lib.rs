//! The contender `tiktoken-rs`: the port of OpenAI's own tokenizer, with its vocabularies in hash maps and a regex engine.

use harness::Encoding;

/// The tokens of that text.
pub fn count(encoding: Encoding, text: &str) -> u64 {
    let tokenizer = match encoding {
        Encoding::Cl100kBase => tiktoken_rs::cl100k_base_singleton(),
        Encoding::O200kBase => tiktoken_rs::o200k_base_singleton(),
    };
    tokenizer.count_ordinary(text) as u64
}

harness::export!(count);
