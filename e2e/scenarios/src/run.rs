//! Running a row, and what must hold in every row whatever it is about.

use std::io;
use std::time::Duration;

use lab::Failure;
use mock_llm::{Leak, LeakKind, MockProvider};

use tokio::time;

use crate::answer::Answer;
use crate::canary;
use crate::client;
use crate::problems::Problems;
use crate::request::Request;
use crate::row::{Door, Exchange, Play, Provider};
use crate::shape::{ANTHROPIC_HOST, OPENAI_HOST, Shape};
use crate::stand::Stand;

/// A row on the stand of its shape.
///
/// # Panics
/// With a row that has Envoys of its own, and no shape.
pub async fn play(stand: &Stand, play: &Play) -> Problems {
    match play {
        Play::Exchange(exchange) => self::exchange(stand, exchange).await,
        Play::Story(story) => {
            stand.clear();
            let mut problems = story(stand).await;
            always(stand, &mut problems).await;
            problems
        }
        Play::Own(_) => unreachable!("it has no shape"),
    }
}

/// What is shown on a stand that a row starts for itself, and what must hold there as everywhere; or why it did not start.
pub(crate) async fn on_own(
    started: impl Future<Output = Result<Stand, Failure>>,
    shown: impl AsyncFnOnce(&Stand, &mut Problems),
) -> Problems {
    let mut problems = Problems::default();
    match started.await {
        Ok(stand) => {
            shown(&stand, &mut problems).await;
            always(&stand, &mut problems).await;
            stand.stop().await;
        }
        Err(failure) => problems.add(failure.to_string()),
    }
    problems
}

/// One request and its answer on that stand.
pub async fn exchange(stand: &Stand, exchange: &Exchange) -> Problems {
    stand.clear();
    for (provider, part) in [(&stand.openai, &exchange.openai), (&stand.anthropic, &exchange.anthropic)] {
        provider.set_strictness(exchange.strictness);
        prepare(provider, part).await;
    }
    let answer = send(stand, &exchange.request).await;
    let mut problems = Problems::default();
    problems.of("client", exchange.expect.problems(&answer));
    problems.of("openai", exchange.openai.seen.problems(&stand.openai.requests()));
    problems.of("anthropic", exchange.anthropic.seen.problems(&stand.anthropic.requests()));
    for provider in [&stand.openai, &stand.anthropic] {
        let unused = provider.unused_scripts();
        problems
            .require(unused == 0, || format!("{}: {unused} scripted answers unused", provider.kind().name()));
    }
    nothing_comes_back(stand.shape, &answer, &mut problems);
    always(stand, &mut problems).await;
    for (provider, part) in [(&stand.openai, &exchange.openai), (&stand.anthropic, &exchange.anthropic)] {
        if part.door == Door::Refused {
            patiently(async || provider.start_listening().await).await;
        }
    }
    problems
}

async fn prepare(provider: &MockProvider, part: &Provider) {
    provider.script_all(part.replies.iter().cloned());
    match part.door {
        Door::Accept(mock_llm::Accept::Serve) => {}
        Door::Accept(accept) => {
            provider.set_accept(accept);
            // Connections that were made before would still be served.
            provider.close_connections().await;
        }
        Door::Refused => provider.stop_listening().await,
    }
}

/// Listens on a port that was ours a moment ago. Meanwhile a connection from it to somewhere else may have been given its number.
pub async fn patiently<T>(listen: impl AsyncFn() -> io::Result<T>) -> T {
    for _ in 0..100 {
        if let Ok(listening) = listen().await {
            return listening;
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    listen().await.expect("the port that was ours a moment ago")
}

/// Sends a request. Without ai-provider the client's credentials go to the provider, so they have to be the provider's.
pub async fn send(stand: &Stand, request: &Request) -> Answer {
    client::send(stand.address, &dressed(stand.shape, request)).await
}

/// The request with the credentials that its shape needs.
pub fn dressed(shape: Shape, request: &Request) -> Request {
    let mut request = request.clone();
    if !shape.has_provider() {
        for (name, value) in &mut request.headers {
            if name == "authorization" {
                *value = format!("Bearer {}", *canary::OPENAI_KEY).into_bytes();
            }
        }
    }
    request
}

/// What no answer may hold: internal headers and keys.
pub fn nothing_comes_back(shape: Shape, answer: &Answer, problems: &mut Problems) {
    let known = ["x-ai-provider", "x-ai-model", "x-ai-attempts"];
    let counted = ["x-ai-input-tokens", "x-ai-input-tokens-source"];
    for (name, value) in &answer.headers {
        let ours = (known.contains(&name.as_str()) && shape.has_provider())
            || (counted.contains(&name.as_str()) && shape == Shape::Counted)
            || (name == "x-ai-budget-refused" && shape == Shape::Budgets);
        // What a provider says under Envoy's prefix is taken away by ai-provider's allow-list.
        let internal =
            (name.starts_with("x-envoy-") && shape.has_provider()) || (name.starts_with("x-ai-") && !ours);
        problems.require(!internal, || format!("client: internal header {name}"));
        for (what, key) in canary::provider_keys() {
            let text = String::from_utf8_lossy(value);
            problems.require(!text.contains(key), || format!("client: {what} in header {name}"));
        }
    }
    for (what, key) in canary::provider_keys() {
        problems.require(!answer.text().contains(key), || format!("client: {what} in the body"));
    }
}

/// What must hold after every row: nothing leaked to a provider, the right host was asked for, nothing crashed.
pub async fn always(stand: &Stand, problems: &mut Problems) {
    for (provider, host) in [(&stand.openai, OPENAI_HOST), (&stand.anthropic, ANTHROPIC_HOST)] {
        let who = provider.kind().name();
        for leak in provider.leaks() {
            problems.require(is_of_shape(stand.shape, &leak), || format!("{who}: leaked {leak}"));
        }
        for request in provider.requests() {
            problems.same(&format!("{who}: SNI"), &request.sni.as_deref(), &Some(host));
            let authority = format!("{host}:{}", provider.address().port());
            // Envoy names the endpoint's host where nobody else does, and leaves out the port.
            let authority = if stand.shape.has_provider() { authority } else { host.to_owned() };
            problems.same(&format!("{who}: authority"), &request.authority, &authority);
        }
    }
    stand.health(problems).await;
}

/// What is no leak but how that shape is: without ai-provider the client's own headers go out, and where they go out before the body was
/// read, a refused request has begun at the provider and is broken off.
fn is_of_shape(shape: Shape, leak: &Leak) -> bool {
    match leak.kind {
        LeakKind::ClientHeader | LeakKind::AcceptEncoding => !shape.has_provider(),
        LeakKind::BodyLength => {
            shape.like() == Shape::GatewayAloneNotHeld && leak.detail.contains("ended in a chunked body")
        }
        _ => false,
    }
}
