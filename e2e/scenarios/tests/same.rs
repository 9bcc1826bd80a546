//! However it is deployed, it answers the same: `make run`'s stand, the committed compose file, and `make gateway`'s are asked one table of
//! requests, and their answers are compared with each other.
//!
//! What may differ is left out: identifiers, times, and what is left of a budget. What is served by all of them at all is said beside each
//! request, so that three deployments that fail alike do not pass.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use lab::settings::Settings;
use lab::stand::{Deployment, Stand};
use scenarios::compose::{Compose, Project};
use scenarios::stand::Equipment;
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

/// A request, and the status that every deployment answers it with.
struct Asked {
    name: &'static str,
    /// What is told to the scripted providers before.
    orders: &'static [&'static str],
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    /// No body is a GET.
    body: Option<String>,
    status: u16,
}

/// Where a deployment is reached.
struct Deployed {
    name: &'static str,
    gateway: SocketAddr,
    control: SocketAddr,
}

fn chat(more: &Value) -> Option<String> {
    let mut body =
        json!({"model": "gpt-4", "messages": [{"role": "user", "content": "Tell me of numbers."}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Some(body.to_string())
}

fn message(more: &Value) -> Option<String> {
    chat(&json!({"max_tokens": 50})).map(|body| {
        let mut body: Value = serde_json::from_str(&body).unwrap();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    })
}

fn table() -> Vec<Asked> {
    const UP: &[&str] = &["/openai/up", "/anthropic/up"];
    const FIRST_DOWN: &[&str] = &["/openai/down", "/anthropic/up"];
    const SECOND_DOWN: &[&str] = &["/openai/up", "/anthropic/down"];
    const BOTH_DOWN: &[&str] = &["/openai/down", "/anthropic/down"];
    const LIMITED: &[&str] = &["/openai/down?status=429", "/anthropic/up"];
    const ANN: &[(&str, &str)] = &[("x-user-id", "ann")];
    let plain = json!({});
    let stream = json!({"stream": true});
    let usage = json!({"stream": true, "stream_options": {"include_usage": true}});
    let function =
        json!({"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {}}});
    let tools = json!({"tools": [{"type": "function", "function": function}]});
    let asked =
        |name, orders, path, headers, body, status| Asked { name, orders, path, headers, body, status };
    vec![
        asked("an answer", UP, CHAT, ANN, chat(&plain), 200),
        asked("a stream", UP, CHAT, ANN, chat(&stream), 200),
        asked("a stream and its usage", UP, CHAT, ANN, chat(&usage), 200),
        asked("tools", UP, CHAT, ANN, chat(&tools), 200),
        asked("a message", UP, MESSAGES, ANN, message(&plain), 200),
        asked("a message's stream", UP, MESSAGES, ANN, message(&stream), 200),
        asked("the models", UP, "/v1/models", &[], None, 200),
        asked("the model", UP, "/v1/models/gpt-4", &[], None, 200),
        asked("no such model", UP, "/v1/models/gpt-none", &[], None, 404),
        asked("another model", UP, CHAT, ANN, chat(&json!({"model": "gpt-none"})), 404),
        asked("another model's message", UP, MESSAGES, ANN, message(&json!({"model": "gpt-none"})), 404),
        asked("no JSON", UP, CHAT, ANN, Some("{".to_owned()), 400),
        asked("another path", UP, "/v1/files", ANN, Some("{}".to_owned()), 404),
        asked("a root", UP, "/", &[], None, 404),
        asked(
            "what clients may not say",
            UP,
            CHAT,
            &[("x-ai-model", "other"), ("x-ai-stream", "true")],
            chat(&plain),
            200,
        ),
        asked("fallback", FIRST_DOWN, CHAT, ANN, chat(&plain), 200),
        asked("fallback of a stream", FIRST_DOWN, CHAT, ANN, chat(&stream), 200),
        asked("tools have no second provider", FIRST_DOWN, CHAT, ANN, chat(&tools), 503),
        asked("fallback of a message", FIRST_DOWN, MESSAGES, ANN, message(&stream), 200),
        asked("fallback after a limit", LIMITED, CHAT, ANN, chat(&plain), 200),
        asked("the second is down", SECOND_DOWN, CHAT, ANN, chat(&plain), 200),
        asked("both are down", BOTH_DOWN, CHAT, ANN, chat(&plain), 503),
        asked("both are down for a message", BOTH_DOWN, MESSAGES, ANN, message(&plain), 503),
        asked("both are down for a stream", BOTH_DOWN, CHAT, ANN, chat(&stream), 503),
        asked("more than a budget ever has", UP, CHAT, ANN, chat(&json!({"max_tokens": 1_000_000})), 400),
        asked(
            "more than the model ever writes",
            UP,
            CHAT,
            &[("x-user-id", "bob")],
            chat(&json!({"max_tokens": 9_000})),
            400,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_deployment_answers_the_same() {
    let equipment = Equipment::find().await.unwrap_or_else(|failure| panic!("{failure}"));
    let directory = tempfile::tempdir().unwrap();
    let run = started(Deployment::Envoy, &equipment, directory.path()).await;

    let file = lab::paths::root().join("envoy-configs/llm-router/docker-compose.mock.yaml");
    let mut project = Project::of(Compose::read(&file), &equipment);
    project.up("gateway").await;

    let stand = |name, stand: &Stand| Deployed {
        name,
        gateway: stand.address,
        control: stand.scripted.as_ref().expect("scripted providers").control.address(),
    };
    let mut deployments = vec![
        stand("make run", &run),
        Deployed {
            name: "compose",
            gateway: project.address("gateway", 10_000),
            control: project.address("providers", 10_080),
        },
    ];
    let behind = behind_envoy_gateway(&equipment).await;
    deployments.extend(behind.iter().map(|(behind, _)| stand("make gateway", behind)));

    let mut problems = Vec::new();
    for asked in table() {
        let mut answers = Vec::new();
        for deployed in &deployments {
            answers.push((deployed.name, deployed.ask(&asked).await));
        }
        let (first, expected) = &answers[0];
        for (name, answer) in &answers {
            if answer["status"] != asked.status {
                problems.push(format!("{}: {name} answers {answer:#}, not {}", asked.name, asked.status));
            }
            if answer != expected {
                problems.push(format!("{}: {first} answers {expected:#}\nand {name} {answer:#}", asked.name));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    run.stop().await.unwrap();
    if let Some((behind, _)) = behind {
        behind.stop().await.unwrap();
    }
}

/// What `make run` or `make gateway` starts without a key, on free ports.
async fn started(deployment: Deployment, equipment: &Equipment, directory: &Path) -> Stand {
    let settings = Settings::from_lookup(|name| name.ends_with("PORT").then(|| "0".into())).unwrap();
    let stand = Stand::start(&settings, deployment, &equipment.binary, directory).await;
    stand.unwrap_or_else(|failure| panic!("{failure}"))
}

/// What `make gateway` starts, where the tests have an Envoy Gateway.
async fn behind_envoy_gateway(equipment: &Equipment) -> Option<(Stand, TempDir)> {
    if !cfg!(feature = "gateway") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    Some((started(Deployment::EnvoyGateway, equipment, folder.path()).await, folder))
}

/// One source: what `make run` starts Envoy with is the compose file's bootstrap, but for where things are.
#[tokio::test(flavor = "multi_thread")]
async fn make_run_starts_what_the_compose_file_mounts() {
    let equipment = Equipment::find().await.unwrap_or_else(|failure| panic!("{failure}"));
    let directory = tempfile::tempdir().unwrap();
    let run = started(Deployment::Envoy, &equipment, directory.path()).await;
    let bootstraps: Vec<_> =
        fs::read_dir(directory.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    let bootstrap =
        bootstraps.iter().find(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let started = fs::read_to_string(bootstrap.unwrap_or_else(|| panic!("{bootstraps:?}"))).unwrap();
    let mounted =
        fs::read_to_string(lab::paths::root().join("envoy-configs/llm-router/envoy.mock.yaml")).unwrap();
    let started = places_left_out(&started);
    let mut mounted = places_left_out(&mounted);
    // Prometheus is beside the gateway only where compose is.
    let listeners = mounted["static_resources"]["listeners"].as_array_mut().unwrap();
    assert_eq!(listeners.pop().unwrap()["name"], "metrics");
    let clusters = mounted["static_resources"]["clusters"].as_array_mut().unwrap();
    assert_eq!(clusters.pop().unwrap()["name"], "envoy.admin");
    assert_eq!(started, mounted);
    run.stop().await.unwrap();
}

/// A bootstrap without addresses, ports, hosts and paths.
fn places_left_out(text: &str) -> Value {
    fn leave_out(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    if ["address", "port_value", "hostname", "sni", "filename", "exact"]
                        .contains(&name.as_str())
                        && (member.is_string() || member.is_number())
                        && !["gpt-4", "true"].contains(&member.as_str().unwrap_or_default())
                    {
                        *member = json!("somewhere");
                    } else if let (true, Some(text)) = (name == "value", member.as_str())
                        && let Ok(mut configuration) = serde_json::from_str::<Value>(text)
                    {
                        // A filter's configuration.
                        leave_out(&mut configuration);
                        *member = configuration;
                    } else if name == "authority" {
                        *member = json!("somewhere");
                    } else {
                        leave_out(member);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(leave_out),
            _ => {}
        }
    }
    let value: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).unwrap();
    let mut value = serde_json::to_value(value).unwrap();
    leave_out(&mut value);
    value
}

impl Deployed {
    /// The answer, without what may differ.
    async fn ask(&self, asked: &Asked) -> Value {
        for order in asked.orders {
            let order = lab::http::post_json(order, &[], &json!({})).unwrap();
            assert_eq!(lab::http::send(self.control, order, PATIENCE).await.unwrap().status, 200);
        }
        let mut request =
            Request::builder().uri(asked.path).method(if asked.body.is_some() { "POST" } else { "GET" });
        if asked.body.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in asked.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(asked.body.clone().unwrap_or_default())).unwrap();
        let reply = lab::http::send(self.gateway, request, PATIENCE).await;
        let reply = reply.unwrap_or_else(|error| panic!("{}, {}: {error}", self.name, asked.name));
        json!({"status": reply.status, "headers": headers(&reply), "body": body(&reply)})
    }
}

/// The headers that we promise, with their values where these are not of the moment.
fn headers(reply: &lab::http::Reply) -> BTreeMap<String, String> {
    const OF_THE_MOMENT: [&str; 4] = ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit", "retry-after"];
    let promised = |name: &str| {
        name == "content-type"
            || name == "x-should-retry"
            || name.starts_with("x-ai-")
            || OF_THE_MOMENT.iter().any(|begin| name.starts_with(begin))
    };
    let headers = reply.headers.iter().filter(|(name, _)| promised(name.as_str()));
    let value = |name: &str, value: &str| match OF_THE_MOMENT.iter().any(|begin| name.starts_with(begin)) {
        true => "of the moment".to_owned(),
        false => value.to_owned(),
    };
    headers.map(|(name, text)| (name.to_string(), value(name.as_str(), text.to_str().unwrap()))).collect()
}

/// The body, or each event of a stream, without identifiers and times.
fn body(reply: &lab::http::Reply) -> Value {
    let text = reply.text();
    if reply.header("content-type").starts_with("text/event-stream") {
        let events =
            text.lines().filter(|line| !line.is_empty()).map(|line| match line.strip_prefix("data: ") {
                Some(data) => serde_json::from_str(data).map_or_else(|_| json!(data), settled),
                None => json!(line),
            });
        return events.collect();
    }
    serde_json::from_str(&text).map_or_else(|_| json!(text), settled)
}

fn settled(mut value: Value) -> Value {
    fn settle(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    if ["id", "created", "created_at", "request_id"].contains(&name.as_str())
                        && !member.is_null()
                    {
                        let model = member.as_str() == Some("gpt-4");
                        *member = if model { json!("gpt-4") } else { json!("one of its own") };
                    } else {
                        settle(member);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(settle),
            _ => {}
        }
    }
    settle(&mut value);
    value
}
