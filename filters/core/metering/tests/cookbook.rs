//! The examples that OpenAI's cookbook publishes with the counts of its API: `How_to_count_tokens_with_tiktoken.ipynb`.

mod common;

use common::{count, family};
use metering::{Source, Surface};
use serde_json::json;

#[test]
fn six_messages() {
    let body = json!({"messages": [
        {"role": "system", "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
        {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
        {"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
        {"role": "system", "name": "example_user", "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
        {"role": "system", "name": "example_assistant", "content": "Let's talk later when we're less busy about how to do better."},
        {"role": "user", "content": "This late pivot means we don't have time to boil the ocean for the client deliverable."},
    ]});
    for (model, tokens) in [
        ("gpt-3.5-turbo", 129),
        ("gpt-3.5-turbo-0613", 129),
        ("gpt-4", 129),
        ("gpt-4-0613", 129),
        ("gpt-4o", 124),
        ("gpt-4o-mini", 124),
    ] {
        let prompt = count(Surface::ChatCompletions, model, &body);
        assert_eq!((prompt.tokens, prompt.source), (tokens, Source::Exact), "{model}");
    }
}

#[test]
fn a_tool() {
    let body = json!({
        "messages": [
            {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
            {"role": "user", "content": "What's the weather like in San Francisco?"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "get_current_weather",
            "description": "Get the current weather in a given location",
            "parameters": {
                "type": "object",
                "properties": {
                    "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                    "unit": {"type": "string", "description": "The unit of temperature to return", "enum": ["celsius", "fahrenheit"]},
                },
                "required": ["location"],
            },
        }}],
    });
    for (model, tokens) in [("gpt-4o", 101), ("gpt-4o-mini", 101), ("gpt-4", 105), ("gpt-3.5-turbo", 105)] {
        let prompt = count(Surface::ChatCompletions, model, &body);
        assert_eq!((prompt.tokens, prompt.source), (tokens, Source::Exact), "{model}");
    }
}

#[test]
fn framing_is_three_a_message_one_a_name_and_three_for_the_answer() {
    let o200k = |text: &str| family("gpt-4o").encoding().count(text);
    let one = count(
        Surface::ChatCompletions,
        "gpt-4o",
        &json!({"messages": [{"role": "user", "content": "hello"}]}),
    );
    assert_eq!(one.tokens, 3 + o200k("user") + o200k("hello") + 3);
    let named = json!({"messages": [{"role": "user", "name": "bob", "content": "hello"}]});
    assert_eq!(count(Surface::ChatCompletions, "gpt-4o", &named).tokens, one.tokens + 1 + o200k("bob"));
}
