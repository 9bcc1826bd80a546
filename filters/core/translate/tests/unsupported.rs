//! Field by field: what each API cannot express of the other's requests, and what changes nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail it")]

use llm_api::Dialect::{self, Anthropic, OpenAi};
use translate::{RequestError, RequestOptions, left_out, request, unsupported, unsupported_in_version};

const OPTIONS: RequestOptions<'static> = RequestOptions {
    model: "served",
    default_max_tokens: 4096,
    anthropic_version: "2023-06-01",
    max_output_bytes: 1 << 20,
};

/// Checks that a good request with these members more reports exactly these paths.
#[track_caller]
fn check(from: Dialect, members: &str, paths: &[&str]) {
    let (to, base) = match from {
        OpenAi => (Anthropic, r#""model":"m","messages":[{"role":"user","content":"hi"}]"#),
        Anthropic => (OpenAi, r#""model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]"#),
    };
    let body = format!("{{{base},{members}}}");
    check_body(from, to, &body, paths);
}

#[track_caller]
fn check_body(from: Dialect, to: Dialect, body: &str, paths: &[&str]) {
    let found = unsupported(from, to, body.as_bytes()).unwrap();
    let found_paths: Vec<_> = found.iter().map(|found| found.path.as_str()).collect();
    assert_eq!(found_paths, paths, "{body}");
    assert!(found.iter().all(|found| !found.reason.is_empty()));
    match request(from, to, body.as_bytes(), &OPTIONS) {
        Ok(_) => assert!(found.is_empty(), "{body}"),
        Err(RequestError::Unsupported(list)) => assert_eq!(list, found, "{body}"),
        Err(error) => panic!("{body}: {error:?}"),
    }
}

#[test]
fn parameters_of_chat_completions() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("n", &["1", "null", "1.0"], &["2", "0", "\"1\""]),
        ("presence_penalty", &["0", "0.0", "null"], &["0.1", "-2"]),
        ("frequency_penalty", &["0", "null"], &["2"]),
        ("logit_bias", &["{}", "null"], &["{\"1\":-100}"]),
        ("logprobs", &["false", "null"], &["true"]),
        ("top_logprobs", &["0", "null"], &["3"]),
        ("seed", &["null"], &["0", "7"]),
        ("tools", &["[]", "null", "[ ]"], &["[{\"type\":\"function\"}]"]),
        ("functions", &["[]"], &["[{\"name\":\"f\"}]"]),
        ("tool_choice", &["\"none\"", "\"auto\"", "null"], &["\"required\"", "{\"type\":\"function\"}"]),
        ("function_call", &["\"none\"", "\"auto\""], &["{\"name\":\"f\"}"]),
        ("parallel_tool_calls", &["true", "false", "null"], &[]),
        (
            "response_format",
            &["{\"type\":\"text\"}", "null"],
            &["{\"type\":\"json_object\"}", "{\"type\":\"json_schema\"}"],
        ),
        ("modalities", &["[\"text\"]", "null"], &["[\"text\",\"audio\"]", "[]"]),
        ("audio", &["null"], &["{\"voice\":\"alloy\"}"]),
        ("reasoning_effort", &["null"], &["\"none\"", "\"high\""]),
        ("verbosity", &["\"medium\"", "null"], &["\"low\""]),
        ("web_search_options", &["null"], &["{}"]),
        ("service_tier", &["\"auto\"", "\"default\"", "null"], &["\"flex\"", "\"priority\"", "7"]),
        ("temperature", &["0", "0.5", "1", "1.0", "null"], &["1.01", "2", "-0.1"]),
        ("top_p", &["0", "1", "null"], &["1.5"]),
        ("an_unknown_field", &["null"], &["1", "{}", "\"\""]),
        ("store", &["true", "false"], &[]),
        ("metadata", &["{\"a\":\"b\"}"], &[]),
    ];
    for (name, harmless, refused) in table {
        for value in *harmless {
            check(OpenAi, &format!("\"{name}\":{value}"), &[]);
        }
        for value in *refused {
            check(OpenAi, &format!("\"{name}\":{value}"), &[name]);
        }
    }
}

#[test]
fn parameters_of_messages() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("top_k", &["null"], &["40"]),
        (
            "thinking",
            &["{\"type\":\"disabled\"}", "null"],
            &["{\"type\":\"enabled\",\"budget_tokens\":1024}", "{\"type\":\"adaptive\"}"],
        ),
        ("output_config", &["{}", "null"], &["{\"effort\":\"low\"}"]),
        ("tools", &["[]"], &["[{\"name\":\"f\"}]"]),
        ("tool_choice", &["{\"type\":\"auto\"}", "{\"type\":\"none\"}"], &["{\"type\":\"any\"}"]),
        ("service_tier", &["\"auto\"", "\"standard_only\""], &["\"batch\""]),
        ("speed", &["\"standard\""], &["\"fast\""]),
        ("inference_geo", &["null"], &["\"eu\""]),
        (
            "stop_sequences",
            &["[]", "[\"a\",\"b\",\"c\",\"d\"]", "[\"\\n\"]"],
            &["[\"a\",\"b\",\"c\",\"d\",\"e\"]"],
        ),
        ("cache_control", &["{\"type\":\"ephemeral\"}"], &[]),
        ("an_unknown_field", &["null"], &["true"]),
    ];
    for (name, harmless, refused) in table {
        for value in *harmless {
            check(Anthropic, &format!("\"{name}\":{value}"), &[]);
        }
        for value in *refused {
            check(Anthropic, &format!("\"{name}\":{value}"), &[name]);
        }
    }
}

