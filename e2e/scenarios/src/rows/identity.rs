//! Who is calling: keys, virtual keys, tokens, headers, nobody; what each may do, and what strangers are told.

use std::time::Duration;

use mock_llm::Reply;
use serde_json::{Value, json};

use super::budgets::left_of;
use crate::answer::Answer;
use crate::client;
use crate::expect::{anthropic_error, openai_error};
use crate::identities::{
    self, CONFINED_KEY, HASHED_KEY, HASHED_USER, TEAM, TOKEN, TOKEN_USER, Tokens, VIRTUAL_KEY, VIRTUAL_USER,
};
use crate::problems::Problems;
use crate::request::Request;
use crate::row::Row;
use crate::shape::{PER_MONTH, Shape};
use crate::stand::Stand;

const HERE: &[Shape] = &[Shape::Budgets];

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::story("identity/each-kind-of-credential", HERE, |stand| Box::pin(kinds(stand))),
        Row::story("identity/strangers-are-told-nothing", HERE, |stand| Box::pin(strangers(stand))),
        Row::story("identity/a-key-for-other-models", HERE, |stand| Box::pin(confined(stand))),
        Row::story("identity/a-credential-counts-more-than-a-header", HERE, |stand| Box::pin(spoofed(stand))),
    ]
}

/// Asks under an alias, by which the request is found in the access log.
pub(super) fn asks(alias: &str) -> Request {
    let messages = json!([{"role": "user", "content": "hello"}]);
    Request::new("POST", "/v1/chat/completions")
        .json(&json!({"model": alias, "max_tokens": 10, "messages": messages}))
}

fn bearer(request: Request, credential: &str) -> Request {
    request.header("authorization", format!("Bearer {credential}"))
}

/// The line of the access log about that alias.
pub(super) async fn logged(stand: &Stand, alias: &str) -> Value {
    let asked = format!("\"model_requested\":\"{alias}\"");
    stand.envoy.log_says(&asked, Duration::from_secs(20)).await;
    let log = stand.envoy.log();
    let line = log.lines().find(|line| line.contains(&asked)).unwrap_or_default();
    serde_json::from_str(line).unwrap_or_default()
}

/// Whoever it is has a budget, a name in the log, and an answer; the provider gets its own key and no other.
async fn kinds(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    let (user, team) = (json!("by-header"), json!("of-header"));
    let by_header = |alias| asks(alias).header("x-user-id", "by-header").header("x-team-id", "of-header");
    let cases: [(&str, Request, Value, Value); 7] = [
        ("team-hashed", bearer(asks("team-hashed"), &HASHED_KEY), json!(HASHED_USER), json!(TEAM)),
        (
            "team-x-api-key",
            asks("team-x-api-key").header("x-api-key", HASHED_KEY.as_str()),
            json!(HASHED_USER),
            json!(TEAM),
        ),
        ("team-virtual", bearer(asks("team-virtual"), &VIRTUAL_KEY), json!(VIRTUAL_USER), json!(TEAM)),
        ("team-token", bearer(asks("team-token"), &TOKEN), json!(TOKEN_USER), json!(TEAM)),
        ("team-header", by_header("team-header"), user, team),
        (
            "team-api-key",
            asks("team-api-key").header("api-key", VIRTUAL_KEY.as_str()),
            json!(VIRTUAL_USER),
            json!(TEAM),
        ),
        ("team-nobody", asks("team-nobody"), Value::Null, Value::Null),
    ];
    for (alias, request, user, team) in cases {
        stand.openai.script(Reply::text("hello"));
        let answer = client::send(stand.address, &request).await;
        problems.same(&format!("{alias}: status"), &answer.status, &200);
        let has_budget = left_of(&answer, "user-month").is_some_and(|left| left < PER_MONTH);
        problems.require(has_budget, || format!("{alias}: {:?}", answer.header("ratelimit")));
        let line = logged(stand, alias).await;
        problems.same(&format!("{alias}: user"), &line["user"], &user);
        problems.same(&format!("{alias}: team"), &line["team"], &team);
    }
    problems
}

