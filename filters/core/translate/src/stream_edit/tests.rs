//! What an edited stream promises: another name and an honest end, and every other byte as it came, however it came.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

use proptest::prelude::*;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::*;

const MODEL: &str = "gpt-4";

const OPENAI_INTERRUPTED: &str = r#"data: {"error":{"message":"The provider's stream ended before its answer was complete.","type":"server_error","param":null,"code":"stream_interrupted"}}

"#;
const ANTHROPIC_INTERRUPTED: &str = r#"event: error
data: {"type":"error","error":{"type":"api_error","message":"The provider's stream ended before its answer was complete."}}

"#;

/// What the client gets of a stream that comes in these chunks.
fn edit<'a>(dialect: Dialect, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, End) {
    let mut edit = StreamEdit::new(dialect, MODEL.to_owned());
    let (mut client, mut out) = (Vec::new(), Vec::new());
    for chunk in chunks {
        match edit.push(chunk, &mut out) {
            Edit::Unchanged => {
                assert!(out.is_empty(), "nothing is appended where nothing changes");
                client.extend_from_slice(chunk);
            }
            Edit::Replaced => client.append(&mut out),
        }
        assert!(edit.held.len() < EVENT_LIMIT, "what is withheld is bounded");
    }
    let end = edit.finish(&mut client);
    (client, end)
}

#[track_caller]
fn check(dialect: Dialect, stream: &str, expect: &str, end: End) {
    let text = |(client, end): (Vec<u8>, End)| (String::from_utf8(client).unwrap(), end);
    let expect = (expect.to_owned(), end);
    assert_eq!(text(edit(dialect, [stream.as_bytes()])), expect, "in one chunk");
    assert_eq!(text(edit(dialect, stream.as_bytes().chunks(1))), expect, "byte by byte");
    for at in 0..=stream.len() {
        let (first, second) = stream.as_bytes().split_at(at);
        assert_eq!(text(edit(dialect, [first, second])), expect, "split at {at}");
    }
}

#[track_caller]
fn openai(stream: &str, expect: &str, end: End) {
    check(Dialect::OpenAi, stream, expect, end);
}

#[track_caller]
fn anthropic(stream: &str, expect: &str, end: End) {
    check(Dialect::Anthropic, stream, expect, end);
}

