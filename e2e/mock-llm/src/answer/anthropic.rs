//! An answer as Anthropic writes it: compact JSON, named events ending in `message_stop`. Source: answers of the real API.

use bytes::Bytes;

use super::{Answer, Finish, Stream, quoted};

pub(super) fn json(answer: &Answer<'_>) -> String {
    format!(
        r#"{{"model":{model},"id":"msg_01{id}","type":"message","role":"assistant","content":[{{"type":"text","text":{text}}}],"stop_reason":{stop},"stop_sequence":null,"usage":{usage}}}"#,
        model = quoted(answer.model),
        id = answer.id(),
        text = quoted(&answer.pieces.concat()),
        stop = quoted(stop_reason(answer.finish)),
        usage = usage(answer, answer.usage.output),
    )
}

pub(super) fn stream(answer: &Answer<'_>) -> Stream {
    let mut events = Vec::with_capacity(answer.pieces.len() + 6);
    // The first count of output tokens is what is there when the first event is written: one.
    let start = format!(
        r#"{{"type":"message_start","message":{{"model":{model},"id":"msg_01{id}","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{usage}}}}}"#,
        model = quoted(answer.model),
        id = answer.id(),
        usage = usage(answer, answer.usage.output.min(1)),
    );
    events.push(event("message_start", &start));
    let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    events.push(event("content_block_start", block));
    events.push(event("ping", r#"{"type": "ping"}"#));
    for (index, piece) in answer.pieces.iter().enumerate() {
        // Spaces before the last brace, as the real API pads its events.
        let padding = &"          "[index % 10..];
        let delta = format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":{}}}{padding}}}"#,
            quoted(piece)
        );
        events.push(event("content_block_delta", &delta));
    }
    events.push(event("content_block_stop", r#"{"type":"content_block_stop","index":0    }"#));
    let delta = format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":{},"stop_sequence":null}},"usage":{}     }}"#,
        quoted(stop_reason(answer.finish)),
        input_usage(answer, answer.usage.output),
    );
    events.push(event("message_delta", &delta));
    events.push(event("message_stop", r#"{"type":"message_stop"   }"#));
    Stream { events, preamble: 3 }
}

fn event(name: &str, data: &str) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// The usage of a whole message.
fn usage(answer: &Answer<'_>, output: u64) -> String {
    let counts = input_usage(answer, output);
    let written = answer.usage.cache_written;
    format!(
        r#"{},"cache_creation":{{"ephemeral_5m_input_tokens":{written},"ephemeral_1h_input_tokens":0}},"service_tier":"standard"}}"#,
        counts.trim_end_matches('}'),
    )
}

/// The counts alone, as `message_delta` has them. `input_tokens` leaves out what a cache was asked for.
fn input_usage(answer: &Answer<'_>, output: u64) -> String {
    let usage = &answer.usage;
    format!(
        r#"{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"output_tokens":{output}}}"#,
        usage.input.saturating_sub(usage.cached + usage.cache_written),
        usage.cache_written,
        usage.cached,
    )
}

fn stop_reason(finish: Finish<'_>) -> &str {
    match finish {
        Finish::Complete => "end_turn",
        Finish::Limit => "max_tokens",
        Finish::Scripted(reason) => reason,
    }
}
