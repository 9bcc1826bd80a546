//! Properties: the same output under every chunking, no panic and a bounded output on any bytes, and the way there and back.

use llm_api::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};
use translate::{End, ResponseOptions, Skipped, response};

use crate::goldens;
use crate::reading::{Part, read, text};
use crate::{other, translate};

/// What a translation is, whatever its input came in.
fn outcome<'a>(
    provider: Dialect,
    include_usage: bool,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (String, End, Option<llm_api::Usage>, Skipped) {
    let (out, end, translator) = translate(provider, include_usage, pieces);
    (String::from_utf8(out).expect("UTF-8"), end, translator.usage().copied(), translator.skipped())
}

#[test]
fn every_split_gives_the_same_output() {
    for golden in goldens::all() {
        let input = golden.input();
        let whole = outcome(golden.provider, golden.include_usage, [input.as_slice()]);
        let bytes = outcome(golden.provider, golden.include_usage, input.chunks(1));
        assert_eq!(bytes, whole, "{} one byte at a time", golden.name);
        for at in 0..=input.len() {
            let (left, right) = input.split_at(at);
            let split = outcome(golden.provider, golden.include_usage, [left, right]);
            assert_eq!(split, whole, "{} split at {at}", golden.name);
        }
    }
}

/// However a stream is cut off, the client has a beginning of the whole translation, and then an error unless all of it came.
#[test]
fn every_truncation_is_a_prefix_and_an_error() {
    for golden in goldens::all() {
        let input = golden.input();
        let (whole, end, ..) = outcome(golden.provider, golden.include_usage, [input.as_slice()]);
        for at in 0..input.len() {
            let (out, cut, ..) = outcome(golden.provider, golden.include_usage, input.get(..at));
            let answer = read(other(golden.provider), golden.include_usage, out.as_bytes())
                .unwrap_or_else(|why| panic!("{} cut at {at}: {why}", golden.name));
            assert_eq!(answer.end, cut, "{} cut at {at}", golden.name);
            if cut == End::Complete {
                assert_eq!((out, end), (whole.clone(), End::Complete), "{} cut at {at}", golden.name);
            } else {
                let events: Vec<&str> = out.split_terminator("\n\n").collect();
                let (_, beginning) = events.split_last().expect("an error at least");
                let same = whole.split_terminator("\n\n").take(beginning.len()).eq(beginning.iter().copied());
                assert!(same, "{} cut at {at}", golden.name);
            }
        }
    }
}

/// Cuts bytes at the given places.
fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// Bytes that look like a stream: lines of both dialects in any order, with damage.
fn stream_like() -> impl Strategy<Value = Vec<u8>> {
    let lines: Vec<Vec<u8>> = goldens::all()
        .iter()
        .flat_map(|golden| {
            golden.input().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
        .collect();
    let line = prop_oneof![
        8 => prop::sample::select(lines).prop_map(|mut line| { line.extend_from_slice(b"\n"); line }),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => json_like().prop_map(|json| format!("data: {json}\n\n").into_bytes()),
    ];
    prop::collection::vec(line, 0..24).prop_map(|lines| lines.concat())
}

/// An object with the fields that matter, each of which may hold anything.
fn json_like() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "null",
        "0",
        "-1",
        "\"\"",
        "\"x\"",
        "[]",
        "{}",
        "[{}]",
        "1e99",
        "true",
        "{\"type\":\"text_delta\",\"text\":7}",
        "[{\"index\":1,\"delta\":{\"content\":\"c\"}}]",
        "[{\"delta\":{\"tool_calls\":[{\"index\":5},7]}}]",
    ]);
    let key = prop::sample::select(vec![
        "type",
        "index",
        "delta",
        "message",
        "content_block",
        "usage",
        "error",
        "choices",
        "id",
        "finish_reason",
    ]);
    prop::collection::vec((key, value), 0..6).prop_map(|fields| {
        let fields: Vec<String> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    })
}

