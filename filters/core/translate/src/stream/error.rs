//! Errors inside a stream: a provider's, as the client's dialect will say it, and our own about a provider's stream.

use llm_api::{ApiError, ErrorKind};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::in_band_error;

/// The stream ended without its terminal event.
pub(super) fn interrupted() -> ApiError {
    broken("The provider's stream ended before its answer was complete.").with_code("stream_interrupted")
}

/// The stream ended with its terminal event, and there was no answer in it.
pub(super) fn empty() -> ApiError {
    broken("The provider's stream ended without an answer.").with_code("stream_empty")
}

/// One event is larger than any real one.
pub(super) fn too_large(limit: usize) -> ApiError {
    broken(format!("The provider's stream holds an event of more than {limit} bytes."))
        .with_code("stream_event_too_large")
}

/// A part of the answer that the client's dialect cannot express: without it, the answer would have a hole.
pub(super) fn inexpressible() -> ApiError {
    broken("The provider's answer holds a block that the client's API cannot express.")
        .with_code("stream_block_unknown")
}

/// A tool's call that cannot be passed on: without it, the answer would be another one.
pub(super) fn tool_call(why: &str) -> ApiError {
    broken(format!("The provider's answer holds a tool call that cannot be passed on: {why}."))
        .with_code("stream_tool_call_invalid")
}

fn broken(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::BadGateway, message)
}

/// The error of an event that is one, whatever its data says.
pub(super) fn of_provider(data: &[u8]) -> ApiError {
    in_band_error(data)
}

/// Whether the data of an OpenAI stream is an error, even if it is no chunk: a truthy `error`, or vLLM's bare `"object":"error"`.
pub(super) fn is_in(data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Wrapper<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
        #[serde(borrow)]
        object: Option<&'a RawValue>,
    }
    let Ok(data) = serde_json::from_slice::<Wrapper<'_>>(data) else { return false };
    data.error.is_some_and(is_truthy) || data.object.is_some_and(|object| object.get() == "\"error\"")
}

/// OpenAI's SDK raises where `error` is truthy, and compatible servers send `null` and `{}` with a good chunk.
pub(super) fn is_truthy(error: &RawValue) -> bool {
    let empty = |open, close| {
        let inner = error.get().strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
        inner.is_some_and(|inner| inner.trim_ascii().is_empty())
    };
    !matches!(error.get(), "null" | "false" | "0" | "\"\"") && !empty('{', '}') && !empty('[', ']')
}
