//! What takes more than one request: pooled connections, many clients at once, clients that leave or are slow.

use std::time::Duration;

use mock_llm::{MockProvider, Reply, Usage};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time;

use super::{EVERYWHERE, WITH_GATEWAY, WITH_PROVIDER};
use crate::answer::{Answer, Ending};
use crate::client::{self, http1, http2};
use crate::expect::anthropic_error;
use crate::problems::Problems;
use crate::request::{Request, chat, chat_body, chat_stream, prompt};
use crate::row::Row;
use crate::run::dressed;
use crate::shape::{ANSWER, MAX_BODY, Shape};
use crate::sse;
use crate::stand::Stand;

/// Where providers are reached over HTTP/1.1, so that one connection carries one request after the other.
const HTTP1_UPSTREAM: &[Shape] = &[Shape::Priorities, Shape::NotHeld, Shape::ProviderAlone, Shape::OtherName];

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::story("pooled/translated-bodies-grow-and-shrink", HTTP1_UPSTREAM, |stand| {
            Box::pin(pooled_translated(stand))
        }),
        Row::story("pooled/renamed-bodies-grow-and-shrink", EVERYWHERE, |stand| {
            Box::pin(pooled_renamed(stand))
        }),
        Row::story("pooled/failure-after-success", HTTP1_UPSTREAM, |stand| Box::pin(pooled_failures(stand))),
        Row::story("pooled/requests-sent-at-once", EVERYWHERE, |stand| Box::pin(pipelined(stand))),
        Row::story("many/none-mixed-up", WITH_PROVIDER, |stand| Box::pin(many(stand))),
        Row::story("hang-up/stream", WITH_PROVIDER, |stand| Box::pin(hang_up(stand, Speaks::OpenAi))),
        Row::story("hang-up/translated-stream", WITH_PROVIDER, |stand| {
            Box::pin(hang_up(stand, Speaks::Anthropic))
        }),
        Row::story("hang-up/before-the-answer", EVERYWHERE, |stand| Box::pin(hang_up_early(stand))),
        Row::story("hang-up/in-the-request", EVERYWHERE, |stand| Box::pin(hang_up_in_request(stand))),
        Row::story("size/above-envoys-limit-in-two-bursts", WITH_GATEWAY, |stand| {
            Box::pin(two_bursts(stand))
        }),
        Row::story("slow-client/stream", WITH_PROVIDER, |stand| Box::pin(slow(stand, Speaks::OpenAi))),
        Row::story("slow-client/translated-stream", WITH_PROVIDER, |stand| {
            Box::pin(slow(stand, Speaks::Anthropic))
        }),
        Row::story("slow-client/http2-window", WITH_PROVIDER, |stand| Box::pin(slow_http2(stand))),
    ]
}

/// Which provider's stream a story is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    OpenAi,
    Anthropic,
}

impl Speaks {
    /// The provider that streams; the first one refuses where it is the second.
    fn provider(self, stand: &Stand) -> &MockProvider {
        match self {
            Self::OpenAi => &stand.openai,
            Self::Anthropic => {
                stand.openai.set_default(Reply::status(503));
                &stand.anthropic
            }
        }
    }
}

/// Texts whose JSON grows and shrinks from one request to the next, by a little and by a lot.
fn texts() -> impl Iterator<Item = String> {
    [0, 900, 1, 17, 40_000, 3, 2, 120_000, 5, 65_536, 65_535, 0, 16_384, 8]
        .into_iter()
        .enumerate()
        .map(|(index, size)| prompt(&format!("{index} \"{}\" \u{1F600}", "y".repeat(size))))
}

fn asking(text: &str, model: &str) -> Request {
    chat_body(
        json!({"model": model, "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": text}]}),
    )
}

/// Each body arrives whole and alone, with a length that is its own.
fn arrived(provider: &MockProvider, texts: &[String], pointer: &str, problems: &mut Problems) {
    let requests = provider.requests();
    problems.same("requests", &requests.len(), &texts.len());
    for (request, text) in requests.iter().zip(texts) {
        let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
        let seen = body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        problems
            .require(seen == text, || format!("a text of {} bytes arrived as {}", text.len(), seen.len()));
        if let Some(length) = &request.content_length {
            problems.same("content-length", length, &request.body.len().to_string());
        }
    }
}

