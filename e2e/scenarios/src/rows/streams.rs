//! Streams in every cut and with every end.

use mock_llm::{At, Reply};
use serde_json::json;

use super::{BOTH, GATEWAY_ALONE, PROVIDER_ALONE, WITH_PROVIDER};
use crate::expect::{Expect, message_stream as messages, status, stream};
use crate::request::{Request, chat, chat_body, chat_stream, message_stream, prompt};
use crate::row::Row;
use crate::seen::once;
use crate::shape::Shape;

/// Characters of one to four bytes.
const PIECES: [&str; 4] = ["Hé", "llo ", "🎉", " – 你好"];
const TEXT: &str = "Héllo 🎉 – 你好";

const HTTP1_UPSTREAM: &[Shape] = &[Shape::Priorities, Shape::NotHeld, Shape::ProviderAlone];

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, cut) in CUTS {
        rows.extend(cut_rows(name, *cut));
    }
    for (name, change) in ENDS {
        rows.extend(broken_rows(name, *change));
    }
    rows.extend(in_band());
    rows.extend(usage());
    rows.extend(transport());
    rows
}

type Change = fn(Reply) -> Reply;

/// Ways in which the same stream may come.
const CUTS: &[(&str, Change)] = &[
    ("byte-by-byte", Reply::byte_by_byte),
    ("crlf", Reply::crlf),
    ("crlf-byte-by-byte", |reply| reply.crlf().byte_by_byte()),
    ("comments", |reply| reply.between_events(": keep-alive\n\n")),
    ("in-one-write", Reply::in_one_write),
    ("cut-every-three-bytes", |reply| reply.split_at((3..9000).step_by(3))),
    ("blank-lines-between", |reply| reply.between_events("\n\n")),
    ("trailers", |reply| reply.trailer("x-checksum", "1")),
    ("slow", |reply| reply.delay_events(std::time::Duration::from_millis(20))),
];

/// The stream passed through, translated for an OpenAI client, and translated for an Anthropic client.
fn cut_rows(name: &str, change: Change) -> Vec<Row> {
    let reply = || change(Reply::chunks(PIECES));
    vec![
        Row::new(format!("stream/{name}"), WITH_PROVIDER, chat_stream("cut"), stream(TEXT, "openai", 1))
            .openai(once(), reply()),
        Row::new(
            format!("stream/{name}-translated"),
            WITH_PROVIDER,
            chat_stream("cut").http2(),
            stream(TEXT, "anthropic", 2),
        )
        .openai(once(), Reply::status(503))
        .anthropic(once(), reply()),
        Row::new(
            format!("stream/{name}-anthropic-client"),
            WITH_PROVIDER,
            message_stream("cut"),
            messages(TEXT, "openai", 1),
        )
        .openai(once(), reply()),
    ]
}

/// Ways in which a transport fails in the middle: the client must not take what came for an answer.
const ENDS: &[(&str, Change)] =
    &[("reset", |reply| reply.reset_at(At::Events(6))), ("closed", |reply| reply.drop_at(At::Events(6)))];

/// A stream that is long enough to have content before its sixth event in either API.
fn long() -> Reply {
    Reply::chunks(["one ", "two ", "three ", "four ", "five ", "six ", "seven."])
}

fn broken_rows(name: &str, change: Change) -> Vec<Row> {
    let begun = || status(200).says("one").unclean();
    let mut rows = vec![
        Row::new(format!("broken-stream/{name}"), WITH_PROVIDER, chat_stream("cut"), begun())
            .openai(once(), change(long())),
        Row::new(format!("broken-stream/{name}-http2"), WITH_PROVIDER, chat_stream("cut").http2(), begun())
            .openai(once(), change(long())),
        Row::new(format!("broken-stream/{name}-translated"), WITH_PROVIDER, chat_stream("cut"), begun())
            .openai(once(), Reply::status(503))
            .anthropic(once(), change(long())),
        Row::new(
            format!("broken-stream/{name}-translated-http2"),
            WITH_PROVIDER,
            chat_stream("cut").http2(),
            begun(),
        )
        .openai(once(), Reply::status(503))
        .anthropic(once(), change(long())),
    ];
    rows.push(
        Row::new(format!("broken-stream/{name}-gateway-alone"), GATEWAY_ALONE, chat_stream("cut"), begun())
            .openai(once(), change(long())),
    );
    rows
}

