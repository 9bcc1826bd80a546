//! What the rows of one test binary share: what the first of them starts, and a signal or the end stops.

use std::process;
use std::sync::{Arc, LazyLock};

use lab::Failure;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, MutexGuard};

use crate::problems::Problems;

/// Where the rows run, and what they share.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Something that takes long to start, such as an Envoy Gateway. Rows have it one after the other.
#[derive(Debug)]
pub struct Shared<T>(Arc<Mutex<Slot<T>>>);

#[derive(Debug)]
enum Slot<T> {
    Idle,
    Running(Box<T>),
    /// Every row says so.
    Broken(Failure),
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + 'static> Default for Shared<T> {
    /// Nothing is started yet. What will be is in process groups of its own: an interrupted run ends it itself, as it is dropped.
    fn default() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let shared = Self(Arc::new(Mutex::new(Slot::Idle)));
        let stopped = shared.clone();
        RUNTIME.spawn(async move {
            let mut interrupt = signal(SignalKind::interrupt()).expect("signals");
            let mut terminate = signal(SignalKind::terminate()).expect("signals");
            tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
            *stopped.0.lock().await = Slot::Idle;
            process::exit(130);
        });
        shared
    }
}

/// What is shared, for one row.
#[derive(Debug)]
pub struct Held<'a, T>(MutexGuard<'a, Slot<T>>);

impl<T> Held<'_, T> {
    /// What runs.
    ///
    /// # Errors
    /// With why it does not.
    pub fn running(&mut self) -> Result<&mut T, &Failure> {
        match &mut *self.0 {
            Slot::Running(running) => Ok(running),
            Slot::Broken(failure) => Err(failure),
            Slot::Idle => unreachable!("it was started"),
        }
    }
}

impl<T> Shared<T> {
    /// What runs, started by the first who asks.
    pub async fn hold(&self, start: impl Future<Output = Result<T, Failure>>) -> Held<'_, T> {
        let mut slot = self.0.lock().await;
        if matches!(*slot, Slot::Idle) {
            *slot = start.await.map_or_else(Slot::Broken, |running| Slot::Running(Box::new(running)));
        }
        Held(slot)
    }

    /// Gives it up, if it was started.
    pub async fn take(&self) -> Option<T> {
        match std::mem::replace(&mut *self.0.lock().await, Slot::Idle) {
            Slot::Running(running) => Some(*running),
            Slot::Idle | Slot::Broken(_) => None,
        }
    }
}

/// What a test says that found those problems.
///
/// # Errors
/// Where there are any.
pub fn verdict(problems: &Problems) -> Result<(), Failed> {
    if problems.is_empty() { Ok(()) } else { Err(format!("\n{problems}").into()) }
}

/// Rows of what is shared come one after the other.
pub fn arguments() -> Arguments {
    Arguments { test_threads: Some(1), ..Arguments::from_args() }
}

/// Runs a trial that no filter leaves out: a search through logs, which are complete only when all rows are over. Whether it failed.
pub fn run_whatever_was_chosen(trial: Trial) -> bool {
    let searching = Arguments { test_threads: Some(1), ..Arguments::default() };
    libtest_mimic::run(&searching, vec![trial]).has_failed()
}
