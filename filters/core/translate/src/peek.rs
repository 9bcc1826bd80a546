//! The little that has to be known of a request before anyone decides where it goes.

use std::{borrow::Cow, fmt, ops::Range};

use llm_api::{ApiError, Dialect, Text};
use serde::{
    Deserializer as _,
    de::{self, IgnoredAny, MapAccess},
};
use serde_json::value::RawValue;

use crate::json;

/// What routing needs to know of a request, and where its model's name stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPeek<'a> {
    /// The model's name.
    pub model: Cow<'a, str>,
    /// Where in the body the name stands, as a JSON string with its quotes.
    pub model_span: Range<usize>,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether a stream shall end with usage. Always so in Anthropic's dialect.
    pub include_usage: bool,
}

/// Reads what routing needs in one pass over the body, without building it up in memory and in bounded stack.
///
/// What it does not read it does not judge, beyond being JSON: the messages are for the translation, or the provider.
///
/// # Errors
///
/// [`InvalidRequest`](llm_api::ErrorKind::InvalidRequest) where the body is no JSON object, or one whose `model`,
/// `stream` or `stream_options` is given twice or has the wrong type, or that has no `model`. A name given twice is
/// refused because this reader and the provider's might each take another one: the budget would be charged for one
/// model, and another would answer.
pub fn peek<'a>(dialect: Dialect, body: &'a [u8]) -> Result<RequestPeek<'a>, ApiError> {
    let body = json::utf8(body)?;
    let mut duplicate = None;
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let outcome = deserializer.deserialize_map(TopLevel { dialect, duplicate: &mut duplicate });
    let outcome = outcome.and_then(|found| deserializer.end().map(|()| found));
    let found = match (outcome, duplicate) {
        (_, Some(name)) => return Err(json::duplicate(name)),
        (outcome, None) => outcome.map_err(|error| json::malformed(&error))?,
    };

    let model = found.model.ok_or_else(no_model)?;
    let name = json::string(model).ok_or_else(model_is_no_string)?;
    if name.len() > MAX_MODEL_BYTES {
        return Err(model_is_too_long());
    }
    Ok(RequestPeek {
        model: name,
        model_span: span_in(body, model),
        stream: flag(found.stream, "stream")?,
        include_usage: match dialect {
            Dialect::OpenAi => include_usage(found.stream_options)?,
            Dialect::Anthropic => true,
        },
    })
}

/// The longest model name that is taken, in bytes: several times the longest real one. Every event of a stream repeats it, so a longer one
/// would let a client have the gateway send a multiple of what it received.
const MAX_MODEL_BYTES: usize = 256;

fn model_is_too_long() -> ApiError {
    json::invalid(format!("`model` is longer than {MAX_MODEL_BYTES} bytes.")).with_param("model")
}

/// The error of a request without a model.
pub(crate) fn no_model() -> ApiError {
    json::invalid("The request names no model: `model` is missing.").with_param("model")
}

/// The error of a request whose model is no string.
pub(crate) fn model_is_no_string() -> ApiError {
    json::invalid("`model` must be a string.").with_param("model")
}

/// A boolean that may be absent or null.
pub(crate) fn flag(value: Option<&RawValue>, path: &str) -> Result<bool, ApiError> {
    match value {
        None => Ok(false),
        Some(value) if json::is_null(value) => Ok(false),
        Some(value) => json::boolean(value)
            .ok_or_else(|| json::invalid(format!("`{path}` must be a boolean.")).with_param(path)),
    }
}

/// `stream_options.include_usage`.
pub(crate) fn include_usage(stream_options: Option<&RawValue>) -> Result<bool, ApiError> {
    let Some(stream_options) = stream_options.filter(|options| !json::is_null(options)) else {
        return Ok(false);
    };
    let mut include_usage = None;
    json::object(stream_options.get(), "stream_options", |key, value| match key {
        "include_usage" => json::once(&mut include_usage, value, || "stream_options.include_usage".into()),
        _ => Ok(()),
    })?;
    flag(include_usage, "stream_options.include_usage")
}

/// Where `part`, which was borrowed from `whole`, stands in it.
fn span_in(whole: &str, part: &RawValue) -> Range<usize> {
    let part = part.get();
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start.saturating_add(part.len())
}

#[derive(Default)]
struct Found<'a> {
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    stream_options: Option<&'a RawValue>,
}

struct TopLevel<'s> {
    dialect: Dialect,
    duplicate: &'s mut Option<&'static str>,
}

impl<'de> de::Visitor<'de> for TopLevel<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let (slot, name) = match &*key {
                "model" => (&mut found.model, "model"),
                "stream" => (&mut found.stream, "stream"),
                "stream_options" if self.dialect == Dialect::OpenAi => {
                    (&mut found.stream_options, "stream_options")
                }
                other => {
                    // Servers that match names without regard to case, as Go's do, would take this one for the model too.
                    if other.eq_ignore_ascii_case("model") {
                        *self.duplicate = Some("model");
                        return Err(de::Error::custom("given in another spelling"));
                    }
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if slot.replace(map.next_value()?).is_some() {
                *self.duplicate = Some(name);
                return Err(de::Error::custom("given twice"));
            }
        }
        Ok(found)
    }
}
