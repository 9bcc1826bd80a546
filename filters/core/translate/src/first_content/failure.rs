//! Which events before the first content are errors. What kind of error it is, and what of it a client may read, is `error`'s to say.

use llm_api::ApiError;
use serde_json::Value;

use super::says_something;
use crate::error::in_band_error_value;

/// The error in an event of an OpenAI stream, if it is one: `{"error":{…}}` and `{"error":"…"}`; `{"object":"error",…}`, as older vLLM and
/// SGLang servers send it; or an event of the name `error`, whatever its data.
pub(super) fn openai_failure(name: Option<&[u8]>, data: &Value) -> Option<ApiError> {
    let nested = data.get("error").is_some_and(says_something);
    let is_error = name == Some(b"error") || data.get("object").and_then(Value::as_str) == Some("error");
    (nested || is_error).then(|| in_band_error_value(data))
}

/// The error in Anthropic's `error` event: `{"type":"error","error":{"type","message"}}`.
pub(super) fn anthropic_failure(data: &Value) -> ApiError {
    in_band_error_value(data)
}
