//! The headers of a request to a provider: an allow-list, built anew for each attempt.
//!
//! All attempts of a request share one header map in Envoy, so what an attempt leaves there reaches the next provider. Nothing is
//! therefore edited: the whole map is replaced, from the client's originals and the provider's configuration alone.

use llm_api::Dialect;
use seam::{Effect, Headers, Output, names};

use crate::attempt::Attempt;
use crate::opening::Sources;

/// Client headers that are of use to any provider and tell nothing about the client.
const ALWAYS_PASSED: [&str; 1] = ["x-request-id"];

/// Anthropic's own request headers, passed from a client of its API to a provider of its API.
const ANTHROPIC_PASSED: [&str; 2] = ["anthropic-version", "anthropic-beta"];

/// Replaces the request's headers by those that this provider gets.
pub(crate) fn rebuild(
    attempt: &Attempt,
    sources: &Sources,
    content_length: Option<u64>,
    out: &mut dyn Output,
) {
    let provider = &attempt.upstream.provider;
    let mut headers = Headers::with_capacity(16);
    headers.push(":method", "POST");
    headers.push(":scheme", &sources.scheme);
    headers.push(":authority", &provider.authority);
    headers.push(":path", &attempt.upstream.path);
    headers.push("content-type", "application/json");
    if let Some(length) = content_length {
        headers.push("content-length", length.to_string());
    }
    let accept = if attempt.context.stream { "text/event-stream" } else { "application/json" };
    headers.push("accept", accept);
    // A compressed answer could be neither translated nor renamed.
    headers.push("accept-encoding", "identity");

    let anthropic_client = attempt.dialect() == Dialect::Anthropic && attempt.api() == Dialect::Anthropic;
    let own: &[&str] = if anthropic_client { &ANTHROPIC_PASSED } else { &[] };
    let configured = provider.pass_request_headers.iter().map(String::as_str);
    for name in ALWAYS_PASSED.iter().chain(own).copied().chain(configured) {
        let ours = headers.bytes(name).is_some() || provider.headers.iter().any(|(ours, _)| ours == name);
        for value in sources.client(name).filter(|_| !ours) {
            headers.push(name, value);
        }
    }
    if attempt.api() == Dialect::Anthropic && headers.bytes("anthropic-version").is_none() {
        headers.push("anthropic-version", &provider.anthropic_version);
    }
    for (name, value) in &provider.headers {
        headers.push(name, value);
    }
    if headers.bytes("user-agent").is_none() {
        headers.push("user-agent", concat!("envoy-ai-filters/", env!("CARGO_PKG_VERSION")));
    }
    if let Some((name, value)) = &attempt.upstream.credential {
        headers.push(name, value);
    }
    out.emit(Effect::ReplaceRequestHeaders(&headers));
    publish(attempt, out);
}

/// Whether an attempt may need that header of the client's: all but pseudo headers, credentials, and what describes this hop. The length is
/// needed, because every attempt gets the body that it belongs to.
pub(crate) fn is_keepable(name: &[u8]) -> bool {
    let of_this_hop =
        matches!(name, b"connection" | b"content-type" | b"host" | b"te" | b"transfer-encoding" | b"upgrade");
    let internal = name.starts_with(b":")
        || name.starts_with(names::INTERNAL_HEADER_PREFIX.as_bytes())
        || name == names::ROUTERS_COUNT_HEADER.as_bytes();
    !of_this_hop && !internal && !config::is_credential(name)
}

fn publish(attempt: &Attempt, out: &mut dyn Output) {
    out.emit(Effect::Publish(names::PROVIDER_KEY, attempt.name().as_bytes()));
    out.emit(Effect::Publish(names::SERVED_MODEL_KEY, attempt.model.as_bytes()));
    out.emit(Effect::Publish(names::ATTEMPTS_KEY, attempt.number.to_string().as_bytes()));
}
