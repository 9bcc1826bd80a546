//! Limits: for each user and for callers without a name over all Envoys, for one Envoy alone, and in tokens for the router.

use std::time::Duration;

use mock_llm::{MockProvider, Reply};
use serde_json::json;
use tokio::time::{self, Instant};

use super::super::service::SERVED_BY;
use super::super::{Stack, client::Call, manifests};
use super::{Row, chat};
use crate::identities;
use crate::problems::Problems;

const API: &str = "api.example.com";

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "limits/each-user-has-a-counter",
            proves: &["stack/user-limits.yaml"],
            story: |stack| Box::pin(users(stack)),
        },
        Row {
            name: "limits/one-envoy-counts-for-itself",
            proves: &["stack/local-limit.yaml"],
            story: |stack| Box::pin(local(stack)),
        },
        Row {
            name: "limits/tokens-are-charged-to-their-user",
            proves: &["stack/token-budget.yaml"],
            story: |stack| Box::pin(tokens(stack)),
        },
        Row {
            name: "limits/who-has-no-tokens-left-is-refused",
            proves: &["stack/token-budget.yaml"],
            story: |stack| Box::pin(exhausted(stack)),
        },
    ]
}

async fn statuses(stack: &Stack, call: &Call, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(stack.https(call).await.status);
    }
    statuses
}

async fn users(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    within_one_hour().await;
    let call = |user: &str| Call::get(API, "/reports").header("x-user-id", user);
    let limited = |served: usize, refused: usize| [vec![200; served], vec![429; refused]].concat();
    problems.same("ada", &statuses(stack, &call("ada"), 12).await, &limited(10, 2));
    problems.same("bob", &statuses(stack, &call("bob"), 2).await, &limited(2, 0));
    problems.same("nobody", &statuses(stack, &Call::get(API, "/reports"), 5).await, &limited(3, 2));
    problems.same("bob again", &statuses(stack, &call("bob"), 1).await, &limited(1, 0));
    let refused = stack.https(&call("ada")).await;
    problems.same("served by", refused.header(SERVED_BY), "");
    problems.same("requests that got through", &stack.service("default/reports").seen().len(), &16);
    problems
}

async fn local(stack: &Stack) -> Problems {
    const A_MINUTE: u64 = 20;
    let mut problems = Problems::default();
    let call = Call::get(API, "/webhooks");
    let began = Instant::now();
    problems.same("the first", &statuses(stack, &call, 20).await, &vec![200; 20]);
    // Envoy fills the bucket evenly, one request in three seconds: who is slow finds a little more in it.
    let (mut served, mut refused) = (A_MINUTE, 0);
    while refused < 3 && served < 2 * A_MINUTE {
        match stack.https(&call).await.status {
            200 => served += 1,
            429 => refused += 1,
            other => {
                problems.add(format!("status {other}"));
                return problems;
            }
        }
    }
    let most = A_MINUTE + began.elapsed().as_secs() * A_MINUTE / 60;
    problems.require(refused == 3 && served <= most, || {
        format!("{served} served and {refused} refused in {:?}", began.elapsed())
    });
    let seen = stack.service("default/webhooks").seen().len() as u64;
    problems.same("requests that got through", &seen, &served);
    problems
}

/// What the user was charged this hour.
async fn charged(stack: &Stack, user: &str) -> u64 {
    let keys = stack.redis.keys().await.expect("Redis answers");
    let mut charged = 0;
    for key in keys.iter().filter(|key| key.contains("token-budget") && key.contains(&format!("_{user}_"))) {
        charged += stack.redis.counter(key).await.expect("Redis answers").unwrap_or_default();
    }
    charged
}

/// A problem unless that is what the user is charged in the end.
pub(super) async fn is_charged(stack: &Stack, user: &str, expected: u64, problems: &mut Problems) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while charged(stack, user).await != expected && Instant::now() < deadline {
        time::sleep(Duration::from_millis(50)).await;
    }
    problems.same(&format!("tokens of {user} in Redis"), &charged(stack, user).await, &expected);
}

