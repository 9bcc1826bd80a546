//! A Redis of its own that writes nothing to disk, and the few questions that a test asks it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time;

use crate::Failure;
use crate::server::Server;

const PROGRAM: &str = "redis-server";
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A running Redis. Dropping it kills it, and what it held is gone.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    address: SocketAddr,
}

/// What Redis answers, as far as the commands below need it.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Nothing,
    Integer(i64),
    Text(String),
    List(Vec<String>),
}

impl Redis {
    /// Starts the installed `redis-server` on that port of the loopback interface.
    ///
    /// # Errors
    /// When it is not installed, the port is taken, or it does not answer.
    pub async fn start(port: u16, directory: &Path) -> Result<Self, Failure> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = Command::new(PROGRAM);
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no"])
            .args(["--save", "", "--appendonly", "no", "--databases", "1"])
            .arg("--dir")
            .arg(directory);
        let server =
            Server::start(PROGRAM, &mut command, directory, async || ask(address, &["PING"]).await.is_ok())
                .await?;
        Ok(Self { server, address })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A counter; none where the key does not exist.
    ///
    /// # Errors
    /// When Redis does not answer, or the value is no number.
    pub async fn counter(&self, key: &str) -> io::Result<Option<u64>> {
        match ask(self.address, &["GET", key]).await? {
            Answer::Nothing => Ok(None),
            Answer::Text(text) => text.parse().map(Some).map_err(io::Error::other),
            other => Err(unexpected(&other)),
        }
    }

    /// Seconds until the key goes away.
    ///
    /// # Errors
    /// When Redis does not answer, the key does not exist, or it stays for ever.
    pub async fn time_to_live(&self, key: &str) -> io::Result<u64> {
        match ask(self.address, &["TTL", key]).await? {
            Answer::Integer(seconds) => u64::try_from(seconds).map_err(io::Error::other),
            other => Err(unexpected(&other)),
        }
    }

    /// All keys, in order.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn keys(&self) -> io::Result<Vec<String>> {
        match ask(self.address, &["KEYS", "*"]).await? {
            Answer::List(mut keys) => {
                keys.sort();
                Ok(keys)
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Stops it.
    ///
    /// # Errors
    /// When the system cannot.
    pub async fn stop(self) -> Result<(), Failure> {
        self.server.stop().await
    }
}

fn unexpected(answer: &Answer) -> io::Error {
    io::Error::other(format!("Redis answers {answer:?}"))
}

/// One command on a connection of its own.
async fn ask(address: SocketAddr, command: &[&str]) -> io::Result<Answer> {
    let exchange = async {
        let mut stream = BufReader::new(TcpStream::connect(address).await?);
        let mut request = format!("*{}\r\n", command.len());
        for word in command {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        stream.write_all(request.as_bytes()).await?;
        read(&mut stream).await
    };
    time::timeout(ANSWER_WITHIN, exchange).await.map_err(io::Error::other)?
}

async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Answer> {
    let line = line(stream).await?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| io::Error::other("Redis says nothing"))?;
    let number = || rest.parse::<i64>().map_err(io::Error::other);
    match kind {
        "+" => Ok(Answer::Text(rest.to_owned())),
        ":" => Ok(Answer::Integer(number()?)),
        "$" => Ok(text(stream, number()?).await?.map_or(Answer::Nothing, Answer::Text)),
        "*" => {
            let mut items = Vec::new();
            for _ in 0..number()? {
                let length = self::line(stream).await?;
                let length = length.strip_prefix('$').and_then(|length| length.parse().ok());
                let length = length.ok_or_else(|| io::Error::other("Redis lists what is no text"))?;
                items.extend(text(stream, length).await?);
            }
            Ok(Answer::List(items))
        }
        _ => Err(io::Error::other(format!("Redis says {line}"))),
    }
}

/// A text of that many bytes; none where it is not there (-1).
async fn text(stream: &mut BufReader<TcpStream>, length: i64) -> io::Result<Option<String>> {
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    let mut bytes = vec![0; length.saturating_add(2)];
    stream.read_exact(&mut bytes).await?;
    bytes.truncate(length);
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

async fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(bytes: &'static [u8]) -> io::Result<Answer> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.write_all(bytes).await.unwrap();
        drop(server);
        read(&mut BufReader::new(stream)).await
    }

    #[tokio::test]
    async fn answers_are_read_as_the_protocol_has_them() {
        let text = |text: &str| Answer::Text(text.to_owned());
        assert_eq!(answer(b"+PONG\r\n").await.unwrap(), text("PONG"));
        assert_eq!(answer(b":-2\r\n").await.unwrap(), Answer::Integer(-2));
        assert_eq!(answer(b"$3\r\n108\r\n").await.unwrap(), text("108"));
        assert_eq!(answer(b"$-1\r\n").await.unwrap(), Answer::Nothing);
        let list = vec!["a".to_owned(), "b\r\nc".to_owned()];
        assert_eq!(answer(b"*2\r\n$1\r\na\r\n$4\r\nb\r\nc\r\n").await.unwrap(), Answer::List(list));
        for broken in [b"".as_slice(), b"-ERR no\r\n", b"$9\r\nshort\r\n", b"*1\r\n:1\r\n"] {
            assert!(answer(broken).await.is_err(), "{}", String::from_utf8_lossy(broken));
        }
    }
}
