//! Anthropic's message as a `chat.completion`.
//!
//! Source of what is read: the `anthropic` Python SDK 2.12, `types/message.py`; of what is written: the `openai` Python
//! SDK 3.54, `types/chat/chat_completion.py`.

use std::borrow::Cow;

use llm_api::{
    ApiError, Text, Usage,
    anthropic::{self, ContentBlock, StopReason},
    openai::{self, FinishReason},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{ResponseOptions, Translated, id, joined, lenient, no_answer, too_large};
use crate::{error::in_band_error, json};

pub(super) fn translate(body: &str, options: &ResponseOptions<'_>) -> Result<Translated, ApiError> {
    let message: Message<'_> =
        serde_json::from_str(body).map_err(|_| no_answer("it is no message of Anthropic's"))?;
    if message.kind.as_deref() == Some("error") || message.error.is_some() {
        return Err(in_band_error(body.as_bytes()));
    }
    let content = message.content.as_ref().ok_or_else(|| no_answer("it has no content"))?;
    let parts = Parts::of(content)?;
    let usage = lenient::<anthropic::Usage>(message.usage).map(Usage::from);
    let ending = Ending::of(message.stop_reason.as_deref());
    let refusal = match ending.finish_reason {
        FinishReason::ContentFilter => message.stop_details.and_then(|details| details.explanation),
        _ => None,
    };

    let text = joined(&parts.text);
    let completion = Completion {
        id: id(message.id.as_deref(), "msg_", "chatcmpl-", options.id_seed),
        object: "chat.completion",
        created: options.created,
        model: options.model,
        choices: [Choice {
            index: 0,
            message: ChoiceMessage {
                role: "assistant",
                content: content_or_empty(text.as_deref(), refusal),
                refusal,
                reasoning_content: joined(&parts.thinking),
            },
            logprobs: (),
            finish_reason: ending.finish_reason.name(),
            native_finish_reason: ending.native,
        }],
        usage: usage.map(openai::Usage::from),
    };
    let body = json::Limited::json(&completion, body.len().saturating_add(512), options.max_output_bytes)
        .ok_or_else(too_large)?;
    Ok(Translated { body, usage })
}

/// The text; an answer without any says the empty string, as OpenAI's own does, unless it is a refusal.
fn content_or_empty<'s>(text: Option<&'s RawValue>, refusal: Option<&RawValue>) -> Content<'s> {
    match (text, refusal) {
        (Some(text), _) => Content::Text(text),
        (None, None) => Content::Empty(""),
        (None, Some(_)) => Content::Null(()),
    }
}

/// What the blocks of an answer hold.
#[derive(Default)]
struct Parts<'a> {
    text: Vec<&'a RawValue>,
    thinking: Vec<&'a RawValue>,
}

impl<'a> Parts<'a> {
    /// Sorts the blocks. Redacted thinking is unreadable for everyone but its provider, and left out.
    ///
    /// Anything else comes of tools, which no translated request asks for: were it left out, the client would get an
    /// answer with a hole in it.
    fn of(blocks: &[ContentBlock<'a>]) -> Result<Self, ApiError> {
        let mut parts = Self::default();
        for block in blocks {
            match &*block.kind {
                "text" => parts.text.extend(block.text.filter(|text| json::is_string(text))),
                "thinking" => parts.thinking.extend(block.thinking.filter(|text| json::is_string(text))),
                "redacted_thinking" => {}
                _ => return Err(no_answer("it holds a block that the client's API cannot express")),
            }
        }
        Ok(parts)
    }
}

/// How the answer ended.
struct Ending<'a> {
    finish_reason: FinishReason,
    /// The provider's own word, where it is one that is not known.
    native: Option<&'a str>,
}

impl<'a> Ending<'a> {
    /// A reason that is not known counts as `stop`, since every SDK knows that; what it really was is kept beside it.
    fn of(stop_reason: Option<&'a str>) -> Self {
        match stop_reason.map(|name| (name, StopReason::from_name(name))) {
            None => Self { finish_reason: FinishReason::Stop, native: None },
            Some((_, Some(reason))) => Self { finish_reason: reason.finish_reason(), native: None },
            Some((name, None)) => Self { finish_reason: FinishReason::Stop, native: Some(name) },
        }
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    id: Option<Text<'a>>,
    content: Option<Vec<ContentBlock<'a>>>,
    stop_reason: Option<Text<'a>>,
    stop_details: Option<StopDetails<'a>>,
    usage: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StopDetails<'a> {
    #[serde(borrow)]
    explanation: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Completion<'s> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'s str,
    choices: [Choice<'s>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<openai::Usage>,
}

#[derive(Serialize)]
struct Choice<'s> {
    index: u8,
    message: ChoiceMessage<'s>,
    logprobs: (),
    finish_reason: &'static str,
    /// An extension, under the name that OpenRouter gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    native_finish_reason: Option<&'s str>,
}

#[derive(Serialize)]
struct ChoiceMessage<'s> {
    role: &'static str,
    content: Content<'s>,
    refusal: Option<&'s RawValue>,
    /// An extension, under the name that DeepSeek gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<Cow<'s, RawValue>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'s> {
    Text(&'s RawValue),
    Empty(&'static str),
    Null(()),
}
