//! What ai-provider makes of an answer: the client's API, a status that Envoy retries on or not, and nothing of our account.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that meets what it does not expect has to fail"
)]

mod common;

use common::{JSON, SSE, answer, header, json, sent, sent_with, upstreams};
use llm_api::Dialect;
use provider::ProviderAttempt;
use seam::testing::Host;
use seam::{Level, names};
use serde_json::json as object;

const MESSAGE: &str = r#"{"id":"msg_01A","type":"message","role":"assistant","model":"claude-3-opus-20240229",
    "content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,
    "usage":{"input_tokens":9,"output_tokens":3}}"#;

const STREAM: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01A\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-3-opus-20240229\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"lo\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":3}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

const CHUNK: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4-0613\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";

#[test]
fn a_message_becomes_a_completion() {
    let mut host = sent("anthropic", Dialect::OpenAi, false);
    let (first, rest) = MESSAGE.as_bytes().split_at(100);
    let headers =
        [(":status", "200"), JSON, ("request-id", "req_1"), ("anthropic-organization-id", "org-canary")];
    let got = answer(&mut host, &headers, &[first, rest, b""]);
    let body = json(&got.body);
    assert_eq!((&body["object"], &body["model"]), (&"chat.completion".into(), &"gpt-4".into()));
    assert_eq!(body["choices"][0]["message"]["content"], "Hello");
    assert_eq!(body["created"], 1_700_000_000);
    assert_eq!(header(&got, "content-length"), Some(&*got.body.len().to_string()));
    assert_eq!(header(&got, "x-request-id"), Some("req_1"));
    assert_eq!(header(&got, "anthropic-organization-id"), None);
    assert_eq!(header(&got, names::ANSWERED_BY_HEADER), Some("anthropic"));
    assert_eq!(header(&got, names::ANSWERED_MODEL_HEADER), Some("claude-3-opus"));
    assert_eq!(header(&got, names::ATTEMPTS_HEADER), Some("1"));
}

#[test]
fn a_stream_is_held_until_its_first_content_and_is_the_same_however_it_is_cut() {
    let mut whole = sent("anthropic", Dialect::OpenAi, true);
    let expected = answer(&mut whole, &[(":status", "200"), SSE], &[STREAM.as_bytes()]).body;
    let text = String::from_utf8(expected.clone()).unwrap();
    assert!(
        text.contains("\"Hel\"") && text.ends_with("data: [DONE]\n\n") && !text.contains("claude"),
        "{text}"
    );
    let first_content = STREAM.find("\"Hel\"").unwrap();
    for size in [1, 2, 3, 7, 50, 333] {
        let mut host = sent("anthropic", Dialect::OpenAi, true);
        host.response_headers(&[(":status", "200"), SSE], false);
        let mut seen = 0;
        for piece in STREAM.as_bytes().chunks(size) {
            host.response_chunk(piece, false);
            seen += piece.len();
            if seen <= first_content {
                assert_eq!(host.client_side().headers, None, "headers went at {seen} of {first_content}");
            }
        }
        host.response_chunk(b"", true);
        assert_eq!(host.client_side().body, expected, "in pieces of {size}");
        assert!(host.client_side().complete);
    }
}

#[test]
fn an_untranslated_answer_beside_the_gateway_is_not_read() {
    let mut host = sent("openai", Dialect::OpenAi, false);
    let headers = [
        (":status", "200"),
        JSON,
        ("content-length", "2"),
        ("set-cookie", "canary"),
        ("openai-organization", "x"),
    ];
    let got = answer(&mut host, &headers, &[b"{}"]);
    assert_eq!(got.body, b"{}");
    let names: Vec<_> = got.headers.as_ref().unwrap().iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [":status", "content-type", "content-length", "x-ai-provider", "x-ai-model", "x-ai-attempts"]
    );

    let mut host = sent("openai", Dialect::OpenAi, true);
    let got = host
        .response(&[(":status", "200"), SSE], &[CHUNK.as_bytes(), b"anything after the first content", b""]);
    assert_eq!(got.body, format!("{CHUNK}anything after the first content").into_bytes());
}

#[test]
fn an_error_inside_a_stream_before_content_is_retried() {
    let role = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
    let error = "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\",\"code\":500}}\n\n";
    let mut host = sent("openai", Dialect::OpenAi, true);
    let got = host
        .response(&[(":status", "200"), SSE], &[role.as_bytes(), error.as_bytes(), b"data: [DONE]\n\n", b""]);
    assert_eq!(header(&got, ":status"), Some("500"));
    assert_eq!(header(&got, "content-type"), Some("application/json"));
    assert_eq!(json(&got.body)["error"]["message"], "boom");
    assert_eq!(header(&got, "content-length"), Some(&*got.body.len().to_string()));

    let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let mut host = sent("anthropic", Dialect::OpenAi, true);
    let got = answer(&mut host, &[(":status", "200"), SSE], &[overloaded.as_bytes(), b""]);
    assert_eq!(header(&got, ":status"), Some("503"));
}

