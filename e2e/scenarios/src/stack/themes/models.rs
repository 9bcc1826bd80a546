//! A canary of a model's backend: the router's own requests, shared by weight and still counted.

use mock_llm::Reply;

use super::super::{Stack, manifests};
use super::limits::{is_charged, spent, streamed, within_one_hour};
use super::{Row, chat};
use crate::problems::Problems;

pub(super) fn rows() -> Vec<Row> {
    vec![Row {
        name: "models/one-in-ten-goes-to-the-canary-and-is-counted",
        proves: &["stack/optional/llm-canary.yaml"],
        story: |stack| Box::pin(canary(stack)),
    }]
}

/// Of so many draws with one chance in ten: five standard deviations (5.2 each) below and almost eight above, where the tail is longer, which
/// is wrong once in seven thousand million runs.
const DRAWS: usize = 300;
const CANARIES: std::ops::RangeInclusive<usize> = 4..=70;

async fn canary(stack: &Stack) -> Problems {
    const FILE: &str = "stack/optional/llm-canary.yaml";
    let mut problems = Problems::default();
    within_one_hour().await;
    stack.apply(FILE, &manifests::text(FILE)).await;
    problems.of("the status", stack.unaccepted());
    for number in 0..DRAWS {
        // Every third is a stream.
        let call = if number % 3 == 0 { streamed("wanda") } else { chat("wanda") };
        let answer = stack.http(&call).await;
        problems.require(answer.status == 200, || format!("status {}: {}", answer.status, answer.text()));
        problems.require(!answer.header("x-ratelimit-remaining-tokens").is_empty(), || {
            format!("no budget headers: {:?}", answer.headers)
        });
    }
    let canaries = stack.canary.request_count();
    problems.same("requests at both", &(stack.openai.request_count() + canaries), &DRAWS);
    problems.require(CANARIES.contains(&canaries), || format!("{canaries} of {DRAWS} went to the canary"));
    problems.require(stack.canary.leaks().is_empty(), || format!("leaks: {:?}", stack.canary.leaks()));
    is_charged(stack, "wanda", spent(stack), &mut problems).await;

    // What fails at either goes on to the second rank.
    stack.clear();
    stack.openai.set_default(Reply::status(503));
    stack.canary.set_default(Reply::status(503));
    let answer = stack.http(&chat("wilma")).await;
    problems.same("status of a fallback", &answer.status, &200);
    problems.same("requests at the second rank", &stack.anthropic.request_count(), &1);
    stack.remove(FILE).await;
    stack.clear();
    for _ in 0..20 {
        problems.same("status without the canary", &stack.http(&chat("wilma")).await.status, &200);
    }
    problems.same("requests at the canary afterwards", &stack.canary.request_count(), &0);
    problems
}
