//! The control plane's view of the machine: names and files that only a cluster has, in a mount namespace of its own.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::geteuid;
use tokio::process::Command;

use crate::Failure;

/// The script that makes the view, inside the namespace.
const SCRIPT: &str = include_str!("namespace.sh");
/// What the control plane calls itself and the rate limit service, to the Envoy that it starts.
const CONTROL_PLANE: [&str; 3] = [
    "envoy-gateway",
    "envoy-gateway.envoy-gateway-system.svc.cluster.local",
    "envoy-ratelimit.envoy-gateway-system.svc.cluster.local",
];

/// What is different in it.
pub(super) struct View {
    script: PathBuf,
    root: PathBuf,
    hosts: PathBuf,
    /// What certificates of providers are verified against, where it is not the machine's own bundle.
    pub(super) bundle: Option<PathBuf>,
    /// What `/certs` is.
    pub(super) certs: PathBuf,
    /// What `/ai-provider` is.
    pub(super) module: PathBuf,
}

impl View {
    /// Writes its files into that directory. The names resolve to those addresses, beside what the machine's own file says.
    pub(super) fn new(
        directory: &Path,
        names: &[(IpAddr, String)],
        certs: PathBuf,
        module: PathBuf,
        bundle: Option<PathBuf>,
    ) -> io::Result<Self> {
        let view = Self {
            script: directory.join("namespace.sh"),
            root: directory.join("root"),
            hosts: directory.join("hosts"),
            bundle,
            certs,
            module,
        };
        let mut hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
        hosts.push('\n');
        for name in CONTROL_PLANE {
            hosts.push_str(&format!("127.0.0.1 {name}\n"));
        }
        for (address, name) in names {
            hosts.push_str(&format!("{address} {name}\n"));
        }
        fs::write(&view.hosts, hosts)?;
        fs::write(&view.script, SCRIPT)?;
        fs::create_dir_all(&view.root)?;
        Ok(view)
    }

    /// That program in it. Each step replaces the one before, so the process is the program's in the end.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = unshare();
        command.arg("sh").arg(&self.script).arg(&self.root).arg(&self.hosts);
        command.arg(self.bundle.as_deref().unwrap_or(Path::new("")));
        command.arg(&self.certs).arg(&self.module).arg(program);
        command
    }
}

/// `unshare`, with a user namespace around it where the caller may not mount otherwise.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "--"]);
    command
}

/// Whether this user may have a mount namespace here.
///
/// # Errors
/// With the reason why not.
pub async fn require_namespaces() -> Result<(), Failure> {
    const HINT: &str =
        "run it as root, or where unprivileged user namespaces are allowed; a container needs CAP_SYS_ADMIN";
    let refused = |why: String| Failure::new(format!("no mount namespace is to be had here: {why}"), HINT);
    let mut command = unshare();
    command.args(["mount", "--make-rprivate", "/"]).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| refused(format!("unshare: {error}")))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(refused(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}
