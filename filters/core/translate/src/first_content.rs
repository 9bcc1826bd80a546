//! The beginning of a provider's stream, read until it is known whether there will be an answer.
//!
//! Providers answer 200 and then report, in the stream, that they are overloaded. Until the first content has come nothing has to be sent
//! to the client, and such a failure can still become an attempt elsewhere; after it, the answer is committed. So this is the one point at
//! which an attempt is judged. It reads the provider's own dialect, and is not asked again once it has decided.

#[cfg(test)]
mod tests;

use llm_api::{ApiError, Dialect, ErrorKind};
use serde_json::Value;
use serde_json::value::RawValue;
use sse::{Decoder, Event};

use crate::error::in_band_error_value;
use crate::json;

/// How much of a stream is read at most: larger than any preamble, smaller than what a host buffers.
const BYTE_LIMIT: usize = 256 * 1024;

/// How much is read at a time, so that little is read for nothing where a whole answer comes at once.
const PIECE: usize = 1 << 10;

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
        let Self { dialect, decoder, bytes, judge } = self;
        for piece in read.chunks(PIECE) {
            *bytes = bytes.saturating_add(piece.len());
            let pushed = decoder.push(piece, &mut |event| judge.event(*dialect, event));
            if judge.peeked == Peeked::Undecided && (pushed.is_err() || *bytes >= BYTE_LIMIT) {
                judge.peeked = Peeked::Content;
            }
            if judge.peeked != Peeked::Undecided {
                break;
            }
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
        let [error, object, choices] = members(event.data, ["error", "object", "choices"]);
        if event.name == Some(b"error") || error.is_some_and(says_something) || object.is_some_and(is_error) {
            return failed(event.data);
        }
        let choices = choices.and_then(json::array).unwrap_or_default();
        self.choice_seen |= !choices.is_empty();
        if choices.into_iter().any(is_openai_content) { Peeked::Content } else { Peeked::Undecided }
    }
}

/// Whether the `object` of an event is `error`, as older vLLM and SGLang servers have it: `{"object":"error",…}`.
fn is_error(object: &RawValue) -> bool {
    json::string(object).is_some_and(|object| object == "error")
}

/// Whether a choice carries something of an answer. Its role, an empty text and content-filter annotations do not.
fn is_openai_content(choice: &RawValue) -> bool {
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
    let [finish_reason, delta] = members(bytes(choice), ["finish_reason", "delta"]);
    let content = || delta.map(|delta| members(bytes(delta), CONTENT)).into_iter().flatten().flatten();
    finish_reason.is_some_and(says_something) || content().any(says_something)
}

fn anthropic(event: Event<'_>) -> Peeked {
    let [kind, block, delta] = members(event.data, ["type", "content_block", "delta"]);
    // Anthropic's SDKs go by the event's name; where a server leaves it out, its data says the same.
    let written = kind.and_then(json::string);
    let named = event.name.and_then(|name| std::str::from_utf8(name).ok());
    let content = match named.or(written.as_deref()) {
        Some("error") => return failed(event.data),
        Some("message_stop") => return ended(),
        Some("content_block_start") => block.is_some_and(is_anthropic_block),
        Some("content_block_delta") => delta.is_some_and(is_anthropic_delta),
        Some("message_delta") => delta.is_some_and(|delta| {
            let [stop_reason] = members(bytes(delta), ["stop_reason"]);
            stop_reason.is_some_and(says_something)
        }),
        _ => false,
    };
    if content { Peeked::Content } else { Peeked::Undecided }
}

/// Whether the start of a block is something of an answer: of text, only text is. The start of any other block is, thinking included: the
/// model is at work, and where its thinking is not shown nothing more may come for minutes.
fn is_anthropic_block(block: &RawValue) -> bool {
    let [kind, text] = members(bytes(block), ["type", "text"]);
    match kind.and_then(json::string).as_deref() {
        Some("text") => text.is_some_and(says_something),
        Some(_) => true,
        None => false,
    }
}

/// Whether a delta of whatever type carries something.
fn is_anthropic_delta(delta: &RawValue) -> bool {
    let mut content = false;
    each_member(bytes(delta), |key, value| content |= key != "type" && says_something(value)).is_some()
        && content
}

/// The members of these names; none where the text is no JSON object. Of members with the same name the last one counts.
fn members<'a, const N: usize>(object: &'a [u8], names: [&str; N]) -> [Option<&'a RawValue>; N] {
    let mut found = [None; N];
    let read = each_member(object, |key, value| {
        for (name, slot) in names.iter().zip(&mut found) {
            if *name == key {
                *slot = Some(value);
            }
        }
    });
    read.map_or([None; N], |()| found)
}

/// Shows every member of an object, without building it. Nothing that was shown counts where the text turns out to be no JSON object.
fn each_member<'a>(object: &'a [u8], mut visit: impl FnMut(&str, &'a RawValue)) -> Option<()> {
    let object = std::str::from_utf8(object).ok()?;
    json::object(object, "", |key, value| {
        visit(key, value);
        Ok(())
    })
    .ok()
}

fn bytes(json: &RawValue) -> &[u8] {
    json.get().as_bytes()
}

/// Neither absent nor empty. What Python takes for true, which is what OpenAI's SDK asks of an `error`.
fn says_something(value: &RawValue) -> bool {
    let json = value.get();
    match json.as_bytes() {
        b"null" | b"false" | b"\"\"" => false,
        [b'{', inside @ .., b'}'] | [b'[', inside @ .., b']'] => !inside.trim_ascii().is_empty(),
        [b'-' | b'0'..=b'9', ..] => json.parse::<f64>() != Ok(0.0),
        _ => true,
    }
}

/// The provider's error, which need not be JSON.
fn failed(data: &[u8]) -> Peeked {
    let data: Value = serde_json::from_slice(data).unwrap_or(Value::Null);
    Peeked::Failed(in_band_error_value(&data))
}

fn ended() -> Peeked {
    let error = ApiError::new(ErrorKind::BadGateway, "The provider's stream ended before its first content.");
    Peeked::Failed(error.with_code("stream_interrupted"))
}
