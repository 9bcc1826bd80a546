//! A thousand requests at once for a budget with room for a hundred.

use std::collections::BTreeMap;

use mock_llm::{Reply, Usage};

use super::books::{self, cost};
use super::wave::{self, Asks, Wave};
use super::{ANSWER, BUDGET, PROMPT, QUOTA, RESERVED, ROOM, WORKERS};
use crate::problems::Problems;
use crate::row::Row;
use crate::shape::Shape;
use crate::stand::{Equipment, Stand};

/// How many ask at once.
pub const CLIENTS: usize = 1_000;
/// What an answer has that is shorter than was reserved for it.
const SHORT: u64 = 2;

pub(super) fn rows() -> Vec<Row> {
    let here: &[Shape] = &[Shape::Groups];
    vec![
        Row::story("storm/exactly-what-fits", here, |stand| Box::pin(exactly_what_fits(stand))),
        Row::story("storm/late-ones-get-what-was-given-back", here, |stand| Box::pin(given_back(stand))),
        Row::story("storm/who-hangs-up-pays-for-what-was-sent", here, |stand| Box::pin(hung_up(stand))),
        Row::own("storm/a-bound-never-grants-more", |equipment| Box::pin(bounded(equipment))),
    ]
}

/// So many clients ask in the name of that user, and exactly so many have to be admitted.
async fn admits(
    stand: &Stand,
    user: &'static str,
    clients: usize,
    asks: Asks,
    room: u64,
    problems: &mut Problems,
) -> Wave {
    let wave = wave::wave(stand.address, &stand.openai, user, clients, asks, problems).await;
    problems.same("requests at the provider", &wave.admitted, &(room as usize));
    problems.same("requests that were refused", &wave.refused.len(), &(clients - room as usize));
    for answer in &wave.refused {
        let named = answer.header("x-ai-budget-refused");
        problems.require(answer.status == 429 && named == Some(BUDGET), || {
            format!("a refusal is {} by {named:?}: {}", answer.status, answer.text())
        });
    }
    wave
}

/// How many connections each worker has taken.
async fn connections(stand: &Stand) -> BTreeMap<String, u64> {
    let pattern = r"^listener\.127\.0\.0\.1_\d+\.worker_\d+\.downstream_cx_total$";
    stand.envoy.admin().stats(pattern).await.unwrap_or_default()
}

/// Every answer takes what was reserved for it, so what was refused at first is refused for good.
async fn exactly_what_fits(stand: &Stand) -> Problems {
    const USER: &str = "storm-exact";
    let mut problems = Problems::default();
    let (charged, taken) = (books::charged(stand, BUDGET).await, connections(stand).await);
    stand.openai.set_default(Reply::text("hello").usage(Usage::new(PROMPT, ANSWER)).held());
    let wave = admits(stand, USER, CLIENTS, Asks::Both, ROOM, &mut problems).await;

    // Each connection has made one request, and each request was decided by the worker that took it. The connection by which Envoy was found to
    // be ready may be counted late.
    let now = connections(stand).await;
    problems.same("workers", &now.len(), &(WORKERS as usize));
    let served: Vec<u64> =
        now.iter().map(|(worker, count)| count - taken.get(worker).unwrap_or(&0)).collect();
    problems
        .require(served.iter().all(|count| *count > 1), || format!("a worker had nothing to do: {served:?}"));
    let all = served.iter().sum::<u64>();
    problems.require((CLIENTS as u64..=CLIENTS as u64 + 1).contains(&all), || {
        format!("{all} connections for {CLIENTS} clients")
    });

    stand.openai.release();
    wave.ended(&mut problems).await;
    books::settled(stand, charged, QUOTA, &mut problems).await;
    let provider = cost(&stand.openai.spent());
    books::agree(stand, USER, ROOM as usize, provider, QUOTA, &mut problems).await;
    stand.openai.hold();
    let late = admits(stand, USER, 40, Asks::Both, 0, &mut problems).await;
    late.ended(&mut problems).await;
    problems
}

/// Every answer is shorter than was reserved for it. Who comes late is admitted exactly as far as what was given back goes.
async fn given_back(stand: &Stand) -> Problems {
    const USER: &str = "storm-short";
    const COST: u64 = PROMPT + SHORT;
    let mut problems = Problems::default();
    let mut charged = books::charged(stand, BUDGET).await;
    let (mut spent, mut requests) = (0, 0);
    stand.openai.set_default(Reply::text("hello hello").usage(Usage::new(PROMPT, SHORT)).held());
    for (clients, room) in [(CLIENTS, 100), (300, 80), (300, 64), (300, 51)] {
        problems.same("what fits by the arithmetic of this row", &((QUOTA - spent) / RESERVED), &room);
        stand.openai.hold();
        let wave = admits(stand, USER, clients, Asks::Both, room, &mut problems).await;
        stand.openai.release();
        wave.ended(&mut problems).await;
        charged = books::settled(stand, charged, room * COST, &mut problems).await;
        (spent, requests) = (spent + room * COST, requests + room as usize);
    }
    books::agree(stand, USER, requests, cost(&stand.openai.spent()), spent, &mut problems).await;
    problems
}

