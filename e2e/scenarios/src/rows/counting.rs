//! What requests are found to cost: in the access log, in statistics, in headers, at the endpoints for it, and at a limit.

use std::collections::BTreeMap;
use std::time::Duration;

use mock_llm::{At, Reply, Usage};
use serde_json::{Value, json};
use tokio::time;

use super::{BOTH, PROVIDER_ALONE, WITH_GATEWAY};
use crate::client::{self, http1};
use crate::expect::{Expect, anthropic_error, openai_error, status};
use crate::problems::Problems;
use crate::request::{Request, chat_body, message_body};
use crate::row::Row;
use crate::run::{self, dressed};
use crate::seen;
use crate::shape::{MAX_INPUT_TOKENS, Shape};
use crate::stand::{Equipment, Stand};

const COUNTED: &[Shape] = &[Shape::Counted];

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::story("counting/published-of-json-and-streams", WITH_GATEWAY, |stand| {
            Box::pin(published(stand))
        }),
        Row::story("counting/published-of-translated-answers", BOTH, |stand| Box::pin(translated(stand))),
        Row::story("counting/published-of-a-hang-up", WITH_GATEWAY, |stand| Box::pin(hung_up(stand))),
        Row::story("counting/published-of-a-broken-stream", WITH_GATEWAY, |stand| Box::pin(broken(stand))),
        Row::story("counting/statistics-have-labels", WITH_GATEWAY, |stand| Box::pin(statistics(stand))),
        Row::story("counting/nothing-is-published-without-gateway", PROVIDER_ALONE, |stand| {
            Box::pin(unpublished(stand))
        }),
        Row::own("counting/estimates-are-learnt-by-two-workers", |equipment| Box::pin(learnt(equipment))),
        Row::own("counting/every-mode", |equipment| Box::pin(modes(equipment))),
    ];
    rows.extend(endpoints());
    rows.extend(limits());
    rows
}

/// Eight tokens: three for the message, one each for its role and its text, three for the answer's beginning (OpenAI's cookbook).
fn hello(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hello"}]})
}

fn streamed(model: &str, options: &Value) -> Value {
    let mut body = hello(model);
    body["stream"] = json!(true);
    body["stream_options"] = options.clone();
    body
}

/// The line of the access log about that alias. Envoy writes its log every ten seconds.
async fn logged(stand: &Stand, alias: &str) -> Value {
    let asked = format!("\"model_requested\":\"{alias}\"");
    stand.envoy.log_says(&asked, Duration::from_secs(20)).await;
    let log = stand.envoy.log();
    log.lines()
        .find(|line| line.contains(&asked))
        .and_then(|line| serde_json::from_str(line).ok())
        .unwrap_or_default()
}

/// Input, output, cached, reasoning, total and source of the request for that alias, as the access log has them.
async fn logs(stand: &Stand, alias: &str, expected: [Value; 6], problems: &mut Problems) {
    let line = logged(stand, alias).await;
    let fields = [
        "tokens_input",
        "tokens_output",
        "tokens_cached",
        "tokens_reasoning",
        "tokens_total",
        "usage_source",
    ];
    for (field, expected) in fields.into_iter().zip(expected) {
        problems.same(&format!("{alias}: {field}"), &line[field], &expected);
    }
}

/// An alias that no other row and no other shape uses: stands of one run write logs of their own, but a row may run again.
fn alias(stand: &Stand, name: &str) -> String {
    format!("team-{}-{name}", stand.shape.name())
}

async fn send(stand: &Stand, body: Value) {
    client::send(stand.address, &dressed(stand.shape, &chat_body(body))).await;
}

async fn published(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    stand.clear();
    let usage = Usage { input: 40, cached: 8, cache_written: 0, output: 12, reasoning: 5 };
    let name = |name: &str| alias(stand, name);

    stand.openai.script(Reply::text("Hello.").usage(usage));
    send(stand, hello(&name("json"))).await;
    stand.openai.script(Reply::chunks(["hello", " world"]).usage(usage));
    send(stand, streamed(&name("reported"), &json!({"include_usage": true}))).await;
    stand.openai.script(Reply::chunks(["hello", " world"]).usage(usage).byte_by_byte());
    send(stand, streamed(&name("one-byte-at-a-time"), &json!({"include_usage": true}))).await;
    stand.openai.script(Reply::chunks(["hel", "lo wor", "ld"]).byte_by_byte());
    send(stand, streamed(&name("unasked"), &json!({}))).await;
    stand.openai.script(Reply::error(400, "invalid_request_error", "no"));
    send(stand, hello(&name("refused"))).await;

    let reported = || [json!("40"), json!("12"), json!("8"), json!("5"), json!("52"), json!("reported")];
    logs(stand, &name("json"), reported(), &mut problems).await;
    logs(stand, &name("reported"), reported(), &mut problems).await;
    logs(stand, &name("one-byte-at-a-time"), reported(), &mut problems).await;
    // The gateway asked in the client's place.
    let unasked = [json!("8"), json!("3"), Value::Null, Value::Null, json!("11"), json!("reported")];
    logs(stand, &name("unasked"), unasked, &mut problems).await;
    logs(stand, &name("refused"), std::array::from_fn(|_| Value::Null), &mut problems).await;
    stand.health(&mut problems).await;
    problems
}

