//! What is heard of odd streams and answers, and that looking from behind finds what reading everything finds.

use llm_api::{Dialect, Usage};
use metering::{Completion, Families, Memory};
use proptest::prelude::*;

use super::likeness::Likeness;
use super::{HELD_BYTES, Heard, Notes, Report, Transcript, last_report_in, reported_in};

fn begin() -> Option<Completion> {
    Some(Completion::new(Families::default().of("gpt-4o"), &Memory::default()))
}

fn heard(dialect: Dialect, stream: &str, pieces: usize) -> Report {
    let mut transcript = Transcript::new(dialect);
    stream
        .as_bytes()
        .chunks(pieces)
        .for_each(|chunk| assert_eq!(transcript.push(chunk, &begin), Heard::Enough));
    transcript.finish(None, &begin)
}

fn usage(input: u64, output: u64) -> Usage {
    Usage { input, output, ..Usage::default() }
}

const REPORT: &str = r#"data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#;

#[test]
fn the_last_report_of_a_stream_counts_wherever_and_however_it_stands() {
    let running = r#"data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":7,"completion_tokens":1}}"#;
    let quoted = r#"data: {"choices":[{"index":0,"delta":{"content":"usage"}}]}"#;
    for lines in [
        vec![REPORT, "data: [DONE]"],
        vec![running, REPORT, "data: [DONE]"],
        vec![REPORT, quoted, "data: [DONE]"],
        vec![REPORT, quoted, ": a comment", quoted, quoted, quoted, "data: [DONE]"],
        vec![REPORT],
        vec![r#"data: {"choices":null,"usage":{"prompt_tokens":7,"completion_tokens":3}}"#, "data: [DONE]"],
        vec![REPORT, r#"data: {"choices":[],"usage":false}"#, "data: [DONE]"],
    ] {
        for end in ["\n\n", "\r\n\r\n", "\r\r"] {
            let stream: String = lines.iter().map(|line| format!("{line}{end}")).collect();
            for pieces in [1, 10, 10_000] {
                let heard = heard(Dialect::OpenAi, &stream, pieces);
                assert_eq!(heard.reported, Some(usage(7, 3)), "{stream:?} in {pieces}");
                if lines.contains(&"data: [DONE]") {
                    assert_eq!(heard.generated, None, "{stream:?}");
                }
            }
        }
    }
}

#[test]
fn usage_that_is_a_text_or_of_a_part_is_no_report() {
    for data in [
        r#"{"choices":[{"index":0,"delta":{"content":"\"usage\":{\"prompt_tokens\":9}"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"usage"},"usage":{"prompt_tokens":9}}]}"#,
        r#"{"choices":[],"usage":null}"#,
    ] {
        let heard = heard(Dialect::OpenAi, &format!("data: {data}\n\ndata: [DONE]\n\n"), 1_000);
        assert_eq!(heard.reported, None, "{data}");
        assert!(heard.generated.is_some(), "{data}");
    }
}

#[test]
fn reasoning_is_heard_under_either_name() {
    let generated = |delta: &str| {
        let stream =
            format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{{delta}}}}}]}}\n\ndata: [DONE]\n\n");
        heard(Dialect::OpenAi, &stream, 1_000).generated.map(|generated| generated.tokens())
    };
    for delta in [
        r#""reasoning_content":"hello""#,
        r#""reasoning":"hello""#,
        r#""reasoning":"hello","reasoning_content":"hello""#,
        r#""content":"","reasoning":"hello""#,
    ] {
        assert_eq!(generated(delta), Some(1), "{delta}");
    }
}

#[test]
fn an_event_too_large_to_be_read_ends_the_count_and_not_the_worker() {
    let text = "x".repeat(2 << 20);
    let stream = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"hello\"}}}}]}}\n\ndata: {text}\n\ndata: [DONE]\n\n"
    );
    for pieces in [HELD_BYTES / 2, stream.len()] {
        assert_eq!(
            heard(Dialect::OpenAi, &stream, pieces).generated.map(|generated| generated.tokens()),
            Some(1)
        );
    }
}

