//! The header section of a reply: what the real API sends with every answer, and what a script changes about it.

use super::body::Body;
use super::{Framing, Head, request_id};
use crate::reply::{Framed, Reply};
use crate::state::ProviderKind;

/// The header section for a body of which that many bytes are promised.
pub(super) fn head(kind: ProviderKind, reply: &Reply, body: &Body, length: u64, serial: u64) -> Head {
    let mut headers = vec![("content-type".to_owned(), body.content_type.as_bytes().to_vec())];
    headers.extend(vendor_headers(kind, serial));
    headers.retain(|(name, _)| {
        let is = |other: &String| other.eq_ignore_ascii_case(name);
        !reply.removed_headers.iter().any(is) && !reply.headers.iter().any(|(other, _)| is(other))
    });
    headers.extend(reply.headers.iter().cloned());
    let framing = match reply.framed {
        Framed::Declared(length) => Framing::Length(length),
        Framed::UntilClose => Framing::UntilClose,
        Framed::Chunked => Framing::Chunked,
        Framed::Usual if body.is_stream() || !reply.trailers.is_empty() => Framing::Chunked,
        Framed::Usual => Framing::Length(length),
    };
    Head { status: body.status, status_line: reply.status_line.clone(), headers, framing }
}

/// What the real API sends with every answer.
fn vendor_headers(kind: ProviderKind, serial: u64) -> impl Iterator<Item = (String, Vec<u8>)> {
    let id = request_id(serial);
    let fixed: &[(&str, &str)] = match kind {
        ProviderKind::OpenAi => &[
            ("openai-organization", "mock-organization"),
            ("openai-processing-ms", "42"),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-reset-requests", "6ms"),
            ("set-cookie", "__cf_bm=mock-provider-cookie; path=/; HttpOnly; Secure"),
            ("server", "cloudflare"),
        ],
        ProviderKind::Anthropic => &[
            ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
            ("anthropic-ratelimit-requests-limit", "4000"),
            ("anthropic-ratelimit-requests-remaining", "3999"),
            ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:00Z"),
            ("server", "cloudflare"),
        ],
    };
    let name = match kind {
        ProviderKind::OpenAi => "x-request-id",
        ProviderKind::Anthropic => "request-id",
    };
    let fixed = fixed.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    fixed.chain([(name.to_owned(), id.into_bytes())])
}
