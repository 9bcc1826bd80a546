//! The door: accepts connections, does TLS and ALPN, and hands each to the HTTP version that was chosen.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::http1_read::Transport;
use crate::state::State;
use crate::tls::ServerIdentity;
use crate::{http1, http2};

/// What HTTP/2's client sends first.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How and where a mock provider listens.
#[derive(Clone)]
pub struct Listen {
    /// The certificate to serve; plain TCP without one.
    pub tls: Option<ServerIdentity>,
    /// Offers HTTP/2 beside HTTP/1.1: by ALPN with TLS, by prior knowledge without.
    pub http2: bool,
    /// The address; 127.0.0.1 where nothing is said. In a container that is the container's own, which nobody else reaches.
    pub ip: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

impl Default for Listen {
    fn default() -> Self {
        Self { tls: None, http2: false, ip: Ipv4Addr::LOCALHOST.into(), port: 0 }
    }
}

impl Listen {
    /// HTTP/1.1 without TLS on a port of the system's choice.
    pub fn plain() -> Self {
        Self::default()
    }

    /// HTTP/1.1 with TLS on a port of the system's choice.
    pub fn tls(identity: ServerIdentity) -> Self {
        Self { tls: Some(identity), ..Self::default() }
    }

    /// The same, and HTTP/2.
    #[must_use]
    pub fn with_http2(self) -> Self {
        Self { http2: true, ..self }
    }

    /// The same at this address.
    #[must_use]
    pub fn at(self, ip: IpAddr) -> Self {
        Self { ip, ..self }
    }

    /// The same on this port.
    #[must_use]
    pub fn on_port(self, port: u16) -> Self {
        Self { port, ..self }
    }
}

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// It is served.
    Serve,
    /// It is accepted and closed at once.
    Close,
    /// It is accepted and ignored: no handshake, no answer.
    Ignore,
}

/// A door that can be opened: what [`Listen`] says, ready for use.
pub(crate) struct Doorway {
    acceptor: Option<TlsAcceptor>,
    http2: bool,
}

impl Doorway {
    pub(crate) fn new(listen: Listen) -> Self {
        let protocols: &[&[u8]] = if listen.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        Self { acceptor: listen.tls.map(|identity| identity.acceptor(protocols)), http2: listen.http2 }
    }

    pub(crate) async fn open(&self, address: SocketAddr, state: &Arc<State>) -> io::Result<Running> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let door = Door { acceptor: self.acceptor.clone(), http2: self.http2, state: Arc::clone(state) };
        let accepting = tokio::spawn(door.accept_all(listener, Arc::clone(&connections)));
        Ok(Running { address, accepting, connections })
    }
}

/// An open door and the connections that came through it.
pub(crate) struct Running {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connections(&self) -> Arc<Mutex<JoinSet<()>>> {
        Arc::clone(&self.connections)
    }

    /// Returns when the port refuses and every connection is closed.
    pub(crate) async fn close(mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
        self.connections.lock().await.shutdown().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Clone)]
struct Door {
    acceptor: Option<TlsAcceptor>,
    http2: bool,
    state: Arc<State>,
}

impl Door {
    async fn accept_all(self, listener: TcpListener, connections: Arc<Mutex<JoinSet<()>>>) {
        while let Ok((stream, _)) = listener.accept().await {
            let mut connections = connections.lock().await;
            while connections.try_join_next().is_some() {}
            connections.spawn(self.clone().serve(stream));
        }
    }

    async fn serve(self, stream: TcpStream) {
        match self.state.accept() {
            Accept::Serve => {}
            Accept::Close => return,
            Accept::Ignore => return wait_for_close(&stream).await,
        }
        stream.set_nodelay(true).expect("a TCP option");
        let Some(acceptor) = &self.acceptor else {
            let http2 = self.http2 && speaks_http2(&stream).await;
            return self.serve_on(stream, http2, None).await;
        };
        let Ok(stream) = acceptor.accept(stream).await else {
            self.state.handshake_failures.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let session = stream.get_ref().1;
        let http2 = session.alpn_protocol() == Some(b"h2");
        let sni = session.server_name().map(str::to_owned);
        self.serve_on(stream, http2, sni).await;
    }

    async fn serve_on<S: Transport>(self, stream: S, http2: bool, sni: Option<String>) {
        let origin = Origin { connection_id: self.state.note_connection(), sni };
        if http2 {
            http2::serve(stream, origin, self.state).await;
        } else {
            http1::serve(stream, origin, self.state).await;
        }
    }
}

/// Where a request came from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) connection_id: u64,
    pub(crate) sni: Option<String>,
}

/// Whether the first bytes are HTTP/2's preface; they stay unread.
async fn speaks_http2(stream: &TcpStream) -> bool {
    let mut first = [0; HTTP2_PREFACE.len()];
    loop {
        match stream.peek(&mut first).await {
            Ok(0) | Err(_) => return false,
            Ok(n) if !HTTP2_PREFACE.starts_with(&first[..n]) => return false,
            Ok(n) if n == HTTP2_PREFACE.len() => return true,
            // A part of the preface: the rest is on its way.
            Ok(_) => tokio::task::yield_now().await,
        }
    }
}

async fn wait_for_close(stream: &TcpStream) {
    let mut sink = [0; 4096];
    loop {
        if stream.readable().await.is_err() {
            return;
        }
        match stream.try_read(&mut sink) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}
