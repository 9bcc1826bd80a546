//! What Anthropic's Messages API refuses, in its own words. Source: the API reference and the answers of the real API.

use serde_json::Value;

use super::{Fields, Rule, bearer, says_json};
use crate::models::{self, Prefill};
use crate::record::Recorded;
use crate::state::Settings;
use crate::vendor_error::VendorError;

/// The versions of the API; each refuses what the later one took away.
const VERSIONS: &[&str] = &["2023-06-01", VERSION_WITHOUT_SAMPLING];

/// The version that knows no `temperature`, `top_p` and `top_k`.
const VERSION_WITHOUT_SAMPLING: &str = "2026-10-21";

/// Every top-level field of a request.
const FIELDS: &[&str] = &[
    "model",
    "max_tokens",
    "messages",
    "system",
    "metadata",
    "stop_sequences",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "thinking",
    "output_config",
    "tools",
    "tool_choice",
    "service_tier",
    "speed",
    "cache_control",
    "container",
    "inference_geo",
    "diagnostics",
];

/// The rules about a body, in the order in which they are checked.
pub(super) const RULES: &[Rule] = &[
    has_model,
    has_max_tokens,
    has_messages,
    knows_fields,
    has_valid_roles,
    has_content,
    begins_with_user,
    ends_without_whitespace,
    has_valid_system,
    has_valid_sampling,
    has_valid_stops,
    has_known_model,
    has_possible_limit,
    ends_as_the_model_allows,
];

/// A 400 in the words of the API.
pub(super) fn invalid(message: impl Into<String>) -> VendorError {
    VendorError::new(400, "invalid_request_error", message)
}

pub(super) fn no_such_path(_: &Recorded) -> VendorError {
    VendorError::new(404, "not_found_error", "Not Found")
}

pub(super) fn wrong_method() -> VendorError {
    VendorError::new(405, "invalid_request_error", "Method Not Allowed")
}

/// The key in `x-api-key`, which wins, or as a Bearer token; then the version.
pub(super) fn credentials(request: &Recorded, settings: &Settings) -> Option<VendorError> {
    let refused = |message: &str| Some(VendorError::new(401, "authentication_error", message));
    match (request.header("x-api-key"), bearer(request)) {
        (None, None) => return refused("x-api-key header is required"),
        (Some(key), _) if key != settings.key => return refused("invalid x-api-key"),
        (None, Some(key)) if key != settings.key => return refused("Invalid bearer token"),
        _ => {}
    }
    match request.header("anthropic-version") {
        None => Some(invalid("anthropic-version: header is required")),
        Some(version) if VERSIONS.contains(&version) => None,
        Some(version) => Some(invalid(format!("anthropic-version: {version:?} is not a valid version"))),
    }
}

pub(super) fn parse(request: &Recorded) -> Result<Value, VendorError> {
    if !says_json(request) {
        return Err(invalid("content-type: header must be application/json"));
    }
    serde_json::from_slice(&request.body).map_err(|_| invalid("The request body is not valid JSON"))
}

/// What the version in the header takes away.
pub(super) fn version_rules(fields: &Fields, request: &Recorded) -> Option<VendorError> {
    if request.header("anthropic-version") != Some(VERSION_WITHOUT_SAMPLING) {
        return None;
    }
    let sampling = ["temperature", "top_p", "top_k"].into_iter().find(|name| fields.contains_key(*name))?;
    Some(invalid(format!("{sampling}: not supported on anthropic-version {VERSION_WITHOUT_SAMPLING}")))
}

fn has_model(fields: &Fields, _: &Settings) -> Option<VendorError> {
    match fields.get("model") {
        None => Some(required("model")),
        Some(Value::String(name)) if name.is_empty() => {
            Some(invalid("model: String should have at least 1 character"))
        }
        Some(Value::String(_)) => None,
        Some(_) => Some(invalid("model: Input should be a valid string")),
    }
}

fn has_max_tokens(fields: &Fields, _: &Settings) -> Option<VendorError> {
    match fields.get("max_tokens") {
        None => Some(required("max_tokens")),
        Some(value) => match value.as_i64() {
            None => Some(invalid("max_tokens: Input should be a valid integer")),
            Some(limit) if limit < 1 => Some(invalid("max_tokens: must be greater than or equal to 1")),
            Some(_) => None,
        },
    }
}

fn has_messages(fields: &Fields, _: &Settings) -> Option<VendorError> {
    match fields.get("messages") {
        None => Some(required("messages")),
        Some(Value::Array(messages)) if messages.is_empty() => {
            Some(invalid("messages: at least one message is required"))
        }
        Some(Value::Array(_)) => None,
        Some(_) => Some(invalid("messages: Input should be a valid list")),
    }
}

fn knows_fields(fields: &Fields, _: &Settings) -> Option<VendorError> {
    let unknown = fields.keys().find(|name| !FIELDS.contains(&name.as_str()))?;
    Some(invalid(format!("{unknown}: Extra inputs are not permitted")))
}

fn has_valid_roles(fields: &Fields, _: &Settings) -> Option<VendorError> {
    messages(fields).iter().enumerate().find_map(|(index, message)| {
        let extra = message.as_object().and_then(|message| message.keys().find(|key| *key != "role" && *key != "content"));
        match message["role"].as_str() {
            Some("user" | "assistant") => {
                extra.map(|name| invalid(format!("messages.{index}.{name}: Extra inputs are not permitted")))
            }
            Some("system") => Some(invalid(
                "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \"system\" as an \
                 input message role.",
            )),
            Some(role) => Some(invalid(format!(
                "messages: Unexpected role {role:?}. Allowed roles are \"user\" or \"assistant\"."
            ))),
            None => Some(required(&format!("messages.{index}.role"))),
        }
    })
}

