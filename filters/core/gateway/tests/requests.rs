//! What ai-gateway does with a request, state by state, on the host in memory.

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

use common::{CHAT, gateway, json, post};
use llm_api::Dialect;
use seam::testing::{FilterState, Host};
use seam::{RequestContext, names};

fn context(host: &Host<gateway::Gateway>) -> RequestContext {
    RequestContext::decode(&host.state()[names::CONTEXT_KEY]).unwrap()
}

#[test]
fn the_body_goes_on_untouched_where_the_name_already_fits() {
    let mut host = gateway("{}");
    let body = br#"{"messages":[{"role":"user","content":"hi"}], "model" : "gpt-4", "future_field":1}"#;
    let sent = host.request(&post(CHAT), &[body]);
    assert_eq!(sent.body, body);
    let headers = sent.headers.unwrap();
    assert_eq!(headers.text("x-ai-model"), Some("gpt-4"));
    assert_eq!(headers.text("x-ai-stream"), None);
    assert_eq!(headers.text("x-ai-plan"), Some("openai"), "Anthropic cannot express `future_field`");
    assert!(host.route_cleared());
    let context = context(&host);
    assert_eq!((context.dialect, context.stream, context.gateway), (Dialect::OpenAi, false, true));
    assert_eq!((context.requested_model.as_str(), context.body_model.as_str()), ("gpt-4", "gpt-4"));
}

