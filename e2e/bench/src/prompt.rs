//! Requests that differ: chat bodies of a given size whose text is a passage of English prose, each from another place.
//!
//! Text that repeats would let a cache, a branch predictor or a decoder's fast path look better than it is on real prompts; random letters
//! would make counting their tokens look worse.

use std::sync::OnceLock;

use corpora::{Corpus, Random};
use llm_api::Dialect;

/// Whether the answer should be a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// One JSON object.
    Whole,
    /// Server-sent events.
    Stream,
    /// The same, with usage at the end.
    StreamWithUsage,
}

/// A request body in that API of exactly `size` bytes (or as few as it can have) that asks for that model.
pub fn body(dialect: Dialect, model: &str, delivery: Delivery, size: usize, random: &mut Random) -> Vec<u8> {
    let system = "You are a concise assistant. Answer in one paragraph.";
    let (before, after) = match dialect {
        Dialect::OpenAi => (
            format!(
                r#"{{"model":"{model}","messages":[{{"role":"system","content":"{system}"}},{{"role":"user","content":""#
            ),
            r#""}],"temperature":0.7,"max_tokens":1024"#,
        ),
        Dialect::Anthropic => (
            format!(r#"{{"model":"{model}","system":"{system}","messages":[{{"role":"user","content":""#),
            r#""}],"temperature":0.7,"max_tokens":1024"#,
        ),
    };
    let end = match delivery {
        Delivery::Whole => "}",
        Delivery::Stream => r#","stream":true}"#,
        Delivery::StreamWithUsage => r#","stream":true,"stream_options":{"include_usage":true}}"#,
    };
    let mut body = before.into_bytes();
    body.reserve(size);
    prose(&mut body, size.saturating_sub(after.len() + end.len()), random);
    body.extend_from_slice(after.as_bytes());
    body.extend_from_slice(end.as_bytes());
    body
}

/// Appends prose from a random place, as it stands within a JSON string, until `body` has that length.
fn prose(body: &mut Vec<u8>, length: usize, random: &mut Random) {
    static ENGLISH: OnceLock<String> = OnceLock::new();
    let text = ENGLISH.get_or_init(|| Corpus::English.text());
    let start = random.below(text.len() as u64) as usize;
    let start = (start..).find(|start| text.is_char_boundary(*start)).unwrap_or_default();
    let (before, after) = text.split_at(start);
    for character in after.chars().chain(before.chars()) {
        let mut room = [0; 4];
        let piece: &[u8] = match character {
            '"' => b"\\\"",
            '\\' => b"\\\\",
            '\n' => b"\\n",
            // There is no other control character in prose.
            other => other.encode_utf8(&mut room).as_bytes(),
        };
        if body.len() + piece.len() > length {
            break;
        }
        body.extend_from_slice(piece);
    }
    // Where the next character did not fit.
    body.resize(body.len().max(length), b'.');
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn bodies_are_json_of_the_size_and_all_different() {
        let mut random = Random::new(7);
        let mut seen = HashSet::new();
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            for delivery in [Delivery::Whole, Delivery::Stream, Delivery::StreamWithUsage] {
                for size in [512, 513, 2048, 2049, 2050] {
                    let body = body(dialect, "gpt-4", delivery, size, &mut random);
                    assert_eq!(body.len(), size);
                    let json: Value = serde_json::from_slice(&body).unwrap();
                    assert_eq!(json["model"], "gpt-4");
                    assert_eq!(json["stream"] == true, delivery != Delivery::Whole);
                    assert_eq!(json["stream_options"].is_object(), delivery == Delivery::StreamWithUsage);
                    assert!(seen.insert(body));
                }
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_requests() {
        let of = |seed| body(Dialect::OpenAi, "m", Delivery::Whole, 1024, &mut Random::new(seed));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
