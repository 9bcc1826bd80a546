//! A provider's complete answer as the client's API has it.

mod to_anthropic;
mod to_openai;

use llm_api::{ApiError, Dialect, ErrorKind, Usage};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::json;

/// What an answer becomes besides what it says itself.
#[derive(Clone, Copy, Debug)]
pub struct ResponseOptions<'a> {
    /// The model's name as the client asked for it.
    pub model: &'a str,
    /// When the answer was made, in Unix seconds.
    pub created: u64,
    /// What an id is made from where the provider gave none.
    pub id_seed: u64,
    /// The longest body that may come out.
    pub max_output_bytes: usize,
}

/// An answer for the client, and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    /// The body.
    pub body: Vec<u8>,
    /// What the provider reported; none where it reported nothing.
    pub usage: Option<Usage>,
}

/// The answer in the client's dialect. Where that is the provider's own, the body stays as it is, the model's name included.
///
/// # Errors
///
/// An error that the provider sent under a good status is that error, as [`provider_error`](crate::provider_error) has it.
/// [`BadGateway`](ErrorKind::BadGateway) where the body is no answer of that dialect, holds what the client's dialect
/// cannot express, or becomes longer than allowed: an answer of which a part is missing is worse than none, since
/// another provider can be asked.
pub fn response(
    provider: Dialect,
    client: Dialect,
    body: &[u8],
    options: &ResponseOptions<'_>,
) -> Result<Translated, ApiError> {
    let text = std::str::from_utf8(body).map_err(|_| no_answer("it is not UTF-8"))?;
    match (provider, client) {
        (Dialect::Anthropic, Dialect::OpenAi) => to_openai::translate(text, options),
        (Dialect::OpenAi, Dialect::Anthropic) => to_anthropic::translate(text, options),
        (Dialect::Anthropic, Dialect::Anthropic) | (Dialect::OpenAi, Dialect::OpenAi) => {
            Ok(Translated { body: body.to_vec(), usage: usage_of(provider, text)? })
        }
    }
}

/// What an answer reports to have cost, read in the provider's own dialect.
fn usage_of(provider: Dialect, body: &str) -> Result<Option<Usage>, ApiError> {
    let mut usage = None;
    json::object(body, "", |key, value| {
        if key == "usage" {
            usage = Some(value);
        }
        Ok(())
    })
    .map_err(|_| no_answer("it is no JSON object"))?;
    Ok(match provider {
        Dialect::OpenAi => lenient::<llm_api::openai::Usage>(usage).map(Usage::from),
        Dialect::Anthropic => lenient::<llm_api::anthropic::Usage>(usage).map(Usage::from),
    })
}

/// Usage as far as it can be read; what cannot is none, and costs nobody the answer.
fn lenient<U: DeserializeOwned>(usage: Option<&RawValue>) -> Option<U> {
    usage
        .filter(|usage| usage.get().starts_with('{'))
        .and_then(|usage| serde_json::from_str(usage.get()).ok())
}

/// Several raw JSON strings as one; `None` where there are none, and no copy where there is one.
fn joined<'a>(texts: &[&'a RawValue]) -> Option<std::borrow::Cow<'a, RawValue>> {
    match texts {
        [] => None,
        [text] => Some(std::borrow::Cow::Borrowed(*text)),
        texts => {
            let mut all = String::from("\"");
            for text in texts {
                all.push_str(
                    text.get().strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default(),
                );
            }
            all.push('"');
            RawValue::from_string(all).ok().map(std::borrow::Cow::Owned)
        }
    }
}

/// An id of the client's dialect: the provider's own under another prefix, so that both can be found by either; made
/// from the seed where there is none.
fn id(given: Option<&str>, provider_prefix: &str, client_prefix: &str, seed: u64) -> String {
    match given.filter(|id| !id.is_empty()) {
        Some(given) => format!("{client_prefix}{}", given.strip_prefix(provider_prefix).unwrap_or(given)),
        None => format!("{client_prefix}{seed:016x}"),
    }
}

/// The error for a body that is no answer. The reason must not quote the body.
fn no_answer(reason: &str) -> ApiError {
    ApiError::new(ErrorKind::BadGateway, format!("The provider's answer cannot be used: {reason}."))
}

fn too_large() -> ApiError {
    no_answer("it is longer than allowed")
}
