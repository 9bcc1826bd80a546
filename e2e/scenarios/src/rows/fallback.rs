//! When OpenAI fails in a way that another provider may mend, and when it does not.

use mock_llm::{Accept, At, Reply};

use super::{BOTH, GATEWAY_ALONE, PROVIDER_ALONE, WITH_PROVIDER};
use crate::expect::{anthropic_error, completion, openai_error, status, stream};
use crate::request::{chat, chat_stream, message};
use crate::row::{Door, Row};
use crate::seen::{Seen, once};

/// What arrives at Anthropic when it takes over.
fn taken_over() -> Seen {
    once()
        .path("/v1/messages")
        .header("anthropic-version", "2023-06-01")
        .header("content-type", "application/json")
        .header("accept-encoding", "identity")
        .no_headers(&["authorization"])
        .at("/model", "claude-3-opus")
        .at("/max_tokens", 512)
}

/// Failures after which the next provider is asked, whether the client wants JSON or a stream.
fn triggers() -> Vec<(String, Reply)> {
    let mut triggers: Vec<_> = [408, 429, 500, 502, 503, 504, 520, 529]
        .map(|code| (format!("status-{code}"), Reply::status(code)))
        .into();
    triggers.push(("hang-up".to_owned(), Reply::hang_up()));
    triggers.push(("reset".to_owned(), Reply::answer().reset_at(At::Start)));
    triggers.push(("silence".to_owned(), Reply::silence()));
    triggers.push((
        "html".to_owned(),
        Reply::body(200, "<html>Sign in</html>").header("content-type", "text/html"),
    ));
    triggers.push((
        "html-502".to_owned(),
        Reply::body(502, "<html>Bad</html>").header("content-type", "text/html"),
    ));
    triggers
}

/// Failures that only a stream has: all of them before the first content.
fn stream_triggers() -> Vec<(&'static str, Reply)> {
    vec![
        ("first-event-is-an-error", Reply::stream_error("server_error", "The server had an error")),
        ("error-after-role", Reply::chunks(["x"]).error_at(At::Events(1), "server_error", "It broke")),
        ("ends-before-content", Reply::chunks(["x"]).end_at(At::Events(1))),
        ("ends-at-once", Reply::chunks(["x"]).end_at(At::Headers)),
        ("stalls-before-content", Reply::chunks(["x"]).stall_at(At::Events(1))),
        ("resets-before-content", Reply::chunks(["x"]).reset_at(At::Events(1))),
    ]
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, failure) in triggers() {
        rows.push(
            Row::new(
                format!("fallback/{name}-json"),
                WITH_PROVIDER,
                chat("down"),
                completion("Hello.", "anthropic", 2).header("x-ai-model", "claude-3-opus"),
            )
            .openai(once(), failure.clone())
            .anthropic(taken_over(), Reply::text("Hello.")),
        );
        rows.push(
            Row::new(
                format!("fallback/{name}-stream"),
                WITH_PROVIDER,
                chat_stream("down"),
                stream("Hello.", "anthropic", 2),
            )
            .openai(once(), failure)
            .anthropic(taken_over().at("/stream", true), Reply::chunks(["Hel", "lo."])),
        );
    }
    for (name, failure) in stream_triggers() {
        rows.push(
            Row::new(
                format!("fallback/{name}"),
                WITH_PROVIDER,
                chat_stream("down"),
                stream("Hello.", "anthropic", 2),
            )
            .openai(once(), failure)
            .anthropic(taken_over(), Reply::chunks(["Hel", "lo."])),
        );
    }
    for (name, door) in [
        ("refused", Door::Refused),
        ("accepted-and-closed", Door::Accept(Accept::Close)),
        ("handshake-ignored", Door::Accept(Accept::Ignore)),
    ] {
        rows.push(
            Row::new(
                format!("fallback/{name}-json"),
                WITH_PROVIDER,
                chat("down"),
                completion("Hello.", "anthropic", 2),
            )
            .openai_door(door)
            .anthropic(taken_over(), Reply::text("Hello.")),
        );
        rows.push(
            Row::new(
                format!("fallback/{name}-stream"),
                WITH_PROVIDER,
                chat_stream("down"),
                stream("Hello.", "anthropic", 2),
            )
            .openai_door(door)
            .anthropic(taken_over(), Reply::chunks(["Hel", "lo."])),
        );
    }
    rows.extend(final_failures());
    rows.extend(both_down());
    rows
}