#[test]
fn a_long_beginning_is_read_piece_by_piece() {
    let comments = ": keep-alive\n\n".repeat(1_000);
    let error = "data: {\"error\":{\"message\":\"boom\",\"code\":500}}\n\n";
    for (last, status) in [(CHUNK, "200"), (error, "500"), ("", "502")] {
        let mut host = sent("openai", Dialect::OpenAi, true);
        let got = answer(&mut host, &[(":status", "200"), SSE], &[format!("{comments}{last}").as_bytes()]);
        assert_eq!(header(&got, ":status"), Some(status), "{last}");
    }
}

#[test]
fn a_stream_that_ends_before_content_is_retried() {
    for chunks in [&[b"" as &[u8]][..], &[b": ping\n\n", b""], &[b"data: {\"choices\":[]}\n\n"]] {
        let mut host = sent("openai", Dialect::OpenAi, true);
        let got = answer(&mut host, &[(":status", "200"), SSE], chunks);
        assert_eq!(header(&got, ":status"), Some("502"));
    }
}

#[test]
fn a_broken_translated_stream_ends_in_an_error() {
    let cut = STREAM.split("event: message_delta").next().unwrap();
    let mut host = sent("anthropic", Dialect::OpenAi, true);
    let got = String::from_utf8(answer(&mut host, &[(":status", "200"), SSE], &[cut.as_bytes(), b""]).body)
        .unwrap();
    assert!(got.contains("\"error\"") && !got.contains("[DONE]"), "{got}");
    assert!(!got.contains("\"finish_reason\":\"stop\""), "{got}");
}

#[test]
fn statuses_go_to_envoy_as_it_should_retry_them() {
    // provider, its status, what the router sees (or the client, where it is final), what the client sees where that is another
    let rows = [
        ("openai", "429", "429", Some("")),
        ("openai", "500", "500", Some("")),
        ("openai", "520", "502", Some("")),
        ("openai", "408", "504", Some("")),
        ("anthropic", "529", "503", Some("")),
        ("anthropic", "400", "400", None),
        ("anthropic", "404", "404", None),
        ("anthropic", "413", "413", None),
        ("anthropic", "302", "502", Some("")),
    ];
    for (provider, status, routed, original) in rows {
        let mut host = sent(provider, Dialect::OpenAi, false);
        let got =
            answer(&mut host, &[(":status", status), JSON], &[br#"{"error":{"message":"m","type":"t"}}"#]);
        assert_eq!(header(&got, ":status"), Some(routed), "{provider} {status}");
        let retried = host.reply().is_none();
        assert_eq!(retried.then(|| original_status(&host)), original, "{provider} {status}");
        assert!(json(&got.body)["error"]["message"].is_string());
    }
}

fn original_status(host: &Host<ProviderAttempt>) -> &str {
    std::str::from_utf8(&host.state()[names::STATUS_KEY]).unwrap()
}

#[test]
fn a_configured_status_is_retried_or_not_and_the_client_sees_the_true_one() {
    let eager = upstreams("openai", object!({"retry_statuses": [404]}));
    let mut host = sent_with(&eager, Dialect::OpenAi, false);
    let got = answer(&mut host, &[(":status", "404"), JSON], &[b"{}"]);
    assert_eq!((header(&got, ":status"), original_status(&host)), (Some("503"), "404"));
    let mut host = sent_with(&eager, Dialect::OpenAi, false);
    let got = answer(&mut host, &[(":status", "429"), JSON], &[b"{}"]);
    assert_eq!(
        (header(&got, ":status"), host.reply().is_some()),
        (Some("429"), true),
        "answered here, not retried"
    );
}

#[test]
fn our_refused_credentials_are_not_quoted() {
    let mut host = sent("openai", Dialect::OpenAi, false);
    let body = br#"{"error":{"message":"Incorrect API key provided: sk-can***nai.","type":"invalid_request_error","code":"invalid_api_key"}}"#;
    let got = answer(&mut host, &[(":status", "401"), JSON, ("www-authenticate", "canary")], &[body]);
    let text = String::from_utf8(got.body.clone()).unwrap();
    assert!(!text.contains("sk-can") && text.contains("openai"), "{text}");
    assert_eq!(header(&got, "www-authenticate"), None);
}

#[test]
fn what_a_stream_loses_is_a_line_in_the_log() {
    let delta = |delta: &str| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{delta}}}\n\n"
        )
    };
    let cut = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"canary\n\n";
    let citation = delta(r#"{"type":"citations_delta","citation":{"cited_text":"canary"}}"#);
    let (head, end) = STREAM.split_at(STREAM.find("event: content_block_stop").unwrap());
    // In one piece, and event by event.
    for chunks in [
        vec![[head, cut, cut, &citation, end].concat()],
        [head, cut, cut, &citation, end].map(str::to_owned).to_vec(),
    ] {
        let mut host = sent("anthropic", Dialect::OpenAi, true);
        let chunks: Vec<_> = chunks.iter().map(String::as_bytes).collect();
        let body = answer(&mut host, &[(":status", "200"), SSE], &chunks).body;
        assert!(String::from_utf8(body).unwrap().ends_with("data: [DONE]\n\n"));
        assert_eq!(
            host.log(),
            [
                (
                    Level::Warn,
                    "provider anthropic: attempt 1: 2 unreadable events of its stream were passed over"
                        .to_owned()
                ),
                (
                    Level::Info,
                    "provider anthropic: attempt 1: 1 pieces of its stream have no place in the client's API"
                        .to_owned()
                ),
            ]
        );
    }
}

