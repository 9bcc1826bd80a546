//! HTTP/1.1 on one kept-alive connection, from either side, with as little work per message as possible.
//!
//! The load generator and the upstream share one core and must keep Envoy busy on the other, so this reads only what framing needs. It is
//! strict where a filter could go wrong: both kinds of framing at once, and bytes after the end of a message, are errors.

use std::io;
use std::net::SocketAddr;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How much one read takes. A whole unpaced stream fits.
const READ: usize = 64 * 1024;
/// The largest message that is read: far above anything the bench sends, far below what would hurt.
const LARGEST: usize = 4 * 1024 * 1024;

/// What is wrong with a connection or with what came over it.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The system says so.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The connection ended inside a message.
    #[error("the connection ended in the middle of a message, after {0} bytes")]
    Truncated(usize),
    /// A message that says its length in no way, or in two.
    #[error("a message with no length, or with two: {0}")]
    Framing(String),
    /// A chunk that is none.
    #[error("malformed chunked coding")]
    Chunk,
    /// Bytes that belong to no message.
    #[error("{0} bytes after the end of a message")]
    Leftover(usize),
    /// A message larger than anything here should be.
    #[error("a message of more than {LARGEST} bytes")]
    TooLarge,
}

/// One message as it came.
#[derive(Debug)]
pub struct Message<'a> {
    /// Start line and header section, with the blank line.
    pub head: &'a [u8],
    /// The decoded body.
    pub body: &'a [u8],
    /// How many reads it took: about one per event where a stream's events come one by one.
    pub reads: u32,
}

/// A connection that carries one message at a time in each direction.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    input: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    /// A connection of the caller's.
    ///
    /// # Errors
    /// When the socket does not take its options.
    pub fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self { socket, input: Vec::with_capacity(READ), body: Vec::with_capacity(READ) })
    }

    /// A new connection to there.
    ///
    /// # Errors
    /// When nobody accepts it.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        Self::new(TcpStream::connect(address).await?)
    }

    /// Writes these bytes.
    ///
    /// # Errors
    /// When the other side is gone.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        Ok(self.socket.write_all(bytes).await?)
    }

    /// The next message; `None` where the other side closes between two.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is not one well-formed message.
    pub async fn receive(&mut self) -> Result<Option<Message<'_>>, WireError> {
        self.input.clear();
        self.body.clear();
        let mut reads = 0;
        let head = loop {
            if self.read().await? == 0 {
                return if self.input.is_empty() {
                    Ok(None)
                } else {
                    Err(WireError::Truncated(self.input.len()))
                };
            }
            reads += 1;
            if let Some(at) = memmem::find(&self.input, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let end = match framing(&self.input[..head])? {
            Framing::Length(length) => {
                let end =
                    head.checked_add(length).filter(|end| *end <= LARGEST).ok_or(WireError::TooLarge)?;
                while self.input.len() < end {
                    self.read_more().await?;
                    reads += 1;
                }
                end
            }
            Framing::Chunked => {
                let mut chunks = Chunks { at: head, left: 0, phase: Phase::Size };
                while !chunks.advance(&self.input, &mut self.body)? {
                    self.read_more().await?;
                    reads += 1;
                }
                chunks.at
            }
        };
        if self.input.len() > end {
            return Err(WireError::Leftover(self.input.len() - end));
        }
        let (head, rest) = self.input.split_at(head);
        let body = if rest.is_empty() || !self.body.is_empty() { &self.body } else { rest };
        Ok(Some(Message { head, body, reads }))
    }

    async fn read_more(&mut self) -> Result<(), WireError> {
        match self.read().await? {
            0 => Err(WireError::Truncated(self.input.len())),
            _ => Ok(()),
        }
    }

    async fn read(&mut self) -> Result<usize, WireError> {
        if self.input.len() > LARGEST {
            return Err(WireError::TooLarge);
        }
        self.input.reserve(READ);
        Ok(self.socket.read_buf(&mut self.input).await?)
    }
}

/// How a message says where its body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

