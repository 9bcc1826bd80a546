//! What outlives a configuration and a VM: the ledger, with what was spent and what is still reserved.

use std::time::Duration;

use lab::Failure;
use mock_llm::{Reply, Usage};
use serde_json::{Value, json};
use tokio::time::{self, Instant};

use super::books::{self, counter};
use super::dynamic::Listeners;
use super::wave::question;
use super::{ANSWER, BUDGET, PROMPT, QUOTA, RESERVED, budgeted};
use crate::client::{self, http1::Connection};
use crate::problems::Problems;
use crate::request::Request;
use crate::row::Row;
use crate::shape::Shape;
use crate::stand::{Equipment, Stand};

/// How long a reservation lasts that nobody settles, in seconds. Its end is rounded up to a third of that.
const LEASE: u64 = 3;
/// Longer than the longest lease, and than the second that Envoy waits before it makes a new VM.
const OVER_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::own("kept/through-a-new-configuration", |equipment| Box::pin(told(configured_anew(equipment)))),
        Row::own("kept/through-the-death-of-a-vm", |equipment| Box::pin(told(vm_dies(equipment)))),
    ]
}

async fn told(story: impl Future<Output = Result<Problems, Failure>>) -> Problems {
    story.await.unwrap_or_else(|failure| {
        let mut problems = Problems::default();
        problems.add(failure.to_string());
        problems
    })
}

/// Asks once; the answer costs that many tokens.
async fn ask(stand: &Stand, user: &str, usage: Usage, problems: &mut Problems) {
    stand.openai.script(Reply::text("hello").usage(usage));
    let answer = client::send(stand.address, &question(user, false)).await;
    problems.same("an answer's status", &answer.status, &200);
}

/// A request of which the provider holds the answer.
async fn begin(stand: &Stand, request: &Request) -> Connection {
    let before = stand.openai.request_count();
    stand.openai.script(Reply::text("hello").usage(Usage::new(PROMPT, ANSWER)).held());
    let mut connection = Connection::open(stand.address).await.expect("a connection");
    connection.send(request).await.expect("a connection that stays");
    stand.openai.wait_until("it has the request", |provider| provider.request_count() > before).await;
    connection
}

/// The budget is raised and lowered in a running Envoy. What was spent before counts against the new limit, and what is under way meanwhile is
/// settled with the same ledger.
async fn configured_anew(equipment: &Equipment) -> Result<Problems, Failure> {
    const USER: &str = "kept-anew";
    let mut problems = Problems::default();
    let mut listeners = None;
    let arrange = |bootstrap: String, directory: &std::path::Path| {
        let (bootstrap, taken) = Listeners::taken_from(&bootstrap, directory);
        listeners = Some(taken);
        bootstrap
    };
    let stand =
        Stand::arranged(Shape::Groups, equipment, 2, |router| budgeted(router, "exact"), arrange).await?;
    let Some(mut listeners) = listeners else { return Ok(problems) };
    let amount = |amount: u64| {
        move |gateway: &mut Value| gateway["budgets"]["limits"][1]["quota"]["amount"] = json!(amount)
    };

    ask(&stand, USER, Usage::new(PROMPT, ANSWER), &mut problems).await;
    books::settled(&stand, 0, RESERVED, &mut problems).await;
    let mut open = begin(&stand, &question(USER, false)).await;
    let left = books::left(&stand, USER, &mut problems).await;
    problems.same("left of the first limit", &left, &(QUOTA - 2 * RESERVED));

    for limit in [2 * QUOTA, QUOTA / 2] {
        if let Err(problem) = listeners.configure(&stand, amount(limit)).await {
            problems.add(problem);
            return Ok(problems);
        }
        let left = books::left(&stand, USER, &mut problems).await;
        problems.same("left of a new limit", &left, &(limit - 2 * RESERVED));
    }
    // The configuration that it began with is gone; its answer costs ten tokens less than was reserved.
    stand.openai.release();
    problems.same("the status of what was under way", &open.answer("POST").await.status, &200);
    ask(&stand, USER, Usage::new(PROMPT, ANSWER - 10), &mut problems).await;
    books::settled(&stand, 0, 3 * RESERVED - 10, &mut problems).await;
    let left = books::left(&stand, USER, &mut problems).await;
    problems.same("left in the end", &left, &(QUOTA / 2 - (3 * RESERVED - 10)));

    // Less than was spent: nothing more, and no debt that a later limit would have to pay.
    for (limit, expected) in [(RESERVED, 0), (QUOTA, QUOTA - (3 * RESERVED - 10))] {
        if let Err(problem) = listeners.configure(&stand, amount(limit)).await {
            problems.add(problem);
        }
        let left = books::left(&stand, USER, &mut problems).await;
        problems.same("left of the last limits", &left, &expected);
    }
    crate::run::always(&stand, &mut problems).await;
    Ok(problems)
}

