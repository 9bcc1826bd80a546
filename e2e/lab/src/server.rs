//! A server of somebody else's: started with a log file, waited for, stopped by its own process id.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{self, Instant};

use crate::Failure;

/// Most servers are there in a fraction of a second; the rest is for a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(25);

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it, with its output in `NAME.log` of that directory, and waits until it answers.
    pub(crate) async fn start(
        name: &'static str,
        command: &mut Command,
        directory: &Path,
        answers: impl AsyncFn() -> bool,
    ) -> Result<Self, Failure> {
        Self::start_within(READY_WITHIN, name, command, directory, answers).await
    }

    /// The same with another time to answer in.
    pub(crate) async fn start_within(
        ready_within: Duration,
        name: &'static str,
        command: &mut Command,
        directory: &Path,
        answers: impl AsyncFn() -> bool,
    ) -> Result<Self, Failure> {
        let log = directory.join(format!("{name}.log"));
        let child = spawn(command, &log)
            .map_err(|error| Failure::new(format!("{name} does not start: {error}"), "is it installed?"))?;
        let mut server = Self { name, child, log };
        let deadline = Instant::now().checked_add(ready_within);
        while !answers().await {
            let ended = server.child.try_wait().is_ok_and(|status| status.is_some());
            if ended || deadline.is_none_or(|deadline| Instant::now() >= deadline) {
                let said = server.log_tail();
                return Err(Failure::new(
                    format!("{name} does not answer: {said}"),
                    format!("its log: {}", server.log.display()),
                ));
            }
            time::sleep(POLL).await;
        }
        Ok(server)
    }

    /// Asks it to end (SIGTERM), and kills it after five seconds.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        // `Child::id` is `None` once the process was waited for: a number that may belong to another process is never signalled.
        if let Some(pid) = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // It may have ended this very moment; waiting tells.
            let _ = kill_process(pid, Signal::TERM);
        }
        if time::timeout(STOP_WITHIN, self.child.wait()).await.is_err() {
            self.child.kill().await.map_err(|error| {
                Failure::new(format!("{} cannot be stopped: {error}", self.name), "end it by hand")
            })?;
        }
        Ok(())
    }

    /// Waits until it ends by itself, which nobody wants.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// The file with what it says.
    pub(crate) fn log_path(&self) -> &Path {
        &self.log
    }

    /// Its last lines, in one.
    pub(crate) fn log_tail(&self) -> String {
        const LINES: usize = 5;
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let skipped = log.lines().count().saturating_sub(LINES);
        log.lines().skip(skipped).collect::<Vec<_>>().join(" / ")
    }
}

fn spawn(command: &mut Command, log: &Path) -> io::Result<Child> {
    let append = || File::options().create(true).append(true).open(log);
    command
        .stdin(Stdio::null())
        .stdout(append()?)
        .stderr(append()?)
        // A Ctrl-C at the terminal reaches whole process groups; this one is stopped by who started it, in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}
