//! What a proper answer looks like: the shapes of the real APIs, byte for byte where a client could notice.

mod common;

use common::{anthropic, body, data_of, exchange, openai, request};
use mock_llm::ProviderKind::{Anthropic, OpenAi};
use mock_llm::{Reply, Usage};
use serde_json::json;

#[tokio::test]
async fn openai_json() {
    let mock = openai().await;
    mock.script(Reply::text("Hello!").usage(Usage { cached: 2, reasoning: 1, ..Usage::new(10, 3) }));
    let seen = exchange(mock.address(), &request(OpenAi, &body(OpenAi, false))).await;
    assert_eq!(seen.status(), 200);
    assert_eq!(seen.header("content-type").unwrap(), "application/json");
    assert!(seen.body().starts_with("{\n  \"id\": \"chatcmpl-"), "the real API indents: {}", seen.body());
    let answer = seen.json();
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "gpt-4-0613", "the API answers with the dated snapshot");
    assert_eq!(answer["choices"][0]["message"]["role"], "assistant");
    assert_eq!(answer["choices"][0]["message"]["content"], "Hello!");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"]["prompt_tokens"], 10);
    assert_eq!(answer["usage"]["completion_tokens"], 3);
    assert_eq!(answer["usage"]["total_tokens"], 13);
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 2);
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 1);
}

#[tokio::test]
async fn openai_stream_with_usage() {
    let mock = openai().await;
    mock.script(Reply::chunks(["Hel", "lo"]).usage(Usage::new(7, 2)).finish("length").model("gpt-4-turbo"));
    let mut asked = body(OpenAi, true);
    asked["stream_options"] = json!({"include_usage": true});
    let seen = exchange(mock.address(), &request(OpenAi, &asked)).await;
    assert_eq!(seen.header("content-type").unwrap(), "text/event-stream; charset=utf-8");
    assert_eq!(seen.header("transfer-encoding").unwrap(), "chunked");
    let data = seen.data();
    assert_eq!(data.len(), 6, "role, two texts, finish, usage, [DONE]: {data:#?}");
    assert_eq!(data[0]["choices"][0]["delta"], json!({"role": "assistant", "content": "", "refusal": null}));
    assert_eq!(data[1]["choices"][0]["delta"], json!({"content": "Hel"}));
    assert_eq!(data[2]["choices"][0]["delta"], json!({"content": "lo"}));
    assert_eq!(data[3]["choices"][0]["delta"], json!({}));
    assert_eq!(data[3]["choices"][0]["finish_reason"], "length");
    assert_eq!(data[4]["choices"], json!([]));
    assert_eq!(data[4]["usage"]["total_tokens"], 9);
    assert_eq!(data[5], "[DONE]");
    for chunk in &data[..5] {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["model"], "gpt-4-turbo");
        assert!(chunk["obfuscation"].is_string());
    }
    assert!(
        data[0].as_object().unwrap().get("usage").is_some_and(serde_json::Value::is_null),
        "usage: null before the end"
    );
}

#[tokio::test]
async fn openai_stream_without_usage() {
    let mock = openai().await;
    let mut asked = body(OpenAi, true);
    asked["stream_options"] = json!({"include_obfuscation": false});
    let seen = exchange(mock.address(), &request(OpenAi, &asked)).await;
    assert!(!seen.body().contains("usage"));
    assert!(!seen.body().contains("obfuscation"));
    assert!(seen.body().ends_with("\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"));
}

#[tokio::test]
async fn openai_choices() {
    let mock = openai().await;
    let mut asked = body(OpenAi, false);
    asked["n"] = json!(3);
    let answer = exchange(mock.address(), &request(OpenAi, &asked)).await.json();
    let indices: Vec<_> =
        answer["choices"].as_array().unwrap().iter().map(|choice| choice["index"].clone()).collect();
    assert_eq!(indices, [0, 1, 2]);
}

