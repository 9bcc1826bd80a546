//! Which headers a configuration may name, and what a header's name and value look like.
//!
//! Headers to a provider are an allow-list. What is refused here would break that: a client's credentials at a provider, a key in a
//! file, a second content-length, or a header that only the filters and Envoy may set.

use crate::problem::{Fault, quoted};

/// Headers that say who somebody is, of every provider and cloud that we know.
pub(crate) const CREDENTIALS: [&str; 16] = [
    "api-key",
    "authentication",
    "authorization",
    "cookie",
    "ocp-apim-subscription-key",
    "proxy-authorization",
    "set-cookie",
    "x-access-token",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-functions-key",
    "x-goog-api-key",
    "x-goog-iam-authorization-token",
    "x-ms-token-aad-access-token",
    "x-serverless-authorization",
];

/// Headers of one connection (RFC 9110 section 7.6.1, and what HTTP/2 forbids).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// Headers that describe the message, which the filter writes anew: it translates bodies and must be able to read them.
const MESSAGE: [&str; 8] = [
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-type",
    "expect",
    "host",
];

/// Answers of a provider that speak of its own host or of our key: to a client they would speak of the gateway.
const OF_THE_PROVIDER: [&str; 3] = ["alt-svc", "strict-transport-security", "www-authenticate"];

/// Prefixes that only the filters and Envoy set.
const INTERNAL: [&str; 2] = ["x-ai-", "x-envoy-"];

/// The lower-case name of a header that may be set on requests to a provider.
pub(super) fn settable(name: &str) -> Result<String, Fault> {
    let name = common(name)?;
    if CREDENTIALS.contains(&name.as_str()) {
        return Err(Fault::new(
            format!("{} is a credential", quoted(&name)),
            "a key comes from the environment through `auth`, or from Envoy's `credential_injector`",
        ));
    }
    not_the_version(name)
}

/// The lower-case name of a client's header that may go to a provider.
pub(super) fn passable_request(name: &str) -> Result<String, Fault> {
    let name = common(name)?;
    if CREDENTIALS.contains(&name.as_str()) {
        return Err(Fault::new(
            format!("{} is a credential of the client", quoted(&name)),
            "a client's credentials never leave for a provider; the provider's own come through `auth`",
        ));
    }
    not_the_version(name)
}

/// The lower-case name of a header that says who a caller is, because Envoy or a proxy sets it.
pub(super) fn trusted(name: &str) -> Result<String, Fault> {
    let name = common(name)?;
    if CREDENTIALS.contains(&name.as_str()) {
        return Err(Fault::new(
            format!("{} is a credential of the client, and no name that a proxy vouches for", quoted(&name)),
            "name the header that Envoy's `jwt_authn` or the proxy sets, for example `x-user-id`; keys go into `api_keys` or `virtual_keys`",
        ));
    }
    Ok(name)
}

/// `anthropic-version` decides how a request is translated, so it is no header like another.
fn not_the_version(name: String) -> Result<String, Fault> {
    if name == "anthropic-version" {
        return Err(Fault::new(
            "`anthropic-version` has a field of its own",
            "use the provider's `anthropic_version`",
        ));
    }
    Ok(name)
}

/// The lower-case name of a provider's header that may go to clients. A provider's cookie is none: it would bind clients of the gateway
/// to one provider's session, under the gateway's own host.
pub(super) fn passable_response(name: &str) -> Result<String, Fault> {
    let name = common(name)?;
    if CREDENTIALS.contains(&name.as_str()) || OF_THE_PROVIDER.contains(&name.as_str()) {
        return Err(Fault::new(
            format!("{} is between the provider and the gateway", quoted(&name)),
            "remove it: to a client it would speak of the gateway's own host",
        ));
    }
    Ok(name)
}

/// What holds for every header that a configuration names.
fn common(name: &str) -> Result<String, Fault> {
    if name.starts_with(':') {
        return Err(Fault::new(
            format!("{} is a pseudo-header", quoted(name)),
            "`authority` and `base_path` are fields of the provider",
        ));
    }
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(Fault::new(format!("{} is no header name", quoted(name)), "use letters, digits and `-`"));
    }
    let name = name.to_ascii_lowercase();
    if let Some(prefix) = INTERNAL.iter().find(|prefix| name.starts_with(**prefix)) {
        return Err(Fault::new(
            format!("{} is internal", quoted(&name)),
            format!("headers that begin with `{prefix}` are set by the filters and by Envoy alone"),
        ));
    }
    if HOP_BY_HOP.contains(&name.as_str()) {
        return Err(Fault::new(
            format!("{} is of one connection", quoted(&name)),
            "remove it: Envoy sets such headers on each side itself",
        ));
    }
    if MESSAGE.contains(&name.as_str()) {
        return Err(Fault::new(
            format!("{} describes the message", quoted(&name)),
            "remove it: the filter writes it for the body that it sends",
        ));
    }
    Ok(name)
}

/// RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// A header's value: printable ASCII, not empty, no space around it. It is not repeated in the fault: who sets a header may set a
/// secret.
pub(super) fn value(text: &str) -> Result<String, Fault> {
    if is_value(text) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        "is no header value",
        "use printable ASCII, not empty, without spaces at the beginning or end",
    ))
}

/// Whether that can be sent as a header's value.
pub(super) fn is_value(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// Whether that can be sent as a key: one word of printable ASCII.
pub(super) fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