async fn tokens(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    within_one_hour().await;
    let answer = stack.https(&chat("tilda").at("llm.example.com")).await;
    problems.same("status", &answer.status, &200);
    let whole = answer.json()["usage"]["total_tokens"].as_u64().unwrap_or_default();
    problems.require(whole > 0, || format!("no usage: {}", answer.text()));
    is_charged(stack, "tilda", whole, &mut problems).await;
    // ai-gateway's own budget says what is left of it, beside the shared one.
    problems.require(!answer.header("x-ratelimit-remaining-tokens").is_empty(), || {
        format!("no budget headers: {:?}", answer.headers)
    });

    let answer = stack.http(&streamed("tilda")).await;
    problems.same("status of a stream", &answer.status, &200);
    problems.require(answer.text().trim_end().ends_with("data: [DONE]"), || {
        format!("no whole stream: {}", answer.text())
    });
    let spent: u64 = spent(stack);
    problems.require(spent > whole, || "the stream cost nothing".to_owned());
    is_charged(stack, "tilda", spent, &mut problems).await;

    // A failure of both providers costs nothing.
    stack.openai.set_default(Reply::status(503));
    stack.anthropic.set_default(Reply::status(503));
    let answer = stack.http(&chat("tilda")).await;
    problems.same("status of a failure", &answer.status, &503);
    is_charged(stack, "tilda", spent, &mut problems).await;
    problems
}

async fn exhausted(stack: &Stack) -> Problems {
    const FILE: &str = "stack/token-budget.yaml";
    let mut problems = Problems::default();
    within_one_hour().await;
    let committed = manifests::text(FILE);
    let small = committed.replace("{requests: 100000, unit: Hour}", "{requests: 30, unit: Hour}");
    problems.require(small != committed, || "the limit is another one".to_owned());
    stack.apply(FILE, &small).await;
    // Asked by itself, since the service gets the change on a way of its own: thirteen tokens each, and at 39 there is nothing left.
    let mut statuses = Vec::new();
    for number in 0..8 {
        let answer = stack.http(&chat("ulla")).await;
        statuses.push(answer.status);
        if answer.status == 200 {
            is_charged(stack, "ulla", 13 * (number + 1), &mut problems).await;
        } else {
            // ai-gateway's own budget of 10,000 a minute has more than enough left.
            let left: u64 = answer.header("x-ratelimit-remaining-tokens").parse().unwrap_or_default();
            problems.require(left > 1_000, || format!("not the shared budget refuses: {:?}", answer.headers));
        }
    }
    problems.same("statuses", &statuses, &[vec![200; 3], vec![429; 5]].concat());
    problems.same("requests at the provider", &stack.openai.request_count(), &3);
    problems.same("another user", &stack.http(&chat("vera")).await.status, &200);
    problems.same("a stream of the same user", &stack.http(&streamed("ulla")).await.status, &429);
    stack.apply(FILE, &committed).await;
    problems
}

/// What both providers' answers cost.
pub(super) fn spent(stack: &Stack) -> u64 {
    let spent = [&stack.openai, &stack.anthropic, &stack.canary].map(MockProvider::spent).concat();
    spent.iter().map(|usage| usage.input + usage.output).sum()
}

pub(super) fn streamed(user: &str) -> Call {
    let messages = json!([{"role": "user", "content": "hello"}]);
    let body = json!({"model": "gpt-4", "stream": true, "messages": messages});
    Call::post("llm-router.default.svc", "/v1/chat/completions", &body).header("x-user-id", user)
}

/// Waits where an hour is about to end: its counters would. Where a manifest is applied, its story takes as long as the control plane does.
pub(super) async fn within_one_hour() {
    const ENOUGH: u64 = 180;
    let left = 3600 - identities::now() % 3600;
    if left < ENOUGH {
        time::sleep(Duration::from_secs(left + 1)).await;
    }
}