/// Content that says something: no empty message but a final one of the assistant, no empty or blank text block.
fn has_content(fields: &Fields, _: &Settings) -> Option<VendorError> {
    let messages = messages(fields);
    messages.iter().enumerate().find_map(|(index, message)| {
        let is_final_assistant = index + 1 == messages.len() && message["role"] == "assistant";
        let empty = || {
            let rule =
                "all messages must have non-empty content except for the optional final assistant message";
            (!is_final_assistant).then(|| invalid(format!("messages.{index}: {rule}")))
        };
        match &message["content"] {
            Value::Null => Some(required(&format!("messages.{index}.content"))),
            Value::String(text) if text.is_empty() => empty(),
            Value::String(text) => refused_text(text, "messages"),
            Value::Array(blocks) if blocks.is_empty() => empty(),
            Value::Array(blocks) => blocks.iter().enumerate().find_map(|(block, value)| {
                refused_block(&format!("messages.{index}.content.{block}"), value)
            }),
            _ => Some(invalid(format!("messages.{index}.content: Input should be a valid list"))),
        }
    })
}

fn refused_block(at: &str, block: &Value) -> Option<VendorError> {
    let text = match (block["type"].as_str(), &block["text"]) {
        (None, _) => return Some(required(&format!("{at}.type"))),
        (Some("text"), Value::String(text)) => text,
        (Some("text"), _) => return Some(required(&format!("{at}.text.text"))),
        (Some(_), _) => return None,
    };
    refused_text(text, "messages")
}

fn refused_text(text: &str, field: &str) -> Option<VendorError> {
    if text.is_empty() {
        return Some(invalid(format!("{field}: text content blocks must be non-empty")));
    }
    text.trim()
        .is_empty()
        .then(|| invalid(format!("{field}: text content blocks must contain non-whitespace text")))
}

fn begins_with_user(fields: &Fields, _: &Settings) -> Option<VendorError> {
    let first = messages(fields).first()?;
    (first["role"] != "user").then(|| invalid("messages: first message must use the \"user\" role"))
}

fn ends_without_whitespace(fields: &Fields, _: &Settings) -> Option<VendorError> {
    let last = messages(fields).last().filter(|message| message["role"] == "assistant")?;
    let text = match &last["content"] {
        Value::String(text) => text.as_str(),
        Value::Array(blocks) => blocks.last()?["text"].as_str()?,
        _ => return None,
    };
    text.ends_with(char::is_whitespace)
        .then(|| invalid("messages: final assistant content cannot end with trailing whitespace"))
}

fn has_valid_system(fields: &Fields, _: &Settings) -> Option<VendorError> {
    match fields.get("system")? {
        Value::String(_) => None,
        Value::Array(blocks) => blocks.iter().enumerate().find_map(|(index, block)| {
            match (block["type"].as_str(), &block["text"]) {
                (Some("text"), Value::String(text)) => refused_text(text, "system"),
                (Some("text"), _) => Some(required(&format!("system.{index}.text"))),
                _ => Some(invalid(format!("system.{index}.type: Input should be 'text'"))),
            }
        }),
        _ => Some(invalid("system: Input should be a valid list")),
    }
}

fn has_valid_sampling(fields: &Fields, _: &Settings) -> Option<VendorError> {
    ["temperature", "top_p"].into_iter().find_map(|name| {
        let number = match fields.get(name)?.as_f64() {
            Some(number) => number,
            None => return Some(invalid(format!("{name}: Input should be a valid number"))),
        };
        (!(0.0..=1.0).contains(&number)).then(|| invalid(format!("{name}: range: 0..1")))
    })
}

fn has_valid_stops(fields: &Fields, _: &Settings) -> Option<VendorError> {
    let Some(stops) = fields.get("stop_sequences")?.as_array() else {
        return Some(invalid("stop_sequences: Input should be a valid list"));
    };
    stops.iter().enumerate().find_map(|(index, stop)| match stop.as_str() {
        None => Some(invalid(format!("stop_sequences.{index}: Input should be a valid string"))),
        Some(stop) if stop.trim().is_empty() => {
            Some(invalid("stop_sequences: each stop sequence must contain non-whitespace"))
        }
        Some(_) => None,
    })
}

fn has_known_model(fields: &Fields, settings: &Settings) -> Option<VendorError> {
    let name = fields["model"].as_str()?;
    models::find(&settings.models, name)
        .is_none()
        .then(|| VendorError::new(404, "not_found_error", format!("model: {name}")))
}

fn has_possible_limit(fields: &Fields, settings: &Settings) -> Option<VendorError> {
    let name = fields["model"].as_str()?;
    let model = models::find(&settings.models, name)?;
    let asked = fields["max_tokens"].as_u64()?;
    let message = format!(
        "max_tokens: {asked} > {}, which is the maximum allowed number of output tokens for {}",
        model.max_output, model.snapshot
    );
    (asked > model.max_output).then(|| invalid(message))
}

fn ends_as_the_model_allows(fields: &Fields, settings: &Settings) -> Option<VendorError> {
    let name = fields["model"].as_str()?;
    let model = models::find(&settings.models, name)?;
    let ends_with_assistant = messages(fields).last()?["role"] == "assistant";
    let message = "This model does not support assistant message prefill. The conversation must end with a user message.";
    (ends_with_assistant && model.prefill == Prefill::Refused).then(|| invalid(message))
}

fn messages(fields: &Fields) -> &[Value] {
    fields.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn required(field: &str) -> VendorError {
    invalid(format!("{field}: Field required"))
}
