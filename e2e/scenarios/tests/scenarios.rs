//! The table, run against real Envoys: one test for each row on each shape that it names.

use std::collections::BTreeMap;
use std::path::Path;
use std::process;
use std::sync::{Arc, LazyLock};

use lab::Failure;
use libtest_mimic::{Arguments, Failed, Trial};
use scenarios::problems::Problems;
use scenarios::row::{Play, Row};
use scenarios::shape::Shape;
use scenarios::stand::{Equipment, Stand};
use scenarios::{canary, rows, run};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, watch};

/// Rows that are under way at once: one on each shape, and some that wait for time to pass.
const AT_ONCE: usize = 12;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Whether somebody wants the run to end.
static INTERRUPTED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// One shape's Envoy, started by the first row that needs it.
enum Slot {
    Idle,
    Running(Box<Stand>),
    Broken(Failure),
}

type Stands = Arc<BTreeMap<Shape, Mutex<Slot>>>;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    let rows = rows::all();
    let shapes = rows.iter().flat_map(|row| row.shapes.iter().copied());
    let stands: Stands = Arc::new(shapes.map(|shape| (shape, Mutex::new(Slot::Idle))).collect());
    let equipment = Arc::new(if arguments.list { None } else { Some(found()) });
    stop_on_signal(&stands);

    let trials = rows.into_iter().flat_map(|row| trials(row, &stands, &equipment)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return;
    }
    let logs = RUNTIME.block_on(stop(&stands));
    // The logs are complete only now, and are searched whatever rows were chosen.
    let searching = Arguments { test_threads: Some(1), ..Arguments::default() };
    let searched = libtest_mimic::run(&searching, logs.into_iter().map(search).collect());
    process::exit(i32::from(conclusion.has_failed() || searched.has_failed()) * 101);
}

/// What every row needs, or one line about what is missing.
fn found() -> Equipment {
    RUNTIME.block_on(Equipment::find()).unwrap_or_else(|failure| {
        eprintln!("{failure}");
        process::exit(101)
    })
}

fn trials(row: Row, stands: &Stands, equipment: &Arc<Option<Equipment>>) -> Vec<Trial> {
    let row = Arc::new(row);
    if let Play::Own(story) = row.play {
        let equipment = Arc::clone(equipment);
        let told = move || {
            verdict(
                RUNTIME.block_on(unless_interrupted(story(equipment.as_ref().as_ref().expect("no list")))),
            )
        };
        return vec![Trial::test(row.name.clone(), told).with_kind("own")];
    }
    let trial = |shape: &Shape| {
        let (shape, row) = (*shape, Arc::clone(&row));
        let (stands, equipment) = (Arc::clone(stands), Arc::clone(equipment));
        Trial::test(row.name.clone(), move || {
            let equipment = equipment.as_ref().as_ref().expect("no list");
            verdict(RUNTIME.block_on(unless_interrupted(on_shape(&row, shape, &stands, equipment))))
        })
        .with_kind(shape.name())
    };
    row.shapes.iter().map(trial).collect()
}

/// What a row found, or nothing worth reading when the run is to end.
async fn unless_interrupted(row: impl Future<Output = Problems>) -> Problems {
    let mut interrupted = INTERRUPTED.subscribe();
    tokio::select! {
        problems = row => problems,
        _ = interrupted.wait_for(|interrupted| *interrupted) => {
            let mut problems = Problems::default();
            problems.add("interrupted");
            problems
        }
    }
}

async fn on_shape(row: &Row, shape: Shape, stands: &Stands, equipment: &Equipment) -> Problems {
    let mut slot = stands[&shape].lock().await;
    if matches!(*slot, Slot::Idle) {
        *slot = match Stand::start(shape, equipment).await {
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
    run::play(stand, &row.play).await
}

fn verdict(problems: Problems) -> Result<(), Failed> {
    if problems.is_empty() { Ok(()) } else { Err(format!("\n{problems}").into()) }
}

/// Stops every Envoy; their complete logs, which also go into the directory that `SCENARIO_LOGS` names.
async fn stop(stands: &Stands) -> Vec<(Shape, String)> {
    let mut logs = Vec::new();
    for (shape, slot) in stands.iter() {
        let mut slot = slot.lock().await;
        if let Slot::Running(stand) = std::mem::replace(&mut *slot, Slot::Idle) {
            let log = stand.stop().await;
            if let Some(directory) = std::env::var_os("SCENARIO_LOGS") {
                let kept = Path::new(&directory).join(format!("{}.log", shape.name()));
                std::fs::write(kept, &log).expect("the directory that SCENARIO_LOGS names");
            }
            logs.push((*shape, log));
        }
    }
    logs
}

fn search((shape, log): (Shape, String)) -> Trial {
    Trial::test("log/holds-no-prompt-and-no-key", move || {
        let mut problems = Problems::default();
        // Envoy's access log tells of every request: without one, this is not the log that it seems to be.
        problems.require(log.contains("\"request_id\""), || "no request is in the log".to_owned());
        for (what, canary) in canary::unloggable() {
            for line in log.lines().filter(|line| line.contains(canary)) {
                problems.add(format!("{what} in: {}", line.replace(canary, "…")));
            }
        }
        verdict(problems)
    })
    .with_kind(shape.name())
}

/// Envoys run in process groups of their own: an interrupted run ends them itself.
fn stop_on_signal(stands: &Stands) {
    use tokio::signal::unix::{SignalKind, signal};
    let stands = Arc::clone(stands);
    RUNTIME.spawn(async move {
        let mut interrupt = signal(SignalKind::interrupt()).expect("signals");
        let mut terminate = signal(SignalKind::terminate()).expect("signals");
        tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
        // Rows let go of their Envoys, which end as they are dropped.
        INTERRUPTED.send_replace(true);
        for slot in stands.values() {
            *slot.lock().await = Slot::Idle;
        }
        process::exit(130);
    });
}
