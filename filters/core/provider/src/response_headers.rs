//! The headers of an answer to a client: an allow-list too. What a provider says of our account is not the client's to know.

use llm_api::Dialect;
use seam::{Headers, names};

use crate::attempt::Attempt;

/// Provider headers that mean something to every client.
const PASSED: [&str; 5] = ["content-type", "date", "retry-after", "retry-after-ms", "x-should-retry"];

/// The body that goes with the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// As the provider sent it: its own length and encoding, if it named them.
    AsItIs,
    /// Ours, of that many bytes.
    Exactly(usize),
    /// Ours, of a length not known yet.
    Unknown,
}

/// The headers of an answer that the provider gave with success.
pub(crate) fn answer(attempt: &Attempt, upstream: &Headers, length: Length) -> Headers {
    let status = upstream.bytes(":status").unwrap_or(b"200").to_vec();
    build(attempt, upstream, status, length)
}

/// The headers of a failed attempt's JSON error, under that status.
pub(crate) fn failure(attempt: &Attempt, upstream: &Headers, status: u16, length: Length) -> Headers {
    build(attempt, upstream, status.to_string().into_bytes(), length)
}

fn build(attempt: &Attempt, upstream: &Headers, status: Vec<u8>, length: Length) -> Headers {
    let mut headers = Headers::with_capacity(16);
    headers.push(":status", status);
    for name in PASSED {
        let ours = name == "content-type" && !matches!(length, Length::AsItIs | Length::Unknown);
        if let Some(value) = upstream.bytes(name).filter(|_| !ours) {
            headers.push(name, value);
        }
    }
    match length {
        Length::AsItIs => {
            if let Some(value) = upstream.bytes("content-length") {
                headers.push("content-length", value);
            }
            for value in upstream.lines("content-encoding") {
                headers.push("content-encoding", value);
            }
        }
        Length::Exactly(length) => {
            headers.push("content-type", "application/json");
            headers.push("content-length", length.to_string());
        }
        Length::Unknown => {}
    }
    // Each API's SDK shows its own name for the request's id.
    if let Some(id) = upstream.bytes("x-request-id").or_else(|| upstream.bytes("request-id")) {
        headers.push(request_id_name(attempt.dialect()), id);
    }
    for name in &attempt.upstream.provider.pass_response_headers {
        let is_new = headers.bytes(name).is_none();
        for value in upstream.lines(name).filter(|_| is_new) {
            headers.push(name, value);
        }
    }
    headers.push(names::ANSWERED_BY_HEADER, attempt.name());
    if is_header_safe(&attempt.model) {
        headers.push(names::ANSWERED_MODEL_HEADER, &attempt.model);
    }
    headers.push(names::ATTEMPTS_HEADER, attempt.number.to_string());
    headers
}

const fn request_id_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAi => "x-request-id",
        Dialect::Anthropic => "request-id",
    }
}

/// Whether a model's name, which may be the client's own words, can stand in a header without ending it.
fn is_header_safe(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}
