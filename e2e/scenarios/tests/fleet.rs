//! The stories of a fleet, told one after the other on real Envoys, the real rate limit service and a real Redis.

use std::process;

use lab::Failure;
use libtest_mimic::{Failed, Trial};
use scenarios::fleet::stories::{self, Story};
use scenarios::fleet::{Fleet, unclean};
use scenarios::shared::{self, RUNTIME, Shared, verdict};
use scenarios::stand::Equipment;

fn main() {
    // Some stories stop what the others need.
    let arguments = shared::arguments();
    let fleet = Shared::default();
    let trials = stories::all().into_iter().map(|story| trial(story, &fleet)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return;
    }
    let logs = RUNTIME.block_on(async {
        match fleet.take().await {
            Some(fleet) => fleet.stop().await,
            None => Vec::new(),
        }
    });
    let whole = arguments.filter.is_none();
    let search = Trial::test("fleet/logs-hold-no-crash-no-prompt-no-key", move || {
        let mut problems = unclean(&logs);
        // The access log tells of every request: without one, this is not the log that it seems to be.
        for (name, log) in logs.iter().filter(|_| whole) {
            problems.require(log.contains("\"request_id\""), || format!("{name}: no request is in the log"));
        }
        verdict(&problems)
    });
    let failed = conclusion.has_failed() | shared::run_whatever_was_chosen(search);
    process::exit(i32::from(failed) * 101);
}

fn trial((name, story): Story, fleet: &Shared<Fleet>) -> Trial {
    let fleet = fleet.clone();
    Trial::test(name, move || RUNTIME.block_on(told(story, &fleet)))
}

async fn told(
    story: for<'a> fn(&'a mut Fleet) -> stories::Told<'a>,
    fleet: &Shared<Fleet>,
) -> Result<(), Failed> {
    let mut held = fleet.hold(start()).await;
    let fleet = held.running().map_err(|failure| failure.to_string())?;
    verdict(&story(fleet).await)
}

async fn start() -> Result<Fleet, Failure> {
    Fleet::start(&Equipment::find().await?).await
}
