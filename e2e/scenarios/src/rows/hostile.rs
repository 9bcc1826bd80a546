//! Requests that are broken, oversized or odd: refused in the client's dialect, or served; and nothing dies.

use mock_llm::Reply;
use serde_json::json;

use super::{BOTH, EVERYWHERE, PROVIDER_ALONE, WITH_GATEWAY, WITH_PROVIDER};
use crate::expect::{Expect, anthropic_error, completion, openai_error, status};
use crate::request::{Request, chat, chat_body, message, prompt};
use crate::row::Row;
use crate::seen::once;
use crate::shape::MAX_BODY;

fn post(body: impl Into<Vec<u8>>) -> Request {
    chat("").bytes(body.into())
}

fn post_message(body: impl Into<Vec<u8>>) -> Request {
    message("").bytes(body.into())
}

fn refused() -> Expect {
    openai_error(400, "invalid_request_error")
}

/// A question whose body has that many bytes.
fn sized(bytes: usize) -> String {
    let empty =
        json!({"model": "gpt-4", "max_tokens": 9, "messages": [{"role": "user", "content": prompt("")}]})
            .to_string();
    let filling = bytes.saturating_sub(empty.len());
    json!({"model": "gpt-4", "max_tokens": 9, "messages": [{"role": "user", "content": prompt(&"x".repeat(filling))}]}).to_string()
}

