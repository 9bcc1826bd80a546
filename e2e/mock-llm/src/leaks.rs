//! What should never reach a provider: the other vendor's headers and keys, internal headers, the client's own, bytes out of place.

use std::fmt;

use crate::record::Recorded;
use crate::state::{ProviderKind, Settings};

/// What kind of thing arrived that should not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeakKind {
    /// A key of another vendor, wherever it stood.
    ForeignKey,
    /// More than one header with credentials.
    SecondCredential,
    /// A header that only another vendor's API knows.
    ForeignHeader,
    /// A header that is internal to the gateway or to Envoy.
    InternalHeader,
    /// A header that says something about the client: cookies, forwarded addresses.
    ClientHeader,
    /// An accept-encoding other than `identity`: the answer might come back in a form that no filter can read.
    AcceptEncoding,
    /// A value that the test had forbidden.
    ForbiddenValue,
    /// Bytes on a connection that belong to no request: what smuggling looks like.
    LeftoverBytes,
    /// A body that is not as long as its request said.
    BodyLength,
}

/// One thing that should not have arrived. Values of credentials are not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// What kind of thing.
    pub kind: LeakKind,
    /// Which header, or what was seen.
    pub detail: String,
    /// On which connection, counted from 1.
    pub connection_id: u64,
    /// In which request of that connection, counted from 0.
    pub request_index_on_connection: u32,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, detail, connection_id, request_index_on_connection: index } = self;
        write!(f, "{kind:?}: {detail} (connection {connection_id}, request {index})")
    }
}

/// Headers by which any vendor's API takes credentials.
const CREDENTIAL_HEADERS: &[&str] = &[
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "proxy-authorization",
    "x-amz-security-token",
];

/// A header name, or the beginning of one, that no provider should see.
const OUT_OF_PLACE: &[(&str, LeakKind)] = &[
    ("x-ai-", LeakKind::InternalHeader),
    ("x-envoy-", LeakKind::InternalHeader),
    ("cookie", LeakKind::ClientHeader),
    ("x-forwarded-", LeakKind::ClientHeader),
    ("forwarded", LeakKind::ClientHeader),
    ("x-real-ip", LeakKind::ClientHeader),
    ("x-amz-", LeakKind::ForeignHeader),
    ("x-goog-", LeakKind::ForeignHeader),
    ("x-ms-", LeakKind::ForeignHeader),
];

/// Headers of the other API.
const fn foreign_prefixes(kind: ProviderKind) -> &'static [&'static str] {
    match kind {
        ProviderKind::OpenAi => &["anthropic-"],
        ProviderKind::Anthropic => &["openai-", "x-openai-"],
    }
}

/// What in that request should not be there.
pub(crate) fn find(kind: ProviderKind, settings: &Settings, request: &Recorded) -> Vec<Leak> {
    let mut found = Found { request, leaks: Vec::new() };
    let mut credentials = Vec::new();
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        if CREDENTIAL_HEADERS.contains(&name.as_str()) {
            credentials.push(name.clone());
        }
        if contains_foreign_key(kind, settings, value) {
            found.push(LeakKind::ForeignKey, format!("in header {name}"));
        }
        for (prefix, leak) in OUT_OF_PLACE {
            if name.starts_with(prefix) {
                found.push(*leak, format!("header {name}"));
            }
        }
        if foreign_prefixes(kind).iter().any(|prefix| name.starts_with(prefix)) {
            found.push(LeakKind::ForeignHeader, format!("header {name}"));
        }
        if name == "accept-encoding" && value != b"identity" {
            found.push(
                LeakKind::AcceptEncoding,
                format!("accept-encoding: {}", String::from_utf8_lossy(value)),
            );
        }
        for (index, forbidden) in settings.forbidden.iter().enumerate() {
            if contains(value, forbidden.as_bytes()) {
                found.push(LeakKind::ForbiddenValue, format!("forbidden value {index} in header {name}"));
            }
        }
    }
    // Neither API knows a trailer, so each one is a client's that slipped past an allow-list of headers.
    for (name, _) in &request.trailers {
        found.push(LeakKind::ClientHeader, format!("trailer {name}"));
    }
    if credentials.len() > 1 {
        found.push(LeakKind::SecondCredential, credentials.join(", "));
    }
    // The one header that carries credentials must be one that this API reads.
    if kind == ProviderKind::OpenAi && credentials.iter().any(|name| name == "x-api-key") {
        found.push(LeakKind::ForeignHeader, "header x-api-key".to_owned());
    }
    if contains_foreign_key(kind, settings, &request.body) {
        found.push(LeakKind::ForeignKey, "in the body".to_owned());
    }
    for (index, forbidden) in settings.forbidden.iter().enumerate() {
        if contains(&request.body, forbidden.as_bytes()) {
            found.push(LeakKind::ForbiddenValue, format!("forbidden value {index} in the body"));
        }
    }
    found.leaks
}

struct Found<'a> {
    request: &'a Recorded,
    leaks: Vec<Leak>,
}

impl Found<'_> {
    fn push(&mut self, kind: LeakKind, detail: String) {
        self.leaks.push(Leak {
            kind,
            detail,
            connection_id: self.request.connection_id,
            request_index_on_connection: self.request.request_index_on_connection,
        });
    }
}

/// Whether another vendor's key is in there. Both vendors' keys begin with `sk-`, Anthropic's with `sk-ant-`; the expected key is never one.
fn contains_foreign_key(kind: ProviderKind, settings: &Settings, value: &[u8]) -> bool {
    if contains(value, settings.key.as_bytes()) {
        return false;
    }
    let anthropic = contains(value, b"sk-ant-");
    match kind {
        ProviderKind::OpenAi => anthropic,
        ProviderKind::Anthropic => {
            contains(value, b"sk-proj-") || value.starts_with(b"Bearer sk-") && !anthropic
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && memchr::memmem::find(haystack, needle).is_some()
}
