//! The stories of a fleet, told one after the other on real Envoys, the real rate limit service and a real Redis.

use std::process;
use std::sync::{Arc, LazyLock};

use lab::Failure;
use libtest_mimic::{Arguments, Failed, Trial};
use scenarios::fleet::stories::{self, Story};
use scenarios::fleet::{Fleet, unclean};
use scenarios::problems::Problems;
use scenarios::stand::Equipment;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Started by the first story.
enum Slot {
    Idle,
    Running(Box<Fleet>),
    Broken(Failure),
}

fn main() {
    // Stories share one fleet, and some stop what the others need.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let slot = Arc::new(Mutex::new(Slot::Idle));
    stop_on_signal(&slot);
    let trials = stories::all().into_iter().map(|story| trial(story, &slot)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return;
    }
    // The logs are complete only now, and are searched whatever stories were chosen.
    let logs = RUNTIME.block_on(async {
        match std::mem::replace(&mut *slot.lock().await, Slot::Idle) {
            Slot::Running(fleet) => fleet.stop().await,
            Slot::Idle | Slot::Broken(_) => Vec::new(),
        }
    });
    let whole = arguments.filter.is_none();
    let searching = Arguments { test_threads: Some(1), ..Arguments::default() };
    let search = Trial::test("fleet/logs-hold-no-crash-no-prompt-no-key", move || {
        let mut problems = unclean(&logs);
        // The access log tells of every request: without one, this is not the log that it seems to be.
        for (name, log) in logs.iter().filter(|_| whole) {
            problems.require(log.contains("\"request_id\""), || format!("{name}: no request is in the log"));
        }
        verdict(problems)
    });
    let searched = libtest_mimic::run(&searching, vec![search]);
    process::exit(i32::from(conclusion.has_failed() || searched.has_failed()) * 101);
}

fn trial((name, story): Story, slot: &Arc<Mutex<Slot>>) -> Trial {
    let slot = Arc::clone(slot);
    Trial::test(name, move || RUNTIME.block_on(told(story, &slot)))
}

async fn told(
    story: for<'a> fn(&'a mut Fleet) -> stories::Told<'a>,
    slot: &Mutex<Slot>,
) -> Result<(), Failed> {
    let mut slot = slot.lock().await;
    if matches!(*slot, Slot::Idle) {
        *slot = match start().await {
            Ok(fleet) => Slot::Running(Box::new(fleet)),
            Err(failure) => Slot::Broken(failure),
        };
    }
    match &mut *slot {
        Slot::Running(fleet) => verdict(story(fleet).await),
        Slot::Broken(failure) => Err(failure.to_string().into()),
        Slot::Idle => unreachable!("it was started"),
    }
}

async fn start() -> Result<Fleet, Failure> {
    Fleet::start(&Equipment::find().await?).await
}

fn verdict(problems: Problems) -> Result<(), Failed> {
    if problems.is_empty() { Ok(()) } else { Err(format!("\n{problems}").into()) }
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
