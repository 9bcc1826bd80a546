//! Time: each limit by itself, and what one limit for everything means where nothing marks streams.

use std::time::Duration;

use mock_llm::{At, Reply};

use super::{HELD, WITH_PROVIDER};
use crate::expect::{completion, status, stream};
use crate::request::{chat, chat_stream};
use crate::row::Row;
use crate::seen::once;
use crate::shape::{ANSWER, FIRST_BYTE, Shape};

/// Longer than a stream's first content may take, shorter than a whole answer.
const BETWEEN: Duration = FIRST_BYTE.saturating_add(ANSWER).checked_div(2).unwrap();
/// A pause that no limit minds. Seven of them are longer than a first content may take.
const SHORT: Duration = FIRST_BYTE.checked_div(3).unwrap();
/// The same, of which five are.
const SHORTER: Duration = FIRST_BYTE.checked_div(4).unwrap();
/// Nothing marks streams: they have an answer's time.
const UNMARKED: &[Shape] = &[Shape::NotHeld, Shape::ProviderAlone];

pub(super) fn rows() -> Vec<Row> {
    let late_stream = || Reply::chunks(["Hel", "lo."]).delay_content(BETWEEN);
    let stalled = || Reply::chunks(["one ", "two ", "three ", "four"]).stall_at(At::Events(5));
    let begun = || status(200).says("one").unclean();
    vec![
        Row::new(
            "time/json-has-the-answer-limit",
            WITH_PROVIDER,
            chat("late"),
            completion("Hello.", "openai", 1),
        )
        .openai(once(), Reply::text("Hello.").delay_headers(BETWEEN)),
        Row::new(
            "time/json-body-has-the-answer-limit",
            WITH_PROVIDER,
            chat("late"),
            completion("Hello.", "openai", 1),
        )
        .openai(once(), Reply::text("Hello.").delay_body(BETWEEN)),
        Row::new(
            "time/stream-has-the-first-content-limit",
            HELD,
            chat_stream("late"),
            stream("Hi.", "anthropic", 2),
        )
        .openai(once(), late_stream())
        .anthropic(once(), Reply::chunks(["Hi", "."])),
        Row::new(
            "time/stream-has-the-answer-limit",
            UNMARKED,
            chat_stream("late"),
            stream("Hello.", "openai", 1),
        )
        .openai(once(), late_stream()),
        Row::new(
            "time/stream-outlasts-the-first-content-limit",
            WITH_PROVIDER,
            chat_stream("late"),
            stream("1234567", "openai", 1),
        )
        .openai(once(), Reply::chunks(["1", "2", "3", "4", "5", "6", "7"]).delay_events(SHORT)),
        Row::new(
            "time/translated-stream-outlasts-the-first-content-limit",
            HELD,
            chat_stream("late"),
            stream("12345", "anthropic", 2),
        )
        .openai(once(), Reply::status(503))
        .anthropic(once(), Reply::chunks(["1", "2", "3", "4", "5"]).delay_events(SHORTER)),
        Row::new("time/stalled-stream", HELD, chat_stream("stall"), begun()).openai(once(), stalled()),
        Row::new("time/stalled-stream-http2", HELD, chat_stream("stall").http2(), begun())
            .openai(once(), stalled()),
        Row::new("time/stalled-translated-stream", HELD, chat_stream("stall"), begun())
            .openai(once(), Reply::status(503))
            .anthropic(once(), stalled()),
        // Nothing marks it as a stream there, so only the total limit ends it.
        Row::new("time/stalled-stream-unmarked", UNMARKED, chat_stream("stall"), begun())
            .openai(once(), stalled()),
        Row::new("time/total-ends-a-stream", HELD, chat_stream("endless"), begun())
            .openai(once(), Reply::chunks(vec!["one "; 40]).delay_events(SHORT)),
        Row::new(
            "time/stalled-stream-gateway-alone",
            &[Shape::GatewayAlone],
            chat_stream("stall"),
            status(200).says("one").unclean(),
        )
        .openai(once(), stalled()),
    ]
}
