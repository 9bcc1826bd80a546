//! What a budget costs and says: refusals in both dialects, what is left after each kind of answer, what providers are asked for because of it.
//!
//! Each row has a user of its own, and so its own budgets.

use std::time::Duration;

use mock_llm::{Reply, Usage};
use serde_json::{Value, json};
use tokio::time::{self, Instant};

use super::{PROVIDER_ALONE, WITH_GATEWAY};
use crate::answer::Answer;
use crate::client;
use crate::expect::{anthropic_error, openai_error};
use crate::problems::Problems;
use crate::proof;
use crate::request::Request;
use crate::row::Row;
use crate::run::{self, dressed, nothing_comes_back};
use crate::shape::{PER_MINUTE, PER_MONTH, REQUESTS_PER_HOUR, Shape};
use crate::sse;
use crate::stand::{Equipment, Stand};

const HERE: &[Shape] = &[Shape::Budgets];
/// A request is settled after its client has the answer.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::story("budgets/a-rate-is-refused-with-its-time", HERE, |stand| {
            Box::pin(in_one_month(rate(stand)))
        }),
        Row::story("budgets/a-rate-is-refused-with-its-time-anthropic-client", HERE, |stand| {
            Box::pin(in_one_month(rate_of_messages(stand)))
        }),
        Row::story("budgets/a-quota-is-not-worth-retrying", HERE, |stand| {
            Box::pin(in_one_month(quota(stand)))
        }),
        Row::story("budgets/what-can-never-fit", HERE, |stand| Box::pin(in_one_month(never(stand)))),
        Row::story("budgets/requests-are-counted-beside-tokens", HERE, |stand| {
            Box::pin(in_one_month(requests(stand)))
        }),
        Row::story("budgets/usage-that-nobody-asked-for-is-settled-and-not-shown", HERE, |stand| {
            Box::pin(in_one_month(unasked_usage(stand)))
        }),
        Row::story("budgets/a-provider-that-reports-nothing-is-counted", HERE, |stand| {
            Box::pin(in_one_month(unreported(stand)))
        }),
        Row::story("budgets/the-provider-that-answered-is-settled", HERE, |stand| {
            Box::pin(in_one_month(fallback(stand)))
        }),
        Row::story("budgets/what-failed-costs-nothing", HERE, |stand| Box::pin(in_one_month(failed(stand)))),
        Row::story("budgets/are-kept", WITH_GATEWAY, |stand| Box::pin(kept(stand, 429))),
        Row::story("budgets/are-not-kept-without-gateway", PROVIDER_ALONE, |stand| {
            Box::pin(kept(stand, 200))
        }),
    ]
}

/// A story whose numbers are of one month.
async fn in_one_month(story: impl Future<Output = Problems>) -> Problems {
    proof::within_one_window().await;
    story.await
}

/// The same deployment with a budget, the second request of which finds it used up; what that is answered.
async fn kept(stand: &Stand, expected: u16) -> Problems {
    let equipment = Equipment::find().await.expect("what the stand was started with");
    // Beside an Envoy Gateway there is no room for another.
    let budgets = ai_filters::render::token_budgets(Some(500), None);
    let started = Stand::start_with(stand.shape.like(), &equipment, 1, |router| router.budgets = budgets);
    run::on_own(started, async |own, problems| used_up(stand, own, expected, problems).await).await
}

