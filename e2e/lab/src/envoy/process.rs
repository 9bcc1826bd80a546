//! A running Envoy: started from a bootstrap, waited for until it takes connections, stopped by its own process id.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time;

use super::{Admin, Binary};
use crate::{Failure, log};

/// Two wasm modules are compiled before the first connection; a busy machine with two cores has been seen to need 20 seconds.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// Envoy ends at SIGTERM at once when nothing hangs.
const STOP_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(25);

/// An Envoy to be started.
#[derive(Clone, Debug)]
pub struct Envoy {
    binary: PathBuf,
    bootstrap: String,
    environment: Vec<(OsString, OsString)>,
    concurrency: u32,
    log_level: String,
    flushed_every: Option<Duration>,
    directory: Option<PathBuf>,
    directory_of_launch: Option<PathBuf>,
}

impl Envoy {
    /// That Envoy with that bootstrap (YAML or JSON), one worker, log level `info`, and an empty environment.
    ///
    /// Ports may be 0 in the bootstrap: [`Running`] knows what they became.
    pub fn new(binary: &Binary, bootstrap: impl Into<String>) -> Self {
        Self {
            binary: binary.path.clone(),
            bootstrap: bootstrap.into(),
            environment: Vec::new(),
            concurrency: 1,
            log_level: "info".to_owned(),
            flushed_every: None,
            directory: None,
            directory_of_launch: None,
        }
    }

    /// Adds a variable to its environment, which is otherwise empty: what a filter can read is exactly what was passed.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// How many worker threads.
    #[must_use]
    pub const fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// One of Envoy's log levels, or a list as for `--component-log-level`, such as `wasm:debug`.
    #[must_use]
    pub fn log_level(mut self, level: impl Into<String>) -> Self {
        self.log_level = level.into();
        self
    }

    /// How long its access log may lag behind; ten seconds where nothing is said.
    #[must_use]
    pub const fn flushed_every(mut self, span: Duration) -> Self {
        self.flushed_every = Some(span);
        self
    }

    /// Where its bootstrap and its log go; else a directory of its own that goes away with it.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// The working directory that relative file names in the bootstrap start from.
    #[must_use]
    pub fn launched_from(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory_of_launch = Some(directory.into());
        self
    }

    /// Starts it and waits until it is live and every listener accepts connections.
    ///
    /// # Errors
    /// When it does not start, refuses its configuration, or is not ready in 90 seconds; with its own last words.
    pub async fn start(self) -> Result<Running, Failure> {
        let (scratch, directory) = self.workplace().map_err(|error| {
            Failure::new(
                format!("cannot write Envoy's files: {error}"),
                "check the directory's owner and the disk's free space",
            )
        })?;
        let log = directory.join("envoy.log");
        let child = self.spawn(&directory, &log).map_err(|error| {
            Failure::new(
                format!("Envoy {} does not start: {error}", self.binary.display()),
                "check ENVOY, or unset it",
            )
        })?;
        let mut running = Running {
            admin: Admin::new(SocketAddr::from(([127, 0, 0, 1], 0))),
            listeners: BTreeMap::new(),
            pid: child.id().unwrap_or_default(),
            child,
            log,
            scratch,
        };
        match time::timeout(READY_WITHIN, running.ready(&directory.join("admin-address"))).await {
            Ok(Ok(())) => Ok(running),
            Ok(Err(status)) => Err(Failure::new(
                format!("Envoy ended before it was ready ({status}): {}", running.last_words()),
                format!("its log: {}", running.keep_log().display()),
            )),
            Err(_) => Err(Failure::new(
                format!("Envoy was not ready after {} s: {}", READY_WITHIN.as_secs(), running.last_words()),
                format!("is the machine very busy? Its log: {}", running.keep_log().display()),
            )),
        }
    }

    fn workplace(&self) -> io::Result<(Option<TempDir>, PathBuf)> {
        let (scratch, directory) = match &self.directory {
            Some(directory) => (None, directory.clone()),
            None => {
                let scratch = tempfile::Builder::new().prefix("envoy-").tempdir()?;
                let directory = scratch.path().to_path_buf();
                (Some(scratch), directory)
            }
        };
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("envoy.yaml"), &self.bootstrap)?;
        // What an earlier run left there must not be taken for this one's.
        match fs::remove_file(directory.join("admin-address")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok((scratch, directory)),
        }
    }

    fn spawn(&self, directory: &Path, log: &Path) -> io::Result<Child> {
        // One file takes the log, what the access logger writes to stdout, and the loader's complaints.
        File::create(log)?;
        let append = || File::options().append(true).open(log);
        let mut command = Command::new(&self.binary);
        command
            .arg("--config-path")
            .arg(directory.join("envoy.yaml"))
            .arg("--admin-address-path")
            .arg(directory.join("admin-address"))
            .args(["--disable-hot-restart", "--concurrency", &self.concurrency.to_string()]);
        if self.log_level.contains(':') {
            command.args(["--component-log-level", &self.log_level]);
        } else {
            command.args(["--log-level", &self.log_level]);
        }
        if let Some(span) = self.flushed_every {
            command.args(["--file-flush-interval-msec", &span.as_millis().to_string()]);
        }
        if let Some(launch) = &self.directory_of_launch {
            command.current_dir(launch);
        }
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(append()?)
            .stderr(append()?)
            // A Ctrl-C at the terminal reaches whole process groups; this one is stopped by who started it, in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

/// A running Envoy. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    admin: Admin,
    listeners: BTreeMap<String, SocketAddr>,
    pid: u32,
    child: Child,
    log: PathBuf,
    /// Holds the bootstrap and the log where the caller chose no directory.
    scratch: Option<TempDir>,
}

