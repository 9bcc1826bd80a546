//! The events of an Anthropic provider's stream, as far as an OpenAI client can be told of them.
//!
//! New kinds of events, blocks and deltas may appear in that stream at any time, so nothing here is closed: what is unknown is
//! [`Event::Nothing`] or [`Event::Inexpressible`].

use llm_api::anthropic::{ContentBlock, Delta, EventKind, StreamEvent, Usage};
use llm_api::{ApiError, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error;
use super::wire::JsonString;
use crate::json;

/// What one event says.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// `message_start`: the id, and the prompt's usage.
    MessageStart { id: Option<Text<'a>>, usage: Option<Usage> },
    /// More of the answer.
    Content(Content<'a>),
    /// `message_delta`: why the message ends, a refusal's explanation, and usage that is laid over what was said before.
    MessageDelta { stop_reason: Option<Text<'a>>, explanation: Option<&'a RawValue>, usage: Option<Usage> },
    /// `message_stop`, the terminal event.
    MessageStop,
    /// `error`, or a block that OpenAI's stream cannot express: the answer ends here.
    Error(ApiError),
    /// What OpenAI's stream has no place for, and the answer is whole without: a citation, a delta of a kind that is not known.
    Inexpressible,
    /// Nothing that a client needs: a ping, a signature, an event of a kind that is not known.
    Nothing,
}

/// A piece of the answer. `block` is the number of the block that it belongs to.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// A `text_delta`, or what a text block starts with.
    Text(JsonString<'a>),
    /// A `thinking_delta`, or what a thinking block starts with.
    Thinking(JsonString<'a>),
    /// The start of a tool's call. `input` is an empty object where the input follows in deltas, as it does in the real API.
    ToolStart { block: u64, id: Text<'a>, name: Text<'a>, input: Option<&'a RawValue> },
    /// An `input_json_delta`: a fragment of a tool's input.
    ToolInput { block: u64, json: JsonString<'a> },
    /// The end of a block.
    BlockStop { block: u64 },
}

impl<'a> Event<'a> {
    /// Reads one event; nothing where its data is not what its type promises.
    pub(super) fn parse(event: sse::Event<'a>) -> Option<Self> {
        let data = event.data;
        if data.is_empty() {
            return Some(Self::Nothing);
        }
        // An error by name is one to Anthropic's SDKs, whatever its data says, and whether it can be read.
        if event.name == Some(b"error") {
            return Some(Self::Error(error::of_provider(data)));
        }
        let event = serde_json::from_slice::<StreamEvent<'a>>(data).ok()?;
        Some(match event.kind {
            EventKind::MessageStart => {
                let message = event.message?;
                Self::MessageStart { id: message.id, usage: message.usage }
            }
            EventKind::ContentBlockStart => Self::block(event.content_block?, event.index)?,
            EventKind::ContentBlockDelta => Self::delta(event.delta?, event.index)?,
            EventKind::ContentBlockStop => Self::Content(Content::BlockStop { block: event.index }),
            EventKind::MessageDelta => {
                let delta = event.delta.unwrap_or_default();
                Self::MessageDelta {
                    stop_reason: delta.stop_reason,
                    explanation: delta.stop_details.and_then(explanation),
                    usage: event.usage,
                }
            }
            EventKind::MessageStop => Self::MessageStop,
            EventKind::Error => Self::Error(error::of_provider(data)),
            EventKind::Ping | EventKind::Unknown => Self::Nothing,
        })
    }

    fn block(start: ContentBlock<'a>, block: u64) -> Option<Self> {
        Some(match &*start.kind {
            "text" => Self::opening(start.text, Content::Text)?,
            "thinking" => Self::opening(start.thinking, Content::Thinking)?,
            "tool_use" => Self::Content(Content::ToolStart {
                block,
                id: start.id?,
                name: start.name?,
                input: start.input,
            }),
            // Readable for nobody but Anthropic.
            "redacted_thinking" => Self::Nothing,
            // Blocks of tools that ran at the provider, which no translated request asks for.
            _ => Self::Error(error::inexpressible()),
        })
    }

    /// The real API opens a block empty; what a compatible server opens it with is content as any other.
    fn opening(text: Option<&'a RawValue>, content: fn(JsonString<'a>) -> Content<'a>) -> Option<Self> {
        match text {
            Some(text) => Some(Self::Content(content(JsonString::new(text)?))),
            None => Some(Self::Nothing),
        }
    }

    fn delta(delta: Delta<'a>, block: u64) -> Option<Self> {
        Some(match &*delta.kind? {
            "text_delta" => Self::Content(Content::Text(JsonString::new(delta.text?)?)),
            "thinking_delta" => Self::Content(Content::Thinking(JsonString::new(delta.thinking?)?)),
            "input_json_delta" => {
                Self::Content(Content::ToolInput { block, json: JsonString::new(delta.partial_json?)? })
            }
            // It proves to Anthropic that thinking is its own. An OpenAI client cannot send thinking back, so it has no use for the proof.
            "signature_delta" => Self::Nothing,
            _ => Self::Inexpressible,
        })
    }
}

/// `stop_details.explanation`, a JSON string, where the model refused.
fn explanation(stop_details: &RawValue) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct StopDetails<'a> {
        #[serde(borrow)]
        explanation: Option<&'a RawValue>,
    }
    serde_json::from_str::<StopDetails<'_>>(stop_details.get())
        .ok()?
        .explanation
        .filter(|text| json::is_string(text))
}