#[test]
fn an_alias_is_spliced_and_nothing_else_moves() {
    let mut host = gateway("{}");
    let sent = host
        .request(&post(CHAT), &[br#"{ "model":"fast","messages":[{"role":"user","content":"\u0068i"}]}"#]);
    assert_eq!(sent.body, br#"{ "model":"gpt-4","messages":[{"role":"user","content":"\u0068i"}]}"#);
    let headers = sent.headers.unwrap();
    assert_eq!(headers.text("content-length"), Some(sent.body.len().to_string().as_str()));
    assert_eq!(headers.text("x-ai-plan"), None);
    assert_eq!(context(&host).requested_model, "fast");
}

#[test]
fn a_prefix_keeps_the_name_where_its_target_has_none() {
    let mut host = gateway("{}");
    let sent = host.request(&post(CHAT), &[br#"{"model":"gpt-4o-mini","messages":[]}"#]);
    assert_eq!(sent.body, br#"{"model":"gpt-4o-mini","messages":[]}"#);
    assert_eq!(sent.headers.unwrap().text("x-ai-model"), Some("openai-any"));
    assert_eq!(context(&host).target_model("openai"), Some("gpt-4o-mini"));
}

#[test]
fn headers_are_held_until_the_body_is_complete() {
    let mut host = gateway("{}");
    let body: &[u8] = br#"{"model":"gpt-4","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let (first, second) = body.split_at(20);
    let sent = host.request(&post(CHAT), &[first, second, b""]);
    let asking_for_usage = [br#"{"stream_options":{"include_usage":true},"#, &body[1..]].concat();
    assert_eq!(sent.body, asking_for_usage);
    assert_eq!(sent.headers.unwrap().text("x-ai-stream"), Some("true"));
}

#[test]
fn trailers_end_a_body_too() {
    let mut host = gateway("{}");
    let sent = host.request_with_trailers(&post(CHAT), &[br#"{"model":"fast"}"#]);
    assert_eq!(sent.body, br#"{"model":"gpt-4"}"#);
    assert!(sent.complete);
}

#[test]
fn what_a_client_may_not_say_is_removed() {
    let mut host = gateway("{}");
    let mut headers = post(CHAT);
    headers.extend([
        ("x-ai-model", "claude-3-opus"),
        ("x-ai-plan", "evil"),
        ("x-ai-anything", "1"),
        ("x-envoy-retry-on", "5xx"),
        ("x-envoy-upstream-rq-per-try-timeout-ms", "1"),
        ("x-envoy-external-address", "192.0.2.1"),
        ("x-other", "kept"),
    ]);
    let sent = host
        .request(&headers, &[br#"{"model":"gpt-4","messages":[{"role":"user","content":"x"}]}"#])
        .headers
        .unwrap();
    assert_eq!(sent.text("x-ai-model"), Some("gpt-4"));
    for gone in ["x-ai-plan", "x-ai-anything", "x-envoy-retry-on", "x-envoy-upstream-rq-per-try-timeout-ms"] {
        assert_eq!(sent.text(gone), None, "{gone}");
    }
    assert_eq!(sent.text("x-envoy-external-address"), Some("192.0.2.1"));
    assert_eq!(sent.text("x-other"), Some("kept"));
}

#[test]
fn a_model_that_is_not_configured_is_refused_in_either_dialect() {
    let mut host = gateway("{}");
    host.request(&post(CHAT), &[br#"{"model":"gpt-\u00e9 \u0007","messages":[]}"#]);
    let reply = host.reply().unwrap();
    assert_eq!(reply.status, 404);
    let error = &json(&reply.body)["error"];
    assert_eq!(error["code"], "model_not_found");
    assert_eq!(error["param"], "model");
    assert!(error["message"].as_str().unwrap().contains("`gpt-é `"), "{error}");
    let text = String::from_utf8(reply.body.clone()).unwrap();
    for secret in ["claude", "anthropic", "openai"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(host.state()[names::DECISION_KEY], b"model_not_found");

    let mut host = gateway("{}");
    host.request(&post("/v1/messages"), &[br#"{"model":"nope","max_tokens":1,"messages":[]}"#]);
    let body = json(&host.reply().unwrap().body);
    assert_eq!((&body["type"], &body["error"]["type"]), (&"error".into(), &"not_found_error".into()));
}

#[test]
fn what_a_pattern_lets_through_cannot_write_log_lines() {
    for name in [r"gpt-4o\n2026 gpt-4 200", r"gpt-4o\r", r"gpt-4o\u0085", r"gpt-4o\u001b[2J", r"gpt-4o\u0000"]
    {
        for path in [CHAT, "/v1/messages/count_tokens"] {
            let mut host = gateway("{}");
            host.request(&post(path), &[format!(r#"{{"model":"{name}","messages":[]}}"#).as_bytes()]);
            assert_eq!(host.reply().map(|reply| reply.status), Some(404), "{path}: {name}");
            assert!(!host.state().contains_key(names::REQUESTED_MODEL_KEY));
        }
    }
    let mut host = gateway("{}");
    host.request(&post(CHAT), &["{\"model\":\"gpt-4o größer/✓\",\"messages\":[]}".as_bytes()]);
    assert!(host.reply().is_none());
}

#[test]
fn no_compressed_answer_is_asked_for() {
    for fields in ["{}", r#"{"headers_held": false}"#] {
        for asked in [&["gzip, deflate, br, zstd"][..], &["identity", "gzip"], &["identity;q=0, *"]] {
            let mut headers = post(CHAT);
            headers.extend(asked.iter().map(|value| ("accept-encoding", *value)));
            let mut host = gateway(fields);
            let sent = host.request(&headers, &[br#"{"model":"gpt-4","messages":[]}"#]).headers.unwrap();
            let kept: Vec<_> =
                sent.iter().filter(|(name, _)| *name == "accept-encoding").map(|(_, value)| value).collect();
            assert_eq!(kept, [b"identity"], "{fields}: {asked:?}");
        }
    }
    let sent = gateway("{}").request(&post(CHAT), &[br#"{"model":"gpt-4","messages":[]}"#]).headers.unwrap();
    assert_eq!(sent.text("accept-encoding"), None, "who asks for nothing is not spoken for");
}

#[test]
fn bad_bodies_are_refused_with_400() {
    let bodies: [&[u8]; 7] = [
        b"not json",
        br#"{"model":"gpt-4","messages":[{"role":"user","content":"x"}"#,
        b"{\"model\":\"gpt-4\",\"messages\":\"\xff\"}",
        b"[]",
        br#"{"messages":[]}"#,
        br#"{"model":7,"messages":[]}"#,
        br#"{"model":"gpt-4","model":"gpt-4o","messages":[]}"#,
    ];
    for body in bodies {
        let mut host = gateway("{}");
        let sent = host.request(&post(CHAT), &[body]);
        let shown = String::from_utf8_lossy(body.get(..body.len().min(60)).unwrap()).into_owned();
        let reply = host.reply().unwrap_or_else(|| panic!("not refused: {shown}"));
        assert_eq!(reply.status, 400, "{shown}");
        assert_eq!(json(&reply.body)["error"]["type"], "invalid_request_error", "{shown}");
        assert_eq!(sent.headers, None, "{shown}");
    }
}

#[test]
fn what_we_cannot_make_sense_of_is_for_the_provider_of_the_same_api_to_judge() {
    let nested = format!(r#"{{"model":"gpt-4","messages":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for body in [nested.as_str(), r#"{"model":"gpt-4","messages":[]}"#, r#"{"model":"gpt-4","messages":7}"#] {
        let mut host = gateway("{}");
        let sent = host.request(&post(CHAT), &[body.as_bytes()]);
        assert_eq!(sent.body, body.as_bytes());
        assert_eq!(sent.headers.unwrap().text("x-ai-plan"), Some("openai"));

        let mut host = gateway("{}");
        host.request(&post(CHAT), &[body.replace("gpt-4", "claude").as_bytes()]);
        assert_eq!(host.reply().unwrap().status, 400, "no target speaks the client's API");
    }
}

#[test]
fn a_body_above_the_limit_is_refused_at_once() {
    let mut host = gateway(r#"{"max_body_bytes": 64}"#);
    let mut headers = post(CHAT);
    headers.push(("content-length", "65"));
    host.request_headers(&headers, false);
    assert_eq!(host.reply().unwrap().status, 413);

    let mut host = gateway(r#"{"max_body_bytes": 64}"#);
    host.request(&post(CHAT), &[&[b' '; 40], &[b' '; 40]]);
    let reply = host.reply().unwrap();
    assert_eq!(reply.status, 413);
    assert!(json(&reply.body)["error"]["message"].as_str().unwrap().contains("64 bytes"));
}

#[test]
fn a_request_without_a_body_or_with_another_method_is_refused() {
    let mut host = gateway("{}");
    host.request_headers(&post(CHAT), true);
    assert_eq!(host.reply().unwrap().status, 400);

    let mut host = gateway("{}");
    host.request_headers(&[(":method", "GET"), (":path", CHAT)], true);
    assert_eq!(host.reply().unwrap().status, 405);
    assert_eq!(host.reply().unwrap().header("allow"), Some("POST"));
}

#[test]
fn a_compressed_body_is_refused_wherever_the_coding_stands() {
    for (lines, status) in [
        (&["gzip"][..], 400),
        (&["identity", "gzip"], 400),
        (&["identity, br"], 400),
        (&["identity, "], 200),
        (&["Identity", ""], 200),
    ] {
        let mut host = gateway("{}");
        let mut headers = post(CHAT);
        headers.extend(lines.iter().map(|line| ("content-encoding", *line)));
        host.request_headers(&headers, false);
        assert_eq!(host.reply().map_or(200, |reply| reply.status), status, "{lines:?}");
    }
}

#[test]
fn what_answers_get_answers_head() {
    for (method, path, expected) in [
        ("HEAD", "/v1/models", (200, None)),
        ("HEAD", "/v1/models/gpt-4", (200, None)),
        ("HEAD", "/v1/models/gpt-5", (404, None)),
        ("DELETE", "/v1/models", (405, Some("GET, HEAD"))),
        ("POST", "/v1/models/gpt-4", (405, Some("GET, HEAD"))),
    ] {
        let mut host = gateway("{}");
        host.request_headers(&[(":method", method), (":path", path)], true);
        let reply = host.reply().unwrap();
        assert_eq!((reply.status, reply.header("allow")), expected, "{method} {path}");
    }
}

#[test]
fn trailers_without_a_body_are_no_request() {
    let mut host = gateway("{}");
    host.request_with_trailers(&post(CHAT), &[]);
    assert_eq!(host.reply().unwrap().status, 400);
}

#[test]
fn a_model_name_longer_than_any_real_one_is_refused() {
    // Every event of a stream would repeat it.
    let mut host = gateway("{}");
    let body = format!(r#"{{"model":"gpt-4o{}","messages":[]}}"#, "x".repeat(1_000));
    host.request(&post(CHAT), &[body.as_bytes()]);
    assert_eq!((host.reply().unwrap().status, host.reply().unwrap().body.len() < 500), (400, true));
}

#[test]
fn other_paths_are_refused_or_left_alone_as_configured() {
    let mut host = gateway("{}");
    host.request_headers(&[(":method", "POST"), (":path", "/v1/embeddings")], false);
    assert_eq!(
        (host.reply().unwrap().status, &host.reply().unwrap().headers[0].1[..]),
        (404, "application/json")
    );

    let mut host = gateway(r#"{"other_paths": "pass"}"#);
    let sent = host.request(&[(":method", "POST"), (":path", "/health"), ("x-ai-model", "x")], &[b"body"]);
    assert_eq!(sent.body, b"body");
    assert_eq!(sent.headers.unwrap().text("x-ai-model"), None);
    let answered = host.response(&[(":status", "500"), ("content-type", "text/plain")], &[b"down"]);
    assert_eq!(answered.body, b"down");
}

#[test]
fn what_only_one_target_can_express_goes_there_and_what_none_can_is_refused() {
    let mut host = gateway("{}");
    let body = br#"{"model":"gpt-4","messages":[{"role":"user","content":"x"}],"n":2}"#;
    let sent = host.request(&post(CHAT), &[body]);
    assert_eq!(sent.headers.unwrap().text("x-ai-plan"), Some("openai"));

    let mut host = gateway("{}");
    let body = br#"{"model":"claude","messages":[{"role":"user","content":"x"}],"n":2,"logprobs":true}"#;
    host.request(&post(CHAT), &[body]);
    let reply = host.reply().unwrap();
    assert_eq!(reply.status, 400);
    let error = &json(&reply.body)["error"];
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("`n`") && message.contains("`logprobs`"), "{message}");
    assert_eq!(error["code"], "unsupported_by_provider");
}

#[test]
fn models_are_listed_in_the_clients_dialect() {
    let mut host = gateway("{}");
    host.request_headers(&[(":method", "GET"), (":path", "/v1/models?limit=9")], true);
    let body = json(&host.reply().unwrap().body);
    let ids: Vec<_> = body["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
    assert_eq!(ids, ["gpt-4", "claude", "fast"]);
    assert_eq!(body["object"], "list");

    let mut host = gateway("{}");
    host.request_headers(
        &[(":method", "GET"), (":path", "/v1/models"), ("anthropic-version", "2023-06-01")],
        true,
    );
    let body = json(&host.reply().unwrap().body);
    assert_eq!((&body["has_more"], &body["first_id"]), (&false.into(), &"gpt-4".into()));
    // Every member that the SDKs' types require.
    assert_eq!(
        body["data"][0],
        serde_json::json!({
            "type": "model", "id": "gpt-4", "display_name": "gpt-4", "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "active",
        })
    );

    for (path, status) in
        [("/v1/models/gpt-4", 200), ("/v1/models/gpt-4o-mini", 200), ("/v1/models/nope", 404)]
    {
        let mut host = gateway("{}");
        host.request_headers(&[(":method", "GET"), (":path", path)], true);
        assert_eq!(host.reply().unwrap().status, status, "{path}");
    }
}

#[test]
fn where_headers_cannot_be_held_they_go_on_without_a_length_and_the_body_is_still_read() {
    let mut host = gateway(r#"{"headers_held": false}"#);
    let mut headers = post(CHAT);
    headers.push(("content-length", "38"));
    let sent = host.request(&headers, &[br#"{"model":"fast",  "messages":[]}"#]);
    assert_eq!(sent.body, br#"{"model":"gpt-4",  "messages":[]}"#);
    let sent = sent.headers.unwrap();
    assert_eq!((sent.text("content-length"), sent.text("x-ai-model")), (None, None));
    assert!(!host.route_cleared());
    assert_eq!(context(&host).requested_model, "fast");

    let mut host = gateway(r#"{"headers_held": false}"#);
    host.request(&headers, &[br#"{"model":"nope","messages":[]}"#]);
    assert_eq!(host.reply().unwrap().status, 404);
}

#[test]
fn non_utf8_headers_are_no_obstacle() {
    let mut host = gateway("{}");
    let mut state = FilterState::new();
    state.insert("unrelated", vec![0xff]);
    host.request_headers(&[(":method", "POST"), (":path", "/v1/\u{fffd}")], false);
    assert_eq!(host.reply().unwrap().status, 404);
}

#[test]
fn what_a_target_can_express_depends_on_its_version() {
    // A version that takes no sampling parameters, in front of a provider that does.
    let models = r#"{"models": [{"name": "m", "targets": [
        {"provider": "anthropic", "api": "anthropic", "anthropic_version": "2026-10-21"},
        {"provider": "openai", "api": "openai"}]}], "aliases": []}"#;
    let mut host = gateway(models);
    let body = br#"{"model":"m","temperature":0.5,"messages":[{"role":"user","content":"x"}]}"#;
    let sent = host.request(&post(CHAT), &[body]).headers.unwrap();
    assert_eq!(sent.text("x-ai-plan"), Some("openai"));

    let mut host = gateway(&models.replace("2026-10-21", "2023-06-01"));
    let sent = host.request(&post(CHAT), &[body]).headers.unwrap();
    assert_eq!(sent.text("x-ai-plan"), None);
}
