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
    /// `data: ` and everything up to the text of a piece of content. The same in every chunk, so it is serialised once; chunks that bring
    /// something else have a part of it.
    prefix: Vec<u8>,
    include_usage: bool,
}

/// What a chunk adds to the message.
#[derive(Clone, Copy)]
pub(super) enum Delta<'a> {
    /// Whose message it is, which is all that the first chunk says.
    Role,
    /// Why the model refused.
    Refusal(JsonString<'a>),
    /// More thinking: the extension of DeepSeek and vLLM, which clients that show reasoning understand.
    Reasoning(JsonString<'a>),
    /// The head of a tool call. `index` is which of the answer's calls it is, counted from 0 without gaps.
    ToolCall { index: usize, id: &'a str, name: &'a str },
    /// A fragment of that call's arguments.
    Arguments { index: usize, fragment: JsonString<'a> },
    /// Nothing.
    Empty,
}

/// How a choice begins, up to its delta.
const CHOICE: &[u8] = b"{\"index\":0,\"delta\":";
/// How the delta of a piece of content begins.
const CONTENT: &[u8] = b"{\"content\":";

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
        prefix.extend_from_slice(CHOICE);
        prefix.extend_from_slice(CONTENT);
        Self { prefix, include_usage: options.include_usage }
    }

    /// Everything up to the choices.
    fn up_to_choices(&self) -> &[u8] {
        let length = self.prefix.len().saturating_sub(CHOICE.len()).saturating_sub(CONTENT.len());
        self.prefix.get(..length).unwrap_or_default()
    }

    /// More of the message's text: what [`delta`](Self::delta) writes of it, in as few pieces as can be, for nearly every chunk is one.
    pub(super) fn content(&self, out: &mut Vec<u8>, text: JsonString<'_>) {
        out.extend_from_slice(&self.prefix);
        text.write(out);
        out.extend_from_slice(if self.include_usage {
            b"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n"
        } else {
            b"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"
        });
    }

    /// A chunk in the middle of the message.
    pub(super) fn delta(&self, out: &mut Vec<u8>, delta: Delta<'_>) {
        self.choice(out, delta, None, None);
    }

    /// The last chunk of the message: nothing but the reason why it ended, and the provider's own word for it where that is another one.
    pub(super) fn finish(&self, out: &mut Vec<u8>, reason: &str, native: Option<&str>) {
        self.choice(out, Delta::Empty, Some(reason), native);
    }

    /// The chunk after the message that carries its usage, for a client that asked for it.
    pub(super) fn usage(&self, out: &mut Vec<u8>, usage: &impl Serialize) {
        if self.include_usage {
            out.extend_from_slice(self.up_to_choices());
            out.extend_from_slice(b"],\"usage\":");
            write_json(out, usage);
            out.extend_from_slice(b"}\n\n");
        }
    }

    fn choice(&self, out: &mut Vec<u8>, delta: Delta<'_>, finish_reason: Option<&str>, native: Option<&str>) {
        out.extend_from_slice(self.up_to_choices());
        out.extend_from_slice(CHOICE);
        delta.write(out);
        out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
        match finish_reason {
            Some(reason) => write_json(out, &reason),
            None => out.extend_from_slice(b"null"),
        }
        // An extension, under the name that OpenRouter gave it.
        if let Some(native) = native {
            out.extend_from_slice(b",\"native_finish_reason\":");
            write_json(out, &native);
        }
        // The API says `"usage":null` in every chunk before the one that has it, to clients that asked for usage and to no other.
        out.extend_from_slice(if self.include_usage { b"}],\"usage\":null}\n\n" } else { b"}]}\n\n" });
    }
}

impl Delta<'_> {
    /// Appends it as JSON. What it does not say is left out.
    fn write(self, out: &mut Vec<u8>) {
        let (before, text, after): (&[u8], _, &[u8]) = match self {
            Self::Reasoning(text) => (b"{\"reasoning_content\":", text, b"}"),
            Self::Refusal(text) => (b"{\"refusal\":", text, b"}"),
            Self::Arguments { index, fragment } => {
                out.extend_from_slice(b"{\"tool_calls\":[{\"index\":");
                write_json(out, &index);
                (b",\"function\":{\"arguments\":", fragment, b"}}]}")
            }
            Self::ToolCall { index, id, name } => {
                out.extend_from_slice(b"{\"tool_calls\":[{\"index\":");
                write_json(out, &index);
                out.extend_from_slice(b",\"id\":");
                write_json(out, &id);
                out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
                (b"", JsonString::Plain(name), b",\"arguments\":\"\"}}]}")
            }
            Self::Role => (b"{\"role\":\"assistant\",\"content\":", JsonString::Raw("\"\""), b"}"),
            Self::Empty => {
                out.extend_from_slice(b"{}");
                return;
            }
        };
        out.extend_from_slice(before);
        text.write(out);
        out.extend_from_slice(after);
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
