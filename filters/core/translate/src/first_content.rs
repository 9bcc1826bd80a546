//! The beginning of a provider's stream, read until it is known whether there will be an answer.
//!
//! Providers answer 200 and then report, in the stream, that they are overloaded. Until the first content has come nothing has to be sent
//! to the client, and such a failure can still become an attempt elsewhere; after it, the answer is committed. So this is the one point at
//! which an attempt is judged. It reads the provider's own dialect, and is not asked again once it has decided.

mod failure;
#[cfg(test)]
mod tests;

use llm_api::{ApiError, Dialect, ErrorKind};
use serde_json::Value;
use sse::{Decoder, Event};

use failure::{anthropic_failure, openai_failure};

/// How much of a stream is read at most: larger than any preamble, smaller than what a host buffers.
const BYTE_LIMIT: usize = 256 * 1024;

/// How many events are read at most. Real preambles have fewer than five, plus pings.
const EVENT_LIMIT: usize = 64;

/// Judges one stream by its beginning.
///
/// A stream whose first 256 KiB or 64 events hold neither content nor an error is taken to have content: it is alive and speaks a dialect
/// that is richer than what is known here, and to withhold more of it would cost memory and patience for nothing. Data that is not JSON is
/// neither content nor an error.
///
/// The judgement, and the event on which it falls, are the same however the stream is chunked.
#[derive(Debug)]
pub struct FirstContent {
    dialect: Dialect,
    decoder: Decoder,
    /// The bytes read.
    bytes: usize,
    judge: Judge,
}

/// What is known of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peeked {
    /// Neither content nor an error yet.
    Undecided,
    /// An answer has begun, or must be taken to have.
    Content,
    /// There will be no answer: the provider said so, or ended. In the provider's words where it had some.
    Failed(ApiError),
}

#[derive(Debug)]
struct Judge {
    events: usize,
    /// OpenAI: an event had a choice in it, so an end is the end of an answer.
    choice_seen: bool,
    peeked: Peeked,
}

impl FirstContent {
    /// For one stream of a provider that speaks that dialect.
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            decoder: Decoder::new(BYTE_LIMIT),
            bytes: 0,
            judge: Judge { events: 0, choice_seen: false, peeked: Peeked::Undecided },
        }
    }

    /// Reads the next bytes of the stream. Once decided, it stays so.
    pub fn push(&mut self, chunk: &[u8]) -> Peeked {
        if self.judge.peeked != Peeked::Undecided {
            return self.judge.peeked.clone();
        }
        let read = chunk.get(..BYTE_LIMIT.saturating_sub(self.bytes)).unwrap_or(chunk);
        self.bytes = self.bytes.saturating_add(read.len());
        let Self { dialect, decoder, judge, .. } = self;
        let pushed = decoder.push(read, &mut |event| judge.event(*dialect, event));
        if judge.peeked == Peeked::Undecided && (pushed.is_err() || self.bytes >= BYTE_LIMIT) {
            judge.peeked = Peeked::Content;
        }
        judge.peeked.clone()
    }

    /// The stream has ended. Without content, that is a failure.
    pub fn finish(&mut self) -> Peeked {
        let Self { dialect, decoder, judge, .. } = self;
        decoder.finish(&mut |event| judge.event(*dialect, event));
        if judge.peeked == Peeked::Undecided {
            judge.peeked = ended();
        }
        judge.peeked.clone()
    }
}

impl Judge {
    fn event(&mut self, dialect: Dialect, event: Event<'_>) {
        if self.peeked != Peeked::Undecided {
            return;
        }
        self.events = self.events.saturating_add(1);
        self.peeked = match dialect {
            Dialect::OpenAi => self.openai(event),
            Dialect::Anthropic => anthropic(event),
        };
        if self.peeked == Peeked::Undecided && self.events >= EVENT_LIMIT {
            self.peeked = Peeked::Content;
        }
    }

    fn openai(&mut self, event: Event<'_>) -> Peeked {
        if event.data.starts_with(b"[DONE]") {
            // An answer may be empty; a stream that ends without ever beginning one is none.
            return if self.choice_seen { Peeked::Content } else { ended() };
        }
        let data = serde_json::from_slice(event.data).unwrap_or(Value::Null);
        if let Some(error) = openai_failure(event.name, &data) {
            return Peeked::Failed(error);
        }
        let choices = data.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        self.choice_seen |= !choices.is_empty();
        if choices.iter().any(is_openai_content) { Peeked::Content } else { Peeked::Undecided }
    }
}

/// Whether a choice carries something of an answer. Its role, an empty text and content-filter annotations do not.
fn is_openai_content(choice: &Value) -> bool {
    /// OpenAI's own, then `reasoning*` as DeepSeek, vLLM and OpenRouter have it.
    const CONTENT: [&str; 8] = [
        "content",
        "refusal",
        "tool_calls",
        "function_call",
        "audio",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
    ];
    let finished = choice.get("finish_reason").is_some_and(says_something);
    let delta = choice.get("delta");
    finished || CONTENT.iter().any(|key| delta.and_then(|delta| delta.get(key)).is_some_and(says_something))
}

fn anthropic(event: Event<'_>) -> Peeked {
    let data: Value = serde_json::from_slice(event.data).unwrap_or(Value::Null);
    // Anthropic's SDKs go by the event's name; where a server leaves it out, its data says the same.
    let kind =
        event.name.and_then(|name| std::str::from_utf8(name).ok()).or_else(|| data.get("type")?.as_str());
    let content = match kind {
        Some("error") => return Peeked::Failed(anthropic_failure(&data)),
        Some("message_stop") => return ended(),
        Some("content_block_start") => data.get("content_block").is_some_and(is_anthropic_block),
        Some("content_block_delta") => data.get("delta").is_some_and(is_anthropic_delta),
        Some("message_delta") => data.pointer("/delta/stop_reason").is_some_and(says_something),
        _ => false,
    };
    if content { Peeked::Content } else { Peeked::Undecided }
}

/// Whether the start of a block is something of an answer: of text, only text is. The start of any other block is, thinking included: the
/// model is at work, and where its thinking is not shown nothing more may come for minutes.
fn is_anthropic_block(block: &Value) -> bool {
    match block.get("type").and_then(Value::as_str) {
        Some("text") => block.get("text").is_some_and(says_something),
        Some(_) => true,
        None => false,
    }
}

/// Whether a delta of whatever type carries something.
fn is_anthropic_delta(delta: &Value) -> bool {
    let members = delta.as_object().into_iter().flatten();
    members.filter(|(key, _)| *key != "type").any(|(_, value)| says_something(value))
}

/// Neither absent nor empty. What Python takes for true, which is what OpenAI's SDK asks of an `error`.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

fn ended() -> Peeked {
    let error = ApiError::new(ErrorKind::BadGateway, "The provider's stream ended before its first content.");
    Peeked::Failed(error.with_code("stream_interrupted"))
}
