//! A small HTTP/1.1 client: one connection for each request, answers whole or chunk by chunk.
//!
//! Knows no redirects, no TLS and no pooling, so that what a test sees is what the gateway sent.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time;

/// Why there is no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Nobody accepts connections there.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The request could not be built.
    #[error("not a request: {0}")]
    Request(#[from] http::Error),
    /// The connection broke, or what came over it was no HTTP. In a body: its end was not clean.
    #[error("{0}")]
    Transport(#[from] hyper::Error),
    /// It took longer than it may.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The body as text; what is not UTF-8 in it becomes `U+FFFD`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's value; empty where it is absent or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// An answer whose body is still coming. Dropping it hangs up.
#[derive(Debug)]
pub struct StreamingReply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
}

impl StreamingReply {
    /// The next piece of the body as it came over the wire; `None` at its clean end.
    ///
    /// # Errors
    /// When the body ends without being complete.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Everything that is still to come.
    ///
    /// # Errors
    /// When the body ends without being complete.
    pub async fn whole(mut self) -> Result<Reply, HttpError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status: self.status, headers: self.headers, body: body.freeze() })
    }
}

/// Sends a request and returns once the answer's headers are there. `host` is set to the address where the request does not say it.
///
/// # Errors
/// When the connection fails, or no HTTP comes back.
pub async fn stream(address: SocketAddr, mut request: Request<Bytes>) -> Result<StreamingReply, HttpError> {
    if !request.headers().contains_key(http::header::HOST)
        && let Ok(host) = address.to_string().parse()
    {
        request.headers_mut().insert(http::header::HOST, host);
    }
    let socket =
        TcpStream::connect(address).await.map_err(|source| HttpError::Connect { address, source })?;
    // Without this, a request whose body follows its headers in a second packet waits for an acknowledgement.
    socket.set_nodelay(true).map_err(|source| HttpError::Connect { address, source })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    // Ends when the request's answer was read or dropped: nobody else holds the sender.
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request.map(Full::new)).await?.into_parts();
    Ok(StreamingReply { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// Sends a request and waits for the whole answer, for at most that long.
///
/// # Errors
/// As [`stream`], and when it takes too long.
pub async fn send(address: SocketAddr, request: Request<Bytes>, limit: Duration) -> Result<Reply, HttpError> {
    time::timeout(limit, async { stream(address, request).await?.whole().await })
        .await
        .map_err(|_| HttpError::Timeout(limit))?
}

/// `GET path`.
///
/// # Errors
/// As [`send`].
pub async fn get(address: SocketAddr, path: &str, limit: Duration) -> Result<Reply, HttpError> {
    send(address, Request::get(path).body(Bytes::new())?, limit).await
}

/// `POST path` with a JSON body and those headers; not sent yet.
///
/// # Errors
/// When path or headers are malformed.
pub fn post_json(
    path: &str,
    headers: &[(&str, &str)],
    body: &serde_json::Value,
) -> Result<Request<Bytes>, HttpError> {
    let mut request =
        Request::builder().method(Method::POST).uri(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Ok(request.body(Bytes::from(body.to_string()))?)
}
