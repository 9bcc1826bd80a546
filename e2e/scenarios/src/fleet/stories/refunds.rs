//! Reserving and giving back, for a service that understands `is_negative_hits`: what Envoy sends, and why the released one will not do.

use std::time::Duration;

use ai_filters::render::{OnFailure, Refunds, Window};
use mock_llm::Reply;
use tokio::time::{self, Instant};

use super::{HELLO, Story, hello, usage};
use crate::client;
use crate::fleet::recorder::{Charge, Recorder};
use crate::fleet::{Fleet, budget};
use crate::problems::Problems;

/// What the provider reports in these stories.
const COMPLETION: u64 = 30;

pub(super) fn stories() -> Vec<Story> {
    vec![
        ("fleet/refunds-are-sent-as-negative-hits", |fleet| Box::pin(sent(fleet))),
        ("fleet/the-released-service-charges-refunds", |fleet| Box::pin(charged(fleet))),
    ]
}

/// Other numbers that are published stand for those of a reservation: the prompt for what was reserved, the completion for what is left.
fn reserving(bootstrap: &str) -> String {
    bootstrap
        .replace("wasm.ai.tokens.reserved", "ai.budget.prompt")
        .replace("wasm.ai.tokens.refund", "wasm.ai.tokens.output")
}

/// ai-gateway makes no reservation: then everything is as without refunds.
fn as_rendered(bootstrap: &str) -> String {
    bootstrap.to_owned()
}

async fn sent(fleet: &mut Fleet) -> Problems {
    let mut problems = Problems::default();
    fleet.begin().await;
    let fleet = &*fleet;
    let start = async |name: &str, change: fn(&str) -> String| {
        let recorder = Recorder::start().await;
        let budget = budget(recorder.address().port(), OnFailure::Refuse, Refunds::NegativeHits);
        let gateway = fleet.gateway(name, budget, change).await;
        (recorder, gateway)
    };
    let (without, with) = tokio::join!(start("no-reservation", as_rendered), start("reservation", reserving));
    for (name, (recorder, gateway), at_end, refund) in
        [("no reservation", without, COMPLETION, 0), ("a reservation", with, 0, COMPLETION)]
    {
        let gateway = match gateway {
            Ok(gateway) => gateway,
            Err(failure) => {
                problems.add(failure.to_string());
                return problems;
            }
        };
        fleet.openai.script(Reply::text("hello").usage(usage(COMPLETION)));
        let answer = client::send(gateway.address().expect("a listener"), &hello("rex")).await;
        problems.same("status", &answer.status, &200);
        // Two budgets, each asked once before and once with two descriptors afterwards.
        let seen = heard(&recorder, 6).await;
        for window in [Window::Hour, Window::Day] {
            let entries = vec![format!("budget={}", window.name()), "caller=user:rex".to_owned()];
            let charge = |hits, negative| Charge { entries: entries.clone(), hits: Some(hits), negative };
            let expected = vec![charge(HELLO, false), charge(at_end, false), charge(refund, true)];
            let of_window: Vec<_> = seen.iter().filter(|charge| charge.entries == entries).cloned().collect();
            problems.same(&format!("{} ({name})", window.name()), &of_window, &expected);
        }
        // That it had to be killed is no news.
        let _ = gateway.stop().await;
    }
    problems
}

/// What the recorder has heard, once it is that many.
async fn heard(recorder: &Recorder, count: usize) -> Vec<Charge> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while recorder.charges().len() < count && Instant::now() < deadline {
        time::sleep(Duration::from_millis(20)).await;
    }
    recorder.charges()
}

/// The day on which this fails is the day on which refunds can be recommended.
async fn charged(fleet: &mut Fleet) -> Problems {
    let mut problems = Problems::default();
    fleet.begin().await;
    let budget = budget(fleet.service_port, OnFailure::Refuse, Refunds::NegativeHits);
    let gateway = match fleet.gateway("released", budget, reserving).await {
        Ok(gateway) => gateway,
        Err(failure) => {
            problems.add(failure.to_string());
            return problems;
        }
    };
    fleet.openai.script(Reply::text("hello").usage(usage(COMPLETION)));
    let answer = client::send(gateway.address().expect("a listener"), &hello("roy")).await;
    problems.same("status", &answer.status, &200);
    fleet.is_charged(Window::Hour, "user:roy", HELLO + COMPLETION, &mut problems).await;
    let _ = gateway.stop().await;
    problems
}
