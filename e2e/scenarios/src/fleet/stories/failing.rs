//! While Redis or the service is away: who is served, how it is said, and that everything is as before when it is back.

use std::net::SocketAddr;
use std::time::Duration;

use ai_filters::render::Window;
use lab::envoy::Running;
use mock_llm::Reply;
use tokio::time::{self, Instant};

use super::{HELLO, Story, hello, usage};
use crate::client;
use crate::expect::{anthropic_error, openai_error};
use crate::fleet::Fleet;
use crate::problems::Problems;
use crate::request::message;

/// The service's connections to Redis, and Envoy's to the service, are tried again after about a second.
const BACK_WITHIN: Duration = Duration::from_secs(60);

pub(super) fn stories() -> Vec<Story> {
    vec![
        ("fleet/redis-stops-and-is-back", |fleet| Box::pin(redis(fleet))),
        ("fleet/the-service-stops-and-is-back", |fleet| Box::pin(service(fleet))),
    ]
}

async fn redis(fleet: &mut Fleet) -> Problems {
    let mut problems = Problems::default();
    fleet.begin().await;
    fleet.stop_redis().await;
    away(fleet, &mut problems).await;
    fleet.start_redis().await;
    back(fleet, "rita", &mut problems).await;
    problems
}

async fn service(fleet: &mut Fleet) -> Problems {
    let mut problems = Problems::default();
    fleet.begin().await;
    fleet.stop_service().await;
    away(fleet, &mut problems).await;
    fleet.start_service().await;
    back(fleet, "sven", &mut problems).await;
    problems
}

/// What each gateway does meanwhile, and how the client and the operator learn of it.
async fn away(fleet: &Fleet, problems: &mut Problems) {
    let (open, strict) = (&fleet.gateways[0], &fleet.strict);
    let before = (counted(open, "failure_mode_allowed").await, counted(strict, "error").await);

    fleet.openai.script(Reply::text("hello").usage(usage(10)));
    let answer = client::send(fleet.a(), &hello("olga")).await;
    problems.same("served: status", &answer.status, &200);
    problems.same("served: x-ai-global-budget", &answer.header("x-ai-global-budget"), &Some("unchecked"));
    // Each of both budgets was to be asked.
    problems.same("served: counted", &(counted(open, "failure_mode_allowed").await - before.0), &2);

    let refusal = openai_error(503, "server_error").at("/error/code", "budget_unavailable");
    let answer = client::send(fleet.strict(), &hello("olga")).await;
    problems.of("refused", refusal.header("x-ai-global-budget", "unchecked").problems(&answer));
    let answer = client::send(fleet.strict(), &message("hello").header("x-user-id", "olga")).await;
    let refusal = anthropic_error(503, "overloaded_error").header("x-ai-global-budget", "unchecked");
    problems.of("refused", refusal.problems(&answer));
    problems.same("refused: counted", &(counted(strict, "error").await - before.1), &2);
    problems.same("requests at the provider", &fleet.openai.request_count(), &1);
}

/// Once it is there again, both kinds of gateways ask it, and it counts.
async fn back(fleet: &Fleet, caller: &str, problems: &mut Problems) {
    for gateway in [fleet.a(), fleet.b(), fleet.strict()] {
        asks_again(fleet, gateway, problems).await;
    }
    for gateway in [fleet.a(), fleet.strict()] {
        fleet.openai.script(Reply::text("hello").usage(usage(10)));
        let answer = client::send(gateway, &hello(caller)).await;
        problems.same("afterwards: status", &answer.status, &200);
        problems.same("afterwards: x-ai-global-budget", &answer.header("x-ai-global-budget"), &None::<&str>);
    }
    fleet.is_charged(Window::Hour, &format!("user:{caller}"), 2 * (HELLO + 10), problems).await;
}

/// Sends requests until one is answered whose budget was asked.
async fn asks_again(fleet: &Fleet, gateway: SocketAddr, problems: &mut Problems) {
    let deadline = Instant::now() + BACK_WITHIN;
    let probe = format!("probe-{}", gateway.port());
    loop {
        fleet.openai.clear();
        let answer = client::send(gateway, &hello(&probe)).await;
        if answer.status == 200 && answer.header("x-ai-global-budget").is_none() {
            break;
        }
        if Instant::now() >= deadline {
            problems.add(format!("still {} after {} s", answer.status, BACK_WITHIN.as_secs()));
            break;
        }
        time::sleep(Duration::from_millis(200)).await;
    }
}

/// A statistic of the ratelimit filters, over both budgets and all providers.
async fn counted(envoy: &Running, name: &str) -> u64 {
    let stats = envoy.admin().stats(&format!(r"ratelimit\.(hour|day)\.{name}$")).await;
    stats.expect("Envoy's admin answers").values().sum()
}
