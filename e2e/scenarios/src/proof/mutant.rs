//! The same storm on a module that replaces shared pages without looking whether another worker was faster. It has to grant too much: what a
//! storm shows is worth something only if it would show this.

use mock_llm::{Reply, Usage};

use super::wave::{self, Asks};
use super::{ANSWER, PROMPT, ROOM, WORKERS, budgeted, storm};
use crate::problems::Problems;
use crate::row::Row;
use crate::shape::Shape;
use crate::stand::{Equipment, Stand};

/// Each round is a race that two workers have to run into, in the few milliseconds in which the first hundred are admitted. On a busy machine with two
/// cores every third did; so many are as good as certain.
const ROUNDS: usize = 40;

pub(super) fn rows() -> Vec<Row> {
    vec![Row::own("mutant/without-the-compare-and-swap-too-many-are-admitted", |equipment| {
        Box::pin(over_grants(equipment))
    })]
}

async fn over_grants(equipment: &Equipment) -> Problems {
    let mut problems = Problems::default();
    super::within_one_window().await;
    let stand = match equipment.with_mutant("blind-swap") {
        Ok(mutant) => {
            Stand::start_with(Shape::Groups, &mutant, WORKERS, |router| budgeted(router, "exact")).await
        }
        Err(failure) => Err(failure),
    };
    let stand = match stand {
        Ok(stand) => stand,
        Err(failure) => {
            problems.add(failure.to_string());
            return problems;
        }
    };
    stand.openai.set_default(Reply::text("hello").usage(Usage::new(PROMPT, ANSWER)).held());
    let mut admitted = Vec::new();
    for round in 0..ROUNDS {
        let user = format!("mutant-{round}");
        stand.openai.hold();
        let wave =
            wave::wave(stand.address, &stand.openai, &user, storm::CLIENTS, Asks::Both, &mut problems).await;
        admitted.push(wave.admitted);
        stand.openai.release();
        wave.ended(&mut problems).await;
        if admitted.last().is_some_and(|admitted| *admitted > ROOM as usize) {
            return problems;
        }
    }
    problems.add(format!("{ROOM} fit, and of {} each so many were admitted: {admitted:?}", storm::CLIENTS));
    problems
}
