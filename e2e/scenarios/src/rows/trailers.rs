//! Trailers, and answers that a provider leaves open: what arrives after everything that counts.

use mock_llm::{At, Reply};

use super::{BOTH, WITH_PROVIDER};
use crate::expect::{completion, openai_error, status};
use crate::request::{Request, chat, chat_stream};
use crate::row::Row;
use crate::seen::once;
use crate::shape::Shape;

/// To these shapes' providers Envoy speaks HTTP/2, where trailers need no permission.
const HTTP2_UPSTREAM: &[Shape] = &[Shape::Groups];

/// A client that puts into trailers what is taken out of headers. The mock calls every trailer that arrives a leak.
fn smuggling(request: Request) -> Request {
    request
        .trailer("authorization", "Bearer sk-canary-in-a-trailer")
        .trailer("x-api-key", "sk-canary-in-a-trailer")
        .trailer("cookie", "canary=1")
        .trailer("x-ai-model", "other")
        .http2()
}

/// Long enough to have content before its sixth event.
fn long() -> Reply {
    Reply::chunks(["one ", "two ", "three ", "four ", "five ", "six ", "seven."])
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = request_trailers();
    rows.extend(answer_trailers());
    rows.extend(left_open());
    rows
}

fn request_trailers() -> Vec<Row> {
    vec![
        Row::new(
            "trailers/credentials",
            WITH_PROVIDER,
            smuggling(chat("a")),
            completion("Hello.", "openai", 1),
        )
        .openai(once(), Reply::text("Hello.")),
        Row::new(
            "trailers/credentials-translated",
            WITH_PROVIDER,
            smuggling(chat("a")),
            completion("Hello.", "anthropic", 2),
        )
        .openai(once(), Reply::status(503))
        .anthropic(once(), Reply::text("Hello.")),
    ]
}

fn answer_trailers() -> Vec<Row> {
    // Nothing can be written any more when trailers end a stream, so the end is made an unclean one.
    let cut = || status(200).says("one").unclean();
    let ends = |reply: Reply| reply.end_at(At::Events(6)).trailer("x-checksum", "1");
    vec![
        Row::new("trailers/broken-stream", HTTP2_UPSTREAM, chat_stream("cut"), cut())
            .openai(once(), ends(long())),
        Row::new("trailers/broken-stream-http2", HTTP2_UPSTREAM, chat_stream("cut").http2(), cut())
            .openai(once(), ends(long())),
        Row::new("trailers/broken-stream-translated", HTTP2_UPSTREAM, chat_stream("cut"), cut())
            .openai(once(), Reply::status(503))
            .anthropic(once(), ends(long())),
    ]
}

/// A provider that has said all that counts and does not end: nobody but the filter can end the answer.
fn left_open() -> Vec<Row> {
    let refusing = || Reply::stream_error("invalid_request_error", "No.").stall_at(At::Events(1));
    let busy = || Reply::stream_error("overloaded_error", "Later.").stall_at(At::Events(1));
    let refused = || openai_error(400, "invalid_request_error");
    vec![
        Row::new("left-open/final-error", BOTH, chat_stream("a"), refused()).openai(once(), refusing()),
        Row::new("left-open/final-error-http2", BOTH, chat_stream("a").http2(), refused())
            .openai(once(), refusing()),
        Row::new("left-open/last-attempt", BOTH, chat_stream("a"), openai_error(503, "server_error"))
            .openai(once(), Reply::status(503))
            .anthropic(once(), busy()),
    ]
}
