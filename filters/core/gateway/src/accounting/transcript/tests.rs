//! What is heard of odd streams and answers, and that looking from behind finds what reading everything finds.

use llm_api::{Dialect, Usage};
use metering::{Families, Family};
use proptest::prelude::*;

use super::{HELD_BYTES, Heard, Report, Transcript, last_usage, reported_in};

fn family() -> Option<Family> {
    Some(Families::default().of("gpt-4o").clone())
}

fn heard(dialect: Dialect, stream: &str, pieces: usize) -> Report {
    let mut transcript = Transcript::new(dialect);
    stream
        .as_bytes()
        .chunks(pieces)
        .for_each(|chunk| assert_eq!(transcript.push(chunk, &family), Heard::Enough));
    transcript.finish(None, &family)
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
        assert_eq!(last_usage(body.as_bytes()).is_some(), own, "{body}");
        let whole = serde_json::from_str::<serde_json::Value>(body).unwrap_or_default();
        let expected = whole["usage"]["prompt_tokens"].as_u64().map(|tokens| usage(tokens, 0));
        assert_eq!(reported_in(Dialect::OpenAi, body.as_bytes()), expected, "{body}");
    }
}

proptest! {
    #[test]
    fn nothing_that_a_provider_sends_is_a_panic(stream in any::<Vec<u8>>(), pieces in 1_usize..50) {
        for dialect in Dialect::ALL {
            let mut transcript = Transcript::new(dialect);
            stream.chunks(pieces).for_each(|chunk| assert_eq!(transcript.push(chunk, &family), Heard::Enough));
            let _ = transcript.finish(None, &family);
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
            let _ = transcript.push(chunk, &family);
            rest = after;
        }
        prop_assert_eq!(transcript.finish(None, &family).generated, whole);
    }
}
