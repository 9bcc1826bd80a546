//! A client's request as its provider's API has it.
//!
//! Each dialect has a reader into [`Conversation`](conversation::Conversation), what both APIs can say, and a writer out
//! of it. The reader notes what no such conversation holds, the target's check notes what this target cannot say: one
//! walk, on whose findings both [`unsupported`] and [`request`] rest.

mod anthropic;
mod content;
mod conversation;
mod fields;
mod harmless;
mod openai;
mod to_anthropic;
mod to_openai;

use llm_api::{ApiError, Dialect};

use self::conversation::Conversation;
pub use self::harmless::LeftOut;
use crate::{Unsupported, json, peek::peek};

/// What a request becomes besides what it says itself.
#[derive(Clone, Copy, Debug)]
pub struct RequestOptions<'a> {
    /// The model's name at the provider.
    pub model: &'a str,
    /// `max_tokens` for an API that requires it, where the client gave none.
    pub default_max_tokens: u32,
    /// The value of the `anthropic-version` header that the request will carry, such as `2023-06-01`.
    pub anthropic_version: &'a str,
    /// The longest body that may come out.
    pub max_output_bytes: usize,
}

/// Why a request cannot be sent to this provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The request is wrong in itself: no provider could take it.
    #[error(transparent)]
    Invalid(#[from] ApiError),
    /// The request is good, but holds what this provider's API cannot express: everything of that kind, in order.
    #[error("the provider's API cannot express the request")]
    Unsupported(Vec<Unsupported>),
    /// The translated body would be longer than allowed.
    #[error("the translated request is too large")]
    TooLarge,
}

/// `anthropic-version` where nothing else is configured: the one that takes sampling parameters.
pub const DEFAULT_ANTHROPIC_VERSION: &str = "2023-06-01";

/// Every field of the request that `to` cannot express, in order; empty where both dialects are the same.
///
/// At most a hundred are reported. Anthropic is asked in version [`DEFAULT_ANTHROPIC_VERSION`]; for a provider that is
/// spoken to in another one there is [`unsupported_in_version`].
///
/// # Errors
///
/// [`InvalidRequest`](llm_api::ErrorKind::InvalidRequest) where the request is wrong in itself.
pub fn unsupported(from: Dialect, to: Dialect, body: &[u8]) -> Result<Vec<Unsupported>, ApiError> {
    unsupported_in_version(from, to, DEFAULT_ANTHROPIC_VERSION, body)
}

/// [`unsupported`] for a provider that is sent this `anthropic-version`.
///
/// # Errors
///
/// As [`unsupported`].
pub fn unsupported_in_version(
    from: Dialect,
    to: Dialect,
    anthropic_version: &str,
    body: &[u8],
) -> Result<Vec<Unsupported>, ApiError> {
    if from == to {
        return peek(from, body).map(|_| Vec::new());
    }
    let mut conversation = read(from, body)?;
    check(to, &mut conversation, anthropic_version);
    Ok(conversation.losses.into_inner())
}

/// The request in the provider's dialect; where that is the client's own, only the model's name is replaced.
///
/// Towards an OpenAI provider a translated stream always asks for usage, because Anthropic's clients always get it.
///
/// # Errors
///
/// [`RequestError`]; the list in [`RequestError::Unsupported`] is what [`unsupported_in_version`] returns.
pub fn request(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    options: &RequestOptions<'_>,
) -> Result<Vec<u8>, RequestError> {
    if from == to {
        return rename(from, body, options);
    }
    let mut conversation = read(from, body)?;
    check(to, &mut conversation, options.anthropic_version);
    let losses = std::mem::take(&mut conversation.losses).into_inner();
    if !losses.is_empty() {
        return Err(RequestError::Unsupported(losses));
    }
    // A body rarely grows by more than its blocks' frames; the vector grows if it does.
    let expected = body.len().saturating_add(256);
    let limit = options.max_output_bytes;
    match to {
        Dialect::Anthropic => {
            json::Limited::json(&to_anthropic::body(&conversation, options), expected, limit)
        }
        Dialect::OpenAi => json::Limited::json(&to_openai::body(&conversation, options), expected, limit),
    }
    .ok_or(RequestError::TooLarge)
}

/// What is left out of that dialect's translated requests without being reported: the whole list, for the documentation.
pub const fn left_out(from: Dialect) -> &'static [LeftOut] {
    match from {
        Dialect::OpenAi => openai::LEFT_OUT,
        Dialect::Anthropic => anthropic::LEFT_OUT,
    }
}

fn read(from: Dialect, body: &[u8]) -> Result<Conversation<'_>, ApiError> {
    let body = json::utf8(body)?;
    match from {
        Dialect::OpenAi => openai::read(body),
        Dialect::Anthropic => anthropic::read(body),
    }
}

fn check(to: Dialect, conversation: &mut Conversation<'_>, anthropic_version: &str) {
    match to {
        Dialect::Anthropic => to_anthropic::check(conversation, anthropic_version),
        Dialect::OpenAi => to_openai::check(conversation),
    }
}

/// The same bytes but for the model's name, so that unknown fields and their order survive.
fn rename(dialect: Dialect, body: &[u8], options: &RequestOptions<'_>) -> Result<Vec<u8>, RequestError> {
    let span = peek(dialect, body)?.model_span;
    let name = serde_json::Value::from(options.model).to_string();
    let (before, rest) = body.split_at_checked(span.start).unwrap_or((body, &[]));
    let after = rest.get(span.len()..).unwrap_or_default();
    let length = before.len().saturating_add(name.len()).saturating_add(after.len());
    if length > options.max_output_bytes {
        return Err(RequestError::TooLarge);
    }
    let mut renamed = Vec::with_capacity(length);
    renamed.extend_from_slice(before);
    renamed.extend_from_slice(name.as_bytes());
    renamed.extend_from_slice(after);
    Ok(renamed)
}
