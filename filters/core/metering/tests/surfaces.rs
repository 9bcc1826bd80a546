//! What of each API's requests is counted, and what it costs.

#![expect(clippy::arithmetic_side_effects, reason = "a test that panics has failed")]

mod common;

use common::{base64, count, family};
use metering::{Charges, Families, FamilyRule, Limits, Memory, Part, Source, Surface, prompt};
use serde_json::{Value, json};

use Surface::{ChatCompletions, Embeddings, Messages, Responses};

fn o200k(text: &str) -> u64 {
    family("gpt-4o").encoding().count(text)
}

/// Tokens of a request to GPT-4o.
fn tokens(surface: Surface, body: &Value) -> u64 {
    count(surface, "gpt-4o", body).tokens
}

/// Tokens of a conversation of one user message with that content, without its framing.
fn content(content: Value) -> u64 {
    tokens(ChatCompletions, &json!({"messages": [{"role": "user", "content": content}]})) - 6 - o200k("user")
}

fn png(width: u32, height: u32) -> String {
    base64(
        &[b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), &[8, 6]]
            .concat(),
    )
}

#[test]
fn content_is_text_or_parts_of_text() {
    assert_eq!(content(json!("hello world")), o200k("hello world"));
    let parts = json!([{"type": "text", "text": "hello"}, {"type": "text", "text": "world", "cache_control": {"type": "ephemeral"}}]);
    assert_eq!(content(parts), o200k("hello") + o200k("world"));
    assert_eq!(content(Value::Null), 0);
    // Order of the members makes no difference.
    let body = r#"{"messages":[{"content":[{"text":"hello","type":"text"}],"role":"user"}]}"#;
    let reordered =
        prompt(ChatCompletions, &family("gpt-4o"), body.as_bytes(), &Limits::NONE, &Memory::default())
            .unwrap();
    assert_eq!((reordered.tokens, reordered.source), (o200k("hello") + o200k("user") + 6, Source::Exact));
}

#[test]
fn special_tokens_of_users_are_text() {
    assert!(content(json!("<|endoftext|>")) > 1);
}

#[test]
fn what_has_the_wrong_type_is_its_json() {
    assert_eq!(content(json!(42)), o200k("42"));
    assert_eq!(content(json!(true)), o200k("true"));
    assert_eq!(content(json!([["a", "b"]])), o200k("\"a\"") + o200k("\"b\""));
    let odd = json!({"messages": {"role": "user", "content": "hi"}});
    assert_eq!(tokens(ChatCompletions, &odd), o200k("user") + o200k("hi") + 6);
}

#[test]
fn settings_are_not_counted() {
    let plain = json!({"messages": [{"role": "user", "content": "hi"}]});
    let mut set = plain.clone();
    set["model"] = json!("gpt-4o");
    set["temperature"] = json!(0.5);
    set["user"] = json!("somebody with a long name");
    set["metadata"] = json!({"a": "b c d e f"});
    set["response_format"] = json!({"type": "json_object"});
    assert_eq!(count(ChatCompletions, "gpt-4o", &plain), count(ChatCompletions, "gpt-4o", &set));
}

#[test]
fn tool_calls_are_their_names_and_arguments() {
    let call = json!({"messages": [{"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_1234567890", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Rome\"}"}},
    ]}]});
    let expect = o200k("assistant") + o200k("get_weather") + o200k("{\"city\":\"Rome\"}") + 3 + 6;
    assert_eq!(count(ChatCompletions, "gpt-4o", &call).tokens, expect);
    assert_eq!(count(ChatCompletions, "gpt-4o", &call).source, Source::Estimated);
    let result =
        json!({"messages": [{"role": "tool", "tool_call_id": "call_1234567890", "content": "21 °C"}]});
    assert_eq!(tokens(ChatCompletions, &result), o200k("tool") + o200k("21 °C") + 6);
}