#[test]
fn an_answers_report_is_found_from_behind_only_where_it_is_the_answers_own() {
    for (body, own) in [
        (r#"{"choices":[],"usage":{"prompt_tokens":7}}"#, true),
        (r#"{"choices":[],"usage" : {"prompt_tokens":7} , "service_tier":"x","z":[{}]}"#, true),
        (r#"{"usage":{"prompt_tokens":7},"choices":[{"usage":{"prompt_tokens":1}}]}"#, false),
        (r#"{"usage":{"prompt_tokens":7},"text":"\"usage\":{\"prompt_tokens\":1}"}"#, true),
        (r#"{"x\"usage":{"prompt_tokens":1}}"#, false),
        (r#"{"usage":{"prompt_tokens":7},"key":"usage"}"#, false),
        (r#"{"choices":{"usage":{"prompt_tokens":1}}}"#, false),
        (r#"{"usage":7}"#, false),
        ("", false),
    ] {
        assert_eq!(last_report_in(Dialect::OpenAi, body.as_bytes()).is_some(), own, "{body}");
        let whole = serde_json::from_str::<serde_json::Value>(body).unwrap_or_default();
        let expected = whole["usage"]["prompt_tokens"].as_u64().map(|tokens| usage(tokens, 0));
        assert_eq!(reported_in(Dialect::OpenAi, body.as_bytes()), expected, "{body}");
    }
}

#[test]
fn the_next_chunk_is_read_without_a_parser_if_it_is_like_the_one_before() {
    let chunk = |text: &str, padding: &str, usage: &str| {
        format!(
            r#"{{"choices":[{{"index":1,"delta":{{"content":"{text}"}}}}],"usage":{usage},"obfuscation":"{padding}"}}"#
        )
    };
    let learnt = chunk("Once", "a", "null");
    let likeness = Likeness::of(learnt.as_bytes(), &serde_json::from_str(&learnt).unwrap()).unwrap();
    assert_eq!(likeness.choice, 1);
    let long = chunk("a", &"b".repeat(4 << 10), "null");
    assert!(Likeness::of(long.as_bytes(), &serde_json::from_str(&long).unwrap()).is_none());
    for (next, text) in [
        (chunk(" upon", "abc", "null"), Some(" upon")),
        (chunk("", "", "null"), Some("")),
        (chunk("\u{e9}", "", "null"), Some("\u{e9}")),
        (chunk("\\n", "abc", "null"), None),
        (chunk("a", "\\n", "null"), None),
        (chunk("a", "a", "{}"), None),
        (chunk("a", "a", "null") + " ", None),
        (chunk("a\",\"refusal\":\"b", "a", "null"), None),
        (learnt.replace(":1", ":2"), None),
    ] {
        assert_eq!(likeness.text(next.as_bytes()), text, "{next}");
    }
}

proptest! {
    #[test]
    fn nothing_that_a_provider_sends_is_a_panic(stream in any::<Vec<u8>>(), pieces in 1_usize..50) {
        for dialect in Dialect::ALL {
            let mut transcript = Transcript::new(dialect);
            stream.chunks(pieces).for_each(|chunk| assert_eq!(transcript.push(chunk, &begin), Heard::Enough));
            let _ = transcript.finish(None, &begin);
            let _ = reported_in(dialect, &stream);
        }
    }

    #[test]
    fn what_is_heard_does_not_depend_on_the_chunks(words in prop::collection::vec("[a-z\"\\\\ é]{0,12}", 0..40), sizes in prop::collection::vec(1_usize..200, 1..20)) {
        let events: String = words
            .iter()
            .map(|word| format!("data: {}\n\n", serde_json::json!({"choices": [{"index": 0, "delta": {"content": word}}]})))
            .collect();
        let whole = heard(Dialect::OpenAi, &events, events.len().max(1)).generated;
        let mut transcript = Transcript::new(Dialect::OpenAi);
        let mut rest = events.as_bytes();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, after) = rest.split_at((*size).min(rest.len()));
            let _ = transcript.push(chunk, &begin);
            rest = after;
        }
        prop_assert_eq!(transcript.finish(None, &begin).generated, whole);
    }

    /// Chunks are read in short where they are like the one before, and whole where they are not: what is heard is the same.
    #[test]
    fn what_is_heard_of_chunks_that_are_alike_is_what_each_of_them_says(chunks in prop::collection::vec(chunk(), 0..40)) {
        let mut notes = Notes::new(Dialect::OpenAi);
        let mut each = Notes::new(Dialect::OpenAi);
        for chunk in &chunks {
            notes.take_chunk(chunk.as_bytes(), &begin);
            each.likeness = None;
            each.take_chunk(chunk.as_bytes(), &begin);
            let [notes, each] = [&mut notes, &mut each].map(|notes| {
                (notes.completion.as_mut().map(Completion::generated), notes.openai, notes.id.clone(), notes.choices, notes.over)
            });
            prop_assert_eq!(notes, each);
        }
    }
}

/// A chunk of a stream, of which most are alike.
fn chunk() -> impl Strategy<Value = String> {
    let text = prop_oneof![4 => "[a-z ]{0,9}", 1 => "[\"\\\\é\u{1}]{1,3}"];
    let padding = prop_oneof![Just(None), "[a-z]{0,9}".prop_map(Some), "[a-z\"]{0,9}".prop_map(Some)];
    let kind = prop_oneof![12 => Just("content"), 1 => prop::sample::select(vec!["refusal", "reasoning_content", "reasoning", "role", "x"])];
    let more = prop_oneof![
        12 => Just(""),
        1 => Just(r#","tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]"#),
        1 => Just(r#","content":"twice""#),
        1 => Just(r#","refusal":"no""#),
        1 => Just(r#","reasoning":"so""#),
    ];
    let usage = prop_oneof![12 => Just("null"), 1 => Just(r#"{"prompt_tokens":1,"completion_tokens":2}"#)];
    (0_u32..3, text, padding, kind, more, usage).prop_map(|(index, text, padding, kind, more, usage)| {
        let text = serde_json::Value::from(text);
        let padding = padding.map_or_else(String::new, |padding| format!(",\"obfuscation\":{}", serde_json::Value::from(padding)));
        format!(
            r#"{{"id":"c","choices":[{{"index":{index},"delta":{{"{kind}":{text}{more}}},"finish_reason":null}}],"usage":{usage}{padding}}}"#
        )
    })
}