/// OpenAI is down: what Anthropic reports reaches the log although the client's stream does not say it.
async fn translated(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    stand.clear();
    let usage = Usage { input: 40, cached: 8, cache_written: 2, output: 12, reasoning: 0 };
    let name = |name: &str| alias(stand, name);
    stand.openai.set_default(Reply::status(503));
    stand.anthropic.script(Reply::text("Hello.").usage(usage));
    send(stand, hello(&name("translated-json"))).await;
    stand.anthropic.script(Reply::chunks(["Hel", "lo."]).usage(usage));
    send(stand, streamed(&name("translated-stream"), &json!({}))).await;
    for name in [name("translated-json"), name("translated-stream")] {
        let reported = [json!("40"), json!("12"), json!("8"), Value::Null, json!("52"), json!("reported")];
        logs(stand, &name, reported, &mut problems).await;
    }
    stand.health(&mut problems).await;
    problems
}

/// A client that leaves in a stream pays for the prompt and for what it got.
async fn hung_up(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    stand.clear();
    let alias = alias(stand, "hang-up");
    stand.openai.script(Reply::chunks(vec![" hello"; 400]).delay_events(Duration::from_millis(10)));
    let mut client = http1::Connection::open(stand.address).await.expect("the gateway accepts");
    let request = dressed(stand.shape, &chat_body(streamed(&alias, &json!({}))));
    client.send(&request).await.expect("the gateway reads");
    let begun = time::timeout(Duration::from_secs(10), client.received("hello")).await;
    problems.same("the stream has begun", &begun.ok(), &Some(true));
    time::sleep(Duration::from_millis(200)).await;
    drop(client);
    let line = logged(stand, &alias).await;
    let number = |field: &str| line[field].as_str().and_then(|text| text.parse::<u64>().ok());
    problems.same("tokens_input", &number("tokens_input"), &Some(8));
    problems.same("usage_source", &line["usage_source"], &json!("counted"));
    let output = number("tokens_output").unwrap_or_default();
    problems.require((1..399).contains(&output), || format!("tokens_output: {output} of 400"));
    stand.health(&mut problems).await;
    problems
}

/// A stream that is reset by its provider: after that no callback but the last one comes.
async fn broken(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    stand.clear();
    let alias = alias(stand, "broken");
    let stream = Reply::chunks(vec![" hello"; 20]).delay_events(Duration::from_millis(20));
    stand.openai.script(stream.reset_at(At::Events(11)));
    send(stand, streamed(&alias, &json!({}))).await;
    let line = logged(stand, &alias).await;
    problems.same("tokens_input", &line["tokens_input"], &json!("8"));
    let output = line["tokens_output"].as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    // The first event has the role; the last ones may be lost with the connection.
    problems.require((5..=10).contains(&output), || format!("tokens_output: {output} of 10"));
    stand.health(&mut problems).await;
    problems
}

async fn statistics(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    stand.clear();
    stand.openai.script(Reply::text("Hello.").usage(Usage::new(40, 12)));
    send(stand, hello("gpt-4")).await;
    // Histograms are merged from the workers when Envoy flushes them, every five seconds.
    let labels = |kind: &str| {
        format!(
            "gen_ai_client_token_usage_count{{ai_usage_source=\"reported\",gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"openai\",\
             gen_ai_request_model=\"gpt-4\",gen_ai_token_type=\"{kind}\"}}"
        )
    };
    let mut text = String::new();
    for _ in 0..40 {
        text =
            stand.envoy.admin().get("/stats/prometheus").await.map(|reply| reply.text()).unwrap_or_default();
        // A histogram is there, and empty, before it is flushed for the first time.
        if sorted(&text).get(&sorted_labels(&labels("input"))).is_some_and(|count| *count > 0) {
            break;
        }
        time::sleep(Duration::from_millis(250)).await;
    }
    let series = sorted(&text);
    for kind in ["input", "output"] {
        let count = series.get(&sorted_labels(&labels(kind))).copied().unwrap_or_default();
        let seen: Vec<&str> = text.lines().filter(|line| line.contains("token_usage_count")).collect();
        problems.require(count >= 1, || format!("{kind}: no statistic; there is {seen:?}"));
    }
    problems
}