/// Streams stop after two pieces. Half of the clients hang up there, and pay for the prompt and those two; the others get what they asked for.
async fn hung_up(stand: &Stand) -> Problems {
    const USER: &str = "storm-hang-up";
    /// The event with the role, and two with a token each.
    const SENT: usize = 3;
    const COST: u64 = PROMPT + 2;
    let mut problems = Problems::default();
    let charged = books::charged(stand, BUDGET).await;
    let pieces = ["hello", " world", " hello", " world"];
    let reply = Reply::chunks(pieces).usage(Usage::new(PROMPT, ANSWER)).held_after(SENT);
    stand.openai.set_default(reply.clone());
    let asks = Asks::StreamsUntil(" world");
    let wave = admits(stand, USER, CLIENTS, asks, ROOM, &mut problems).await;
    let leaving = wave.all_have_seen(&mut problems).await;
    problems.require((10..=90).contains(&leaving), || format!("{leaving} of 100 are no mixture"));
    wave.hang_up();
    let charged = books::settled(stand, charged, leaving as u64 * COST, &mut problems).await;

    // The provider may hear of it later than the ledger, and must not answer those who are gone.
    stand.openai.wait_until("it knows who hung up", |provider| provider.hang_ups() >= leaving as u64).await;
    stand.openai.release();
    let (answers, hung_up) = wave.ended(&mut problems).await;
    problems.same("clients that hung up", &hung_up, &leaving);
    problems.same(
        "answers that the provider could not bring to their ends",
        &stand.openai.hang_ups(),
        &(leaving as u64),
    );
    books::settled(stand, charged, answers.len() as u64 * RESERVED, &mut problems).await;
    let spent = leaving as u64 * COST + answers.len() as u64 * RESERVED;
    let provider = cost(&stand.openai.spent()) + stand.openai.hang_ups() * COST;
    books::agree(stand, USER, ROOM as usize, provider, spent, &mut problems).await;

    // What those who left did not use is there for others.
    stand.openai.set_default(reply.held());
    stand.openai.hold();
    let late = admits(stand, USER, 200, Asks::Both, (QUOTA - spent) / RESERVED, &mut problems).await;
    stand.openai.release();
    late.ended(&mut problems).await;
    problems
}

/// Where prompts are counted only when it matters, a request reserves more as long as there is plenty. Then fewer may fit at once, but never more,
/// and whoever asks alone gets what is left.
async fn bounded(equipment: &Equipment) -> Problems {
    const USER: &str = "storm-bounded";
    let mut problems = Problems::default();
    let stand =
        Stand::start_with(Shape::Groups, equipment, WORKERS, |router| super::budgeted(router, "auto")).await;
    let stand = match stand {
        Ok(stand) => stand,
        Err(failure) => {
            problems.add(failure.to_string());
            return problems;
        }
    };
    stand.openai.set_default(Reply::text("hello").usage(Usage::new(PROMPT, ANSWER)).held());
    let ask = async |clients, problems: &mut Problems| {
        wave::wave(stand.address, &stand.openai, USER, clients, Asks::Both, problems).await
    };
    let mut waves = vec![ask(CLIENTS, &mut problems).await];
    let first = waves[0].admitted;
    problems.require((1..=ROOM as usize).contains(&first), || format!("{first} were admitted at once"));
    // One at a time, until there is no room.
    while waves.last().is_some_and(|wave| wave.admitted > 0) && waves.len() <= ROOM as usize {
        waves.push(ask(1, &mut problems).await);
    }
    let admitted: usize = waves.iter().map(|wave| wave.admitted).sum();
    problems.require(admitted <= ROOM as usize, || format!("{admitted} were admitted in all"));
    let left = books::left(&stand, USER, &mut problems).await;
    problems.require(left < RESERVED, || format!("the last was refused although {left} were left"));
    stand.openai.release();
    for wave in waves {
        wave.ended(&mut problems).await;
    }
    let spent = admitted as u64 * RESERVED;
    books::settled(&stand, 0, spent, &mut problems).await;
    books::agree(&stand, USER, admitted, cost(&stand.openai.spent()), spent, &mut problems).await;
    crate::run::always(&stand, &mut problems).await;
    problems
}
