//! Whole Envoys: configurations that must be refused, and what must differ from one run to the next.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use ai_filters::render::{self, Alias, LlmRouter};
use lab::envoy::Envoy;
use mock_llm::{CertificateAuthority, Reply};
use serde_json::{Value, json};

use super::BOTH;
use crate::canary;
use crate::client;
use crate::problems::Problems;
use crate::request::{chat, chat_body, chat_stream, prompt};
use crate::row::Row;
use crate::run;
use crate::shape::{Ports, Shape};
use crate::sse;
use crate::stand::{Equipment, Stand};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::own("configuration/every-problem-of-a-provider", |equipment| Box::pin(bad_provider(equipment))),
        Row::own("configuration/every-problem-of-the-gateway", |equipment| Box::pin(bad_gateway(equipment))),
        Row::own("configuration/missing-key", |equipment| Box::pin(missing_key(equipment))),
        Row::own("configuration/empty-key", |equipment| Box::pin(empty_key(equipment))),
        Row::own("ids/differ-between-runs", |equipment| Box::pin(ids_differ_between_runs(equipment))),
        Row::story("ids/differ-between-requests", BOTH, |stand| Box::pin(ids_differ(stand))),
        Row::story("access-log/says-what-was-decided", &[Shape::AnthropicFirst], |stand| {
            Box::pin(access_log(stand))
        }),
    ]
}

/// A router whose providers are nowhere: it is not meant to start.
fn router(equipment: &Equipment) -> LlmRouter {
    let bundle = "/not/there/yet.pem".parse().expect("a path");
    Shape::Groups.router(Ports { openai: 1, anthropic: 2 }, bundle, equipment.modules.clone())
}

fn both_keys() -> Vec<(&'static str, &'static str)> {
    vec![
        ("OPENAI_API_KEY", canary::OPENAI_KEY.as_str()),
        ("ANTHROPIC_API_KEY", canary::ANTHROPIC_KEY.as_str()),
    ]
}

/// An Envoy with that environment must not start, and its log has to say all of that.
async fn refuses(
    equipment: &Equipment,
    router: LlmRouter,
    environment: Vec<(&'static str, &'static str)>,
    sayings: &[&str],
) -> Problems {
    let mut problems = Problems::default();
    let directory = tempfile::tempdir().expect("a scratch directory");
    // Only what the row is about may be wrong.
    let bundle = directory.path().join("ca.pem");
    fs::write(&bundle, CertificateAuthority::new().pem()).expect("a file in the scratch directory");
    let ca_bundle = bundle.to_str().and_then(|path| path.parse().ok()).expect("a plain path");
    let bootstrap = render::bootstrap(&LlmRouter { ca_bundle, ..router });
    let envoy = Envoy::new(&equipment.binary, bootstrap).directory(directory.path());
    let envoy = environment.into_iter().fold(envoy, |envoy, (name, value)| envoy.env(name, value));
    if envoy.start().await.is_ok() {
        problems.add("Envoy started");
    }
    let log = fs::read_to_string(directory.path().join("envoy.log")).unwrap_or_default();
    for saying in sayings {
        problems.require(log.contains(saying), || format!("`{saying}` is not in the log:\n{log}"));
    }
    for (what, canary) in canary::unloggable() {
        problems.require(!log.contains(canary), || format!("{what} is in the log"));
    }
    problems
}

async fn bad_provider(equipment: &Equipment) -> Problems {
    let mut router = router(equipment);
    let anthropic = &mut router.providers[1];
    anthropic.extra.insert("default_max_tokens".to_owned(), json!("many"));
    anthropic.extra.insert("retry_statuses".to_owned(), json!(["nine"]));
    anthropic.extra.insert("modle".to_owned(), json!("claude"));
    let sayings = [
        "providers.anthropic.default_max_tokens: ",
        "providers.anthropic.retry_statuses",
        "providers.anthropic.modle: ",
        "hint: did you mean `model`?",
    ];
    refuses(equipment, router, both_keys(), &sayings).await
}

