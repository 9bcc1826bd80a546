//! A request, counted as its provider would frame it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str;

use metering::{Families, Family, Limits, Memory, Surface};
use serde_json::value::RawValue;

use super::{Counted, Refused, known};

/// Counts the body of a request, or an array of messages.
pub(super) fn count(
    surface: Option<Surface>,
    chosen: Option<&Family>,
    families: &Families,
    bytes: &[u8],
) -> Result<Counted, Refused> {
    let text = str::from_utf8(bytes)
        .map_err(|error| Refused::NotUtf8 { valid_up_to: error.valid_up_to() as u64 })?;
    let body = body(text)?;
    let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(&body).map_err(refused)?;
    let family = match (chosen, model(&members)) {
        (Some(family), _) => family,
        (None, Some(model)) => known(families, &model).ok_or(Refused::UnknownModel { model })?,
        (None, None) => return Err(Refused::NoModel),
    };
    let surface = surface.or_else(|| detected(&members, family)).ok_or(Refused::NoSurface)?;
    let prompt = metering::prompt(surface, family, body.as_bytes(), &Limits::NONE, &Memory::default())
        .map_err(Refused::NotCountable)?;
    Ok(Counted { tokens: prompt.tokens, source: prompt.source, uncharged: prompt.uncharged })
}

/// An array of messages as the body that it would stand in; anything else as it is.
fn body(text: &str) -> Result<Cow<'_, str>, Refused> {
    if !text.trim_start().starts_with('[') {
        return Ok(Cow::Borrowed(text));
    }
    let messages: &RawValue = serde_json::from_str(text).map_err(refused)?;
    Ok(Cow::Owned(format!(r#"{{"messages":{messages}}}"#)))
}

/// Anthropic and OpenAI both have `messages`, so the model says whose they are; only embeddings and the Responses API have `input`.
fn detected(members: &BTreeMap<Cow<'_, str>, &RawValue>, family: &Family) -> Option<Surface> {
    if members.contains_key("messages") {
        let anthropic = family.name().starts_with("claude");
        Some(if anthropic { Surface::Messages } else { Surface::ChatCompletions })
    } else if members.contains_key("input") {
        let embeds = model(members).is_some_and(|model| model.contains("embedding"));
        Some(if embeds { Surface::Embeddings } else { Surface::Responses })
    } else {
        None
    }
}

fn model(members: &BTreeMap<Cow<'_, str>, &RawValue>) -> Option<String> {
    serde_json::from_str(members.get("model")?.get()).ok()
}

fn refused(error: serde_json::Error) -> Refused {
    if error.is_data() {
        Refused::NoRequest
    } else {
        Refused::NotJson { line: error.line(), column: error.column() }
    }
}