async fn used_up(stand: &Stand, own: &Stand, expected: u16, problems: &mut Problems) {
    for _ in 0..2 {
        own.openai.script(Reply::text("Hello.").usage(Usage::new(40, 400)));
    }
    let asked = dressed(own.shape, &asks("ann", 100).bearer());
    stand.clear();
    stand.openai.script(Reply::text("Hello.").usage(Usage::new(40, 400)));
    problems.same("without a budget", &client::send(stand.address, &asked).await.status, &200);
    let first = client::send(own.address, &asked).await;
    problems.same("the first", &first.status, &200);
    let deadline = Instant::now() + SETTLED_WITHIN;
    let mut second = client::send(own.address, &asked).await;
    // What was used is settled after the client has the answer; until then the reservation holds, which leaves room for one more.
    while second.status != expected && Instant::now() < deadline {
        time::sleep(POLL).await;
        own.openai.script(Reply::text("Hello.").usage(Usage::new(40, 400)));
        second = client::send(own.address, &asked).await;
    }
    problems.same("the second", &second.status, &expected);
    let refused = second.header("x-ai-budget-refused");
    problems.same("the budget", &refused, &(expected == 429).then_some("user-day"));
}

/// An OpenAI client's question in the name of that user, who is told by a header.
pub(super) fn asks(user: &str, most: u64) -> Request {
    Request::new("POST", "/v1/chat/completions").json(&hello(most)).header("x-user-id", user)
}

pub(super) fn streams(user: &str, most: u64, options: Option<Value>) -> Request {
    let mut body = hello(most);
    body["stream"] = json!(true);
    if let Some(options) = options {
        body["stream_options"] = options;
    }
    Request::new("POST", "/v1/chat/completions").json(&body).header("x-user-id", user)
}

/// The same as a stream.
pub(super) fn streams_as_anthropic(user: &str, most: u64) -> Request {
    let mut body = hello(most);
    body["stream"] = json!(true);
    let request = Request::new("POST", "/v1/messages").header("anthropic-version", "2023-06-01");
    request.json(&body).header("x-user-id", user)
}

/// An Anthropic client's question in the name of that user.
pub(super) fn asks_as_anthropic(user: &str, most: u64) -> Request {
    Request::new("POST", "/v1/messages")
        .header("anthropic-version", "2023-06-01")
        .json(&hello(most))
        .header("x-user-id", user)
}

fn hello(most: u64) -> Value {
    json!({"model": "gpt-4", "max_tokens": most, "messages": [{"role": "user", "content": "hello"}]})
}

/// What an answer says that is left of a budget, in the structured field.
pub(super) fn left_of(answer: &Answer, budget: &str) -> Option<u64> {
    let told = answer.header("ratelimit")?;
    let items = told.split(", ").find_map(|item| item.strip_prefix(&format!("\"{budget}\";r=")))?;
    items.split(';').next()?.parse().ok()
}

/// What that user has left of the month, as a request is told that takes nothing because it could never fit.
async fn left(stand: &Stand, user: &str) -> u64 {
    let answer = client::send(stand.address, &asks(user, 100 * PER_MONTH)).await;
    left_of(&answer, "user-month").unwrap_or(u64::MAX)
}

/// Waits until that user has spent so much of the month.
async fn has_spent(stand: &Stand, user: &str, spent: u64, problems: &mut Problems) {
    let deadline = Instant::now() + SETTLED_WITHIN;
    loop {
        let seen = PER_MONTH.checked_sub(left(stand, user).await);
        if seen == Some(spent) || Instant::now() >= deadline {
            problems.same(&format!("what {user} has spent"), &seen, &Some(spent));
            return;
        }
        time::sleep(POLL).await;
    }
}

/// One answer that costs so much.
async fn spend(stand: &Stand, user: &str, usage: Usage, problems: &mut Problems) {
    stand.openai.script(Reply::text("hello").usage(usage));
    let answer = client::send(stand.address, &asks(user, 100)).await;
    problems.same("the status of an answer that fits", &answer.status, &200);
    has_spent(stand, user, usage.input + usage.output, problems).await;
}

fn number(answer: &Answer, name: &str) -> u64 {
    answer.header(name).and_then(|value| value.parse().ok()).unwrap_or(u64::MAX)
}

/// What may be left of the rate when all but a hundred tokens were spent after that moment: it is refilled evenly.
fn at_most_left(began: Instant) -> u64 {
    100 + (began.elapsed().as_secs() + 1) * PER_MINUTE / 60
}

