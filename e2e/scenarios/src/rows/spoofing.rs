//! What clients must not be able to say to providers or filters, and providers not to clients.

use mock_llm::Reply;

use super::{GATEWAY_ALONE, HELD, WITH_PROVIDER};
use crate::canary;
use crate::expect::{Expect, completion, openai_error, reply, status, stream};
use crate::request::{Request, chat, chat_stream, message};
use crate::row::Row;
use crate::seen::{Seen, once};

/// Everything that a provider may see of headers.
const ALLOWED: [&str; 11] = [
    "host",
    "content-type",
    "content-length",
    "transfer-encoding",
    "accept",
    "accept-encoding",
    "user-agent",
    "x-request-id",
    "authorization",
    "x-api-key",
    "anthropic-version",
];

/// Headers by which some API or other takes credentials.
const CREDENTIALS: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "x-amz-security-token",
    "cookie",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "openai-organization",
];

/// The filters' own names, and what they would do if a client could say them.
const INTERNAL: [(&str, &str); 13] = [
    ("x-ai-model", "gpt-9"),
    ("x-ai-stream", "true"),
    ("x-ai-plan", "anthropic"),
    ("x-ai-provider", "anthropic"),
    ("x-ai-attempts", "7"),
    ("x-ai-original-status", "418"),
    ("x-ai-anything", "1"),
    ("ai.context.v1", "{}"),
    ("wasm.ai.context.v1", "{}"),
    ("ai.headers.v2", "x"),
    ("ai.failure.v1", "x"),
    ("x-forwarded-for", "10.0.0.1"),
    ("forwarded", "for=10.0.0.1"),
];

/// Orders to Envoy's router that would undo the fallback and its limits.
const ORDERS: [(&str, &str); 12] = [
    ("x-envoy-max-retries", "0"),
    ("x-envoy-retry-on", "gateway-error"),
    ("x-envoy-retriable-status-codes", "400"),
    ("x-envoy-retriable-header-names", "date"),
    ("x-envoy-upstream-rq-timeout-ms", "1"),
    ("x-envoy-upstream-rq-per-try-timeout-ms", "1"),
    ("x-envoy-upstream-stream-duration-ms", "1"),
    ("x-envoy-hedge-on-per-try-timeout", "true"),
    ("x-envoy-upstream-alt-stat-name", "evil"),
    ("x-envoy-decorator-operation", "evil"),
    ("x-envoy-attempt-count", "9"),
    ("x-envoy-original-path", "/admin"),
];