async fn bad_gateway(equipment: &Equipment) -> Problems {
    let mut router = router(equipment);
    let alias = |pattern: &str, model: &str| Alias {
        pattern: pattern.to_owned(),
        model: model.parse().expect("a model's name"),
    };
    router.aliases =
        vec![alias("a*b", "gpt-4"), alias("fast", "gpt-5"), alias("twice", "gpt-4"), alias("twice", "gpt-4")];
    let sayings = ["aliases[0].match: ", "aliases[1].model: ", "aliases[3].match: ", "hint: "];
    refuses(equipment, router, both_keys(), &sayings).await
}

async fn missing_key(equipment: &Equipment) -> Problems {
    let keys = both_keys().split_off(1);
    refuses(equipment, router(equipment), keys, &["providers.openai.auth.env: ", "OPENAI_API_KEY", "hint: "])
        .await
}

async fn empty_key(equipment: &Equipment) -> Problems {
    let keys = vec![("OPENAI_API_KEY", ""), ("ANTHROPIC_API_KEY", canary::ANTHROPIC_KEY.as_str())];
    refuses(equipment, router(equipment), keys, &["providers.openai.auth.env: ", "OPENAI_API_KEY", "hint: "])
        .await
}

/// The ids of two answers and two streams for which the provider sent none, so that the filter had to make them up.
async fn made_up_ids(stand: &Stand, problems: &mut Problems) -> Vec<String> {
    let mut ids = Vec::new();
    let message = json!({
        "type": "message",
        "role": "assistant",
        "model": "claude-3-opus",
        "content": [{"type": "text", "text": "Hello."}],
        "stop_reason": "end_turn",
        "stop_sequence": null,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    });
    let mut begun = message.clone();
    (begun["content"], begun["stop_reason"]) = (json!([]), Value::Null);
    let event =
        |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default());
    let events = [
        json!({"type": "message_start", "message": begun}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello."}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
        json!({"type": "message_stop"}),
    ];
    stand.openai.set_default(Reply::status(503));
    for _ in 0..2 {
        stand.anthropic.script(Reply::body(200, message.to_string()));
        stand.anthropic.script(Reply::events(events.clone().map(event)));
        let answer = client::send(stand.address, &chat("id")).await;
        ids.push(answer.json()["id"].as_str().unwrap_or_default().to_owned());
        let answer = client::send(stand.address, &chat_stream("id")).await;
        let first = sse::events(&answer).first().map(sse::Event::json).unwrap_or_default();
        ids.push(first["id"].as_str().unwrap_or_default().to_owned());
    }
    for id in &ids {
        let made = id.strip_prefix("chatcmpl-").is_some_and(|rest| rest.len() >= 8);
        problems.require(made, || format!("no id of OpenAI's form: {id:?}"));
    }
    ids
}

async fn ids_differ(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    let ids = made_up_ids(stand, &mut problems).await;
    problems.same("different ids", &ids.iter().collect::<BTreeSet<_>>().len(), &ids.len());
    problems
}

/// Without a real source of randomness every run would make up the same ones.
async fn ids_differ_between_runs(equipment: &Equipment) -> Problems {
    let mut problems = Problems::default();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let shown = async |stand: &Stand, problems: &mut Problems| {
            ids.extend(made_up_ids(stand, problems).await);
        };
        problems.of("run", run::on_own(Stand::start(Shape::Groups, equipment), shown).await);
    }
    problems.same("different ids", &ids.iter().collect::<BTreeSet<_>>().len(), &8);
    problems
}

/// One line for each request, with what an operator needs.
async fn access_log(stand: &Stand) -> Problems {
    // An alias that no other row uses.
    const ASKED: &str = "team-of-the-access-log";
    let mut problems = Problems::default();
    stand.anthropic.script(Reply::status(503));
    stand.openai.script(Reply::text("Hello."));
    let body = json!({"model": ASKED, "messages": [{"role": "user", "content": prompt("log")}]});
    client::send(stand.address, &chat_body(body)).await;
    // Envoy writes its access log every ten seconds.
    let asked = format!("\"model_requested\":\"{ASKED}\"");
    stand.envoy.log_says(&asked, Duration::from_secs(20)).await;
    let log = stand.envoy.log();
    let line = log.lines().find(|line| line.contains(&asked)).unwrap_or_default();
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    for (field, expected) in [
        ("status", json!(200)),
        ("attempts", json!(2)),
        ("model_served", json!("gpt-4")),
        ("provider", json!("openai")),
        ("decision", json!("forwarded")),
    ] {
        problems.same(field, &line[field], &expected);
    }
    problems
}
