//! The real rate limit service, envoyproxy/ratelimit: built from its Go module by `e2e/fleet.sh`, run in front of a Redis.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::server::Server;
use crate::{Failure, http, port};

/// Names the built service; `e2e/fleet.sh` sets it.
const VARIABLE: &str = "RATELIMIT";

/// The service's environment wherever it runs; addresses and directories come on top.
///
/// The same stands in `envoy-configs/global-budget/docker-compose.yaml`, which a test compares with this.
pub const SETTINGS: [(&str, &str); 7] = [
    ("RUNTIME_SUBDIRECTORY", "ratelimit"),
    ("RUNTIME_WATCH_ROOT", "false"),
    ("REDIS_SOCKET_TYPE", "tcp"),
    // Shorter than the default of ten seconds: nobody waits for an answer that long.
    ("REDIS_TIMEOUT", "1s"),
    // How Envoy knows that it was asked.
    ("RESPONSE_DYNAMIC_METADATA", "true"),
    ("USE_STATSD", "false"),
    ("LOG_LEVEL", "warn"),
];

/// A running service. Dropping it kills it.
#[derive(Debug)]
pub struct RateLimitService {
    server: Server,
    address: SocketAddr,
}

impl RateLimitService {
    /// Starts it with that configuration in front of that Redis; gRPC on that port of the loopback interface.
    ///
    /// # Errors
    /// When it was not built, a port is taken, or it does not become healthy.
    pub async fn start(
        port: u16,
        redis: SocketAddr,
        configuration: &str,
        directory: &Path,
    ) -> Result<Self, Failure> {
        let program = std::env::var_os(VARIABLE).map(PathBuf::from).ok_or_else(|| {
            Failure::new(format!("{VARIABLE} names no rate limit service"), "make test-fleet")
        })?;
        let unwritable = |error: std::io::Error| {
            Failure::new(
                format!("cannot write the service's configuration: {error}"),
                "check the disk's free space",
            )
        };
        let runtime = directory.join("runtime");
        let folder = runtime.join("ratelimit").join("config");
        fs::create_dir_all(&folder).map_err(unwritable)?;
        fs::write(folder.join("ratelimit.yaml"), configuration).map_err(unwritable)?;
        let free = || {
            port::free().map_err(|error| {
                Failure::new(format!("no free port: {error}"), "is the loopback interface up?")
            })
        };
        let (health, debug) = (free()?, free()?);
        let mut command = Command::new(program);
        command.env_clear().envs(SETTINGS).env("RUNTIME_ROOT", runtime).env("REDIS_URL", redis.to_string());
        for (name, port) in [("", health), ("DEBUG_", debug), ("GRPC_", port)] {
            command.env(format!("{name}HOST"), "127.0.0.1").env(format!("{name}PORT"), port.to_string());
        }
        let health = SocketAddr::from((Ipv4Addr::LOCALHOST, health));
        let healthy = async || {
            let answer = http::get(health, "/healthcheck", Duration::from_secs(1)).await;
            answer.is_ok_and(|answer| answer.status == 200)
        };
        let server = Server::start("ratelimit", &mut command, directory, healthy).await?;
        Ok(Self { server, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    /// Where it is asked by gRPC.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it.
    ///
    /// # Errors
    /// When the system cannot.
    pub async fn stop(self) -> Result<(), Failure> {
        self.server.stop().await
    }
}