/// ai-provider alone counts nothing: every line of its log says so.
async fn unpublished(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    stand.clear();
    stand.openai.script(Reply::text("Hello.").usage(Usage::new(40, 12)));
    send(stand, hello("gpt-4")).await;
    // The log has the lines of other rows too, and what no provider answered names none.
    let answered = "\"status\":200";
    stand.envoy.log_says(answered, Duration::from_secs(20)).await;
    let log = stand.envoy.log();
    let lines = log.lines().filter(|line| line.contains(answered) && line.contains("\"method\":\"POST\""));
    let lines: Vec<Value> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    problems.require(!lines.is_empty(), || "no request is in the log".to_owned());
    for line in lines {
        problems.require(line["provider"].is_string() && line["tokens_total"].is_null(), || line.to_string());
    }
    problems
}

/// Every series of a Prometheus text with its value, labels in the order of their names.
fn sorted(text: &str) -> BTreeMap<String, u64> {
    text.lines()
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, value)| Some((sorted_labels(name), value.parse().ok()?)))
        .collect()
}

fn sorted_labels(series: &str) -> String {
    let Some((name, labels)) = series.trim_end_matches('}').split_once('{') else { return series.to_owned() };
    let mut labels: Vec<&str> = labels.split(',').collect();
    labels.sort_unstable();
    format!("{name}{{{}}}", labels.join(","))
}

fn endpoints() -> Vec<Row> {
    let tokens = |expect: Expect, source: &str| expect.header("x-ai-input-tokens-source", source);
    let responses = Request::new("POST", "/v1/responses/input_tokens").bearer();
    let mut count = message_body(hello("gpt-4"));
    "/v1/messages/count_tokens".clone_into(&mut count.path);
    let mut unknown = message_body(hello("nobody"));
    "/v1/messages/count_tokens".clone_into(&mut unknown.path);
    let counted = tokens(status(200), "counted").check(|answer, problems| {
        let body = answer.json();
        let members: Vec<&String> = body.as_object().into_iter().flat_map(|body| body.keys()).collect();
        problems.same("members", &members, &vec!["input_tokens"]);
        problems
            .require(body["input_tokens"].as_u64().is_some_and(|tokens| (4..=12).contains(&tokens)), || {
                format!("tokens of a hello: {body}")
            });
    });
    vec![
        Row::new("counting/endpoint-of-messages", COUNTED, count.clone(), counted.clone()),
        Row::new(
            "counting/endpoint-of-messages-http2-in-pieces",
            COUNTED,
            count.in_pieces(3).http2(),
            counted,
        ),
        Row::new(
            "counting/endpoint-of-responses",
            COUNTED,
            responses.clone().json(&json!({"model": "gpt-4", "input": "hello"})),
            tokens(status(200), "counted").at("/object", "response.input_tokens").check(
                |answer, problems| {
                    let tokens = answer.json()["input_tokens"].as_u64().unwrap_or_default();
                    problems.require((4..=12).contains(&tokens), || format!("tokens of a hello: {tokens}"));
                },
            ),
        ),
        Row::new(
            "counting/endpoint-with-an-unknown-model",
            COUNTED,
            unknown,
            anthropic_error(404, "not_found_error"),
        ),
        Row::new(
            "counting/endpoint-with-another-method",
            COUNTED,
            Request::new("GET", "/v1/responses/input_tokens").bearer(),
            openai_error(405, "invalid_request_error"),
        ),
        Row::new(
            "counting/endpoint-not-configured",
            &[Shape::Groups, Shape::GatewayAlone],
            responses.json(&json!({"model": "gpt-4", "input": "hello"})),
            openai_error(404, "invalid_request_error"),
        ),
    ]
}

