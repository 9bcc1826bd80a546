//! Envoy's admin interface: readiness, listeners, counters, log levels.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use crate::http::{self as client, HttpError, Reply};

const LIMIT: Duration = Duration::from_secs(10);

/// A running Envoy's admin interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin {
    address: SocketAddr,
}

impl Admin {
    /// The admin interface at that address.
    pub const fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `GET path`, for example `/clusters?format=json`.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn get(&self, path: &str) -> Result<Reply, HttpError> {
        client::get(self.address, path, LIMIT).await
    }

    /// `POST path`: what changes something.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn post(&self, path: &str) -> Result<Reply, HttpError> {
        client::send(self.address, Request::post(path).body(Bytes::new())?, LIMIT).await
    }

    /// Whether Envoy is initialised and its workers take connections.
    pub async fn is_ready(&self) -> bool {
        matches!(self.get("/ready").await, Ok(reply) if reply.status == 200)
    }

    /// The listeners by name, at the addresses they really have; a configured port 0 is the port it became.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn listeners(&self) -> Result<BTreeMap<String, SocketAddr>, HttpError> {
        let json = self.get("/listeners?format=json").await?.json();
        let statuses = json.get("listener_statuses").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(statuses.iter().filter_map(named_address).collect())
    }

    /// All counters and gauges whose name matches that regular expression.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn stats(&self, pattern: &str) -> Result<BTreeMap<String, u64>, HttpError> {
        let reply = self.get(&format!("/stats?filter={}", percent_encoded(pattern))).await?;
        Ok(parse_stats(&reply.text()))
    }

    /// One counter or gauge; 0 where Envoy has not counted it yet.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn stat(&self, name: &str) -> Result<u64, HttpError> {
        let escaped = name.replace('.', "\\.");
        Ok(self.stats(&format!("^{escaped}$")).await?.remove(name).unwrap_or_default())
    }

    /// Sets one logger's level, for example `wasm` to `debug`.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn set_log_level(&self, logger: &str, level: &str) -> Result<Reply, HttpError> {
        self.post(&format!("/logging?{logger}={level}")).await
    }
}

fn named_address(status: &Value) -> Option<(String, SocketAddr)> {
    let name = status.get("name")?.as_str()?;
    let socket = status.get("local_address")?.get("socket_address")?;
    let ip = socket.get("address")?.as_str()?.parse().ok()?;
    let port = u16::try_from(socket.get("port_value")?.as_u64()?).ok()?;
    Some((name.to_owned(), SocketAddr::new(ip, port)))
}

/// `name: value` lines; histograms and text values are left out.
fn parse_stats(text: &str) -> BTreeMap<String, u64> {
    text.lines()
        .filter_map(|line| line.rsplit_once(": "))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_are_numbers_by_name() {
        let stats = parse_stats("a.b: 3\nhistogram: P0(nan,1)\ntext: \"x\"\nc: 0\n");
        assert_eq!(stats.into_iter().collect::<Vec<_>>(), [("a.b".to_owned(), 3), ("c".to_owned(), 0)]);
    }

    #[test]
    fn patterns_survive_the_query_string() {
        assert_eq!(percent_encoded("^a\\.b+$"), "%5Ea%5C.b%2B%24");
    }
}
