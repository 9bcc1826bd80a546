//! What OpenAI's Chat Completions API refuses, in its own words. Source: the API reference and the answers of the real API.

mod messages;

use messages::{has_messages, has_valid_messages};
use serde_json::Value;

use super::{Fields, Rule, bearer, described, says_json};
use crate::models;
use crate::record::Recorded;
use crate::state::Settings;
use crate::vendor_error::VendorError;

/// Every top-level field of a request.
const FIELDS: &[&str] = &[
    "messages",
    "model",
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// Field, least, greatest.
const DECIMALS: &[(&str, f64, f64)] = &[
    ("temperature", 0.0, 2.0),
    ("top_p", 0.0, 1.0),
    ("presence_penalty", -2.0, 2.0),
    ("frequency_penalty", -2.0, 2.0),
];

/// Field, least, greatest where the API has one of its own.
const INTEGERS: &[(&str, i64, Option<i64>)] = &[
    ("max_tokens", 1, None),
    ("max_completion_tokens", 1, None),
    ("n", 1, Some(128)),
    ("top_logprobs", 0, Some(20)),
];

/// The rules about a body, in the order in which they are checked.
pub(super) const RULES: &[Rule] = &[
    has_model,
    has_messages,
    knows_fields,
    has_valid_messages,
    has_valid_decimals,
    has_valid_integers,
    has_valid_booleans,
    has_valid_stop,
    has_stream_for_options,
    has_one_limit,
    has_known_model,
    has_possible_limit,
];

fn invalid(message: impl Into<String>) -> VendorError {
    VendorError::new(400, "invalid_request_error", message)
}

pub(super) fn no_such_path(request: &Recorded) -> VendorError {
    VendorError::new(
        404,
        "invalid_request_error",
        format!("Invalid URL ({} {})", request.method, request.path),
    )
}

pub(super) fn wrong_method(request: &Recorded) -> VendorError {
    let message = format!("Invalid method for URL ({} {})", request.method, request.path);
    VendorError::new(405, "invalid_request_error", message).with_code("method_not_supported")
}

pub(super) fn credentials(request: &Recorded, settings: &Settings) -> Option<VendorError> {
    match bearer(request) {
        None => Some(VendorError::new(
            401,
            "invalid_request_error",
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth \
             (i.e. Authorization: Bearer YOUR_KEY).",
        )),
        Some(key) if key == settings.key => None,
        // The real API shows the key's ends; a test's log should show nothing of it.
        Some(_) => Some(
            VendorError::new(
                401,
                "invalid_request_error",
                "Incorrect API key provided: sk-****. You can find your API key at https://platform.openai.com/account/api-keys.",
            )
            .with_code("invalid_api_key"),
        ),
    }
}

pub(super) fn bad_json() -> VendorError {
    invalid(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. \
         The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
    )
}

/// A body of another type is not even looked at: to the API it is an empty request.
pub(super) fn parse(request: &Recorded) -> Result<Value, VendorError> {
    if !says_json(request) {
        return Err(invalid("you must provide a model parameter"));
    }
    serde_json::from_slice(&request.body).map_err(|_| bad_json())
}

fn has_model(fields: &Fields, _: &Settings) -> Option<VendorError> {
    match fields.get("model") {
        Some(Value::String(name)) if !name.is_empty() => None,
        Some(Value::Null | Value::String(_)) | None => Some(invalid("you must provide a model parameter")),
        Some(other) => Some(wrong_type("model", "a string", other)),
    }
}

fn knows_fields(fields: &Fields, _: &Settings) -> Option<VendorError> {
    let unknown = fields.keys().find(|name| !FIELDS.contains(&name.as_str()))?;
    Some(
        invalid(format!("Unknown parameter: '{unknown}'."))
            .with_param(unknown)
            .with_code("unknown_parameter"),
    )
}

fn has_valid_decimals(fields: &Fields, _: &Settings) -> Option<VendorError> {
    DECIMALS.iter().find_map(|(name, least, greatest)| {
        let value = given(fields, name)?;
        let Some(number) = value.as_f64() else { return Some(wrong_type(name, "a decimal", value)) };
        if number < *least {
            let message = format!("Invalid '{name}': decimal below minimum value. Expected a value >= {least}, but got {value} instead.");
            return Some(invalid(message).with_param(*name).with_code("decimal_below_min_value"));
        }
        let message = format!("Invalid '{name}': decimal above maximum value. Expected a value <= {greatest}, but got {value} instead.");
        (number > *greatest).then(|| invalid(message).with_param(*name).with_code("decimal_above_max_value"))
    })
}

fn has_valid_integers(fields: &Fields, _: &Settings) -> Option<VendorError> {
    INTEGERS.iter().find_map(|(name, least, greatest)| {
        let value = given(fields, name)?;
        let Some(number) = value.as_i64() else { return Some(wrong_type(name, "an integer", value)) };
        if number < *least {
            let message = format!("Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {number} instead.");
            return Some(invalid(message).with_param(*name).with_code("integer_below_min_value"));
        }
        let greatest = (*greatest)?;
        let message = format!("Invalid '{name}': integer above maximum value. Expected a value <= {greatest}, but got {number} instead.");
        (number > greatest).then(|| invalid(message).with_param(*name).with_code("integer_above_max_value"))
    })
}

fn has_valid_booleans(fields: &Fields, _: &Settings) -> Option<VendorError> {
    ["stream", "store", "logprobs", "parallel_tool_calls"].iter().find_map(|name| {
        let value = given(fields, name)?;
        (!value.is_boolean()).then(|| wrong_type(name, "a boolean", value))
    })
}

fn has_valid_stop(fields: &Fields, _: &Settings) -> Option<VendorError> {
    match given(fields, "stop")? {
        Value::String(_) => None,
        Value::Array(stops) if stops.len() > 4 => Some(
            invalid(format!("Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length {} instead.", stops.len()))
                .with_param("stop")
                .with_code("array_above_max_length"),
        ),
        Value::Array(stops) if stops.iter().all(Value::is_string) => None,
        other => Some(wrong_type("stop", "one of a string or array of strings", other)),
    }
}

fn has_stream_for_options(fields: &Fields, _: &Settings) -> Option<VendorError> {
    given(fields, "stream_options")?;
    let streams = fields.get("stream").is_some_and(|stream| stream == true);
    let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    (!streams).then(|| invalid(message).with_param("stream_options"))
}

fn has_one_limit(fields: &Fields, _: &Settings) -> Option<VendorError> {
    given(fields, "max_tokens")?;
    given(fields, "max_completion_tokens")?;
    let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
    Some(invalid(message).with_code("invalid_parameter_combination"))
}

fn has_known_model(fields: &Fields, settings: &Settings) -> Option<VendorError> {
    let name = fields["model"].as_str()?;
    let message = format!("The model `{name}` does not exist or you do not have access to it.");
    models::find(&settings.models, name)
        .is_none()
        .then(|| VendorError::new(404, "invalid_request_error", message).with_code("model_not_found"))
}

fn has_possible_limit(fields: &Fields, settings: &Settings) -> Option<VendorError> {
    let name = fields["model"].as_str()?;
    let model = models::find(&settings.models, name)?;
    let field =
        ["max_tokens", "max_completion_tokens"].into_iter().find(|field| given(fields, field).is_some())?;
    let asked = fields[field].as_u64()?;
    let message = format!(
        "{field} is too large: {asked}. This model supports at most {} completion tokens, whereas you provided {asked}.",
        model.max_output
    );
    (asked > model.max_output).then(|| invalid(message).with_param(field).with_code("invalid_value"))
}

/// The field's value; `null` is as good as absent.
fn given<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn missing(param: &str) -> VendorError {
    invalid(format!("Missing required parameter: '{param}'."))
        .with_param(param)
        .with_code("missing_required_parameter")
}

fn wrong_type(param: &str, expected: &str, got: &Value) -> VendorError {
    invalid(format!("Invalid type for '{param}': expected {expected}, but got {} instead.", described(got)))
        .with_param(param)
        .with_code("invalid_type")
}