/// What every refusal by the rate tells, whatever the dialect: when to try again, and both budgets as they stand.
fn tells_the_time(answer: &Answer, began: Instant, problems: &mut Problems) {
    let seconds = number(answer, "retry-after");
    problems
        .require((1..=60).contains(&seconds), || format!("retry-after: {:?}", answer.header("retry-after")));
    let millis = number(answer, "retry-after-ms");
    problems.same("retry-after-ms rounded up", &millis.div_ceil(1_000), &seconds);
    problems.same("x-should-retry", &answer.header("x-should-retry"), &None::<&str>);
    problems.same("who refused", &answer.header("x-ai-budget-refused"), &Some("user-minute"));
    let policy = answer.header("ratelimit-policy").unwrap_or_default();
    for told in ["\"user-minute\";q=2000;qu=\"tokens\";w=60", "\"requests\";q=60;qu=\"requests\";w=3600"] {
        problems.require(policy.contains(told), || format!("{told} is not in ratelimit-policy: {policy}"));
    }
    problems.require(left_of(answer, "user-minute").is_some_and(|left| left <= at_most_left(began)), || {
        format!("ratelimit: {:?}", answer.header("ratelimit"))
    });
    problems.same("left of the month", &left_of(answer, "user-month"), &Some(PER_MONTH - 1_900));
    nothing_comes_back(Shape::Budgets, answer, problems);
}

async fn rate(stand: &Stand) -> Problems {
    const USER: &str = "rate-of-openai";
    let mut problems = Problems::default();
    let began = Instant::now();
    spend(stand, USER, Usage::new(8, 1_892), &mut problems).await;
    let before = stand.openai.request_count();
    let refused = client::send(stand.address, &asks(USER, 1_000)).await;
    let expected =
        openai_error(429, "rate_limit_error").at("/error/code", "rate_limit_exceeded").says("`user-minute`");
    problems.of("client", expected.problems(&refused));
    tells_the_time(&refused, began, &mut problems);
    problems.same("limit", &number(&refused, "x-ratelimit-limit-tokens"), &PER_MINUTE);
    let left = number(&refused, "x-ratelimit-remaining-tokens");
    problems.require(left <= at_most_left(began), || format!("too much is left: {left}"));
    let reset = refused.header("x-ratelimit-reset-tokens").unwrap_or_default();
    problems
        .require(reset.ends_with('s') && reset.len() > 1, || format!("a reset in OpenAI's form: {reset}"));
    problems.same("limit of requests", &number(&refused, "x-ratelimit-limit-requests"), &REQUESTS_PER_HOUR);
    problems.same("requests at the provider", &stand.openai.request_count(), &before);
    // Another user has a budget of their own.
    stand.openai.script(Reply::text("hello"));
    let other = client::send(stand.address, &asks("rate-of-another", 1_000)).await;
    problems.same("another user's status", &other.status, &200);
    problems
}

async fn rate_of_messages(stand: &Stand) -> Problems {
    const USER: &str = "rate-of-anthropic";
    let mut problems = Problems::default();
    let began = Instant::now();
    spend(stand, USER, Usage::new(8, 1_892), &mut problems).await;
    let refused = client::send(stand.address, &asks_as_anthropic(USER, 1_000)).await;
    problems.of("client", anthropic_error(429, "rate_limit_error").says("`user-minute`").problems(&refused));
    tells_the_time(&refused, began, &mut problems);
    problems.same("limit", &number(&refused, "anthropic-ratelimit-tokens-limit"), &PER_MINUTE);
    let left = number(&refused, "anthropic-ratelimit-tokens-remaining");
    problems.require(left <= at_most_left(began), || format!("too much is left: {left}"));
    let reset = refused.header("anthropic-ratelimit-tokens-reset").unwrap_or_default();
    problems.require(reset.len() == 20 && reset.ends_with('Z') && reset.contains('T'), || {
        format!("a reset in Anthropic's form: {reset}")
    });
    let requests = number(&refused, "anthropic-ratelimit-requests-limit");
    problems.same("limit of requests", &requests, &REQUESTS_PER_HOUR);
    problems.same("OpenAI's headers", &refused.header("x-ratelimit-limit-tokens"), &None::<&str>);
    problems
}

