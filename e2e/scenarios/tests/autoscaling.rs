//! The queries of the committed ScaledObjects and rules, asked of a real Prometheus about a real Envoy Gateway with known traffic.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use lab::prometheus::{Prometheus, Sample};
use mock_llm::{Reply, Usage};
use scenarios::identities::{self, Tokens};
use scenarios::stack::client::Call;
use scenarios::stack::{Stack, manifests, service};
use scenarios::stand::Equipment;
use serde_json::{Value, json};
use tokio::time::{self, Instant};

/// How far the queries look back, in seconds.
const WINDOW: f64 = 120.0;
/// `rate` assumes that a counter went on before the first and after the last sample that it has; with a sample each second, a little.
const EXTRAPOLATED: f64 = 1.2;
/// What was counted is scraped and evaluated a moment later.
const SOON: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(250);

fn rules() -> std::path::PathBuf {
    manifests::directory().join("autoscaling/rules.yaml")
}

/// The queries of that file's Prometheus triggers, by their names.
fn queries(file: &str) -> BTreeMap<String, String> {
    let mut queries = BTreeMap::new();
    for resource in manifests::resources(&manifests::text(file)) {
        for trigger in resource["spec"]["triggers"].as_array().into_iter().flatten() {
            if trigger["type"] == "prometheus" {
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                queries.insert(text(&trigger["name"]), text(&trigger["metadata"]["query"]));
            }
        }
    }
    assert!(!queries.is_empty(), "{file} has no query");
    queries
}

/// Asks until the answer is as it should be, or it is too late; the last answer.
async fn eventually(prometheus: &Prometheus, query: &str, good: impl Fn(&[Sample]) -> bool) -> Vec<Sample> {
    let deadline = Instant::now() + SOON;
    loop {
        let samples = prometheus.query(query).await.expect("an answer");
        if good(&samples) {
            return samples;
        }
        assert!(Instant::now() < deadline, "{query}: {samples:?}");
        time::sleep(POLL).await;
    }
}

/// KEDA takes one value without labels; none counts as zero.
fn single(samples: &[Sample]) -> f64 {
    assert!(samples.len() <= 1, "KEDA refuses an answer of several values: {samples:?}");
    samples.first().map_or(0.0, |sample| sample.value)
}

/// Whether a rate over the window is that of so many.
fn is_rate_of(samples: &[Sample], expected: f64) -> bool {
    let counted = single(samples) * WINDOW;
    (expected..=expected * EXTRAPOLATED).contains(&counted)
}

