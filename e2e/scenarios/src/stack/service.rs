//! Scripted services behind the Gateway: HTTP/1.1, HTTP/2 and gRPC on one port, plain or with TLS. Each says who it is and records what it saw.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mock_llm::{CertificateAuthority, ServerIdentity};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{self, Instant};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// The header by which a service says who it is, in every answer that its script did not make itself.
pub const SERVED_BY: &str = "x-served-by";

/// How a service is reached.
#[derive(Clone)]
pub enum Listen {
    /// HTTP/1.1 and HTTP/2 without TLS.
    Plain,
    /// Both with TLS, as who the certificate says.
    Tls(ServerIdentity),
    /// The same, for clients that show a certificate of that authority.
    MutualTls(ServerIdentity, String),
}

/// What a service saw of one request.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When its head came.
    pub at: Instant,
    /// Its protocol.
    pub version: Version,
    /// Its method.
    pub method: Method,
    /// Its path, with the query.
    pub path: String,
    /// Its headers; with HTTP/2 `host` is what `:authority` said.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// The certificate that the client showed, if it was asked for one.
    pub client_certificate: Option<Vec<u8>>,
}

impl Seen {
    /// A header's value; empty where it is absent or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What a service answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// What comes after it.
    pub trailers: Vec<(String, String)>,
    /// How long it takes until anything is said.
    pub delay: Duration,
}

impl Reply {
    /// That status, without a body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), trailers: Vec::new(), delay: Duration::ZERO }
    }

    /// That JSON.
    pub fn json(value: &serde_json::Value) -> Self {
        let body = Bytes::from(value.to_string());
        Self { body, ..Self::status(200) }.header("content-type", "application/json")
    }

    /// A gRPC answer of that one message with the status OK in its trailers.
    pub fn grpc(message: &[u8]) -> Self {
        let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
        let body = [&[0], length.as_slice(), message].concat();
        let reply = Self { body: Bytes::from(body), ..Self::status(200) };
        let trailers = vec![("grpc-status".to_owned(), "0".to_owned())];
        Self { trailers, ..reply }.header("content-type", "application/grpc")
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same, later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A running service. Dropping it closes its port.
pub struct Service {
    name: String,
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    name: String,
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl Service {
    /// Starts it on a free port.
    pub async fn start(name: &str, listen: Listen) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let address = listener.local_addr().expect("a bound port");
        let state = Arc::new(State {
            name: name.to_owned(),
            script: Mutex::new(introduction(name)),
            seen: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(accept(listener, acceptor(&listen), Arc::clone(&state)));
        Self { name: name.to_owned(), address, state, accepting }
    }

    /// Who it says that it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers like that from now on.
    pub fn answer(&self, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) {
        *lock(&self.state.script) = Arc::new(script);
    }

    /// What it saw since the last [`clear`](Self::clear), in the order in which requests were complete.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }

    /// How many requests were with it at the same time, at most.
    pub fn most_under_way(&self) -> usize {
        self.state.most_under_way.load(Ordering::SeqCst)
    }

    /// Forgets what it saw, and answers with its name again.
    pub fn clear(&self) {
        *lock(&self.state.script) = introduction(&self.name);
        lock(&self.state.seen).clear();
        self.state.most_under_way.store(0, Ordering::SeqCst);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What a service says that was told nothing else.
fn introduction(name: &str) -> Script {
    let name = name.to_owned();
    Arc::new(move |seen| {
        let said = json!({"service": name, "method": seen.method.as_str(), "path": seen.path});
        Reply::json(&said).header(SERVED_BY, &name)
    })
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn acceptor(listen: &Listen) -> Option<TlsAcceptor> {
    let (identity, authority) = match listen {
        Listen::Plain => return None,
        Listen::Tls(identity) => (identity, None),
        Listen::MutualTls(identity, authority) => (identity, Some(authority)),
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("TLS versions of the ring provider");
    let builder = match authority {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let authority = CertificateDer::from_pem_slice(authority.as_bytes()).expect("a certificate");
            roots.add(authority).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
        None => builder.with_no_client_auth(),
    };
    let certificate =
        CertificateDer::from_pem_slice(identity.certificate_pem().as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).expect("a key");
    let mut config = builder.with_single_cert(vec![certificate], key).expect("a certificate and its key");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Some(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    // Connections end with the task that accepts them.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        connections.spawn(connection(stream, tls, state));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return serve(TokioIo::new(stream), None, state).await;
    };
    // A client that does not trust us, or that we do not trust, goes away here.
    let Ok(stream) = tls.accept(stream).await else { return };
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).map(|it| it.to_vec());
    serve(TokioIo::new(stream), shown, state).await;
}

async fn serve<I>(io: I, shown: Option<Vec<u8>>, state: Arc<State>)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(request, shown.clone(), Arc::clone(&state)));
    // How a connection ends is the gateway's business.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
}

async fn answer(
    request: http::Request<Incoming>,
    client_certificate: Option<Vec<u8>>,
    state: Arc<State>,
) -> Result<http::Response<Parts>, Infallible> {
    let at = Instant::now();
    let _guest = Guest::enter(&state);
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let seen = Seen {
        at,
        version: head.version,
        method: head.method,
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: with_host(head.headers, &head.uri),
        body,
        client_certificate,
    };
    let script = Arc::clone(&lock(&state.script));
    lock(&state.seen).push(seen.clone());
    let reply = script(&seen);
    time::sleep(reply.delay).await;
    let mut response = http::Response::new(Parts::of(&reply));
    *response.status_mut() = http::StatusCode::from_u16(reply.status).expect("a status");
    *response.headers_mut() = fields(&reply.headers);
    if !response.headers().contains_key(SERVED_BY) {
        let name = HeaderValue::from_str(&state.name).expect("a plain name");
        response.headers_mut().insert(SERVED_BY, name);
    }
    Ok(response)
}

fn with_host(mut headers: HeaderMap, uri: &Uri) -> HeaderMap {
    if let Some(host) = uri.authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok()) {
        headers.insert(http::header::HOST, host);
    }
    headers
}

fn fields(fields: &[(String, String)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            (name, HeaderValue::from_str(value).expect("a header value"))
        })
        .collect()
}

/// A request that is with the service.
struct Guest<'s>(&'s State);

impl<'s> Guest<'s> {
    fn enter(state: &'s State) -> Self {
        let now = state.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_under_way.fetch_max(now, Ordering::SeqCst);
        Self(state)
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A body in one piece, and trailers.
struct Parts(std::collections::VecDeque<Frame<Bytes>>);

impl Parts {
    fn of(reply: &Reply) -> Self {
        let mut frames = std::collections::VecDeque::new();
        if !reply.body.is_empty() {
            frames.push_back(Frame::data(reply.body.clone()));
        }
        if !reply.trailers.is_empty() {
            frames.push_back(Frame::trailers(fields(&reply.trailers)));
        }
        Self(frames)
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a service needs of an authority to have TLS under that name.
pub fn tls(authority: &CertificateAuthority, host: &str) -> Listen {
    Listen::Tls(authority.issue([host]))
}

/// The same, for clients with a certificate of the same authority.
pub fn mutual_tls(authority: &CertificateAuthority, host: &str) -> Listen {
    Listen::MutualTls(authority.issue([host]), authority.pem())
}
