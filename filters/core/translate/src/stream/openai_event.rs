//! The chunks of an OpenAI provider's stream, as far as an Anthropic client can be told of them.
//!
//! Compatible servers leave out, or add, whatever they like, so almost everything may be missing.

use llm_api::openai::{Chunk, ChunkDelta, Usage};
use llm_api::{ApiError, Text};
use serde::Deserialize;

use super::error;
use crate::json;

/// What one event says.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// A chunk with news of the answer. `others` counts the news of other choices, which a client of Anthropic's API cannot have asked for.
    Chunk { id: Option<Text<'a>>, usage: Option<Usage>, choice: Choice<'a>, others: u32 },
    /// A chunk without choices: usage at the end, some servers' remarks at the start, or nothing at all.
    Usage(Option<Usage>),
    /// An error: the answer ends here.
    Error(ApiError),
    /// `[DONE]`, the terminal event.
    Done,
}

/// What a chunk says of the one choice.
#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    /// More of the answer.
    pub(super) delta: ChunkDelta<'a>,
    /// Why it ends.
    pub(super) finish_reason: Option<Text<'a>>,
}

/// A piece of a tool's call. The first one has id and name, each has a fragment of the arguments.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolFragment<'a> {
    /// Which call it belongs to; some servers leave it out.
    pub(super) index: Option<u64>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    pub(super) function: Option<FunctionFragment<'a>>,
}

/// The part of a [`ToolFragment`] that the API before tools had by itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionFragment<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) arguments: Option<Text<'a>>,
}

impl<'a> Event<'a> {
    /// Reads one event; nothing where it is no chunk.
    pub(super) fn parse(event: sse::Event<'a>) -> Option<Self> {
        // OpenAI's own SDK looks no further either.
        if event.data.starts_with(b"[DONE]") {
            return Some(Self::Done);
        }
        if event.name == Some(b"error") {
            return Some(Self::Error(error::of_provider(event.data)));
        }
        if event.data.is_empty() {
            return Some(Self::Usage(None));
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk<'a>>(event.data) else {
            // What is no chunk may still be an error, and that must not be passed over.
            return error::is_in(event.data).then(|| Self::Error(error::of_provider(event.data)));
        };
        let choices = chunk.choices.unwrap_or_default();
        if chunk.error.is_some_and(error::is_truthy) || (choices.is_empty() && error::is_in(event.data)) {
            return Some(Self::Error(error::of_provider(event.data)));
        }
        let mut ours = None;
        let mut others = 0_u32;
        for choice in choices {
            if choice.index == 0 && ours.is_none() {
                let delta = choice.delta.unwrap_or_default();
                if ![delta.content, delta.refusal, delta.reasoning_content]
                    .into_iter()
                    .flatten()
                    .all(json::is_string)
                {
                    return None;
                }
                ours = Some(Choice { delta, finish_reason: choice.finish_reason });
            } else {
                others = others.saturating_add(1);
            }
        }
        Some(match ours {
            Some(choice) => Self::Chunk { id: chunk.id, usage: chunk.usage, choice, others },
            None => Self::Usage(chunk.usage),
        })
    }
}
