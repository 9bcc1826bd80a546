//! Requests that only some provider can express: routed around, refused with every field named, never cut down.

use mock_llm::Reply;
use serde_json::{Value, json};

use super::{BOTH, GATEWAY_ALONE, HELD, WITH_PROVIDER};
use crate::expect::{Expect, anthropic_error, completion, openai_error, reply, status};
use crate::request::{chat_body, message_body, prompt};
use crate::row::Row;
use crate::seen::once;
use crate::shape::Shape;

/// Where no route leaves out a provider, the attempt itself finds out.
const NOT_NARROWED: &[Shape] = &[Shape::NotHeld, Shape::ProviderAlone];

/// Requests that Anthropic's API would be sent without loss some day, and is not sent with loss today; and the field to be named.
fn requests() -> Vec<(&'static str, Value, &'static str)> {
    let ask = |more: Value| {
        let mut body =
            json!({"model": "gpt-4", "messages": [{"role": "user", "content": prompt("can you")}]});
        for (name, value) in more.as_object().expect("members") {
            body[name.as_str()] = value.clone();
        }
        body
    };
    let tool = json!({"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}});
    let picture = json!([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]);
    vec![
        ("tools", ask(json!({"tools": [tool]})), "tools"),
        ("image", ask(json!({"messages": [{"role": "user", "content": picture}]})), "messages[0].content[1]"),
        ("two-choices", ask(json!({"n": 2})), "`n`"),
        ("json-schema", ask(json!({"response_format": {"type": "json_object"}})), "response_format"),
        ("logprobs", ask(json!({"logprobs": true})), "logprobs"),
    ]
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, body, field) in requests() {
        let request = chat_body(body);
        let row = |suffix: &str, shapes, expect: Expect| {
            Row::new(format!("inexpressible/{name}{suffix}"), shapes, request.clone(), expect)
        };
        let exact = || once().bytes(request.whole_body());
        rows.push(row("", WITH_PROVIDER, status(200).from("openai", 1)).openai(exact(), Reply::text("Yes.")));
        rows.push(
            row("-openai-down", HELD, openai_error(503, "server_error").from("openai", 1).lacks("anthropic"))
                .openai(exact(), Reply::status(503)),
        );
        rows.push(
            row("-openai-down-not-narrowed", NOT_NARROWED, openai_error(503, "server_error").says(field))
                .openai(exact(), Reply::status(503)),
        );
        // Another provider that speaks the client's own API gets the request as it is.
        rows.push(row("-gateway-alone", GATEWAY_ALONE, status(200)).openai(exact(), Reply::text("Yes.")));
        rows.push(row(
            "-no-provider",
            &[Shape::AnthropicOnly],
            openai_error(400, "invalid_request_error")
                .at("/error/code", "unsupported_by_provider")
                .says(field),
        ));
    }
    rows.extend(others());
    rows
}

fn others() -> Vec<Row> {
    let everything = chat_body(json!({
        "model": "gpt-4",
        "n": 2,
        "logprobs": true,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "messages": [{"role": "user", "content": prompt("all")}],
    }));
    let thinking = message_body(json!({
        "model": "gpt-4",
        "max_tokens": 2048,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [{"role": "user", "content": prompt("think")}],
    }));
    let anthropic_tools = message_body(json!({
        "model": "gpt-4",
        "max_tokens": 64,
        "tools": [{"name": "weather", "input_schema": {"type": "object", "properties": {}}}],
        "messages": [{"role": "user", "content": prompt("tools")}],
    }));
    vec![
        Row::new("inexpressible/names-every-field", &[Shape::AnthropicOnly], everything, openai_error(400, "invalid_request_error").says("`n`").says("tools").says("logprobs")),
        // The first planned provider cannot say it, the second is its own API: it alone is asked.
        Row::new("inexpressible/anthropic-client-thinking", HELD, thinking, reply("Hm.", "anthropic", 1))
            .anthropic(once().at("/thinking/budget_tokens", 1024), Reply::text("Hm.")),
        // Where nothing routes around it, the first attempt says so instead of asking for less.
        Row::new("inexpressible/anthropic-client-tools-not-narrowed", NOT_NARROWED, anthropic_tools.clone(), anthropic_error(400, "invalid_request_error").says("tools")),
        Row::new("inexpressible/anthropic-client-tools", HELD, anthropic_tools.clone(), reply("Hm.", "anthropic", 1))
            .anthropic(once().at("/tools/0/name", "weather"), Reply::text("Hm.")),
        Row::new("inexpressible/anthropic-client-tools-anthropic-down", HELD, anthropic_tools, anthropic_error(503, "overloaded_error"))
            .anthropic(once(), Reply::status(529)),
        Row::new("inexpressible/harmless-fields-are-no-reason", BOTH, chat_body(json!({"model": "gpt-4", "n": 1, "user": "u", "presence_penalty": 0, "messages": [{"role": "user", "content": prompt("n")}]})), completion("Yes.", "anthropic", 2))
            .openai(once(), Reply::status(503))
            .anthropic(once(), Reply::text("Yes.")),
    ]
}