#[tokio::test]
async fn anthropic_json() {
    let mock = anthropic().await;
    mock.script(Reply::text("Hello!").usage(Usage { cached: 4, cache_written: 1, ..Usage::new(10, 3) }));
    let answer = exchange(mock.address(), &request(Anthropic, &body(Anthropic, false))).await.json();
    assert_eq!(answer["type"], "message");
    assert_eq!(answer["model"], "claude-3-opus-20240229");
    assert_eq!(answer["content"], json!([{"type": "text", "text": "Hello!"}]));
    assert_eq!(answer["stop_reason"], "end_turn");
    assert_eq!(answer["usage"]["input_tokens"], 5, "what a cache was asked for is counted apart");
    assert_eq!(answer["usage"]["cache_read_input_tokens"], 4);
    assert_eq!(answer["usage"]["cache_creation_input_tokens"], 1);
    assert_eq!(answer["usage"]["output_tokens"], 3);
}

#[tokio::test]
async fn anthropic_stream() {
    let mock = anthropic().await;
    mock.script(Reply::chunks(["Hel", "lo"]).usage(Usage::new(7, 2)));
    let seen = exchange(mock.address(), &request(Anthropic, &body(Anthropic, true))).await;
    let stream = seen.body();
    let names: Vec<_> = stream.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, expected);
    let data = seen.data();
    let types: Vec<_> = data.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, expected, "every event says its name twice");
    assert_eq!(data[0]["message"]["usage"]["input_tokens"], 7);
    assert_eq!(data[0]["message"]["usage"]["output_tokens"], 1);
    assert_eq!(data[3]["delta"], json!({"type": "text_delta", "text": "Hel"}));
    assert_eq!(data[6]["delta"]["stop_reason"], "end_turn");
    assert_eq!(data[6]["usage"]["output_tokens"], 2, "cumulative");
}

#[tokio::test]
async fn every_request_is_answered_differently() {
    let mock = openai().await;
    let mut answers = Vec::new();
    for text in ["one", "two", "three"] {
        let asked = json!({"model": "gpt-4", "messages": [{"role": "user", "content": text}]});
        let answer = exchange(mock.address(), &request(OpenAi, &asked)).await.json();
        let content = answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
        assert!(content.ends_with(text), "{content}");
        assert!(!answers.contains(&content));
        answers.push(content);
    }
}

#[tokio::test]
async fn the_limit_of_the_request_is_kept() {
    let mock = anthropic().await;
    let mut asked = body(Anthropic, false);
    asked["max_tokens"] = json!(2);
    let answer = exchange(mock.address(), &request(Anthropic, &asked)).await.json();
    assert_eq!(answer["stop_reason"], "max_tokens");
    assert_eq!(answer["usage"]["output_tokens"], 2);
}

#[tokio::test]
async fn the_answers_of_the_bench() {
    let mock = openai().await;
    mock.script_all([Reply::sized_json(2048), Reply::burst(100)]);
    let json = exchange(mock.address(), &request(OpenAi, &body(OpenAi, false))).await;
    assert_eq!(json.body().len(), 2048);
    assert!(json.json()["choices"][0]["message"]["content"].is_string());
    let burst = exchange(mock.address(), &request(OpenAi, &body(OpenAi, true))).await;
    assert_eq!(burst.chunks().len(), 1, "one write");
    assert_eq!(data_of(&burst.body()).len(), 100 + 3);
}

/// A gateway may have a pattern where others have one model, and its scripted providers are told just that.
#[tokio::test]
async fn a_name_with_a_star_is_every_name_that_begins_so() {
    for (mock, kind) in [(openai().await, OpenAi), (anthropic().await, Anthropic)] {
        mock.set_models(["own-*"]);
        let asked = |model: &str| {
            let mut asked = body(kind, false);
            asked["model"] = model.into();
            request(kind, &asked)
        };
        let known = exchange(mock.address(), &asked("own-1")).await;
        assert_eq!((known.status(), &known.json()["model"]), (200, &"own-1".into()));
        assert_eq!(exchange(mock.address(), &asked("other")).await.status(), 404);
    }
}

#[tokio::test]
async fn the_list_of_models() {
    let mock = openai().await;
    mock.set_models(["my-model"]);
    let asked = format!(
        "GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        OpenAi.default_key()
    );
    let seen = exchange(mock.address(), asked.as_bytes()).await;
    assert_eq!(seen.json()["data"][0]["id"], "my-model");
}
