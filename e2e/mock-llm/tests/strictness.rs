//! What the real APIs refuse, row by row: what was wrong with the request, the status, and words of the message.

mod common;

use common::{anthropic, body, exchange, openai, request, request_with};
use mock_llm::{ProviderKind, Strictness};
use serde_json::{Value, json};

/// One change to a good request that makes it a bad one.
struct Row {
    what: &'static str,
    change: Change,
    status: u16,
    error_type: &'static str,
    message: &'static str,
}

enum Change {
    /// These top-level fields are set; `null` removes one.
    Fields(Value),
    /// The whole body.
    Body(&'static str),
    /// The whole request, `{}` standing for its body.
    Head(&'static str),
}

use Change::{Body, Fields, Head};

fn row(
    what: &'static str,
    change: Change,
    status: u16,
    error_type: &'static str,
    message: &'static str,
) -> Row {
    Row { what, change, status, error_type, message }
}

async fn check(kind: ProviderKind, rows: Vec<Row>) {
    let mock = match kind {
        ProviderKind::OpenAi => openai().await,
        ProviderKind::Anthropic => anthropic().await,
    };
    for Row { what, change, status, error_type, message } in rows {
        let good = body(kind, false);
        let bytes = match change {
            Fields(changes) => {
                let mut changed = good;
                for (name, value) in changes.as_object().unwrap() {
                    match value {
                        Value::Null => changed.as_object_mut().unwrap().remove(name),
                        value => changed.as_object_mut().unwrap().insert(name.clone(), value.clone()),
                    };
                }
                request(kind, &changed)
            }
            Body(body) => request_with(kind, &[], body),
            Head(head) => {
                let body = good.to_string();
                let head = head.replace('\n', "\r\n");
                format!("{head}\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
            }
        };
        let seen = exchange(mock.address(), &bytes).await;
        assert_eq!(seen.status(), status, "{what}: {}", seen.body());
        if status == 200 {
            continue;
        }
        let error = seen.json();
        assert_eq!(error["error"]["type"], error_type, "{what}: {error}");
        let said = error["error"]["message"].as_str().unwrap();
        assert!(said.contains(message), "{what}: {said:?} does not contain {message:?}");
        assert_eq!(
            error.get("type").is_some(),
            kind == ProviderKind::Anthropic,
            "{what}: the shape of its API"
        );
        assert!(mock.requests().last().unwrap().refused.as_ref().unwrap().contains(message), "{what}");
    }
}

const INVALID: &str = "invalid_request_error";

#[tokio::test]
async fn openai_refuses() {
    let auth = "authorization: Bearer sk-proj-mock-openai-key\ncontent-type: application/json";
    assert!(auth.contains(ProviderKind::OpenAi.default_key()));
    let messages = |message: Value| Fields(json!({"messages": [message]}));
    check(ProviderKind::OpenAi, vec![
        row("good", Fields(json!({})), 200, "", ""),
        row("every field of the API", Fields(json!({"temperature": 2, "top_p": 0.5, "seed": 1, "user": "u", "stop": ["a"]})), 200, "", ""),
        row("no key", Head("POST /v1/chat/completions HTTP/1.1\ncontent-type: application/json"), 401, INVALID, "You didn't provide an API key"),
        row("wrong key", Head("POST /v1/chat/completions HTTP/1.1\nauthorization: Bearer sk-other\ncontent-type: application/json"), 401, INVALID, "Incorrect API key provided"),
        row("no scheme", Head("POST /v1/chat/completions HTTP/1.1\nauthorization: sk-proj-mock-openai-key\ncontent-type: application/json"), 401, INVALID, "You didn't provide an API key"),
        row("wrong path", Head("POST /v1/messages HTTP/1.1\ncontent-type: application/json"), 404, INVALID, "Invalid URL (POST /v1/messages)"),
        row("wrong method", Head("PUT /v1/chat/completions HTTP/1.1\nauthorization: Bearer sk-proj-mock-openai-key"), 405, INVALID, "Invalid method for URL"),
        row("no content type", Head("POST /v1/chat/completions HTTP/1.1\nauthorization: Bearer sk-proj-mock-openai-key"), 400, INVALID, "you must provide a model parameter"),
        row("no JSON", Body("{\"model\": \"gpt-4\","), 400, INVALID, "We could not parse the JSON body"),
        row("bytes after the JSON", Body("{\"model\": \"gpt-4\"} x"), 400, INVALID, "We could not parse the JSON body"),
        row("no object", Body("[]"), 400, INVALID, "We could not parse the JSON body"),
        row("no model", Fields(json!({"model": null})), 400, INVALID, "you must provide a model parameter"),
        row("unknown model", Fields(json!({"model": "claude-3-opus"})), 404, INVALID, "The model `claude-3-opus` does not exist"),
        row("no messages", Fields(json!({"messages": null})), 400, INVALID, "Missing required parameter: 'messages'"),
        row("empty messages", Fields(json!({"messages": []})), 400, INVALID, "Invalid 'messages': empty array"),
        row("unknown field", Fields(json!({"top_k": 5})), 400, INVALID, "Unknown parameter: 'top_k'"),
        row("unknown role", messages(json!({"role": "model", "content": "x"})), 400, INVALID, "Invalid value: 'model'"),
        row("no role", messages(json!({"content": "x"})), 400, INVALID, "Missing required parameter: 'messages[0].role'"),
        row("no content", messages(json!({"role": "user"})), 400, INVALID, "'messages[0].content'"),
        row("numeric content", messages(json!({"role": "user", "content": 5})), 400, INVALID, "Invalid type for 'messages[0].content'"),
        row("part without type", messages(json!({"role": "user", "content": [{"text": "x"}]})), 400, INVALID, "messages[0].content[0].type"),
        row("tool without id", messages(json!({"role": "tool", "content": "x"})), 400, INVALID, "messages[0].tool_call_id"),
        row("hot", Fields(json!({"temperature": 2.5})), 400, INVALID, "Expected a value <= 2, but got 2.5"),
        row("cold", Fields(json!({"temperature": -1})), 400, INVALID, "Expected a value >= 0, but got -1"),
        row("temperature in words", Fields(json!({"temperature": "1"})), 400, INVALID, "expected a decimal, but got a string"),
        row("no tokens", Fields(json!({"max_tokens": 0})), 400, INVALID, "integer below minimum value"),
        row("too many tokens", Fields(json!({"max_tokens": 100_000})), 400, INVALID, "max_tokens is too large: 100000"),
        row("two limits", Fields(json!({"max_tokens": 5, "max_completion_tokens": 5})), 400, INVALID, "at the same time is not supported"),
        row("stream in words", Fields(json!({"stream": "true"})), 400, INVALID, "expected a boolean"),
        row("options without stream", Fields(json!({"stream_options": {"include_usage": true}})), 400, INVALID, "only allowed when 'stream' is enabled"),
        row("five stops", Fields(json!({"stop": ["a", "b", "c", "d", "e"]})), 400, INVALID, "array too long"),
    ])
    .await;
}

#[tokio::test]
async fn openai_names_field_and_code() {
    let mock = openai().await;
    let mut asked = body(ProviderKind::OpenAi, false);
    asked["top_k"] = json!(5);
    let error = exchange(mock.address(), &request(ProviderKind::OpenAi, &asked)).await.json();
    assert_eq!(
        (&error["error"]["param"], &error["error"]["code"]),
        (&json!("top_k"), &json!("unknown_parameter"))
    );
}

#[tokio::test]
async fn anthropic_refuses() {
    let messages = |messages: Value| Fields(json!({"messages": messages}));
    let user = |content: Value| Fields(json!({"messages": [{"role": "user", "content": content}]}));
    check(ProviderKind::Anthropic, vec![
        row("good", Fields(json!({})), 200, "", ""),
        row("every kind of field", Fields(json!({"temperature": 1, "top_p": 0.5, "top_k": 3, "stop_sequences": ["x"], "metadata": {"user_id": "u"}, "system": [{"type": "text", "text": "Be brief."}]})), 200, "", ""),
        row("bearer", Head("POST /v1/messages HTTP/1.1\nauthorization: Bearer sk-ant-api03-mock-anthropic-key\nanthropic-version: 2023-06-01\ncontent-type: application/json"), 200, "", ""),
        row("newer version", Head("POST /v1/messages HTTP/1.1\nx-api-key: sk-ant-api03-mock-anthropic-key\nanthropic-version: 2026-10-21\ncontent-type: application/json"), 200, "", ""),
        row("no key", Head("POST /v1/messages HTTP/1.1\nanthropic-version: 2023-06-01\ncontent-type: application/json"), 401, "authentication_error", "x-api-key header is required"),
        row("wrong key", Head("POST /v1/messages HTTP/1.1\nx-api-key: sk-other\nanthropic-version: 2023-06-01"), 401, "authentication_error", "invalid x-api-key"),
        row("wrong bearer", Head("POST /v1/messages HTTP/1.1\nauthorization: Bearer sk-other\nanthropic-version: 2023-06-01"), 401, "authentication_error", "Invalid bearer token"),
        row("x-api-key wins", Head("POST /v1/messages HTTP/1.1\nx-api-key: sk-other\nauthorization: Bearer sk-ant-api03-mock-anthropic-key\nanthropic-version: 2023-06-01"), 401, "authentication_error", "invalid x-api-key"),
        row("no version", Head("POST /v1/messages HTTP/1.1\nx-api-key: sk-ant-api03-mock-anthropic-key\ncontent-type: application/json"), 400, INVALID, "anthropic-version: header is required"),
        row("unknown version", Head("POST /v1/messages HTTP/1.1\nx-api-key: sk-ant-api03-mock-anthropic-key\nanthropic-version: 2024-01-01\ncontent-type: application/json"), 400, INVALID, "is not a valid version"),
        row("wrong path", Head("POST /v1/chat/completions HTTP/1.1\ncontent-type: application/json"), 404, "not_found_error", "Not Found"),
        row("wrong method", Head("GET /v1/messages HTTP/1.1\nx-api-key: sk-ant-api03-mock-anthropic-key"), 405, INVALID, "Method Not Allowed"),
        row("no JSON", Body("{"), 400, INVALID, "not valid JSON"),
        row("no max_tokens", Fields(json!({"max_tokens": null})), 400, INVALID, "max_tokens: Field required"),
        row("zero tokens", Fields(json!({"max_tokens": 0})), 400, INVALID, "max_tokens: must be greater than or equal to 1"),
        row("too many tokens", Fields(json!({"max_tokens": 8192})), 400, INVALID, "max_tokens: 8192 > 4096"),
        row("no model", Fields(json!({"model": null})), 400, INVALID, "model: Field required"),
        row("unknown model", Fields(json!({"model": "gpt-4"})), 404, "not_found_error", "model: gpt-4"),
        row("no messages", Fields(json!({"messages": null})), 400, INVALID, "messages: Field required"),
        row("empty messages", messages(json!([])), 400, INVALID, "messages: at least one message is required"),
        row("unknown field", Fields(json!({"n": 1})), 400, INVALID, "n: Extra inputs are not permitted"),
        row("system role", messages(json!([{"role": "system", "content": "x"}, {"role": "user", "content": "x"}])), 400, INVALID, "Unexpected role \"system\""),
        row("tool role", messages(json!([{"role": "tool", "content": "x"}])), 400, INVALID, "Unexpected role \"tool\""),
        row("name of a speaker", messages(json!([{"role": "user", "content": "x", "name": "Bo"}])), 400, INVALID, "messages.0.name: Extra inputs are not permitted"),
        row("assistant first", messages(json!([{"role": "assistant", "content": "x"}, {"role": "user", "content": "x"}])), 400, INVALID, "first message must use the \"user\" role"),
        row("empty text", user(json!([{"type": "text", "text": ""}])), 400, INVALID, "text content blocks must be non-empty"),
        row("blank text", user(json!([{"type": "text", "text": " \n"}])), 400, INVALID, "must contain non-whitespace text"),
        row("empty string", user(json!("")), 400, INVALID, "all messages must have non-empty content"),
        row("no blocks", user(json!([])), 400, INVALID, "all messages must have non-empty content"),
        row("null content", user(json!(null)), 400, INVALID, "messages.0.content: Field required"),
        row("trailing whitespace", messages(json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "So "}])), 400, INVALID, "cannot end with trailing whitespace"),
        row("prefill", messages(json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "So"}])), 200, "", ""),
        row("prefill, newest model", Fields(json!({"model": "claude-opus-4-6", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "So"}]})), 400, INVALID, "does not support assistant message prefill"),
        row("empty system block", Fields(json!({"system": [{"type": "text", "text": ""}]})), 400, INVALID, "system: text content blocks must be non-empty"),
        row("hot", Fields(json!({"temperature": 1.5})), 400, INVALID, "temperature: range: 0..1"),
        row("blank stop", Fields(json!({"stop_sequences": ["\n"]})), 400, INVALID, "each stop sequence must contain non-whitespace"),
    ])
    .await;
}