#[test]
fn a_schema_that_the_cookbook_does_not_know_is_its_json() {
    let flat = json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
        "a": {"type": "array", "description": "Some."},
    }}}}]});
    let mut nested = flat.clone();
    nested["tools"][0]["function"]["parameters"]["properties"]["a"]["items"] = json!({"type": "string"});
    let (flat, nested) = (count(ChatCompletions, "gpt-4o", &flat), count(ChatCompletions, "gpt-4o", &nested));
    assert_eq!(flat.tokens, 7 + o200k("f:") + 3 + 3 + o200k("a:array:Some") + 12);
    assert_eq!(nested.tokens, flat.tokens + o200k("items") + o200k("{\"type\":\"string\"}"));
    assert_eq!((flat.source, nested.source), (Source::Exact, Source::Estimated));
}

#[test]
fn tools_are_the_same_in_every_api() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string", "description": "One."}}});
    let chat = json!({"tools": [{"type": "function", "function": {"name": "f", "description": "Does.", "parameters": schema}}]});
    let responses = json!({"tools": [{"type": "function", "name": "f", "description": "Does.", "parameters": schema, "strict": true}]});
    let messages = json!({"tools": [{"name": "f", "description": "Does.", "input_schema": schema}]});
    let functions = json!({"functions": [{"name": "f", "description": "Does.", "parameters": schema}]});
    let expect = tokens(ChatCompletions, &chat);
    assert_eq!(expect, 7 + o200k("f:Does") + 3 + 3 + o200k("a:string:One") + 12);
    assert_eq!(tokens(Responses, &responses), expect);
    assert_eq!(tokens(Messages, &messages), expect);
    assert_eq!(tokens(ChatCompletions, &functions), expect);
}

#[test]
fn claude_is_shown_tools_as_json_behind_a_prompt() {
    let tools = json!([{"name": "f", "input_schema": {}}]);
    let of = |model: &str, choice: Value| {
        count(Messages, model, &json!({"tools": tools, "tool_choice": choice})).tokens
    };
    for (model, auto, forced) in [
        ("claude-opus-4-8", 290, 410),
        ("claude-opus-4-7", 675, 804),
        ("claude-sonnet-4-6", 497, 589),
        ("claude-haiku-4-5", 496, 588),
        ("claude-opus-4-20250514", 313, 315),
        ("claude-3-7-sonnet-latest", 346, 313),
        ("claude-3-opus-20240229", 530, 281),
    ] {
        let definition = of(model, Value::Null) - auto;
        assert!((10..40).contains(&definition), "{definition}");
        assert_eq!(of(model, json!({"type": "auto"})), definition + auto, "{model}");
        assert_eq!(of(model, json!({"type": "none"})), definition + auto);
        assert_eq!(of(model, json!({"type": "any"})), definition + forced);
        assert_eq!(of(model, json!({"type": "tool", "name": "f"})), definition + forced);
    }
    let none = json!({"tools": [], "messages": [{"role": "user", "content": "hi"}]});
    assert!(count(Messages, "claude-opus-4-8", &none).tokens < 20);
}

#[test]
fn a_choice_costs_what_was_observed() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let of = |choice: Value| tokens(ChatCompletions, &json!({"tools": tools, "tool_choice": choice}));
    let free = of(json!("auto"));
    assert_eq!(of(json!("none")), free + 1);
    assert_eq!(of(json!("required")), free);
    assert_eq!(of(json!({"type": "function", "function": {"name": "f"}})), free + 7 + o200k("f"));
}

#[test]
fn a_schema_of_the_answer_is_its_json() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let named = json!({"name": "answer", "schema": schema});
    let chat = json!({"response_format": {"type": "json_schema", "json_schema": named}});
    assert_eq!(tokens(ChatCompletions, &chat), o200k(&named.to_string()));
    let responses = json!({"text": {"format": {"type": "json_schema", "name": "answer", "schema": schema}, "verbosity": "low"}});
    assert_eq!(tokens(Responses, &responses), o200k(&schema.to_string()));
    let messages = json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    assert_eq!(tokens(Messages, &messages), o200k(&schema.to_string()));
}

