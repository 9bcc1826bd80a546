//! A registry on loopback, filled by `ai-filters image`.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::server::Server;
use crate::{Failure, http, paths, port};

/// A running registry. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Registry {
    server: Server,
    address: SocketAddr,
}

impl Registry {
    /// Starts an empty one, which keeps its images in that directory.
    ///
    /// # Errors
    /// When `docker-registry` is not installed or does not answer.
    pub(super) async fn start(directory: &Path) -> Result<Self, Failure> {
        let port = port::free().map_err(|error| {
            Failure::new(format!("no free port: {error}"), "is the loopback interface up?")
        })?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let images = directory.join("registry");
        let file = directory.join("registry.json");
        let settings = serde_json::json!({
            "version": "0.1",
            "log": {"accesslog": {"disabled": true}, "level": "warn"},
            "storage": {"filesystem": {"rootdirectory": images}},
            "http": {"addr": address.to_string()},
        });
        fs::write(&file, settings.to_string()).map_err(|error| {
            Failure::new(format!("cannot write {}: {error}", file.display()), "check the disk's free space")
        })?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&file).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        let answers = async || {
            http::get(address, "/v2/", Duration::from_secs(1)).await.is_ok_and(|reply| reply.status == 200)
        };
        let server = Server::start("docker-registry", &mut command, directory, answers).await?;
        Ok(Self { server, address })
    }

    /// Builds ai-gateway's images from that module and pushes them; the ordinary image, as Envoy Gateway is told of it.
    ///
    /// # Errors
    /// When `ai-filters` was not built, or says no.
    pub(super) async fn push(&self, module: &Path, directory: &Path) -> Result<String, Failure> {
        let images = directory.join("images");
        let repository = format!("{}/ai-gateway", self.address);
        let (build, push): (&[&OsStr], &[&OsStr]) = (
            &[
                "image".as_ref(),
                "build".as_ref(),
                "gateway".as_ref(),
                "--created".as_ref(),
                "0".as_ref(),
                "--module".as_ref(),
                module.as_ref(),
                "--output".as_ref(),
                images.as_ref(),
            ],
            &["image".as_ref(), "push".as_ref(), images.as_ref(), repository.as_ref()],
        );
        ai_filters(build).await?;
        let pushed = ai_filters(push).await?;
        // `REGISTRY/ai-gateway:VERSION sha256:…`, the ordinary image first.
        pushed.split_whitespace().next().map(str::to_owned).ok_or_else(|| {
            Failure::new("`ai-filters image push` does not say what it pushed", "look into docs/images.md")
        })
    }

    /// Stops it.
    ///
    /// # Errors
    /// When the system cannot.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        self.server.stop().await
    }
}

/// What the project's tool says on stdout.
async fn ai_filters(arguments: &[&OsStr]) -> Result<String, Failure> {
    let program = paths::target().join("debug").join("ai-filters");
    let output =
        Command::new(&program).args(arguments).kill_on_drop(true).output().await.map_err(|error| {
            Failure::new(
                format!("{} does not start: {error}", program.display()),
                "cargo build -p ai-filters",
            )
        })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Failure::new(
            format!("`ai-filters image` says: {}", String::from_utf8_lossy(&output.stderr)),
            "was `make wasm` run, and does the registry answer?",
        ))
    }
}
