//! The contender `toktok-rs`: a trie, caches of pieces, and hand-written splitting.

use std::sync::OnceLock;

use harness::Encoding;
use toktok::Tokenizer;

/// The tokens of that text.
pub fn count(encoding: Encoding, text: &str) -> u64 {
    static CL100K: OnceLock<Tokenizer> = OnceLock::new();
    static O200K: OnceLock<Tokenizer> = OnceLock::new();
    let (cell, name) = match encoding {
        Encoding::Cl100kBase => (&CL100K, "cl100k_base"),
        Encoding::O200kBase => (&O200K, "o200k_base"),
    };
    let tokenizer = cell.get_or_init(|| Tokenizer::builtin(name).expect("it carries this vocabulary"));
    tokenizer.count(text.as_bytes()) as u64
}

harness::export!(count);
