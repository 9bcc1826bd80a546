//! Every query of the dashboard and of the alerts, asked of a real Prometheus that scraped a real run: each has a series, and its value is
//! what was sent.
//!
//! The gateway, the scripted providers and Prometheus run as `docker-compose.mock.yaml` says, without Docker. Only Prometheus' 15 seconds
//! between two scrapes are one here, and the gateway has prices and refuses who does not say who they are.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use ai_filters::render::{LlmRouter, bootstrap, on_scripted_providers};
use scenarios::compose::{Compose, Project, skip};
use scenarios::stand::Equipment;
use serde_json::{Value, json};
use tokio::time::{self, Instant};

const MONITORING: &str = "envoy-configs/monitoring";
const DASHBOARD: &str = "grafana/dashboards/ai-gateway.json";
/// What is only there where something is broken that this run does not break.
const SILENT: [&str; 2] = ["ai_gateway_budget_unavailable", "ai_gateway_budget_unsettled"];
/// How far `rate` may be off that has to guess what was between its samples.
const TOLERANCE: f64 = 0.15;
/// How long OpenAI's answers take at least, in milliseconds.
const SLOW: u64 = 600;
const PATIENCE: Duration = Duration::from_secs(20);
/// Dollars for a million tokens, by provider: of the prompt, of the answer.
const PRICES: [(&str, &str, f64, f64); 2] =
    [("openai", "gpt-4", 30.0, 60.0), ("anthropic", "claude-3-opus", 15.0, 75.0)];

fn text(file: &str) -> String {
    let path = lab::paths::root().join(MONITORING).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Prometheus; none, with its reason, where there is none.
fn prometheus() -> Option<PathBuf> {
    let named = std::env::var_os("PROMETHEUS").map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| {
        std::env::split_paths(&paths).map(|path| path.join("prometheus")).find(|path| path.is_file())
    });
    if found.is_none() {
        skip("what the dashboard and the alerts ask", "prometheus was not found (install Prometheus)");
    }
    found
}

/// One query: where it stands, and what it asks.
#[derive(Debug)]
struct Query {
    place: String,
    expression: String,
}

/// Every query of the dashboard.
fn dashboard() -> Vec<Query> {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let place = format!("{}/{}", panel["title"].as_str().unwrap(), target["refId"].as_str().unwrap());
            queries.push(Query { place, expression: target["expr"].as_str().unwrap().to_owned() });
        }
    }
    queries
}

/// What every alert compares with its threshold.
fn alerts() -> Vec<Query> {
    let rules: Value =
        serde_json::to_value(serde_yaml_ng::from_str::<serde_yaml_ng::Value>(&text("rules.yml")).unwrap())
            .unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    let query = |rule: &Value| {
        let words: Vec<&str> = rule["expr"].as_str().unwrap().split_whitespace().collect();
        let mut kept = Vec::new();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if [">", "=="].contains(&word) {
                words.next().expect("a threshold").parse::<f64>().expect("a number");
            } else {
                kept.push(word);
            }
        }
        Query { place: rule["alert"].as_str().unwrap().to_owned(), expression: kept.join(" ") }
    };
    rules.iter().map(query).collect()
}

/// What was sent in one go, and what came of it.
#[derive(Clone, Debug, Default)]
struct Sent {
    /// Answers, and the tokens of prompts and answers, by provider.
    answers: BTreeMap<&'static str, (f64, f64, f64)>,
    /// Requests for more than their budgets ever hold.
    refused: f64,
    /// Requests of nobody.
    denied: f64,
    /// Requests that no provider answered.
    failed: f64,
}

impl Sent {
    fn of(&self, provider: &str) -> (f64, f64, f64) {
        self.answers.get(provider).copied().unwrap_or_default()
    }

    fn count(&self) -> f64 {
        self.answers.values().map(|(count, ..)| count).sum()
    }

    fn input(&self) -> f64 {
        self.answers.values().map(|(_, input, _)| input).sum()
    }

