//! One budget for all gateways: what one of them charges, the others refuse.

use std::iter::repeat_n;
use std::net::SocketAddr;

use ai_filters::render::{OnFailure, Refunds, Window};
use mock_llm::{MockProvider, Reply};
use serde_json::json;

use super::{HELLO, Story, asks, hello, nameless, usage};
use crate::client;
use crate::expect::{anthropic_error, openai_error};
use crate::fleet::{Fleet, PER_HOUR, budget, key};
use crate::problems::Problems;
use crate::request::{Request, message};

pub(super) fn stories() -> Vec<Story> {
    vec![
        ("fleet/what-one-gateway-charges-the-other-refuses", |fleet| Box::pin(shared(fleet))),
        ("fleet/a-prompt-that-does-not-fit-is-refused-at-once", |fleet| Box::pin(too_long(fleet))),
        ("fleet/callers-without-a-name-share-one-budget", |fleet| Box::pin(anonymous(fleet))),
        ("fleet/the-overshoot-is-what-is-in-flight", |fleet| Box::pin(overshoot(fleet))),
        ("fleet/a-gateways-own-budget-bounds-the-overshoot", |fleet| Box::pin(bounded(fleet))),
        ("fleet/odd-names-are-charged-too", |fleet| Box::pin(odd_names(fleet))),
    ]
}

async fn shared(fleet: &mut Fleet) -> Problems {
    const COMPLETION: u64 = 100;
    let mut problems = Problems::default();
    fleet.begin().await;
    let mut charged = 0;
    for gateway in [fleet.a(), fleet.b(), fleet.a()] {
        fleet.openai.script(Reply::text("hello").usage(usage(COMPLETION)));
        let answer = client::send(gateway, &hello("ann")).await;
        problems.same("status", &answer.status, &200);
        problems.same("x-ai-global-budget", &answer.header("x-ai-global-budget"), &None::<&str>);
        // What was left when the request was admitted: its completion is charged later.
        let left = answer.header("x-ratelimit-remaining").and_then(|left| left.parse::<u64>().ok());
        problems.same("x-ratelimit-remaining", &left, &Some(PER_HOUR - charged - HELLO));
        charged += HELLO + COMPLETION;
        fleet.is_charged(Window::Hour, "user:ann", charged, &mut problems).await;
    }

    // 324 of 300: the third completion was not known when its request was let in. Now nobody lets in anything.
    let refusal = openai_error(429, "rate_limit_error").at("/error/code", "insufficient_quota");
    for gateway in [fleet.b(), fleet.a()] {
        let answer = client::send(gateway, &hello("ann")).await;
        problems.of("refused", refusal.problems(&answer));
        problems.same("x-should-retry", &answer.header("x-should-retry"), &Some("false"));
        let wait = answer.header("retry-after").and_then(|wait| wait.parse::<u64>().ok());
        let possible = wait.is_some_and(|wait| (1..=3600).contains(&wait));
        problems.require(possible, || format!("retry-after: {wait:?}"));
        problems.same("x-ai-global-budget", &answer.header("x-ai-global-budget"), &None::<&str>);
    }
    let answer = client::send(fleet.b(), &message("hello").header("x-user-id", "ann")).await;
    problems.of("refused", anthropic_error(429, "rate_limit_error").problems(&answer));
    problems.require(answer.header("retry-after").is_some(), || "no retry-after".to_owned());
    problems.same("requests at the provider", &fleet.openai.request_count(), &3);

    // What the hour refuses is not charged to the day.
    fleet.is_charged(Window::Day, "user:ann", charged, &mut problems).await;
    fleet.openai.script(Reply::text("hello").usage(usage(1)));
    problems.same("another caller", &client::send(fleet.b(), &hello("bob")).await.status, &200);

    let keys = fleet.redis().keys().await.unwrap_or_default();
    for (window, length) in [(Window::Hour, 3_600), (Window::Day, 86_400)] {
        let key = key(window, "user:ann");
        problems.require(keys.contains(&key), || format!("{key} is none of {keys:?}"));
        // The service adds up to five minutes, so that not all keys go away at once.
        let lives = fleet.redis().time_to_live(&key).await.unwrap_or_default();
        let expected = (length - 60..=length + 300).contains(&lives);
        problems.require(expected, || format!("{key} lives {lives} s"));
    }
    problems
}