async fn pooled_translated(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    stand.openai.set_default(Reply::status(503));
    let mut client = http1::Connection::open(stand.address).await.expect("the gateway accepts");
    let texts: Vec<_> = texts().collect();
    for (index, text) in texts.iter().enumerate() {
        // Answers grow and shrink too.
        stand.anthropic.script(Reply::text("z".repeat(index * 3000 % 10_007)));
        let answer = client.exchange(&asking(text, "gpt-4")).await;
        problems.same("end", &answer.ending, &Ending::Clean);
        problems.same("status", &answer.status, &200);
        let content = answer.json()["choices"][0]["message"]["content"].as_str().map(str::len);
        problems.same("answer's length", &content, &Some(index * 3000 % 10_007));
    }
    arrived(&stand.anthropic, &texts, "/messages/0/content", &mut problems);
    arrived(&stand.openai, &texts, "/messages/1/content", &mut problems);
    for provider in [&stand.openai, &stand.anthropic] {
        let connections = provider.connections();
        problems.require(connections <= 1, || format!("{connections} connections: nothing was pooled"));
    }
    problems
}

async fn pooled_renamed(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    let mut client = http1::Connection::open(stand.address).await.expect("the gateway accepts");
    let texts: Vec<_> = texts().collect();
    for (index, text) in texts.iter().enumerate() {
        let alias =
            if index % 2 == 0 { "best".to_owned() } else { format!("team-{}", "a".repeat(index * 6)) };
        let alias = if stand.shape.has_gateway() { alias } else { "gpt-4".to_owned() };
        stand.openai.script(Reply::text("z".repeat(index * 3000 % 10_007)));
        let answer = client.exchange(&dressed(stand.shape, &asking(text, &alias))).await;
        problems.same("end", &answer.ending, &Ending::Clean);
        let body = answer.json();
        problems.same("model", &body["model"], &json!(alias));
        let content = body["choices"][0]["message"]["content"].as_str().map(str::len);
        problems.same("answer's length", &content, &Some(index * 3000 % 10_007));
    }
    arrived(&stand.openai, &texts, "/messages/1/content", &mut problems);
    problems
}

/// A failed attempt leaves its connection in order for the next.
async fn pooled_failures(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    let mut client = http1::Connection::open(stand.address).await.expect("the gateway accepts");
    for index in 0..12 {
        let fails = index % 3 == 0;
        stand.openai.script(if fails { Reply::status(500) } else { Reply::text("one") });
        if fails {
            stand.anthropic.script(Reply::text("two"));
        }
        let answer = client.exchange(&chat(&"w".repeat(index * 911))).await;
        let content = answer.json()["choices"][0]["message"]["content"].clone();
        problems.same("answer", &content, &json!(if fails { "two" } else { "one" }));
        problems.same("end", &answer.ending, &Ending::Clean);
    }
    problems
}

/// HTTP/1.1 pipelining: the second request must wait for its turn, with its own body.
async fn pipelined(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    let mut client = http1::Connection::open(stand.address).await.expect("the gateway accepts");
    stand.openai.script_all([Reply::text("one"), Reply::text("two")]);
    let both = [asking(&prompt("first"), "gpt-4"), asking(&prompt("the second"), "gpt-4")];
    for request in &both {
        client.send(&dressed(stand.shape, request)).await.expect("the gateway reads");
    }
    for expected in ["one", "two"] {
        let answer = client.answer("POST").await;
        // The second answer may already stand behind the first.
        problems.same("status", &answer.status, &200);
        problems.same("answer", &answer.json()["choices"][0]["message"]["content"], &json!(expected));
    }
    arrived(&stand.openai, &[prompt("first"), prompt("the second")], "/messages/1/content", &mut problems);
    problems
}

async fn many(stand: &Stand) -> Problems {
    const REQUESTS: usize = 64;
    let mut problems = Problems::default();
    stand.openai.script_all(
        (0..REQUESTS).map(|index| if index % 2 == 0 { Reply::status(503) } else { Reply::answer() }),
    );
    let mut clients = JoinSet::new();
    for index in 0..REQUESTS {
        let text = format!("number {index} of many");
        let request = if index % 4 < 2 { chat(&text) } else { chat_stream(&text) };
        let request = if index % 3 == 0 { request.http2() } else { request };
        let address = stand.address;
        clients.spawn(async move { (text, index % 4 < 2, client::send(address, &request).await) });
    }
    while let Some(joined) = clients.join_next().await {
        let (text, json, answer) = joined.expect("a client that does not panic");
        let content = if json {
            answer.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
        } else {
            sse::openai_text(&sse::events(&answer))
        };
        // The scripted answer repeats what was asked.
        problems
            .require(content.ends_with(&text), || format!("{text}: answered {} {content:?}", answer.status));
        problems.same("end", &answer.ending, &Ending::Clean);
    }
    problems.same("requests at openai", &stand.openai.request_count(), &REQUESTS);
    problems.same("requests at anthropic", &stand.anthropic.request_count(), &(REQUESTS / 2));
    problems
}

