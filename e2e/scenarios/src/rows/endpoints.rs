//! What is served and what is not: paths, methods, models, the list of models.

use mock_llm::Reply;
use serde_json::{Value, json};

use super::{PROVIDER_ALONE, WITH_GATEWAY, WITH_PROVIDER};
use crate::expect::{Expect, anthropic_error, openai_error, status};
use crate::request::{Request, chat_body, message_body, prompt};
use crate::row::Row;
use crate::seen::once;

/// The same request from one of Anthropic's clients.
fn as_anthropic(request: Request) -> Request {
    request.header("anthropic-version", "2023-06-01")
}

fn unknown(code: u16) -> Expect {
    openai_error(code, "invalid_request_error")
}

fn asking(model: &str) -> Value {
    json!({"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": prompt("who")}]})
}

pub(super) fn rows() -> Vec<Row> {
    let models = || Request::new("GET", "/v1/models").bearer();
    let one = |name: &str| Request::new("GET", format!("/v1/models/{name}")).bearer();
    vec![
        Row::new(
            "models/unknown",
            WITH_GATEWAY,
            chat_body(asking("gpt-9")),
            unknown(404).at("/error/code", "model_not_found").lacks("claude").says("gpt-9"),
        ),
        Row::new(
            "models/unknown-http2",
            WITH_GATEWAY,
            chat_body(asking("gpt-9")).http2(),
            unknown(404).at("/error/code", "model_not_found"),
        ),
        Row::new(
            "models/unknown-anthropic-client",
            WITH_GATEWAY,
            message_body(asking("claude-9")),
            anthropic_error(404, "not_found_error"),
        ),
        Row::new(
            "models/name-is-no-json-injection",
            WITH_GATEWAY,
            chat_body(asking("x\",\"error\":{\"\u{0}\r\nset-cookie: a=b")),
            unknown(404).no_headers(&["set-cookie"]),
        ),
        Row::new(
            "models/unknown-without-gateway",
            PROVIDER_ALONE,
            chat_body(asking("gpt-9")),
            status(200).at("/model", "gpt-9"),
        )
        .openai(once().at("/model", "gpt-4"), Reply::text("Hello.")),
        Row::new(
            "models/list",
            WITH_GATEWAY,
            models(),
            status(200).at("/object", "list").at("/data/0/id", "gpt-4").lacks("claude"),
        ),
        Row::new(
            "models/list-http2",
            WITH_GATEWAY,
            models().http2(),
            status(200).at("/object", "list").at("/data/0/id", "gpt-4"),
        ),
        Row::new(
            "models/list-anthropic-client",
            WITH_GATEWAY,
            as_anthropic(models()),
            status(200).at("/has_more", false).at("/data/0/type", "model").at("/data/0/id", "gpt-4"),
        ),
        Row::new("models/list-without-gateway", PROVIDER_ALONE, models(), unknown(404)),
        Row::new(
            "models/head",
            WITH_GATEWAY,
            Request::new("HEAD", "/v1/models").bearer(),
            status(200).header("content-type", "application/json").body(""),
        ),
        Row::new(
            "models/head-http2",
            WITH_GATEWAY,
            Request::new("HEAD", "/v1/models").bearer().http2(),
            status(200).header("content-type", "application/json").body(""),
        ),
        Row::new(
            "models/another-method",
            WITH_GATEWAY,
            Request::new("DELETE", "/v1/models/gpt-4").bearer(),
            unknown(405).header("allow", "GET, HEAD"),
        ),
        Row::new(
            "models/one",
            WITH_GATEWAY,
            one("gpt-4"),
            status(200).at("/object", "model").at("/id", "gpt-4"),
        ),
        Row::new("models/one-by-alias", WITH_GATEWAY, one("team-red"), status(200).at("/id", "team-red")),
        Row::new(
            "models/one-unknown",
            WITH_GATEWAY,
            one("gpt-9"),
            unknown(404).at("/error/code", "model_not_found"),
        ),
        Row::new(
            "paths/unknown",
            WITH_GATEWAY,
            Request::new("POST", "/v1/embeddings").bearer().json(&asking("gpt-4")),
            unknown(404),
        ),
        Row::new(
            "paths/unknown-anthropic-client",
            WITH_GATEWAY,
            as_anthropic(Request::new("GET", "/v1/files")),
            anthropic_error(404, "not_found_error"),
        ),
        Row::new(
            "paths/unknown-without-gateway",
            WITH_PROVIDER,
            Request::new("POST", "/v1/embeddings").bearer().json(&asking("gpt-4")),
            unknown(404),
        ),
        Row::new("paths/root", WITH_GATEWAY, Request::new("GET", "/").http2(), unknown(404)),
        Row::new(
            "paths/escaped-slash",
            WITH_PROVIDER,
            Request::new("POST", "/v1%2Fchat/completions").json(&asking("gpt-4")),
            status(400),
        ),
        Row::new(
            "paths/query-is-not-passed-on",
            WITH_PROVIDER,
            Request::new("POST", "/v1/chat/completions?key=1")
                .bearer()
                .json(&json!({"model": "gpt-4", "messages": [{"role": "user", "content": "q"}]})),
            status(200),
        )
        .openai(once().path("/v1/chat/completions"), Reply::text("Hello.")),
        Row::new(
            "methods/get-chat",
            WITH_GATEWAY,
            Request::new("GET", "/v1/chat/completions").bearer(),
            unknown(405),
        ),
        Row::new(
            "methods/get-messages",
            WITH_GATEWAY,
            as_anthropic(Request::new("GET", "/v1/messages")),
            anthropic_error(405, "invalid_request_error"),
        ),
        Row::new(
            "methods/post-models",
            WITH_GATEWAY,
            Request::new("POST", "/v1/models").json(&json!({})),
            unknown(405),
        ),
        Row::new(
            "methods/get-without-gateway",
            PROVIDER_ALONE,
            Request::new("GET", "/v1/chat/completions").bearer(),
            status(400),
        ),
    ]
}
