//! A stream is translated to the same bytes on either target, in whole and in pieces.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that meets what it does not expect has to fail"
)]

use llm_api::Dialect;
use translate::{StreamEdit, StreamOptions, StreamTranslator};
use wasm_bindgen_test::wasm_bindgen_test;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../translate/fixtures/streams/", $name))
    };
}

/// A stream of the provider's, and the golden of what the client gets.
const TRANSLATED: [(Dialect, &str, &str); 2] = [
    (
        Dialect::Anthropic,
        fixture!("anthropic_to_openai/cached_tokens.anthropic.sse"),
        fixture!("anthropic_to_openai/cached_tokens.openai.sse"),
    ),
    (
        Dialect::OpenAi,
        fixture!("openai_to_anthropic/cached_tokens.openai.sse"),
        fixture!("openai_to_anthropic/cached_tokens.anthropic.sse"),
    ),
];

fn translated(provider: Dialect, stream: &str, piece: usize, include_usage: bool) -> String {
    let client = if provider == Dialect::OpenAi { Dialect::Anthropic } else { Dialect::OpenAi };
    let options =
        StreamOptions { model: "gpt-4".into(), created: 1_700_000_000, include_usage, id_seed: 0x5eed };
    let mut translator = StreamTranslator::new(provider, client, options).unwrap();
    let mut out = Vec::new();
    for chunk in stream.as_bytes().chunks(piece) {
        translator.push(chunk, &mut out);
    }
    translator.finish(&mut out);
    String::from_utf8(out).unwrap()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[wasm_bindgen_test]
fn translated_streams_equal_the_goldens() {
    for (provider, stream, golden) in TRANSLATED {
        for piece in [1, 7, stream.len()] {
            assert_eq!(translated(provider, stream, piece, true), golden, "{provider} in pieces of {piece}");
        }
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[wasm_bindgen_test]
fn renamed_streams_say_the_other_name_and_nothing_else_changes() {
    let stream = fixture!("openai_to_anthropic/cached_tokens.openai.sse");
    let name = stream.split("\"model\":").nth(1).and_then(|rest| rest.split('"').nth(1)).unwrap();
    for piece in [1, 7, stream.len()] {
        let mut edit = StreamEdit::new(Dialect::OpenAi, "asked-for".into());
        let mut out = Vec::new();
        for chunk in stream.as_bytes().chunks(piece) {
            if edit.push(chunk, &mut out) == translate::Edit::Unchanged {
                out.extend_from_slice(chunk);
            }
        }
        let _ = edit.finish(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            stream.replace(name, "asked-for"),
            "in pieces of {piece}"
        );
    }
}
