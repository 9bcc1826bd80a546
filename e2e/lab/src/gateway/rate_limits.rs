//! The rate limit service as Envoy Gateway runs it: it gets its limits from the control plane, and both know each other by certificates.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::view::View;
use crate::server::Server;
use crate::{Failure, http, port};

/// Names the built service; `e2e/fleet.sh` sets it.
const VARIABLE: &str = "RATELIMIT";
/// Where Envoy looks for it. The control plane would take this port for its own health, and does without it.
const PORT: u16 = 8081;
/// Where the control plane tells the service its limits.
pub(super) const CONTROL_PLANE_PORT: u16 = 18001;

/// The service's port, held until the control plane has tried to take it.
#[derive(Debug)]
pub(super) struct Held(TcpListener);

impl Held {
    /// Takes the port.
    ///
    /// # Errors
    /// When somebody else has it.
    pub(super) fn new() -> Result<Self, Failure> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).map(Self).map_err(|error| {
            Failure::new(format!("port {PORT} is not to be had: {error}"), "stop what listens there")
        })
    }

    /// Lets it go and starts the service there, in front of that Redis, with the certificates of that directory.
    ///
    /// # Errors
    /// When it was not built or does not become healthy.
    pub(super) async fn start(
        self,
        view: &View,
        certificates: &Path,
        redis: SocketAddr,
        directory: &Path,
    ) -> Result<Server, Failure> {
        let program = std::env::var_os(VARIABLE).map(PathBuf::from).ok_or_else(|| {
            Failure::new(format!("{VARIABLE} names no rate limit service"), "make test-gateway")
        })?;
        let free = || {
            port::free().map_err(|error| {
                Failure::new(format!("no free port: {error}"), "is the loopback interface up?")
            })
        };
        let (health, debug) = (free()?, free()?);
        let mut command = view.command(&program);
        // As Envoy Gateway's own Deployment of it has them, but for the addresses.
        command.env_clear().envs([
            ("RUNTIME_SUBDIRECTORY", "ratelimit"),
            ("RUNTIME_WATCH_ROOT", "false"),
            ("LOG_LEVEL", "info"),
            ("USE_STATSD", "false"),
            ("CONFIG_TYPE", "GRPC_XDS_SOTW"),
            ("CONFIG_GRPC_XDS_NODE_ID", "envoy-ratelimit"),
            ("GRPC_SERVER_USE_TLS", "true"),
            ("CONFIG_GRPC_XDS_SERVER_USE_TLS", "true"),
            ("FORCE_START_WITHOUT_INITIAL_CONFIG", "true"),
            ("REDIS_SOCKET_TYPE", "tcp"),
        ]);
        command.env("CONFIG_GRPC_XDS_SERVER_URL", format!("envoy-gateway:{CONTROL_PLANE_PORT}"));
        command.env("REDIS_URL", redis.to_string()).env("RUNTIME_ROOT", directory);
        for (name, file) in [("CERT", "tls.crt"), ("KEY", "tls.key")] {
            let file = certificates.join(file);
            command.env(format!("GRPC_SERVER_TLS_{name}"), &file);
            command.env(format!("CONFIG_GRPC_XDS_CLIENT_TLS_{name}"), &file);
        }
        command.env("GRPC_SERVER_TLS_CA_CERT", certificates.join("ca.crt"));
        command.env("CONFIG_GRPC_XDS_SERVER_TLS_CACERT", certificates.join("ca.crt"));
        for (name, port) in [("", health), ("DEBUG_", debug), ("GRPC_", PORT)] {
            command.env(format!("{name}HOST"), "127.0.0.1").env(format!("{name}PORT"), port.to_string());
        }
        let health = SocketAddr::from((Ipv4Addr::LOCALHOST, health));
        let healthy = async || {
            let answer = http::get(health, "/healthcheck", Duration::from_secs(1)).await;
            answer.is_ok_and(|answer| answer.status == 200)
        };
        drop(self.0);
        Server::start("ratelimit", &mut command, directory, healthy).await
    }
}
