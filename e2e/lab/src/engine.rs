//! What runs the filters: an Envoy on a rendered bootstrap, or an Envoy Gateway on rendered manifests.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::envoy::{Admin, Running};
use crate::gateway::EnvoyGateway;
use crate::log;

/// One of the two. Dropping it kills what it started.
#[derive(Debug)]
pub enum Engine {
    /// An Envoy of our own.
    Envoy(Box<Running>),
    /// A control plane and its Envoy.
    Gateway(Box<EnvoyGateway>),
}

impl Engine {
    /// Envoy's admin interface.
    pub const fn admin(&self) -> Admin {
        match self {
            Self::Envoy(envoy) => envoy.admin(),
            Self::Gateway(gateway) => gateway.admin(),
        }
    }

    /// The address of the listener of that name, where the name is of our giving: Envoy Gateway gives its own.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        match self {
            Self::Envoy(envoy) => envoy.listener(name),
            Self::Gateway(_) => None,
        }
    }

    /// The file with Envoy's log and what it says of requests; behind a control plane with that one's log too.
    pub fn log_path(&self) -> PathBuf {
        match self {
            Self::Envoy(envoy) => envoy.log_path().to_path_buf(),
            Self::Gateway(gateway) => gateway.log_path().to_path_buf(),
        }
    }

    /// What that file says so far.
    pub fn log(&self) -> String {
        match self {
            Self::Envoy(envoy) => envoy.log(),
            Self::Gateway(gateway) => gateway.log(),
        }
    }

    /// Its last lines, for a person.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let skipped = log.lines().count().saturating_sub(lines);
        log.lines().skip(skipped).collect::<Vec<_>>().join("\n")
    }

    /// What tells why it ended, in one line.
    pub fn last_words(&self) -> String {
        match self {
            Self::Envoy(envoy) => envoy.last_words(),
            Self::Gateway(gateway) => gateway.last_words(),
        }
    }

    /// Waits until the log says that, for at most that long.
    pub async fn log_says(&self, text: &str, within: Duration) -> bool {
        log::says(|| self.log(), text, within).await
    }

    /// Waits until it ends by itself, which nobody wants.
    ///
    /// # Errors
    /// When the system cannot say.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Envoy(envoy) => envoy.wait().await,
            Self::Gateway(gateway) => gateway.wait().await,
        }
    }

    /// Ends everything that was started.
    ///
    /// # Errors
    /// When the system cannot.
    pub async fn stop(self) -> io::Result<()> {
        match self {
            Self::Envoy(envoy) => envoy.stop().await.map(drop),
            Self::Gateway(gateway) => gateway.stop().await.map_err(io::Error::other),
        }
    }
}
