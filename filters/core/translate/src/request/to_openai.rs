//! Writes a Chat Completions request.

use serde::{Serialize, Serializer, ser::SerializeSeq};
use serde_json::value::RawValue;

use super::{
    RequestOptions,
    conversation::{Block, Conversation, Role, ServiceTier, Turn},
};
use crate::json;

/// How many stop sequences the API takes.
const MAX_STOPS: usize = 4;

/// The longest `user`, in characters. Claude Code's ids, for one, are longer.
const MAX_USER_CHARS: usize = 64;

/// Notes what a Chat Completions request cannot say.
///
/// A conversation that ends with the assistant's words asks Anthropic to continue them; OpenAI would begin a new message.
pub(super) fn check(conversation: &mut Conversation<'_>) {
    let mut losses = std::mem::take(&mut conversation.losses);
    if conversation.stop.len() > MAX_STOPS {
        losses.note(|| "stop_sequences".to_owned(), "the provider takes at most four stop sequences");
    }
    match conversation.last_spoken() {
        None => losses.note(|| "messages".to_owned(), "the provider needs a message that is not blank"),
        Some(block) if block.role == Role::Assistant => losses.note(
            || format!("messages[{}]", block.message),
            "the provider does not continue the assistant's words, it begins a new message",
        ),
        Some(_) => {}
    }
    conversation.losses = losses;
}

/// The request's body. To be made of a conversation of which nothing was noted.
pub(super) fn body<'s>(
    conversation: &'s Conversation<'s>,
    options: &'s RequestOptions<'_>,
) -> impl Serialize + 's {
    ChatRequest {
        model: options.model,
        messages: conversation.turns(|_| true).into_iter().map(message).collect(),
        max_completion_tokens: conversation.max_tokens,
        stop: conversation.stop.iter().map(|stop| stop.text).collect(),
        temperature: conversation.temperature.map(|number| number.raw),
        top_p: conversation.top_p.map(|number| number.raw),
        stream: conversation.stream,
        stream_options: conversation.stream.then_some(StreamOptions { include_usage: true }),
        user: conversation.user.filter(|user| fits(user)),
        service_tier: conversation.tier.map(|tier| match tier {
            ServiceTier::Auto => "auto",
            ServiceTier::Standard => "default",
        }),
    }
}

/// Whether the API takes a user id of that length. A longer one is left out: it steers nothing of what the model answers.
fn fits(user: &RawValue) -> bool {
    json::string(user).is_some_and(|user| user.chars().count() <= MAX_USER_CHARS)
}

fn message<'s>(turn: Turn<'s, '_>) -> Message<'s> {
    Message {
        role: match turn.role {
            // `developer` is for reasoning models only, which take `system` for the same; compatible servers know only this.
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        },
        content: Content(turn.blocks),
    }
}

#[derive(Serialize)]
struct ChatRequest<'s> {
    model: &'s str,
    messages: Vec<Message<'s>>,
    /// Not `max_tokens`, which is deprecated and which reasoning models refuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<&'s RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'s RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'s RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'s RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Message<'s> {
    role: &'static str,
    content: Content<'s>,
}

/// A string where one part says it all, an array of parts otherwise.
struct Content<'s>(Vec<&'s Block<'s>>);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let [block] = self.0.as_slice() {
            return block.text.serialize(serializer);
        }
        let mut parts = serializer.serialize_seq(Some(self.0.len()))?;
        for block in &self.0 {
            parts.serialize_element(&TextPart { kind: "text", text: block.text })?;
        }
        parts.end()
    }
}

#[derive(Serialize)]
struct TextPart<'s> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'s RawValue,
}