async fn too_long(fleet: &mut Fleet) -> Problems {
    let mut problems = Problems::default();
    fleet.begin().await;
    let content = vec!["hello"; 400].join(" ");
    let body = json!({"model": "gpt-4", "messages": [{"role": "user", "content": content}]});
    let answer = client::send(fleet.a(), &asks("long", body)).await;
    problems.of("refused", openai_error(429, "rate_limit_error").problems(&answer));
    problems.same("requests at the provider", &fleet.openai.request_count(), &0);
    fleet.is_charged(Window::Day, "user:long", 0, &mut problems).await;
    // The service has added what it refused: what would have fitted finds a window that is used up.
    problems.same("afterwards", &client::send(fleet.b(), &hello("long")).await.status, &429);
    problems
}

async fn anonymous(fleet: &mut Fleet) -> Problems {
    let mut problems = Problems::default();
    fleet.begin().await;
    for gateway in [fleet.a(), fleet.b()] {
        fleet.openai.script(Reply::text("hello").usage(usage(20)));
        problems.same("status", &client::send(gateway, &nameless()).await.status, &200);
    }
    fleet.is_charged(Window::Hour, "user:", 2 * (HELLO + 20), &mut problems).await;
    problems
}

/// K gateways let in what fits when it comes. With M requests of a caller in flight at each, and at most C tokens in each completion, the
/// caller gets no more than K × M × C beyond the budget; this is the case in which it gets exactly that.
async fn overshoot(fleet: &mut Fleet) -> Problems {
    const IN_FLIGHT: usize = 3;
    const COMPLETION: u64 = 100;
    let mut problems = Problems::default();
    fleet.begin().await;
    let gateways = [fleet.a(), fleet.b()];
    let requests = gateways.len() * IN_FLIGHT;
    let in_flight = requests as u64;

    let used = PER_HOUR - in_flight * HELLO;
    fleet.openai.script(Reply::text("hello").usage(usage(used - HELLO)));
    problems.same("status", &client::send(fleet.a(), &hello("eve")).await.status, &200);
    fleet.is_charged(Window::Hour, "user:eve", used, &mut problems).await;

    fleet.openai.script_all(vec![Reply::text("hello").usage(usage(COMPLETION)).held(); requests]);
    let sent = gateways.into_iter().flat_map(|gateway| repeat_n(gateway, IN_FLIGHT));
    let statuses = at_once(fleet, sent, &hello("eve"), requests).await;
    problems.same("statuses", &statuses, &vec![200; requests]);
    fleet.is_charged(Window::Hour, "user:eve", PER_HOUR + in_flight * COMPLETION, &mut problems).await;
    problems.same("the next", &client::send(fleet.b(), &hello("eve")).await.status, &429);
    problems
}