/// What one byte of input can become: `{"index":0}` in an array of tool calls opens and closes a block.
const FACTOR: usize = 32;
/// What an empty input becomes: an error; and the first event of an answer besides.
const CONSTANT: usize = 1_024;

proptest! {
    #[test]
    fn random_splits_give_the_same_output(
        bytes in stream_like(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        include_usage in any::<bool>(),
    ) {
        for provider in Dialect::ALL {
            let whole = outcome(provider, include_usage, [bytes.as_slice()]);
            prop_assert_eq!(outcome(provider, include_usage, pieces(&bytes, &cuts)), whole);
        }
    }

    /// Whatever a provider sends, the client gets a stream of its dialect: no other frame, no end without proof.
    #[test]
    fn anything_becomes_a_valid_and_bounded_stream(bytes in stream_like(), include_usage in any::<bool>()) {
        for provider in Dialect::ALL {
            let (out, end, ..) = outcome(provider, include_usage, [bytes.as_slice()]);
            prop_assert!(out.len() <= bytes.len() * FACTOR + CONSTANT, "{} from {}", out.len(), bytes.len());
            let answer = read(other(provider), include_usage, out.as_bytes());
            prop_assert_eq!(answer.map(|answer| answer.end), Ok(end), "{}", out);
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        for provider in Dialect::ALL {
            let (out, ..) = outcome(provider, true, [bytes.as_slice()]);
            prop_assert!(out.len() <= bytes.len() * FACTOR + CONSTANT);
        }
    }

    /// Text, thinking, tool calls, reason and usage survive Anthropic → OpenAI → Anthropic.
    #[test]
    fn there_and_back_is_the_same_answer(
        parts in prop::collection::vec((any::<bool>(), "\\PC{0,12}|[\\x00-\\x7f]{0,12}"), 0..8),
        calls in prop::collection::vec(("[a-z_]{1,8}", "\\PC{0,8}"), 0..4),
        counts in [0..9_000_u32, 0..9_000, 0..9_000],
        reason in prop::sample::select(vec!["end_turn", "max_tokens", "tool_use", "refusal"]),
    ) {
        let anthropic = anthropic_stream(&parts, &calls, counts, reason);
        let (there, end, first) = translate(Dialect::Anthropic, true, [anthropic.as_bytes()]);
        prop_assert_eq!(end, End::Complete);
        let (back, end, second) = translate(Dialect::OpenAi, true, [there.as_slice()]);
        prop_assert_eq!(end, End::Complete);
        prop_assert_eq!(first.usage(), second.usage());

        let before = read(Dialect::OpenAi, true, &there).unwrap();
        let after = read(Dialect::Anthropic, true, &back).unwrap();
        let mut expected: Vec<Part> = Vec::new();
        for (thinking, text) in &parts {
            match (expected.last_mut(), thinking) {
                _ if text.is_empty() => {}
                (Some(Part::Text(all)), false) | (Some(Part::Thinking(all)), true) => all.push_str(text),
                (_, false) => expected.push(Part::Text(text.clone())),
                (_, true) => expected.push(Part::Thinking(text.clone())),
            }
        }
        prop_assert_eq!(&before.parts, &expected);
        prop_assert_eq!(&after.parts, &expected);
        prop_assert_eq!(&before.calls, &after.calls);
        prop_assert_eq!(after.calls.len(), calls.len());
        for (call, (name, argument)) in after.calls.iter().zip(&calls) {
            prop_assert_eq!(&call.name, name);
            let expected = if argument.is_empty() { json!({}) } else { json!({"argument": argument}) };
            prop_assert_eq!(&call.input, &expected);
        }
        prop_assert_eq!(after.id.as_deref(), Some("msg_01abc"));
        prop_assert_eq!(after.reason.as_deref(), Some(reason));
    }
}

proptest! {
    /// A client that switches streaming on or off reads the same answer.
    #[test]
    fn the_stream_says_what_the_whole_answer_says(
        parts in prop::collection::vec((any::<bool>(), "\\PC{0,12}|[\\x00-\\x7f]{0,12}"), 1..8),
        counts in [0..9_000_u32, 0..9_000, 0..9_000],
        reason in prop::sample::select(vec!["end_turn", "max_tokens", "stop_sequence", "pause_turn", "refusal", "new"]),
    ) {
        let stream = anthropic_stream(&parts, &[], counts, reason);
        let content: Vec<_> = parts
            .iter()
            .map(|(thinking, text)| match thinking {
                false => json!({"type": "text", "text": text}),
                true => json!({"type": "thinking", "thinking": text, "signature": "s"}),
            })
            .collect();
        let [input, read_from_cache, output] = counts;
        let message = json!({
            "id": "msg_01abc", "type": "message", "role": "assistant", "content": content, "stop_reason": reason,
            "usage": {"input_tokens": input, "cache_read_input_tokens": read_from_cache, "output_tokens": output},
        });
        let options = crate::options(true);
        let whole = ResponseOptions {
            model: &options.model, created: options.created, id_seed: options.id_seed, max_output_bytes: 1 << 20,
        };
        let whole = response(Dialect::Anthropic, Dialect::OpenAi, message.to_string().as_bytes(), &whole).unwrap();
        let body: Value = serde_json::from_slice(&whole.body).unwrap();
        let (out, _, translator) = translate(Dialect::Anthropic, true, [stream.as_bytes()]);
        let streamed = read(Dialect::OpenAi, true, &out).unwrap();

        let choice = &body["choices"][0];
        prop_assert_eq!(text(&streamed), choice["message"]["content"].as_str().unwrap());
        prop_assert_eq!(streamed.reason.as_deref(), choice["finish_reason"].as_str());
        prop_assert_eq!(streamed.id.as_deref(), body["id"].as_str());
        prop_assert_eq!(streamed.usage.as_ref(), Some(&body["usage"]));
        prop_assert_eq!(translator.usage().copied(), whole.usage);
        let thinking = |part: &Part| match part { Part::Thinking(text) => text.clone(), Part::Text(_) => String::new() };
        let thoughts: String = streamed.parts.iter().map(thinking).collect();
        prop_assert_eq!(thoughts, choice["message"]["reasoning_content"].as_str().unwrap_or_default());
    }
}

/// The stream that Anthropic would send for this answer.
fn anthropic_stream(
    parts: &[(bool, String)],
    calls: &[(String, String)],
    counts: [u32; 3],
    reason: &str,
) -> String {
    let [input, read, output] = counts;
    let usage = json!({"input_tokens": input, "cache_read_input_tokens": read, "output_tokens": 1});
    let mut events = vec![json!({"type": "message_start", "message": {"id": "msg_01abc", "usage": usage}})];
    for (index, (thinking, text)) in parts.iter().enumerate() {
        let (block, delta) = if *thinking {
            (json!({"type": "thinking", "thinking": ""}), json!({"type": "thinking_delta", "thinking": text}))
        } else {
            (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": text}))
        };
        events.extend([
            json!({"type": "content_block_start", "index": index, "content_block": block}),
            json!({"type": "content_block_delta", "index": index, "delta": delta}),
            json!({"type": "content_block_stop", "index": index}),
        ]);
    }
    for (place, (name, argument)) in calls.iter().enumerate() {
        let index = parts.len() + place;
        let block = json!({"type": "tool_use", "id": format!("toolu_{place}"), "name": name, "input": {}});
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        if !argument.is_empty() {
            let input = json!({"argument": argument}).to_string();
            let (left, right) = input.split_once(':').expect("a field");
            for piece in [left, &format!(":{right}")] {
                let delta = json!({"type": "input_json_delta", "partial_json": piece});
                events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
            }
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": output}}));
    events.push(json!({"type": "message_stop"}));
    let mut stream = Vec::new();
    for event in &events {
        sse::write_event(&mut stream, event["type"].as_str(), event.to_string().as_bytes());
    }
    String::from_utf8(stream).expect("UTF-8")
}
