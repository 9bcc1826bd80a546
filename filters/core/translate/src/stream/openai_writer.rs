//! An OpenAI client's stream: `chat.completion.chunk` events, an error, and `[DONE]`.
//!
//! Source: the streaming part of OpenAI's Chat Completions reference.

use llm_api::{ApiError, Dialect};
use serde::Serialize;

use super::StreamOptions;
use super::wire::{JsonString, write_json};

/// Writes the chunks of one answer. Whoever has one knows the answer's id, so no chunk can come before the answer has begun.
#[derive(Debug)]
pub(super) struct ChunkWriter {
    /// `data: ` and everything up to the choices. The same in every chunk, so it is serialised once.
    prefix: Vec<u8>,
    include_usage: bool,
}

/// What a chunk adds to the message. What is absent is left out.
#[derive(Default, Serialize)]
pub(super) struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<JsonString<'a>>,
    /// Why the model refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<JsonString<'a>>,
    /// The extension of DeepSeek and vLLM, which clients that show reasoning understand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<JsonString<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_calls: Option<[ToolCall<'a>; 1]>,
}

/// A piece of one tool call: its head with id and name, or a fragment of its arguments.
#[derive(Serialize)]
pub(super) struct ToolCall<'a> {
    /// Which of the answer's calls, counted from 0 without gaps.
    pub(super) index: usize,
    #[serde(flatten)]
    pub(super) head: Option<ToolHead<'a>>,
    pub(super) function: Function<'a>,
}

/// What only the first piece of a call carries.
#[derive(Serialize)]
pub(super) struct ToolHead<'a> {
    pub(super) id: &'a str,
    pub(super) r#type: &'static str,
}

/// The function's name, in the first piece of a call, and a fragment of its arguments.
#[derive(Serialize)]
pub(super) struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) arguments: JsonString<'a>,
}

impl ChunkWriter {
    pub(super) fn new(id: &str, options: &StreamOptions) -> Self {
        #[derive(Serialize)]
        struct Head<'a> {
            id: &'a str,
            object: &'static str,
            created: u64,
            model: &'a str,
        }
        let mut prefix = b"data: ".to_vec();
        let head =
            Head { id, object: "chat.completion.chunk", created: options.created, model: &options.model };
        write_json(&mut prefix, &head);
        prefix.pop(); // the closing brace: the choices follow
        prefix.extend_from_slice(b",\"choices\":[");
        Self { prefix, include_usage: options.include_usage }
    }

    /// A chunk in the middle of the message.
    pub(super) fn delta(&self, out: &mut Vec<u8>, delta: &Delta<'_>) {
        self.choice(out, delta, None, None);
    }

    /// The last chunk of the message: nothing but the reason why it ended, and the provider's own word for it where that is another one.
    pub(super) fn finish(&self, out: &mut Vec<u8>, reason: &str, native: Option<&str>) {
        self.choice(out, &Delta::default(), Some(reason), native);
    }

    /// The chunk after the message that carries its usage, for a client that asked for it.
    pub(super) fn usage(&self, out: &mut Vec<u8>, usage: &impl Serialize) {
        if self.include_usage {
            out.extend_from_slice(&self.prefix);
            out.extend_from_slice(b"],\"usage\":");
            write_json(out, usage);
            out.extend_from_slice(b"}\n\n");
        }
    }

    fn choice(
        &self,
        out: &mut Vec<u8>,
        delta: &Delta<'_>,
        finish_reason: Option<&str>,
        native: Option<&str>,
    ) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(b"{\"index\":0,\"delta\":");
        write_json(out, delta);
        out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
        write_json(out, &finish_reason);
        // An extension, under the name that OpenRouter gave it.
        if let Some(native) = native {
            out.extend_from_slice(b",\"native_finish_reason\":");
            write_json(out, &native);
        }
        // The API says `"usage":null` in every chunk before the one that has it, to clients that asked for usage and to no other.
        out.extend_from_slice(if self.include_usage { b"}],\"usage\":null}\n\n" } else { b"}]}\n\n" });
    }
}

/// An error in the middle of the stream. Every OpenAI SDK raises on a top-level `error`.
pub(super) fn write_error(out: &mut Vec<u8>, error: &ApiError) {
    sse::write_event(out, None, error.body(Dialect::OpenAi).as_bytes());
}

/// The terminal event.
pub(super) fn write_done(out: &mut Vec<u8>) {
    sse::write_event(out, None, b"[DONE]");
}
