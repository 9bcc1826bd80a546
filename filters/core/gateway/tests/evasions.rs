//! Requests and configurations by which somebody might spend what is not charged, or be charged what somebody else has spent.

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

use common::budgets::{
    JSON, MESSAGES, OPENAI, answer, ask, body, budgets, header, number, prompt, refused, remaining, send,
    user_day, with,
};
use common::{CHAT, config, json, post, worker};
use seam::names;

#[test]
fn a_models_use_stays_its_own_wherever_it_stands_in_the_configuration() {
    let day = |models: &[&str]| {
        let models: Vec<_> = models
            .iter()
            .map(|name| {
                format!(r#"{{"name": "{name}", "targets": [{{"provider": "openai", "api": "openai"}}]}}"#)
            })
            .collect();
        config(&format!(
            r#"{{"models": [{}], "aliases": [], "budgets": {{"limits": [
                {{"name": "model-day", "per": ["model"], "quota": {{"amount": 1000, "window": "day"}}}}]}}}}"#,
            models.join(",")
        ))
    };
    let before = worker(day(&["gpt-4", "gpt-new"]));
    answer(&mut ask(&before, "", &body(100)), 300, 400);
    assert_eq!(remaining(&before, ""), 300);
    let after = before.another(day(&["gpt-new", "gpt-4"]));
    assert_eq!(remaining(&after, ""), 300, "what gpt-4 has used");
    let new = body(500).replace("gpt-4", "gpt-new");
    assert!(ask(&after, "", &new).reply().is_none(), "nothing of the new model was used");
}

#[test]
fn use_in_one_unit_or_of_one_scope_is_none_in_another() {
    let day = |fields: &str| {
        config(&format!(
            r#"{{"identity": {{"header": {{"user": "x-user-id", "team": "x-team-id"}}}}, "prices": [{{"match": "*", "input": 0, "output": 0.01}}],
                "budgets": {{"limits": [{{"name": "day", {fields}, "quota": {{"amount": 1000, "window": "day"}}}}]}}}}"#
        ))
    };
    let before = worker(day(r#""per": ["user"]"#));
    answer(&mut ask(&before, "same", &body(100)), 300, 600);
    assert_eq!(remaining(&before, "same"), 100);
    for fields in [
        r#""per": ["user"], "unit": "output_tokens""#,
        r#""per": ["user"], "unit": "requests""#,
        r#""per": ["user"], "unit": "dollars""#,
        r#""per": ["team"]"#,
    ] {
        let mut host = before.another(day(fields)).stream();
        let mut headers = post(CHAT);
        headers.extend([("x-user-id", "same"), ("x-team-id", "same")]);
        host.request(&headers, &[body(500).as_bytes()]);
        assert!(host.reply().is_none(), "{fields}: {:?}", refused(&host));
    }
}

#[test]
fn a_bounded_answer_is_bounded_however_its_limit_is_written() {
    let worker = with(
        r#"{"budgets": {"completions": "bounded", "default_completion_tokens": 200, "limits": [
            {"name": "user-day", "per": ["user"], "quota": {"amount": 100000, "window": "day"}}]}}"#,
    );
    for limit in [
        r#""max_completion_tokens":null"#,
        r#""max_completion_tokens":-1"#,
        r#""max_tokens":-1"#,
        r#""max_tokens":10,"max_completion_tokens":-1"#,
    ] {
        let sent = send(
            &mut worker.stream(),
            CHAT,
            "alice",
            &format!(r#"{{"model":"gpt-4","messages":[],{limit}}}"#),
        );
        let text = String::from_utf8(sent.body.clone()).unwrap();
        assert_eq!(
            text.matches("max_completion_tokens").count(),
            usize::from(limit.contains("completion")),
            "{text}"
        );
        let body = json(&sent.body);
        let asked = ["max_tokens", "max_completion_tokens"].map(|name| body[name].as_u64());
        assert_eq!(asked.iter().flatten().max(), Some(&200), "{text}");
        assert!(!text.contains("-1"), "{text}");
    }
}

