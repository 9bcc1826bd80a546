//! The contender `bpe-openai`: linear in its input, with prebuilt automata for its vocabularies.

use harness::Encoding;

/// The tokens of that text.
pub fn count(encoding: Encoding, text: &str) -> u64 {
    let tokenizer = match encoding {
        Encoding::Cl100kBase => bpe_openai::cl100k_base(),
        Encoding::O200kBase => bpe_openai::o200k_base(),
    };
    tokenizer.count(text) as u64
}

harness::export!(count);
