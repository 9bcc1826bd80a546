//! Who may call, and as whom: tokens, keys, passwords, addresses, a service that decides, another team's backend.
//!
//! Each row applies the manifests that it proves. Those that are policies of the router's own route are taken away again.

use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use http::Method;
use mock_llm::{Reply as Completion, Usage};
use serde_json::{Value, json};
use tokio::time::{self, Instant};

use super::super::Stack;
use super::super::client::{Answer, Call};
use super::super::manifests;
use super::super::service::Reply;
use super::{Row, chat};
use crate::identities::{self, Tokens};
use crate::problems::Problems;

const API: &str = "api.example.com";
const LLM: &str = "llm.example.com";
const ISSUER: &str = "https://login.example.com/";
/// Keys are fetched, and what was charged is booked, a moment after everything else.
const SOON: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(100);

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "security/a-tokens-user-has-the-budgets",
            proves: &["security/identity-provider.yaml", "security/jwt.yaml"],
            story: |stack| Box::pin(tokens(stack)),
        },
        Row {
            name: "security/a-keys-client-has-the-budgets",
            proves: &["security/api-key.yaml"],
            story: |stack| Box::pin(keys(stack)),
        },
        Row {
            name: "security/a-password-opens-the-console",
            proves: &["security/basic-auth.yaml"],
            story: |stack| Box::pin(passwords(stack)),
        },
        Row {
            name: "security/own-pages-may-call-from-a-browser",
            proves: &["security/cors.yaml"],
            story: |stack| Box::pin(browsers(stack)),
        },
        Row {
            name: "security/management-is-for-addresses-inside",
            proves: &["security/ip-allow.yaml"],
            story: |stack| Box::pin(addresses(stack)),
        },
        Row {
            name: "security/a-service-decides",
            proves: &["security/ext-auth.yaml"],
            story: |stack| Box::pin(decided(stack)),
        },
        Row {
            name: "security/who-has-no-session-is-sent-to-log-in",
            proves: &["security/oidc.yaml"],
            story: |stack| Box::pin(sessions(stack)),
        },
        Row {
            name: "security/another-teams-backend-needs-its-grant",
            proves: &["security/references.yaml"],
            story: |stack| Box::pin(granted(stack)),
        },
    ]
}

/// What a row has applied. The next row's takes its place: every change of a file is seconds of the control plane's time.
const FILE: &str = "row.yaml";

/// Applies committed manifests, and Secrets that no manifest has; what the control plane did not accept of them.
pub(super) async fn apply(stack: &Stack, names: &[&str], secrets: &[String]) -> Problems {
    let texts: Vec<String> =
        names.iter().map(|name| manifests::text(name)).chain(secrets.iter().cloned()).collect();
    stack.apply(FILE, &texts.join("\n---\n")).await;
    stack.unaccepted()
}

/// Takes them away again. The file stays, with nothing in it that matters: the control plane may be about to read it, and calls it an error
/// where it is gone by then.
pub(super) async fn remove(stack: &Stack) {
    stack.apply(FILE, "{apiVersion: v1, kind: Namespace, metadata: {name: default}}").await;
}

/// A Secret as `kubectl create secret generic` makes it.
fn secret(namespace: &str, name: &str, data: &[(&str, &str)]) -> String {
    let data: serde_json::Map<String, Value> = data
        .iter()
        .map(|(key, value)| ((*key).to_owned(), Base64::encode_string(value.as_bytes()).into()))
        .collect();
    let metadata = json!({"name": name, "namespace": namespace});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data})
        .to_string()
}

/// The same call until it has that status, for as long as Envoy may need to fetch keys; the last answer.
pub(super) async fn until(stack: &Stack, call: &Call, status: u16) -> Answer {
    let deadline = Instant::now() + SOON;
    loop {
        let answer = stack.https(call).await;
        if answer.status == status || Instant::now() > deadline {
            return answer;
        }
        time::sleep(POLL).await;
    }
}

/// What a token of that user says, for the audience of that service, for an hour from now.
pub(super) fn claims(user: &str, audience: &str) -> Value {
    json!({"iss": ISSUER, "aud": audience, "sub": user, "team": "search", "exp": identities::now() + 3_600})
}