fn with(request: Request, headers: &[(&str, &str)]) -> Request {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

/// Everything at once.
fn spoofed(mut request: Request) -> Request {
    request.headers.retain(|(name, _)| name == "content-type");
    let request = with(with(request, &INTERNAL), &ORDERS);
    let request =
        CREDENTIALS.iter().fold(request, |request, name| request.header(*name, canary::CLIENT_KEY.as_str()));
    let request =
        with(request, &[("anthropic-version", "1999-01-01"), ("anthropic-beta", "all"), ("referer", "a")]);
    (0..40).fold(request, |request, n| request.header(format!("x-unknown-{n}"), canary::CLIENT_KEY.as_str()))
}

fn only_allowed() -> Seen {
    once().check(|request, problems| {
        for name in request.header_names() {
            let known = ALLOWED.contains(&name.to_ascii_lowercase().as_str());
            problems.require(known, || format!("header {name} arrived"));
        }
    })
}

/// Headers of a provider's answer that a client must not see.
fn talkative(reply: Reply) -> Reply {
    [
        ("set-cookie", "__cf_bm=secret; path=/"),
        ("openai-organization", "acme-corp"),
        ("openai-processing-ms", "12"),
        ("anthropic-organization-id", "acme-corp"),
        ("cf-ray", "1"),
        ("server", "cloudflare"),
        ("via", "1.1 proxy"),
        ("x-ratelimit-remaining-requests", "1"),
        ("x-ai-provider", "evil"),
        ("x-ai-model", "evil"),
        ("x-ai-attempts", "9"),
        ("x-envoy-upstream-service-time", "1"),
        ("x-envoy-ratelimited", "true"),
    ]
    .into_iter()
    .fold(reply, |reply, (name, value)| reply.header(name, value))
}

fn discreet(expect: Expect) -> Expect {
    expect
        .no_headers(&[
            "set-cookie",
            "openai-organization",
            "openai-processing-ms",
            "anthropic-organization-id",
            "cf-ray",
            "via",
            "x-ratelimit-remaining-requests",
        ])
        .header("server", "envoy-ai-filters")
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("spoof/everything", WITH_PROVIDER, spoofed(chat("me")), completion("Hello.", "openai", 1))
            .openai(only_allowed(), Reply::text("Hello.")),
        Row::new(
            "spoof/everything-http2",
            WITH_PROVIDER,
            spoofed(chat("me")).http2(),
            completion("Hello.", "openai", 1),
        )
        .openai(only_allowed(), Reply::text("Hello.")),
        Row::new(
            "spoof/everything-and-fallback",
            WITH_PROVIDER,
            spoofed(chat("me")),
            completion("Hello.", "anthropic", 2),
        )
        .openai(only_allowed(), Reply::status(503))
        .anthropic(only_allowed().header("anthropic-version", "2023-06-01"), Reply::text("Hello.")),
        Row::new(
            "spoof/everything-and-fallback-stream",
            WITH_PROVIDER,
            spoofed(chat_stream("me")),
            stream("Hello.", "anthropic", 2),
        )
        .openai(only_allowed(), Reply::status(500))
        .anthropic(only_allowed(), Reply::chunks(["Hello", "."])),
        Row::new(
            "spoof/everything-anthropic-client",
            WITH_PROVIDER,
            spoofed(message("me")),
            reply("Hello.", "openai", 1),
        )
        .openai(only_allowed().no_headers(&["anthropic-version"]), Reply::text("Hello.")),
        Row::new(
            "spoof/plan-header-does-not-route",
            HELD,
            chat("me").header("x-ai-plan", "anthropic"),
            completion("Hello.", "openai", 1),
        )
        .openai(once(), Reply::text("Hello.")),
        Row::new(
            "spoof/headers-gateway-alone",
            GATEWAY_ALONE,
            with(with(chat("me"), &INTERNAL[..7]), &ORDERS),
            status(200),
        )
        .openai(
            once().no_headers(&["x-ai-model", "x-ai-stream", "x-ai-plan", "x-ai-anything"]),
            Reply::text("Hello."),
        ),
        Row::new("spoof/answer-json", WITH_PROVIDER, chat("me"), discreet(completion("Hello.", "openai", 1)))
            .openai(once(), talkative(Reply::text("Hello."))),
        Row::new(
            "spoof/answer-stream",
            WITH_PROVIDER,
            chat_stream("me"),
            discreet(stream("Hello.", "openai", 1)),
        )
        .openai(once(), talkative(Reply::chunks(["Hello", "."]))),
        Row::new(
            "spoof/answer-translated",
            WITH_PROVIDER,
            chat("me"),
            discreet(completion("Hello.", "anthropic", 2)),
        )
        .openai(once(), talkative(Reply::status(503)))
        .anthropic(once(), talkative(Reply::text("Hello."))),
        Row::new(
            "spoof/answer-translated-stream",
            WITH_PROVIDER,
            chat_stream("me"),
            discreet(stream("Hello.", "anthropic", 2)),
        )
        .openai(once(), talkative(Reply::status(503)))
        .anthropic(once(), talkative(Reply::chunks(["Hello", "."]))),
        Row::new(
            "spoof/answer-error",
            WITH_PROVIDER,
            chat("me"),
            discreet(openai_error(400, "invalid_request_error")),
        )
        .openai(once(), talkative(Reply::status(400))),
        Row::new(
            "spoof/answer-gateway-alone",
            GATEWAY_ALONE,
            chat("me"),
            status(200).no_headers(&["x-ai-provider", "x-ai-model", "x-ai-attempts"]),
        )
        .openai(once(), talkative(Reply::text("Hello."))),
    ]
}