#[test]
fn every_chunk_says_the_clients_model() {
    openai(
        "data: {\"id\":\"c\",\"created\":1,\"model\":\"gpt-4-0613\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
         data: {\"id\":\"c\",\"created\":1,\"model\":\"gpt-4-0613\",\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n\
         data: {\"id\":\"c\",\"created\":2,\"model\":\"gpt-4-0613\",\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n",
        "data: {\"id\":\"c\",\"created\":1,\"model\":\"gpt-4\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
         data: {\"id\":\"c\",\"created\":1,\"model\":\"gpt-4\",\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n\
         data: {\"id\":\"c\",\"created\":2,\"model\":\"gpt-4\",\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n",
        End::Complete,
    );
}

/// Of a stream whose client did not ask for usage.
#[track_caller]
fn without_usage(stream: &str, expect: &str) {
    let edit = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut edit = StreamEdit::new(Dialect::OpenAi, MODEL.to_owned()).without_usage();
        let (mut client, mut out) = (Vec::new(), Vec::new());
        for chunk in chunks {
            match edit.push(chunk, &mut out) {
                Edit::Unchanged => client.extend_from_slice(chunk),
                Edit::Replaced => client.append(&mut out),
            }
        }
        let _ = edit.finish(&mut client);
        String::from_utf8(client).unwrap()
    };
    for size in [1, 2, 3, 7, stream.len()] {
        assert_eq!(edit(&mut stream.as_bytes().chunks(size)), expect, "in chunks of {size}");
    }
    for at in 0..=stream.len() {
        let (first, second) = stream.as_bytes().split_at(at);
        assert_eq!(edit(&mut [first, second].into_iter()), expect, "split at {at}");
    }
}

#[test]
fn usage_that_nobody_asked_for_goes_without_a_trace() {
    without_usage(
        "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n\
         data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\",\\\"usage\\\":null}\"}}],\"usage\":null}\n\n\
         data: {\"id\":\"c\",\"model\":\"m\",\"usage\" : {\"total_tokens\":3} , \"choices\":[{\"delta\":{}}]}\n\n\
         data: {\"id\":\"c\",\"usage\":null,\"model\":\"m\",\"choices\":[{\"delta\":{\"usage\":1}}]}\n\n\
         data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[],\"prompt_filter_results\":[],\"usage\":null}\n\n\
         data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[ ],\"usage\":{\"total_tokens\":3}}\n\n\
         data: {\"id\":\"c\",\"model\":\"m\",\"choices\":null,\"usage\":{\"total_tokens\":3}}\n\n\
         data: [DONE]\n\n",
        "data: {\"id\":\"c\",\"model\":\"gpt-4\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
         data: {\"id\":\"c\",\"model\":\"gpt-4\",\"choices\":[{\"delta\":{\"content\":\",\\\"usage\\\":null}\"}}]}\n\n\
         data: {\"id\":\"c\",\"model\":\"gpt-4\" , \"choices\":[{\"delta\":{}}]}\n\n\
         data: {\"id\":\"c\",\"model\":\"gpt-4\",\"choices\":[{\"delta\":{\"usage\":1}}]}\n\n\
         data: {\"id\":\"c\",\"model\":\"gpt-4\",\"choices\":[],\"prompt_filter_results\":[]}\n\n\
         data: [DONE]\n\n",
    );
}

#[test]
fn usage_goes_from_before_padding_and_stays_where_it_is_no_member() {
    without_usage(
        "data: {\"model\":\"m\",\"choices\":[1],\"usage\":null,\"obfuscation\":\"\"}\n\n\
         data: {\"model\":\"m\",\"choices\":[1],\"usage\":null,\"obfuscation\":\"q7W\"}\n\n\
         data: {\"model\":\"m\",\"choices\":[1],\"usage\":null,\"obfuscation\":\"q\\n\"}\n\n\
         data: {\"model\":\"m\",\"choices\":[1],\"x\":\",\\\"usage\\\":null,\\\"obfuscation\\\":\\\"q\"}\n\n\
         data: {\"model\":\"m\",\"choices\":[{\"x\":1,\"usage\":null,\"obfuscation\":\"q\"}]}\n\n\
         data: {\"model\":\"m\",\"choices\":[1],\"obfuscation\":\"q\"}\n\n\
         data: [DONE]\n\n",
        "data: {\"model\":\"gpt-4\",\"choices\":[1],\"obfuscation\":\"\"}\n\n\
         data: {\"model\":\"gpt-4\",\"choices\":[1],\"obfuscation\":\"q7W\"}\n\n\
         data: {\"model\":\"gpt-4\",\"choices\":[1],\"obfuscation\":\"q\\n\"}\n\n\
         data: {\"model\":\"gpt-4\",\"choices\":[1],\"x\":\",\\\"usage\\\":null,\\\"obfuscation\\\":\\\"q\"}\n\n\
         data: {\"model\":\"gpt-4\",\"choices\":[{\"x\":1,\"usage\":null,\"obfuscation\":\"q\"}]}\n\n\
         data: {\"model\":\"gpt-4\",\"choices\":[1],\"obfuscation\":\"q\"}\n\n\
         data: [DONE]\n\n",
    );
}

#[test]
fn usage_goes_under_any_framing_and_where_the_name_is_right() {
    without_usage(
        "data: {\"usage\":null,\r\ndata: \"model\":\"gpt-4\",\"choices\":[1]}\r\n\r\nid: 1\ndata: {\"model\":\"gpt-4\",\"usage\":{},\"choices\":[]}\n\n\
         data: {\"usage\":{\"a\":1}}\n\ndata: {\"model\":\"gpt-4\",\"choices\":[1],\"usage\":null}\n\ndata: [DONE]\n\n",
        "data: {\r\ndata: \"model\":\"gpt-4\",\"choices\":[1]}\r\n\r\n\
         data: {\"model\":\"gpt-4\",\"choices\":[1]}\n\ndata: [DONE]\n\n",
    );
}

#[test]
fn the_rest_survives_byte_for_byte() {
    openai(
        "\u{feff}: hello\r\n\r\nid: 7\rdata:{ \"x\" : [1.0e2, \"\\u0041\"] , \"model\"\t:\t\"m\" }\r\rretry: 1\nunknown\n\n\n\r\nevent: x\ndata:  {\"model\":\"m\"}\ndata: [DONE]\n\ndata: [DONE]\n\n",
        "\u{feff}: hello\r\n\r\nid: 7\rdata:{ \"x\" : [1.0e2, \"\\u0041\"] , \"model\"\t:\t\"gpt-4\" }\r\rretry: 1\nunknown\n\n\n\r\nevent: x\ndata:  {\"model\":\"gpt-4\"}\ndata: [DONE]\n\ndata: [DONE]\n\n",
        End::Complete,
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    openai(
        "\u{feff}data: {\"model\":\"m\"}\n\ndata: [DONE]\n\n",
        "\u{feff}data: {\"model\":\"gpt-4\"}\n\ndata: [DONE]\n\n",
        End::Complete,
    );
}

#[test]
fn only_the_models_name_is_a_models_name() {
    for untouched in [
        r#"data: {"choices":[{"model":"m","delta":{"content":"\"model\":\"m\""}}]}"#,
        r#"data: {"mod\u0065l":"m"}"#,
        r#"data: {"model":null}"#,
        r#"data: {"model":["m"]}"#,
        r#"data: ["model","m"]"#,
        r#"data: "model":"m""#,
        r#"data: {"model":"m"#,
        r#"data: {"model":"gpt-4"}"#,
        r#"event: {"model":"m"}"#,
        r#": {"model":"m"}"#,
        r#" data: {"model":"m"}"#,
    ] {
        let stream = format!("{untouched}\n\ndata: [DONE]\n\n");
        openai(&stream, &stream, End::Complete);
    }
    // The other dialect's places are not this one's.
    let stream = "event: message_start\ndata: {\"message\":{\"model\":\"m\"}}\n\ndata: [DONE]\n\n";
    openai(stream, stream, End::Complete);
    let stream = "data: {\"model\":\"m\"}\n\nevent: message_stop\ndata: {\"model\":\"m\"}\n\n";
    anthropic(stream, stream, End::Complete);
}

#[test]
fn a_name_in_data_of_several_lines_is_found() {
    openai(
        "data: {\"a\":1,\ndata: \"b\":\"mod\",\nid: 1\ndata:\"model\":\ndata: \"m\"}\n\ndata: [DONE]\n\n",
        "data: {\"a\":1,\ndata: \"b\":\"mod\",\nid: 1\ndata:\"model\":\ndata: \"gpt-4\"}\n\ndata: [DONE]\n\n",
        End::Complete,
    );
    // A line end inside a string is no JSON, and no name.
    let stream = "data: {\"model\":\"a\ndata: b\"}\n\ndata: [DONE]\n\n";
    openai(stream, stream, End::Complete);
}

#[test]
fn an_event_that_begins_as_an_earlier_one_is_read_alike() {
    let head = r#"data: {"id":"0123456789abcdef0123456789abcdef","model":"gpt-4o-mini"#;
    let renamed = r#"data: {"id":"0123456789abcdef0123456789abcdef","model":"gpt-4"#;
    // After the one that is learnt from: other framing, other fields, a longer name, an error, the key of one in an event behind.
    let ends = [
        "\"}\n\n",
        "\",\"a\":1}\n\n",
        "\"}\r\n\r\n",
        "\"}\r\r",
        "\"}\r\n\n",
        "\"}\n: comment\n\n",
        "\"}\nevent: e\n\n",
        "\",\ndata: \"b\":2}\n\n",
        "\",\"error\":null}\n\n",
        "\",\"b\":{\"error\":1}}\n\n",
    ];
    for (first, second) in ends.iter().flat_map(|first| ends.map(|second| (first, second))) {
        let stream = |head: &str| format!("{head}\"}}\n\n{head}{first}{head}{second}data: [DONE]\n\n");
        openai(&stream(head), &stream(renamed), End::Complete);
        let broken = |head: &str| {
            format!("{head}\"}}\n\n{head}{first}{head}\",\"error\":{{\"message\":\"x\"}}}}\n\n{head}{second}")
        };
        openai(&broken(head), &broken(renamed), End::Broken);
    }
    let other = |name: &str| format!("data: {{\"model\":\"{name}\"}}\n\n");
    let stream =
        [other("a"), other("ab"), other("a"), other(MODEL), other("a")].concat() + "data: [DONE]\n\n";
    openai(&stream, &(other(MODEL).repeat(5) + "data: [DONE]\n\n"), End::Complete);
}

#[test]
fn events_with_other_texts_are_edited_as_the_first_was() {
    let chunk = |model: &str, delta: &str, usage: &str, padding: &str| {
        format!(
            "data: {{\"id\":\"1\",\"model\":{model},\"choices\":[{{\"index\":0,\"delta\":{{{delta}}},\"finish_reason\":null}}]{usage},\"obfuscation\":\"{padding}\"}}\n\n"
        )
    };
    let text = |text: &str| format!("\"content\":\"{text}\"");
    let stream = |model: &str, usage: &str| {
        let texts = ["a", "", "bc \\\"error\\\"", "error", "usage", "d\\n"];
        let mut stream =
            chunk(model, "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null", usage, "xyz");
        for (number, padding) in texts.iter().zip(["", "p", "pq", "error", "usage", "x"]) {
            stream.push_str(&chunk(model, &text(number), usage, padding));
        }
        stream.push_str(": comment\n\n");
        stream.push_str(&chunk(model, &text("e"), usage, "x"));
        stream.push_str(&chunk(model, "", usage, "x"));
        stream.push_str(&chunk("\"another\"", &text("f"), "", "x").replace("another", "gpt-4"));
        stream.push_str(&chunk(model, &text("g"), usage, "x"));
        stream + "data: [DONE]\n\n"
    };
    let usage = ",\"usage\":null";
    openai(&stream("\"gpt-4o\"", usage), &stream("\"gpt-4\"", usage), End::Complete);
    without_usage(&stream("\"gpt-4o\"", usage), &stream("\"gpt-4\"", ""));
    without_usage(&stream("\"gpt-4\"", usage), &stream("\"gpt-4\"", ""));
}

#[test]
fn anthropic_names_its_model_once() {
    anthropic(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude\",\"content\":[]}}\n\n\
         event: ping\ndata: {\"type\":\"ping\"}\n\n\
         event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"message\":{\"model\":\"claude\"}}\n\n\
         event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"gpt-4\",\"content\":[]}}\n\n\
         event: ping\ndata: {\"type\":\"ping\"}\n\n\
         event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"message\":{\"model\":\"claude\"}}\n\n\
         event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        End::Complete,
    );
    anthropic(
        "data: {\"type\":\"message_start\",\"message\":{\"model\":\"claude\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
        "data: {\"type\":\"message_start\",\"message\":{\"model\":\"gpt-4\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
        End::Complete,
    );
}

#[test]
fn a_stream_without_its_terminal_event_ends_in_an_error() {
    let openai_chunk = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let anthropic_chunk = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\"}\r\n\r\n";
    for rest in [
        "",
        "data: {\"choi",
        "data: {}",
        "data: {}\n",
        "event: message_stop",
        "event: message_stop\n",
        "data: [DONE",
        ": x",
        "d",
        "data: {\"error\":{\"message\":\"x",
        "event: message_stop\ndata: {\"ty",
        "event: error\ndata: {\"type\":",
    ] {
        openai(&format!("{openai_chunk}{rest}"), &format!("{openai_chunk}{OPENAI_INTERRUPTED}"), End::Broken);
        anthropic(
            &format!("{anthropic_chunk}{rest}"),
            &format!("{anthropic_chunk}{ANTHROPIC_INTERRUPTED}"),
            End::Broken,
        );
    }
    openai("", OPENAI_INTERRUPTED, End::Broken);
    anthropic("", ANTHROPIC_INTERRUPTED, End::Broken);
}

#[test]
fn an_error_is_not_told_twice() {
    let streams = [
        "data: {\"error\":{\"message\":\"m\"}}\n\n",
        "data: {\"choices\":[],\"error\":\"m\"}\n\ndata: {}\n\n",
        "data: {\"error\":1}\n\ndata: [DONE]\n\n",
    ];
    for stream in streams {
        openai(stream, stream, End::Broken);
    }
    let stream = "event: error\ndata: {\"type\":\"error\",\"error\":{}}\n\nevent: message_stop\ndata: {}\n\n";
    anthropic(stream, stream, End::Broken);
    anthropic("data: {\"type\":\"error\"}\n\n", "data: {\"type\":\"error\"}\n\n", End::Broken);
}

#[test]
fn what_is_no_error_does_not_count_as_one() {
    for member in [
        "\"error\":null",
        "\"error\":{ }",
        "\"error\":[]",
        "\"error\":\"\"",
        "\"error\":false",
        "\"error\":0",
        "\"a\":{\"error\":1}",
        "\"a\":\"\\\"error\\\":1\"",
        "\"finish_reason\":\"error\"",
    ] {
        let stream = format!("data: {{{member}}}\n\n");
        openai(&stream, &format!("{stream}{OPENAI_INTERRUPTED}"), End::Broken);
    }
}

#[test]
fn a_terminal_event_may_lack_its_blank_line_and_gets_it() {
    openai("data: {}\n\ndata: [DONE]", "data: {}\n\ndata: [DONE]\n\n", End::Complete);
    openai("data: {}\n\ndata: [DONE]\n", "data: {}\n\ndata: [DONE]\n\n", End::Complete);
    openai("data: {}\n\ndata: [DONE]\r", "data: {}\n\ndata: [DONE]\r\n\n", End::Complete);
    openai(
        "data: {\"error\":\"m\",\"model\":\"m\"}",
        "data: {\"error\":\"m\",\"model\":\"gpt-4\"}\n\n",
        End::Broken,
    );
    anthropic("event: message_stop\ndata: {}\n", "event: message_stop\ndata: {}\n\n", End::Complete);
}

#[test]
fn nothing_is_copied_where_nothing_changes() {
    let mut edit = StreamEdit::new(Dialect::OpenAi, MODEL.to_owned());
    let mut out = Vec::new();
    for chunk in [
        "data: {\"model\":\"gpt-4\"}\r\n\r\n",
        "",
        "data: {\"model\":\"gpt-4\"}\r\n\r",
        "\ndata: {\"error\":null,\"model\":\"gpt-4\"}\n\n: x\n\n",
        "data: [DONE]\n\n",
    ] {
        assert_eq!(edit.push(chunk.as_bytes(), &mut out), Edit::Unchanged, "{chunk:?}");
    }
    assert_eq!(edit.finish(&mut out), End::Complete);
    assert!(out.is_empty());
}

#[test]
fn only_an_events_incomplete_end_is_withheld() {
    let mut edit = StreamEdit::new(Dialect::OpenAi, MODEL.to_owned());
    let mut out = Vec::new();
    assert_eq!(edit.push(b"data: {\"model\":\"m\"}\n\ndata: {\"mod", &mut out), Edit::Replaced);
    assert_eq!(out, b"data: {\"model\":\"gpt-4\"}\n\n");
    assert_eq!(edit.push(b"el\":\"m\"}\n", &mut out), Edit::Replaced);
    assert_eq!(out, b"data: {\"model\":\"gpt-4\"}\n\n");
    assert_eq!(edit.push(b"\ndata: [DONE]\n\n", &mut out), Edit::Replaced);
    assert_eq!(out, b"data: {\"model\":\"gpt-4\"}\n\ndata: {\"model\":\"gpt-4\"}\n\ndata: [DONE]\n\n");
}

#[test]
fn a_large_event_flows() {
    let large = "x".repeat(2 * EVENT_LIMIT);
    let event = |before: &str, after: &str| format!("data: {{{before}\"b64\":\"{large}\"{after}}}\n\n");
    let done = "data: [DONE]\n\n";
    let marked = format!("data:{}\n\u{feff}\ndata: {{\"model\":\"m\"}}\n\n", "x".repeat(2 * EVENT_LIMIT - 6));
    // (stream, what the client gets, how it ends)
    let cases = [
        (event("\"model\":\"m\",", "") + done, event("\"model\":\"gpt-4\",", "") + done, End::Complete),
        (event("", ",\"model\":\"m\"") + done, event("", ",\"model\":\"m\"") + done, End::Complete),
        (
            event("", "") + "data: {\"model\":\"m\"}\r\n\r\n" + done,
            event("", "") + "data: {\"model\":\"gpt-4\"}\r\n\r\n" + done,
            End::Complete,
        ),
        (event("\"error\":1,", ""), event("\"error\":1,", ""), End::Broken),
        (
            format!("data: {{\"error\":1,\"a\":\"{large}"),
            format!("data: {{\"error\":1,\"a\":\"{large}\n\n{OPENAI_INTERRUPTED}"),
            End::Broken,
        ),
        // Where a chunk begins with a line of the event, a byte order mark is one: the event is not over.
        (marked.clone() + done, marked + done, End::Complete),
        (
            "\u{feff}\n".repeat(EVENT_LIMIT),
            "\u{feff}\n".repeat(EVENT_LIMIT) + "\n\n" + OPENAI_INTERRUPTED,
            End::Broken,
        ),
    ];
    for (stream, expect, end) in cases {
        let sizes = [1, 1000, EVENT_LIMIT - 1, EVENT_LIMIT, EVENT_LIMIT + 1, stream.len()];
        for size in sizes {
            let (client, ended) = edit(Dialect::OpenAi, stream.as_bytes().chunks(size));
            assert!(client == expect.as_bytes(), "in chunks of {size}");
            assert_eq!(ended, end);
        }
    }
}

#[test]
fn the_limit_is_on_the_byte() {
    let fill = |length: usize| format!("data: {{\"a\":\"{}\",\"model\":\"m\"}}\n\n", "x".repeat(length - 28));
    for (length, renamed) in
        [(EVENT_LIMIT - 1, true), (EVENT_LIMIT, true), (EVENT_LIMIT + 3, true), (EVENT_LIMIT + 4, false)]
    {
        let stream = fill(length);
        assert_eq!(stream.len(), length);
        for size in [1, 4096, EVENT_LIMIT, length] {
            let (client, _) = edit(Dialect::OpenAi, stream.as_bytes().chunks(size));
            let found = memchr::memmem::find(&client, b"\"gpt-4\"").is_some();
            assert_eq!(found, renamed, "{length} bytes in chunks of {size}");
        }
    }
}

/// The same edits on a whole stream by other means: the events found by splitting, the members by a JSON parser.
fn reference(dialect: Dialect, stream: &str) -> (String, End) {
    let (mut client, mut last, mut rest) = (String::new(), None, stream);
    while let Some(length) = first_event(rest) {
        let (event, after) = rest.split_at(length);
        let (event, found) = reference_event(dialect, event);
        client.push_str(&event);
        last = last.or(found);
        rest = after;
    }
    let (event, found) = reference_event(dialect, rest);
    let data = rest.split(['\n', '\r']).find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
    let whole = data == "[DONE]" || serde_json::from_str::<&RawValue>(data).is_ok();
    if last.is_none() && found.is_some() && whole {
        last = found;
        client.push_str(&event);
        client.push_str(if rest.ends_with('\n') { "\n" } else { "\n\n" });
    }
    if last.is_none() {
        client.push_str(if dialect == Dialect::OpenAi { OPENAI_INTERRUPTED } else { ANTHROPIC_INTERRUPTED });
    }
    (client, if last == Some(Last::Terminal) { End::Complete } else { End::Broken })
}

/// The length of the first event, its blank line included.
fn first_event(stream: &str) -> Option<usize> {
    let mut at = 0;
    for line in stream.split_inclusive(['\n', '\r']) {
        let after_cr = stream.get(..at).unwrap().ends_with('\r');
        at += line.len();
        if line == "\r" || (line == "\n" && !after_cr) {
            return Some(at + usize::from(line == "\r" && stream.get(at..).unwrap().starts_with('\n')));
        }
    }
    None
}

fn reference_event(dialect: Dialect, event: &str) -> (String, Option<Last>) {
    let lines = || event.split(['\n', '\r']);
    let Some(data) = lines().find_map(|line| line.strip_prefix("data: ")) else {
        return (event.to_owned(), None);
    };
    if dialect == Dialect::OpenAi && data == "[DONE]" {
        return (event.to_owned(), Some(Last::Terminal));
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(data).unwrap_or_default();
    let (mut model, mut last) = (None, None);
    if dialect == Dialect::OpenAi {
        model = members.get("model").copied();
        last = members.get("error").filter(|error| error.get() != "null").map(|_| Last::Error);
    } else {
        match lines().find_map(|line| line.strip_prefix("event: ")) {
            Some("message_start") => {
                let message: BTreeMap<&str, &RawValue> = members
                    .get("message")
                    .and_then(|message| serde_json::from_str(message.get()).ok())
                    .unwrap_or_default();
                model = message.get("model").copied();
            }
            Some("message_stop") => last = Some(Last::Terminal),
            Some("error") => last = Some(Last::Error),
            _ => {}
        }
    }
    let Some(model) = model.map(RawValue::get).filter(|model| model.starts_with('"')) else {
        return (event.to_owned(), last);
    };
    let at = model.as_ptr().addr() - event.as_ptr().addr();
    let (before, after) = (event.get(..at).unwrap(), event.get(at + model.len()..).unwrap());
    (format!("{before}\"{MODEL}\"{after}"), last)
}

/// The members of an object, in any order, of which some look like others.
fn object() -> impl Strategy<Value = String> {
    let member = prop::sample::select(vec![
        r#""id":"chatcmpl-1""#,
        r#""created":1700000000"#,
        r#""choices":[{"index":0,"delta":{"content":"\"model\":\"x\", {[ä"},"model":"y"}]"#,
        r#" "usage" : { "error" : [ 1 , { } ] } "#,
        r#""s":"\\\"{}]""#,
        r#""error":null"#,
        r#""error":{"message":"m"}"#,
        r#""message":{"content":[],"model":"claude","x":{}}"#,
        r#""message":{"x":{"model":"y"}}"#,
        r#""model":"gpt-4-0613""#,
        r#""model" : "gpt-4-0613""#,
        r#""model":"gpt-4""#,
        r#""model":"a\"\\b""#,
        r#""model":null"#,
    ]);
    let key = |member: &str| member.split('"').nth(1).unwrap().to_owned();
    prop::collection::vec(member, 0..6).prop_map(move |members| {
        let mut seen = Vec::new();
        let members: Vec<&str> = members
            .into_iter()
            .filter(|member| {
                let new = !seen.contains(&key(member));
                seen.push(key(member));
                new
            })
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

fn stream() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "",
        "",
        "event: message_start\n",
        "event: ping\r\n",
        "event: message_stop\r",
        "event: error\n",
        ": x\n",
        "id: 1\r\n",
    ]);
    let data = prop_oneof![
        8 => object().prop_map(|object| format!("data: {object}")),
        1 => prop::sample::select(vec!["data: [DONE]", "data: {\"cut\":", "data: oops", ": comment", ""]).prop_map(str::to_owned),
    ];
    let end = prop::sample::select(vec!["\n\n", "\n\n", "\r\n\r\n", "\r\r", "\n\r\n", "\r\n\n\n"]);
    let event = (name, data, end).prop_map(|(name, data, end)| format!("{name}{data}{end}"));
    (prop::collection::vec(event, 0..8), any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(events, cut, whole)| {
            let mut stream = events.concat();
            if !whole && !stream.is_empty() {
                let at = (0..=cut.index(stream.len())).rev().find(|at| stream.is_char_boundary(*at)).unwrap();
                stream.truncate(at);
            }
            stream
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn the_edits_are_the_references_under_every_chunking(stream in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let bytes = stream.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len().saturating_add(1))).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        for dialect in Dialect::ALL {
            let text = |(client, end): (Vec<u8>, End)| (String::from_utf8(client).unwrap(), end);
            let expect = reference(dialect, &stream);
            prop_assert_eq!(&text(edit(dialect, [bytes])), &expect);
            prop_assert_eq!(&text(edit(dialect, bytes.chunks(1))), &expect);
            prop_assert_eq!(&text(edit(dialect, cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]))), &expect);
        }
    }

    #[test]
    fn any_bytes_come_out_alike_under_every_chunking(bytes in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..64), size in 1_usize..8) {
        for dialect in Dialect::ALL {
            prop_assert_eq!(edit(dialect, bytes.chunks(size)), edit(dialect, [bytes.as_slice()]));
        }
    }
}
