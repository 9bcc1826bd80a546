//! The same storm on a module that replaces shared pages without looking whether another worker was faster. It has to grant too much: what a
//! storm shows is worth something only if it would show this.

use mock_llm::{Reply, Usage};
use serde_json::json;

use super::wave::{self, Asks};
use super::{ANSWER, PROMPT, RESERVED, WORKERS, budgeted, storm};
use crate::problems::Problems;
use crate::row::Row;
use crate::shape::Shape;
use crate::stand::{Equipment, Stand};

/// How many fit of a thousand. Workers race only while requests are admitted, so this storm has room for most of them: each admission is another
/// chance to lose one.
const ROOM: u64 = 800;
/// On a busy machine with two cores most rounds are enough; so many are as good as certain.
const ROUNDS: usize = 30;

pub(super) fn rows() -> Vec<Row> {
    vec![Row::own("mutant/without-the-compare-and-swap-too-many-are-admitted", |equipment| {
        Box::pin(over_grants(equipment))
    })]
}

async fn over_grants(equipment: &Equipment) -> Problems {
    let mut problems = Problems::default();
    let sound = admitted(equipment, 1, &mut problems).await;
    problems.same("admitted by the module that is shipped", &sound, &vec![ROOM]);
    let blind = match equipment.with_mutant("blind-swap") {
        Ok(mutant) => admitted(&mutant, ROUNDS, &mut problems).await,
        Err(failure) => {
            problems.add(failure.to_string());
            return problems;
        }
    };
    problems.require(blind.iter().any(|admitted| *admitted > ROOM), || {
        format!("{ROOM} fit, and so many were admitted of {} each: {blind:?}", storm::CLIENTS)
    });
    problems
}

/// How many were admitted in each of so many rounds, of which the first with too many is the last.
async fn admitted(equipment: &Equipment, rounds: usize, problems: &mut Problems) -> Vec<u64> {
    let started = Stand::start_with(Shape::Groups, equipment, WORKERS, |router| {
        budgeted(router, "exact");
        let quota = json!({"amount": ROOM * RESERVED, "window": "month"});
        let limit = json!({"name": "user-month", "per": ["user"], "quota": quota});
        router.budgets.insert("limits".to_owned(), json!([limit]));
    });
    let stand = match started.await {
        Ok(stand) => stand,
        Err(failure) => {
            problems.add(failure.to_string());
            return Vec::new();
        }
    };
    stand.openai.set_default(Reply::text("hello").usage(Usage::new(PROMPT, ANSWER)).held());
    let mut admitted = Vec::new();
    for round in 0..rounds {
        let user = format!("mutant-{round}");
        stand.openai.hold();
        let wave =
            wave::wave(stand.address, &stand.openai, &user, storm::CLIENTS, Asks::Both, problems).await;
        admitted.push(wave.admitted as u64);
        stand.openai.release();
        wave.ended(problems).await;
        if admitted.last().is_some_and(|admitted| *admitted > ROOM) {
            break;
        }
    }
    admitted
}
