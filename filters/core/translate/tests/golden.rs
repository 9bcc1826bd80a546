//! Every fixture's output, byte for byte in meaning: `fixtures/<direction>/<case>/{input,output}.json`.
//!
//! `UPDATE_GOLDENS=1 cargo test -p translate --test golden` writes the outputs anew.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it, and goldens are files"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use llm_api::Dialect::{Anthropic, OpenAi};
use serde_json::{Value, json};
use translate::{
    DEFAULT_ANTHROPIC_VERSION, RequestError, RequestOptions, ResponseOptions, request, response, unsupported,
};

#[test]
fn request_openai_to_anthropic() {
    check("request-openai-to-anthropic", |input| {
        translated_request(OpenAi, Anthropic, "claude-3-opus", input)
    });
}

#[test]
fn request_anthropic_to_openai() {
    check("request-anthropic-to-openai", |input| translated_request(Anthropic, OpenAi, "gpt-4", input));
}

#[test]
fn response_anthropic_to_openai() {
    check("response-anthropic-to-openai", |input| translated_response(Anthropic, OpenAi, "gpt-4", input));
}

#[test]
fn response_openai_to_anthropic() {
    check("response-openai-to-anthropic", |input| {
        translated_response(OpenAi, Anthropic, "claude-3-opus", input)
    });
}

/// The translated request, or `{"unsupported": […]}` where it is refused.
fn translated_request(from: llm_api::Dialect, to: llm_api::Dialect, model: &str, input: &[u8]) -> Value {
    let options = RequestOptions {
        model,
        default_max_tokens: 4096,
        anthropic_version: DEFAULT_ANTHROPIC_VERSION,
        max_output_bytes: 1 << 20,
    };
    match request(from, to, input, &options) {
        Ok(output) => parsed(&output),
        Err(RequestError::Unsupported(list)) => {
            assert_eq!(unsupported(from, to, input).unwrap(), list, "both functions report the same");
            let list: Vec<_> =
                list.iter().map(|found| json!({"path": found.path, "reason": found.reason})).collect();
            json!({ "unsupported": list })
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// The translated answer, and the usage that comes with it.
fn translated_response(
    provider: llm_api::Dialect,
    client: llm_api::Dialect,
    model: &str,
    input: &[u8],
) -> Value {
    let options =
        ResponseOptions { model, created: 1_790_000_123, id_seed: 0xfeed, max_output_bytes: 1 << 20 };
    let translated = response(provider, client, input, &options).unwrap();
    let usage = translated.usage.map(|usage| {
        json!({
            "input": usage.input, "cache_read": usage.cache_read, "cache_write_5m": usage.cache_write_5m,
            "cache_write_1h": usage.cache_write_1h, "output": usage.output, "reasoning": usage.reasoning,
        })
    });
    json!({"body": parsed(&translated.body), "usage": usage})
}

/// Parses, and so proves that what came out is JSON without trailing bytes.
fn parsed(output: &[u8]) -> Value {
    serde_json::from_slice(output).unwrap()
}

fn check(direction: &str, translate: impl Fn(&[u8]) -> Value) {
    let update = std::env::var_os("UPDATE_GOLDENS").is_some();
    let cases = cases(direction);
    assert!(cases.len() >= 10, "{direction} has its fixtures");
    for case in cases {
        let output = translate(&fs::read(case.join("input.json")).unwrap());
        let golden = case.join("output.json");
        if update {
            fs::write(&golden, format!("{output:#}\n")).unwrap();
        }
        let expected = fs::read(&golden).unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
        assert_eq!(output, parsed(&expected), "{}", golden.display());
    }
}

fn cases(direction: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(direction);
    let mut cases: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}
