//! A Prometheus that scrapes one Envoy every second, and is asked for values.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::server::Server;
use crate::{Failure, http};

const PROGRAM: &str = "prometheus";
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A running Prometheus. Dropping it kills it.
#[derive(Debug)]
pub struct Prometheus {
    server: Server,
    address: SocketAddr,
}

/// One value of an answer, with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// It.
    pub value: f64,
}

impl Prometheus {
    /// Starts the installed `prometheus` on that port of the loopback interface, with the statistics of the Envoy whose administration is at
    /// that address, and with those rules.
    ///
    /// # Errors
    /// When it is not installed, the port is taken, it refuses the rules, or it does not answer.
    pub async fn start(
        port: u16,
        envoy: SocketAddr,
        rules: &Path,
        directory: &Path,
    ) -> Result<Self, Failure> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let configuration = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [rules],
            "scrape_configs": [{
                "job_name": "envoy",
                "metrics_path": "/stats/prometheus",
                "static_configs": [{"targets": [envoy.to_string()]}],
            }],
        });
        let file = directory.join("prometheus.json");
        fs::write(&file, configuration.to_string()).map_err(|error| {
            Failure::new(format!("cannot write {}: {error}", file.display()), "check the disk's free space")
        })?;
        let mut command = Command::new(PROGRAM);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("prometheus").display()))
            .arg(format!("--web.listen-address={address}"));
        let ready = async || {
            let answer = http::get(address, "/-/ready", Duration::from_secs(1)).await;
            answer.is_ok_and(|answer| answer.status == 200)
        };
        let server = Server::start(PROGRAM, &mut command, directory, ready).await?;
        Ok(Self { server, address })
    }

    /// What that query is now.
    ///
    /// # Errors
    /// When Prometheus does not answer, or calls it no query.
    pub async fn query(&self, query: &str) -> Result<Vec<Sample>, Failure> {
        let unanswered = |said: String| {
            Failure::new(format!("{query}: {said}"), "is it a query of one value for each label?")
        };
        let path = format!("/api/v1/query?query={}", encoded(query));
        let answer = http::get(self.address, &path, ANSWER_WITHIN).await;
        let answer = answer.map_err(|error| unanswered(error.to_string()))?;
        let said = answer.json();
        let results = said.pointer("/data/result").and_then(Value::as_array);
        let results = results.ok_or_else(|| unanswered(answer.text()))?;
        results.iter().map(|result| sample(result).ok_or_else(|| unanswered(result.to_string()))).collect()
    }

    /// Stops it.
    ///
    /// # Errors
    /// When the system cannot.
    pub async fn stop(self) -> Result<(), Failure> {
        self.server.stop().await
    }
}

fn sample(result: &Value) -> Option<Sample> {
    let labels = result.get("metric")?.as_object()?;
    let labels = labels.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let value = result.pointer("/value/1")?.as_str()?.parse().ok()?;
    Some(Sample { labels: labels.collect(), value })
}

fn encoded(query: &str) -> String {
    query
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_with_their_labels() {
        let result = json!({"metric": {"ai_budget": "user-day"}, "value": [1_795_000_000.1, "0.25"]});
        let labels = [("ai_budget".to_owned(), "user-day".to_owned())].into();
        assert_eq!(sample(&result), Some(Sample { labels, value: 0.25 }));
        assert_eq!(sample(&json!({"metric": {}, "values": []})), None);
        assert_eq!(encoded("a{b=~\"c.*\"}"), "a%7Bb%3D%7E%22c%2E%2A%22%7D");
    }
}
