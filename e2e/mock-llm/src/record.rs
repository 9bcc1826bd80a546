//! What a mock provider saw: one request exactly as it came over the wire.

use std::time::Instant;

use serde_json::Value;

/// Whether requests are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Every request and every leak is kept until [`clear`](crate::MockProvider::clear).
    On,
    /// Nothing is kept and nothing is searched for leaks: for benchmarks.
    Off,
}

/// The version that a request was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

impl HttpVersion {
    /// As in a request line: `HTTP/1.1`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// One request as a provider saw it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The method, as sent.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// `host` on HTTP/1.1, `:authority` on HTTP/2; empty when there was none.
    pub authority: String,
    /// Header fields in the order they came, names as sent. HTTP/2: without pseudo-headers, repeated names side by side.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The decoded body.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// HTTP version.
    pub http_version: HttpVersion,
    /// The name that the client asked for in the TLS handshake.
    pub sni: Option<String>,
    /// Which connection it came on, counted from 1.
    pub connection_id: u64,
    /// Which request of its connection it was, counted from 0.
    pub request_index_on_connection: u32,
    /// The content-length header, as sent.
    pub content_length: Option<String>,
    /// The transfer-encoding header, as sent.
    pub transfer_encoding: Option<String>,
    /// The status and message it was refused with, when it broke a rule of the API.
    pub refused: Option<String>,
    /// When it was complete.
    pub received: Instant,
}

impl Recorded {
    /// The first header of that name, whatever its case, when it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The header names as they came, in order.
    pub fn header_names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When the body is no JSON: a test that asks for it expects it.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("the body is no JSON ({error}): {}", String::from_utf8_lossy(&self.body))
        })
    }
}
