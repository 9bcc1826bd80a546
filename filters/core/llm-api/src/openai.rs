//! OpenAI Chat Completions: the parts of its answers and streams that are read or written here.
//!
//! Source: the `openai` Python SDK 3.54, `types/chat/chat_completion*.py` and `types/completion_usage.py`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Members, Text, anthropic::StopReason, count};

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// The model was done, or met a stop sequence.
    Stop,
    /// The token limit, or the end of the context window.
    Length,
    /// The model calls tools.
    ToolCalls,
    /// Something was held back.
    ContentFilter,
    /// The model calls a function, in the API before tools.
    FunctionCall,
}

impl FinishReason {
    /// Every reason, for tables and tests.
    pub const ALL: [Self; 5] =
        [Self::Stop, Self::Length, Self::ToolCalls, Self::ContentFilter, Self::FunctionCall];

    /// `finish_reason` on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::FunctionCall => "function_call",
        }
    }

    /// The reason of that name; none for a name that the API does not have.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The same in Anthropic's terms. `stop` may have been a stop sequence; the API does not say, so it is the
    /// end of a turn.
    pub const fn stop_reason(self) -> StopReason {
        match self {
            Self::Stop => StopReason::EndTurn,
            Self::Length => StopReason::MaxTokens,
            Self::ToolCalls | Self::FunctionCall => StopReason::ToolUse,
            Self::ContentFilter => StopReason::Refusal,
        }
    }
}

/// `usage` of an answer or of a stream's last chunk. Absent counts are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    #[serde(deserialize_with = "count::lenient")]
    pub prompt_tokens: u64,
    /// Generated tokens, reasoning included.
    #[serde(deserialize_with = "count::lenient")]
    pub completion_tokens: u64,
    /// Both together.
    #[serde(deserialize_with = "count::lenient")]
    pub total_tokens: u64,
    /// What the prompt's tokens were.
    pub prompt_tokens_details: Option<PromptTokensDetails>,
    /// What the generated tokens were.
    pub completion_tokens_details: Option<CompletionTokensDetails>,
}

impl Usage {
    /// Reads it as it is written in an answer: what deserialising it gives, in less time where there are nothing but counts. `None` where
    /// it is no usage. Text in strings, of which there should be none, need not be UTF-8.
    pub fn read(json: &[u8]) -> Option<Self> {
        let mut members = Members::of(json);
        let plain = Self::plain(&mut members).filter(|_| members.is_whole());
        plain.or_else(|| serde_json::from_slice(json).ok())
    }

    /// Reads the value of the member whose key was [read](Members::key), and goes on behind it. `None` where that value is no object with
    /// nothing but counts in it, which says nothing yet of what it is.
    pub fn read_plain(of: &mut Members<'_>) -> Option<Self> {
        let mut members = of.inner();
        let usage = Self::plain(&mut members)?;
        of.behind(&members)?;
        Some(usage)
    }

    fn plain(members: &mut Members<'_>) -> Option<Self> {
        let (mut prompt, mut completion, mut total) = (None, None, None);
        let (mut of_prompt, mut of_completion) = (None, None);
        while let Some(key) = members.key()? {
            match key {
                b"prompt_tokens" => count::digits(&mut prompt, members)?,
                b"completion_tokens" => count::digits(&mut completion, members)?,
                b"total_tokens" => count::digits(&mut total, members)?,
                b"prompt_tokens_details" if of_prompt.is_none() => {
                    of_prompt = Some(PromptTokensDetails::plain(members)?);
                }
                b"completion_tokens_details" if of_completion.is_none() => {
                    of_completion = Some(CompletionTokensDetails::plain(members)?);
                }
                b"prompt_tokens_details" | b"completion_tokens_details" => return None,
                _ => drop(members.pass_over()?),
            }
        }
        Some(Self {
            prompt_tokens: prompt.unwrap_or_default(),
            completion_tokens: completion.unwrap_or_default(),
            total_tokens: total.unwrap_or_default(),
            prompt_tokens_details: of_prompt,
            completion_tokens_details: of_completion,
        })
    }
}

impl PromptTokensDetails {
    fn plain(of: &mut Members<'_>) -> Option<Self> {
        let (mut cached, mut written) = (None, None);
        let mut members = of.inner();
        while let Some(key) = members.key()? {
            match key {
                b"cached_tokens" => count::digits(&mut cached, &mut members)?,
                b"cache_write_tokens" => count::digits(&mut written, &mut members)?,
                _ => drop(members.pass_over()?),
            }
        }
        of.behind(&members)?;
        Some(Self {
            cached_tokens: cached.unwrap_or_default(),
            cache_write_tokens: written.unwrap_or_default(),
        })
    }
}

