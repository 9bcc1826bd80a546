//! Who may call, what is told of them, and what their keys bring, on the host in memory.

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

use common::{CHAT, Worker, config, json, post, worker};
use gateway::Gateway;
use seam::names;
use seam::testing::Host;

fn with(identity: &str) -> Worker {
    worker(config(&format!(r#"{{"identity": {identity}}}"#)))
}

/// A key of that text, with those further fields.
fn api_key(key: &str, fields: &str) -> String {
    let digest = identity::KeyDigest::of(key.as_bytes()).to_hex();
    format!(r#"{{"sha256": "{digest}", {fields}}}"#)
}

fn ask(worker: &Worker, path: &str, headers: &[(&str, &str)], body: &str) -> Host<Gateway> {
    let mut host = worker.stream();
    let all: Vec<_> = post(path).into_iter().chain(headers.iter().copied()).collect();
    host.request(&all, &[body.as_bytes()]);
    host
}

fn status(host: &Host<Gateway>) -> u16 {
    host.reply().map_or(200, |reply| reply.status)
}

const HELLO: &str = r#"{"model":"gpt-4","max_tokens":10,"messages":[{"role":"user","content":"Hello."}]}"#;

#[test]
fn a_header_that_nobody_vouches_for_is_taken_away() {
    let trusting = with(r#"{"header": {}}"#);
    let host = ask(&trusting, CHAT, &[("x-user-id", "alice"), ("x-team-id", "search")], HELLO);
    assert_eq!(host.state()[names::USER_KEY], b"alice");
    assert!(!host.state().contains_key(names::TEAM_KEY));

    let mut stranger = with("{}").stream();
    let headers: Vec<_> =
        post(CHAT).into_iter().chain([("x-user-id", "alice"), ("x-team-id", "search")]).collect();
    let sent = stranger.request(&headers, &[HELLO.as_bytes()]).headers.unwrap();
    assert_eq!((sent.text("x-user-id"), sent.text("x-team-id")), (None, None));
    assert!(!stranger.state().contains_key(names::USER_KEY));
}

#[test]
fn who_may_not_call_is_told_so_in_their_own_dialect() {
    let keys =
        format!(r#"{{"api_keys": [{}]}}"#, api_key("secret-of-alice", r#""user": "alice", "id": "laptop""#));
    let worker = with(&keys);
    let host = ask(&worker, CHAT, &[("authorization", "Bearer secret-of-alice")], HELLO);
    assert_eq!(status(&host), 200);
    assert_eq!(
        (&host.state()[names::USER_KEY][..], &host.state()[names::KEY_KEY][..]),
        (&b"alice"[..], &b"laptop"[..])
    );

    let host = ask(&worker, CHAT, &[("authorization", "Bearer secret-of-mallory")], HELLO);
    let reply = host.reply().unwrap();
    assert_eq!(reply.status, 401);
    assert!(reply.headers.contains(&("www-authenticate".to_owned(), "Bearer".to_owned())));
    assert_eq!(json(&reply.body)["error"]["code"], "invalid_api_key");
    assert_eq!(json(&reply.body)["error"]["type"], "authentication_error");
    assert_eq!(worker.shared.counter("ai_gateway.identity.denied;ai.reason=unknown_credential"), Some(1));

    let host = ask(&worker, "/v1/messages", &[], HELLO);
    let reply = host.reply().unwrap();
    assert_eq!((reply.status, &json(&reply.body)["type"]), (401, &"error".into()));
    assert_eq!(json(&reply.body)["error"]["type"], "authentication_error");

    // Nothing is told to strangers, not even which models there are.
    let mut host = worker.stream();
    host.request_headers(&[(":method", "GET"), (":path", "/v1/models"), (":authority", "g")], true);
    assert_eq!(status(&host), 401);
}

#[test]
fn a_keys_models_are_all_that_there_are_for_it() {
    let keys = format!(
        r#"{{"api_keys": [{}]}}"#,
        api_key("secret-of-alice", r#""user": "alice", "models": ["gpt-4o*", "fast"]"#)
    );
    let worker = with(&keys);
    let key = ("x-api-key", "secret-of-alice");
    for (model, expected) in [("gpt-4o-mini", 200), ("fast", 200), ("gpt-4", 404), ("claude", 404)] {
        let host = ask(&worker, CHAT, &[key], &HELLO.replace("gpt-4", model));
        assert_eq!(status(&host), expected, "{model}");
        if let Some(reply) = host.reply() {
            assert_eq!(json(&reply.body)["error"]["code"], "model_not_found");
        }
    }
    let mut host = worker.stream();
    host.request_headers(&[(":method", "GET"), (":path", "/v1/models"), (":authority", "g"), key], true);
    let listed = json(&host.reply().unwrap().body);
    let listed: Vec<_> = listed["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
    assert_eq!(listed, ["fast"]);
}

#[test]
fn a_key_brings_limits_of_its_own() {
    let keys = format!(
        r#"{{"api_keys": [{}, {}, {}]}}"#,
        api_key("a", r#""user": "alice", "id": "one", "limits": {"tokens_per_day": 100}"#),
        api_key(
            "b",
            r#""user": "alice", "id": "two", "limits": {"tokens_per_day": 1000, "requests_per_minute": 2}"#
        ),
        api_key("c", r#""user": "alice""#),
    );
    let worker = with(&keys);
    let asking = |key: &str, tokens: u64| {
        let body = HELLO.replace(r#""max_tokens":10"#, &format!(r#""max_tokens":{tokens}"#));
        ask(&worker, CHAT, &[("authorization", &format!("Bearer {key}"))], &body)
    };
    assert_eq!(status(&asking("a", 60)), 200);
    let refused = asking("a", 60);
    assert_eq!(status(&refused), 429);
    let message = json(&refused.reply().unwrap().body)["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("`key.tokens-per-day`"), "{message}");
    assert_eq!(status(&asking("b", 60)), 200, "another key of the same user has its own");
    assert_eq!(status(&asking("b", 60)), 200);
    assert_eq!(status(&asking("b", 60)), 429, "two requests a minute");
    for _ in 0..5 {
        assert_eq!(status(&asking("c", 100_000)), 200, "a key without limits has none");
    }
}

#[test]
fn a_keys_limits_hold_where_nothing_is_counted() {
    let keys = api_key("a", r#""user": "alice", "limits": {"tokens_per_day": 100}"#);
    let fields = format!(r#"{{"counting": {{"mode": "off"}}, "identity": {{"api_keys": [{keys}]}}}}"#);
    let worker = worker(config(&fields));
    let asking = || ask(&worker, CHAT, &[("authorization", "Bearer a")], &HELLO.replace(":10,", ":60,"));
    let mut first = asking();
    assert_eq!((status(&first), status(&asking())), (200, 429));
    let usage = br#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":5}}"#;
    first.response(&[(":status", "200"), ("content-type", "application/json")], &[usage]);
    first.end();
    assert_eq!(status(&asking()), 200, "what the first did not need came back");
}
