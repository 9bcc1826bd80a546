//! What OpenAI's API refuses about the messages of a request.

use serde_json::Value;

use super::{invalid, missing, wrong_type};
use crate::state::Settings;
use crate::validate::Fields;
use crate::vendor_error::VendorError;

const ROLES: &[&str] = &["system", "assistant", "user", "function", "tool", "developer"];

pub(super) fn has_messages(fields: &Fields, _: &Settings) -> Option<VendorError> {
    match fields.get("messages") {
        None => Some(missing("messages")),
        Some(Value::Array(messages)) if messages.is_empty() => Some(
            invalid("Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.")
                .with_param("messages")
                .with_code("empty_array"),
        ),
        Some(Value::Array(_)) => None,
        Some(other) => Some(wrong_type("messages", "an array of objects", other)),
    }
}

pub(super) fn has_valid_messages(fields: &Fields, _: &Settings) -> Option<VendorError> {
    fields["messages"]
        .as_array()?
        .iter()
        .enumerate()
        .find_map(|(index, message)| refused_message(index, message))
}

fn refused_message(index: usize, message: &Value) -> Option<VendorError> {
    let at = format!("messages[{index}]");
    if !message.is_object() {
        return Some(wrong_type(&at, "an object", message));
    }
    let role = match &message["role"] {
        Value::Null => return Some(missing(&format!("{at}.role"))),
        Value::String(role) if ROLES.contains(&role.as_str()) => role.as_str(),
        other => {
            let supported = "'system', 'assistant', 'user', 'function', 'tool', and 'developer'";
            let given = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            let message = format!("Invalid value: '{given}'. Supported values are: {supported}.");
            return Some(invalid(message).with_param(format!("{at}.role")).with_code("invalid_value"));
        }
    };
    if role == "tool" && !message["tool_call_id"].is_string() {
        return Some(missing(&format!("{at}.tool_call_id")));
    }
    let calls = message["tool_calls"].is_array()
        || message["function_call"].is_object()
        || message["refusal"].is_string();
    match &message["content"] {
        Value::String(_) => None,
        Value::Array(parts) => parts.iter().enumerate().find_map(|(part, value)| {
            let at = format!("{at}.content[{part}]");
            match value["type"].as_str() {
                None => Some(missing(&format!("{at}.type"))),
                Some("text") if !value["text"].is_string() => Some(missing(&format!("{at}.text"))),
                Some(_) => None,
            }
        }),
        Value::Null if role == "assistant" && calls => None,
        Value::Null if message.get("content").is_none() => Some(missing(&format!("{at}.content"))),
        Value::Null => Some(
            invalid(format!("Invalid value for 'content': expected a string, got null. ({at}.content)"))
                .with_param(format!("{at}.content")),
        ),
        other => Some(wrong_type(&format!("{at}.content"), "one of a string or array of objects", other)),
    }
}