/// An answer that became longer than anybody expected is owed, and nothing that an SDK could wait for mends it.
async fn quota(stand: &Stand) -> Problems {
    const USER: &str = "quota";
    /// The shortest month: what is spent twice is owed by the next one, whatever today's date is.
    const MONTH: u64 = 28 * 86_400;
    let mut problems = Problems::default();
    stand.openai.script(Reply::text("hello").usage(Usage::new(8, 2 * PER_MONTH)));
    let answer = client::send(stand.address, &asks(USER, 100)).await;
    problems.same("the status of an answer that fits", &answer.status, &200);
    has_spent(stand, USER, PER_MONTH, &mut problems).await;
    let refused = client::send(stand.address, &asks(USER, 10)).await;
    let expected =
        openai_error(429, "rate_limit_error").at("/error/code", "insufficient_quota").says("`user-month`");
    problems.of("client", expected.header("x-should-retry", "false").problems(&refused));
    problems.require((MONTH..u64::MAX).contains(&number(&refused, "retry-after")), || format!("{refused:?}"));
    problems.same("left of the month", &left_of(&refused, "user-month"), &Some(0));
    let refused = client::send(stand.address, &asks_as_anthropic(USER, 10)).await;
    let expected = anthropic_error(429, "rate_limit_error").header("x-should-retry", "false");
    problems.of("Anthropic's client", expected.problems(&refused));
    problems
}

async fn never(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    let refused = client::send(stand.address, &asks("never", PER_MINUTE)).await;
    let expected = openai_error(400, "invalid_request_error").at("/error/code", "request_exceeds_budget");
    let expected = expected.says("2000").no_headers(&["retry-after", "x-should-retry"]);
    problems.of("client", expected.problems(&refused));
    let refused = client::send(stand.address, &asks_as_anthropic("never", PER_MINUTE)).await;
    let expected = anthropic_error(400, "invalid_request_error").no_headers(&["retry-after"]);
    problems.of("Anthropic's client", expected.problems(&refused));
    problems.same("requests at the provider", &stand.openai.request_count(), &0);
    problems
}

/// Answers are told what is left of both, the tightest of each.
async fn requests(stand: &Stand) -> Problems {
    const USER: &str = "requests";
    let mut problems = Problems::default();
    stand.openai.set_default(Reply::text("hello").usage(Usage::new(8, 2)));
    let mut seen = Vec::new();
    for _ in 0..2 {
        let answer = client::send(stand.address, &asks(USER, 10)).await;
        problems.same("status", &answer.status, &200);
        seen.push(number(&answer, "x-ratelimit-remaining-requests"));
        problems.same("limit", &number(&answer, "x-ratelimit-limit-tokens"), &PER_MINUTE);
        // What a provider says of its own limits is not the client's concern.
        let told: Vec<_> =
            answer.headers.iter().filter(|(name, _)| name == "x-ratelimit-limit-requests").collect();
        problems.same("limits of requests", &told.len(), &1);
    }
    problems.same("requests left", &seen, &vec![REQUESTS_PER_HOUR - 1, REQUESTS_PER_HOUR - 2]);
    problems
}