/// Answers that say something about the request, or about us: another provider would only hide them.
fn final_failures() -> Vec<Row> {
    let mut rows = Vec::new();
    for (code, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "invalid_request_error"),
        (413, "invalid_request_error"),
        (422, "invalid_request_error"),
    ] {
        // What is no status of the dialect's own becomes the one that its kind has.
        let shown = if code == 422 { 400 } else { code };
        rows.push(
            Row::new(
                format!("final/status-{code}-json"),
                WITH_PROVIDER,
                chat("no"),
                openai_error(shown, kind).from("openai", 1),
            )
            .openai(once(), Reply::status(code)),
        );
        rows.push(
            Row::new(
                format!("final/status-{code}-stream"),
                WITH_PROVIDER,
                chat_stream("no"),
                openai_error(shown, kind),
            )
            .openai(once(), Reply::status(code)),
        );
    }
    let quoted = "Incorrect API key provided: sk-proj-abcd****wxyz. You can find your key at the dashboard.";
    rows.push(
        Row::new(
            "final/refused-key-is-not-quoted",
            WITH_PROVIDER,
            chat("no"),
            openai_error(401, "authentication_error").lacks("sk-").lacks("wxyz"),
        )
        .openai(once(), Reply::error(401, "invalid_request_error", quoted)),
    );
    rows.push(
        Row::new(
            "final/breaks-after-content",
            WITH_PROVIDER,
            chat_stream("no"),
            status(200).says("Hel").unclean(),
        )
        .openai(once(), Reply::chunks(["Hel", "lo", "."]).reset_at(At::Events(2))),
    );
    rows
}

fn both_down() -> Vec<Row> {
    let down = |name: &str, first: Reply, second: Reply, code: u16, kind: &str| {
        Row::new(format!("both-down/{name}"), WITH_PROVIDER, chat("down"), openai_error(code, kind))
            .openai(once(), first)
            .anthropic(once(), second)
    };
    let refused = |name: &str, request, expect| {
        Row::new(format!("both-down/{name}"), BOTH, request, expect)
            .openai_door(Door::Refused)
            .anthropic_door(Door::Refused)
    };
    vec![
        down("503-529", Reply::status(503), Reply::status(529), 503, "server_error"),
        down("500-500", Reply::status(500), Reply::status(500), 500, "server_error"),
        down("429-429", Reply::status(429), Reply::status(429), 429, "rate_limit_error"),
        down("503-400", Reply::status(503), Reply::status(400), 400, "invalid_request_error"),
        down("503-401", Reply::status(503), Reply::status(401), 401, "authentication_error"),
        down("silence-silence", Reply::silence(), Reply::silence(), 504, "timeout_error"),
        down("hang-up-hang-up", Reply::hang_up(), Reply::hang_up(), 503, "server_error"),
        Row::new("both-down/stream", WITH_PROVIDER, chat_stream("down"), openai_error(503, "server_error"))
            .openai(once(), Reply::stream_error("server_error", "It broke"))
            .anthropic(once(), Reply::status(529)),
        Row::new(
            "both-down/retry-after",
            WITH_PROVIDER,
            chat("down"),
            openai_error(429, "rate_limit_error").header("retry-after", "17"),
        )
        .openai(once(), Reply::status(503))
        .anthropic(once(), Reply::status(429).header("retry-after", "17")),
        Row::new(
            "both-down/anthropic-client",
            WITH_PROVIDER,
            message("down"),
            anthropic_error(503, "overloaded_error"),
        )
        .openai(once(), Reply::status(503))
        .anthropic(once(), Reply::status(529)),
        refused("refused", chat("down"), openai_error(503, "server_error")),
        refused("refused-stream", chat_stream("down").http2(), openai_error(503, "server_error")),
        refused("refused-anthropic-client", message("down"), anthropic_error(503, "overloaded_error")),
        Row::new("both-down/gateway-alone", GATEWAY_ALONE, chat("down"), openai_error(503, "server_error"))
            .openai(once(), Reply::status(503)),
        Row::new(
            "both-down/refused-gateway-alone",
            GATEWAY_ALONE,
            chat("down"),
            openai_error(503, "server_error"),
        )
        .openai_door(Door::Refused),
        // Envoy answers by itself, and nothing knows which API the client speaks.
        Row::new(
            "both-down/refused-without-gateway",
            PROVIDER_ALONE,
            message("down"),
            openai_error(503, "server_error"),
        )
        .openai_door(Door::Refused)
        .anthropic_door(Door::Refused),
        // Nothing reads a stream before the client does.
        Row::new(
            "fallback/first-event-is-an-error-gateway-alone",
            GATEWAY_ALONE,
            chat_stream("down"),
            status(200).event_stream().says("It broke").lacks("[DONE]"),
        )
        .openai(once(), Reply::stream_error("server_error", "It broke")),
    ]
}
