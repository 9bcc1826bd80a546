//! HTTP/1.1 requests off the wire, with an eye on every byte that belongs to none of them.

use std::io;
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::leaks::LeakKind;
use crate::listen::Origin;
use crate::record::{HttpVersion, Recorded};

/// More header fields than any client of a gateway sends.
const MAX_HEADERS: usize = 128;

/// A byte stream over a TCP connection.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The connection below, for its options.
    fn tcp(&self) -> &TcpStream;
}

/// A connection and what was read from it but belongs to no request yet.
pub(crate) struct Reader<S> {
    pub(crate) stream: S,
    pub(crate) buffer: BytesMut,
}

/// Why there is no next request on a connection.
pub(crate) enum NoRequest {
    /// The other side closed between two requests.
    Closed,
    /// What came is no request, or its body ended early.
    Broken(LeakKind, String),
}

impl NoRequest {
    fn leftover(detail: impl Into<String>) -> Self {
        Self::Broken(LeakKind::LeftoverBytes, detail.into())
    }
}

/// A request's header section.
struct Section {
    request: Recorded,
    body: BodyLength,
    expects_continue: bool,
}

enum BodyLength {
    Exactly(usize),
    Chunked,
}

impl<S: Transport> Reader<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(16 * 1024) }
    }

    /// Reads the next request whole.
    pub(crate) async fn next(&mut self, origin: &Origin, index: u32) -> Result<Recorded, NoRequest> {
        let Section { mut request, body, expects_continue } = loop {
            if let Some((section, length)) = parse_section(&self.buffer, origin, index)? {
                self.buffer.advance(length);
                break section;
            }
            if self.fill().await == 0 {
                return Err(match self.buffer.is_empty() {
                    true => NoRequest::Closed,
                    false => NoRequest::leftover(format!(
                        "the connection ended in a header section: {}",
                        shown(&self.buffer)
                    )),
                });
            }
        };
        if expects_continue {
            let _ = self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        match body {
            BodyLength::Exactly(length) => {
                self.need(length, "content-length").await?;
                request.body = self.buffer.split_to(length).to_vec();
            }
            BodyLength::Chunked => self.chunked(&mut request).await?,
        }
        request.received = Instant::now();
        Ok(request)
    }

    async fn chunked(&mut self, request: &mut Recorded) -> Result<(), NoRequest> {
        loop {
            let line = self.line().await?;
            let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let size = std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok())
                .ok_or_else(|| NoRequest::leftover(format!("no chunk size: {}", shown(&line))))?;
            if size == 0 {
                break;
            }
            self.need(size + 2, "chunk").await?;
            request.body.extend_from_slice(&self.buffer[..size]);
            if &self.buffer[size..size + 2] != b"\r\n" {
                return Err(NoRequest::leftover("a chunk is longer than its size"));
            }
            self.buffer.advance(size + 2);
        }
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(());
            }
            let colon = memchr::memchr(b':', &line)
                .ok_or_else(|| NoRequest::leftover("a trailer without a colon"))?;
            let name = String::from_utf8_lossy(&line[..colon]).into_owned();
            request.trailers.push((name, line[colon + 1..].trim_ascii().to_vec()));
        }
    }

    /// One line without its end.
    async fn line(&mut self) -> Result<Vec<u8>, NoRequest> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(end).to_vec();
                self.buffer.advance(2);
                return Ok(line);
            }
            if self.fill().await == 0 {
                return Err(NoRequest::Broken(
                    LeakKind::BodyLength,
                    "the connection ended in a chunked body".to_owned(),
                ));
            }
        }
    }

    async fn need(&mut self, length: usize, what: &str) -> Result<(), NoRequest> {
        while self.buffer.len() < length {
            if self.fill().await == 0 {
                let detail =
                    format!("the connection ended after {} of {length} bytes ({what})", self.buffer.len());
                return Err(NoRequest::Broken(LeakKind::BodyLength, detail));
            }
        }
        Ok(())
    }

    /// How many more bytes are in the buffer now; none when the other side is gone.
    pub(crate) async fn fill(&mut self) -> usize {
        self.stream.read_buf(&mut self.buffer).await.unwrap_or(0)
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }
}

/// The header section at the start of `buffer` and its length, or nothing while it is incomplete.
fn parse_section(buffer: &[u8], origin: &Origin, index: u32) -> Result<Option<(Section, usize)>, NoRequest> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut fields);
    let length = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(NoRequest::leftover(format!("no request ({error}): {}", shown(buffer)))),
    };
    let headers: Vec<(String, Vec<u8>)> =
        parsed.headers.iter().map(|field| (field.name.to_owned(), field.value.to_vec())).collect();
    let http_version = if parsed.version == Some(0) { HttpVersion::Http10 } else { HttpVersion::Http11 };
    let mut request = Recorded {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: parsed.path.unwrap_or_default().to_owned(),
        authority: String::new(),
        headers,
        body: Vec::new(),
        trailers: Vec::new(),
        http_version,
        sni: origin.sni.clone(),
        connection_id: origin.connection_id,
        request_index_on_connection: index,
        content_length: None,
        transfer_encoding: None,
        refused: None,
        received: Instant::now(),
    };
    request.authority = request.header("host").unwrap_or_default().to_owned();
    request.content_length = request.header("content-length").map(str::to_owned);
    request.transfer_encoding = request.header("transfer-encoding").map(str::to_owned);
    let body = body_length(&request)?;
    let expects_continue =
        request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
    Ok(Some((Section { request, body, expects_continue }, length)))
}

/// How long the body is; two statements about it are one too many, even where they agree.
fn body_length(request: &Recorded) -> Result<BodyLength, NoRequest> {
    let is_length = |(name, _): &&(String, Vec<u8>)| name.eq_ignore_ascii_case("content-length");
    let stated = request.headers.iter().filter(is_length).count();
    match (&request.transfer_encoding, &request.content_length) {
        (None, None) => Ok(BodyLength::Exactly(0)),
        (None, Some(length)) if stated == 1 => length
            .parse()
            .map(BodyLength::Exactly)
            .map_err(|_| NoRequest::leftover(format!("no content-length: {length:?}"))),
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(BodyLength::Chunked),
        (Some(coding), None) => Err(NoRequest::leftover(format!("transfer-encoding {coding:?}"))),
        (coding, length) => Err(NoRequest::leftover(format!(
            "the body's length is told twice: {stated} times {length:?}, coding {coding:?}"
        ))),
    }
}

/// The beginning of some bytes, for a report.
pub(crate) fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(60)].escape_ascii().to_string()
}
