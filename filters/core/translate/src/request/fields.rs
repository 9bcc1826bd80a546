//! Fields of a request that must be of one type, or null, or absent.

use llm_api::ApiError;
use serde_json::value::RawValue;

use super::{
    conversation::{Number, Stop},
    harmless,
};
use crate::json;

/// A number of tokens: a whole number above zero.
pub(super) fn count(value: Option<&RawValue>, path: &str) -> Result<Option<u64>, ApiError> {
    let Some(value) = present(value) else { return Ok(None) };
    match serde_json::from_str::<u64>(value.get()) {
        Ok(count) if count > 0 => Ok(Some(count)),
        _ => Err(wrong(path, "a whole number above zero")),
    }
}

/// Any number, within what a double holds.
pub(super) fn number<'a>(value: Option<&'a RawValue>, path: &str) -> Result<Option<Number<'a>>, ApiError> {
    let Some(raw) = present(value) else { return Ok(None) };
    match harmless::number(raw) {
        Some(value) => Ok(Some(Number { raw, value })),
        None => Err(wrong(path, "a number")),
    }
}

/// A string, of whatever characters.
pub(super) fn string<'a>(value: Option<&'a RawValue>, path: &str) -> Result<Option<&'a RawValue>, ApiError> {
    match present(value) {
        Some(value) if !json::is_string(value) => Err(wrong(path, "a string")),
        value => Ok(value),
    }
}

/// An array of stop sequences. An empty one stops nothing, and is left out.
pub(super) fn strings<'a>(value: &'a RawValue, path: &str) -> Result<Vec<Stop<'a>>, ApiError> {
    let elements = json::array(value).ok_or_else(|| wrong(path, "an array of strings"))?;
    let mut stops = Vec::with_capacity(elements.len());
    for (index, text) in elements.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !json::is_string(text) {
            return Err(wrong(&path, "a string"));
        }
        if text.get() != "\"\"" {
            stops.push(Stop { text, path });
        }
    }
    Ok(stops)
}

/// The value, unless it is null.
pub(super) fn present(value: Option<&RawValue>) -> Option<&RawValue> {
    value.filter(|value| !json::is_null(value))
}

fn wrong(path: &str, expected: &str) -> ApiError {
    json::invalid(format!("`{path}` must be {expected}.")).with_param(path)
}
