//! Clients of the Gateway, plain and with TLS, HTTP/1.1 and HTTP/2: a connection for each call, and everything of the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Longer than any limit of the manifests: what takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    host: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    version: Version,
}

impl Call {
    /// `GET` of that path at that host, with HTTP/1.1.
    pub fn get(host: &str, path: &str) -> Self {
        Self {
            method: Method::GET,
            host: host.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            version: Version::HTTP_11,
        }
    }

    /// `POST` of that JSON.
    pub fn post(host: &str, path: &str, body: &serde_json::Value) -> Self {
        let call =
            Self { method: Method::POST, body: Bytes::from(body.to_string()), ..Self::get(host, path) };
        call.header("content-type", "application/json")
    }

    /// A gRPC call of that method, `/package.Service/Method`, with one message.
    pub fn grpc(host: &str, method: &str, message: &[u8]) -> Self {
        let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
        let body = Bytes::from([&[0], length.as_slice(), message].concat());
        let call = Self { method: Method::POST, body, ..Self::get(host, method) }.http2();
        call.header("content-type", "application/grpc").header("te", "trailers")
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// At another host.
    #[must_use]
    pub fn at(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    /// With another method.
    #[must_use]
    pub fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// With HTTP/2.
    #[must_use]
    pub fn http2(self) -> Self {
        Self { version: Version::HTTP_2, ..self }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What came after it.
    pub trailers: HeaderMap,
}

impl Answer {
    /// A header's value; empty where it is absent or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A trailer's value; empty where it is absent or no text.
    pub fn trailer(&self, name: &str) -> &str {
        self.trailers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text; what is not UTF-8 in it becomes `U+FFFD`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Makes that call there, with TLS where an authority's certificate is given; why there is no answer, otherwise.
pub(super) async fn call(
    address: SocketAddr,
    authority: Option<&str>,
    call: &Call,
) -> Result<Answer, String> {
    let exchange = async {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        match authority {
            None => over(TokioIo::new(stream), call).await,
            Some(authority) => {
                let name = ServerName::try_from(call.host.clone()).map_err(|error| error.to_string())?;
                let tls = connector(authority, call.version).connect(name, stream).await;
                over(TokioIo::new(tls.map_err(|error| error.to_string())?), call).await
            }
        }
    };
    time::timeout(PATIENCE, exchange)
        .await
        .map_err(|_| format!("no end of the answer after {} s", PATIENCE.as_secs()))?
}

/// Sends these bytes over TLS with HTTP/1.1, and nothing after them; what is said until the other side ends it.
pub(super) async fn raw(address: SocketAddr, authority: &str, host: &str, bytes: &[u8]) -> String {
    let exchange = async {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
        let mut stream = connector(authority, Version::HTTP_11).connect(name, stream).await?;
        stream.write_all(bytes).await?;
        let mut said = Vec::new();
        // An end without TLS's own goodbye is an end.
        let _ = stream.read_to_end(&mut said).await;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&said).into_owned())
    };
    exchange.await.unwrap_or_else(|error| error.to_string())
}

fn connector(authority: &str, version: Version) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.as_bytes()).expect("a certificate"))
        .expect("an authority");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS versions of the ring provider")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let protocol: &[u8] = if version == Version::HTTP_2 { b"h2" } else { b"http/1.1" };
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn over<I>(io: I, call: &Call) -> Result<Answer, String>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let mut request = http::Request::builder().method(call.method.clone()).version(call.version);
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    let body = Full::new(call.body.clone());
    let response = if call.version == Version::HTTP_2 {
        let request = request.uri(format!("http://{}{}", call.host, call.path)).body(body);
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), io).await.map_err(|error| error.to_string())?;
        // It ends with the answer: nobody else holds the sender.
        tokio::spawn(connection);
        sender.send_request(request.expect("a request")).await
    } else {
        let request = request.uri(&call.path).header("host", &call.host).body(body);
        let (mut sender, connection) = http1::handshake(io).await.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        sender.send_request(request.expect("a request")).await
    };
    let (head, body) = response.map_err(|error| error.to_string())?.into_parts();
    let body = body.collect().await.map_err(|error| format!("the body breaks off: {error}"))?;
    let trailers = body.trailers().cloned().unwrap_or_default();
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes(), trailers })
}
