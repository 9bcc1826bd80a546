//! The proof that budgets hold: more requests at once than a budget has room for, on a real Envoy with several workers.
//!
//! What is claimed is exact. Each request reserves the same known number of tokens, the provider holds every answer until all requests are
//! decided, and then exactly as many are at the provider as the budget has room for. Three books are compared when all is over: the
//! ledger's, Envoy's access log and the provider's own. And because a proof that cannot fail proves nothing, the same is done with a
//! module that replaces shared pages without looking ([`mutant`]): there it has to fail.
//!
//! Absent on purpose: the table's shapes. What is shown here is about one ledger and the workers that share it.

pub mod books;
pub mod dynamic;
pub mod kept;
pub mod mutant;
pub mod storm;
pub mod wave;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ai_filters::render::{Limits, LlmRouter};
use lab::Failure;
use serde_json::{Map, Value, json};
use tokio::time;

use crate::row::Row;
use crate::shape::Shape;
use crate::stand::{Equipment, Stand};

/// Envoy's workers. More than most machines that run this have cores, so that one is often stopped in the middle of its work.
pub const WORKERS: u32 = 4;
/// What each request reserves: [`PROMPT`] and the [`ANSWER`] that it may get at most.
pub const RESERVED: u64 = PROMPT + ANSWER;
/// The tokens of the prompt `hello`: three for the message, one each for its role and its text, three for the answer's beginning (OpenAI's
/// cookbook, "How to count tokens with tiktoken").
pub const PROMPT: u64 = 8;
/// The longest answer that is asked for.
pub const ANSWER: u64 = 42;
/// How many requests each user's budget has room for.
pub const ROOM: u64 = 100;
/// What each user may spend in a month.
pub const QUOTA: u64 = ROOM * RESERVED;
/// The budget's name.
pub const BUDGET: &str = "user-month";
/// How many requests each user may make in a month: a budget that is asked first and has room for all that are admitted here. Whoever is refused by
/// the other one has to be given back what this one granted.
pub const REQUESTS: u64 = 400;

/// Longer than any story here takes: no answer is given up while it is held.
const LONG: &str = "60s";
/// A month that ends sooner than this is waited for: its numbers are of one window, and what is left of it is more than an SDK would wait.
const LEFT_OF_THE_MONTH: u64 = 600;
const DAY: u64 = 86_400;

/// What is proven: on one Envoy, one story after the other, and on Envoys of their own.
pub fn rows() -> Vec<Row> {
    let mut rows = storm::rows();
    rows.extend(mutant::rows());
    rows.extend(kept::rows());
    rows
}

/// The Envoy that the storms share: each has a user of its own, and with it a budget.
///
/// # Errors
/// When it does not come up.
pub async fn stand(equipment: &Equipment) -> Result<Stand, Failure> {
    Stand::start_with(Shape::Groups, equipment, WORKERS, |router| budgeted(router, "exact")).await
}

/// Changes a router so that each user has a quota, prompts are counted in that mode, and OpenAI alone serves: another provider's tokenizer would
/// have a say in what is reserved.
pub fn budgeted(router: &mut LlmRouter, mode: &str) {
    router.providers.truncate(1);
    let long = || LONG.parse().expect("a time limit");
    router.limits = Limits { first_byte: long(), idle: long(), answer: long(), total: long() };
    router.counting = section(&json!({"mode": mode}));
    router.identity = section(&json!({"header": {"user": "x-user-id"}}));
    let quota = json!({"amount": QUOTA, "window": "month"});
    let requests = json!({"amount": REQUESTS, "window": "month"});
    router.budgets = section(&json!({"limits": [
        {"name": "requests", "per": ["user"], "unit": "requests", "quota": requests},
        {"name": BUDGET, "per": ["user"], "quota": quota},
    ]}));
}

/// Waits where a month is about to end.
pub async fn within_one_window() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if let Some(left) = ends_soon(now) {
        time::sleep(Duration::from_secs(left + 1)).await;
    }
}

/// What is left of the month in that second, where that is little.
fn ends_soon(now: u64) -> Option<u64> {
    let left = DAY - now % DAY;
    (left < LEFT_OF_THE_MONTH && day_of_month(now / DAY + 1) == 1).then_some(left)
}

/// Of a day since the beginning of 1970, in UTC. Years are counted from March, so that a leap day is the last of its year; from there on, five
/// months always have 153 days.
fn day_of_month(day: u64) -> u64 {
    let day = day + 719_468;
    let of_era = day % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    of_year - (153 * month + 2) / 5 + 1
}

fn section(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minutes_of_a_month_are_waited_for_and_of_no_other_day() {
        // The first second of 2024-03-01, of 2026-12-01, of 2027-01-01 and of 2100-03-01.
        for next in [1_709_251_200, 1_796_083_200, 1_798_761_600, 4_107_542_400] {
            assert_eq!(ends_soon(next - 1), Some(1), "{next}");
            assert_eq!(ends_soon(next - LEFT_OF_THE_MONTH + 1), Some(LEFT_OF_THE_MONTH - 1), "{next}");
            for other in [next - LEFT_OF_THE_MONTH, next, next - DAY - 1, next + DAY - 1] {
                assert_eq!(ends_soon(other), None, "{other}");
            }
        }
    }
}