impl CompletionTokensDetails {
    fn plain(of: &mut Members<'_>) -> Option<Self> {
        let mut reasoning = None;
        let mut members = of.inner();
        while let Some(key) = members.key()? {
            match key {
                b"reasoning_tokens" => count::digits(&mut reasoning, &mut members)?,
                _ => drop(members.pass_over()?),
            }
        }
        of.behind(&members)?;
        Some(Self { reasoning_tokens: reasoning.unwrap_or_default() })
    }
}

/// Parts of `prompt_tokens`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PromptTokensDetails {
    /// Read from a cache.
    #[serde(deserialize_with = "count::lenient")]
    pub cached_tokens: u64,
    /// Written to a cache.
    #[serde(deserialize_with = "count::lenient")]
    pub cache_write_tokens: u64,
}

/// Parts of `completion_tokens`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CompletionTokensDetails {
    /// Spent on reasoning.
    #[serde(deserialize_with = "count::lenient")]
    pub reasoning_tokens: u64,
}

impl From<Usage> for crate::Usage {
    /// A part that is larger than its whole is cut to it, so that a provider's slip cannot make tokens up. Reasoning
    /// is the exception: where it is larger than the completion it was evidently counted beside it, and is kept.
    fn from(usage: Usage) -> Self {
        let prompt = usage.prompt_tokens_details.unwrap_or_default();
        let cache_read = prompt.cached_tokens.min(usage.prompt_tokens);
        let uncached = usage.prompt_tokens.saturating_sub(cache_read);
        let cache_write_5m = prompt.cache_write_tokens.min(uncached);
        let reasoning = usage.completion_tokens_details.unwrap_or_default().reasoning_tokens;
        let output = usage.completion_tokens.checked_sub(reasoning).unwrap_or(usage.completion_tokens);
        Self {
            input: uncached.saturating_sub(cache_write_5m),
            cache_read,
            cache_write_5m,
            cache_write_1h: 0,
            output,
            reasoning,
        }
    }
}

impl From<crate::Usage> for Usage {
    fn from(usage: crate::Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt(),
            completion_tokens: usage.completion(),
            total_tokens: usage.total(),
            prompt_tokens_details: Some(PromptTokensDetails {
                cached_tokens: usage.cache_read,
                cache_write_tokens: usage.cache_write(),
            }),
            completion_tokens_details: Some(CompletionTokensDetails { reasoning_tokens: usage.reasoning }),
        }
    }
}

/// One `data:` object of a stream, as it is read. Unknown fields are skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chunk<'a> {
    /// `chatcmpl-…`.
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    /// The model as the provider names it.
    pub model: Option<Text<'a>>,
    /// Empty in the usage chunk, and in the first chunk of some servers; `null` with servers in Go, which write an empty list so.
    pub choices: Option<Vec<ChunkChoice<'a>>>,
    /// `null` but for the last chunk. What is no usage is none, and costs nobody the chunk.
    #[serde(deserialize_with = "count::report")]
    pub usage: Option<Usage>,
    /// An error inside the stream; truthy means that nothing good follows.
    pub error: Option<&'a RawValue>,
}

/// One choice of a chunk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ChunkChoice<'a> {
    /// Which choice it is.
    pub index: u64,
    /// What is new; some servers send `null` in the last one.
    #[serde(borrow)]
    pub delta: Option<ChunkDelta<'a>>,
    /// Set in the choice's last chunk; see [`FinishReason`].
    pub finish_reason: Option<Text<'a>>,
}

/// What a chunk adds to a choice's message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ChunkDelta<'a> {
    /// `assistant`, in the first chunk.
    #[serde(borrow)]
    pub role: Option<Text<'a>>,
    /// A JSON string, or `null`. As it is written, for it may be half of a surrogate pair, which is no text by itself.
    pub content: Option<&'a RawValue>,
    /// A refusal's text; a JSON string.
    pub refusal: Option<&'a RawValue>,
    /// Reasoning, in the field that DeepSeek introduced; a JSON string.
    pub reasoning_content: Option<&'a RawValue>,
    /// The same, in the field that OpenRouter and vLLM use; some servers send both.
    pub reasoning: Option<&'a RawValue>,
    /// Tool calls, piece by piece.
    pub tool_calls: Option<Vec<&'a RawValue>>,
    /// The function call of the API before tools.
    pub function_call: Option<&'a RawValue>,
}

/// The model's reasoning, under either name that servers have for it: a JSON string that is not empty.
pub fn reasoning<'a>(
    reasoning_content: Option<&'a RawValue>,
    reasoning: Option<&'a RawValue>,
) -> Option<&'a RawValue> {
    let says_something = |json: &&RawValue| json.get().starts_with('"') && json.get() != "\"\"";
    reasoning_content.filter(says_something).or_else(|| reasoning.filter(says_something))
}
