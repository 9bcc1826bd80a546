//! An Anthropic client's stream: `message_start`, blocks one after the other, `message_delta`, `message_stop`, and an error.
//!
//! Source: Anthropic's "Streaming Messages" reference. Its clients count on the order: a block's events have its number, blocks do not
//! overlap, and each is closed before the next one opens.

use llm_api::anthropic::{StopReason, Usage};
use llm_api::{ApiError, Dialect};
use serde::Serialize;

use super::wire::{JsonString, write_json};

/// Writes the events of one answer. Whoever has one has sent `message_start`, so no block can come before it.
#[derive(Debug)]
pub(super) struct MessageWriter {
    /// The number of the open block, or of the next one.
    index: u32,
    open: Option<Block>,
    /// The event that brings more of the block that was opened last, up to the text. By far the most frequent event, so it is put together once.
    delta: Vec<u8>,
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Text.
    Text,
    /// Thinking. Its signature stays empty: it would be Anthropic's proof that the thinking is its own, and it is not.
    Thinking,
    /// A tool's call.
    ToolUse,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<'a> {
    MessageStart { message: Message<'a> },
    ContentBlockStart { index: u32, content_block: ContentBlock<'a> },
    ContentBlockStop { index: u32 },
    MessageDelta { delta: MessageDelta<'a>, usage: Usage },
    MessageStop,
}

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: [(); 0],
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'static str>,
    usage: Usage,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ContentBlock<'a> {
    Text { text: &'static str },
    Thinking { thinking: &'static str, signature: &'static str },
    ToolUse { id: &'a str, name: &'a str, input: Empty },
}

/// `{}`: a tool's input before its first delta.
#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct MessageDelta<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'static str>,
    /// An extension, under the name that OpenRouter gave it: the provider's own word, where it is one that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    native_finish_reason: Option<&'a str>,
}

impl MessageWriter {
    /// Opens the message.
    pub(super) fn start(out: &mut Vec<u8>, id: &str, model: &str, usage: Usage) -> Self {
        let message = Message {
            id,
            r#type: "message",
            role: "assistant",
            model,
            content: [],
            stop_reason: None,
            stop_sequence: None,
            usage,
        };
        write(out, &Event::MessageStart { message });
        Self { index: 0, open: None, delta: Vec::new() }
    }

    /// More text, in the open block of text or in a new one.
    pub(super) fn text(&mut self, out: &mut Vec<u8>, text: JsonString<'_>) {
        self.ensure(out, Block::Text, ContentBlock::Text { text: "" });
        self.delta(out, text);
    }

    /// More thinking, in the open block of thinking or in a new one.
    pub(super) fn thinking(&mut self, out: &mut Vec<u8>, thinking: JsonString<'_>) {
        self.ensure(out, Block::Thinking, ContentBlock::Thinking { thinking: "", signature: "" });
        self.delta(out, thinking);
    }

    /// A new block for a tool's call.
    pub(super) fn tool_use(&mut self, out: &mut Vec<u8>, id: &str, name: &str) {
        self.close(out);
        self.ensure(out, Block::ToolUse, ContentBlock::ToolUse { id, name, input: Empty {} });
    }

    /// More of the input of the call that [`tool_use`](Self::tool_use) opened. No input at all is `{}`, as the block's start says.
    pub(super) fn tool_input(&self, out: &mut Vec<u8>, partial_json: JsonString<'_>) {
        if !partial_json.is_empty() {
            self.delta(out, partial_json);
        }
    }

    /// Closes the open block, if there is one.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            write(out, &Event::ContentBlockStop { index: self.index });
            self.index = self.index.saturating_add(1);
        }
    }

    /// The end of a whole message. A message that has been ended cannot be written to.
    pub(super) fn end(mut self, out: &mut Vec<u8>, reason: StopReason, native: Option<&str>, usage: Usage) {
        self.close(out);
        let delta =
            MessageDelta { stop_reason: reason.name(), stop_sequence: None, native_finish_reason: native };
        write(out, &Event::MessageDelta { delta, usage });
        write(out, &Event::MessageStop);
    }

    fn ensure(&mut self, out: &mut Vec<u8>, block: Block, content_block: ContentBlock<'_>) {
        if self.open != Some(block) {
            self.close(out);
            write(out, &Event::ContentBlockStart { index: self.index, content_block });
            self.open = Some(block);
            let delta = &mut self.delta;
            delta.clear();
            delta.extend_from_slice(
                b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
            );
            write_json(delta, &self.index);
            delta.extend_from_slice(b",\"delta\":");
            delta.extend_from_slice(block.delta());
        }
    }

    fn delta(&self, out: &mut Vec<u8>, text: JsonString<'_>) {
        out.extend_from_slice(&self.delta);
        text.write(out);
        out.extend_from_slice(b"}}\n\n");
    }
}

impl Block {
    /// How a delta of such a block begins, up to its text.
    const fn delta(self) -> &'static [u8] {
        match self {
            Self::Text => b"{\"type\":\"text_delta\",\"text\":",
            Self::Thinking => b"{\"type\":\"thinking_delta\",\"thinking\":",
            Self::ToolUse => b"{\"type\":\"input_json_delta\",\"partial_json\":",
        }
    }
}

impl Event<'_> {
    /// The `event:` line, which Anthropic's SDKs choose the type by.
    const fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
        }
    }
}

fn write(out: &mut Vec<u8>, event: &Event<'_>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.name().as_bytes());
    out.extend_from_slice(b"\ndata: ");
    write_json(out, event);
    out.extend_from_slice(b"\n\n");
}

/// An error in the middle of the stream. Every Anthropic SDK raises on it.
pub(super) fn write_error(out: &mut Vec<u8>, error: &ApiError) {
    sse::write_event(out, Some("error"), error.body(Dialect::Anthropic).as_bytes());
}
