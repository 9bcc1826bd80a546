//! The table, run against a real Envoy Gateway: with everything that takes a patch, and without any.
//!
//! One Envoy Gateway runs on a machine at a time, so its shapes come one after the other.

use std::process;
use std::sync::{Arc, LazyLock};

use lab::Failure;
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use scenarios::problems::Problems;
use scenarios::row::{Play, Row};
use scenarios::shape::Shape;
use scenarios::stand::{Equipment, Stand};
use scenarios::{canary, rows, run};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Started by the first row.
enum Slot {
    Idle,
    Running(Box<Stand>),
    Broken(Failure),
}

fn main() {
    // Rows of one stand come one after the other.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let slot = Arc::new(Mutex::new(Slot::Idle));
    stop_on_signal(&slot);
    let mut failed = false;
    for shape in [Shape::EnvoyGateway, Shape::EnvoyGatewayUnpatched] {
        failed |= of_shape(shape, &arguments, &slot).has_failed();
        if arguments.list {
            continue;
        }
        // The logs are complete only now, and are searched whatever rows were chosen.
        let stand = RUNTIME.block_on(async { std::mem::replace(&mut *slot.lock().await, Slot::Idle) });
        if let Slot::Running(stand) = stand {
            let logs = RUNTIME.block_on(stand.stop());
            let searching = Arguments { test_threads: Some(1), ..Arguments::default() };
            failed |= libtest_mimic::run(&searching, vec![search(shape, logs)]).has_failed();
        }
    }
    process::exit(i32::from(failed) * 101);
}

fn of_shape(shape: Shape, arguments: &Arguments, slot: &Arc<Mutex<Slot>>) -> Conclusion {
    let trial = |row: Row| {
        let slot = Arc::clone(slot);
        Trial::test(row.name.clone(), move || verdict(RUNTIME.block_on(on(shape, &row, &slot))))
            .with_kind(shape.name())
    };
    libtest_mimic::run(arguments, rows::of(shape).into_iter().map(trial).collect())
}

async fn on(shape: Shape, row: &Row, slot: &Mutex<Slot>) -> Problems {
    let mut slot = slot.lock().await;
    if matches!(*slot, Slot::Idle) {
        *slot = match start(shape).await {
            Ok(stand) => Slot::Running(Box::new(stand)),
            Err(failure) => Slot::Broken(failure),
        };
    }
    let stand = match &*slot {
        Slot::Running(stand) => stand,
        Slot::Broken(failure) => {
            let mut problems = Problems::default();
            problems.add(format!("{} does not run: {failure}", shape.name()));
            return problems;
        }
        Slot::Idle => unreachable!("it was started"),
    };
    match &row.play {
        Play::Exchange(exchange) => run::exchange(stand, exchange).await,
        Play::Story(story) => {
            stand.clear();
            let mut problems = story(stand).await;
            run::always(stand, &mut problems).await;
            problems
        }
        Play::Own(_) => unreachable!("it has no shape"),
    }
}

async fn start(shape: Shape) -> Result<Stand, Failure> {
    Stand::start(shape, &Equipment::find().await?).await
}

fn verdict(problems: Problems) -> Result<(), Failed> {
    if problems.is_empty() { Ok(()) } else { Err(format!("\n{problems}").into()) }
}

/// Envoy's log, its access log and the control plane's, which has seen every key in its environment.
fn search(shape: Shape, logs: String) -> Trial {
    Trial::test("log/holds-no-prompt-and-no-key", move || {
        let mut problems = Problems::default();
        // The access log tells of every request: without one, this is not the log that it seems to be.
        problems.require(logs.contains("\"request_id\""), || "no request is in the log".to_owned());
        for (what, canary) in canary::unloggable() {
            for line in logs.lines().filter(|line| line.contains(canary)) {
                problems.add(format!("{what} in: {}", line.replace(canary, "…")));
            }
        }
        verdict(problems)
    })
    .with_kind(shape.name())
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