fn nested(depth: usize) -> String {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    format!(r#"{{"metadata":{open}{close},"model":"gpt-4","messages":[{{"role":"user","content":"deep"}}]}}"#)
}

pub(super) fn rows() -> Vec<Row> {
    [broken(), sizes(), huge(), odd()].into_iter().flatten().collect()
}

/// Bodies that are no request. Where ai-provider has nothing to change it would not read them, but ai-gateway does.
fn broken() -> Vec<Row> {
    let mut rows = Vec::new();
    let bodies: [(&str, &[u8]); 9] = [
        ("no-json", b"model=gpt-4"),
        ("truncated-json", br#"{"model":"gpt-4","messages":[{"role":"user","con"#),
        ("array", b"[]"),
        ("null", b"null"),
        ("no-model", br#"{"messages":[]}"#),
        ("model-is-a-number", br#"{"model":4,"messages":[]}"#),
        ("invalid-utf8", b"{\"model\":\"gpt-4\xff\xfe\",\"messages\":[]}"),
        ("only-zeros", &[0; 64]),
        ("lone-surrogate", br#"{"model":"\ud800","messages":[]}"#),
    ];
    for (name, body) in bodies {
        rows.push(Row::new(format!("broken/{name}"), EVERYWHERE, post(body), refused()));
        rows.push(Row::new(
            format!("broken/{name}-anthropic-client"),
            WITH_PROVIDER,
            post_message(body).http2(),
            anthropic_error(400, "invalid_request_error"),
        ));
    }
    rows.extend([
        Row::new("broken/empty-body", EVERYWHERE, post(""), refused()),
        Row::new("broken/empty-body-http2", EVERYWHERE, post("").http2(), refused()),
        Row::new("broken/empty-chunked-body", EVERYWHERE, post("").chunked().trailer("a", "b"), refused()),
        Row::new("broken/no-body", EVERYWHERE, Request { body: None, ..chat("") }, refused()),
        Row::new("broken/no-body-http2", EVERYWHERE, Request { body: None, ..chat("") }.http2(), refused()),
        // Read by nobody, or by somebody who gives up: either way the provider's or our refusal, or an answer.
        Row::new("broken/nested-10000-deep", EVERYWHERE, post(nested(10_000)), either_served_or_refused())
            .maybe_openai(),
        Row::new(
            "broken/nested-10000-deep-http2",
            EVERYWHERE,
            post(nested(10_000)).http2(),
            either_served_or_refused(),
        )
        .maybe_openai(),
        Row::new("broken/nested-unclosed", EVERYWHERE, post("[".repeat(10_000)), refused()),
        Row::new(
            "broken/content-encoding",
            WITH_GATEWAY,
            chat("zip").header("content-encoding", "gzip"),
            refused(),
        ),
    ]);
    rows
}

fn either_served_or_refused() -> Expect {
    crate::expect::any().check(|answer, problems| {
        problems.require(matches!(answer.status, 200 | 400), || {
            format!("status {}: {}", answer.status, answer.text())
        });
    })
}

fn sizes() -> Vec<Row> {
    let too_large = || openai_error(413, "invalid_request_error");
    let too_large_message = || anthropic_error(413, "request_too_large");
    let large = sized(MAX_BODY + 1);
    let answered = || status(200).at("/model", "gpt-4");
    vec![
        Row::new("size/at-the-limit", EVERYWHERE, post(sized(MAX_BODY)), answered())
            .openai(once().bytes(sized(MAX_BODY)), Reply::text("Hello.")),
        Row::new(
            "size/at-the-limit-chunked",
            EVERYWHERE,
            post(sized(MAX_BODY)).chunked().in_pieces(5000),
            answered(),
        )
        .openai(once().bytes(sized(MAX_BODY)), Reply::text("Hello.")),
        Row::new("size/at-the-limit-http2", EVERYWHERE, post(sized(MAX_BODY)).http2(), answered())
            .openai(once().bytes(sized(MAX_BODY)), Reply::text("Hello.")),
        Row::new(
            "size/at-the-limit-chunked-http2",
            EVERYWHERE,
            post(sized(MAX_BODY)).chunked().in_pieces(9000).http2(),
            answered(),
        )
        .openai(once().bytes(sized(MAX_BODY)), Reply::text("Hello.")),
        at_the_limit("size/at-the-limit-translated", post(sized(MAX_BODY - 200))),
        at_the_limit("size/at-the-limit-translated-http2", post(sized(MAX_BODY - 200)).http2()),
        at_the_limit(
            "size/at-the-limit-translated-chunked",
            post(sized(MAX_BODY - 200)).chunked().in_pieces(5000),
        ),
        Row::new("size/above", EVERYWHERE, post(large.clone()), too_large()),
        Row::new("size/above-http2", EVERYWHERE, post(large.clone()).http2(), too_large()),
        Row::new(
            "size/above-chunked",
            EVERYWHERE,
            post(large.clone()).chunked().in_pieces(9000),
            too_large(),
        ),
        Row::new(
            "size/above-chunked-http2",
            EVERYWHERE,
            post(large.clone()).chunked().in_pieces(9000).http2(),
            too_large(),
        ),
        Row::new(
            "size/above-anthropic-client",
            WITH_PROVIDER,
            post_message(large.clone()),
            too_large_message(),
        ),
        Row::new(
            "size/above-chunked-anthropic-client",
            WITH_PROVIDER,
            post_message(large).chunked().in_pieces(9000),
            too_large_message(),
        ),
    ]
}

/// Beyond what Envoy itself would buffer, which is twice the filters' limit.
fn huge() -> Vec<Row> {
    let huge = sized(8 * MAX_BODY);
    let row = |name: &str, request: Request| {
        let expect = openai_error(413, "invalid_request_error");
        Row::new(format!("size/above-envoys-limit{name}"), WITH_GATEWAY, request, expect)
    };
    let message = |name: &str, request: Request| {
        let expect = anthropic_error(413, "request_too_large");
        Row::new(format!("size/above-envoys-limit-anthropic-client{name}"), BOTH, request, expect)
    };
    // Envoy may see it first, and answers in plain text: no filter is on the client's side of that.
    let alone = |name: &str, request: Request| {
        Row::new(
            format!("size/above-envoys-limit-without-gateway{name}"),
            PROVIDER_ALONE,
            request,
            status(413),
        )
    };
    vec![
        row("", post(huge.clone())),
        row("-chunked", post(huge.clone()).chunked().in_pieces(65_536)),
        row("-in-one-chunk", post(huge.clone()).chunked()),
        row("-http2", post(huge.clone()).chunked().in_pieces(16_384).http2()),
        message("", post_message(huge.clone())),
        message("-chunked", post_message(huge.clone()).chunked().in_pieces(65_536)),
        message("-http2", post_message(huge.clone()).chunked().in_pieces(16_384).http2()),
        alone("", post(huge.clone())),
        alone("-chunked", post(huge.clone()).chunked().in_pieces(65_536)),
        alone("-http2", post_message(huge).chunked().in_pieces(16_384).http2()),
    ]
}

/// The largest body that is accepted, with room for what the other API's form adds.
fn at_the_limit(name: &str, request: Request) -> Row {
    Row::new(name, WITH_PROVIDER, request, completion("Hello.", "anthropic", 2))
        .openai(once(), Reply::status(503))
        .anthropic(once(), Reply::text("Hello."))
}

/// More headers than Envoy reads.
fn crowded(request: Request) -> Request {
    (0..100).fold(request, |request, n| request.header(format!("x-unknown-{n}"), "1"))
}

/// A stream that its client wants to end with usage.
fn stream_with_usage(text: &str) -> Request {
    chat_body(json!({
        "model": "gpt-4", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": prompt(text)}],
    }))
}

/// Unusual, and valid but for some.
fn odd() -> Vec<Row> {
    let hello = || status(200).says("Hello.");
    let exact = |request: &Request| once().bytes(request.whole_body());
    let row = |name: &str, request: Request| {
        let seen = exact(&request);
        Row::new(format!("odd/{name}"), EVERYWHERE, request, hello()).openai(seen, Reply::text("Hello."))
    };
    let mut rows = vec![
        row("chunked", chat("a").chunked()),
        row("byte-by-byte", chat("a").in_pieces(1)),
        row("chunked-byte-by-byte", chat("a").chunked().in_pieces(1)),
        row("byte-by-byte-http2", chat("a").in_pieces(1).http2()),
        row("no-content-length-http2", chat("a").chunked().http2()),
        row("trailers", chat("a").in_pieces(20).trailer("x-checksum", "1")),
        row("trailers-http2", chat("a").in_pieces(20).trailer("x-checksum", "1").http2()),
        // With usage asked for, there is nothing that the gateway would add.
        row("stream-with-trailers-http2", stream_with_usage("a").trailer("x-checksum", "1").http2()),
        row("invalid-utf8-header", chat("a").header("x-odd", b"\xff\xfe\xf0".to_vec())),
        row("invalid-utf8-header-http2", chat("a").header("x-odd", b"\xff\xfe\xf0".to_vec()).http2()),
        row("invalid-utf8-user-agent", chat("a").header("user-agent", b"caf\xe9".to_vec())),
        row("expect-continue", chat("a").header("expect", "100-continue")),
        row("upper-case-headers", chat("a").header("X-ODD", "1").header("ACCEPT", "*/*")),
        // Envoy's own codec answers these, in plain text: no filter and no configuration is asked.
        Row::new(
            "odd/underscore-in-header",
            EVERYWHERE,
            chat("a").header("x_ai_model", "other"),
            status(400),
        ),
        Row::new("odd/too-many-headers", EVERYWHERE, crowded(chat("a")), status(431)),
        Row::new(
            "odd/trailers-translated-http2",
            WITH_PROVIDER,
            chat("a").in_pieces(9).trailer("x-checksum", "1").http2(),
            completion("Hello.", "anthropic", 2),
        )
        .openai(once(), Reply::status(503))
        .anthropic(once().at("/messages/0/content", prompt("a")), Reply::text("Hello.")),
        Row::new(
            "odd/invalid-utf8-header-translated",
            WITH_PROVIDER,
            chat("a").header("x-odd", b"\xff\xfe".to_vec()),
            completion("Hello.", "anthropic", 2),
        )
        .openai(once(), Reply::status(503))
        .anthropic(once(), Reply::text("Hello.")),
    ];
    rows.push(
        Row::new(
            "odd/answer-with-invalid-utf8-header",
            WITH_PROVIDER,
            chat("a"),
            completion("Hello.", "openai", 1),
        )
        .openai(once(), Reply::text("Hello.").header("x-odd", b"\xff\xfe".to_vec())),
    );
    rows
}
