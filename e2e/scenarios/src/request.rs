//! What a client sends: headers, body and how both are cut into writes.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::canary;

/// The HTTP version that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, on a raw socket.
    Http1,
    /// HTTP/2 by prior knowledge.
    Http2,
}

/// How a body says where it ends on HTTP/1.1. On HTTP/2 the stream says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By its length.
    Length,
    /// By chunked coding.
    Chunked,
}

/// A client's request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// Header fields in the order in which they are sent; `host` and the body's framing are added.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, one write or DATA frame each; none means no body at all.
    pub body: Option<Vec<Bytes>>,
    /// How the body ends.
    pub framing: Framing,
    /// Trailer fields.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// The HTTP version.
    pub protocol: Protocol,
}

/// A prompt with this run's canary in it.
pub fn prompt(text: &str) -> String {
    format!("{} {text}", *canary::PROMPT)
}

/// An OpenAI client's question to `gpt-4`.
pub fn chat(text: &str) -> Request {
    chat_body(json!({"model": "gpt-4", "messages": [{"role": "user", "content": prompt(text)}]}))
}

/// An OpenAI client's question with that body.
pub fn chat_body(body: Value) -> Request {
    Request::new("POST", "/v1/chat/completions").bearer().json(&body)
}

/// The same question as a stream.
pub fn chat_stream(text: &str) -> Request {
    chat_body(
        json!({"model": "gpt-4", "stream": true, "messages": [{"role": "user", "content": prompt(text)}]}),
    )
}

/// An Anthropic client's question to `gpt-4`.
pub fn message(text: &str) -> Request {
    message_body(
        json!({"model": "gpt-4", "max_tokens": 64, "messages": [{"role": "user", "content": prompt(text)}]}),
    )
}

/// The same question as a stream.
pub fn message_stream(text: &str) -> Request {
    let messages = json!([{"role": "user", "content": prompt(text)}]);
    message_body(json!({"model": "gpt-4", "max_tokens": 64, "stream": true, "messages": messages}))
}

/// An Anthropic client's question with that body.
pub fn message_body(body: Value) -> Request {
    Request::new("POST", "/v1/messages")
        .header("x-api-key", canary::CLIENT_KEY.as_str())
        .header("anthropic-version", "2023-06-01")
        .json(&body)
}

impl Request {
    /// A request without body and headers.
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            framing: Framing::Length,
            trailers: Vec::new(),
            protocol: Protocol::Http1,
        }
    }

    /// With the client's key, as OpenAI's SDK sends it.
    #[must_use]
    pub fn bearer(self) -> Self {
        self.header("authorization", format!("Bearer {}", *canary::CLIENT_KEY))
    }

    /// One more header field.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// That JSON as the body, in one write.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string())
    }

    /// Those bytes as the body, in one write.
    #[must_use]
    pub fn bytes(self, body: impl Into<Bytes>) -> Self {
        Self { body: Some(vec![body.into()]), ..self }
    }

    /// The same body in writes of that many bytes.
    #[must_use]
    pub fn in_pieces(self, size: usize) -> Self {
        let whole = self.whole_body();
        let pieces = whole.chunks(size.max(1)).map(Bytes::copy_from_slice).collect();
        Self { body: Some(pieces), ..self }
    }

    /// Chunked coding in place of a content-length; on HTTP/2 no content-length.
    #[must_use]
    pub fn chunked(self) -> Self {
        Self { framing: Framing::Chunked, ..self }
    }

    /// One trailer field.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.as_bytes().to_vec()));
        Self { framing: Framing::Chunked, ..self }
    }

    /// Over HTTP/2.
    #[must_use]
    pub fn http2(self) -> Self {
        Self { protocol: Protocol::Http2, ..self }
    }

    /// The body in one piece; empty where there is none.
    pub fn whole_body(&self) -> Vec<u8> {
        self.body.iter().flatten().flat_map(|piece| piece.iter().copied()).collect()
    }
}