/// The identity provider publishes that key.
pub(super) fn publish(stack: &Stack, provider: &Tokens) {
    let key_set = provider.key_set();
    stack.service("default/login").answer(move |_| Reply::json(&key_set));
}

fn question() -> Call {
    let body = json!({"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]});
    Call::post(LLM, "/v1/chat/completions", &body)
}

fn bearer(call: Call, token: &str) -> Call {
    call.header("authorization", &format!("Bearer {token}"))
}

/// What the caller has left of the tightest budget of tokens, as the answer says.
fn left(answer: &Answer) -> u64 {
    answer.header("x-ratelimit-remaining-tokens").parse().unwrap_or_default()
}

async fn tokens(stack: &Stack) -> Problems {
    let files = ["security/identity-provider.yaml", "security/jwt.yaml"];
    let mut problems = apply(stack, &files, &[]).await;
    let login = Tokens::new("login");
    publish(stack, &login);
    let of = |user: &str| login.token(&claims(user, "llm"));
    let (tilda, uwe) = (of("tilda"), of("uwe"));

    problems.same("first token", &until(stack, &bearer(question(), &tilda), 200).await.status, &200);
    let refused = [
        ("no token", question()),
        ("a header instead", question().header("x-user-id", "tilda")),
        ("another key", bearer(question(), &Tokens::new("stranger").token(&claims("tilda", "llm")))),
        ("another audience", bearer(question(), &login.token(&claims("tilda", "mail")))),
    ];
    for (what, call) in refused {
        let before = stack.openai.request_count();
        let status = if what == "another audience" { 403 } else { 401 };
        problems.same(what, &stack.https(&call).await.status, &status);
        problems.same(&format!("{what}: at the provider"), &stack.openai.request_count(), &before);
    }
    // The plain listener, at a name inside the cluster, leads to the same route: no door without a lock.
    problems.same("plain", &stack.http(&chat("tilda")).await.status, &401);

    // Tilda uses up her minute. Whoever she says that she is, the token says who pays.
    stack.openai.script(Completion::text("Hello.").usage(Usage::new(8, 9_950)));
    problems.same("a long answer", &stack.https(&bearer(question(), &tilda)).await.status, &200);
    let spoofed = bearer(question(), &tilda).header("x-user-id", "uwe").header("x-team-id", "finance");
    let refused = until(stack, &spoofed, 429).await;
    problems.same("as another one", &refused.status, &429);
    problems.require(!refused.header("x-ai-budget-refused").is_empty(), || "no budget refused it".to_owned());
    let other = stack.https(&bearer(question(), &uwe)).await;
    problems.same("another user", &other.status, &200);
    problems.require(left(&other) > 5_000, || format!("uwe has {} tokens left", left(&other)));

    let seen = stack.openai.requests();
    problems.require(!seen.is_empty(), || "the provider was never asked".to_owned());
    for token in [&tilda, &uwe] {
        let leaked = seen.iter().any(|request| format!("{request:?}").contains(token.as_str()));
        problems.require(!leaked, || "a token reached the provider".to_owned());
    }
    remove(stack).await;
    problems
}

async fn keys(stack: &Stack) -> Problems {
    let clients = [("ci", "3f1c9a5d7e2b4860-ci"), ("nightly", "8d2e6b1f4c7a9035-nightly")];
    let secret = secret("default", "llm-clients", &clients);
    let mut problems = apply(stack, &["security/api-key.yaml"], &[secret]).await;
    let openai = |key: &str| bearer(question(), key);
    let anthropic = |key: &str| {
        let messages = json!([{"role": "user", "content": "hello"}]);
        let body = json!({"model": "gpt-4", "max_tokens": 16, "messages": messages});
        Call::post(LLM, "/v1/messages", &body).header("x-api-key", key)
    };
    problems.same("no key", &stack.https(&question()).await.status, &401);
    problems.same("an unknown key", &stack.https(&openai("3f1c9a5d7e2b4860-no")).await.status, &401);
    problems.same("a name alone", &stack.https(&question().header("x-user-id", "ci")).await.status, &401);
    problems.same("as OpenAI's SDKs show it", &until(stack, &openai(clients[0].1), 200).await.status, &200);
    problems.same("as Anthropic's do", &stack.https(&anthropic(clients[0].1)).await.status, &200);

    stack.openai.script(Completion::text("Hello.").usage(Usage::new(8, 9_950)));
    problems.same("a long answer", &stack.https(&openai(clients[0].1)).await.status, &200);
    let spoofed = openai(clients[0].1).header("x-user-id", "nightly");
    problems.same("as another one", &until(stack, &spoofed, 429).await.status, &429);
    let other = stack.https(&openai(clients[1].1)).await;
    problems.same("another client", &other.status, &200);
    problems.require(left(&other) > 5_000, || format!("nightly has {} tokens left", left(&other)));
    remove(stack).await;
    problems
}

async fn passwords(stack: &Stack) -> Problems {
    // Of `htpasswd -nbs alice correct-horse`.
    let users = [(".htpasswd", "alice:{SHA}NstYn3QVe0WBGmkMWLQ0CV9I6fo=")];
    let secret = secret("default", "console-users", &users);
    let mut problems = apply(stack, &["security/basic-auth.yaml"], &[secret]).await;
    let call = Call::get(API, "/console/jobs");
    let with = |pair: &str| {
        call.clone().header("authorization", &format!("Basic {}", Base64::encode_string(pair.as_bytes())))
    };
    let refused = stack.https(&call).await;
    problems.same("no password", &refused.status, &401);
    problems.require(refused.header("www-authenticate").starts_with("Basic"), || {
        format!("www-authenticate: {:?}", refused.header("www-authenticate"))
    });
    problems.same("a wrong password", &stack.https(&with("alice:wrong-horse")).await.status, &401);
    let spoofed = with("alice:correct-horse").header("x-user-id", "root");
    problems.same("the password", &until(stack, &spoofed, 200).await.status, &200);
    let seen = stack.service("default/console").seen();
    problems.same("requests that came through", &seen.len(), &1);
    let users: Vec<_> = seen
        .iter()
        .flat_map(|seen| seen.headers.get_all("x-user-id"))
        .filter_map(|it| it.to_str().ok())
        .collect();
    problems.same("who the console is told", &users, &vec!["alice"]);
    problems
}

async fn browsers(stack: &Stack) -> Problems {
    let mut problems = apply(stack, &["security/cors.yaml"], &[]).await;
    let preflight = |origin: &str| {
        let call = Call::get(API, "/search").method(Method::OPTIONS).header("origin", origin);
        call.header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
    };
    for origin in ["https://app.example.com", "https://pr-17.preview.example.com"] {
        let answer = stack.https(&preflight(origin)).await;
        problems.same(origin, &answer.header("access-control-allow-origin"), &origin);
        problems.same("credentials", &answer.header("access-control-allow-credentials"), &"true");
        problems.same("age", &answer.header("access-control-max-age"), &"600");
        let methods = answer.header("access-control-allow-methods");
        problems.require(methods.contains("POST"), || format!("methods: {methods}"));
    }
    problems.same("preflights at the service", &stack.service("default/search").seen().len(), &0);
    for origin in ["https://app.example.com.evil.example", "http://app.example.com", "null"] {
        let answer = stack.https(&preflight(origin)).await;
        problems.same(origin, &answer.header("access-control-allow-origin"), &"");
    }
    let call = Call::get(API, "/search?q=a").header("origin", "https://app.example.com");
    let answer = stack.https(&call).await;
    problems.same("the request", &answer.status, &200);
    problems.same("its answer", &answer.header("access-control-allow-origin"), &"https://app.example.com");
    problems
}

async fn addresses(stack: &Stack) -> Problems {
    const MANIFEST: &str = "security/ip-allow.yaml";
    let mut problems = apply(stack, &[MANIFEST], &[]).await;
    let call = Call::get(API, "/management/workers");
    problems.same("from inside", &stack.https(&call).await.status, &200);
    // An address that the client writes down itself does not count.
    let forged = call.clone().header("x-forwarded-for", "203.0.113.7");
    problems.same("with a forged address", &stack.https(&forged).await.status, &200);
    let elsewhere = manifests::text(MANIFEST).replace("[10.0.0.0/8, 127.0.0.0/8]", "[10.0.0.0/8]");
    stack.apply(FILE, &elsewhere).await;
    let served = stack.service("default/management").seen().len();
    problems.same("from outside", &stack.https(&call).await.status, &403);
    let forged = call.header("x-forwarded-for", "10.1.2.3");
    problems.same("from outside, forged", &stack.https(&forged).await.status, &403);
    problems.same("requests at the service", &stack.service("default/management").seen().len(), &served);
    problems
}

async fn decided(stack: &Stack) -> Problems {
    let mut problems = apply(stack, &["security/ext-auth.yaml"], &[]).await;
    let authorizer = stack.service("default/authorizer");
    authorizer.answer(|seen| match seen.header("authorization") {
        "Bearer good" if seen.path.starts_with("/check/documents/") => {
            Reply::status(200).header("x-user-id", "vera").header("x-not-listed", "1")
        }
        "Bearer slow" => Reply::status(200).after(Duration::from_secs(3)),
        _ => Reply::json(&json!({"error": "ask vera"})).header("x-reason", "unknown").with_status(403),
    });
    let call = Call::get(API, "/documents/7");
    let refused = stack.https(&call).await;
    problems.same("nobody", &refused.status, &403);
    problems.same("what is said", &refused.json(), &json!({"error": "ask vera"}));
    let good = bearer(call.clone(), "good").header("x-user-id", "root");
    problems.same("somebody", &stack.https(&good).await.status, &200);
    problems.same("no answer", &stack.https(&bearer(call, "slow")).await.status, &503);
    let seen = stack.service("default/documents").seen();
    problems.same("requests that came through", &seen.len(), &1);
    if let Some(seen) = seen.first() {
        let users: Vec<_> =
            seen.headers.get_all("x-user-id").iter().filter_map(|it| it.to_str().ok()).collect();
        problems.same("who the service is told", &users, &vec!["vera"]);
        problems.same("what is not listed", &seen.header("x-not-listed"), &"");
    }
    problems
}

async fn sessions(stack: &Stack) -> Problems {
    // The second is one that Envoy Gateway's installation makes.
    let secrets = [
        secret("default", "portal-oidc", &[("client-secret", "of-the-portal")]),
        secret(
            "envoy-gateway-system",
            "envoy-oidc-hmac",
            &[("hmac-secret", "0123456789abcdef0123456789abcdef")],
        ),
    ];
    let mut problems = apply(stack, &["security/oidc.yaml"], &secrets).await;
    let call = Call::get(API, "/portal/orders");
    let answer = until(stack, &call, 302).await;
    problems.same("no session", &answer.status, &302);
    let location = answer.header("location");
    problems.require(location.starts_with("https://login.example.com/authorize?"), || {
        format!("location: {location}")
    });
    for part in [
        "client_id=portal",
        "redirect_uri=https%3A%2F%2Fapi.example.com%2Fportal%2Fcallback",
        "code_challenge=",
    ] {
        problems.require(location.contains(part), || format!("no {part} in {location}"));
    }
    let program = call.header("x-requested-with", "XMLHttpRequest");
    problems.same("a program", &stack.https(&program).await.status, &401);
    problems.same("requests at the portal", &stack.service("default/portal").seen().len(), &0);
    problems
}

async fn granted(stack: &Stack) -> Problems {
    const MANIFEST: &str = "security/references.yaml";
    let mut problems = apply(stack, &[MANIFEST], &[]).await;
    let call = Call::get(API, "/billing/7");
    let answer = stack.https(&call).await;
    problems.same("with the grant", &answer.status, &200);
    problems.same("who answers", &answer.json()["service"], &json!("billing"));
    let text = manifests::text(MANIFEST);
    let kept: Vec<&str> = text.split("\n---\n").filter(|it| !it.contains("kind: ReferenceGrant")).collect();
    problems.same("resources without the grant", &kept.len(), &2);
    stack.apply(FILE, &kept.join("\n---\n")).await;
    problems.same("without", &stack.https(&call).await.status, &500);
    problems.require(!stack.unaccepted().is_empty(), || "nobody says why".to_owned());
    // Another name in it is no grant for this one.
    stack
        .apply(
            FILE,
            &text.replace("kind: Backend, name: billing}\n---", "kind: Backend, name: refunds}\n---"),
        )
        .await;
    problems.same("with another's", &stack.https(&call).await.status, &500);
    remove(stack).await;
    problems
}
