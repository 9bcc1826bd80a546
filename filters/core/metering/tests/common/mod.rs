//! What the tests of this crate share.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that panics has failed"
)]

pub(crate) mod requests;

use metering::{Families, Family, Limits, Memory, Prompt, Surface, prompt};
use serde_json::Value;

/// The family of a model, without configuration.
pub(crate) fn family(model: &str) -> Family {
    Families::default().of(model).clone()
}

/// The prompt of a body.
pub(crate) fn count(surface: Surface, model: &str, body: &Value) -> Prompt {
    prompt(surface, &family(model), body.to_string().as_bytes(), &Limits::NONE, &Memory::default()).unwrap()
}

/// Every surface.
pub(crate) const SURFACES: [Surface; 4] =
    [Surface::ChatCompletions, Surface::Responses, Surface::Embeddings, Surface::Messages];

/// Base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes.chunks(3).fold(String::new(), |mut out, chunk| {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let sextet = (word >> (18 - 6 * place)) as usize & 63;
            out.push(if place > chunk.len() { '=' } else { ALPHABET[sextet] as char });
        }
        out
    })
}

/// A model of every family that differs from the others in framing, multipliers or images.
pub(crate) const MODELS: [&str; 16] = [
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4",
    "gpt-4.1-mini",
    "gpt-5.4",
    "gpt-5.6",
    "claude-3-opus-20240229",
    "claude-opus-4-7",
    "claude-sonnet-5",
    "gemini-2.5-pro",
    "llama-3.1-8b",
    "llama-2-7b",
    "deepseek-chat",
    "qwen3-32b",
    "text-embedding-3-small",
    "nobody-knows",
];