#[test]
fn an_answer_that_is_none_is_a_failure_that_is_retried() {
    type Row<'a> = (bool, &'a [(&'a str, &'a str)], &'a str);
    let rows: [Row<'_>; 7] = [
        (false, &[(":status", "200"), ("content-type", "text/html")], "<html>Sign in</html>"),
        (false, &[(":status", "200"), JSON], "not json"),
        (false, &[(":status", "200"), SSE], "data: {}\n\n"),
        (true, &[(":status", "200"), JSON], "{}"),
        (false, &[(":status", "200"), JSON, ("content-encoding", "gzip")], "\u{1f}"),
        (
            false,
            &[(":status", "200"), JSON, ("content-encoding", "identity"), ("content-encoding", "gzip")],
            "\u{1f}",
        ),
        (false, &[(":status", "301"), ("location", "https://elsewhere.example")], "moved"),
    ];
    for (stream, headers, body) in rows {
        let mut host = sent("anthropic", Dialect::OpenAi, stream);
        let got = answer(&mut host, headers, &[body.as_bytes(), b"more", b""]);
        assert_eq!(header(&got, ":status"), Some("502"), "{headers:?}");
        assert_eq!(header(&got, "location"), None);
        assert_eq!(json(&got.body)["error"]["type"], "server_error", "{headers:?}");
    }
    let mut host = sent("anthropic", Dialect::OpenAi, false);
    let got = answer(&mut host, &[(":status", "200"), JSON], &[]);
    assert_eq!(header(&got, ":status"), Some("502"));
    let mut host = sent("openai", Dialect::OpenAi, false);
    let got =
        answer(&mut host, &[(":status", "200"), ("content-type", "text/html")], &[b"<html>Sign in</html>"]);
    assert_eq!(header(&got, ":status"), Some("502"), "also where the answer would not be read");
    let mut host = sent("openai", Dialect::OpenAi, false);
    let got = answer(&mut host, &[(":status", "200"), JSON, ("content-length", "0")], &[]);
    assert_eq!(header(&got, ":status"), Some("502"), "nor is one that its headers end");
}

#[test]
fn an_error_page_is_read_up_to_a_bound() {
    let mut host = sent("anthropic", Dialect::OpenAi, false);
    host.response_headers(&[(":status", "503"), ("content-type", "text/html")], false);
    for _ in 0..40 {
        host.response_chunk(&[b'<'; 4096], false);
    }
    let got = host.client_side();
    assert_eq!(header(got, ":status"), Some("503"), "let go before the page ended");
    assert_eq!(json(&got.body)["error"]["type"], "server_error");
}

#[test]
fn an_error_without_a_body_keeps_its_status() {
    let mut host = sent("openai", Dialect::OpenAi, false);
    let got = answer(&mut host, &[(":status", "503"), ("retry-after", "7")], &[]);
    assert_eq!((header(&got, ":status"), header(&got, "retry-after")), (Some("503"), Some("7")));
}