#[test]
fn images_are_charged_by_size_and_detail() {
    let url = format!("data:image/png;base64,{}", png(1_024, 1_024));
    assert_eq!(content(json!([{"type": "image_url", "image_url": {"url": url}}])), 765);
    assert_eq!(content(json!([{"type": "image_url", "image_url": {"url": url, "detail": "low"}}])), 85);
    let known = json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]});
    assert_eq!(count(ChatCompletions, "gpt-4o", &known).source, Source::Exact);
    assert_eq!(count(ChatCompletions, "gpt-4.1-mini", &known).source, Source::Estimated);
    assert_eq!(
        count(ChatCompletions, "gpt-4.1-mini", &known).tokens - 6 - 1,
        (1_024_u64 * 1_620).div_ceil(1_000)
    );

    let responses = json!({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url, "detail": "high"}]}]});
    assert_eq!(tokens(Responses, &responses), 765 + o200k("user") + 6);
    let screenshot = json!({"input": [{"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot", "image_url": url}}]});
    assert_eq!(tokens(Responses, &screenshot), 765 + 3);
    let messages = |width, height| {
        let source = json!({"type": "base64", "media_type": "image/png", "data": png(width, height)});
        json!({"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]})
    };
    assert_eq!(count(Messages, "claude-sonnet-4-6", &messages(1_000, 1_000)).tokens, 1_296 + 7);
    assert_eq!(count(Messages, "claude-opus-4-7", &messages(2_000, 1_500)).tokens, 72 * 54 + 11);
    assert_eq!(count(Messages, "claude-sonnet-4-6", &messages(1_075, 1_520)).tokens, 33 * 47 + 7);
}

#[test]
fn an_image_elsewhere_is_charged_its_maximum_or_what_is_configured() {
    let body = json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]});
    let most = count(ChatCompletions, "gpt-4o", &body);
    assert_eq!((most.tokens, most.source), (1_445 + 6 + o200k("user"), Source::Estimated));
    let rule = FamilyRule {
        pattern: "gpt-4o".into(),
        charges: Charges { image: Some(765), ..Charges::default() },
        ..FamilyRule::default()
    };
    let families = Families::new(&[rule]).unwrap();
    let configured = prompt(
        ChatCompletions,
        families.of("gpt-4o"),
        body.to_string().as_bytes(),
        &Limits::NONE,
        &Memory::default(),
    )
    .unwrap();
    assert_eq!(configured.tokens, 765 + 6 + o200k("user"));
    let unknown = count(ChatCompletions, "llama-3.1-8b", &body);
    assert_eq!(unknown.uncharged, Some(Part::Image));
}

#[test]
fn what_cannot_be_known_is_said_and_charged_where_configured() {
    let file = json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "Summarize."},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]}]});
    let bare = count(ChatCompletions, "gpt-4o", &file);
    assert_eq!((bare.tokens, bare.uncharged), (o200k("Summarize.") + o200k("user") + 6, Some(Part::File)));
    let rule = FamilyRule {
        pattern: "gpt-4o".into(),
        charges: Charges { file: Some(3_000), ..Charges::default() },
        ..FamilyRule::default()
    };
    let families = Families::new(&[rule]).unwrap();
    let charged = prompt(
        ChatCompletions,
        families.of("gpt-4o"),
        file.to_string().as_bytes(),
        &Limits::NONE,
        &Memory::default(),
    )
    .unwrap();
    assert_eq!((charged.tokens, charged.uncharged), (bare.tokens + 3_000, None));
    assert_eq!(charged.source, Source::Estimated);
}

#[test]
fn a_sound_is_charged_by_how_long_it_is() {
    let header = [
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".as_slice(),
        &24_000_u32.to_le_bytes(),
        &48_000_u32.to_le_bytes(),
        b"\x02\0\x10\0data\0\0\0\0",
    ]
    .concat();
    let data = base64(&[header.as_slice(), &vec![0; 480_000]].concat());
    let body = json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]}]});
    // Ten seconds, and ten tokens a second.
    assert_eq!(tokens(ChatCompletions, &body) - 6 - o200k("user"), 100);
    assert_eq!(count(ChatCompletions, "llama-3.1-8b", &body).uncharged, Some(Part::Audio));
}

