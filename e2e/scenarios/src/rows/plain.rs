//! What a client asks for and gets when nothing goes wrong.

use mock_llm::Reply;
use serde_json::{Value, json};

use super::{BOTH, EVERYWHERE, GATEWAY_ALONE, HELD, PROVIDER_ALONE, WITH_GATEWAY, WITH_PROVIDER};
use crate::expect::{completion, reply, status, stream};
use crate::request::{Request, chat, chat_body, chat_stream, prompt};
use crate::row::Row;
use crate::seen::once;
use crate::shape::Shape;

/// Members that no filter knows, an order that no serialiser would choose, and spaces that it would not write.
const UNUSUAL: &str = r#"{ "zeta":1.50, "metadata":{"b":"2" ,"a":"1"}, "model" : "MODEL",
  "messages":[{"content":"PROMPT","role":"user","name":"ann"}], "seed":  7e0,"user":"u\u00e9" }"#;

fn unusual(model: &str) -> String {
    UNUSUAL.replace("MODEL", model).replace("PROMPT", &prompt("unusual"))
}

fn unusual_request(model: &str) -> Request {
    Request::new("POST", "/v1/chat/completions")
        .bearer()
        .header("content-type", "application/json")
        .bytes(unusual(model))
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::new(
            "plain/json",
            WITH_PROVIDER,
            chat("json"),
            completion("Hello.", "openai", 1).header("x-ai-model", "gpt-4"),
        )
        .openai(once().path("/v1/chat/completions"), Reply::text("Hello.")),
        Row::new("plain/json-http2", WITH_PROVIDER, chat("json").http2(), completion("Hello.", "openai", 1))
            .openai(once().path("/v1/chat/completions"), Reply::text("Hello.")),
        Row::new("plain/stream", WITH_PROVIDER, chat_stream("stream"), stream("Hello you.", "openai", 1))
            .openai(once().header("accept", "text/event-stream"), Reply::chunks(["Hel", "lo", " you."])),
        Row::new(
            "plain/stream-http2",
            WITH_PROVIDER,
            chat_stream("stream").http2(),
            stream("Hello you.", "openai", 1),
        )
        .openai(once(), Reply::chunks(["Hel", "lo", " you."])),
        Row::new("plain/gateway-alone", GATEWAY_ALONE, chat("json"), status(200).at("/model", "gpt-4"))
            .openai(once().bytes(chat("json").whole_body()), Reply::text("Hello.")),
        Row::new(
            "plain/gateway-alone-asks-for-what-it-can-read",
            GATEWAY_ALONE,
            chat("json").header("accept-encoding", "gzip, br"),
            status(200).at("/model", "gpt-4"),
        )
        .openai(once().header("accept-encoding", "identity"), Reply::text("Hello.")),
        Row::new(
            "plain/gateway-alone-stream",
            GATEWAY_ALONE,
            chat_stream("stream"),
            status(200).event_stream().says("[DONE]").lacks("gpt-4-0613"),
        )
        .openai(once(), Reply::chunks(["Hel", "lo."])),
        Row::new(
            "plain/body-untouched",
            EVERYWHERE,
            unusual_request("gpt-4"),
            status(200).at("/model", "gpt-4"),
        )
        .lenient()
        .openai(once().bytes(unusual("gpt-4")), Reply::text("Hello.")),
        Row::new(
            "plain/body-in-pieces",
            EVERYWHERE,
            unusual_request("gpt-4").in_pieces(7).chunked(),
            status(200),
        )
        .lenient()
        .openai(once().bytes(unusual("gpt-4")), Reply::text("Hello.")),
        Row::new("alias/exact-json", WITH_GATEWAY, unusual_request("best"), status(200).at("/model", "best"))
            .lenient()
            .openai(once().bytes(unusual("gpt-4")), Reply::text("Hello.")),
        Row::new(
            "alias/prefix-json",
            WITH_GATEWAY,
            unusual_request("team-blue"),
            status(200).at("/model", "team-blue"),
        )
        .lenient()
        .openai(once().bytes(unusual("gpt-4")), Reply::text("Hello.")),
        Row::new(
            "alias/stream",
            WITH_GATEWAY,
            with_model(chat_stream("alias"), "team-blue"),
            named("team-blue"),
        )
        .openai(once().at("/model", "gpt-4"), Reply::chunks(["a", "b"])),
        Row::new(
            "alias/translated",
            BOTH,
            with_model(chat("alias"), "best"),
            status(200).at("/model", "best"),
        )
        .openai(once().at("/model", "gpt-4"), Reply::status(503))
        .anthropic(once().at("/model", "claude-3-opus"), Reply::text("Hello.")),
        Row::new(
            "alias/unknown-without-gateway",
            PROVIDER_ALONE,
            with_model(chat("alias"), "best"),
            status(200),
        )
        .openai(once().at("/model", "gpt-4"), Reply::text("Hello.")),
        Row::new(
            "model/other-name-json",
            &[Shape::OtherName],
            unusual_request("gpt-4"),
            completion("Hello.", "openai", 1).header("x-ai-model", "gpt-4o-mini"),
        )
        .lenient()
        .openai(once().bytes(unusual("gpt-4o-mini")), Reply::text("Hello.")),
        Row::new(
            "model/other-name-stream",
            &[Shape::OtherName],
            chat_stream("other"),
            stream("ab", "openai", 1),
        )
        .openai(once().at("/model", "gpt-4o-mini"), Reply::chunks(["a", "b"])),
        Row::new(
            "model/snapshot-is-hidden",
            WITH_PROVIDER,
            chat("snapshot"),
            completion("Hello.", "openai", 1).lacks("0613"),
        )
        .openai(once(), Reply::text("Hello.").model("gpt-4-0613")),
        Row::new(
            "model/multi-turn-translated",
            HELD,
            chat_body(conversation()),
            completion("Fine.", "anthropic", 2).at("/usage/prompt_tokens", 12),
        )
        .openai(once(), Reply::status(500))
        .anthropic(
            once().path("/v1/messages").json(translated()),
            Reply::text("Fine.").usage(mock_llm::Usage::new(12, 3)),
        ),
    ];
    rows.extend(anthropic_clients());
    rows
}