async fn hang_up(stand: &Stand, speaks: Speaks) -> Problems {
    let mut problems = Problems::default();
    let provider = speaks.provider(stand);
    provider.script(Reply::chunks(vec!["word "; 200]).delay_events(Duration::from_millis(25)));
    let mut client = http1::Connection::open(stand.address).await.expect("the gateway accepts");
    client.send(&chat_stream("and go")).await.expect("the gateway reads");
    let begun = time::timeout(Duration::from_secs(10), client.received("word")).await;
    problems.same("the stream has begun", &begun.ok(), &Some(true));
    drop(client);
    gone(provider, &mut problems).await;
    served_again(stand, &mut problems).await;
    problems
}

/// A client that leaves before anything came back.
async fn hang_up_early(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    stand.openai.script(Reply::answer().delay_headers(ANSWER.mul_f32(0.6)));
    let mut client = http1::Connection::open(stand.address).await.expect("the gateway accepts");
    client.send(&dressed(stand.shape, &chat("and go"))).await.expect("the gateway reads");
    stand.openai.wait_until("the request is there", |provider| provider.request_count() == 1).await;
    drop(client);
    gone(&stand.openai, &mut problems).await;
    served_again(stand, &mut problems).await;
    problems
}

/// A client that leaves in the middle of its own body: no provider is asked.
async fn hang_up_in_request(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    let mut client = http1::Connection::open(stand.address).await.expect("the gateway accepts");
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{\"model\":\"gpt-4\",";
    client.send_bytes(head.as_bytes()).await.expect("the gateway reads");
    time::sleep(Duration::from_millis(100)).await;
    drop(client);
    time::sleep(Duration::from_millis(100)).await;
    problems.same("requests at openai", &stand.openai.request_count(), &0);
    served_again(stand, &mut problems).await;
    problems
}

/// Whether the provider saw its caller leave.
async fn gone(provider: &MockProvider, problems: &mut Problems) {
    let seen = async {
        while provider.hang_ups() == 0 {
            time::sleep(Duration::from_millis(10)).await;
        }
    };
    let seen = time::timeout(Duration::from_secs(20), seen).await;
    problems.require(seen.is_ok(), || "the provider goes on for a client that is gone".to_owned());
}

/// A body of which Envoy buffers the beginning, and whose next read is more than it buffers: Envoy and ai-gateway both refuse it.
async fn two_bursts(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    // Which of the two is first depends on how much one read gets: several tries see both.
    for _ in 0..6 {
        let mut client = http1::Connection::open(stand.address).await.expect("the gateway accepts");
        let head = "POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n200000\r\n";
        client
            .send_bytes(&[head.as_bytes(), &vec![b' '; MAX_BODY - 1000]].concat())
            .await
            .expect("the gateway reads");
        time::sleep(Duration::from_millis(60)).await;
        // It may be refused, and the connection closed, before all of it is written.
        let rest = vec![b' '; 5 * MAX_BODY];
        let _ = time::timeout(Duration::from_secs(2), client.send_bytes(&rest)).await;
        let answer = client.answer("POST").await;
        problems.of("client", anthropic_error(413, "request_too_large").problems(&answer));
    }
    problems
}

async fn served_again(stand: &Stand, problems: &mut Problems) {
    stand.openai.set_default(Reply::text("Still here."));
    let answer = client::send(stand.address, &dressed(stand.shape, &chat("again"))).await;
    problems.same(
        "the next answer",
        &answer.json()["choices"][0]["message"]["content"],
        &json!("Still here."),
    );
}

/// More than Envoy buffers.
const WORDS: usize = 12_000;

fn whole(answer: &Answer, problems: &mut Problems) {
    let events = sse::events(answer);
    problems.same("end", &answer.ending, &Ending::Clean);
    problems.same("last event", &events.last().map(|event| event.data.as_str()), &Some("[DONE]"));
    let words = sse::openai_text(&events).matches(" word").count();
    problems.same("words", &words, &(WORDS - 1));
}

async fn slow(stand: &Stand, speaks: Speaks) -> Problems {
    let mut problems = Problems::default();
    speaks.provider(stand).script(Reply::burst(WORDS).usage(Usage::new(1, 1)));
    let mut client = http1::Connection::open(stand.address).await.expect("the gateway accepts");
    client.send(&chat_stream("slowly")).await.expect("the gateway reads");
    time::sleep(Duration::from_millis(700)).await;
    whole(&client.answer("POST").await, &mut problems);
    problems
}

/// A client whose flow-control window is full for a while.
async fn slow_http2(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    stand.openai.script(Reply::burst(WORDS));
    match http2::open(stand.address, &chat_stream("slowly").http2()).await {
        Ok(opened) => {
            time::sleep(Duration::from_millis(700)).await;
            whole(&opened.answer().await, &mut problems);
        }
        Err(reason) => problems.add(reason),
    }
    problems
}
