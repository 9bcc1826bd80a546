//! A plain HTTP endpoint through which a person steers running mock providers and sees what they saw.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::http1_read::Reader;
use crate::listen::Origin;
use crate::mock::MockProvider;
use crate::record::Recorded;
use crate::reply::Reply;

/// Headers whose values are shown only by their length.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "proxy-authorization",
    "cookie",
    "set-cookie",
];

const USAGE: &str = "\
POST /{openai,anthropic}/down          every request is answered 503, or ?status=429
POST /{openai,anthropic}/slow?ms=2000  every answer waits that long
POST /{openai,anthropic}/refuse        the port refuses connections
POST /{openai,anthropic}/up            back to normal
POST /clear                            forget what was seen
GET  /requests                         what was seen, credentials masked
";

/// The control endpoint. It serves until it is dropped.
pub struct Control {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Control {
    /// Starts at that address; port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// Whatever binding the port says.
    pub async fn start(address: SocketAddr, providers: Vec<Arc<MockProvider>>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, providers.clone()));
            }
        });
        Ok(Self { address, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(stream: TcpStream, providers: Vec<Arc<MockProvider>>) {
    let mut reader = Reader::new(stream);
    let origin = Origin { connection_id: 0, sni: None };
    while let Ok(request) = reader.next(&origin, 0).await {
        let (status, content_type, body) = answer(&request, &providers).await;
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if reader.write(&[head.as_bytes(), body.as_bytes()].concat()).await.is_err() {
            return;
        }
    }
}

async fn answer(request: &Recorded, providers: &[Arc<MockProvider>]) -> (&'static str, &'static str, String) {
    const TEXT: &str = "text/plain; charset=utf-8";
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let mut segments = path.trim_matches('/').split('/');
    let (target, verb) = (segments.next().unwrap_or_default(), segments.next());
    let outcome = match (request.method.as_str(), target, verb) {
        ("GET", "requests", None) => {
            return ("200 OK", "application/json", format!("{:#}\n", seen(providers)));
        }
        ("GET", "", None) => Ok(()),
        ("POST", "clear", None) => {
            providers.iter().for_each(|provider| provider.clear());
            Ok(())
        }
        ("POST", name, Some(verb)) => {
            match providers.iter().find(|provider| provider.kind().name() == name) {
                Some(provider) => steer(provider, verb, query).await,
                None => Err(format!("no provider {name:?}")),
            }
        }
        _ => Err(format!("nothing at {} {path}", request.method)),
    };
    match outcome {
        Ok(()) if target.is_empty() => ("200 OK", TEXT, USAGE.to_owned()),
        Ok(()) => ("200 OK", TEXT, "ok\n".to_owned()),
        Err(problem) => ("400 Bad Request", TEXT, format!("{problem}\n\n{USAGE}")),
    }
}

async fn steer(provider: &MockProvider, verb: &str, query: &str) -> Result<(), String> {
    match verb {
        "up" => {
            provider.set_default(Reply::answer());
            provider.start_listening().await.map_err(|error| error.to_string())
        }
        "down" => {
            let status = number(query, "status")?.unwrap_or(503);
            let status = u16::try_from(status).ok().filter(|status| (200..600).contains(status));
            provider.set_default(Reply::status(status.ok_or("status: from 200 to 599")?));
            Ok(())
        }
        "slow" => {
            let milliseconds = number(query, "ms")?.ok_or("ms: how many milliseconds?")?;
            provider.set_default(Reply::answer().delay_headers(Duration::from_millis(milliseconds)));
            Ok(())
        }
        "refuse" => {
            provider.stop_listening().await;
            Ok(())
        }
        other => Err(format!("cannot {other:?}")),
    }
}

fn number(query: &str, name: &str) -> Result<Option<u64>, String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(candidate, _)| *candidate == name)
        .map(|(_, value)| value.parse().map_err(|_| format!("{name}: {value:?} is no number")))
        .transpose()
}

/// What the providers saw, as JSON.
fn seen(providers: &[Arc<MockProvider>]) -> Value {
    providers
        .iter()
        .map(|provider| {
            let leaks: Vec<String> = provider.leaks().iter().map(ToString::to_string).collect();
            let requests: Vec<Value> = provider.requests().iter().map(shown).collect();
            (provider.kind().name().to_owned(), json!({"requests": requests, "leaks": leaks}))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn shown(request: &Recorded) -> Value {
    let headers: Vec<Value> = request
        .headers
        .iter()
        .map(|(name, value)| {
            let secret = SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str());
            let value = if secret {
                format!("({} bytes)", value.len())
            } else {
                String::from_utf8_lossy(value).into_owned()
            };
            json!([name, value])
        })
        .collect();
    let body: Value = serde_json::from_slice(&request.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&request.body).into_owned()));
    json!({
        "method": request.method, "path": request.path, "authority": request.authority, "headers": headers, "body": body,
        "http_version": request.http_version.name(), "sni": request.sni, "connection": request.connection_id,
        "request_on_connection": request.request_index_on_connection, "refused": request.refused,
    })
}
