//! What a request is found to cost, in every mode and however it ends, on the host in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that meets what it does not expect has to fail"
)]

mod common;

use common::{CHAT, Worker, config, json, post, worker};
use gateway::Gateway;
use metering::{Families, Limits, Memory, Surface};
use seam::testing::Host;
use seam::{UsageReport, names};

const JSON: (&str, &str) = ("content-type", "application/json");
const SSE: (&str, &str) = ("content-type", "text/event-stream");
const MESSAGES: &str = "/v1/messages";
const ASKED: &str =
    r#"{"model":"gpt-4","messages":[{"role":"user","content":"Tell me a story about counting."}]}"#;
const ASKED_CLAUDE: &str = r#"{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":"Tell me a story about counting."}]}"#;

/// A gateway whose models all count in that mode.
fn mode(mode: &str) -> Worker {
    worker(config(&format!(r#"{{"counting": {{"mode": "{mode}"}}}}"#)))
}

fn asked(worker: &Worker, path: &str, body: &str) -> Host<Gateway> {
    let mut host = worker.stream();
    let sent = host.request(&post(path), &[body.as_bytes()]);
    assert!(sent.complete, "{:?}", host.reply());
    host
}

/// What a prompt is counted as, by the crate that counts it.
fn counted(surface: Surface, model: &str, body: &str) -> String {
    let prompt = metering::prompt(
        surface,
        Families::default().of(model),
        body.as_bytes(),
        &Limits::default(),
        &Memory::default(),
    );
    prompt.unwrap().tokens.to_string()
}

fn chat_tokens() -> String {
    counted(Surface::ChatCompletions, "gpt-4", ASKED)
}

/// Input, output, cached, reasoning, total and source, as they stand in filter state.
fn published(host: &Host<Gateway>) -> [Option<String>; 6] {
    [
        names::INPUT_TOKENS_KEY,
        names::OUTPUT_TOKENS_KEY,
        names::CACHED_TOKENS_KEY,
        names::REASONING_TOKENS_KEY,
        names::TOTAL_TOKENS_KEY,
        names::USAGE_SOURCE_KEY,
    ]
    .map(|key| host.state().get(key).map(|value| String::from_utf8(value.clone()).unwrap()))
}

fn check(host: &Host<Gateway>, expected: [&str; 6]) {
    let published = published(host).map(|value| value.unwrap_or_else(|| "-".to_owned()));
    assert_eq!(published.each_ref().map(String::as_str), expected);
}

/// The statistic of tokens of that type, at `gpt-4`'s or another model's target.
fn usage(worker: &Worker, model: &str, provider: &str, kind: &str, source: &str) -> Vec<u64> {
    worker.shared.recorded(&format!(
        "gen_ai.client.token.usage;gen_ai.operation.name=chat;gen_ai.request.model={model};gen_ai.provider.name={provider};\
         gen_ai.token.type={kind};ai.usage.source={source}"
    ))
}

const ANSWER: &str = r#"{"id":"c","model":"gpt-4-0613","choices":[{"index":0,"message":{"role":"assistant","content":"Once upon a time."}}],
    "usage":{"prompt_tokens":40,"completion_tokens":12,"total_tokens":52,"prompt_tokens_details":{"cached_tokens":8},
    "completion_tokens_details":{"reasoning_tokens":5}}}"#;

#[test]
fn what_a_json_answer_reports_is_published() {
    for mode_name in ["auto", "exact", "estimate"] {
        let worker = mode(mode_name);
        let mut host = asked(&worker, CHAT, ASKED);
        host.response(
            &[(":status", "200"), JSON, ("x-ai-provider", "openai")],
            &[&ANSWER.as_bytes()[..50], &ANSWER.as_bytes()[50..]],
        );
        host.end();
        check(&host, ["40", "12", "8", "5", "52", "reported"]);
        assert_eq!(usage(&worker, "gpt-4", "openai", "input", "reported"), [40], "{mode_name}");
        assert_eq!(usage(&worker, "gpt-4", "openai", "output", "reported"), [12], "{mode_name}");
    }
}

#[test]
fn what_took_how_long_and_who_had_to_take_over_is_counted() {
    let worker = mode("auto");
    for (provider, attempts, waited) in [("openai", "1", 40), ("anthropic", "2", 1_700)] {
        let mut host = asked(&worker, CHAT, ASKED);
        host.now.0 += waited;
        let headers =
            [(":status", "200"), JSON, ("x-ai-provider", provider), (names::ATTEMPTS_HEADER, attempts)];
        host.response(&headers, &[ANSWER.as_bytes()]);
        host.end();
        let at = format!(";gen_ai.request.model=gpt-4;gen_ai.provider.name={provider}");
        assert_eq!(worker.shared.recorded(&format!("ai_gateway.first_byte.ms{at}")), [waited]);
        let fallbacks = worker.shared.counter(&format!("ai_gateway.fallbacks{at}"));
        assert_eq!(fallbacks, (attempts == "2").then_some(1), "{provider}");
    }
    // Nobody answered, so nothing began.
    let mut host = asked(&worker, CHAT, ASKED);
    host.response(&[(":status", "503"), JSON, (names::ATTEMPTS_HEADER, "2")], &[b"{}"]);
    host.end();
    let first = "ai_gateway.first_byte.ms;gen_ai.request.model=gpt-4;gen_ai.provider.name=openai";
    assert_eq!(worker.shared.recorded(first).len(), 1);
}

#[test]
fn off_costs_nothing_and_says_nothing() {
    let worker = mode("off");
    let mut host = asked(&worker, CHAT, ASKED);
    host.response(&[(":status", "200"), JSON], &[ANSWER.as_bytes()]);
    host.end();
    check(&host, ["-"; 6]);
    assert!(worker.shared.metrics().is_empty());
    assert_eq!(worker.shared.loads(), 0);
}

#[test]
fn exact_is_published_before_the_request_is_sent_and_auto_only_where_it_matters() {
    let host = asked(&mode("exact"), CHAT, ASKED);
    check(&host, [&chat_tokens(), "-", "-", "-", "-", "counted"]);

    let host = asked(&mode("auto"), CHAT, ASKED);
    check(&host, ["-"; 6]);

    let long = ASKED.replace("Tell", &"Tell me, ".repeat(2_000));
    let host = asked(&mode("estimate"), CHAT, &long);
    let [input, .., source] = published(&host);
    assert_eq!(source.as_deref(), Some("extrapolated"));
    let exact: f64 = counted(Surface::ChatCompletions, "gpt-4", &long).parse().unwrap();
    let estimate: f64 = input.unwrap().parse().unwrap();
    assert!((0.8..1.25).contains(&(estimate / exact)), "{estimate} of {exact}");
}

#[test]
fn a_route_may_have_a_mode_of_its_own() {
    let fields =
        r#"{"counting": {"mode": "off"}, "models": [{"name": "a", "counting": "exact"}, {"name": "gpt-4"}]}"#;
    let worker = worker(config(fields));
    let host = asked(&worker, CHAT, r#"{"model":"a","messages":[]}"#);
    assert!(published(&host)[0].is_some());
    let host = asked(&worker, CHAT, r#"{"model":"gpt-4","messages":[]}"#);
    assert!(published(&host)[0].is_none());
}

#[test]
fn what_an_answer_does_not_report_is_counted() {
    let answer = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hello world"}}]}"#;
    for usage in [
        "",
        r#","usage":null"#,
        r#","usage":{"prompt_tokens":0,"completion_tokens":0}"#,
        r#","usage":"much""#,
    ] {
        let mut host = asked(&mode("auto"), CHAT, ASKED);
        let answer = answer.replace("}]}", &format!("}}]{usage}}}"));
        host.response(&[(":status", "200"), JSON], &[answer.as_bytes()]);
        host.end();
        let input = chat_tokens();
        let total = (input.parse::<u64>().unwrap() + 2).to_string();
        check(&host, [&input, "2", "-", "-", &total, "counted"]);
    }
}

#[test]
fn half_a_report_is_completed_by_counting() {
    let mut host = asked(&mode("auto"), CHAT, ASKED);
    let answer = r#"{"choices":[{"message":{"content":"hello world"}}],"usage":{"prompt_tokens":17}}"#;
    host.response(&[(":status", "200"), JSON], &[answer.as_bytes()]);
    host.end();
    check(&host, ["17", "2", "-", "-", "19", "counted"]);
}

#[test]
fn a_report_that_cannot_be_is_not_believed() {
    let worker = mode("auto");
    let mut host = asked(&worker, CHAT, ASKED);
    let answer = r#"{"choices":[{"message":{"content":"hello world"}}],"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":-3}}"#;
    host.response(&[(":status", "200"), JSON], &[answer.as_bytes()]);
    host.end();
    let [input, output, .., source] = published(&host);
    assert_eq!(
        (input, output.as_deref(), source.as_deref()),
        (Some(chat_tokens()), Some("2"), Some("counted"))
    );
    assert_eq!(worker.shared.counter("ai_gateway.usage.implausible"), Some(1));
}

/// A stream of a few chunks, with those events before its end.
fn openai_stream(end: &str) -> String {
    let chunk = |delta: &str| {
        format!(
            "data: {{\"id\":\"c\",\"model\":\"gpt-4-0613\",\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n"
        )
    };
    let deltas = [
        r#"{"role":"assistant","content":""}"#,
        r#"{"content":"hel"}"#,
        r#"{"content":"lo wor"}"#,
        r#"{"content":"ld"}"#,
        "{}",
    ];
    deltas.iter().map(|delta| chunk(delta)).collect::<String>() + end
}

const REPORT: &str = "data: {\"id\":\"c\",\"model\":\"gpt-4-0613\",\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":12,\"total_tokens\":52}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// That stream as the answer, in pieces of that many bytes.
fn stream(host: &mut Host<Gateway>, stream: &str, pieces: usize) {
    host.response_headers(&[(":status", "200"), SSE], false);
    for piece in stream.as_bytes().chunks(pieces) {
        host.response_chunk(piece, false);
    }
}

#[test]
fn what_a_stream_reports_is_published_however_it_is_cut() {
    let text = openai_stream(&format!("{REPORT}{DONE}"));
    for pieces in [1, 2, 3, 7, 64, 100, 300, text.len()] {
        let worker = mode("auto");
        let mut host = asked(&worker, CHAT, ASKED);
        stream(&mut host, &text, pieces);
        host.response_chunk(b"", true);
        host.end();
        check(&host, ["40", "12", "-", "-", "52", "reported"]);
        assert_eq!(usage(&worker, "gpt-4", "openai", "output", "reported"), [12]);
    }
}

#[test]
fn a_stream_without_a_report_is_counted_however_it_is_cut() {
    let text = openai_stream(DONE);
    let input = chat_tokens();
    let total = (input.parse::<u64>().unwrap() + 2).to_string();
    for pieces in [1, 5, 97, text.len()] {
        let mut host = asked(&mode("auto"), CHAT, ASKED);
        stream(&mut host, &text, pieces);
        host.response_chunk(b"", true);
        host.end();
        check(&host, [&input, "2", "-", "-", &total, "counted"]);
    }
}

#[test]
fn a_hang_up_costs_the_prompt_and_what_was_heard() {
    let text = openai_stream("");
    let mut host = asked(&mode("auto"), CHAT, ASKED);
    stream(&mut host, &text, 50);
    host.end();
    let [input, output, ..] = published(&host);
    assert_eq!((input, output.as_deref()), (Some(chat_tokens()), Some("2")));

    // Nobody saw what an answer costs that had not begun.
    let mut host = asked(&mode("auto"), CHAT, ASKED);
    host.end();
    check(&host, [&chat_tokens(), "-", "-", "-", "-", "counted"]);
}

#[test]
fn a_long_stream_is_held_in_bounds_and_counted_whole() {
    let word =
        "data: {\"model\":\"gpt-4\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" hello\"}}]}\n\n";
    let words = 5_000;
    for end in [DONE.to_owned(), format!("{REPORT}{DONE}")] {
        let mut host = asked(&mode("auto"), CHAT, ASKED);
        stream(&mut host, &(word.repeat(words) + &end), 4_000);
        host.response_chunk(b"", true);
        host.end();
        let expected = if end == DONE { words.to_string() } else { "12".to_owned() };
        assert_eq!(published(&host)[1], Some(expected));
    }
}

#[test]
fn tools_thought_and_refusals_are_heard() {
    let events = [
        r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hello"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"hello"}},{"index":1,"delta":{"refusal":"hello"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"hello","arguments":""}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"hello"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"function_call":{"name":"hello"}}}]}"#,
        "no chunk at all",
    ];
    let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let mut host = asked(&mode("auto"), CHAT, ASKED);
    stream(&mut host, &(text + DONE), 1_000);
    host.response_chunk(b"", true);
    host.end();
    let [_, output, _, reasoning, ..] = published(&host);
    assert_eq!(reasoning.as_deref(), Some("1"));
    assert!(output.unwrap().parse::<u64>().unwrap() >= 6, "every piece is at least a token");
}

const MESSAGE_START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"claude-3-opus\",\"usage\":{\"input_tokens\":30,\"cache_read_input_tokens\":10,\"output_tokens\":1}}}\n\n";
const MESSAGE_TEXT: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" hello\"}}\n\n";
const MESSAGE_DELTA: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n";
const MESSAGE_STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#[test]
fn a_message_reports_at_both_ends_and_a_cut_one_only_at_its_beginning() {
    // Longer than what is held unread, too.
    for texts in [20, 2_000] {
        let text = MESSAGE_START.to_owned() + &MESSAGE_TEXT.repeat(texts) + MESSAGE_DELTA + MESSAGE_STOP;
        let mut host = asked(&mode("auto"), MESSAGES, ASKED_CLAUDE);
        stream(&mut host, &text, 333);
        host.response_chunk(b"", true);
        host.end();
        check(&host, ["40", "15", "10", "-", "55", "reported"]);

        let mut host = asked(&mode("auto"), MESSAGES, ASKED_CLAUDE);
        stream(&mut host, &(MESSAGE_START.to_owned() + &MESSAGE_TEXT.repeat(texts)), 333);
        host.end();
        let [input, output, .., source] = published(&host);
        assert_eq!((input.as_deref(), source.as_deref()), (Some("40"), Some("estimated")));
        let output: usize = output.unwrap().parse().unwrap();
        assert!((texts..2 * texts).contains(&output), "{output} of {texts} words");
    }
}

#[test]
fn an_error_costs_nothing() {
    for (status, kind) in [("400", JSON), ("503", ("content-type", "text/plain"))] {
        let worker = mode("auto");
        let mut host = asked(&worker, CHAT, ASKED);
        host.response(
            &[(":status", status), kind],
            &[br#"{"error":{},"usage":{"prompt_tokens":9,"completion_tokens":9}}"#],
        );
        host.end();
        check(&host, ["-"; 6]);
        assert!(worker.shared.metrics().is_empty());
    }
}

#[test]
fn what_ai_provider_translated_is_accounted_for_by_its_report() {
    let report =
        llm_api::Usage { input: 30, cache_read: 10, output: 15, reasoning: 2, ..llm_api::Usage::default() };
    let answered = [(":status", "200"), JSON, ("x-ai-provider", "anthropic")];

    // Published with the answer, which then is not read: what it says is not looked at.
    let worker = mode("auto");
    let mut host = asked(&worker, CHAT, ASKED);
    host.publish(names::USAGE_KEY, &UsageReport(report).encode());
    host.response(&answered, &[b"{}"]);
    host.end();
    check(&host, ["40", "17", "10", "2", "57", "reported"]);
    assert_eq!(usage(&worker, "gpt-4", "anthropic", "input", "reported"), [40], "where it was served");

    // Not published: counted, by what serves it.
    let mut host = asked(&mode("auto"), CHAT, ASKED);
    let body = r#"{"model":"gpt-4","choices":[{"message":{"content":"hello world"}}]}"#;
    host.response(&answered, &[body.as_bytes()]);
    assert_eq!(host.client_side().body, body.as_bytes());
    host.end();
    let [input, _, _, _, _, source] = published(&host);
    assert_eq!(source.as_deref(), Some("estimated"));
    assert_eq!(input, Some(counted(Surface::ChatCompletions, "claude-3-opus", ASKED)));

    // A stream that ended: the report is the last word although the client did not ask for it.
    let streamed = [(":status", "200"), SSE, ("x-ai-provider", "anthropic")];
    let mut host = asked(&mode("auto"), CHAT, ASKED);
    host.response_headers(&streamed, false);
    host.response_chunk(openai_stream(DONE).as_bytes(), false);
    host.publish(names::USAGE_KEY, &UsageReport(report).encode());
    host.response_chunk(b"", true);
    host.end();
    check(&host, ["40", "17", "10", "2", "57", "reported"]);

    // One that did not: more was heard than had been reported.
    let early = llm_api::Usage { input: 30, output: 1, ..llm_api::Usage::default() };
    let mut host = asked(&mode("auto"), CHAT, ASKED);
    host.response_headers(&streamed, false);
    host.publish(names::USAGE_KEY, &UsageReport(early).encode());
    host.response_chunk(openai_stream("").as_bytes(), false);
    assert_eq!(host.client_side().body, openai_stream("").as_bytes(), "it goes on as ai-provider wrote it");
    host.end();
    let [input, output, .., source] = published(&host);
    assert_eq!((input.as_deref(), source.as_deref()), (Some("30"), Some("estimated")));
    assert!(output.unwrap().parse::<u64>().unwrap() >= 2);
}

#[test]
fn an_answer_that_cannot_be_read_leaves_its_side_open() {
    let mut host = asked(&mode("auto"), CHAT, ASKED);
    host.response(&[(":status", "200"), JSON, ("content-encoding", "gzip")], &[b"\x1f\x8b"]);
    host.end();
    check(&host, [&chat_tokens(), "-", "-", "-", "-", "counted"]);
}

#[test]
fn what_was_counted_is_told_in_headers_where_it_is_asked_for() {
    let worker = worker(config(r#"{"counting": {"input_tokens_header": true}}"#));
    let mut host = worker.stream();
    let mut headers = post(CHAT);
    headers.push(("x-ai-input-tokens", "1"));
    let sent = host.request(&headers, &[ASKED.as_bytes()]).headers.unwrap();
    assert_eq!(sent.text("x-ai-input-tokens"), Some(chat_tokens().as_str()), "ours, not the client's");
    host.response(&[(":status", "200"), JSON], &[ANSWER.as_bytes()]);
    let got = host.client_side().headers.clone().unwrap();
    assert_eq!(got.text("x-ai-input-tokens"), Some(chat_tokens().as_str()));
    assert_eq!(got.text("x-ai-input-tokens-source"), Some("counted"));
}

/// A gateway whose `gpt-4` and `claude` take that many tokens.
fn limited(most: u64, mode: &str) -> Worker {
    let fields = format!(
        r#"{{"models": [{{"name": "gpt-4", "counting": "{mode}", "max_input_tokens": {most}, "targets": [{{"provider": "openai", "api": "openai"}}]}},
            {{"name": "claude", "counting": "{mode}", "max_input_tokens": {most}, "targets": [{{"provider": "anthropic", "api": "anthropic", "model": "claude-3-opus"}}]}}]}}"#
    );
    worker(config(&fields))
}

#[test]
fn a_prompt_of_as_many_tokens_as_a_model_takes_is_admitted_and_one_more_is_not() {
    let tokens: u64 = chat_tokens().parse().unwrap();
    for mode in ["auto", "exact"] {
        let host = asked(&limited(tokens, mode), CHAT, ASKED);
        check(&host, [&chat_tokens(), "-", "-", "-", "-", "counted"]);

        let worker = limited(tokens - 1, mode);
        let mut host = worker.stream();
        let sent = host.request(&post(CHAT), &[ASKED.as_bytes()]);
        assert_eq!(sent.headers, None, "nothing of it goes to a provider");
        let reply = host.reply().unwrap();
        let error = &json(&reply.body)["error"];
        assert_eq!((reply.status, error["code"].as_str()), (400, Some("context_length_exceeded")));
        let message = error["message"].as_str().unwrap();
        for said in [
            &format!("maximum context length is {} tokens", tokens - 1),
            &format!("resulted in {tokens} tokens"),
        ] {
            assert!(message.contains(said), "{message}");
        }
        assert_eq!(host.state()[names::DECISION_KEY], b"context_length_exceeded");
        assert_eq!(worker.shared.counter("ai_gateway.prompts.refused;gen_ai.request.model=gpt-4"), Some(1));
        host.end();
        check(&host, ["-"; 6]);
    }
}

#[test]
fn far_from_a_limit_nothing_is_counted_and_far_above_it_not_much() {
    let worker = limited(100_000, "auto");
    let host = asked(&worker, CHAT, ASKED);
    check(&host, ["-"; 6]);
    assert_eq!(worker.shared.counter("ai_gateway.prompts.bounded;gen_ai.request.model=gpt-4"), Some(1));
    assert_eq!(worker.shared.counter("ai_gateway.prompts.counted;gen_ai.request.model=gpt-4"), None);

    let worker = limited(10, "auto");
    let long = ASKED_CLAUDE.replace("Tell", &"Tell me, ".repeat(20_000));
    let mut host = worker.stream();
    host.request(&post(MESSAGES), &[long.as_bytes()]);
    let body = json(&host.reply().unwrap().body);
    assert_eq!(body["error"]["type"], "invalid_request_error");
    let message = body["error"]["message"].as_str().unwrap();
    let named: f64 =
        message.strip_prefix("prompt is too long: ").unwrap().split(' ').next().unwrap().parse().unwrap();
    let exact: f64 = counted(Surface::Messages, "claude-3-opus", &long).parse().unwrap();
    assert!((0.8..1.25).contains(&(named / exact)) && message.contains("tokens > 10 maximum"), "{message}");
}

#[test]
fn a_part_of_unknown_size_is_refused_where_a_limit_wants_to_know_it_and_a_charge_makes_it_known() {
    let body = r#"{"model":"gpt-4","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}"#;
    let mut host = limited(100_000, "auto").stream();
    host.request(&post(CHAT), &[body.as_bytes()]);
    let error = &json(&host.reply().unwrap().body)["error"];
    assert_eq!(error["code"], "input_not_countable");
    assert!(error["message"].as_str().unwrap().contains("a file"), "{error}");

    asked(&mode("auto"), CHAT, body);

    let fields = r#"{"counting": {"families": [{"match": "gpt-4", "charges": {"file": 5000}}]},
        "models": [{"name": "gpt-4", "max_input_tokens": 100000, "targets": [{"provider": "openai", "api": "openai"}]}]}"#;
    asked(&worker(config(fields)), CHAT, body);
}

#[test]
fn clients_are_told_how_many_tokens_a_prompt_is() {
    let worker = worker(config(r#"{"counting": {"local_endpoints": true}}"#));
    let mut host = worker.stream();
    host.request(&post("/v1/messages/count_tokens"), &[ASKED_CLAUDE.as_bytes()]);
    let reply = host.reply().unwrap();
    let expected: u64 = counted(Surface::Messages, "claude-3-opus", ASKED_CLAUDE).parse().unwrap();
    assert_eq!((reply.status, json(&reply.body)), (200, serde_json::json!({"input_tokens": expected})));
    assert!(reply.headers.contains(&("x-ai-input-tokens-source".into(), "estimated".into())));

    let mut host = worker.stream();
    let body = r#"{"model":"gpt-4","input":"hello world"}"#;
    host.request(&post("/v1/responses/input_tokens"), &[body.as_bytes()]);
    let expected: u64 = counted(Surface::Responses, "gpt-4", body).parse().unwrap();
    let told = serde_json::json!({"object": "response.input_tokens", "input_tokens": expected});
    assert_eq!(json(&host.reply().unwrap().body), told);

    let mut host = worker.stream();
    host.request(&post("/v1/messages/count_tokens"), &[br#"{"model":"nope","messages":[]}"#]);
    assert_eq!(
        (host.reply().unwrap().status, &json(&host.reply().unwrap().body)["type"]),
        (404, &"error".into())
    );
    let mut host = worker.stream();
    host.request_headers(&[(":method", "GET"), (":path", "/v1/responses/input_tokens")], true);
    assert_eq!(host.reply().unwrap().status, 405);
    assert_eq!(worker.shared.loads(), 1, "what is exact is not corrected");

    let mut host = mode("auto").stream();
    host.request(&post("/v1/messages/count_tokens"), &[ASKED_CLAUDE.as_bytes()]);
    assert_eq!(host.reply().unwrap().status, 404, "only where it is configured");
}

#[test]
fn how_often_words_were_remembered_is_told_in_lots() {
    let worker = mode("exact");
    let told = |worker: &Worker| {
        ["ai_gateway.words.counted", "ai_gateway.words.remembered"].map(|name| worker.shared.counter(name))
    };
    let text = "Each of these words is a token, and none of them is new in the second sentence. ".repeat(10);
    let body = format!(r#"{{"model":"gpt-4","messages":[{{"role":"user","content":"{text}"}}]}}"#);
    for request in 0..40 {
        let mut host = asked(&worker, CHAT, &body);
        host.response(
            &[(":status", "200"), JSON],
            &[br#"{"usage":{"prompt_tokens":9,"completion_tokens":1}}"#],
        );
        host.end();
        if request == 0 {
            assert_eq!(told(&worker), [None; 2], "a few words are not worth two calls");
        }
    }
    let [words, remembered] = told(&worker).map(Option::unwrap);
    assert!((4_096..40 * 200).contains(&words), "{words}");
    assert!(words - remembered < 30 && remembered < words, "{remembered} of {words}");
}
