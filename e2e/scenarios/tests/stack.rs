//! The committed manifests around the router, on one real Envoy Gateway.

use std::process;

use lab::Failure;
use libtest_mimic::{Failed, Trial};
use scenarios::canary;
use scenarios::problems::Problems;
use scenarios::shared::{self, RUNTIME, Shared, verdict};
use scenarios::stack::Stack;
use scenarios::stack::themes::{self, Row};
use scenarios::stand::Equipment;

fn main() {
    let arguments = shared::arguments();
    let stack = Shared::default();
    let trial = |row: Row| {
        let stack = stack.clone();
        Trial::test(row.name, move || RUNTIME.block_on(on(row, &stack)))
    };
    let rows = themes::all().into_iter().map(trial).collect();
    let mut failed = libtest_mimic::run(&arguments, rows).has_failed();
    if let Some(stack) = RUNTIME.block_on(stack.take()) {
        let logs = RUNTIME.block_on(stack.stop());
        failed |= shared::run_whatever_was_chosen(search(logs));
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

async fn on(row: Row, stack: &Shared<Stack>) -> Result<(), Failed> {
    let mut held = stack.hold(start()).await;
    let stack = held.running().map_err(|failure| format!("the stack does not run: {failure}"))?;
    stack.clear();
    let mut problems: Problems = (row.story)(stack).await;
    stack.health(&mut problems);
    verdict(&problems)
}

async fn start() -> Result<Stack, Failure> {
    Stack::start(&Equipment::find().await?).await
}
