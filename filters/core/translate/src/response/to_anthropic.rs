//! OpenAI's `chat.completion` as a message of Anthropic's.
//!
//! Source of what is read: the `openai` Python SDK 3.54, `types/chat/chat_completion.py`; of what is written: the
//! `anthropic` Python SDK 2.12, `types/message.py`.

use llm_api::{
    ApiError, Text, Usage,
    anthropic::{self, StopReason},
    openai::{self, FinishReason},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{ResponseOptions, Translated, id, lenient, no_answer, too_large};
use crate::{error::in_band_error, json};

pub(super) fn translate(body: &str, options: &ResponseOptions<'_>) -> Result<Translated, ApiError> {
    let completion: Completion<'_> =
        serde_json::from_str(body).map_err(|_| no_answer("it is no chat completion"))?;
    if completion.error.is_some_and(is_truthy) {
        return Err(in_band_error(body.as_bytes()));
    }
    // A translated request asks for one answer.
    let choice = completion.choices.as_deref().and_then(|choices| choices.first());
    let choice = choice.ok_or_else(|| no_answer("it has no choices"))?;
    let message = choice.message.as_ref().ok_or_else(|| no_answer("it has no message"))?;
    if calls_tools(message) {
        return Err(no_answer("it calls a tool that the request does not have"));
    }

    let usage = lenient::<openai::Usage>(completion.usage).map(Usage::from);
    let refusal = text(message.refusal)?;
    let ending = Ending::of(choice.finish_reason.as_deref(), refusal.is_some());
    let thinking = openai::reasoning(message.reasoning_content, message.reasoning);
    let thinking = thinking.filter(|thinking| !json::is_blank(thinking));
    let thinking = thinking.map(|thinking| Block::Thinking { thinking, signature: "" });
    let texts = [text(message.content)?, refusal].into_iter().flatten().map(|text| Block::Text { text });
    let answer = Message {
        id: id(completion.id.as_deref(), "chatcmpl-", "msg_", options.id_seed),
        kind: "message",
        role: "assistant",
        model: options.model,
        content: thinking.into_iter().chain(texts).collect(),
        stop_reason: ending.stop_reason.name(),
        stop_sequence: (),
        native_finish_reason: ending.native,
        usage: usage.unwrap_or_default().into(),
    };
    let body = json::Limited::json(&answer, body.len().saturating_add(512), options.max_output_bytes)
        .ok_or_else(too_large)?;
    Ok(Translated { body, usage })
}

/// A text of the message; none where it is null or empty, as an empty block is refused when the client sends it back.
fn text(value: Option<&RawValue>) -> Result<Option<&RawValue>, ApiError> {
    match value {
        Some(value) if !json::is_string(value) => Err(no_answer("its content is not text")),
        value => Ok(value.filter(|text| text.get() != "\"\"")),
    }
}

fn calls_tools(message: &ChoiceMessage<'_>) -> bool {
    message.function_call.is_some() || message.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())
}

/// Whether it is what the SDK takes for an error: anything but `null`, `false`, `0`, `""`, `[]` and `{}`.
fn is_truthy(value: &RawValue) -> bool {
    !matches!(value.get(), "null" | "false" | "0" | "\"\"" | "[]" | "{}")
}

/// How the answer ended.
struct Ending<'a> {
    stop_reason: StopReason,
    /// The provider's own word, where it is one that is not known.
    native: Option<&'a str>,
}

impl<'a> Ending<'a> {
    /// OpenAI ends a refusal with `stop`, Anthropic has a reason of its own for it. A reason that is not known counts as
    /// the end of the turn, since every SDK knows that; what it really was is kept beside it.
    fn of(finish_reason: Option<&'a str>, refused: bool) -> Self {
        let known = finish_reason.and_then(FinishReason::from_name);
        let stop_reason = match known {
            Some(FinishReason::Stop) | None if refused => StopReason::Refusal,
            Some(reason) => reason.stop_reason(),
            None => StopReason::EndTurn,
        };
        Self { stop_reason, native: if known.is_some() { None } else { finish_reason } }
    }
}

#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    choices: Option<Vec<Choice<'a>>>,
    usage: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Option<ChoiceMessage<'a>>,
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ChoiceMessage<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    refusal: Option<&'a RawValue>,
    /// Reasoning, in the field that DeepSeek introduced.
    reasoning_content: Option<&'a RawValue>,
    /// The same, in the field that OpenRouter and vLLM use.
    reasoning: Option<&'a RawValue>,
    tool_calls: Option<Vec<&'a RawValue>>,
    function_call: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Message<'s> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'s str,
    content: Vec<Block<'s>>,
    stop_reason: &'static str,
    /// OpenAI does not say which sequence was met, or that one was.
    stop_sequence: (),
    /// An extension, under the name that OpenRouter gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    native_finish_reason: Option<&'s str>,
    usage: anthropic::Usage,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'s> {
    /// The signature stays empty: it would be Anthropic's proof that the thinking is its own, and it is not.
    Thinking {
        thinking: &'s RawValue,
        signature: &'static str,
    },
    Text {
        text: &'s RawValue,
    },
}