    fn output(&self) -> f64 {
        self.answers.values().map(|(.., output)| output).sum()
    }

    /// In dollars.
    fn cost(&self, provider: &str) -> f64 {
        let (_, input, output) = self.of(provider);
        let price = PRICES.iter().find(|price| price.0 == provider).expect("a price");
        (input * price.2 + output * price.3) / 1e6
    }
}

/// The gateway, and what stands behind it.
struct Run {
    gateway: SocketAddr,
    control: SocketAddr,
    prometheus: SocketAddr,
}

impl Run {
    async fn order(&self, path: &str) {
        let order = lab::http::post_json(path, &[], &json!({})).unwrap();
        let reply = lab::http::send(self.control, order, PATIENCE).await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }

    async fn ask(&self, user: Option<&str>, most: Option<u64>) -> lab::http::Reply {
        let mut body =
            json!({"model": "gpt-4", "messages": [{"role": "user", "content": "Tell me of numbers."}]});
        if let Some(most) = most {
            body["max_tokens"] = most.into();
        }
        let headers: Vec<_> = user.iter().map(|user| ("x-user-id", *user)).collect();
        let request = lab::http::post_json("/v1/chat/completions", &headers, &body).unwrap();
        lab::http::send(self.gateway, request, PATIENCE).await.unwrap()
    }

    /// So many answers of OpenAI, of Anthropic, refusals, requests of nobody, and failures.
    async fn send(&self, numbers: [usize; 5]) -> Sent {
        let [openai, anthropic, refused, denied, failed] = numbers;
        let mut sent = Sent::default();
        self.order(&format!("/openai/slow?ms={SLOW}")).await;
        for (provider, number) in [("openai", openai), ("anthropic", anthropic)] {
            for index in 0..number {
                let reply = self.ask(Some(&format!("user-{provider}-{index}")), None).await;
                assert_eq!(
                    (reply.status, reply.header("x-ai-provider")),
                    (200, provider),
                    "{}",
                    reply.text()
                );
                let usage = reply.json()["usage"].clone();
                let of = sent.answers.entry(provider).or_default();
                of.0 += 1.0;
                of.1 += usage["prompt_tokens"].as_f64().unwrap();
                of.2 += usage["completion_tokens"].as_f64().unwrap();
            }
            self.order("/openai/down").await;
        }
        self.order("/anthropic/down").await;
        for _ in 0..failed {
            let reply = self.ask(Some("nobody-answers"), None).await;
            assert!(reply.status >= 500, "{}", reply.status);
            sent.failed += 1.0;
        }
        for provider in ["openai", "anthropic"] {
            self.order(&format!("/{provider}/up")).await;
        }
        for _ in 0..refused {
            assert_eq!(self.ask(Some("spender"), Some(1_000_000)).await.status, 400);
            sent.refused += 1.0;
        }
        for _ in 0..denied {
            assert_eq!(self.ask(None, None).await.status, 401);
            sent.denied += 1.0;
        }
        sent
    }

