//! Three books of the same month: the ledger's, Envoy's access log and the provider's own. They have to agree to the token.

use std::time::Duration;

use mock_llm::Usage;
use serde_json::{Value, json};
use tokio::time::{self, Instant};

use super::{BUDGET, QUOTA, REQUESTS};
use crate::client;
use crate::problems::Problems;
use crate::request::chat_body;
use crate::stand::Stand;

/// The account is settled after the client has its answer, and the log is written later still.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// What a budget has charged so far, to all of its callers: the counter that every settlement adds to.
pub async fn charged(stand: &Stand, budget: &str) -> u64 {
    counter(stand, "charged", budget).await
}

/// A counter of that budget.
pub async fn counter(stand: &Stand, what: &str, budget: &str) -> u64 {
    let name = format!("wasmcustom.ai_gateway.budget.{what};ai.budget={budget}");
    // `stats_tags` take the label out of the name that they are asked by, not out of the one that is shown.
    let all = stand.envoy.admin().stats(&format!("ai_gateway.budget.{what}")).await.unwrap_or_default();
    all.get(&name).copied().unwrap_or_default()
}

/// Waits until a budget has charged so much more than before; what it has then.
pub async fn settled(stand: &Stand, before: u64, more: u64, problems: &mut Problems) -> u64 {
    let deadline = Instant::now() + WRITTEN_WITHIN;
    loop {
        let now = charged(stand, BUDGET).await;
        if now >= before + more || Instant::now() >= deadline {
            problems.same("what the budget has charged", &(now - before), &more);
            return now;
        }
        time::sleep(POLL).await;
    }
}

/// What the ledger has left for that user of tokens.
pub async fn left(stand: &Stand, user: &str, problems: &mut Problems) -> u64 {
    left_of_both(stand, user, problems).await.0
}

/// What the ledger has left for that user of tokens and of requests, as a request is told that could never fit and therefore takes nothing.
async fn left_of_both(stand: &Stand, user: &str, problems: &mut Problems) -> (u64, u64) {
    let messages = json!([{"role": "user", "content": "hello"}]);
    let body = json!({"model": "gpt-4", "max_tokens": 100 * QUOTA, "messages": messages});
    let answer = client::send(stand.address, &chat_body(body).header("x-user-id", user)).await;
    problems.same("the status of what can never fit", &answer.status, &400);
    let mut told = |name: &str| {
        answer.header(name).and_then(|left| left.parse().ok()).unwrap_or_else(|| {
            problems.add(format!("{name} does not say what is left: {answer:?}"));
            u64::MAX
        })
    };
    (told("x-ratelimit-remaining-tokens"), told("x-ratelimit-remaining-requests"))
}

/// The lines of the access log about that user's requests that were sent on, once there are so many.
pub async fn logged(stand: &Stand, user: &str, requests: usize, problems: &mut Problems) -> Vec<Value> {
    let deadline = Instant::now() + WRITTEN_WITHIN;
    loop {
        let log = stand.envoy.log();
        let lines = log.lines().filter(|line| line.contains(user));
        let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<_> =
            lines.filter(|line| line["user"] == user && line["decision"] == "forwarded").collect();
        if lines.len() >= requests || Instant::now() >= deadline {
            problems.same("lines of the access log", &lines.len(), &requests);
            return lines;
        }
        time::sleep(POLL).await;
    }
}

/// What these lines say that their requests cost.
pub fn total(lines: &[Value]) -> u64 {
    let tokens = |line: &Value| line["tokens_total"].as_str().and_then(|tokens| tokens.parse::<u64>().ok());
    lines.iter().map(|line| tokens(line).unwrap_or_default()).sum()
}

/// What these answers cost, by the provider's own record.
pub fn cost(spent: &[Usage]) -> u64 {
    spent.iter().map(|usage| usage.input + usage.output).sum()
}

/// All three say that this user has spent so much in so many requests; the provider's book is what it wrote to the end and what it sent to
/// those who hung up.
pub async fn agree(
    stand: &Stand,
    user: &str,
    requests: usize,
    provider: u64,
    spent: u64,
    problems: &mut Problems,
) {
    let (tokens, left) = left_of_both(stand, user, problems).await;
    problems.same("the ledger's book", &QUOTA.saturating_sub(tokens), &spent);
    problems.same("the ledger's book of requests", &REQUESTS.saturating_sub(left), &(requests as u64));
    let lines = logged(stand, user, requests, problems).await;
    problems.same("the access log's book", &total(&lines), &spent);
    problems.same("the provider's book", &provider, &spent);
}