#[test]
fn a_limit_that_is_no_integer_is_reserved_as_what_it_says() {
    let worker = user_day(1_000_000);
    for (limit, tokens) in [
        (r#""max_tokens":5000.0"#, 5_000),
        (r#""max_tokens":5e3"#, 5_000),
        (r#""max_tokens":"5000""#, 5_000),
        (r#""max_tokens":1,"max_completion_tokens":5e3"#, 5_000),
        (r#""max_tokens":100,"n":4.0"#, 400),
    ] {
        let request = body(1).replace(r#""max_tokens":1"#, limit);
        let host = ask(&worker, "alice", &request);
        assert!(host.reply().is_none(), "{limit}: {:?}", host.reply());
        let reserved = number(&host, names::RESERVED_TOKENS_KEY);
        assert!(reserved >= tokens + prompt(), "{limit}: {reserved}");
    }
}

#[test]
fn a_limit_beyond_all_numbers_is_refused() {
    let worker = user_day(1_000_000);
    for limit in ["1e300", "18446744073709551616", "\"99999999999999999999999\"", "18446744073709551615"] {
        let request = body(1).replace(r#""max_tokens":1"#, &format!(r#""max_tokens":{limit}"#));
        let host = ask(&worker, "alice", &request);
        assert_eq!(refused(&host).1, "request_exceeds_budget", "{limit}");
    }
}

#[test]
fn a_cheaper_model_that_is_too_small_or_has_no_price_leaves_the_request_where_it_was() {
    let cheap = r#""targets": [{"provider": "openai", "api": "openai"}]"#;
    for (cheaper, unit) in [("\"max_input_tokens\": 2", "tokens"), ("\"owned_by\": \"us\"", "dollars")] {
        let worker = with(&format!(
            r#"{{"models": [{{"name": "gpt-4", {cheap}}}, {{"name": "small*", {cheaper}, {cheap}}}],
                "prices": [{{"match": "gpt-4", "input": 1, "output": 1}}], "aliases": [],
                "budgets": {{"limits": [{{"name": "dear", "unit": "{unit}", "quota": {{"amount": 100000, "window": "day"}},
                "downgrade": {{"to": "small-one", "below_percent": 100}}}}]}}}}"#
        ));
        let mut host = worker.stream();
        let sent = send(&mut host, CHAT, "alice", &body(10));
        assert!(host.reply().is_none(), "{unit}: {:?}", refused(&host));
        assert_eq!(sent.headers.unwrap().text("x-ai-model"), Some("gpt-4"));
    }
}

#[test]
fn money_is_counted_where_envoys_routes_alone_know_the_target() {
    let worker = with(
        r#"{"models": [{"name": "*", "route": "any"}], "aliases": [], "prices": [{"match": "gpt-4", "input": 30, "output": 60}],
            "budgets": {"limits": [{"name": "month", "unit": "dollars", "quota": {"amount": "0.10", "window": "month"}}]}}"#,
    );
    let mut host = ask(&worker, "alice", &body(100));
    assert!(host.reply().is_none(), "{:?}", refused(&host));
    answer(&mut host, 1_000, 1_000);
    assert_eq!(worker.shared.counter("ai_gateway.budget.charged;ai.budget=month"), Some(90_000));
    assert_eq!(refused(&ask(&worker, "alice", &body(1_000))).1, "insufficient_quota");
    let unpriced = body(1).replace("gpt-4", "other");
    assert_eq!(refused(&ask(&worker, "alice", &unpriced)).1, "model_not_priced");
}

#[test]
fn what_is_written_to_a_cache_is_reserved_however_its_request_spells_that() {
    let worker = with(
        r#"{"counting": {"mode": "exact"}, "prices": [{"match": "*", "input": 1000, "cache_write_5m": 10000, "cache_write_1h": 100000, "output": 0}],
            "budgets": {"limits": [{"name": "month", "unit": "dollars", "quota": {"amount": "2000", "window": "month"}}]}}"#,
    );
    let held = |cache: &str| {
        let request = format!(
            r#"{{"model":"claude","max_tokens":1,"messages":[{{"role":"user","content":[{{"type":"text","text":"Tell me a story."{cache}}}]}}]}}"#
        );
        let mut host = worker.stream();
        send(&mut host, MESSAGES, "alice", &request);
        assert!(host.reply().is_none(), "{cache}: {:?}", refused(&host));
        host.response(&[(":status", "500"), JSON, OPENAI], &[b"{}"]);
        host.end();
        let left: u64 = header(&host, "ratelimit").split(';').nth(1).unwrap()[2..].parse().unwrap();
        2_000_000_000 - left
    };
    let hour = held(r#","cache_control":{"type":"ephemeral","ttl":"1h"}"#);
    let minutes = held(r#","cache_control":{"type":"ephemeral"}"#);
    assert!(hour > 5 * minutes && minutes > 5 * held(""), "{hour}, {minutes}, {}", held(""));
    for spelt in [
        r#","cache\u005fcontrol":{"type":"ephemeral","ttl":"1h"}"#,
        r#","\u0063ache_control":{"type":"ephemeral","ttl":"1h"}"#,
        r#","cache_control":{"type":"ephemeral","ttl":"\u0031h"}"#,
        r#","cache_control":{"type":"ephemeral","ttl":"1\u0068"}"#,
    ] {
        assert!(held(spelt) > hour / 2, "{spelt}: {} of {hour}", held(spelt));
    }
}

#[test]
fn a_budget_that_needs_no_prompt_or_refuses_nobody_lets_a_file_pass() {
    let file = r#"{"model":"gpt-4","max_tokens":10,"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}"#;
    for (limit, passes) in [
        (r#""unit": "requests""#, true),
        (r#""unit": "output_tokens""#, true),
        (r#""mode": "shadow""#, true),
        (r#""unit": "input_tokens""#, false),
    ] {
        let worker = budgets(&format!(
            r#"[{{"name": "day", {limit}, "quota": {{"amount": 10000, "window": "day"}}}}]"#
        ));
        let host = ask(&worker, "alice", file);
        assert_eq!(host.reply().is_none(), passes, "{limit}: {:?}", host.reply());
    }
}

#[test]
fn a_budget_in_shadow_refuses_no_model_without_a_price() {
    let limit = |mode: &str| {
        with(&format!(
            r#"{{"models": [{{"name": "*", "targets": [{{"provider": "openai", "api": "openai"}}]}}], "aliases": [],
                "prices": [{{"match": "gpt-4", "input": 30, "output": 60}}], "budgets": {{"limits": [
                {{"name": "month", "unit": "dollars", "mode": "{mode}", "quota": {{"amount": 1, "window": "month"}}}}]}}}}"#
        ))
    };
    let unpriced = body(10).replace("gpt-4", "other");
    assert_eq!(refused(&ask(&limit("enforce"), "alice", &unpriced)).1, "model_not_priced");
    let worker = limit("shadow");
    let mut host = ask(&worker, "alice", &unpriced);
    assert!(host.reply().is_none(), "{:?}", host.reply());
    answer(&mut host, 100, 100);
    answer(&mut ask(&worker, "alice", &body(10)), 1_000, 1_000);
    assert_eq!(worker.shared.counter("ai_gateway.budget.charged;ai.budget=month"), Some(90_000));
}