    /// The series that a query has now, each with its labels.
    async fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        self.query_at(expression, None).await
    }

    /// The same, or those that it had at that time.
    async fn query_at(&self, expression: &str, time: Option<f64>) -> Vec<(Value, f64)> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let time = time.map(|time| format!("&time={time:.3}")).unwrap_or_default();
        let path = format!("/api/v1/query?query={encoded}{time}");
        let reply = lab::http::get(self.prometheus, &path, PATIENCE).await.unwrap().json();
        assert_eq!(reply["status"], "success", "{expression}: {reply}");
        let series = reply["data"]["result"].as_array().unwrap();
        let value = |series: &Value| series["value"][1].as_str().unwrap().parse().unwrap();
        series.iter().map(|series| (series["metric"].clone(), value(series))).collect()
    }

    async fn number(&self, expression: &str) -> f64 {
        self.query(expression).await.first().map_or(0.0, |(_, value)| *value)
    }

    /// When Envoy was scraped last, in seconds since the Unix epoch by Prometheus' own clock.
    async fn scraped(&self) -> f64 {
        self.number("max(timestamp(ai_gateway_budget_refused))").await
    }

    /// Waits until Prometheus has seen so many answers and failures. When it was that everything about them had been scraped.
    async fn wait_for(&self, answers: f64, refused: f64) -> f64 {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let seen = (
                self.number("sum(gen_ai_client_token_usage_count{gen_ai_token_type=\"output\"})").await,
                self.number("max(ai_gateway_budget_refused)").await,
            );
            if seen == (answers, refused) && self.number("sum(ai_gateway_estimate_error_count)").await > 0.0 {
                break;
            }
            assert!(Instant::now() < deadline, "Prometheus has seen {seen:?}");
            time::sleep(Duration::from_millis(200)).await;
        }
        // And two scrapes after that one.
        let mut scraped = self.scraped().await;
        for _ in 0..2 {
            let before = scraped;
            while scraped <= before {
                assert!(Instant::now() < deadline, "Prometheus scrapes no more since {scraped}");
                time::sleep(Duration::from_millis(100)).await;
                scraped = self.scraped().await;
            }
        }
        scraped
    }
}

/// What a query must give: of each series some labels, and the least and the most that it may be.
type Expected = Vec<(Vec<(&'static str, &'static str)>, f64, f64)>;

fn near(
    labels: &[(&'static str, &'static str)],
    value: f64,
) -> (Vec<(&'static str, &'static str)>, f64, f64) {
    (labels.to_vec(), value * (1.0 - TOLERANCE), value * (1.0 + TOLERANCE))
}

/// What the query at that place must give over a window of so many seconds.
fn expected(place: &str, sent: &Sent, window: f64) -> Option<Expected> {
    const MODEL: (&str, &str) = ("gen_ai_request_model", "gpt-4");
    const OPENAI: (&str, &str) = ("gen_ai_provider_name", "openai");
    const ANTHROPIC: (&str, &str) = ("gen_ai_provider_name", "anthropic");
    let (openai, anthropic) = (sent.of("openai"), sent.of("anthropic"));
    let cost = sent.cost("openai") + sent.cost("anthropic");
    let budgets = [("ai_budget", "user-minute"), ("ai_budget", "user-day")];
    let each_budget = |value: f64| budgets.into_iter().map(|budget| near(&[budget], value)).collect();
    let both = |of_openai: f64, of_anthropic: f64| {
        vec![near(&[MODEL, OPENAI], of_openai), near(&[MODEL, ANTHROPIC], of_anthropic)]
    };
    // A histogram says between which of its steps a value is.
    let times = || vec![(vec![OPENAI], SLOW as f64 - 100.0, 2_500.0), (vec![ANTHROPIC], 0.0, 500.0)];
    let refusals = sent.refused + sent.denied;
    let all = sent.count() + sent.failed + refusals;
    Some(match place {
        "Requests answered/A" => vec![near(&[], sent.count())],
        "Tokens/A" => vec![near(&[], sent.input() + sent.output())],
        "Cost/A" => vec![near(&[], cost)],
        "Answers by another than the first/A" | "AIGatewayFallsBack" => {
            vec![near(&[], anthropic.0 / sent.count())]
        }
        "Answers per second/A" => both(openai.0 / window, anthropic.0 / window),
        "Statuses per second/A" => [("2", sent.count()), ("4", refusals), ("5", sent.failed)]
            .into_iter()
            .map(|(class, number)| near(&[("envoy_response_code_class", class)], number / window))
            .collect(),
        "Tokens per second/A" => [("input", sent.input()), ("output", sent.output())]
            .into_iter()
            .map(|(kind, tokens)| near(&[("gen_ai_token_type", kind)], tokens / window))
            .collect(),
        "Tokens per second by model and provider/A" => {
            both((openai.1 + openai.2) / window, (anthropic.1 + anthropic.2) / window)
        }
        "Time to first byte/A" | "Time to first byte/B" | "AIGatewaySlow" => times(),
        "Fallbacks per second/A" => vec![near(&[MODEL, ANTHROPIC], anthropic.0 / window)],
        "Failed attempts per second/A" => {
            let labels = [("envoy_cluster_name", "openai"), ("envoy_response_code", "503")];
            vec![near(&labels, (anthropic.0 + sent.failed) / window)]
        }
        "Refused by budgets per second/A" => each_budget(sent.refused / window),
        "AIGatewayRefusesForBudgets" => each_budget(sent.refused / 600.0),
        "Charged to budgets per second/A" => each_budget((sent.input() + sent.output()) / window),
        "Cost per hour/A" => {
            both(sent.cost("openai") / window * 3600.0, sent.cost("anthropic") / window * 3600.0)
        }
        "Error of estimates/A" | "AIGatewayEstimatesAreOff" => vec![(vec![MODEL, ANTHROPIC], 0.0, 5_000.0)],
        "Refused callers per second/A" => vec![near(&[("ai_reason", "no_credential")], sent.denied / window)],
        "Prompts per second/A" => vec![near(&[MODEL], (sent.count() + sent.failed + sent.refused) / window)],
        "Prompts per second/B" => vec![near(&[MODEL], sent.refused / window)],
        "AIGatewayDown" => vec![near(&[("job", "ai-gateway")], 1.0)],
        "AIGatewayFails" => vec![near(&[], sent.failed / all)],
        "AIGatewayFilterRestarted" => vec![(vec![], 0.0, 0.0)],
        _ => return None,
    })
}

