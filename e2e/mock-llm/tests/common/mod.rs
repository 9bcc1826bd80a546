//! Clients that send and see exact bytes, for the tests of the mock itself.

#![allow(dead_code, reason = "every test file uses its own part of this")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mock_llm::{Listen, MockProvider, ProviderKind};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Longer than anything here takes, shorter than a person waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// So long nothing comes from a connection that has stalled.
pub(crate) const QUIET: Duration = Duration::from_millis(150);

pub(crate) async fn openai() -> MockProvider {
    MockProvider::start(ProviderKind::OpenAi, Listen::plain().with_http2()).await.unwrap()
}

pub(crate) async fn anthropic() -> MockProvider {
    MockProvider::start(ProviderKind::Anthropic, Listen::plain().with_http2()).await.unwrap()
}

/// A request body that either API answers.
pub(crate) fn body(kind: ProviderKind, stream: bool) -> Value {
    match kind {
        ProviderKind::OpenAi => {
            json!({"model": "gpt-4", "messages": [{"role": "user", "content": "Say hello."}], "stream": stream})
        }
        ProviderKind::Anthropic => json!({
            "model": "claude-3-opus", "max_tokens": 64, "messages": [{"role": "user", "content": "Say hello."}], "stream": stream,
        }),
    }
}

/// The header fields that the API wants beside content-type.
pub(crate) fn credentials(kind: ProviderKind) -> Vec<(&'static str, String)> {
    match kind {
        ProviderKind::OpenAi => vec![("authorization", format!("Bearer {}", kind.default_key()))],
        ProviderKind::Anthropic => {
            vec![("x-api-key", kind.default_key().to_owned()), ("anthropic-version", "2023-06-01".to_owned())]
        }
    }
}

/// The bytes of an HTTP/1.1 request.
pub(crate) fn request(kind: ProviderKind, body: &Value) -> Vec<u8> {
    request_with(kind, &[], &body.to_string())
}

pub(crate) fn request_with(kind: ProviderKind, extra: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut head =
        format!("POST {} HTTP/1.1\r\nhost: provider.test\r\ncontent-type: application/json\r\n", kind.path());
    for (name, value) in
        credentials(kind).iter().map(|(name, value)| (*name, value.as_str())).chain(extra.iter().copied())
    {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    head.into_bytes()
}

/// How reading a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The message was complete.
    Complete,
    /// The connection was closed (FIN).
    Closed,
    /// The connection was reset, or TLS ended without its goodbye.
    Failed,
    /// Nothing more came.
    Quiet,
}

/// A response as its bytes came.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) raw: Vec<u8>,
    pub(crate) end: End,
    /// When each read returned, from the moment of the request.
    pub(crate) reads: Vec<(Duration, usize)>,
}

impl Seen {
    pub(crate) fn head(&self) -> String {
        let end = find(&self.raw, b"\r\n\r\n").unwrap_or(self.raw.len());
        String::from_utf8_lossy(&self.raw[..end]).into_owned()
    }

    pub(crate) fn status(&self) -> u16 {
        self.head().split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head().lines().skip(1).find_map(|line| {
            let (candidate, value) = line.split_once(':')?;
            candidate.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// The bytes after the header section, chunked coding and all.
    pub(crate) fn after_head(&self) -> &[u8] {
        match find(&self.raw, b"\r\n\r\n") {
            Some(end) => &self.raw[end + 4..],
            None => b"",
        }
    }

    /// The chunks of a chunked body, as far as they came.
    pub(crate) fn chunks(&self) -> Vec<Vec<u8>> {
        let mut rest = self.after_head();
        let mut chunks = Vec::new();
        while let Some(end) = find(rest, b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
            if size == 0 {
                break;
            }
            chunks.push(rest[end + 2..end + 2 + size].to_vec());
            rest = &rest[end + 2 + size + 2..];
        }
        chunks
    }

    /// The body without its framing.
    pub(crate) fn body(&self) -> String {
        let bytes = match self.header("transfer-encoding") {
            Some(_) => self.chunks().concat(),
            None => self.after_head().to_vec(),
        };
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body()).unwrap()
    }

    /// The data of a stream's events, as JSON where it is.
    pub(crate) fn data(&self) -> Vec<Value> {
        data_of(&self.body())
    }

    /// Whether the body's framing says that it is complete.
    fn is_complete(&self) -> bool {
        if find(&self.raw, b"\r\n\r\n").is_none() {
            return false;
        }
        match self.header("content-length") {
            Some(length) => self.after_head().len() >= length.parse::<usize>().unwrap(),
            None => self.header("transfer-encoding").is_some() && has_last_chunk(self.after_head()),
        }
    }
}

/// The data of the events in a stream.
pub(crate) fn data_of(stream: &str) -> Vec<Value> {
    stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.to_owned())))
        .collect()
}

fn has_last_chunk(body: &[u8]) -> bool {
    (body.starts_with(b"0\r\n") || find(body, b"\r\n0\r\n").is_some()) && body.ends_with(b"\r\n\r\n")
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Sends these bytes on a new connection and reads until the response is complete or nothing more comes.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Seen {
    let mut stream = TcpStream::connect(address).await.unwrap();
    exchange_on(&mut stream, bytes).await
}

pub(crate) async fn exchange_on<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Seen {
    stream.write_all(bytes).await.unwrap();
    stream.flush().await.unwrap();
    read(stream, PATIENCE).await
}

/// The same, and gives up when nothing has come for a while after that was seen.
pub(crate) async fn exchange_until_quiet(
    address: SocketAddr,
    bytes: &[u8],
    after: impl Fn(&Seen) -> bool,
) -> Seen {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read_until_quiet(&mut stream, after).await
}

pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S, patience: Duration) -> Seen {
    read_while(stream, |_| patience).await
}

/// Reads until that was seen, however long it takes to come, and then until nothing more comes for a while.
pub(crate) async fn read_until_quiet<S: AsyncRead + Unpin>(
    stream: &mut S,
    after: impl Fn(&Seen) -> bool,
) -> Seen {
    read_while(stream, |seen| if after(seen) { QUIET } else { PATIENCE }).await
}

async fn read_while<S: AsyncRead + Unpin>(stream: &mut S, quiet: impl Fn(&Seen) -> Duration) -> Seen {
    let start = Instant::now();
    let mut seen = Seen { raw: Vec::new(), end: End::Complete, reads: Vec::new() };
    let mut part = vec![0; 65536];
    while !seen.is_complete() {
        match timeout(quiet(&seen), stream.read(&mut part)).await {
            Err(_) => seen.end = End::Quiet,
            Ok(Err(_)) => seen.end = End::Failed,
            Ok(Ok(0)) => seen.end = End::Closed,
            Ok(Ok(length)) => {
                seen.raw.extend_from_slice(&part[..length]);
                seen.reads.push((start.elapsed(), length));
                continue;
            }
        }
        break;
    }
    seen
}

/// A TLS connection that trusts this authority alone.
pub(crate) async fn connect_tls(
    address: SocketAddr,
    ca_pem: &str,
    name: &str,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}
