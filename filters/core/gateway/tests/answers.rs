//! What ai-gateway does with an answer, on the host in memory.

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

use common::{CHAT, answer, gateway, json, post};
use gateway::Gateway;
use llm_api::{ApiError, ErrorKind};
use seam::testing::Host;
use seam::{EarlierFailure, names};

const JSON: (&str, &str) = ("content-type", "application/json");
const SSE: (&str, &str) = ("content-type", "text/event-stream; charset=utf-8");

fn asked(fields: &str, body: &str) -> Host<Gateway> {
    let mut host = gateway(fields);
    let sent = host.request(&post(CHAT), &[body.as_bytes()]);
    assert!(sent.complete, "{:?}", host.reply());
    host
}

fn fast(fields: &str) -> Host<Gateway> {
    asked(fields, r#"{"model":"fast","messages":[{"role":"user","content":"x"}]}"#)
}

#[test]
fn a_json_answer_says_the_model_that_was_asked_for() {
    let mut host = fast("{}");
    let body = br#"{"id":"a","model":"gpt-4-0613","choices":[{"model":"inner"}]}"#;
    let length = body.len().to_string();
    let got = answer(
        &mut host,
        &[(":status", "200"), JSON, ("content-length", &length)],
        &[&body[..10], &body[10..]],
    );
    assert_eq!(got.body, br#"{"id":"a","model":"fast","choices":[{"model":"inner"}]}"#);
    assert_eq!(got.headers.unwrap().number("content-length"), Some(got.body.len()));
}

#[test]
fn a_json_answer_that_ends_with_trailers_is_renamed_too() {
    let mut host = fast("{}");
    host.response_headers(&[(":status", "200"), JSON], false);
    host.response_chunk(br#"{"model":"gpt-4-0613"}"#, false);
    host.response_trailers();
    assert_eq!(host.client_side().body, br#"{"model":"fast"}"#);
}

#[test]
fn an_answer_larger_than_is_held_passes_under_the_providers_name() {
    let mut host = fast(r#"{"max_body_bytes": 100}"#);
    let body = format!(r#"{{"model":"gpt-4-0613","text":"{}"}}"#, "x".repeat(200));
    let (first, rest) = body.as_bytes().split_at(90);
    let got = answer(&mut host, &[(":status", "200"), JSON], &[first, rest]);
    assert_eq!(got.body, body.as_bytes());
}

#[test]
fn every_chunk_of_a_stream_says_the_model_that_was_asked_for() {
    let stream = "data: {\"id\":\"1\",\"model\":\"gpt-4-0613\",\"choices\":[]}\n\ndata: {\"id\":\"1\",\"model\":\"gpt-4-0613\"}\n\ndata: [DONE]\n\n";
    for chunk in 1..stream.len() {
        let mut host = fast("{}");
        host.response_headers(&[(":status", "200"), SSE], false);
        let pieces: Vec<&[u8]> = stream.as_bytes().chunks(chunk).collect();
        for piece in &pieces {
            host.response_chunk(piece, false);
        }
        host.response_chunk(b"", true);
        let got = String::from_utf8(host.client_side().body.clone()).unwrap();
        assert_eq!(got, stream.replace("gpt-4-0613", "fast"), "in pieces of {chunk}");
        assert!(host.client_side().complete);
    }
}

#[test]
fn a_stream_that_ends_without_its_terminal_event_ends_in_an_error() {
    for (last, eos_alone) in
        [("", true), ("data: {\"model\":\"gpt-4-06", true), ("data: {\"model\":\"gpt-4-06", false)]
    {
        let mut host = fast("{}");
        let first = "data: {\"model\":\"gpt-4-0613\",\"choices\":[]}\n\n";
        let mut chunks = vec![first.as_bytes(), last.as_bytes()];
        if eos_alone {
            chunks.push(b"");
        }
        let got = String::from_utf8(answer(&mut host, &[(":status", "200"), SSE], &chunks).body).unwrap();
        let renamed = first.replace("gpt-4-0613", "fast");
        let error = got
            .strip_prefix(&renamed)
            .and_then(|rest| rest.strip_prefix("data: "))
            .unwrap_or_else(|| panic!("{got}"));
        assert_eq!(json(error.trim().as_bytes())["error"]["code"], "stream_interrupted");
        assert!(!got.contains("[DONE]"));
    }
}

#[test]
fn what_the_provider_filter_translated_is_not_read_again_where_nothing_is_counted() {
    let mut host = fast(r#"{"counting": {"mode": "off"}}"#);
    let body = br#"{"model":"whatever it says"}"#;
    let got = answer(&mut host, &[(":status", "200"), JSON, ("x-ai-provider", "anthropic")], &[body]);
    assert_eq!(got.body, body);
}

#[test]
fn envoys_own_errors_come_in_the_clients_shape() {
    let mut host = fast("{}");
    let text = b"upstream connect error or disconnect/reset before headers. 10.0.0.1";
    let length = text.len().to_string();
    let headers = [
        (":status", "503"),
        ("content-type", "text/plain"),
        ("content-length", length.as_str()),
        ("retry-after", "7"),
    ];
    let got = answer(&mut host, &headers, &[&text[..9], &text[9..]]);
    assert_eq!(json(&got.body)["error"]["type"], "server_error");
    let headers = got.headers.unwrap();
    assert_eq!(
        (headers.text(":status"), headers.text("content-type")),
        (Some("503"), Some("application/json"))
    );
    assert_eq!(headers.text("retry-after"), Some("7"), "what an SDK acts on is kept");

    let mut host = fast("{}");
    host.response_headers(&[(":status", "504")], true);
    assert_eq!(json(&host.reply().unwrap().body)["error"]["type"], "timeout_error");
}

#[test]
fn envoy_may_refuse_before_the_body_is_complete() {
    let mut host = gateway("{}");
    host.request_headers(&post("/v1/messages"), false);
    let got =
        answer(&mut host, &[(":status", "413"), ("content-type", "text/plain")], &[b"Payload Too Large"]);
    assert_eq!(json(&got.body)["error"]["type"], "request_too_large");
}

#[test]
fn a_providers_error_passes_as_it_is() {
    let mut host = fast("{}");
    let body = br#"{"error":{"message":"no","type":"x","param":null,"code":null}}"#;
    let got = answer(&mut host, &[(":status", "400"), JSON], &[body]);
    assert_eq!(got.body, body);
}

#[test]
fn the_status_that_the_router_must_not_see_is_restored_from_filter_state() {
    let body = "{\"error\":{}}";
    let answered = [(":status", "424"), JSON, ("x-ai-provider", "openai")];
    for (state, status) in [(Some("429"), "429"), (Some(""), "424"), (None, "424")] {
        let mut host = fast("{}");
        if let Some(state) = state {
            host.publish(names::STATUS_KEY, state.as_bytes());
        }
        let got = answer(&mut host, &answered, &[body.as_bytes()]);
        assert_eq!((got.headers.unwrap().text(":status"), got.body), (Some(status), body.into()));
    }

    // What an earlier attempt left says nothing of an error that Envoy itself made.
    let mut host = fast("{}");
    host.publish(names::STATUS_KEY, b"401");
    let got =
        answer(&mut host, &[(":status", "503"), ("content-type", "text/plain")], &[b"no healthy upstream"]);
    assert_eq!(got.headers.unwrap().text(":status"), Some("503"));
}

#[test]
fn where_headers_cannot_be_held_an_answer_is_renamed_without_a_length() {
    let mut host = fast(r#"{"headers_held": false}"#);
    let got = answer(
        &mut host,
        &[(":status", "200"), JSON, ("content-length", "22")],
        &[br#"{"model":"#, br#""gpt-4-0613"}"#],
    );
    assert_eq!(got.body, br#"{"model":"fast"}"#);
    assert_eq!(got.headers.unwrap().text("content-length"), None);
}

#[test]
fn a_compressed_answer_passes_as_it_is() {
    let mut host = fast("{}");
    let got = answer(&mut host, &[(":status", "200"), JSON, ("content-encoding", "gzip")], &[b"\x1f\x8b"]);
    assert_eq!(got.body, b"\x1f\x8b");
}

#[test]
fn a_stream_that_ends_with_trailers_ends_cleanly_only_if_it_is_over() {
    for (last, complete) in [("data: [DONE]\n\n", true), ("data: {}\n\n", false)] {
        let mut host = fast("{}");
        host.response_headers(&[(":status", "200"), SSE], false);
        host.response_chunk(last.as_bytes(), false);
        host.response_trailers();
        assert_eq!((host.client_side().complete, host.client_side().cut), (complete, !complete), "{last}");
    }
    let mut host = fast("{}");
    host.response_headers(&[(":status", "200"), JSON], false);
    host.response_trailers();
    assert!(host.client_side().complete, "no body, no name to restore");
}

#[test]
fn an_error_without_a_body_has_the_provider_filters_words() {
    let mut host = fast("{}");
    let error =
        ApiError::new(ErrorKind::Authentication, "The provider `openai` refused the gateway's credentials.");
    host.publish(names::FAILURE_KEY, &EarlierFailure { provider: "openai".into(), error }.encode());
    host.publish(names::STATUS_KEY, b"401");
    host.response_headers(&[(":status", "503"), ("x-ai-provider", "openai"), ("retry-after", "9")], true);
    let got = host.answered();
    let headers = got.headers.unwrap();
    assert_eq!((headers.text(":status"), headers.text("retry-after")), (Some("401"), Some("9")));
    assert!(json(&got.body)["error"]["message"].as_str().unwrap().contains("gateway's credentials"));
}

#[test]
fn what_comes_after_an_answer_of_envoys_goes_nowhere() {
    let mut host = gateway(r#"{"headers_held": false}"#);
    host.request_headers(&post(CHAT), false);
    answer(&mut host, &[(":status", "413"), ("content-type", "text/plain")], &[b"Payload Too Large"]);
    let sent = host.request_chunk(br#"{"model":"fast"}"#, true);
    assert_eq!(sent.body, b"");
}
