//! When a request is charged, and what: its prompt before it is forwarded, its completion when its stream is over, however that ends.

use std::time::Duration;

use ai_filters::render::Window;
use mock_llm::{Reply, Usage};
use serde_json::{Value, json};
use tokio::time;

use super::{HELLO, Story, hello, streamed, usage};
use crate::client::{self, http1};
use crate::fleet::Fleet;
use crate::problems::Problems;

pub(super) fn stories() -> Vec<Story> {
    vec![
        ("fleet/streams-are-charged-when-they-end", |fleet| Box::pin(streams(fleet))),
        ("fleet/a-hang-up-is-charged-what-was-seen", |fleet| Box::pin(hung_up(fleet))),
        ("fleet/a-fallback-is-charged-once", |fleet| Box::pin(fallback(fleet))),
        ("fleet/a-failure-keeps-its-prompt", |fleet| Box::pin(failure(fleet))),
    ]
}

/// Of a stream whose usage is reported, and of one whose text has to be counted.
async fn streams(fleet: &mut Fleet) -> Problems {
    let mut problems = Problems::default();
    fleet.begin().await;
    fleet.openai.script(Reply::chunks(vec![" hello"; 10]).held_after(4).usage(usage(50)));
    let mut connection = http1::Connection::open(fleet.a()).await.expect("the gateway accepts");
    let request = streamed("sam", &json!({"include_usage": true}));
    connection.send(&request).await.expect("the gateway reads");
    // The headers are still to be read by `answer`, and so is what is looked for here.
    let begun = time::timeout(Duration::from_secs(10), connection.received("hello")).await;
    problems.same("the stream has begun", &begun.ok(), &Some(true));
    problems.same("while it runs", &fleet.charged(Window::Hour, "user:sam").await, &HELLO);
    problems.same("while it runs, of the day", &fleet.charged(Window::Day, "user:sam").await, &HELLO);
    fleet.openai.release();
    problems.same("status", &connection.answer("POST").await.status, &200);
    fleet.is_charged(Window::Hour, "user:sam", HELLO + 50, &mut problems).await;

    fleet.openai.script(unreported(["hel", "lo wor", "ld"]).byte_by_byte());
    problems.same("status", &client::send(fleet.b(), &streamed("sam", &json!({}))).await.status, &200);
    fleet.is_charged(Window::Hour, "user:sam", HELLO + 50 + HELLO + 2, &mut problems).await;
    fleet.is_charged(Window::Day, "user:sam", HELLO + 50 + HELLO + 2, &mut problems).await;
    problems
}

/// A stream of a server that never reports any usage, whoever asks for it.
fn unreported(pieces: [&str; 3]) -> Reply {
    let chunk = |delta: Value, finish: Value| {
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4", "choices": choices});
        format!("data: {chunk}\n\n")
    };
    let pieces =
        pieces.into_iter().map(|piece| chunk(json!({"role": "assistant", "content": piece}), Value::Null));
    Reply::events(pieces.chain([chunk(json!({}), json!("stop")), "data: [DONE]\n\n".to_owned()]))
}

/// A client that leaves in a stream is charged what ai-gateway says that it got.
async fn hung_up(fleet: &mut Fleet) -> Problems {
    let mut problems = Problems::default();
    fleet.begin().await;
    fleet.openai.script(Reply::chunks(vec![" hello"; 280]).held_after(20));
    let mut connection = http1::Connection::open(fleet.b()).await.expect("the gateway accepts");
    connection.send(&streamed("hank", &json!({}))).await.expect("the gateway reads");
    let begun = time::timeout(Duration::from_secs(10), connection.received("hello")).await;
    problems.same("the stream has begun", &begun.ok(), &Some(true));
    drop(connection);
    // The only request of this gateway that its client has left. Envoy writes its access log every ten seconds.
    let flag = "\"flags\":\"DC\"";
    fleet.gateways[1].log_says(flag, Duration::from_secs(20)).await;
    let log = fleet.gateways[1].log();
    let line = log.lines().find(|line| line.contains(flag)).unwrap_or_default();
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    let output = line["tokens_output"].as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    problems.require((1..279).contains(&output), || format!("tokens_output: {output} of 280"));
    fleet.is_charged(Window::Hour, "user:hank", HELLO + output, &mut problems).await;
    fleet.is_charged(Window::Day, "user:hank", HELLO + output, &mut problems).await;
    problems
}

/// The first attempt fails and has replaced the request's headers; the second one's answer is translated. One request, one charge.
async fn fallback(fleet: &mut Fleet) -> Problems {
    let mut problems = Problems::default();
    fleet.begin().await;
    fleet.openai.script(Reply::status(503));
    let usage = Usage { input: HELLO, cached: 2, cache_written: 0, output: 12, reasoning: 0 };
    fleet.anthropic.script(Reply::text("Hello.").usage(usage));
    let answer = client::send(fleet.a(), &hello("fay")).await;
    problems.same("x-ai-provider", &answer.header("x-ai-provider"), &Some("anthropic"));
    fleet.is_charged(Window::Hour, "user:fay", HELLO + 12, &mut problems).await;
    fleet.is_charged(Window::Day, "user:fay", HELLO + 12, &mut problems).await;
    problems
}

/// The service knows no refunds, so a request that nobody could serve has cost its prompt.
async fn failure(fleet: &mut Fleet) -> Problems {
    let mut problems = Problems::default();
    fleet.begin().await;
    fleet.openai.script(Reply::error(400, "invalid_request_error", "no"));
    problems.same("status", &client::send(fleet.a(), &hello("gus")).await.status, &400);
    // Long enough for a charge that must not come.
    time::sleep(Duration::from_millis(300)).await;
    fleet.is_charged(Window::Hour, "user:gus", HELLO, &mut problems).await;
    problems
}