fn framing(head: &[u8]) -> Result<Framing, WireError> {
    let problem = || WireError::Framing(String::from_utf8_lossy(head).into_owned());
    let lengths =
        fields(head, b"content-length").map(|value| std::str::from_utf8(value).ok()?.parse::<usize>().ok());
    let chunked = fields(head, b"transfer-encoding").map(|value| value.eq_ignore_ascii_case(b"chunked"));
    match (lengths.collect::<Vec<_>>().as_slice(), chunked.collect::<Vec<_>>().as_slice()) {
        ([Some(length)], []) => Ok(Framing::Length(*length)),
        ([], [true]) => Ok(Framing::Chunked),
        _ => Err(problem()),
    }
}

/// The values of the header fields of that name.
pub fn fields<'a>(head: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    head.split(|byte| *byte == b'\n').skip(1).filter_map(move |line| {
        let (field, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        field.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}

/// Where in a chunked body the decoder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Size,
    Data,
    DataEnd,
    End,
}

/// A decoder of chunked coding over a buffer that grows.
struct Chunks {
    at: usize,
    left: usize,
    phase: Phase,
}

impl Chunks {
    /// Decodes what is there; whether the body is complete. Extensions and trailers, which nobody here sends, are errors.
    fn advance(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<bool, WireError> {
        loop {
            let rest = &input[self.at..];
            match self.phase {
                Phase::Size => {
                    let Some(end) = memchr::memchr(b'\n', rest) else { return Ok(false) };
                    let digits = rest[..end].strip_suffix(b"\r").ok_or(WireError::Chunk)?;
                    let digits = std::str::from_utf8(digits).map_err(|_| WireError::Chunk)?;
                    self.left = usize::from_str_radix(digits, 16).map_err(|_| WireError::Chunk)?;
                    self.at += end + 1;
                    self.phase = if self.left == 0 { Phase::End } else { Phase::Data };
                }
                Phase::Data => {
                    let taken = self.left.min(rest.len());
                    body.extend_from_slice(&rest[..taken]);
                    self.at += taken;
                    self.left -= taken;
                    if self.left > 0 {
                        return Ok(false);
                    }
                    self.phase = Phase::DataEnd;
                }
                Phase::DataEnd | Phase::End => {
                    if rest.len() < 2 {
                        return Ok(false);
                    }
                    if !rest.starts_with(b"\r\n") {
                        return Err(WireError::Chunk);
                    }
                    self.at += 2;
                    if self.phase == Phase::End {
                        return Ok(true);
                    }
                    self.phase = Phase::Size;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Both ends of a connection.
    async fn pair() -> (Connection, Connection) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let here = Connection::open(listener.local_addr().unwrap()).await.unwrap();
        (here, Connection::new(listener.accept().await.unwrap().0).unwrap())
    }

    #[tokio::test]
    async fn both_framings_are_read_however_they_arrive() {
        let chunked: &[u8] =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        let sized: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd";
        let (mut here, mut there) = pair().await;
        for bytes in [chunked, sized, sized, chunked] {
            for step in [1, 3, bytes.len()] {
                let sending = async {
                    for piece in bytes.chunks(step) {
                        there.send(piece).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                };
                let (message, ()) = tokio::join!(here.receive(), sending);
                let message = message.unwrap().unwrap();
                assert_eq!(message.body, b"abcd");
                assert!(message.head.ends_with(b"\r\n\r\n"));
            }
        }
        drop(there);
        assert!(here.receive().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_no_message_is_refused() {
        for (bytes, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab", "1 bytes after the end"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nx", "1 bytes after the end"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
                "no length, or with two",
            ),
            ("HTTP/1.1 200 OK\r\n\r\n", "no length, or with two"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "malformed chunked"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", "in the middle of a message"),
        ] {
            let (mut here, mut there) = pair().await;
            there.send(bytes.as_bytes()).await.unwrap();
            drop(there);
            let error = here.receive().await.unwrap_err().to_string();
            assert!(error.contains(expected), "{bytes:?}: {error}");
        }
    }
}
