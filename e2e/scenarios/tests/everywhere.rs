//! One AIGatewayRoute file in its three deployments: the same requests get the same answers from what is rendered for Envoy, for compose
//! and for Kubernetes, and providers see the same of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ai_filters::render::{
    ComposeFiles, EnvoyVersion, GatewayVersion, LlmRouter, Modules, Provider, bootstrap, compose,
};
use ai_filters::route::{Target, Understood, read_for};
use base64ct::{Base64, Encoding as _};
use lab::envoy::{Envoy, Running};
use lab::gateway::{Beside, EnvoyGateway};
use llm_api::Dialect;
use mock_llm::{CertificateAuthority, Listen, MockProvider, ProviderKind, Reply, Usage};
use scenarios::stand::Equipment;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const LIMIT: Duration = Duration::from_secs(20);
/// Of so many draws with nine chances in ten: eight standard deviations (5.2 each) below, and no less than one of the others, which is wrong
/// once in a million million runs.
const DRAWS: usize = 300;
const STABLE: std::ops::Range<usize> = 228..DRAWS;
/// One Envoy Gateway runs on a machine at a time.
static ALONE: Mutex<()> = Mutex::const_new(());
const FILE: &str = "\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: {name: every-where, namespace: team-a, labels: {app.kubernetes.io/part-of: test}, annotations: {owner: \"a, b\"}}
spec:
  backends:
  - {name: stable, provider: openai, model: model-stable, modelNameOverride: split, weight: 9, auth: {type: APIKey, apiKeyRef: {name: openai-key}}, passRequestHeaders: [x-experiment]}
  - {name: canary, provider: openai, model: model-canary, modelNameOverride: split, auth: {type: APIKey, apiKeyRef: {name: openai-key}}, passRequestHeaders: [x-experiment]}
  - {name: last, provider: anthropic, priority: 1, model: model-last, modelNameOverride: split, auth: {type: APIKey, apiKeyRef: {name: anthropic-key}}}
  - {name: alone, provider: openai, model: own.Model, auth: {type: APIKey, apiKeyRef: {name: openai-key}}}
  - {name: any, provider: openai, model: \"gpt-*\", auth: {type: APIKey, apiKeyRef: {name: openai-key}}, headers: {x-from: gateway}}
  - {name: spare, provider: anthropic, priority: 7, model: model-spare, modelNameOverride: \"gpt-*\", auth: {type: APIKey, apiKeyRef: {name: anthropic-key}}}
  aliases: [{match: fast, model: own.Model}, {match: best, model: gpt-5}]
  models: [{name: own.Model, counting: exact, maxInputTokens: 50}]
  timeouts: {firstByte: 5s, idle: 6s, answer: 7s, total: 20s}
  identity: {header: {user: x-user-id}}
  budgets: {limits: [{name: month, per: [user], models: [\"gpt-*\"], quota: {amount: 3000, window: month}}], default_completion_tokens: 100}
  prices: [{match: \"gpt-*\", input: 2.50, output: 10.00}]
";

struct Stand {
    name: &'static str,
    openai: MockProvider,
    anthropic: MockProvider,
    address: SocketAddr,
    engine: Engine,
    _directory: tempfile::TempDir,
}

enum Engine {
    Envoy(Box<Running>),
    Gateway(Box<EnvoyGateway>),
}

/// What a client and the providers saw of a request.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    body: Value,
    headers: Vec<(&'static str, String)>,
    openai: Vec<(String, String, Value)>,
    anthropic: Vec<(String, String, Value)>,
}

fn understood(target: &Target) -> Understood {
    read_for("route.yaml", FILE.as_bytes(), target).unwrap_or_else(|found| panic!("{found}"))
}

/// The providers of the test, in the place of the real ones.
fn aimed(
    mut router: LlmRouter,
    openai: &MockProvider,
    anthropic: &MockProvider,
    modules: Modules,
) -> LlmRouter {
    let aim = |provider: &mut Provider| {
        let url = match provider.api {
            Dialect::OpenAi => format!("http://{}/v1", openai.address()),
            Dialect::Anthropic => format!("http://{}", anthropic.address()),
        };
        provider.base_url = url.parse().unwrap();
    };
    router.providers.iter_mut().for_each(aim);
    router.more_models.iter_mut().flat_map(|model| &mut model.providers).for_each(aim);
    LlmRouter { modules, ..router }
}

async fn start(name: &'static str, equipment: &Equipment) -> Stand {
    let openai = MockProvider::start(ProviderKind::OpenAi, Listen::plain()).await.unwrap();
    openai.set_models(["model-stable", "model-canary", "own.Model", "gpt-5", "gpt-4o"]);
    let anthropic = MockProvider::start(ProviderKind::Anthropic, Listen::plain()).await.unwrap();
    anthropic.set_models(["model-last", "model-spare"]);
    let directory = tempfile::tempdir().unwrap();
    let aim = |router, modules| aimed(router, &openai, &anthropic, modules);
    let envoy = Target::Envoy(EnvoyVersion::default());
    let (engine, address) = match name {
        "envoy" => {
            let router = aim(understood(&envoy).router, equipment.modules.clone());
            let router = LlmRouter { listen: (Ipv4Addr::LOCALHOST, 0).into(), admin_port: 0, ..router };
            run(
                equipment,
                bootstrap(&router),
                ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"].map(str::to_owned).to_vec(),
            )
            .await
        }
        "compose" => {
            let router = aim(understood(&envoy).router, Modules::default());
            let (text, variables) = composed(&router, equipment, directory.path());
            run(equipment, text, variables).await
        }
        _ => {
            let target = Target::Kubernetes { version: GatewayVersion::V1_9, tls_secret: None };
            let Understood { router, cluster, .. } = understood(&target);
            let listen = (Ipv4Addr::LOCALHOST, lab::port::free().unwrap()).into();
            let router = LlmRouter { listen, ..aim(router, equipment.modules.clone()) };
            let keys = [
                ("OPENAI_API_KEY", ProviderKind::OpenAi.default_key()),
                ("ANTHROPIC_API_KEY", ProviderKind::Anthropic.default_key()),
            ];
            let beside = Beside { place: cluster.place, ..Beside::default() };
            let gateway =
                EnvoyGateway::start_beside(&router, &keys, &equipment.binary, directory.path(), beside);
            let gateway = gateway.await.unwrap_or_else(|failure| panic!("{failure}"));
            let address = gateway.address();
            (Engine::Gateway(Box::new(gateway)), address)
        }
    };
    Stand { name, openai, anthropic, address, engine, _directory: directory }
}

async fn run(equipment: &Equipment, text: String, variables: Vec<String>) -> (Engine, SocketAddr) {
    let mut envoy = Envoy::new(&equipment.binary, text);
    for name in &variables {
        let kind = if name.starts_with("OPENAI") { ProviderKind::OpenAi } else { ProviderKind::Anthropic };
        envoy = envoy.env(name, kind.default_key());
    }
    let envoy = envoy.start().await.unwrap_or_else(|failure| panic!("{failure}"));
    let address = envoy.address().unwrap();
    (Engine::Envoy(Box::new(envoy)), address)
}

/// The bootstrap that the compose file mounts, with the sources of its mounts in the place of their targets, and the variables that it passes.
fn composed(router: &LlmRouter, equipment: &Equipment, directory: &Path) -> (String, Vec<String>) {
    let modules = Path::new(equipment.modules.gateway.as_str()).parent().unwrap().display().to_string();
    let file = directory.join("envoy.yaml");
    std::fs::write(&file, bootstrap(router)).unwrap();
    let files = ComposeFiles { bootstrap: file.display().to_string(), modules, ..ComposeFiles::default() };
    let root: Value = serde_yaml_ng::from_str(&compose(router, &files)).unwrap();
    let gateway = &root["services"]["gateway"];
    let mut text = None;
    let mut mounted = Vec::new();
    for mount in gateway["volumes"].as_array().unwrap() {
        let (from, to) = mount.as_str().unwrap().trim_end_matches(":ro").split_once(':').unwrap();
        if gateway["command"].as_array().unwrap().iter().any(|argument| argument == to) {
            text = Some(std::fs::read_to_string(from).unwrap());
        } else {
            mounted.push((from.to_owned(), to.to_owned()));
        }
    }
    let mut text = text.expect("the bootstrap is mounted");
    for (from, to) in mounted {
        text = text.replace(&to, &from);
    }
    let text =
        text.replace("port_value: 9901", "port_value: 0").replace("port_value: 10000", "port_value: 0");
    let text = text
        .replace("address: \"0.0.0.0\"", "address: \"127.0.0.1\"")
        .replace("address: 0.0.0.0", "address: 127.0.0.1");
    (text, gateway["environment"].as_object().unwrap().keys().cloned().collect())
}

impl Stand {
    async fn post(&self, path: &str, headers: &[(&'static str, &'static str)], body: &Value) -> Seen {
        let before = [self.openai.request_count(), self.anthropic.request_count()];
        let headers: Vec<_> = [("host", "localhost")].into_iter().chain(headers.iter().copied()).collect();
        let request = lab::http::post_json(path, &headers, body).unwrap();
        let reply = lab::http::send(self.address, request, LIMIT).await.unwrap();
        let told = [
            "x-ai-provider",
            "x-ai-model",
            "x-ai-attempts",
            "x-ratelimit-remaining-tokens",
            "x-should-retry",
        ];
        let headers = told.into_iter().map(|name| (name, reply.header(name).to_owned())).collect();
        let text = timeless(&reply.text());
        let body = serde_json::from_str(&text).unwrap_or(Value::from(text));
        let got = |provider: &MockProvider, before: usize| {
            let requests = provider.requests().into_iter().skip(before);
            requests
                .map(|request| {
                    let mut headers: Vec<_> = request
                        .headers
                        .iter()
                        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
                        .filter(|header| {
                            !["host:", "x-request-id:"].iter().any(|own| header.starts_with(own))
                        })
                        .collect();
                    headers.sort();
                    (request.path.clone(), headers.join("\n"), request.json())
                })
                .collect()
        };
        Seen {
            status: reply.status,
            body,
            headers,
            openai: got(&self.openai, before[0]),
            anthropic: got(&self.anthropic, before[1]),
        }
    }
}

/// The same without the second in which it was said.
fn timeless(text: &str) -> String {
    let mut parts = text.split("\"created\":");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("\"created\":0");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' '));
    }
    // And without how long a window still lasts.
    match out.split_once(" Try again in ") {
        Some((told, rest)) => format!("{told}{}", rest.trim_start_matches(|c: char| c != '"')),
        None => out,
    }
}

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
}

#[tokio::test]
async fn the_same_file_gives_the_same_answers_everywhere() {
    let _alone = ALONE.lock().await;
    let equipment = Equipment::find().await.unwrap_or_else(|failure| panic!("{failure}"));
    let mut all: Vec<(&str, Vec<(String, Seen)>)> = Vec::new();
    for name in ["envoy", "compose", "kubernetes"] {
        let stand = start(name, &equipment).await;
        let mut seen = Vec::new();
        let chats = "/v1/chat/completions";
        for model in ["own.Model", "fast", "gpt-4o", "best", "nobody"] {
            seen.push((format!("{model} answers"), stand.post(chats, &[], &chat(model)).await));
        }
        let streamed =
            json!({"model": "fast", "stream": true, "messages": [{"role": "user", "content": "Hello"}]});
        seen.push(("a stream".to_owned(), stand.post(chats, &[], &streamed).await));
        let long = json!({"model": "fast", "messages": [{"role": "user", "content": "hello ".repeat(80)}]});
        let long = stand.post(chats, &[], &long).await;
        assert_eq!(long.status, 400, "{name}: a model's own longest prompt");
        seen.push(("too long a prompt".to_owned(), long));
        let messages =
            json!({"model": "gpt-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]});
        seen.push(("the other API".to_owned(), stand.post("/v1/messages", &[], &messages).await));

        // Nine to one, in one attempt, each with its own model; what is passed on is passed on.
        let mut shares = [0, 0];
        for _ in 0..DRAWS {
            let one = stand.post(chats, &[("x-experiment", "7"), ("x-other", "8")], &chat("split")).await;
            assert_eq!((one.status, &one.body["model"]), (200, &Value::from("split")), "{name}");
            let [(_, headers, body)] = one.openai.as_slice() else { panic!("{name}: {one:?}") };
            assert!(headers.contains("x-experiment: 7") && !headers.contains("x-other"), "{name}: {headers}");
            shares[usize::from(body["model"] == "model-canary")] += 1;
        }
        assert!(STABLE.contains(&shares[0]), "{name}: nine to one are not {shares:?}");

        stand.openai.set_default(Reply::status(503));
        for model in ["gpt-4o", "fast"] {
            seen.push((format!("{model} when the first fails"), stand.post(chats, &[], &chat(model)).await));
        }
        let split = stand.post(chats, &[], &chat("split")).await;
        assert_eq!(
            (split.status, &split.headers[2].1, split.anthropic.len()),
            (200, &"2".to_owned(), 1),
            "{name}"
        );
        assert_eq!(split.anthropic[0].2["model"], "model-last", "{name}");

        // 3000 tokens a month for each user, of the models with that beginning alone. What is spent twice is owed by the next month: so
        // nobody is told to try again soon, whatever today's date is.
        stand.openai.set_default(Reply::answer());
        stand.openai.script(Reply::answer().usage(Usage::new(8, 6_000)));
        let large = json!({"model": "gpt-4o", "max_tokens": 2900, "messages": [{"role": "user", "content": "Hello"}]});
        let huge = json!({"model": "gpt-4o", "max_tokens": 2990, "messages": [{"role": "user", "content": "Hello"}]});
        let alice = [("x-user-id", "alice")];
        seen.push(("within the budget".to_owned(), stand.post(chats, &alice, &large).await));
        let beyond = stand.post(chats, &alice, &huge).await;
        assert_eq!(beyond.status, 429, "{name}: {beyond:?}");
        seen.push(("beyond the budget".to_owned(), beyond));
        let free = json!({"model": "own.Model", "max_tokens": 2990, "messages": [{"role": "user", "content": "Hello"}]});
        seen.push(("another model has none".to_owned(), stand.post(chats, &alice, &free).await));

        match stand.engine {
            Engine::Gateway(gateway) => gateway.stop().await.unwrap_or_else(|failure| panic!("{failure}")),
            Engine::Envoy(envoy) => drop(envoy),
        }
        all.push((stand.name, seen));
    }
    let (first, expected) = all.remove(0);
    assert!(expected.iter().filter(|(_, seen)| seen.status == 200).count() > 8, "{expected:#?}");
    for (name, seen) in all {
        for ((what, seen), (_, expected)) in seen.into_iter().zip(&expected) {
            assert_eq!(&seen, expected, "{what}: {name}, and then {first}");
        }
    }
}

#[tokio::test]
async fn a_gateway_shows_its_certificate_and_leaves_out_who_only_fails() {
    let _alone = ALONE.lock().await;
    let equipment = Equipment::find().await.unwrap_or_else(|failure| panic!("{failure}"));
    let openai = MockProvider::start(ProviderKind::OpenAi, Listen::plain()).await.unwrap();
    openai.set_models(["own.Model", "gpt-4o"]);
    let anthropic = MockProvider::start(ProviderKind::Anthropic, Listen::plain()).await.unwrap();
    anthropic.set_models(["model-spare"]);
    let target = Target::Kubernetes { version: GatewayVersion::V1_9, tls_secret: Some("shown".to_owned()) };
    let file = format!("{FILE}  outlierDetection: {{failures: 3, ejectionTime: 10m}}\n");
    let understood =
        read_for("route.yaml", file.as_bytes(), &target).unwrap_or_else(|found| panic!("{found}"));
    let Understood { router, cluster, .. } = understood;
    let listen = (Ipv4Addr::LOCALHOST, lab::port::free().unwrap()).into();
    let router = LlmRouter { listen, ..aimed(router, &openai, &anthropic, equipment.modules.clone()) };
    let authority = CertificateAuthority::new();
    let identity = authority.issue(["ai.example"]);
    let text = |text: &str| Base64::encode_string(text.as_bytes());
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": "shown", "namespace": "team-a"},
        "data": {"tls.crt": text(identity.certificate_pem()), "tls.key": text(identity.key_pem())},
    });
    let beside = Beside { place: cluster.place, resources: vec![secret], ..Beside::default() };
    let keys = [
        ("OPENAI_API_KEY", ProviderKind::OpenAi.default_key()),
        ("ANTHROPIC_API_KEY", ProviderKind::Anthropic.default_key()),
    ];
    let directory = tempfile::tempdir().unwrap();
    let gateway = EnvoyGateway::start_beside(&router, &keys, &equipment.binary, directory.path(), beside);
    let gateway = gateway.await.unwrap_or_else(|failure| panic!("{failure}"));
    // The filter is fetched while the listener is there already; until then nobody is let through.
    let mut answer = String::new();
    for _ in 0..150 {
        answer = post_by_tls(gateway.address(), &authority.pem(), &chat("fast")).await;
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // By an alias, through both filters: so the patches of this listener and these clusters were applied.
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-ai-provider: alone"), "{answer}");
    assert_eq!(openai.requests().last().unwrap().json()["model"], "own.Model");

    openai.set_default(Reply::status(503));
    let before = openai.request_count();
    for asked in 1..=8 {
        let answer = post_by_tls(gateway.address(), &authority.pem(), &chat("gpt-4o")).await;
        let attempts = if asked > 3 { "x-ai-attempts: 1\r\n" } else { "x-ai-attempts: 2\r\n" };
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(attempts), "{asked}: {answer}");
    }
    assert_eq!(openai.request_count() - before, 3, "it was asked until it had failed three times");
    gateway.stop().await.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Asks over TLS, verifying the certificate's name; the whole answer as text.
async fn post_by_tls(address: SocketAddr, authority: &str, body: &Value) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = "ai.example".try_into().unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: ai.example\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // An end without close_notify is an end, too.
    let _ = tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("an answer in time");
    String::from_utf8_lossy(&answer).into_owned()
}