/// Ends that a transport takes for good ones.
fn in_band() -> Vec<Row> {
    let broken = || status(200).says("one").broken_in_band();
    let broken_message = || status(200).says("one").broken_message_in_band();
    let error = |reply: Reply| reply.error_at(At::Events(6), "server_error", "It broke");
    // The finish came, only the last word is missing: it is still no complete answer.
    let unfinished = || status(200).event_stream().says("one").says("\"error\"").lacks("[DONE]");
    let translated = |name: &str, request: Request, expect: Expect, reply: Reply| {
        Row::new(format!("broken-stream/{name}-translated"), WITH_PROVIDER, request, expect)
            .openai(once(), Reply::status(503))
            .anthropic(once(), reply)
    };
    let passed = |name: &str, expect: Expect, reply: Reply| {
        Row::new(format!("broken-stream/{name}"), WITH_PROVIDER, chat_stream("cut"), expect)
            .openai(once(), reply)
    };
    let alone = |name: &str, expect: Expect, reply: Reply| {
        Row::new(format!("broken-stream/{name}-gateway-alone"), GATEWAY_ALONE, chat_stream("cut"), expect)
            .openai(once(), reply)
    };
    vec![
        passed("clean-end", broken(), long().end_at(At::Events(6))),
        passed("clean-end-in-an-event", broken(), long().end_at(At::Bytes(900))),
        passed("clean-end-in-one-write", broken(), long().in_one_write().end_at(At::Events(6))),
        passed("no-done", unfinished(), long().end_at(At::Terminal)),
        passed("error", broken(), error(long())),
        alone("clean-end", broken(), long().end_at(At::Events(6))),
        alone("error", status(200).says("one").lacks("[DONE]"), error(long())),
        translated("clean-end", chat_stream("cut"), broken(), long().end_at(At::Events(6))),
        translated("clean-end-http2", chat_stream("cut").http2(), broken(), long().end_at(At::Events(6))),
        translated("no-message-stop", chat_stream("cut"), unfinished(), long().end_at(At::Terminal)),
        translated("error", chat_stream("cut"), broken(), error(long())),
        translated(
            "clean-end-anthropic-client",
            message_stream("cut"),
            broken_message(),
            long().end_at(At::Events(6)),
        ),
        Row::new(
            "broken-stream/clean-end-anthropic-client",
            WITH_PROVIDER,
            message_stream("cut"),
            broken_message(),
        )
        .openai(once(), long().end_at(At::Events(6))),
        Row::new(
            "broken-stream/error-anthropic-client",
            WITH_PROVIDER,
            message_stream("cut"),
            broken_message(),
        )
        .openai(once(), error(long())),
    ]
}

/// A client gets a usage chunk when it asked for one.
fn usage() -> Vec<Row> {
    let asked = || {
        chat_body(json!({
            "model": "gpt-4",
            "stream": true,
            "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": prompt("usage")}],
        }))
    };
    let reply = || Reply::chunks(["a", "b"]).usage(mock_llm::Usage::new(21, 4));
    let counted = |provider: &str, attempts| {
        stream("ab", provider, attempts).check(|answer, problems| {
            let usage =
                crate::sse::events(answer).iter().rev().find_map(|event| event.json().get("usage").cloned());
            let usage = usage.unwrap_or_default();
            problems.same("prompt tokens", &usage["prompt_tokens"], &json!(21));
            problems.same("completion tokens", &usage["completion_tokens"], &json!(4));
            problems.same("total tokens", &usage["total_tokens"], &json!(25));
        })
    };
    vec![
        Row::new("usage/asked", WITH_PROVIDER, asked(), counted("openai", 1)).openai(once(), reply()),
        Row::new("usage/asked-translated", WITH_PROVIDER, asked(), counted("anthropic", 2))
            .openai(once(), Reply::status(503))
            .anthropic(once(), reply()),
        Row::new(
            "usage/not-asked",
            WITH_PROVIDER,
            chat_stream("usage"),
            stream("ab", "openai", 1).lacks("prompt_tokens"),
        )
        .openai(once(), reply()),
        Row::new(
            "usage/not-asked-translated",
            WITH_PROVIDER,
            chat_stream("usage"),
            stream("ab", "anthropic", 2).lacks("prompt_tokens"),
        )
        .openai(once(), Reply::status(503))
        .anthropic(once(), reply()),
    ]
}