#[test]
fn tool_fields_are_reported_together_with_tools() {
    check(
        OpenAi,
        r#""tool_choice":"auto","parallel_tool_calls":false,"tools":[{"type":"function"}]"#,
        &["tools", "tool_choice", "parallel_tool_calls"],
    );
}

#[test]
fn stop_sequences_of_white_space() {
    check(OpenAi, r#""stop":"\n""#, &["stop"]);
    check(OpenAi, r#""stop":["a"," \t","\u0020"]"#, &["stop[1]", "stop[2]"]);
    check(OpenAi, r#""stop":["",""]"#, &[]);
    check(OpenAi, r#""stop":"""#, &[]);
}

#[test]
fn messages_of_chat_completions() {
    let table: &[(&str, &[&str])] = &[
        (r#"{"role":"user","content":"a","name":"ada"}"#, &["messages[0].name"]),
        (r#"{"role":"user","content":"a","mood":"blue"}"#, &["messages[0].mood"]),
        (r#"{"role":"user","content":[{"type":"text","text":"a","x":1}]}"#, &["messages[0].content[0].x"]),
        (r#"{"role":"user","content":[{"type":"image_url"}]}"#, &["messages[0].content[0]"]),
        (r#"{"role":"assistant","content":null,"tool_calls":[{}]}"#, &["messages[0].tool_calls"]),
        (r#"{"role":"assistant","content":null,"function_call":{}}"#, &["messages[0].function_call"]),
        (r#"{"role":"assistant","content":null,"refusal":"no"}"#, &["messages[0].refusal"]),
        (
            r#"{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]}"#,
            &["messages[0].content[0]"],
        ),
        (r#"{"role":"assistant","content":"a","audio":{"id":"x"}}"#, &["messages[0].audio"]),
        (r#"{"role":"assistant","content":"a","annotations":[{}]}"#, &["messages[0].annotations"]),
        (r#"{"role":"tool","tool_call_id":"c","content":"a"}"#, &["messages[0]"]),
        (r#"{"role":"function","name":"f","content":"a"}"#, &["messages[0]"]),
        (
            r#"{"role":"assistant","content":"a","refusal":null,"tool_calls":[],"annotations":[],"audio":null}"#,
            &[],
        ),
    ];
    for (message, paths) in table {
        let body = format!(r#"{{"model":"m","messages":[{message},{{"role":"user","content":"hi"}}]}}"#);
        check_body(OpenAi, Anthropic, &body, paths);
    }
}

#[test]
fn a_conversation_must_end_with_the_user() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},
        {"role":"system","content":"s"},{"role":"user","content":" "}]}"#;
    check_body(OpenAi, Anthropic, body, &["messages[1]"]);
    check_body(
        OpenAi,
        Anthropic,
        r#"{"model":"m","messages":[{"role":"user","content":""}]}"#,
        &["messages"],
    );
}

#[test]
fn the_newest_version_takes_no_sampling_parameters() {
    let body = |members: &str| {
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{members}}}"#).into_bytes()
    };
    let newest = RequestOptions { anthropic_version: "2026-10-21", ..OPTIONS };

    let defaults = body(r#""temperature":1,"top_p":1.0"#);
    assert_eq!(unsupported_in_version(OpenAi, Anthropic, "2026-10-21", &defaults).unwrap(), []);
    let sent: serde_json::Value =
        serde_json::from_slice(&request(OpenAi, Anthropic, &defaults, &newest).unwrap()).unwrap();
    assert!(
        sent.get("temperature").is_none() && sent.get("top_p").is_none(),
        "refused even at their defaults: {sent}"
    );

    let tuned = body(r#""temperature":0.2,"top_p":0.9"#);
    let found = unsupported_in_version(OpenAi, Anthropic, "2026-10-21", &tuned).unwrap();
    assert_eq!(found.iter().map(|found| found.path.as_str()).collect::<Vec<_>>(), ["temperature", "top_p"]);
    assert_eq!(request(OpenAi, Anthropic, &tuned, &newest), Err(RequestError::Unsupported(found)));
    assert_eq!(unsupported(OpenAi, Anthropic, &tuned).unwrap(), []);
}

#[test]
fn the_same_dialect_expresses_everything() {
    let body = br#"{"model":"m","messages":[],"tools":[{}],"n":4,"what":"ever"}"#;
    for dialect in Dialect::ALL {
        assert_eq!(unsupported(dialect, dialect, body).unwrap(), []);
    }
}

#[test]
fn a_report_of_a_hostile_request_is_bounded() {
    let members: String = (0..50_000).map(|i| format!(r#","k{i}{}":0"#, "x".repeat(200))).collect();
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{members}}}"#);
    let found = unsupported(OpenAi, Anthropic, body.as_bytes()).unwrap();
    assert_eq!(found.len(), 100);
    assert!(found.iter().all(|found| found.path.len() <= 64));
}

#[test]
fn what_is_left_out_says_why() {
    for dialect in Dialect::ALL {
        assert!(left_out(dialect).iter().all(|field| !field.path.is_empty() && !field.why.is_empty()));
    }
    for field in left_out(OpenAi).iter().filter(|field| !field.path.contains(['.', '['])) {
        let value = if field.path == "user" || field.path == "safety_identifier" { "\"u\"" } else { "{}" };
        check(OpenAi, &format!("\"{}\":{value}", field.path), &[]);
    }
    for field in left_out(Anthropic).iter().filter(|field| !field.path.contains(['.', '['])) {
        check(Anthropic, &format!("\"{}\":{{}}", field.path), &[]);
    }
}
