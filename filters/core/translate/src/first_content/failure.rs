//! An error that a provider reports inside a stream.
//!
//! Its kind decides whether another attempt makes sense, so it is read from whatever says it best: a status number, which vLLM and SGLang
//! put into `code`; a code; a type.

use llm_api::{ApiError, ErrorKind};
use serde_json::Value;

use super::says_something;

/// What a client is told of an error that does not explain itself.
const UNEXPLAINED: &str = "The provider reported an error instead of an answer.";

/// A provider's message is meant for people. More than this many characters of it are something else, such as an HTML page.
const MESSAGE_LIMIT: usize = 2000;

/// The error in an event of an OpenAI stream, if it is one: `{"error":{…}}` and `{"error":"…"}`; `{"object":"error",…}`, as older vLLM and
/// SGLang servers send it; or an event of the name `error`, whatever its data.
pub(super) fn openai_failure(name: Option<&[u8]>, data: &Value) -> Option<ApiError> {
    let nested = data.get("error").filter(|error| says_something(error));
    let is_error = name == Some(b"error") || data.get("object").and_then(Value::as_str) == Some("error");
    let error = nested.or_else(|| is_error.then_some(data))?;
    // Some servers put the number beside the object and not into it.
    let status = [
        error.get("code"),
        error.get("status"),
        error.get("status_code"),
        data.get("status"),
        data.get("status_code"),
    ]
    .into_iter()
    .flatten()
    .find_map(status);
    let words = [error.get("code"), error.get("type")];
    let kind = status
        .map(ErrorKind::of_status)
        .or_else(|| words.into_iter().flatten().filter_map(Value::as_str).find_map(openai_kind))
        .unwrap_or(ErrorKind::BadGateway);
    let text = |key| error.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(ApiError { kind, message: message(error), param: text("param"), code: text("code") })
}

/// The error in Anthropic's `error` event: `{"type":"error","error":{"type","message"}}`. Its type is kept as the code, for the kinds here
/// tell less.
pub(super) fn anthropic_failure(data: &Value) -> ApiError {
    let error = data.get("error").unwrap_or(&Value::Null);
    let name = error.get("type").and_then(Value::as_str);
    let kind = name.map_or(ErrorKind::BadGateway, anthropic_kind);
    ApiError { kind, message: message(error), param: None, code: name.map(str::to_owned) }
}

fn message(error: &Value) -> String {
    let said = error.as_str().or_else(|| error.get("message")?.as_str()).map(str::trim).unwrap_or_default();
    if said.is_empty() { UNEXPLAINED.to_owned() } else { said.chars().take(MESSAGE_LIMIT).collect() }
}

/// An HTTP error status, as a number or in digits.
fn status(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// The kind that a code or type of OpenAI's or of a compatible server stands for. Servers in Python name it after the exception.
fn openai_kind(word: &str) -> Option<ErrorKind> {
    Some(match word {
        "invalid_request_error" | "context_length_exceeded" | "content_filter" | "BadRequestError" => {
            ErrorKind::InvalidRequest
        }
        "invalid_api_key" | "authentication_error" | "AuthenticationError" => ErrorKind::Authentication,
        "insufficient_quota" | "billing_error" => ErrorKind::Billing,
        "permission_error" | "PermissionDeniedError" => ErrorKind::Permission,
        "model_not_found" | "not_found_error" | "NotFoundError" => ErrorKind::NotFound,
        "request_too_large" => ErrorKind::RequestTooLarge,
        "rate_limit_exceeded" | "rate_limit_error" | "RateLimitError" | "tokens" | "requests" => {
            ErrorKind::RateLimit
        }
        "overloaded" | "overloaded_error" | "service_unavailable" | "ServiceUnavailableError" => {
            ErrorKind::Overloaded
        }
        "timeout" | "timeout_error" | "TimeoutError" => ErrorKind::Timeout,
        "server_error" | "api_error" | "internal_error" | "internal_server_error" | "InternalServerError" => {
            ErrorKind::Internal
        }
        _ => return None,
    })
}

/// The kind that a type of Anthropic's stands for.
fn anthropic_kind(name: &str) -> ErrorKind {
    match name {
        "invalid_request_error" => ErrorKind::InvalidRequest,
        "authentication_error" => ErrorKind::Authentication,
        "billing_error" => ErrorKind::Billing,
        "permission_error" => ErrorKind::Permission,
        "not_found_error" => ErrorKind::NotFound,
        "conflict_error" => ErrorKind::Conflict,
        "request_too_large" => ErrorKind::RequestTooLarge,
        "rate_limit_error" => ErrorKind::RateLimit,
        "api_error" => ErrorKind::Internal,
        "overloaded_error" => ErrorKind::Overloaded,
        "timeout_error" => ErrorKind::Timeout,
        _ => ErrorKind::BadGateway,
    }
}