#[tokio::test]
async fn the_newer_version_refuses_sampling() {
    let mock = anthropic().await;
    for field in ["temperature", "top_p", "top_k"] {
        let mut asked = body(ProviderKind::Anthropic, false);
        asked[field] = json!(1);
        let good = String::from_utf8(request(ProviderKind::Anthropic, &asked)).unwrap();
        assert_eq!(exchange(mock.address(), good.as_bytes()).await.status(), 200);
        let newer = exchange(mock.address(), good.replace("2023-06-01", "2026-10-21").as_bytes()).await;
        assert_eq!(newer.status(), 400);
        assert!(newer.json()["error"]["message"].as_str().unwrap().starts_with(field));
    }
}

#[tokio::test]
async fn settings_move_the_rules() {
    let mock = openai().await;
    let asked =
        request(ProviderKind::OpenAi, &json!({"model": "house-model", "messages": [], "anything": 1}));
    assert_eq!(exchange(mock.address(), &asked).await.status(), 400);
    mock.set_strictness(Strictness::AnswerAnything);
    assert_eq!(exchange(mock.address(), &asked).await.json()["model"], "house-model");
    mock.set_strictness(Strictness::AsTheRealApi);

    let good = String::from_utf8(request(ProviderKind::OpenAi, &body(ProviderKind::OpenAi, false))).unwrap();
    let mut house = body(ProviderKind::OpenAi, false);
    house["model"] = json!("house-model");
    let house = request(ProviderKind::OpenAi, &house);
    assert_eq!(exchange(mock.address(), &house).await.status(), 404);
    mock.accept_model("house-model");
    assert_eq!(exchange(mock.address(), &house).await.status(), 200);
    mock.serve_at("/base/chat/completions");
    assert_eq!(exchange(mock.address(), good.as_bytes()).await.status(), 404);
    let moved = good.replace("/v1/chat", "/base/chat");
    assert_eq!(exchange(mock.address(), moved.as_bytes()).await.status(), 200);
    mock.expect_key("sk-new");
    assert_eq!(exchange(mock.address(), moved.as_bytes()).await.status(), 401);
    assert_eq!(
        exchange(mock.address(), moved.replace(ProviderKind::OpenAi.default_key(), "sk-new").as_bytes())
            .await
            .status(),
        200
    );
}