fn limits() -> Vec<Row> {
    let long = "hello ".repeat(300);
    let chat = json!({"model": "gpt-4", "messages": [{"role": "user", "content": long}]});
    let message = json!({"model": "gpt-4", "max_tokens": 9, "messages": [{"role": "user", "content": long}]});
    vec![
        Row::new(
            "counting/above-the-limit",
            COUNTED,
            chat_body(chat),
            openai_error(400, "invalid_request_error")
                .at("/error/code", "context_length_exceeded")
                .says(&format!("maximum context length is {MAX_INPUT_TOKENS} tokens")),
        ),
        Row::new(
            "counting/above-the-limit-anthropic-client",
            COUNTED,
            message_body(message),
            anthropic_error(400, "invalid_request_error")
                .says(&format!("tokens > {MAX_INPUT_TOKENS} maximum")),
        ),
        Row::new(
            "counting/within-the-limit",
            COUNTED,
            chat_body(hello("gpt-4")),
            status(200).header("x-ai-input-tokens", "8").header("x-ai-input-tokens-source", "counted"),
        )
        .openai(seen::once().no_headers(&["x-ai-input-tokens"]), Reply::text("Hello.")),
        Row::new(
            "counting/a-client-cannot-say-the-number",
            COUNTED,
            chat_body(hello("gpt-4"))
                .header("x-ai-input-tokens", "1")
                .header("x-ai-input-tokens-source", "reported"),
            status(200).header("x-ai-input-tokens", "8").header("x-ai-input-tokens-source", "counted"),
        )
        .openai(
            seen::once().no_headers(&["x-ai-input-tokens", "x-ai-input-tokens-source"]),
            Reply::text("Hello.").header("x-ai-input-tokens", "2"),
        ),
        Row::new(
            "counting/a-provider-cannot-say-the-number",
            &[Shape::Groups, Shape::GatewayAlone],
            chat_body(hello("gpt-4")),
            status(200).no_headers(&["x-ai-input-tokens"]),
        )
        .openai(seen::once(), Reply::text("Hello.").header("x-ai-input-tokens", "2")),
    ]
}

/// A model whose provider counts half as much again as is estimated: within tens of requests that is known to all workers.
async fn learnt(equipment: &Equipment) -> Problems {
    let started = Stand::start_with(Shape::AnthropicOnly, equipment, 2, |router| {
        router.counting.insert("input_tokens_header".to_owned(), json!(true));
        router.counting.insert("local_endpoints".to_owned(), json!(true));
    });
    run::on_own(started, learns).await
}

async fn learns(stand: &Stand, problems: &mut Problems) {
    let content = "A story about counting. ".repeat(40);
    let ask = message_body(
        json!({"model": "gpt-4", "max_tokens": 9, "messages": [{"role": "user", "content": content}]}),
    );
    let mut count = ask.clone();
    "/v1/messages/count_tokens".clone_into(&mut count.path);
    let estimate =
        client::send(stand.address, &count).await.json()["input_tokens"].as_u64().unwrap_or_default();
    let truth = estimate * 3 / 2;
    let mut told = Vec::new();
    for _ in 0..60 {
        stand.anthropic.script(Reply::text("Hello.").usage(Usage::new(truth, 5)));
        // Each request has a connection of its own, so that both workers get some.
        let answer = client::send(stand.address, &ask).await;
        let tokens = answer.header("x-ai-input-tokens").and_then(|tokens| tokens.parse::<u64>().ok());
        told.push(tokens.unwrap_or_default());
        problems.same("source", &answer.header("x-ai-input-tokens-source"), &Some("estimated"));
    }
    problems.same("told first", &told.first().copied(), &Some(estimate));
    let last = told.last().copied().unwrap_or_default();
    problems.require(last.abs_diff(truth) * 100 <= truth * 3, || format!("{truth} reported, told {told:?}"));
    let lost = stand.envoy.admin().stats("ai_gateway.estimate.lost").await.unwrap_or_default();
    problems.require(lost.values().all(|count| *count == 0), || format!("given up: {lost:?}"));
}

/// What is counted before a request is sent, in each mode: the counters say it.
async fn modes(equipment: &Equipment) -> Problems {
    let mut problems = Problems::default();
    for (mode, limit, expected) in [
        ("exact", None, (0, 1)),
        ("estimate", None, (0, 1)),
        ("auto", None, (0, 0)),
        ("auto", Some(10_000), (1, 0)),
        ("auto", Some(10), (0, 1)),
        ("off", None, (0, 0)),
    ] {
        let started = Stand::start_with(Shape::Groups, equipment, 1, |router| {
            router.counting.insert("mode".to_owned(), json!(mode));
            router.max_input_tokens = limit;
        });
        let shown = async |stand: &Stand, problems: &mut Problems| {
            stand.openai.script(Reply::text("Hello.").usage(Usage::new(40, 12)));
            let answer = client::send(stand.address, &chat_body(hello("gpt-4"))).await;
            problems.same("status", &answer.status, &200);
            let counters = stand.envoy.admin().stats("ai_gateway.prompts").await.unwrap_or_default();
            let counter = |name: &str| {
                let named = counters.iter().find(|(stat, _)| stat.contains(name));
                named.map_or(0, |(_, count)| *count)
            };
            let seen = (counter("prompts.bounded"), counter("prompts.counted"));
            problems.same("bounded, counted", &seen, &expected);
            let any = stand.envoy.admin().get("/stats?filter=token.usage&type=Histograms&usedonly").await;
            let text = any.map(|reply| reply.text()).unwrap_or_default();
            problems.require(mode != "off" || !text.contains("token.usage"), || text);
        };
        problems.of(&format!("{mode}, {limit:?}"), run::on_own(started, shown).await);
    }
    problems
}