fn anthropic_clients() -> Vec<Row> {
    use crate::expect::message_stream as messages;
    use crate::request::{message, message_stream};
    vec![
        Row::new("anthropic-client/openai-json", WITH_PROVIDER, message("hi"), reply("Hello.", "openai", 1))
            .openai(
                once().path("/v1/chat/completions").at("/messages/0/role", "user"),
                Reply::text("Hello."),
            ),
        Row::new(
            "anthropic-client/openai-stream",
            WITH_PROVIDER,
            message_stream("hi"),
            messages("Hello.", "openai", 1),
        )
        .openai(once().at("/stream", true), Reply::chunks(["Hel", "lo."])),
        Row::new(
            "anthropic-client/anthropic-json",
            WITH_PROVIDER,
            message("hi"),
            reply("Hello.", "anthropic", 2),
        )
        .openai(once(), Reply::status(503))
        .anthropic(
            once().path("/v1/messages").header("anthropic-version", "2023-06-01"),
            Reply::text("Hello."),
        ),
        Row::new(
            "anthropic-client/anthropic-stream",
            WITH_PROVIDER,
            message_stream("hi"),
            messages("Hello.", "anthropic", 2),
        )
        .openai(once(), Reply::status(503))
        .anthropic(once(), Reply::chunks(["Hel", "lo."])),
        Row::new(
            "anthropic-client/anthropic-first",
            &[Shape::AnthropicFirst],
            message("hi"),
            reply("Hello.", "anthropic", 1),
        )
        .anthropic(once().at("/model", "claude-3-opus"), Reply::text("Hello.")),
        Row::new(
            "anthropic-client/anthropic-first-stream",
            &[Shape::AnthropicFirst],
            message_stream("hi").http2(),
            messages("Hello.", "anthropic", 1),
        )
        .anthropic(once(), Reply::chunks(["Hel", "lo."])),
        Row::new(
            "anthropic-client/a-beta-in-each-line",
            &[Shape::AnthropicFirst],
            message("hi").header("anthropic-beta", "b1").header("anthropic-beta", "b2"),
            reply("Hello.", "anthropic", 1),
        )
        .anthropic(
            once().check(|request, problems| {
                let lines = request.headers.iter().filter(|(name, _)| name == "anthropic-beta");
                let betas: Vec<_> = lines.map(|(_, value)| String::from_utf8_lossy(value)).collect();
                problems.same("betas", &betas.join(","), &"b1,b2".to_owned());
            }),
            Reply::text("Hello."),
        ),
        Row::new(
            "anthropic-client/falls-back-to-openai",
            &[Shape::AnthropicFirst],
            message("hi"),
            reply("Hello.", "openai", 2),
        )
        .anthropic(once(), Reply::status(529))
        .openai(once().at("/model", "gpt-4"), Reply::text("Hello.")),
        Row::new(
            "anthropic-client/falls-back-to-openai-stream",
            &[Shape::AnthropicFirst],
            message_stream("hi"),
            messages("Hello.", "openai", 2),
        )
        .anthropic(once(), Reply::stream_error("overloaded_error", "Overloaded"))
        .openai(once(), Reply::chunks(["Hel", "lo."])),
        Row::new(
            "anthropic-client/openai-client-first-choice",
            &[Shape::AnthropicFirst],
            chat("hi"),
            completion("Hello.", "anthropic", 1),
        )
        .anthropic(once().path("/v1/messages"), Reply::text("Hello.")),
    ]
}

fn with_model(request: Request, model: &str) -> Request {
    let mut body: Value = serde_json::from_slice(&request.whole_body()).expect("JSON");
    body["model"] = json!(model);
    request.bytes(body.to_string())
}

fn named(model: &'static str) -> crate::expect::Expect {
    status(200).event_stream().says("[DONE]").check(move |answer, problems| {
        for event in crate::sse::events(answer).iter().filter(|event| event.data != "[DONE]") {
            problems.same("a chunk's model", &event.json()["model"], &json!(model));
        }
    })
}

fn conversation() -> Value {
    json!({
        "model": "gpt-4",
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 77,
        "stop": ["END"],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": prompt("one")},
            {"role": "assistant", "content": "Two?"},
            {"role": "user", "content": [{"type": "text", "text": "Three."}]},
        ],
    })
}

fn translated() -> Value {
    json!({
        "model": "claude-3-opus",
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 77,
        "stop_sequences": ["END"],
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": prompt("one")},
            {"role": "assistant", "content": "Two?"},
            {"role": "user", "content": "Three."},
        ],
    })
}
