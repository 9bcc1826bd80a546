//! Writes a Messages request.

use serde::{Serialize, Serializer, ser::SerializeSeq};
use serde_json::value::RawValue;

use super::{
    RequestOptions,
    conversation::{Block, Conversation, Number, Role, ServiceTier, Turn},
};
use crate::{json, unsupported::Losses};

/// The version that refuses `temperature` and `top_p`, even at their defaults.
const REFUSES_SAMPLING: &str = "2026-10-21";

/// The longest `metadata.user_id`, in characters.
const MAX_USER_ID_CHARS: usize = 256;

/// Notes what a Messages request of this version cannot say.
pub(super) fn check(conversation: &mut Conversation<'_>, anthropic_version: &str) {
    let mut losses = std::mem::take(&mut conversation.losses);
    spoken(conversation, &mut losses);
    if anthropic_version == REFUSES_SAMPLING {
        let reason = "this version of the provider's API takes no sampling parameters";
        sampling(conversation, &mut losses, reason, is_default);
    } else {
        sampling(conversation, &mut losses, "the provider takes it from 0 to 1 only", is_in_range);
    }
    for stop in conversation.stop.iter().filter(|stop| json::is_blank(stop.text)) {
        losses.note(|| stop.path.clone(), "the provider takes no stop sequence of white space alone");
    }
    conversation.losses = losses;
}

/// The conversation must hold something that is not the operator's, and must not end with the model's own words.
///
/// A Chat Completions request that ends with an assistant's message asks for another message. To Anthropic it asks for
/// the continuation of that one (prefill), and the newest models refuse it: either way the client would not get what it
/// asked for. One that *begins* with an assistant's message is fine since Anthropic relaxed the order of turns
/// (2024-10-08). Without any turn the API refuses the request, and a made-up user message would be our prompt, not the
/// client's.
fn spoken(conversation: &Conversation<'_>, losses: &mut Losses) {
    match conversation.last_spoken() {
        None => losses.note(|| "messages".to_owned(), "the provider needs a user message that is not blank"),
        Some(block) if block.role == Role::Assistant => losses.note(
            || format!("messages[{}]", block.message),
            "a conversation that ends with the assistant's words asks the provider to continue them",
        ),
        Some(_) => {}
    }
}

/// Reports sampling parameters that are not `expressible`.
///
/// OpenAI's temperatures go to 2, Anthropic's to 1. Clamping would answer with less variety than was asked for and tell
/// nobody, so what is above 1 is refused rather than clamped.
fn sampling(
    conversation: &Conversation<'_>,
    losses: &mut Losses,
    reason: &'static str,
    expressible: fn(&Number<'_>) -> bool,
) {
    for (name, value) in [("temperature", &conversation.temperature), ("top_p", &conversation.top_p)] {
        if value.as_ref().is_some_and(|value| !expressible(value)) {
            losses.note(|| name.to_owned(), reason);
        }
    }
}

fn is_in_range(number: &Number<'_>) -> bool {
    (0.0..=1.0).contains(&number.value)
}

/// Both parameters are 1 where nothing is said.
fn is_default(number: &Number<'_>) -> bool {
    number.value == 1.0
}

/// The request's body. To be made of a conversation of which nothing was noted.
pub(super) fn body<'s>(
    conversation: &'s Conversation<'s>,
    options: &'s RequestOptions<'_>,
) -> impl Serialize + 's {
    let takes_sampling = options.anthropic_version != REFUSES_SAMPLING;
    let system: Vec<_> = conversation.blocks.iter().filter(|block| block.role == Role::System).collect();
    MessagesRequest {
        model: options.model,
        max_tokens: conversation.max_tokens.unwrap_or(u64::from(options.default_max_tokens)),
        system: (!system.is_empty()).then_some(Content(system)),
        messages: conversation.turns(|role| role != Role::System).into_iter().map(message).collect(),
        stop_sequences: conversation.stop.iter().map(|stop| stop.text).collect(),
        temperature: conversation.temperature.filter(|_| takes_sampling).map(|number| number.raw),
        top_p: conversation
            .top_p
            .filter(|top_p| takes_sampling && !is_default(top_p))
            .map(|number| number.raw),
        stream: conversation.stream,
        metadata: conversation.user.filter(|user| fits(user)).map(|user_id| Metadata { user_id }),
        service_tier: conversation.tier.map(|tier| match tier {
            ServiceTier::Auto => "auto",
            ServiceTier::Standard => "standard_only",
        }),
    }
}

/// Whether the API takes a user id of that length. A longer one is left out: it steers nothing of what the model answers.
fn fits(user: &RawValue) -> bool {
    json::string(user).is_some_and(|user| user.chars().count() <= MAX_USER_ID_CHARS)
}

fn message<'s>(turn: Turn<'s, '_>) -> Message<'s> {
    Message {
        role: match turn.role {
            Role::Assistant => "assistant",
            Role::User | Role::System => "user",
        },
        content: Content(turn.blocks),
    }
}

#[derive(Serialize)]
struct MessagesRequest<'s> {
    model: &'s str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<Content<'s>>,
    messages: Vec<Message<'s>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'s RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'s RawValue>,
    /// Left out at its default: some models refuse it beside `temperature`, and clients that set every default mean neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'s RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

#[derive(Serialize)]
struct Metadata<'s> {
    user_id: &'s RawValue,
}

#[derive(Serialize)]
struct Message<'s> {
    role: &'static str,
    content: Content<'s>,
}

/// A string where one block says it all, an array of blocks otherwise.
struct Content<'s>(Vec<&'s Block<'s>>);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let [Block { text, cache_control: None, .. }] = self.0.as_slice() {
            return text.serialize(serializer);
        }
        let mut blocks = serializer.serialize_seq(Some(self.0.len()))?;
        for block in &self.0 {
            blocks.serialize_element(&TextBlock {
                kind: "text",
                text: block.text,
                cache_control: block.cache_control,
            })?;
        }
        blocks.end()
    }
}

#[derive(Serialize)]
struct TextBlock<'s> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'s RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'s RawValue>,
}