/// A credential that is not good, and what is wrong with it is nobody's business.
async fn strangers(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    let tokens = Tokens::new("one");
    let with = |name: &str, value: Value| {
        let mut claims = identities::claims(TOKEN_USER);
        claims[name] = value;
        tokens.token(&claims)
    };
    let tampered = |credential: &str| {
        let end = credential.len() - 4;
        format!("{}{}", &credential[..end], if credential.ends_with("AAAA") { "BBBB" } else { "AAAA" })
    };
    let unsigned = format!("{}.", TOKEN.rsplit_once('.').map_or("", |(signed, _)| signed));
    let bad: [(&str, String); 9] = [
        ("unknown", "sk-nobody-knows-this".to_owned()),
        ("another hash", format!("{}x", *HASHED_KEY)),
        ("a tampered virtual key", tampered(&VIRTUAL_KEY)),
        ("a tampered token", tampered(&TOKEN)),
        ("a token without a signature", unsigned),
        ("an expired token", with("exp", json!(identities::now() - 3_600))),
        ("another audience", with("aud", json!("somebody-else"))),
        ("another issuer", with("iss", json!("https://elsewhere.example"))),
        ("another signer", Tokens::new("two").token(&identities::claims(TOKEN_USER))),
    ];
    let shown = |answer: &Answer| (answer.status, answer.text());
    let mut bodies = Vec::new();
    for (what, credential) in &bad {
        let answer = client::send(stand.address, &bearer(asks("gpt-4"), credential)).await;
        let expected = openai_error(401, "authentication_error").at("/error/code", "invalid_api_key");
        let expected =
            expected.header("www-authenticate", "Bearer").no_headers(&["ratelimit"]).lacks(credential);
        problems.of(what, expected.problems(&answer));
        bodies.push(shown(&answer));
    }
    bodies.dedup();
    problems.same("different answers to different strangers", &bodies.len(), &1);

    let message =
        json!({"model": "gpt-4", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]});
    let request =
        Request::new("POST", "/v1/messages").header("anthropic-version", "2023-06-01").json(&message);
    let answer = client::send(stand.address, &request.header("x-api-key", "sk-ant-nobody")).await;
    problems.of("Anthropic's client", anthropic_error(401, "authentication_error").problems(&answer));
    let models = bearer(Request::new("GET", "/v1/models"), "sk-nobody-knows-this");
    problems.same("the list of models", &client::send(stand.address, &models).await.status, &401);
    let both = bearer(asks("gpt-4"), &HASHED_KEY).header("x-api-key", VIRTUAL_KEY.as_str());
    problems.same("two credentials", &client::send(stand.address, &both).await.status, &401);
    problems.same("requests at the provider", &stand.openai.request_count(), &0);
    problems
}

/// What a key may not use does not exist for it.
async fn confined(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    let refused = client::send(stand.address, &bearer(asks("gpt-4"), &CONFINED_KEY)).await;
    let expected = openai_error(404, "invalid_request_error").at("/error/code", "model_not_found");
    problems.of("client", expected.problems(&refused));
    for (key, expected) in [(&*CONFINED_KEY, json!([])), (&*VIRTUAL_KEY, json!(["gpt-4", "best"]))] {
        let listed =
            client::send(stand.address, &bearer(Request::new("GET", "/v1/models"), key)).await.json();
        let names = listed["data"].as_array().into_iter().flatten().map(|model| model["id"].clone());
        problems.same("models", &Value::from(names.collect::<Vec<_>>()), &expected);
    }
    problems.same("requests at the provider", &stand.openai.request_count(), &0);
    problems
}

/// Who has a key is who the key says, whatever a header says.
async fn spoofed(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    stand.openai.script(Reply::text("hello"));
    let request = bearer(asks("team-spoofing-a-header"), &VIRTUAL_KEY).header("x-user-id", "mallory");
    let answer = client::send(stand.address, &request).await;
    problems.same("status", &answer.status, &200);
    problems.same("user", &logged(stand, "team-spoofing-a-header").await["user"], &json!(VIRTUAL_USER));
    problems
}