#[test]
fn responses_are_read() {
    let framed = |role: &str, text: &str| 3 + o200k(role) + o200k(text);
    let string = json!({"input": "Tell me a joke.", "instructions": "Be brief."});
    assert_eq!(
        tokens(Responses, &string),
        framed("user", "Tell me a joke.") + framed("system", "Be brief.") + 3
    );
    let items = json!({"input": [
        {"role": "user", "content": "Weather?"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Where?", "annotations": []}]},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "Rome"}], "encrypted_content": "AAAAAAAA"},
        {"type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "21 °C"},
    ]});
    let expect = framed("user", "Weather?")
        + framed("assistant", "Where?")
        + o200k("Rome")
        + 3
        + o200k("get_weather")
        + o200k("{}")
        + 3
        + o200k("21 °C")
        + 3;
    assert_eq!(tokens(Responses, &items), expect);
}

#[test]
fn embeddings_are_text_or_tokens() {
    let cl100k = |text: &str| family("gpt-4").encoding().count(text);
    let of =
        |input: Value| count(Embeddings, "text-embedding-3-small", &json!({"model": "m", "input": input}));
    assert_eq!(of(json!("hello world")).tokens, cl100k("hello world"));
    assert_eq!(of(json!("hello world")).source, Source::Exact);
    assert_eq!(of(json!(["hello", "world"])).tokens, cl100k("hello") + cl100k("world"));
    assert_eq!(of(json!([15339, 1917, 0])).tokens, 3);
    assert_eq!(of(json!([[15339, 1917], [0]])).tokens, 3);
    assert_eq!(of(json!([])).tokens, 0);
}

#[test]
fn messages_are_read() {
    let claude = |body: &Value| count(Messages, "claude-opus-4-5", body);
    let text = |text: &str| o200k(text) * 1_130;
    let one = claude(&json!({"messages": [{"role": "user", "content": "hello there"}]}));
    assert_eq!((one.tokens, one.source), (7 + text("hello there").div_ceil(1_000), Source::Estimated));
    let system = claude(
        &json!({"system": [{"type": "text", "text": "hello there", "cache_control": {"type": "ephemeral"}}], "messages": []}),
    );
    assert_eq!(system.tokens, one.tokens);
    assert_eq!(claude(&json!({"system": "hello there", "messages": []})).tokens, one.tokens);

    let turns = claude(
        &json!({"max_tokens": 1, "thinking": {"type": "enabled", "budget_tokens": 2_000}, "messages": [
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hello there", "signature": "c2lnbmF0dXJl"},
                {"type": "redacted_thinking", "data": "AAAAAA"},
                {"type": "tool_use", "id": "t", "name": "hello", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "hello there"}], "is_error": false},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hello there"}, "title": "hello"},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "hello there"}]}},
                {"type": "search_result", "source": "hello", "title": "hello", "content": [{"type": "text", "text": "hello there"}]},
            ]},
        ]}),
    );
    // `{}` has two symbols in two bytes: program text.
    let milli = 5 * text("hello there") + 4 * text("hello") + o200k("{}") * 1_240;
    assert_eq!(turns.tokens, 4 * 2 + 3 + 2 + 4 + milli.div_ceil(1_000));
    assert_eq!(turns.uncharged, None);

    let pdf = json!({"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "base64", "data": "JVBERi0="}}]}]});
    assert_eq!(claude(&pdf).uncharged, Some(Part::File));
    let server = json!({"messages": [], "tools": [{"type": "web_search_20250305", "name": "web_search"}]});
    assert_eq!(claude(&server).uncharged, Some(Part::HostedTool));
    let bash = json!({"messages": [], "tools": [{"type": "bash_20250124", "name": "bash"}]});
    assert_eq!(claude(&bash).tokens, 245 + 496 + 3);
}

#[test]
fn estimates_differ_by_the_kind_of_text() {
    let of = |model: &str, text: &str| count(Embeddings, model, &json!({"input": text.repeat(50)})).tokens;
    for (text, permille) in [
        ("It was the best of times, it was the worst of times. ", 1_130..1_160),
        ("fn main() { let x = [1, 2]; println!(\"{x:?}\"); } ", 1_235..1_241),
        ("这是一个关于天气的简单问题。", 1_299..1_305),
        ("Это простой вопрос о погоде. ", 1_340..1_385),
    ] {
        let (exact, estimated) = (of("gpt-4o", text), of("claude-3-haiku", text));
        assert!(permille.contains(&(estimated * 1_000 / exact)), "{text}: {estimated} of {exact}");
    }
}
