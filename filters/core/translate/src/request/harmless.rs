//! Parameters without a counterpart in the other API: at which value they change nothing, and which never steer an answer.

use llm_api::ApiError;
use serde_json::value::RawValue;

use crate::{
    json,
    unsupported::{Losses, shown},
};

/// A parameter that the target does not have.
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: &'static str,
    /// Whether this value changes nothing, so that the request may go without it. `null` never does.
    pub(super) harmless: fn(&RawValue) -> bool,
    /// Why any other value cannot be expressed.
    pub(super) reason: &'static str,
}

/// A field that is left out of a translated request without being reported, because it steers nothing of what the model
/// answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it stands, such as `store` or `messages[].reasoning_content`.
    pub path: &'static str,
    /// Why the answer is the same without it.
    pub why: &'static str,
}

/// Whether the table has this member of the object that `prefix` leads to, such as `messages[].`.
pub(super) fn is_left_out(table: &[LeftOut], prefix: &str, name: &str) -> bool {
    table.iter().any(|field| field.path.strip_prefix(prefix) == Some(name))
}

/// Notes a field that neither API's reader knows how to express, unless it changes nothing; says whether it changes nothing.
pub(super) fn note(
    losses: &mut Losses,
    parameters: &[Parameter],
    left_out: &[LeftOut],
    unknown: &'static str,
    key: &str,
    value: &RawValue,
) -> bool {
    let parameter = parameters.iter().find(|parameter| parameter.name == key);
    let harmless = json::is_null(value)
        || is_left_out(left_out, "", key)
        || parameter.is_some_and(|parameter| (parameter.harmless)(value));
    if !harmless {
        losses.note(|| shown(key), parameter.map_or(unknown, |parameter| parameter.reason));
    }
    harmless
}

pub(super) fn never(_: &RawValue) -> bool {
    false
}

pub(super) fn is_one(value: &RawValue) -> bool {
    number(value) == Some(1.0)
}

pub(super) fn is_zero(value: &RawValue) -> bool {
    number(value) == Some(0.0)
}

pub(super) fn is_false(value: &RawValue) -> bool {
    json::boolean(value) == Some(false)
}

/// `[]` or `{}`, however it is spaced.
pub(super) fn is_empty(value: &RawValue) -> bool {
    matches!(value.get().as_bytes(), [b'[', inner @ .., b']'] | [b'{', inner @ .., b'}'] if inner.trim_ascii().is_empty())
}

pub(super) fn is_medium(value: &RawValue) -> bool {
    is(value, "medium")
}

pub(super) fn is_standard(value: &RawValue) -> bool {
    is(value, "standard")
}

/// `["text"]`.
pub(super) fn is_text_only(value: &RawValue) -> bool {
    json::array(value).is_some_and(|modalities| matches!(modalities.as_slice(), [only] if is(only, "text")))
}

/// `{"type": "text"}`.
pub(super) fn is_type_text(value: &RawValue) -> bool {
    is_only_type(value, "text")
}

/// `{"type": "disabled"}`.
pub(super) fn is_type_disabled(value: &RawValue) -> bool {
    is_only_type(value, "disabled")
}

/// Whether it is this string.
pub(super) fn is(value: &RawValue, text: &str) -> bool {
    json::string(value).is_some_and(|value| value == text)
}

/// Whether it is an object of which `type` is the only member, and this one.
pub(super) fn is_only_type(value: &RawValue, name: &str) -> bool {
    let mut members = 0_usize;
    let mut matches = false;
    let walk: Result<(), ApiError> = json::object(value.get(), "", |key, value| {
        members = members.saturating_add(1);
        matches = key == "type" && is(value, name);
        Ok(())
    });
    walk.is_ok() && members == 1 && matches
}

/// The number; none where it is none.
pub(super) fn number(value: &RawValue) -> Option<f64> {
    serde_json::from_str(value.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(harmless: fn(&RawValue) -> bool, yes: &[&str], no: &[&str]) {
        for (values, expected) in [(yes, true), (no, false)] {
            for value in values {
                let raw: &RawValue = serde_json::from_str(value).unwrap();
                assert_eq!(harmless(raw), expected, "{value}");
            }
        }
    }

    #[test]
    fn values_that_change_nothing() {
        check(is_one, &["1", "1.0"], &["2", "\"1\"", "null", "[1]"]);
        check(is_zero, &["0", "0.0", "-0"], &["0.1", "false", "\"0\""]);
        check(is_false, &["false"], &["true", "0"]);
        check(is_empty, &["[]", "{}", "[ ]", "{\n}"], &["[1]", "{\"a\":1}", "\"\"", "null", "0"]);
        check(is_text_only, &["[\"text\"]"], &["[\"text\",\"audio\"]", "[]", "\"text\""]);
        check(
            is_type_text,
            &["{\"type\":\"text\"}"],
            &["{\"type\":\"json_object\"}", "{}", "{\"type\":\"text\",\"x\":1}"],
        );
    }
}
