//! The proof that budgets hold, one story after the other: each needs the machine for itself.

use std::process;
use std::sync::{Arc, LazyLock};

use lab::Failure;
use libtest_mimic::{Arguments, Failed, Trial};
use scenarios::problems::Problems;
use scenarios::row::{Play, Row};
use scenarios::stand::{Equipment, Stand};
use scenarios::{canary, proof, run};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, watch};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Whether somebody wants the run to end.
static INTERRUPTED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// The Envoy that the storms share, started by the first of them.
enum Slot {
    Idle,
    Running(Box<Stand>),
    Broken(Failure),
}

fn main() {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let slot = Arc::new(Mutex::new(Slot::Idle));
    stop_on_signal(&slot);
    let trials = proof::rows().into_iter().map(|row| trial(row, &slot)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let log = RUNTIME.block_on(async {
        match std::mem::replace(&mut *slot.lock().await, Slot::Idle) {
            Slot::Running(stand) => Some(stand.stop().await),
            Slot::Idle | Slot::Broken(_) => None,
        }
    });
    let secrets = log
        .iter()
        .flat_map(|log| canary::unloggable().into_iter().map(|(what, canary)| (what, log.contains(canary))));
    let told: Vec<_> = secrets.filter(|(_, told)| *told).map(|(what, _)| what).collect();
    if !told.is_empty() {
        eprintln!("Envoy's log tells {}", told.join(", "));
    }
    process::exit(i32::from(conclusion.has_failed() || !told.is_empty()) * 101);
}

fn trial(row: Row, slot: &Arc<Mutex<Slot>>) -> Trial {
    let slot = Arc::clone(slot);
    let name = row.name.clone();
    Trial::test(name, move || {
        let problems = RUNTIME.block_on(unless_interrupted(told(&row, &slot)));
        if problems.is_empty() { Ok(()) } else { Err(Failed::from(format!("\n{problems}"))) }
    })
}

/// What a story found, or nothing worth reading when the run is to end.
async fn unless_interrupted(story: impl Future<Output = Problems>) -> Problems {
    let mut interrupted = INTERRUPTED.subscribe();
    tokio::select! {
        problems = story => problems,
        _ = interrupted.wait_for(|interrupted| *interrupted) => broken(&Failure::new("interrupted", "run it again")),
    }
}

async fn told(row: &Row, slot: &Mutex<Slot>) -> Problems {
    proof::within_one_window().await;
    let equipment = match Equipment::find().await {
        Ok(equipment) => equipment,
        Err(failure) => return broken(&failure),
    };
    let story = match &row.play {
        Play::Own(story) => return story(&equipment).await,
        Play::Story(story) => story,
        Play::Exchange(_) => return broken(&Failure::new("a proof is a story", "see src/proof.rs")),
    };
    let mut slot = slot.lock().await;
    if matches!(*slot, Slot::Idle) {
        *slot = match proof::stand(&equipment).await {
            Ok(stand) => Slot::Running(Box::new(stand)),
            Err(failure) => Slot::Broken(failure),
        };
    }
    let stand = match &*slot {
        Slot::Running(stand) => stand,
        Slot::Broken(failure) => return broken(failure),
        Slot::Idle => unreachable!("it was started"),
    };
    stand.clear();
    let mut problems = story(stand).await;
    run::always(stand, &mut problems).await;
    problems
}

fn broken(failure: &Failure) -> Problems {
    let mut problems = Problems::default();
    problems.add(failure.to_string());
    problems
}

/// Envoys run in process groups of their own: an interrupted run ends them itself.
fn stop_on_signal(slot: &Arc<Mutex<Slot>>) {
    use tokio::signal::unix::{SignalKind, signal};
    let slot = Arc::clone(slot);
    RUNTIME.spawn(async move {
        let mut interrupt = signal(SignalKind::interrupt()).expect("signals");
        let mut terminate = signal(SignalKind::terminate()).expect("signals");
        tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
        // Stories let go of their Envoys, which end as they are dropped.
        INTERRUPTED.send_replace(true);
        *slot.lock().await = Slot::Idle;
        process::exit(130);
    });
}
