//! What the real APIs refuse: transport rules here, the rules about a body in one file per API.

mod anthropic;
mod openai;

use serde_json::{Map, Value};

use crate::asked::Asked;
use crate::record::Recorded;
use crate::state::{ProviderKind, Settings};
use crate::vendor_error::VendorError;

/// A body's top level.
type Fields = Map<String, Value>;

/// One rule about a body: its first violation, if any.
type Rule = fn(&Fields, &Settings) -> Option<VendorError>;

/// Whether the real API would answer this request, and what it asks if so.
///
/// The order is the real one: path, method, credentials, headers, JSON, fields.
pub(crate) fn check(
    kind: ProviderKind,
    settings: &Settings,
    request: &Recorded,
) -> Result<Asked, VendorError> {
    let path = request.path.split('?').next().unwrap_or_default();
    let lists_models = path == "/v1/models" && request.method == "GET";
    let (check_path, check_credentials, rules): (fn(&Recorded) -> VendorError, _, &[Rule]) = match kind {
        ProviderKind::OpenAi => (openai::no_such_path, openai::credentials as fn(&_, &_) -> _, openai::RULES),
        ProviderKind::Anthropic => {
            (anthropic::no_such_path, anthropic::credentials as fn(&_, &_) -> _, anthropic::RULES)
        }
    };
    if !lists_models && path != settings.path {
        return Err(check_path(request));
    }
    if !lists_models && request.method != "POST" {
        return Err(match kind {
            ProviderKind::OpenAi => openai::wrong_method(request),
            ProviderKind::Anthropic => anthropic::wrong_method(),
        });
    }
    if let Some(refusal) = check_credentials(request, settings) {
        return Err(refusal);
    }
    if lists_models {
        return Ok(Asked::model_list());
    }
    let body = match kind {
        ProviderKind::OpenAi => openai::parse(request)?,
        ProviderKind::Anthropic => anthropic::parse(request)?,
    };
    let Value::Object(fields) = &body else {
        return Err(match kind {
            ProviderKind::OpenAi => openai::bad_json(),
            ProviderKind::Anthropic => anthropic::invalid("Input should be a valid dictionary"),
        });
    };
    if let Some(refusal) = rules.iter().find_map(|rule| rule(fields, settings)) {
        return Err(refusal);
    }
    if kind == ProviderKind::Anthropic
        && let Some(refusal) = anthropic::version_rules(fields, request)
    {
        return Err(refusal);
    }
    Ok(Asked::of(&body, &request.body))
}

/// Whether the content type says JSON.
fn says_json(request: &Recorded) -> bool {
    request
        .header("content-type")
        .is_some_and(|value| value.split(';').next().unwrap_or_default().trim() == "application/json")
}

/// The token of an `authorization: Bearer` header.
fn bearer(request: &Recorded) -> Option<&str> {
    request.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
}

/// What a JSON value is, in the words of OpenAI's messages.
fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