/// The provider is asked for usage because of the budget. The client sees neither the report nor that there was one.
async fn unasked_usage(stand: &Stand) -> Problems {
    const USER: &str = "unasked";
    let mut problems = Problems::default();
    stand.openai.script(Reply::chunks(["hello", " world"]).usage(Usage::new(8, 70)));
    let answer = client::send(stand.address, &streams(USER, 100, None)).await;
    let asked = stand.openai.only_request().json();
    problems.same(
        "what the provider is asked for",
        &asked["stream_options"],
        &json!({"include_usage": true}),
    );
    problems
        .require(!answer.text().contains("usage"), || format!("the client sees usage: {}", answer.text()));
    problems.same("the stream's text", &sse::openai_text(&sse::events(&answer)).as_str(), &"hello world");
    problems.require(answer.text().ends_with("data: [DONE]\n\n"), || answer.text());
    has_spent(stand, USER, 78, &mut problems).await;

    // Who asks for it gets it.
    stand.openai.script(Reply::chunks(["hello", " world"]).usage(Usage::new(8, 70)));
    let answer = client::send(stand.address, &streams(USER, 100, Some(json!({"include_usage": true})))).await;
    problems
        .require(answer.text().contains("\"total_tokens\":78"), || format!("no usage: {}", answer.text()));
    has_spent(stand, USER, 2 * 78, &mut problems).await;
    // And who says that it is not wanted does not.
    stand.openai.script(Reply::chunks(["hello", " world"]).usage(Usage::new(8, 70)));
    let answer =
        client::send(stand.address, &streams(USER, 100, Some(json!({"include_usage": false})))).await;
    problems
        .require(!answer.text().contains("usage"), || format!("the client sees usage: {}", answer.text()));
    has_spent(stand, USER, 3 * 78, &mut problems).await;
    problems
}

/// Some compatible servers ignore that they are asked for usage: then it is counted. Eight tokens of prompt, two of text.
async fn unreported(stand: &Stand) -> Problems {
    const USER: &str = "unreported";
    let mut problems = Problems::default();
    let chunk = |delta: Value, finish: Value| {
        let chunk = json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        });
        format!("data: {chunk}\n\n")
    };
    stand.openai.script(Reply::events([
        chunk(json!({"role": "assistant", "content": ""}), Value::Null),
        chunk(json!({"content": "hello"}), Value::Null),
        chunk(json!({"content": " world"}), Value::Null),
        chunk(json!({}), json!("stop")),
        "data: [DONE]\n\n".to_owned(),
    ]));
    let answer = client::send(stand.address, &streams(USER, 100, None)).await;
    problems.same("the stream's text", &sse::openai_text(&sse::events(&answer)).as_str(), &"hello world");
    has_spent(stand, USER, 10, &mut problems).await;
    problems
}

async fn fallback(stand: &Stand) -> Problems {
    const USER: &str = "fallback";
    let mut problems = Problems::default();
    stand.openai.set_default(Reply::status(503));
    stand.anthropic.script(Reply::text("Hello.").usage(Usage::new(40, 12)));
    let answer = client::send(stand.address, &asks(USER, 100)).await;
    problems.same("who answered", &answer.header("x-ai-provider"), &Some("anthropic"));
    has_spent(stand, USER, 52, &mut problems).await;
    stand.anthropic.script(Reply::chunks(["Hel", "lo."]).usage(Usage::new(40, 12)));
    let answer = client::send(stand.address, &streams(USER, 100, None)).await;
    problems
        .require(!answer.text().contains("usage"), || format!("the client sees usage: {}", answer.text()));
    has_spent(stand, USER, 104, &mut problems).await;
    problems
}

async fn failed(stand: &Stand) -> Problems {
    const USER: &str = "failed";
    let mut problems = Problems::default();
    spend(stand, USER, Usage::new(8, 2), &mut problems).await;
    stand.openai.set_default(Reply::status(503));
    stand.anthropic.set_default(Reply::status(529));
    let answer = client::send(stand.address, &asks(USER, 500)).await;
    problems.require(answer.status >= 500, || format!("{answer:?}"));
    problems
        .require(answer.header("ratelimit").is_some(), || "it is not told how its budgets stand".to_owned());
    stand.openai.script(Reply::error(400, "invalid_request_error", "no"));
    let answer = client::send(stand.address, &asks(USER, 500)).await;
    problems.same("status", &answer.status, &400);
    has_spent(stand, USER, 10, &mut problems).await;
    problems
}
