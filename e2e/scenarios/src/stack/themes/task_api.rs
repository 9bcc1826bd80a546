//! The complete example: an ordinary service with TLS, tokens, versions, limits and retries, beside the router.

use std::time::Duration;

use serde_json::json;
use tokio::time;

use super::super::client::{Answer, Call};
use super::super::service::Reply;
use super::super::{Stack, manifests};
use super::security::{apply, claims, publish, remove, until};
use super::{Row, chat};
use crate::identities::{self, Tokens};
use crate::problems::Problems;

const API: &str = "api.example.com";
/// What a user has in a minute.
const PER_MINUTE: usize = 100;
/// Longer than as many requests take.
const LEFT_OF_THE_MINUTE: u64 = 20;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "task-api/versions-for-callers-with-a-token",
            proves: &["task-api/route.yaml", "task-api/policies.yaml", "security/identity-provider.yaml"],
            story: |stack| Box::pin(versions(stack)),
        },
        Row {
            name: "task-api/what-was-not-begun-is-tried-again",
            proves: &["task-api/policies.yaml"],
            story: |stack| Box::pin(retries(stack)),
        },
        Row {
            name: "task-api/each-user-has-a-hundred-a-minute",
            proves: &["task-api/policies.yaml"],
            story: |stack| Box::pin(limits(stack)),
        },
    ]
}

/// The whole example as it is committed, and a user's token.
async fn begin(stack: &Stack, problems: &mut Problems) -> Tokens {
    let login = Tokens::new("login");
    let mut files = manifests::committed("task-api");
    files.push("security/identity-provider.yaml".to_owned());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    problems.of("applied", apply(stack, &files, &[]).await);
    publish(stack, &login);
    let first = until(stack, &task(&login, "first", "/tasks/v1/1"), 200).await;
    problems.same("a first request", &first.status, &200);
    stack.service("default/task-api").clear();
    login
}

/// A task of that user.
fn task(login: &Tokens, user: &str, path: &str) -> Call {
    let token = login.token(&claims(user, "tasks"));
    Call::get(API, path).header("authorization", &format!("Bearer {token}"))
}

async fn versions(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    let login = begin(stack, &mut problems).await;
    let service = stack.service("default/task-api");

    let plain = stack.http(&Call::get(API, "/tasks/v1/7")).await;
    problems.same("plain HTTP", &plain.status, &301);
    problems.same("no token", &stack.https(&Call::get(API, "/tasks/v1/7")).await.status, &401);
    let models = login.token(&claims("vic", "llm"));
    let call = Call::get(API, "/tasks/v2/7").header("authorization", &format!("Bearer {models}"));
    problems.same("a token for the router", &stack.https(&call).await.status, &403);
    problems.same("requests that came through", &service.seen().len(), &0);

    for (version, path) in [("1", "/tasks/v1/7?full=1"), ("2", "/tasks/v2/7?full=1")] {
        service.clear();
        let call = task(&login, "vic", path).header("x-user-id", "root").header("x-api-version", "9");
        problems.same(path, &stack.https(&call).await.status, &200);
        let seen = service.seen();
        problems.same(&format!("{path}: requests"), &seen.len(), &1);
        for seen in seen {
            problems.same("path", seen.path.as_str(), "/tasks/7?full=1");
            problems.same("version", seen.header("x-api-version"), version);
            let users: Vec<_> = seen.headers.get_all("x-user-id").iter().collect();
            problems.same("who is calling", &users, &vec!["vic"]);
        }
    }
    problems.same("a third version", &stack.https(&task(&login, "vic", "/tasks/v3/7")).await.status, &404);

    service.clear();
    problems.same("health", &stack.https(&Call::get(API, "/tasks/healthz")).await.status, &200);
    let paths: Vec<String> = service.seen().into_iter().map(|seen| seen.path).collect();
    problems.same("where it is asked", &paths, &vec!["/healthz/ready"]);
    problems.same("behind it", &stack.https(&Call::get(API, "/tasks/healthz/live")).await.status, &404);

    let answer = stack.https(&chat("beside-task-api").at("llm.example.com")).await;
    problems.same("the router beside it", &answer.status, &200);
    problems.same("its model", &answer.json()["model"], &json!("gpt-4"));
    problems
}

async fn retries(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    let login = begin(stack, &mut problems).await;
    let service = stack.service("default/task-api");
    let first_fails = |status: u16| {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        move |_: &super::super::service::Seen| {
            let first = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            Reply::status(if first { status } else { 200 })
        }
    };
    for (status, told, attempts) in [(503, 200, 2), (500, 500, 1)] {
        service.clear();
        service.answer(first_fails(status));
        let answer = stack.https(&task(&login, "rita", "/tasks/v1/7")).await;
        problems.same(&format!("after {status}"), &answer.status, &told);
        problems.same(&format!("attempts after {status}"), &service.seen().len(), &attempts);
    }
    service.clear();
    service.answer(|_| Reply::status(503));
    let answer = stack.https(&task(&login, "rita", "/tasks/v1/7")).await;
    problems.same("in the end", &answer.status, &503);
    problems.same("attempts in all", &service.seen().len(), &3);
    problems
}

async fn limits(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    let login = begin(stack, &mut problems).await;
    let left = 60 - identities::now() % 60;
    if left < LEFT_OF_THE_MINUTE {
        time::sleep(Duration::from_secs(left + 1)).await;
    }
    let mut served = 0;
    let mut last: Option<Answer> = None;
    // One counter for both versions; the counter is the token's, whatever else the client says.
    for request in 0..PER_MINUTE + 2 {
        let path = if request % 2 == 0 { "/tasks/v1/7" } else { "/tasks/v2/7" };
        let call = task(&login, "lena", path).header("x-user-id", &format!("lena-{request}"));
        let answer = stack.https(&call).await;
        served += usize::from(answer.status == 200);
        last = Some(answer);
    }
    problems.same("served", &served, &PER_MINUTE);
    problems.same("the last one", &last.map(|answer| answer.status), &Some(429));
    problems.same("another user", &stack.https(&task(&login, "lars", "/tasks/v1/7")).await.status, &200);
    problems.same("at the service", &stack.service("default/task-api").seen().len(), &(PER_MINUTE + 1));
    remove(stack).await;
    problems
}
