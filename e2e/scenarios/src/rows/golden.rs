//! A translated stream byte by byte, kept beside what it was made from.

use mock_llm::Reply;
use serde_json::json;

use super::WITH_PROVIDER;
use crate::answer::Answer;
use crate::expect::status;
use crate::request::{chat_body, prompt};
use crate::row::Row;
use crate::seen::once;

/// As Anthropic sends it.
const GIVEN: &str = include_str!("../../goldens/anthropic-stream.sse");
/// As an OpenAI client gets it, at the time 0.
const SEEN: &str = include_str!("../../goldens/openai-stream.sse");

pub(super) fn rows() -> Vec<Row> {
    let request = chat_body(json!({
        "model": "gpt-4",
        "stream": true,
        "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": prompt("golden")}],
    }));
    let expect = status(200).from("anthropic", 2).check(|answer, problems| {
        problems.same("stream", &timeless(answer), &SEEN.to_owned());
    });
    vec![
        Row::new("fallback/golden-stream", WITH_PROVIDER, request, expect)
            .openai(once(), Reply::status(503))
            .anthropic(once(), Reply::events([GIVEN])),
    ]
}

/// The body with every `created` at 0.
fn timeless(answer: &Answer) -> String {
    let text = answer.text();
    let mut parts = text.split("\"created\":");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "\"created\":0" + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}