/// How an Envoy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// By itself after SIGTERM, with this status.
    Gracefully(ExitStatus),
    /// It did not end in time and was killed.
    Killed,
}

impl Running {
    /// Ends well when it takes connections, badly with its status when it ended instead.
    async fn ready(&mut self, admin_address: &Path) -> Result<(), ExitStatus> {
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(status);
            }
            if let Ok(text) = fs::read_to_string(admin_address)
                && let Ok(address) = text.trim().parse()
            {
                self.admin = Admin::new(address);
                if self.admin.is_ready().await && self.listening().await {
                    return Ok(());
                }
            }
            time::sleep(POLL).await;
        }
    }

    /// Whether every listener accepts a connection; remembers their addresses.
    async fn listening(&mut self) -> bool {
        let Ok(listeners) = self.admin.listeners().await else { return false };
        for address in listeners.values() {
            if TcpStream::connect(reachable(*address)).await.is_err() {
                return false;
            }
        }
        self.listeners = listeners;
        true
    }

    /// Keeps a log that would go away with this value: somebody is about to be told to read it.
    fn keep_log(&mut self) -> &Path {
        // Keeping a directory is all that is wanted of it; its path is the log's.
        let _ = self.scratch.take().map(TempDir::keep);
        &self.log
    }

    /// Its process id.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Its admin interface.
    pub const fn admin(&self) -> Admin {
        self.admin
    }

    /// The address of the listener of that name.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        self.listeners.get(name).copied().map(reachable)
    }

    /// The address of its only listener, or of the first by name.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listeners.values().next().copied().map(reachable)
    }

    /// The file with its log, its access log where that goes to stdout, and whatever else it says.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// What the log says so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The log's last lines, for a person.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let skipped = log.lines().count().saturating_sub(lines);
        log.lines().skip(skipped).collect::<Vec<_>>().join("\n")
    }

    /// What of the log tells why it ended, in one line.
    pub fn last_words(&self) -> String {
        last_words(&self.log())
    }

    /// Waits until it ends by itself, which nobody wants.
    ///
    /// # Errors
    /// When the system cannot say.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks it to end (SIGTERM), and kills it after five seconds.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub async fn stop(mut self) -> io::Result<Stopped> {
        // `Child::id` is `None` once the process was waited for: a number that may belong to another process is never signalled.
        if let Some(pid) = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // It may have ended this very moment; waiting tells.
            let _ = kill_process(pid, Signal::TERM);
        }
        match time::timeout(STOP_WITHIN, self.child.wait()).await {
            Ok(status) => Ok(Stopped::Gracefully(status?)),
            Err(_) => {
                self.child.kill().await?;
                Ok(Stopped::Killed)
            }
        }
    }

    /// Waits until the log says that, for at most that long.
    pub async fn log_says(&self, text: &str, within: Duration) -> bool {
        log::says(|| self.log(), text, within).await
    }
}

/// A listener on all addresses is reached on the loopback one.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address }
}

/// The last critical line, and before it the filters' own last error, which is the reason when a configuration is refused.
fn last_words(log: &str) -> String {
    let last = |level: &str| log.lines().rev().find(|line| line.contains(level));
    let refused = last("[error][wasm]").or_else(|| last("[critical][wasm]"));
    let critical = last("[critical][main]").or_else(|| last("[critical]")).or_else(|| last("[error]"));
    let fallback = log.lines().rev().find(|line| !line.trim().is_empty());
    let words: Vec<_> = match (refused, critical) {
        (Some(refused), Some(critical)) if refused != critical => vec![message(refused), message(critical)],
        (Some(line), _) | (_, Some(line)) => vec![message(line)],
        _ => fallback.into_iter().map(message).collect(),
    };
    if words.is_empty() { "it said nothing".to_owned() } else { words.join(" — ") }
}

/// A log line without time, thread, level and source: what follows the last of its leading brackets.
fn message(line: &str) -> &str {
    let mut rest = line.trim();
    while let Some((_, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        rest = after.trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_the_filters_reason_and_envoys() {
        let log = "[2026-01-01 00:00:00.000][7][info][main] [source/server/server.cc:1] starting\n\
                   [2026-01-01 00:00:00.100][7][error][wasm] [source/c.cc:2] wasm log ai.gateway: models: empty\n\
                   [2026-01-01 00:00:00.200][7][critical][main] [source/server.cc:3] error initializing config\n\
                   exiting\n";
        assert_eq!(last_words(log), "wasm log ai.gateway: models: empty — error initializing config");
        assert_eq!(
            last_words("/lib/libc.so.6: version `GLIBC_2.31' not found\n\n"),
            "/lib/libc.so.6: version `GLIBC_2.31' not found"
        );
        assert_eq!(last_words(""), "it said nothing");
    }

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_loopback() {
        assert_eq!(reachable(SocketAddr::from(([0, 0, 0, 0], 80))), SocketAddr::from(([127, 0, 0, 1], 80)));
        assert_eq!(reachable(SocketAddr::from(([127, 0, 0, 2], 80))), SocketAddr::from(([127, 0, 0, 2], 80)));
    }
}
