//! Requests that differ: chat bodies of a given size whose text is random words.
//!
//! Text that repeats would let a cache, a branch predictor or a decoder's fast path look better than it is on real prompts.

use llm_api::Dialect;

/// A small deterministic generator (SplitMix64): the same seed gives every Envoy of a round the same requests.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of that seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Whether the answer should be a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// One JSON object.
    Whole,
    /// Server-sent events.
    Stream,
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
    };
    let mut body = before.into_bytes();
    body.reserve(size);
    words(&mut body, size.saturating_sub(after.len() + end.len()), random);
    body.extend_from_slice(after.as_bytes());
    body.extend_from_slice(end.as_bytes());
    body
}

/// Appends random words until `body` has that length: lower case, a sentence every dozen words, now and then an escaped line break.
fn words(body: &mut Vec<u8>, length: usize, random: &mut Random) {
    let mut count = 0_u32;
    while body.len() < length {
        let room = length - body.len();
        count += 1;
        let separator: &[u8] = if count.is_multiple_of(36) {
            b".\\n"
        } else if count.is_multiple_of(12) {
            b". "
        } else {
            b" "
        };
        let letters = 2 + random.below(8) as usize;
        if room <= letters + separator.len() {
            body.extend(std::iter::repeat_with(|| letter(random)).take(room));
        } else {
            body.extend(std::iter::repeat_with(|| letter(random)).take(letters));
            body.extend_from_slice(separator);
        }
    }
}

fn letter(random: &mut Random) -> u8 {
    b'a' + random.below(26) as u8
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
            for delivery in [Delivery::Whole, Delivery::Stream] {
                for size in [512, 513, 2048, 2049, 2050] {
                    let body = body(dialect, "gpt-4", delivery, size, &mut random);
                    assert_eq!(body.len(), size);
                    let json: Value = serde_json::from_slice(&body).unwrap();
                    assert_eq!(json["model"], "gpt-4");
                    assert_eq!(json["stream"] == true, delivery == Delivery::Stream);
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
