//! Anthropic Messages: the parts of its answers and streams that are read or written here.
//!
//! Source: the `anthropic` Python SDK 2.12, `types/message.py`, `types/usage.py` and `types/raw_message_stream_event.py`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Text, count, openai::FinishReason};

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The model was done.
    EndTurn,
    /// `max_tokens` was reached.
    MaxTokens,
    /// One of `stop_sequences` was met.
    StopSequence,
    /// The model calls tools.
    ToolUse,
    /// A long turn was paused; the client may send it back to go on.
    PauseTurn,
    /// The model or a classifier refused.
    Refusal,
    /// The context window is full.
    ModelContextWindowExceeded,
}

impl StopReason {
    /// Every reason, for tables and tests.
    pub const ALL: [Self; 7] = [
        Self::EndTurn,
        Self::MaxTokens,
        Self::StopSequence,
        Self::ToolUse,
        Self::PauseTurn,
        Self::Refusal,
        Self::ModelContextWindowExceeded,
    ];

    /// `stop_reason` on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EndTurn => "end_turn",
            Self::MaxTokens => "max_tokens",
            Self::StopSequence => "stop_sequence",
            Self::ToolUse => "tool_use",
            Self::PauseTurn => "pause_turn",
            Self::Refusal => "refusal",
            Self::ModelContextWindowExceeded => "model_context_window_exceeded",
        }
    }

    /// The reason of that name; none for a name that the API does not have.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The same in OpenAI's terms.
    pub const fn finish_reason(self) -> FinishReason {
        match self {
            Self::EndTurn | Self::StopSequence | Self::PauseTurn => FinishReason::Stop,
            Self::MaxTokens | Self::ModelContextWindowExceeded => FinishReason::Length,
            Self::ToolUse => FinishReason::ToolCalls,
            Self::Refusal => FinishReason::ContentFilter,
        }
    }
}

/// `usage` of a message, of `message_start` and, cumulative and in part, of `message_delta`.
///
/// Absent counts stay absent, so that a `message_delta` can be laid over what `message_start` said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Prompt tokens beside the cached ones.
    #[serde(deserialize_with = "count::optional")]
    pub input_tokens: Option<u64>,
    /// Prompt tokens written to a cache.
    #[serde(deserialize_with = "count::optional")]
    pub cache_creation_input_tokens: Option<u64>,
    /// Prompt tokens read from a cache.
    #[serde(deserialize_with = "count::optional")]
    pub cache_read_input_tokens: Option<u64>,
    /// How long the written caches live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_creation: Option<CacheCreation>,
    /// Generated tokens, thinking included.
    #[serde(deserialize_with = "count::optional")]
    pub output_tokens: Option<u64>,
    /// What the generated tokens were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens_details: Option<OutputTokensDetails>,
}

/// Parts of `cache_creation_input_tokens`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CacheCreation {
    /// Written for five minutes.
    #[serde(deserialize_with = "count::lenient")]
    pub ephemeral_5m_input_tokens: u64,
    /// Written for an hour.
    #[serde(deserialize_with = "count::lenient")]
    pub ephemeral_1h_input_tokens: u64,
}

/// Parts of `output_tokens`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputTokensDetails {
    /// Spent on thinking.
    #[serde(deserialize_with = "count::lenient")]
    pub thinking_tokens: u64,
}

impl Usage {
    /// This usage with everything that a later, cumulative one says anew.
    #[must_use]
    pub fn updated_by(self, later: Self) -> Self {
        Self {
            input_tokens: later.input_tokens.or(self.input_tokens),
            cache_creation_input_tokens: later
                .cache_creation_input_tokens
                .or(self.cache_creation_input_tokens),
            cache_read_input_tokens: later.cache_read_input_tokens.or(self.cache_read_input_tokens),
            cache_creation: later.cache_creation.or(self.cache_creation),
            output_tokens: later.output_tokens.or(self.output_tokens),
            output_tokens_details: later.output_tokens_details.or(self.output_tokens_details),
        }
    }
}

impl From<Usage> for crate::Usage {
    /// A part that is larger than its whole is cut to it, so that a provider's slip cannot make tokens up.
    fn from(usage: Usage) -> Self {
        let creation = usage.cache_creation.unwrap_or_default();
        let written = usage.cache_creation_input_tokens.unwrap_or_else(|| {
            creation.ephemeral_5m_input_tokens.saturating_add(creation.ephemeral_1h_input_tokens)
        });
        let cache_write_1h = creation.ephemeral_1h_input_tokens.min(written);
        let generated = usage.output_tokens.unwrap_or_default();
        let reasoning = usage.output_tokens_details.unwrap_or_default().thinking_tokens.min(generated);
        Self {
            input: usage.input_tokens.unwrap_or_default(),
            cache_read: usage.cache_read_input_tokens.unwrap_or_default(),
            cache_write_5m: written.saturating_sub(cache_write_1h),
            cache_write_1h,
            output: generated.saturating_sub(reasoning),
            reasoning,
        }
    }
}