/// With a budget of its own, each gateway lets in no more than that has room for, prompt and longest completion together. So the caller gets
/// no more than K times that beyond the shared budget, however many requests it sends, and in an hour without the service no more at all.
async fn bounded(fleet: &mut Fleet) -> Problems {
    const SENT: usize = 4;
    const LET_IN: usize = 2;
    const COMPLETION: u64 = 92;
    /// A request reserves some 100 tokens, its prompt and its longest answer: two of them fit.
    const OWN: &str = r#""budgets": {"limits": [{"name": "own", "quota": {"amount": 250, "window": "hour"}}]}, "other_paths""#;
    let mut problems = Problems::default();
    fleet.begin().await;
    let shared = || budget(fleet.service_port, OnFailure::Serve, Refunds::None);
    let with_own = |bootstrap: &str| bootstrap.replace(r#""other_paths""#, OWN);
    let (first, second) = tokio::join!(
        fleet.gateway("own-first", shared(), with_own),
        fleet.gateway("own-second", shared(), with_own),
    );
    let (first, second) = match (first, second) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(failure), _) | (_, Err(failure)) => {
            problems.add(failure.to_string());
            return problems;
        }
    };
    let gateways = [first.address().expect("a listener"), second.address().expect("a listener")];
    let let_in = (gateways.len() * LET_IN) as u64;

    let used = PER_HOUR - let_in * HELLO;
    fleet.openai.script(Reply::text("hello").usage(usage(used - HELLO)));
    problems.same("status", &client::send(fleet.a(), &hello("ivy")).await.status, &200);
    fleet.is_charged(Window::Hour, "user:ivy", used, &mut problems).await;

    fleet.openai.set_default(Reply::text("hello").usage(usage(COMPLETION)).held());
    let messages = json!([{"role": "user", "content": "hello"}]);
    let request = asks("ivy", json!({"model": "gpt-4", "max_tokens": COMPLETION, "messages": messages}));
    let sent = gateways.into_iter().flat_map(|gateway| repeat_n(gateway, SENT));
    let statuses = at_once(fleet, sent, &request, gateways.len() * LET_IN).await;
    let of = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    problems.same("let in and refused", &(of(200), of(429)), &(2 * LET_IN, 2 * (SENT - LET_IN)));
    let charged = PER_HOUR + let_in * COMPLETION;
    fleet.is_charged(Window::Hour, "user:ivy", charged, &mut problems).await;
    for gateway in [first, second] {
        // That it had to be killed is no news.
        let _ = gateway.stop().await;
    }
    problems
}

/// Sends that request to each of these at once, and releases the provider's answers when so many of them are in flight; the statuses.
async fn at_once(
    fleet: &Fleet,
    gateways: impl Iterator<Item = SocketAddr>,
    request: &Request,
    in_flight: usize,
) -> Vec<u16> {
    let before = fleet.openai.request_count();
    let sent: Vec<_> = gateways
        .map(|gateway| {
            let request = request.clone();
            tokio::spawn(async move { client::send(gateway, &request).await.status })
        })
        .collect();
    let all = |provider: &MockProvider| provider.request_count() >= before + in_flight;
    fleet.openai.wait_until("so many are in flight", all).await;
    fleet.openai.release();
    let mut statuses = Vec::new();
    for answer in sent {
        statuses.push(answer.await.expect("a request that was not given up"));
    }
    statuses
}

/// Names that a client might choose where nobody authenticates: none may pass uncharged, none may be taken for another's.
async fn odd_names(fleet: &mut Fleet) -> Problems {
    let mut problems = Problems::default();
    fleet.begin().await;
    let longest = "n".repeat(256);
    for name in ["with space", "under_score_1", "%REQ(authorization)%", "\"quoted\\", "s\u{f8}ren", &longest]
    {
        fleet.openai.script(Reply::text("hello").usage(usage(5)));
        let answer = client::send(fleet.a(), &hello(name)).await;
        problems.same(&format!("{name}: status"), &answer.status, &200);
        let said = answer.header("x-ai-global-budget");
        problems.same(&format!("{name}: x-ai-global-budget"), &said, &None::<&str>);
        fleet.is_charged(Window::Hour, &format!("user:{name}"), HELLO + 5, &mut problems).await;
    }
    // What is no name must not end as a question that the service cannot read, nor as a key of any length.
    let served = fleet.openai.request_count();
    let long = "n".repeat(1_000);
    let names: [&[u8]; 4] = [b"\xff\xfe", b"tab\tbed", b"two, names", long.as_bytes()];
    for name in names {
        let answer = client::send(fleet.a(), &nameless().header("x-user-id", name)).await;
        problems.of("no name", openai_error(401, "authentication_error").problems(&answer));
    }
    problems.same("requests at the provider", &fleet.openai.request_count(), &served);
    problems
}
