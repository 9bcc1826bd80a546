//! The steps about budgets: what a stream costs of which nobody asked for the usage, and a user who has spent a minute's tokens.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use mock_llm::{Reply as Script, Usage};
use serde_json::json;
use tokio::time;

use super::claims::Claims;
use super::steps::Show;
use super::view::{self, Wanted, at};
use crate::http::{self as client, HttpError, Reply};

/// What the example gives each user in a minute.
const PER_MINUTE: u64 = 10_000;
/// And in a day.
const PER_DAY: u64 = 100_000;
/// More than any budget of the example has.
const NEVER: u64 = 1_000_000;
/// A request is settled after its client has the answer: so often is it looked whether it is.
const LOOKS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

pub(super) async fn all(show: &Show<'_>, claims: &mut Claims) {
    unasked_usage(show, claims).await;
    a_minute_is_spent(show, claims).await;
}

async fn unasked_usage(show: &Show<'_>, claims: &mut Claims) {
    const USER: &str = "carol";
    claims.section("A stream whose client did not ask what it costs, and is charged what it cost");
    show.reset();
    show.scripted.openai.script(Script::chunks(["Once ", "upon ", "a time."]).usage(Usage::new(20, 300)));
    let Some((reply, _)) = show.ask_as(claims, USER, "Tell me a story.", Wanted::Stream).await else {
        return;
    };
    claims.claim("the client's stream says nothing of usage", !reply.text().contains("usage"), reply.text());
    let asked = show.scripted.openai.requests().first().map(view::body).unwrap_or_default();
    claims.equal(
        "the provider was asked for it",
        at(&asked, "/stream_options/include_usage"),
        &serde_json::Value::Bool(true),
    );
    let spent = show
        .scripted
        .openai
        .spent()
        .iter()
        .fold(0_u64, |sum, usage| sum.saturating_add(usage.input).saturating_add(usage.output));
    spends(show, claims, USER, spent).await;
}

async fn a_minute_is_spent(show: &Show<'_>, claims: &mut Claims) {
    const USER: &str = "alice";
    claims.section("A user has spent a minute's tokens, and another one has not");
    show.reset();
    show.scripted.openai.script(Script::text("That was long.").usage(Usage::new(20, 9_980)));
    if show.ask_as(claims, USER, "Write a long story.", Wanted::Whole).await.is_none() {
        return;
    }
    spends(show, claims, USER, PER_MINUTE).await;

    show.reset();
    let Some((refused, _)) = show.ask_as(claims, USER, "And another one.", Wanted::Whole).await else {
        return;
    };
    claims.equal("she is refused", &refused.status, &429);
    show.error(claims, &refused);
    let json = refused.json();
    claims.equal(
        "as one who has to wait",
        at(&json, "/error/code"),
        &serde_json::Value::from("rate_limit_exceeded"),
    );
    let seconds = refused.header("retry-after").parse::<u64>().unwrap_or_default();
    claims.claim("she is told how long", (1..=60).contains(&seconds), refused.header("retry-after"));
    claims.equal(
        "x-ratelimit-limit-tokens says of what",
        &refused.header("x-ratelimit-limit-tokens"),
        &"10000",
    );
    claims.equal("no provider was asked", &show.scripted.openai.request_count(), &0);

    show.scripted.openai.script(Script::text("Of course."));
    if let Some((served, _)) = show.ask_as(claims, "bob", "May I?", Wanted::Whole).await {
        claims.equal("he is served meanwhile", &served.status, &200);
    }
}

/// Claims that the user has spent so much of the day, as soon as it is settled.
async fn spends(show: &Show<'_>, claims: &mut Claims, user: &str, spent: u64) {
    let mut seen = None;
    for _ in 0..LOOKS {
        seen = left_of_the_day(show, user).await.and_then(|left| PER_DAY.checked_sub(left));
        if seen == Some(spent) {
            break;
        }
        time::sleep(BETWEEN_LOOKS).await;
    }
    claims.equal(
        &format!("{user}'s day is {spent} tokens shorter, as the provider reports"),
        &seen,
        &Some(spent),
    );
}

/// What the user has left of the day, as a request is told that takes nothing because it could never fit.
async fn left_of_the_day(show: &Show<'_>, user: &str) -> Option<u64> {
    let reply = asks_too_much(show, user).await.ok()?;
    let told = reply.header("ratelimit").to_owned();
    let day = told.split(", ").find_map(|item| item.strip_prefix("\"user-day\";r="))?;
    day.split(';').next()?.parse().ok()
}

async fn asks_too_much(show: &Show<'_>, user: &str) -> Result<Reply, HttpError> {
    let messages = json!([{"role": "user", "content": "How much is left?"}]);
    let body = json!({"model": show.stand.model, "max_tokens": NEVER, "messages": messages});
    let request: Request<Bytes> = client::post_json("/v1/chat/completions", &[("x-user-id", user)], &body)?;
    client::send(show.stand.address, request, Duration::from_secs(10)).await
}
