//! The committed manifests around the router, on one real Envoy Gateway.

use std::process;
use std::sync::{Arc, LazyLock};

use lab::Failure;
use libtest_mimic::{Arguments, Failed, Trial};
use scenarios::canary;
use scenarios::problems::Problems;
use scenarios::stack::Stack;
use scenarios::stack::themes::{self, Row};
use scenarios::stand::Equipment;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Started by the first row.
enum Slot {
    Idle,
    Running(Box<Stack>),
    Broken(Failure),
}

fn main() {
    // Rows come one after the other: some change manifests.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let slot = Arc::new(Mutex::new(Slot::Idle));
    stop_on_signal(&slot);
    let trial = |row: Row| {
        let slot = Arc::clone(&slot);
        Trial::test(row.name, move || RUNTIME.block_on(on(row, &slot)))
    };
    let rows = themes::all().into_iter().map(trial).collect();
    let mut failed = libtest_mimic::run(&arguments, rows).has_failed();
    // The logs are complete only now, and are searched whatever rows were chosen.
    let stack = RUNTIME.block_on(async { std::mem::replace(&mut *slot.lock().await, Slot::Idle) });
    if let Slot::Running(stack) = stack {
        let logs = RUNTIME.block_on(stack.stop());
        let searching = Arguments { test_threads: Some(1), ..Arguments::default() };
        failed |= libtest_mimic::run(&searching, vec![search(logs)]).has_failed();
    }
    process::exit(i32::from(failed) * 101);
}

/// The control plane has seen every key in its environment, and every Secret.
fn search(logs: String) -> Trial {
    Trial::test("log/holds-no-key", move || {
        let mut problems = Problems::default();
        // The access log tells of every request: without one, this is not the log that it seems to be.
        problems.require(logs.contains("\"request_id\""), || "no request is in the log".to_owned());
        for (what, canary) in canary::unloggable() {
            problems.require(!logs.contains(canary), || format!("the log has {what}"));
        }
        problems.require(!logs.contains("PRIVATE KEY"), || "the log has a private key".to_owned());
        verdict(&problems)
    })
}

fn verdict(problems: &Problems) -> Result<(), Failed> {
    if problems.is_empty() { Ok(()) } else { Err(format!("\n{problems}").into()) }
}

async fn on(row: Row, slot: &Mutex<Slot>) -> Result<(), Failed> {
    let mut slot = slot.lock().await;
    if matches!(*slot, Slot::Idle) {
        *slot = match start().await {
            Ok(stack) => Slot::Running(Box::new(stack)),
            Err(failure) => Slot::Broken(failure),
        };
    }
    let stack = match &*slot {
        Slot::Running(stack) => stack,
        Slot::Broken(failure) => return Err(format!("the stack does not run: {failure}").into()),
        Slot::Idle => unreachable!("it was started"),
    };
    stack.clear();
    let mut problems: Problems = (row.story)(stack).await;
    stack.health(&mut problems);
    verdict(&problems)
}

async fn start() -> Result<Stack, Failure> {
    Stack::start(&Equipment::find().await?).await
}

/// What was started is in process groups of its own: an interrupted run ends it itself, as it is dropped.
fn stop_on_signal(slot: &Arc<Mutex<Slot>>) {
    use tokio::signal::unix::{SignalKind, signal};
    let slot = Arc::clone(slot);
    RUNTIME.spawn(async move {
        let mut interrupt = signal(SignalKind::interrupt()).expect("signals");
        let mut terminate = signal(SignalKind::terminate()).expect("signals");
        tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
        *slot.lock().await = Slot::Idle;
        process::exit(130);
    });
}