/// An OpenAI error for an answer that broke: Envoy calls it 502 or 503, by the protocol that broke.
fn bad_gateway() -> Expect {
    crate::expect::any().at("/error/type", "server_error").header("content-type", "application/json").check(
        |answer, problems| {
            problems.require(matches!(answer.status, 502 | 503), || format!("status {}", answer.status));
        },
    )
}

/// JSON answers and odd framings.
fn transport() -> Vec<Row> {
    let never_whole = || {
        crate::expect::any().any_end().check(|answer, problems| {
            let whole = answer.status == 200 && answer.ending == crate::answer::Ending::Clean;
            problems.require(!whole, || format!("a clean 200: {}", answer.text()));
        })
    };
    let json = |name: &str, reply: Reply| {
        let expect = crate::expect::completion("Hello.", "openai", 1);
        Row::new(format!("json/{name}"), WITH_PROVIDER, chat("json"), expect).openai(once(), reply)
    };
    vec![
        json("chunked", Reply::text("Hello.").chunked()),
        json("byte-by-byte", Reply::text("Hello.").byte_by_byte()),
        json("chunked-byte-by-byte", Reply::text("Hello.").chunked().byte_by_byte()),
        json("trailers", Reply::text("Hello.").trailer("x-checksum", "1")),
        Row::new(
            "json/byte-by-byte-translated",
            WITH_PROVIDER,
            chat("json"),
            crate::expect::completion("Hello.", "anthropic", 2),
        )
        .openai(once(), Reply::status(503))
        .anthropic(once(), Reply::text("Hello.").byte_by_byte()),
        Row::new(
            "json/until-close",
            HTTP1_UPSTREAM,
            chat("json"),
            crate::expect::completion("Hello.", "openai", 1),
        )
        .openai(once(), Reply::text("Hello.").until_close()),
        Row::new("stream/until-close", HTTP1_UPSTREAM, chat_stream("cut"), stream(TEXT, "openai", 1))
            .openai(once(), Reply::chunks(PIECES).until_close()),
        Row::new("json/cut-short", BOTH, chat("json"), never_whole())
            .openai(once(), Reply::text("Hello.").drop_at(At::Bytes(40))),
        Row::new("json/reset", BOTH, chat("json").http2(), never_whole())
            .openai(once(), Reply::text("Hello.").reset_at(At::Bytes(40))),
        // There ai-provider reads the whole answer, and nothing has reached the client yet.
        Row::new(
            "json/cut-short-without-gateway",
            PROVIDER_ALONE,
            chat("json"),
            crate::expect::completion("Hello.", "anthropic", 2),
        )
        .openai(once(), Reply::text("Hello.").drop_at(At::Bytes(40)))
        .anthropic(once(), Reply::text("Hello.")),
        Row::new("json/cut-short-gateway-alone", GATEWAY_ALONE, chat("json"), never_whole())
            .openai(once(), Reply::text("Hello.").drop_at(At::Bytes(40))),
        Row::new("json/translated-cut-short", WITH_PROVIDER, chat("json"), bad_gateway())
            .openai(once(), Reply::status(503))
            .anthropic(once(), Reply::text("Hello.").drop_at(At::Bytes(40))),
        Row::new(
            "json/bytes-after-the-answer",
            HTTP1_UPSTREAM,
            chat("json"),
            crate::expect::completion("Hello.", "openai", 1),
        )
        .openai(once(), Reply::text("Hello.").spill("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")),
    ]
}
