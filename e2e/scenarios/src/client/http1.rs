//! An HTTP/1.1 client on a raw socket.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::answer::{Answer, Ending};
use crate::request::{Framing, Request};

/// A connection to the gateway.
#[derive(Debug)]
pub struct Connection {
    reader: Reader,
    writer: OwnedWriteHalf,
}

/// The receiving half and what it has received but nobody has read.
#[derive(Debug)]
struct Reader {
    half: OwnedReadHalf,
    buffer: Vec<u8>,
}

/// Sends a request on a connection of its own and reads the whole answer.
pub(crate) async fn exchange(address: SocketAddr, request: &Request) -> Answer {
    match Connection::open(address).await {
        Ok(mut connection) => connection.exchange(request).await,
        Err(error) => Answer::none(format!("no connection: {error}")),
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody accepts.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (half, writer) = stream.into_split();
        Ok(Self { reader: Reader { half, buffer: Vec::new() }, writer })
    }

    /// Sends a request and reads its answer; the connection stays open where the answer allows it.
    pub async fn exchange(&mut self, request: &Request) -> Answer {
        // An early answer stops the request: that it could not be written to its end is no failure then.
        let (_, answer) = tokio::join!(write(&mut self.writer, request), self.reader.answer(request.method));
        answer
    }

    /// Sends a request without waiting for anything.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn send(&mut self, request: &Request) -> io::Result<()> {
        write(&mut self.writer, request).await
    }

    /// Sends those bytes.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes).await
    }

    /// Reads the answer to a request that was sent with [`send`](Self::send) or [`send_bytes`](Self::send_bytes).
    pub async fn answer(&mut self, method: &str) -> Answer {
        self.reader.answer(method).await
    }

    /// Waits until the bytes received so far hold that text; whether they do.
    pub async fn received(&mut self, text: &str) -> bool {
        loop {
            if String::from_utf8_lossy(&self.reader.buffer).contains(text) {
                return true;
            }
            if !matches!(self.reader.more().await, Ok(1..)) {
                return false;
            }
        }
    }
}

impl Reader {
    async fn more(&mut self) -> io::Result<usize> {
        self.half.read_buf(&mut self.buffer).await
    }

    async fn answer(&mut self, method: &str) -> Answer {
        let (status, headers) = loop {
            match self.head().await {
                // An interim answer is not the answer.
                Ok((100..=199, _)) => {}
                Ok(head) => break head,
                Err(error) => return Answer::none(error.to_string()),
            }
        };
        let mut answer = Answer { status, headers, body: Vec::new(), ending: Ending::Clean };
        let read = match (answer.header("transfer-encoding"), answer.header("content-length")) {
            _ if method == "HEAD" || status == 204 || status == 304 => Ok(()),
            (Some("chunked"), None) => self.chunked(&mut answer.body).await,
            (Some(_), _) => Err(io::Error::other("a transfer-encoding that is not chunked alone")),
            (None, Some(length)) => match length.parse() {
                Ok(length) => self.exactly(length, &mut answer.body).await,
                Err(_) => Err(io::Error::other("a content-length that is no number")),
            },
            (None, None) => self.until_close(&mut answer.body).await,
        };
        answer.ending = match read {
            Ok(()) if self.buffer.is_empty() => Ending::Clean,
            Ok(()) => Ending::Unclean(format!("{} bytes after the answer's end", self.buffer.len())),
            Err(error) => Ending::Unclean(error.to_string()),
        };
        answer
    }

    async fn head(&mut self) -> io::Result<(u16, Vec<(String, Vec<u8>)>)> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            self.some_more().await?;
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        let mut lines = head[..end].split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let status_line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no status line: {status_line}")))?;
        let headers = lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            Some((name, line[colon + 1..].trim_ascii().to_vec()))
        });
        Ok((status, headers.collect()))
    }

    async fn some_more(&mut self) -> io::Result<()> {
        match self.more().await? {
            0 => Err(io::Error::other("the connection was closed in the middle")),
            _ => Ok(()),
        }
    }

    async fn exactly(&mut self, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
        let end = body.len() + length;
        while body.len() < end {
            let taken = self.buffer.len().min(end - body.len());
            body.extend(self.buffer.drain(..taken));
            if body.len() < end {
                self.some_more().await?;
            }
        }
        Ok(())
    }

    async fn chunked(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16)
                .map_err(|_| io::Error::other(format!("no chunk size: {line:?}")))?;
            if size == 0 {
                // Trailers end with an empty line.
                while !self.line().await?.is_empty() {}
                return Ok(());
            }
            self.exactly(size, body).await?;
            if !self.line().await?.is_empty() {
                return Err(io::Error::other("a chunk that is longer than it said"));
            }
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            self.some_more().await?;
        }
    }

    async fn until_close(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        while self.more().await? > 0 {}
        body.append(&mut self.buffer);
        Ok(())
    }
}

async fn write(writer: &mut OwnedWriteHalf, request: &Request) -> io::Result<()> {
    writer.write_all(&head(request)).await?;
    for piece in request.body.iter().flatten() {
        let framed = match request.framing {
            Framing::Length => piece.clone(),
            Framing::Chunked => {
                Bytes::from([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat())
            }
        };
        writer.write_all(&framed).await?;
        // Each piece is a write of its own; the other end shall have had a chance to read it as one.
        tokio::task::yield_now().await;
    }
    if request.framing == Framing::Chunked && request.body.is_some() {
        let mut end = b"0\r\n".to_vec();
        fields(&mut end, &request.trailers);
        writer.write_all(&end).await?;
    }
    writer.flush().await
}

fn head(request: &Request) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path).into_bytes();
    let mut headers = vec![("host".to_owned(), b"gateway.test".to_vec())];
    headers.extend(request.headers.iter().cloned());
    match (request.framing, &request.body) {
        (Framing::Chunked, Some(_)) => headers.push(("transfer-encoding".to_owned(), b"chunked".to_vec())),
        (Framing::Length, Some(_)) => {
            headers.push(("content-length".to_owned(), request.whole_body().len().to_string().into_bytes()));
        }
        (_, None) => {}
    }
    fields(&mut head, &headers);
    head
}

/// Header or trailer fields and the empty line after them.
fn fields(into: &mut Vec<u8>, fields: &[(String, Vec<u8>)]) {
    for (name, value) in fields {
        into.extend_from_slice(name.as_bytes());
        into.extend_from_slice(b": ");
        into.extend_from_slice(value);
        into.extend_from_slice(b"\r\n");
    }
    into.extend_from_slice(b"\r\n");
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is seen of these bytes when the connection closes after them.
    async fn seen(bytes: &'static [u8]) -> Answer {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut connection = Connection::open(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.write_all(bytes).await.unwrap();
        drop(server);
        connection.answer("POST").await
    }

    #[tokio::test]
    async fn a_complete_message_is_clean() {
        for bytes in [
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".as_slice(),
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n1;x=y\r\ni\r\n0\r\nt: v\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhi",
        ] {
            let answer = seen(bytes).await;
            assert_eq!((answer.status, answer.text().as_str(), answer.ending), (200, "hi", Ending::Clean));
        }
    }

    #[tokio::test]
    async fn anything_else_is_not() {
        for bytes in [
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi".as_slice(),
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nevil",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: gzip\r\n\r\nhi",
        ] {
            let answer = seen(bytes).await;
            assert_ne!(answer.ending, Ending::Clean, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