#[tokio::test]
async fn every_query_has_the_value_that_was_sent() {
    let Some(program) = prometheus() else { return };
    let equipment = Equipment::find().await.unwrap_or_else(|failure| panic!("{failure}"));
    let prices = PRICES.map(|(provider, model, input, output)| {
        json!({"match": model, "provider": provider, "input": input, "output": output})
    });
    let identity = json!({"header": {"user": "x-user-id"}, "anonymous": "refuse"});
    let router = LlmRouter {
        metrics: Some(([0, 0, 0, 0], 9902).into()),
        prices: prices.to_vec(),
        identity: identity.as_object().cloned().unwrap(),
        ..LlmRouter::default()
    };
    let file = lab::paths::root().join("envoy-configs/llm-router/docker-compose.mock.yaml");
    let often = text("prometheus.yml").replace("15s", "1s");
    let mut project = Project::of(Compose::read(&file), &equipment)
        .program("prom/prometheus", &program)
        .text("/etc/envoy/envoy.yaml", bootstrap(&on_scripted_providers(&router)))
        .text("/etc/prometheus/prometheus.yml", often);
    let listen = format!("--web.listen-address={}", project.address("prometheus", 9090));
    project = project.argument("prometheus", &listen);
    project.up("gateway").await;
    project.up("prometheus").await;
    let run = Run {
        gateway: project.address("gateway", 10_000),
        control: project.address("providers", 10_080),
        prometheus: project.address("prometheus", 9090),
    };

    // What was never counted is not there, and a number that appears has not grown: one of each, before what is measured.
    let first = run.send([1, 1, 1, 1, 1]).await;
    let begun = run.wait_for(first.count(), first.refused).await;
    let sent = run.send([12, 8, 5, 4, 3]).await;
    let over = run.wait_for(first.count() + sent.count(), first.refused + sent.refused).await;
    // From just before the one scrape to the other, however late each came.
    let window = over - begun + 0.1;
    let milliseconds = format!("{}ms", (window * 1000.0).round());

    let mut problems = Vec::new();
    for query in dashboard().into_iter().chain(alerts()) {
        let asked =
            query.expression.replace("$__rate_interval", &milliseconds).replace("$__range", &milliseconds);
        let series = run.query_at(&asked, Some(over)).await;
        let Some(expected) = expected(&query.place, &sent, window) else {
            let silent = SILENT.iter().any(|name| query.expression.contains(name));
            if !(silent && series.is_empty()) {
                problems.push(format!("{}: {asked} gives {series:?}, which nobody expects", query.place));
            }
            continue;
        };
        for (labels, least, most) in expected {
            let is = |metric: &Value| labels.iter().all(|(name, value)| metric[*name] == *value);
            let found: Vec<f64> =
                series.iter().filter(|(metric, _)| is(metric)).map(|(_, value)| *value).collect();
            if found.is_empty() || found.iter().any(|value| !(least..=most).contains(value)) {
                problems.push(format!(
                    "{}: {asked}: {labels:?} is {found:?}, not {least} to {most}",
                    query.place
                ));
            }
        }
    }
    assert!(problems.is_empty(), "{}\nsent: {sent:?}", problems.join("\n"));

    let rules = lab::http::get(run.prometheus, "/api/v1/rules", PATIENCE).await.unwrap().json();
    let rules = rules["data"]["groups"][0]["rules"].as_array().unwrap().clone();
    assert_eq!(rules.len(), alerts().len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}

/// Prometheus' own opinion of both files.
#[test]
fn promtool_takes_the_rules_and_the_configuration() {
    let Some(program) = prometheus() else { return };
    let promtool = program.with_file_name("promtool");
    for arguments in [["check", "rules", "rules.yml"], ["check", "config", "prometheus.yml"]] {
        let folder = lab::paths::root().join(MONITORING);
        let output = Command::new(&promtool).args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// What Grafana reads names what is there: the data source, the folder of dashboards, the services of the compose file.
#[test]
fn grafana_finds_the_data_source_and_the_dashboard() {
    let yaml = |file: &str| -> Value {
        serde_json::to_value(serde_yaml_ng::from_str::<serde_yaml_ng::Value>(&text(file)).unwrap()).unwrap()
    };
    let source = &yaml("grafana/provisioning/datasources/prometheus.yaml")["datasources"][0];
    assert_eq!(source["url"], "http://prometheus:9090");
    let compose = Compose::read(&lab::paths::root().join("envoy-configs/llm-router/docker-compose.yaml"));
    assert_eq!(compose.service("prometheus").ports()[0].1, 9090);
    let grafana = compose.service("grafana");
    let path = &yaml("grafana/provisioning/dashboards/files.yaml")["providers"][0]["options"]["path"];
    let mounts = grafana.mounts();
    let mount = mounts.iter().find(|mount| *path == *mount.target).expect("the folder is mounted");
    assert!(compose.folder.join(&mount.source).join("ai-gateway.json").is_file());

    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).unwrap();
    let mut taken = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert_eq!(panel["datasource"]["uid"], source["uid"], "{}", panel["title"]);
        let place = &panel["gridPos"];
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| place[side].as_u64().unwrap());
        assert!(x + w <= 24, "{} is too wide", panel["title"]);
        let overlaps = taken.iter().any(|(a, b, c, d)| x < a + c && *a < x + w && y < b + d && *b < y + h);
        assert!(!overlaps, "{} lies on another panel", panel["title"]);
        taken.push((x, y, w, h));
    }
    assert!(taken.len() > 12);
}

/// A page of names is what both are written from: one that is not on it is a slip that no run would show.
#[test]
fn every_statistic_of_ours_is_on_the_page_of_names() {
    let names = fs::read_to_string(lab::paths::root().join("docs/reference/names.md")).unwrap();
    let known: Vec<String> = names.split('`').skip(1).step_by(2).map(|name| name.replace('.', "_")).collect();
    let mut seen = 0;
    for Query { place, expression } in dashboard().into_iter().chain(alerts()) {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| word.starts_with("ai_") || word.starts_with("gen_ai_")) {
            let base =
                ["_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
            assert!(
                known.iter().any(|name| name == base),
                "{place}: {word} is no statistic or label of ours"
            );
            seen += 1;
        }
    }
    assert!(seen > 30);
}
