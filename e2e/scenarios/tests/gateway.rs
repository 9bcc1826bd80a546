//! The table, run against a real Envoy Gateway: with everything that takes a patch, and without any.
//!
//! One Envoy Gateway runs on a machine at a time, so its shapes come one after the other.

use std::process;

use lab::Failure;
use libtest_mimic::{Arguments, Conclusion, Trial};
use scenarios::problems::Problems;
use scenarios::row::Row;
use scenarios::shape::Shape;
use scenarios::shared::{self, RUNTIME, Shared, verdict};
use scenarios::stand::{Equipment, Stand};
use scenarios::{canary, rows, run};

fn main() {
    let arguments = shared::arguments();
    let stand = Shared::default();
    let mut failed = false;
    for shape in [Shape::EnvoyGateway, Shape::EnvoyGatewayUnpatched] {
        failed |= of_shape(shape, &arguments, &stand).has_failed();
        if let Some(stand) = RUNTIME.block_on(stand.take()) {
            let logs = RUNTIME.block_on(stand.stop());
            failed |= shared::run_whatever_was_chosen(search(shape, logs));
        }
    }
    process::exit(i32::from(failed) * 101);
}

fn of_shape(shape: Shape, arguments: &Arguments, stand: &Shared<Stand>) -> Conclusion {
    let trial = |row: Row| {
        let stand = stand.clone();
        Trial::test(row.name.clone(), move || verdict(&RUNTIME.block_on(on(shape, &row, &stand))))
            .with_kind(shape.name())
    };
    libtest_mimic::run(arguments, rows::of(shape).into_iter().map(trial).collect())
}

async fn on(shape: Shape, row: &Row, stand: &Shared<Stand>) -> Problems {
    let mut held = stand.hold(start(shape)).await;
    let stand = match held.running() {
        Ok(stand) => stand,
        Err(failure) => {
            let mut problems = Problems::default();
            problems.add(format!("{} does not run: {failure}", shape.name()));
            return problems;
        }
    };
    run::play(stand, &row.play).await
}

async fn start(shape: Shape) -> Result<Stand, Failure> {
    Stand::start(shape, &Equipment::find().await?).await
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
        verdict(&problems)
    })
    .with_kind(shape.name())
}