/// A worker's VM dies with a request under way. What was spent is still spent; the reservation ends with its lease and is charged its prompt, which
/// a counter tells.
async fn vm_dies(equipment: &Equipment) -> Result<Problems, Failure> {
    const USER: &str = "kept-trap";
    let mut problems = Problems::default();
    let mutant = equipment.with_mutant("trap")?;
    let stand = Stand::start_with(Shape::Groups, &mutant, 1, |router| {
        budgeted(router, "exact");
        router.budgets.insert("lease_seconds".to_owned(), json!(LEASE));
    })
    .await?;
    ask(&stand, USER, Usage::new(PROMPT, ANSWER), &mut problems).await;
    books::settled(&stand, 0, RESERVED, &mut problems).await;
    // The lease begins in here, so it is not over before this says so.
    let leased = Instant::now();
    let open = begin(&stand, &question(USER, false)).await;
    let left = books::left(&stand, USER, &mut problems).await;
    problems.same("left before", &left, &(QUOTA - 2 * RESERVED));

    let died = Instant::now();
    let trapped = client::send(stand.address, &question(USER, false).header("x-trap", "1")).await;
    problems.require(trapped.status != 200, || format!("the VM lives: {trapped:?}"));
    // Envoy waits a second before it makes another one, and refuses meanwhile.
    loop {
        let answer = client::send(stand.address, &question("somebody-else", false)).await;
        if answer.status == 200 || died.elapsed() > OVER_WITHIN {
            problems.same("the status after the VM was replaced", &answer.status, &200);
            break;
        }
        time::sleep(POLL).await;
    }
    let reloads = stand.envoy.admin().stats(r"^wasm\..*vm_reload_success$").await.unwrap_or_default();
    problems.require(reloads.values().any(|count| *count > 0), || format!("no VM was replaced: {reloads:?}"));
    let spent = QUOTA - books::left(&stand, USER, &mut problems).await;
    problems.require(
        spent == 2 * RESERVED || (leased.elapsed().as_secs() >= LEASE && spent == RESERVED + PROMPT),
        || format!("{spent} are spent or reserved right after the VM was replaced"),
    );

    // Nobody settles it any more: its worker forgot it.
    drop(open);
    loop {
        let left = books::left(&stand, USER, &mut problems).await;
        if left != QUOTA - 2 * RESERVED || died.elapsed() > OVER_WITHIN {
            problems.same("left when the lease is over", &left, &(QUOTA - RESERVED - PROMPT));
            break;
        }
        time::sleep(POLL).await;
    }
    // Looking takes nothing and stores nothing; the next one who reserves finds what has lapsed.
    ask(&stand, USER, Usage::new(PROMPT, ANSWER), &mut problems).await;
    problems.same("what lapsed", &counter(&stand, "lapsed", BUDGET).await, &ANSWER);
    let left = books::left(&stand, USER, &mut problems).await;
    problems.same("left in the end", &left, &(QUOTA - 2 * RESERVED - PROMPT));
    problems.same("requests that could not be settled", &counter(&stand, "unsettled", BUDGET).await, &0);
    Ok(problems)
}