impl From<crate::Usage> for Usage {
    fn from(usage: crate::Usage) -> Self {
        let written = usage.cache_write();
        Self {
            input_tokens: Some(usage.input),
            cache_creation_input_tokens: Some(written),
            cache_read_input_tokens: Some(usage.cache_read),
            cache_creation: (written > 0).then_some(CacheCreation {
                ephemeral_5m_input_tokens: usage.cache_write_5m,
                ephemeral_1h_input_tokens: usage.cache_write_1h,
            }),
            output_tokens: Some(usage.completion()),
            output_tokens_details: (usage.reasoning > 0)
                .then_some(OutputTokensDetails { thinking_tokens: usage.reasoning }),
        }
    }
}

/// The `type` of a stream's event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The stream begins; carries `message`.
    MessageStart,
    /// A block begins; carries `index` and `content_block`.
    ContentBlockStart,
    /// A block goes on; carries `index` and `delta`.
    ContentBlockDelta,
    /// A block is complete; carries `index`.
    ContentBlockStop,
    /// The answer ends; carries `delta` with the stop reason, and `usage`.
    MessageDelta,
    /// The stream ends.
    MessageStop,
    /// Nothing; keeps the connection alive.
    Ping,
    /// The stream fails; carries `error`.
    Error,
    /// A type that this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// One event of a stream, as it is read: one flat shape, because a tagged enum would buffer every event once more.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct StreamEvent<'a> {
    /// Which event it is, and so which of the fields below are there.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// The block's number.
    pub index: u64,
    /// The message as it begins.
    #[serde(borrow)]
    pub message: Option<MessageStart<'a>>,
    /// The block as it begins.
    pub content_block: Option<ContentBlock<'a>>,
    /// What is new in the block, or in the message.
    pub delta: Option<Delta<'a>>,
    /// Cumulative usage. What is no usage is none, and costs nobody the event.
    #[serde(deserialize_with = "count::report")]
    pub usage: Option<Usage>,
    /// `{"type", "message"}`.
    pub error: Option<&'a RawValue>,
}

/// `message` of `message_start`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MessageStart<'a> {
    /// `msg_…`.
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    /// The model as the provider names it.
    pub model: Option<Text<'a>>,
    /// The prompt's usage, and a first token or so.
    #[serde(deserialize_with = "count::report")]
    pub usage: Option<Usage>,
}

/// A block of content, as an answer holds it and as `content_block_start` opens it. Unknown fields are skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContentBlock<'a> {
    /// `text`, `thinking`, `redacted_thinking`, `tool_use`, …
    #[serde(rename = "type", borrow)]
    pub kind: Text<'a>,
    /// Of a `text` block.
    pub text: Option<&'a RawValue>,
    /// Of a `thinking` block.
    pub thinking: Option<&'a RawValue>,
    /// Of a `tool_use` block.
    pub id: Option<Text<'a>>,
    /// Of a `tool_use` block.
    pub name: Option<Text<'a>>,
    /// Of a `tool_use` block: an object.
    pub input: Option<&'a RawValue>,
}

/// `delta` of `content_block_delta` and of `message_delta`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Delta<'a> {
    /// `text_delta`, `thinking_delta`, `signature_delta`, `input_json_delta`, `citations_delta`; none in `message_delta`.
    #[serde(rename = "type", borrow)]
    pub kind: Option<Text<'a>>,
    /// Of a `text_delta`.
    pub text: Option<&'a RawValue>,
    /// Of a `thinking_delta`.
    pub thinking: Option<&'a RawValue>,
    /// Of an `input_json_delta`: a string that holds a piece of JSON.
    pub partial_json: Option<&'a RawValue>,
    /// Of `message_delta`; see [`StopReason`].
    pub stop_reason: Option<Text<'a>>,
    /// Of `message_delta`: the sequence that was met.
    pub stop_sequence: Option<Text<'a>>,
    /// Of `message_delta`, where the model refused: `{"category", "explanation"}`.
    pub stop_details: Option<&'a RawValue>,
}
