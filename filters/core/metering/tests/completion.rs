//! Answers: deltas count as their whole texts do, however they are cut, and a stream as the answer that was not streamed.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use common::{family, requests};
use metering::{Completion, Memory, Said, Source, Surface, answer};
use proptest::prelude::*;
use serde_json::json;

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => Just(Said::Text),
        2 => Just(Said::Reasoning),
        1 => Just(Said::Refusal),
        1 => (0_u32..3).prop_map(|call| Said::ToolArguments { call }),
    ]
}

/// Cuts a text at those places, as near as characters allow.
fn pieces(text: &str, sizes: &[usize]) -> Vec<String> {
    let mut sizes = sizes.iter().cycle();
    let mut pieces = vec![String::new()];
    for character in text.chars() {
        if pieces.last().unwrap().len() >= *sizes.next().unwrap() {
            pieces.push(String::new());
        }
        pieces.last_mut().unwrap().push(character);
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn deltas_count_as_whole_texts(
        texts in prop::collection::vec((0_u32..3, said(), requests::text(), 1_usize..100), 1..6),
        sizes in prop::collection::vec(1_usize..40, 1..8),
        asked_at in 0_usize..100,
    ) {
        for model in ["gpt-4o", "gpt-4", "claude-opus-4-7", "deepseek-chat"] {
            let family = family(model);
            let (mut whole, mut cut) = (Completion::new(&family, &Memory::default()), Completion::new(&family, &Memory::default()));
            // Each lane once, so that the same texts stand in one piece and in many, and in another order.
            let mut lanes: Vec<(u32, Said, String)> = Vec::new();
            for (choice, said, text, times) in &texts {
                if !lanes.iter().any(|(other, kind, _)| other == choice && kind == said) {
                    lanes.push((*choice, *said, text.repeat(*times)));
                }
            }
            for (choice, said, text) in &lanes {
                whole.push(*choice, *said, text);
            }
            let mut queues: Vec<_> = lanes.iter().map(|(_, _, text)| pieces(text, &sizes).into_iter()).collect();
            for round in 0.. {
                let mut is_over = true;
                for ((choice, said, _), queue) in lanes.iter().zip(&mut queues) {
                    if let Some(piece) = queue.next() {
                        is_over = false;
                        cut.push(*choice, *said, &piece);
                    }
                }
                if is_over {
                    break;
                }
                if round == asked_at {
                    cut.generated();
                }
            }
            prop_assert_eq!(whole.generated(), cut.generated());
        }
    }
}

#[test]
fn text_is_counted_to_the_token() {
    let family = family("gpt-4o");
    let text = "Long answers overflow the buffer. ".repeat(2_000);
    let mut completion = Completion::new(&family, &Memory::default());
    for piece in pieces(&text, &[7]) {
        completion.push(0, Said::Text, &piece);
    }
    let generated = completion.generated();
    assert_eq!((generated.output, generated.reasoning), (family.encoding().count(&text), 0));
    assert_eq!(generated.source, Source::Exact);
    completion.push(0, Said::Text, &text);
    assert_eq!(completion.generated().output, family.encoding().count(&text.repeat(2)));
}

#[test]
fn choices_and_calls_are_texts_of_their_own() {
    let family = family("gpt-4o");
    let count = |text: &str| family.encoding().count(text);
    let mut completion = Completion::new(&family, &Memory::default());
    completion.push(0, Said::Text, "un");
    completion.push(1, Said::Text, "un");
    completion.push(0, Said::Text, "believable");
    completion.push(1, Said::Text, "believable");
    assert_eq!(completion.generated().output, 2 * count("unbelievable"));
    completion.push(0, Said::ToolName { call: 0 }, "get_weather");
    completion.push(0, Said::ToolArguments { call: 0 }, "{\"city\":");
    completion.push(0, Said::ToolArguments { call: 1 }, "{}");
    completion.push(0, Said::ToolArguments { call: 0 }, "\"Rome\"}");
    completion.push(0, Said::Reasoning, "Rome, then.");
    let generated = completion.generated();
    let calls = count("get_weather") + count("{\"city\":\"Rome\"}") + count("{}") + 3;
    assert_eq!(
        (generated.output, generated.reasoning),
        (2 * count("unbelievable") + calls, count("Rome, then."))
    );
    assert_eq!(
        (generated.source, generated.tokens()),
        (Source::Estimated, generated.output + generated.reasoning)
    );
}

#[test]
fn a_stream_of_endless_calls_is_bounded() {
    let mut completion = Completion::new(&family("gpt-4o"), &Memory::default());
    for call in 0..5_000 {
        completion.push(call, Said::ToolArguments { call }, "{}");
    }
    assert!(completion.generated().output >= 256);
}

#[test]
fn whole_answers_count_as_streamed_ones() {
    for model in ["gpt-4o", "claude-opus-4-7"] {
        let family = family(model);
        let mut streamed = Completion::new(&family, &Memory::default());
        streamed.push(0, Said::Text, "It is sunny in Rome. 天气很好。");
        streamed.push(0, Said::Reasoning, "The user asks for the weather.");
        streamed.push(0, Said::ToolName { call: 0 }, "get_weather");
        streamed.push(0, Said::ToolArguments { call: 0 }, "{\"city\":\"Rome\"}");
        let expect = streamed.generated();

        let chat = json!({"id": "c", "object": "chat.completion", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "It is sunny in Rome. 天气很好。",
            "reasoning_content": "The user asks for the weather.", "refusal": null, "annotations": [],
            "tool_calls": [{"id": "t", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Rome\"}"}}],
        }}]});
        let responses = json!({"id": "r", "output": [
            {"type": "reasoning", "id": "a", "summary": [{"type": "summary_text", "text": "The user asks for the weather."}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is sunny in Rome. 天气很好。", "annotations": []}]},
            {"type": "function_call", "call_id": "t", "name": "get_weather", "arguments": "{\"city\":\"Rome\"}"},
        ]});
        let messages = json!({"type": "message", "role": "assistant", "content": [
            {"type": "thinking", "thinking": "The user asks for the weather.", "signature": "c2ln"},
            {"type": "text", "text": "It is sunny in Rome. 天气很好。"},
            {"type": "tool_use", "id": "t", "name": "get_weather", "input": {"city": "Rome"}},
        ]});
        for (surface, body) in
            [(Surface::ChatCompletions, chat), (Surface::Responses, responses), (Surface::Messages, messages)]
        {
            assert_eq!(
                answer(surface, &family, body.to_string().as_bytes(), &Memory::default()),
                Ok(expect),
                "{model} {surface:?}"
            );
        }
    }
    let embeddings = r#"{"object":"list","data":[{"embedding":[0.1,0.2]}]}"#;
    assert_eq!(
        answer(
            Surface::Embeddings,
            &family("text-embedding-3-small"),
            embeddings.as_bytes(),
            &Memory::default()
        )
        .unwrap()
        .tokens(),
        0
    );
    assert!(answer(Surface::Messages, &family("gpt-4o"), b"<html>", &Memory::default()).is_err());
}