#[test]
fn without_the_gateway_the_model_is_renamed_here() {
    let mut host =
        common::attempt(&upstreams("openai", object!({"model_name_override": "shown"})), Default::default());
    host.request(&common::client_headers(), &[&common::body(false)]);
    let got = answer(&mut host, &[(":status", "200"), JSON], &[br#"{"model":"gpt-4-0613"}"#]);
    assert_eq!(got.body, br#"{"model":"shown"}"#);

    let mut host = common::attempt(&upstreams("openai", object!({})), Default::default());
    host.request(&common::client_headers(), &[&common::body(true)]);
    let got = String::from_utf8(answer(&mut host, &[(":status", "200"), SSE], &[CHUNK.as_bytes(), b""]).body)
        .unwrap();
    let renamed = CHUNK.replace("gpt-4-0613", "gpt-4");
    assert!(got.starts_with(&renamed) && got.contains("stream_interrupted"), "{got}");
}

#[test]
fn a_model_name_cannot_break_out_of_its_header() {
    let mut context = common::context(Dialect::OpenAi, false);
    context.targets.clear();
    context.body_model = "gpt-4\r\nx-evil: 1".into();
    let mut host = common::attempt(&upstreams("openai", object!({})), common::state(&context));
    host.request(&common::client_headers(), &[&common::body(false)]);
    let got = answer(&mut host, &[(":status", "200"), JSON], &[b"{}"]);
    assert_eq!(header(&got, names::ANSWERED_MODEL_HEADER), None);
}

#[test]
fn nothing_that_a_provider_or_client_says_is_logged() {
    let mut host = sent("openai", Dialect::OpenAi, false);
    answer(&mut host, &[(":status", "400"), JSON], &[br#"{"error":{"message":"bad value: canary"}}"#]);
    assert!(!host.log().is_empty());
    assert!(!format!("{:?}", host.log()).contains("canary"));
}

#[test]
fn an_answer_may_end_with_trailers() {
    let mut host = sent("anthropic", Dialect::OpenAi, false);
    host.response_headers(&[(":status", "200"), JSON], false);
    host.response_chunk(MESSAGE.as_bytes(), false);
    host.response_trailers();
    assert_eq!(json(&host.client_side().body)["model"], "gpt-4");

    let mut host = sent("anthropic", Dialect::OpenAi, true);
    host.response_headers(&[(":status", "200"), SSE], false);
    host.response_chunk(STREAM.as_bytes(), false);
    host.response_trailers();
    assert!(host.client_side().complete);

    // Without a single byte there is no place for an error's body; its status still says it.
    for (status, routed) in [("200", "502"), ("503", "503")] {
        for stream in [false, true] {
            let mut host = sent("anthropic", Dialect::OpenAi, stream);
            host.response_headers(&[(":status", status), if stream { SSE } else { JSON }], false);
            host.response_trailers();
            let got = host.client_side();
            assert_eq!((header(got, ":status"), got.body.as_slice()), (Some(routed), &b""[..]));
        }
    }
}

#[test]
fn a_broken_stream_that_ends_with_trailers_never_ends_cleanly() {
    let cut = STREAM.split("event: message_delta").next().unwrap();
    let mut host = sent("anthropic", Dialect::OpenAi, true);
    host.response_headers(&[(":status", "200"), SSE], false);
    host.response_chunk(cut.as_bytes(), false);
    host.response_trailers();
    assert!(host.client_side().cut && !host.client_side().complete);
}

#[test]
fn the_last_planned_attempt_answers_at_once() {
    // The provider does not end its stream: nobody but the filter can end the answer.
    for stream in [false, true] {
        let mut host = common::attempt(
            &upstreams("anthropic", object!({})),
            common::state(&common::context(Dialect::OpenAi, stream)),
        );
        host.publish(names::ORIGINAL_HEADERS_KEY, b"");
        host.attempt = 2;
        host.request(&common::client_headers(), &[&common::body(stream)]);
        host.response_headers(&[(":status", "529"), JSON, ("retry-after", "3")], false);
        host.response_chunk(&[b'{'; 70_000], false);
        let got = host.answered();
        assert_eq!((header(&got, ":status"), header(&got, "retry-after")), (Some("503"), Some("3")));
        assert_eq!(json(&got.body)["error"]["type"], "server_error");
    }
}

#[test]
fn media_types_know_no_case() {
    let mut host = sent("anthropic", Dialect::OpenAi, false);
    let got = answer(
        &mut host,
        &[(":status", "200"), ("content-type", "Application/JSON; charset=utf-8")],
        &[MESSAGE.as_bytes()],
    );
    assert_eq!(header(&got, ":status"), Some("200"));
    let mut host = sent("anthropic", Dialect::OpenAi, false);
    let got = answer(&mut host, &[(":status", "200"), ("content-type", "application/jsonl")], &[b"{}"]);
    assert_eq!(header(&got, ":status"), Some("502"));
}

#[test]
fn an_answer_that_nobody_reads_keeps_each_of_its_codings() {
    let mut host = sent("openai", Dialect::OpenAi, false);
    let coded = [(":status", "200"), JSON, ("content-encoding", "identity"), ("content-encoding", "gzip")];
    let got = answer(&mut host, &coded, &[b"\x1f\x8b"]);
    let codings: Vec<&[u8]> = got.headers.as_ref().unwrap().lines("content-encoding").collect();
    assert_eq!(codings, [&b"identity"[..], b"gzip"]);
    assert_eq!(got.body, b"\x1f\x8b");
}