/// To the router, at a name inside the cluster: on the listener that has task-api's policy, a client's own x-user-id does not get through.
fn question(user: &str) -> Call {
    let body = json!({"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]});
    Call::post("llm-router.default.svc", "/v1/chat/completions", &body).header("x-user-id", user)
}

#[test]
fn the_rules_are_rules() {
    let checked = Command::new("promtool").args(["check", "rules"]).arg(rules()).output().expect("promtool");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    // A check that takes everything proves nothing.
    let broken = fs::read_to_string(rules()).unwrap().replace("sum by (ai_budget)", "sum by ai_budget");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), broken).unwrap();
    let checked =
        Command::new("promtool").args(["check", "rules"]).arg(file.path()).output().expect("promtool");
    assert!(!checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queries_say_what_was_sent() {
    let equipment = Equipment::find().await.expect("what a stack needs");
    let stack = Stack::start(&equipment).await.unwrap_or_else(|failure| panic!("{failure}"));
    let directory = tempfile::tempdir().unwrap();
    let example: Vec<String> = manifests::committed("task-api")
        .into_iter()
        .chain(["security/identity-provider.yaml".to_owned()])
        .map(|name| manifests::text(&name))
        .collect();
    stack.apply("task-api.yaml", &example.join("\n---\n")).await;
    let login = Tokens::new("login");
    let key_set = login.key_set();
    stack.service("default/login").answer(move |_| service::Reply::json(&key_set));
    let task = |user: &str| {
        let claims = json!({"iss": "https://login.example.com/", "aud": "tasks", "sub": user, "exp": identities::now() + 3_600});
        Call::get("api.example.com", "/tasks/v1/7")
            .header("authorization", &format!("Bearer {}", login.token(&claims)))
    };

    // A counter is there from its first event on, and `rate` sees what comes after its first sample: one of each kind, first.
    let deadline = Instant::now() + SOON;
    while stack.https(&task("first")).await.status != 200 {
        assert!(Instant::now() < deadline, "no task was ever answered");
        time::sleep(POLL).await;
    }
    assert_eq!(stack.http(&question("first")).await.status, 200);
    stack.openai.script(Reply::status(503));
    assert_eq!(stack.http(&question("first")).await.header("x-ai-provider"), "anthropic");
    stack.openai.script(Reply::text("Hello.").usage(Usage::new(8, 9_990)));
    assert_eq!(stack.http(&question("greedy")).await.status, 200);
    let refused = |answer: u16| answer == 429;
    assert!(refused(stack.http(&question("greedy")).await.status), "a budget that is used up refuses");

    let port = lab::port::free().unwrap();
    let admin = stack.gateway.admin().address();
    let prometheus = Prometheus::start(port, admin, &rules(), directory.path()).await;
    let prometheus = prometheus.unwrap_or_else(|failure| panic!("{failure}"));
    eventually(&prometheus, "count_over_time(up[1m]) >= 2", |samples| !samples.is_empty()).await;
    eventually(&prometheus, "gen_ai_client_token_usage_count", |samples| !samples.is_empty()).await;
    eventually(&prometheus, "ai_gateway_budget_refused", |samples| !samples.is_empty()).await;

    // Known traffic.
    const TASKS: u32 = 60;
    const ANSWERS: u32 = 12;
    const OUTPUT: u32 = 250;
    const REFUSED: u32 = 30;
    for _ in 0..TASKS {
        assert_eq!(stack.https(&task("counted")).await.status, 200);
    }
    for answer in 0..ANSWERS {
        stack.openai.script(Reply::text("Hello.").usage(Usage::new(8, u64::from(OUTPUT))));
        let answer = stack.http(&question(&format!("user-{answer}"))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for _ in 0..REFUSED {
        assert!(refused(stack.http(&question("greedy")).await.status), "the budget is still used up");
    }

    let request_rate = &queries("task-api/autoscaling.yaml")["request-rate"];
    eventually(&prometheus, request_rate, |samples| is_rate_of(samples, f64::from(TASKS))).await;
    let tokens = queries("autoscaling/token-rate.yaml");
    let expected = f64::from(ANSWERS * OUTPUT);
    eventually(&prometheus, &tokens["output-tokens"], |samples| is_rate_of(samples, expected)).await;

    // What is under way is seen before its tokens are.
    let under_way = &tokens["requests-under-way"];
    assert_eq!(single(&prometheus.query(under_way).await.unwrap()), 0.0);
    const AT_ONCE: usize = 3;
    stack.openai.script_all((0..AT_ONCE).map(|_| Reply::text("Hello.").held()));
    let slow = async {
        let call = question("slow");
        tokio::join!(stack.http(&call), stack.http(&call), stack.http(&call))
    };
    let all_of_them = |samples: &[Sample]| single(samples) == AT_ONCE as f64;
    let seen = async {
        eventually(&prometheus, under_way, all_of_them).await;
        stack.openai.release();
    };
    let ((first, second, third), ()) = tokio::join!(slow, seen);
    assert_eq!([first.status, second.status, third.status], [200; AT_ONCE]);

    // The rules, as Prometheus itself evaluates them.
    let label = |sample: &Sample, name: &str| sample.labels.get(name).cloned().unwrap_or_default();
    let by_kind = eventually(&prometheus, "ai_gateway:tokens:rate5m", |samples| samples.len() >= 4).await;
    for sample in &by_kind {
        assert_eq!(label(sample, "gen_ai_request_model"), "gpt-4", "{sample:?}");
        assert!(
            ["openai", "anthropic"].contains(&label(sample, "gen_ai_provider_name").as_str()),
            "{sample:?}"
        );
        assert!(["input", "output"].contains(&label(sample, "gen_ai_token_type").as_str()), "{sample:?}");
    }
    // The rules are evaluated by a clock of their own, which may not have come to the last of them yet.
    let are_counted = |samples: &[Sample]| {
        let counted: f64 = samples.iter().map(|sample| sample.value * 300.0).sum();
        let expected = f64::from(REFUSED);
        (expected..=expected * EXTRAPOLATED).contains(&counted)
    };
    let refusals = eventually(&prometheus, "ai_gateway:budget_refused:rate5m > 0", are_counted).await;
    assert!(refusals.iter().all(|sample| !label(sample, "ai_budget").is_empty()), "{refusals:?}");

    // Of twenty requests, five are answered by the second provider.
    let before = prometheus.query("ai_gateway:fallback:ratio5m").await.unwrap();
    assert_eq!(single(&before), 0.0, "{before:?}");
    for _ in 0..5 {
        stack.openai.script(Reply::status(503));
        assert_eq!(stack.http(&question("unlucky")).await.header("x-ai-provider"), "anthropic");
    }
    let alert = r#"ALERTS{alertname="ProviderIsPassedOver",alertstate="pending"}"#;
    eventually(&prometheus, alert, |samples| samples.len() == 1).await;
    // The first of the five are enough for the alert: a scrape may come between them.
    let all = f64::from(ANSWERS) + AT_ONCE as f64 + 5.0;
    let is_five_of_all = |samples: &[Sample]| (single(samples) - 5.0 / all).abs() < 0.05;
    eventually(&prometheus, "ai_gateway:fallback:ratio5m", is_five_of_all).await;
    let silent = prometheus.query(r#"ALERTS{alertname="BudgetCannotBeAsked"}"#).await.unwrap();
    assert!(silent.is_empty(), "{silent:?}");

    prometheus.stop().await.unwrap();
    stack.stop().await;
}
