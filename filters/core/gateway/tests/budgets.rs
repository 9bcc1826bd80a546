//! Budgets on the host in memory: what is reserved, what is settled however a request ends, and what clients are told.

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
    JSON, MESSAGES, OPENAI, SSE, answer, ask, body, budgets, header, number, prompt, refused, remaining,
    reserved_prompt, send, user_day, with,
};
use common::{CHAT, Worker, config, json};
use seam::{Millis, UsageReport, names};

#[test]
fn what_is_not_needed_is_given_back_and_what_is_used_is_charged() {
    let worker = user_day(1_000);
    let mut host = ask(&worker, "alice", &body(500));
    assert!(host.reply().is_none());
    assert!(number(&host, names::RESERVED_TOKENS_KEY) >= prompt() + 500);
    answer(&mut host, 10, 20);
    assert_eq!(remaining(&worker, "alice"), 970);
    assert_eq!(remaining(&worker, "bob"), 1_000, "each user has their own");
    assert_eq!(number(&host, names::REFUND_TOKENS_KEY), number(&host, names::RESERVED_TOKENS_KEY) - 30);
    assert_eq!(host.state()[names::USER_KEY], b"alice");
    assert_eq!(worker.shared.counter("ai_gateway.budget.charged;ai.budget=user-day"), Some(30));
}

#[test]
fn parallel_requests_cannot_pass_the_same_check() {
    // Room for exactly three.
    let each = reserved_prompt() + 100;
    let worker = with(&format!(
        r#"{{"counting": {{"mode": "exact"}}, "budgets": {{"limits": [{{"name": "user-day", "per": ["user"], "quota": {{"amount": {}, "window": "day"}}}}]}}}}"#,
        3 * each
    ));
    let hosts: Vec<_> = (0..10).map(|_| ask(&worker, "alice", &body(100))).collect();
    let admitted = hosts.iter().filter(|host| host.reply().is_none()).count();
    assert_eq!(admitted, 3);
    for host in hosts.iter().filter(|host| host.reply().is_some()) {
        assert_eq!(refused(host).1, "insufficient_quota");
    }
    assert_eq!(worker.shared.counter("ai_gateway.budget.refused;ai.budget=user-day"), Some(7));
    // Those that are answered for less make room for others.
    for mut host in hosts.into_iter().filter(|host| host.reply().is_none()) {
        answer(&mut host, prompt(), 0);
    }
    let later = (0..10).filter(|_| ask(&worker, "alice", &body(100)).reply().is_none()).count();
    assert_eq!(later as u64, (3 * each - 3 * prompt()) / each);
}

#[test]
fn a_quota_says_until_when_it_is_spent_and_that_trying_again_is_pointless() {
    let worker = user_day(reserved_prompt() + 100);
    let mut first = ask(&worker, "alice", &body(100));
    let host = ask(&worker, "alice", &body(100));
    let told = host.answered().headers.unwrap();
    assert_eq!(told.text("x-should-retry"), None, "what the other does not need comes back");
    answer(&mut first, prompt(), 100);
    let host = ask(&worker, "alice", &body(100));
    let (status, code, message) = refused(&host);
    assert_eq!((status, code.as_str()), (429, "insufficient_quota"));
    // The test's clock stands at 2023-11-14T22:13:20Z.
    assert_eq!(
        message,
        "The budget `user-day` has not enough tokens left for this request. Try again in 1h46m40s."
    );
    assert_eq!(header(&host, "retry-after"), "6400");
    assert_eq!(header(&host, "retry-after-ms"), "6400000");
    assert_eq!(header(&host, "x-should-retry"), "false");
    assert_eq!(header(&host, "x-ai-budget-refused"), "user-day");
    assert_eq!(header(&host, "x-ratelimit-limit-tokens"), (reserved_prompt() + 100).to_string());
    assert_eq!(header(&host, "x-ratelimit-remaining-tokens"), (reserved_prompt() - prompt()).to_string());
    assert_eq!(header(&host, "x-ratelimit-reset-tokens"), "1h46m40s");
    assert_eq!(host.state()[names::DECISION_KEY], b"insufficient_quota");
}

#[test]
fn what_the_next_month_owes_too_is_not_worth_trying_again_on_any_day() {
    let worker = budgets(r#"[{"name": "month", "quota": {"amount": 1000, "window": "month"}}]"#);
    // A second before December 2023, and then its first.
    let end = 1_701_388_799_000;
    let at = |now: u64, tokens: Option<u64>| {
        let mut host = worker.stream();
        host.now = Millis(now);
        send(&mut host, CHAT, "alice", &body(1));
        if let Some(tokens) = tokens {
            answer(&mut host, 8, tokens);
        }
        host
    };
    at(end, Some(992));
    let spent = at(end, None);
    assert_eq!(header(&spent, "retry-after"), "1");
    assert_eq!(spent.answered().headers.unwrap().text("x-should-retry"), None, "the next month is near");
    at(end + 1_000, Some(2_000));
    for now in [end + 1_000, end + 31 * 86_400_000] {
        let owing = at(now, None);
        assert_eq!(header(&owing, "x-should-retry"), "false");
        assert!(header(&owing, "retry-after").parse::<u64>().unwrap() > 28 * 86_400, "January pays for it");
    }
}

#[test]
fn a_rate_says_when_there_is_room_again_and_there_is() {
    let worker =
        budgets(r#"[{"name": "user-minute", "per": ["user"], "rate": {"amount": 6000, "per": "minute"}}]"#);
    let most = 6_000 - reserved_prompt();
    let mut first = ask(&worker, "alice", &body(most));
    answer(&mut first, reserved_prompt(), most);
    let host = ask(&worker, "alice", &body(100));
    let (status, code, _) = refused(&host);
    assert_eq!((status, code.as_str()), (429, "rate_limit_exceeded"));
    let wait: u64 = header(&host, "retry-after-ms").parse().unwrap();
    assert_eq!(wait, (reserved_prompt() + 100) * 10, "6,000 a minute are one in 10 ms");
    assert!(host.reply().unwrap().headers.iter().all(|(name, _)| name != "x-should-retry"));

    for (after, admitted) in [(wait - 1, false), (wait, true)] {
        let mut host = worker.stream();
        host.now = Millis(host.now.0 + after);
        send(&mut host, CHAT, "alice", &body(100));
        assert_eq!(host.reply().is_none(), admitted, "after {after} ms");
    }
}

#[test]
fn what_can_never_fit_is_no_matter_of_waiting() {
    let worker = user_day(1_000);
    let host = ask(&worker, "alice", &body(1_000));
    let (status, code, message) = refused(&host);
    assert_eq!((status, code.as_str()), (400, "request_exceeds_budget"));
    assert!(message.contains("`user-day` has, which is 1000"), "{message}");
    assert!(host.reply().unwrap().headers.iter().all(|(name, _)| name != "retry-after"));
    assert_eq!(remaining(&worker, "alice"), 1_000);
}

#[test]
fn anthropics_clients_are_told_in_their_own_terms() {
    let worker = user_day(1_000);
    let request = r#"{"model":"claude","max_tokens":900,"messages":[{"role":"user","content":"Hello."}]}"#;
    let mut first = worker.stream();
    send(&mut first, MESSAGES, "alice", request);
    assert!(first.reply().is_none());
    let mut host = worker.stream();
    send(&mut host, MESSAGES, "alice", request);
    let reply = json(&host.reply().unwrap().body);
    assert_eq!((&reply["type"], &reply["error"]["type"]), (&"error".into(), &"rate_limit_error".into()));
    assert_eq!(header(&host, "anthropic-ratelimit-tokens-limit"), "1000");
    assert_eq!(header(&host, "anthropic-ratelimit-tokens-reset"), "2023-11-15T00:00:00Z");
}

#[test]
fn a_redirection_is_no_answer_and_costs_nothing() {
    let worker = user_day(1_000);
    for status in ["301", "307", "404"] {
        let mut host = ask(&worker, "alice", &body(500));
        host.response(&[(":status", status), ("location", "https://gateway/")], &[]);
        host.end();
        assert_eq!(remaining(&worker, "alice"), 1_000, "{status}");
    }
}

#[test]
fn an_error_costs_nothing() {
    let worker = user_day(1_000);
    for status in ["400", "429", "500", "503"] {
        let mut host = ask(&worker, "alice", &body(500));
        host.response(&[(":status", status), JSON, OPENAI], &[b"{\"error\":{}}"]);
        assert_eq!(header(&host, "x-ratelimit-limit-tokens"), "1000", "errors are told of too");
        host.end();
        assert_eq!(number(&host, names::OUTPUT_TOKENS_KEY), 0);
        assert_eq!(remaining(&worker, "alice"), 1_000, "after {status}");
    }
}

#[test]
fn a_client_that_leaves_before_an_answer_pays_what_was_reserved() {
    let worker = user_day(10_000);
    let mut host = ask(&worker, "alice", &body(500));
    let reserved = number(&host, names::RESERVED_TOKENS_KEY);
    host.end();
    let charged = 10_000 - remaining(&worker, "alice");
    assert!(charged >= prompt() + 500 && charged <= reserved, "{charged} of {reserved}");

    // Where the configuration is lenient, the prompt.
    let worker = with(
        r#"{"budgets": {"unseen_answer": "prompt", "limits": [
            {"name": "user-day", "per": ["user"], "quota": {"amount": 10000, "window": "day"}}]}}"#,
    );
    ask(&worker, "alice", &body(500)).end();
    assert_eq!(remaining(&worker, "alice"), 10_000 - prompt());
}

#[test]
fn a_client_that_leaves_a_stream_pays_what_it_got() {
    let worker = user_day(10_000);
    let request = body(500).replace(r#""model""#, r#""stream":true,"model""#);
    let mut host = ask(&worker, "alice", &request);
    host.response_headers(&[(":status", "200"), SSE, OPENAI], false);
    host.response_chunk(b"data: {\"id\":\"c\",\"model\":\"gpt-4\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one two three\"}}],\"usage\":null}\n\n", false);
    host.end();
    assert_eq!(remaining(&worker, "alice"), 10_000 - prompt() - 3);

    let mut host = ask(&worker, "bob", &request);
    host.end();
    assert_eq!(remaining(&worker, "bob"), 10_000 - prompt(), "its prompt had been sent");
}

#[test]
fn a_streams_usage_is_asked_for_and_shown_to_nobody_who_did_not() {
    let worker = user_day(10_000);
    let request = body(500).replace(r#""model""#, r#""stream":true,"model""#);
    let mut host = worker.stream();
    let sent = send(&mut host, CHAT, "alice", &request);
    assert_eq!(json(&sent.body)["stream_options"]["include_usage"], true);
    let length = sent.headers.unwrap().text("content-length").map(str::to_owned);
    assert_eq!(length, Some(sent.body.len().to_string()));
    host.response_headers(&[(":status", "200"), SSE, OPENAI], false);
    for event in [
        r#"{"id":"c","model":"gpt-4","choices":[{"index":0,"delta":{"content":"one"}}],"usage":null}"#,
        r#"{"id":"c","model":"gpt-4","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}"#,
        "[DONE]",
    ] {
        host.response_chunk(format!("data: {event}\n\n").as_bytes(), event == "[DONE]");
    }
    host.end();
    let seen = String::from_utf8(host.client_side().body.clone()).unwrap();
    assert!(!seen.contains("usage"), "{seen}");
    assert!(seen.contains("one") && seen.ends_with("data: [DONE]\n\n"), "{seen}");
    assert_eq!(remaining(&worker, "alice"), 10_000 - 18);

    // Who asks for it sees it.
    let asking =
        request.replace(r#""stream":true"#, r#""stream":true,"stream_options":{"include_usage":true}"#);
    let mut host = worker.stream();
    let sent = send(&mut host, CHAT, "alice", &asking);
    assert_eq!(json(&sent.body), json(asking.as_bytes()));
    host.response(
        &[(":status", "200"), SSE, OPENAI],
        &[b"data: {\"model\":\"gpt-4\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\ndata: [DONE]\n\n"],
    );
    assert!(String::from_utf8_lossy(&host.client_side().body).contains("usage"));
}

#[test]
fn what_nobody_could_read_is_charged_as_reserved() {
    let worker = user_day(10_000);
    let mut host = ask(&worker, "alice", &body(500));
    host.response(&[(":status", "200"), JSON, OPENAI, ("content-encoding", "gzip")], &[b"\x1f\x8b\x08"]);
    host.end();
    assert!((9_000..=10_000 - prompt() - 500).contains(&remaining(&worker, "alice")));
}

#[test]
fn more_than_was_reserved_is_owed() {
    let worker = user_day(1_000);
    let mut host = ask(&worker, "alice", &body(100));
    answer(&mut host, 400, 900);
    assert_eq!(remaining(&worker, "alice"), 0);
    assert_eq!(refused(&ask(&worker, "alice", &body(1))).1, "insufficient_quota");
    let excess = worker.shared.counter("ai_gateway.budget.excess;ai.budget=user-day").unwrap();
    assert!(excess >= 1_300 - 1_000, "{excess}");
}

#[test]
fn all_budgets_or_none() {
    let worker = budgets(
        r#"[{"name": "user-day", "per": ["user"], "quota": {"amount": 10000, "window": "day"}},
            {"name": "team-month", "quota": {"amount": 1000, "window": "month"}},
            {"name": "requests", "per": ["user"], "unit": "requests", "rate": {"amount": 2, "per": "hour"}}]"#,
    );
    let first = ask(&worker, "alice", &body(600));
    assert!(first.reply().is_none());
    let host = ask(&worker, "alice", &body(600));
    assert!(refused(&host).2.contains("`team-month`"), "{:?}", refused(&host));
    // The tightest first, and the one that counts requests beside it.
    let remaining = 1_000 - number(&first, names::RESERVED_TOKENS_KEY);
    assert_eq!(header(&host, "x-ratelimit-remaining-tokens"), remaining.to_string());
    assert_eq!(header(&host, "x-ratelimit-remaining-requests"), "1", "the refused one took none");
    assert!(header(&host, "ratelimit-policy").contains(r#""team-month";q=1000;qu="tokens";w=2678400"#));
    assert!(header(&host, "ratelimit").starts_with(r#""team-month";r="#), "{}", header(&host, "ratelimit"));
    assert!(ask(&worker, "alice", &body(50)).reply().is_none());
    assert!(refused(&ask(&worker, "alice", &body(50))).2.contains("`requests`"));
}

#[test]
fn who_is_refused_is_told_what_is_left_without_that_request() {
    let worker = budgets(
        r#"[{"name": "requests", "per": ["user"], "unit": "requests", "quota": {"amount": 10, "window": "day"}},
            {"name": "watched", "mode": "shadow", "quota": {"amount": 1, "window": "day"}},
            {"name": "user-day", "per": ["user"], "quota": {"amount": 5000, "window": "day"}},
            {"name": "team-month", "quota": {"amount": 1000, "window": "month"}},
            {"name": "user-month", "per": ["user"], "quota": {"amount": 6000, "window": "month"}}]"#,
    );
    answer(&mut ask(&worker, "alice", &body(600)), 100, 500);
    let host = ask(&worker, "alice", &body(600));
    assert!(refused(&host).2.contains("`team-month`"), "{:?}", refused(&host));
    let left = header(&host, "ratelimit");
    for told in
        ["\"requests\";r=9;", "\"user-day\";r=4400;", "\"team-month\";r=400;", "\"user-month\";r=5400;"]
    {
        assert!(left.contains(told), "{told} is not in {left}");
    }
}

#[test]
fn a_budget_in_shadow_counts_and_refuses_nobody() {
    let worker = budgets(
        r#"[{"name": "new", "per": ["user"], "mode": "shadow", "quota": {"amount": 500, "window": "day"}}]"#,
    );
    for _ in 0..3 {
        let mut host = ask(&worker, "alice", &body(300));
        answer(&mut host, prompt(), 300);
        assert_eq!(
            host.answered().headers.unwrap().text("ratelimit"),
            None,
            "it is not the client's concern"
        );
    }
    assert_eq!(worker.shared.counter("ai_gateway.budget.refused;ai.budget=new"), Some(2));
    assert_eq!(worker.shared.counter("ai_gateway.budget.charged;ai.budget=new"), Some(prompt() + 300));
}

const DOWNGRADE: &str = r#"{"budgets": {"limits": [
    {"name": "dear", "per": ["user"], "models": ["gpt-4"], "quota": {"amount": 1000, "window": "day"},
     "downgrade": {"to": "gpt-4o-mini", "below_percent": 50}}]}}"#;

#[test]
fn while_a_budget_is_nearly_spent_requests_go_to_a_cheaper_model() {
    let worker = with(DOWNGRADE);
    let mut host = worker.stream();
    let sent = send(&mut host, CHAT, "alice", &body(300));
    assert_eq!(sent.headers.unwrap().text("x-ai-model"), Some("gpt-4"));
    answer(&mut host, prompt(), 300);

    let mut host = worker.stream();
    let sent = send(&mut host, CHAT, "alice", &body(300));
    assert_eq!(sent.headers.unwrap().text("x-ai-model"), Some("openai-any"));
    assert_eq!(json(&sent.body)["model"], "gpt-4o-mini");
    let answered =
        r#"{"model":"gpt-4o-mini-2024","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":9}}"#;
    host.response(&[(":status", "200"), JSON, OPENAI], &[answered.as_bytes()]);
    host.end();
    assert_eq!(json(&host.client_side().body)["model"], "gpt-4", "clients see the name that they asked for");
    assert_eq!(header(&host, names::DOWNGRADED_HEADER), "gpt-4o-mini");
    assert_eq!(remaining(&worker, "alice"), 1_000 - prompt() - 300, "the cheaper model has no budget here");
}

#[test]
fn answers_are_shortened_to_what_is_left() {
    let worker = with(
        r#"{"budgets": {"completions": "shortened", "least_completion_tokens": 50, "limits": [
            {"name": "user-day", "per": ["user"], "quota": {"amount": 1000, "window": "day"}}]}}"#,
    );
    let mut host = worker.stream();
    let sent = send(&mut host, CHAT, "alice", &body(5_000));
    assert_eq!(json(&sent.body)["max_tokens"], 1_000 - reserved_prompt());
    answer(&mut host, prompt(), 900 - prompt());
    let mut host = worker.stream();
    let sent = send(&mut host, CHAT, "alice", &body(5_000).replace(r#""max"#, r#""n":2,"max"#));
    // Two choices, of which neither would be worth asking for.
    assert_eq!((sent.complete, refused(&host).0), (false, 400));
    let sent = send(&mut worker.stream(), CHAT, "alice", &body(60));
    assert_eq!(json(&sent.body)["max_tokens"], 60, "what fits stays as it is");
}

#[test]
fn bounded_answers_have_a_limit_even_where_nobody_asked_for_one() {
    let worker = with(
        r#"{"budgets": {"completions": "bounded", "default_completion_tokens": 200, "limits": [
            {"name": "user-day", "per": ["user"], "quota": {"amount": 100000, "window": "day"}}]}}"#,
    );
    let open = r#"{"model":"gpt-4","messages":[]}"#;
    let sent = send(&mut worker.stream(), CHAT, "alice", open);
    assert_eq!(json(&sent.body)["max_completion_tokens"], 200);
    let sent = send(&mut worker.stream(), CHAT, "alice", &body(300));
    assert_eq!(json(&sent.body), json(body(300).as_bytes()));
}

const DOLLARS: &str = r#"{"prices": [
    {"match": "gpt-4", "input": 30, "output": 60}, {"match": "claude-3-opus", "input": 15, "output": 75},
    {"match": "gpt-4o*", "input": 2.5, "output": 10}],
    "budgets": {"limits": [{"name": "month", "per": ["user"], "unit": "dollars", "quota": {"amount": "0.10", "window": "month"}}]}}"#;

#[test]
fn money_is_reserved_at_the_dearest_target_and_charged_at_the_one_that_answered() {
    let worker = with(DOLLARS);
    let mut host = ask(&worker, "alice", &body(1_000));
    assert!(host.reply().is_none());
    host.response_headers(&[(":status", "200"), JSON, ("x-ai-provider", "anthropic")], false);
    host.publish(
        names::USAGE_KEY,
        &UsageReport(llm_api::Usage { input: 100, output: 200, ..llm_api::Usage::default() }).encode(),
    );
    host.end();
    // 100 × 15 and 200 × 75 millionths of a dollar.
    assert_eq!(number(&host, names::COST_KEY), 16_500);
    let cost = "ai_gateway.cost.micros;gen_ai.request.model=gpt-4;gen_ai.provider.name=anthropic";
    assert_eq!(worker.shared.counter(cost), Some(16_500));
    assert_eq!(worker.shared.counter("ai_gateway.budget.charged;ai.budget=month"), Some(16_500));
    // 0.0835 are left: 1,000 tokens of Anthropic's would fit, and 1,100 would not.
    assert!(ask(&worker, "bob", &body(1_300)).reply().is_none());
    let host = ask(&worker, "alice", &body(1_120));
    assert_eq!(refused(&host).1, "insufficient_quota");
    assert!(
        header(&host, "ratelimit").starts_with(r#""month";r=83500;t="#),
        "{}",
        header(&host, "ratelimit")
    );
    assert!(ask(&worker, "alice", &body(1_000)).reply().is_none());
}

#[test]
fn a_budget_that_cannot_be_asked_admits_nobody() {
    let worker = user_day(1_000).without_pages();
    let host = ask(&worker, "alice", &body(10));
    assert_eq!((refused(&host).0, refused(&host).1.as_str()), (503, "budget_unavailable"));
    assert_eq!(header(&host, "retry-after"), "1");

    let worker = user_day(1_000);
    worker.shared.inject_conflicts(40);
    assert!(ask(&worker, "alice", &body(10)).reply().is_none(), "others were faster, and then were not");
    worker.shared.inject_conflicts(1_000);
    let host = ask(&worker, "bob", &body(10));
    assert_eq!(refused(&host).1, "budget_unavailable");
    assert_eq!(worker.shared.counter("ai_gateway.budget.unavailable;ai.budget=user-day"), Some(1));
}

#[test]
fn a_table_without_room_shares_or_refuses() {
    let limits = |full: &str| {
        budgets(&format!(
            r#"[{{"name": "user-day", "per": ["user"], "callers": 1, "when_full": "{full}", "quota": {{"amount": 1000, "window": "day"}}}}]"#
        ))
    };
    let fill = |worker: &Worker| {
        for user in 0..32 {
            answer(&mut ask(worker, &format!("user-{user}"), &body(10)), 10, 10);
        }
    };
    let worker = limits("share");
    fill(&worker);
    let host = ask(&worker, "late", &body(400));
    assert!(host.reply().is_none());
    let mut told = ask(&worker, "later", &body(400));
    told.response(&[(":status", "200"), JSON, OPENAI], &[b"{}"]);
    assert_eq!(header(&told, "x-ai-budget-shared"), "user-day");
    assert_eq!(refused(&ask(&worker, "last", &body(400))).1, "insufficient_quota", "they share one");
    assert!(worker.shared.counter("ai_gateway.budget.overflowed;ai.budget=user-day").unwrap() >= 3);

    let worker = limits("refuse");
    fill(&worker);
    assert_eq!(refused(&ask(&worker, "late", &body(10))).1, "budget_table_full");
    assert_eq!(refused(&ask(&worker, "late", &body(10))).0, 503);
    assert!(ask(&worker, "user-3", &body(10)).reply().is_none(), "who is in keeps what is theirs");
}

#[test]
fn a_stream_is_ended_where_the_budget_does() {
    let worker = budgets(
        r#"[{"name": "user-day", "per": ["user"], "hard_stop": true, "quota": {"amount": 200, "window": "day"}}]"#,
    );
    let request = format!(
        r#"{{"model":"gpt-4","stream":true,"max_tokens":{},"messages":[{{"role":"user","content":"Tell me a story."}}]}}"#,
        200 - reserved_prompt()
    );
    let mut host = ask(&worker, "alice", &request);
    assert!(host.reply().is_none(), "{:?}", refused(&host));
    host.response_headers(&[(":status", "200"), SSE, OPENAI], false);
    // A provider that ignores the limit.
    for _ in 0..400 {
        host.response_chunk(b"data: {\"id\":\"c7\",\"model\":\"gpt-4\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"}}]}\n\n", false);
    }
    let seen = String::from_utf8(host.client_side().body.clone()).unwrap();
    assert_eq!(seen.matches(" word").count() as u64, 200 - reserved_prompt());
    let end: Vec<&str> = seen.trim_end().rsplit("\n\n").take(2).collect();
    assert_eq!(end[0], "data: [DONE]");
    let last = json(end[1].strip_prefix("data: ").unwrap().as_bytes());
    assert_eq!((&last["id"], &last["choices"][0]["finish_reason"]), (&"c7".into(), &"length".into()));
    host.response_chunk(b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":400}}\n\ndata: [DONE]\n\n", true);
    host.end();
    assert_eq!(String::from_utf8(host.client_side().body.clone()).unwrap(), seen, "nothing follows");
    assert_eq!(number(&host, names::TOTAL_TOKENS_KEY), 420, "what the provider reports is what it cost");
    assert_eq!(host.state()[names::DECISION_KEY], b"stopped_at_budget");
}

#[test]
fn an_anthropic_stream_is_ended_block_by_block() {
    let worker = budgets(r#"[{"name": "d", "hard_stop": true, "quota": {"amount": 300, "window": "day"}}]"#);
    let mut host = worker.stream();
    send(
        &mut host,
        MESSAGES,
        "",
        r#"{"model":"claude","stream":true,"max_tokens":50,"messages":[{"role":"user","content":"Hi."}]}"#,
    );
    assert!(host.reply().is_none());
    host.response_headers(&[(":status", "200"), SSE, ("x-ai-provider", "anthropic")], false);
    let mut event = |name: &str, data: &str| {
        host.response_chunk(format!("event: {name}\ndata: {data}\n\n").as_bytes(), false);
    };
    event(
        "message_start",
        r#"{"type":"message_start","message":{"model":"claude-3-opus","usage":{"input_tokens":9}}}"#,
    );
    event(
        "content_block_start",
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"text","text":""}}"#,
    );
    for _ in 0..400 {
        event(
            "content_block_delta",
            r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":" word"}}"#,
        );
    }
    let seen = String::from_utf8(host.client_side().body.clone()).unwrap();
    let end: Vec<&str> = seen.trim_end().rsplit("\n\n").take(3).collect();
    assert!(end[2].contains(r#"{"index":3,"type":"content_block_stop"}"#), "{}", end[2]);
    assert!(end[1].contains(r#""stop_reason":"max_tokens""#), "{}", end[1]);
    assert!(end[0].starts_with("event: message_stop\n"), "{}", end[0]);
}

#[test]
fn an_anthropic_stream_is_ended_by_what_its_client_has_seen() {
    const BEGIN: &str = r#"{"type":"message_start","message":{"id":"msg_7","model":"claude-3-opus","usage":{"input_tokens":9}}}"#;
    let text = |index: u64| {
        let delta = format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"text_delta","text":"{}"}}}}"#,
            " word".repeat(400)
        );
        let begin = format!(
            r#"{{"type":"content_block_start","index":{index},"content_block":{{"type":"text","text":""}}}}"#
        );
        [begin, delta]
    };
    let stop = r#"{"type":"content_block_stop","index":0}"#.to_owned();
    let [block, words] = text(0);
    let [next_block, next_words] = text(1);
    let begin = BEGIN.to_owned();
    // What came before, the chunk that says too much, and the events that end the stream.
    for (before, chunk, end) in [
        (vec![], vec![&begin, &block, &words], "message_start message_delta message_stop"),
        (vec![&begin], vec![&block, &words], "message_delta message_stop"),
        (vec![&begin, &block], vec![&words], "content_block_stop message_delta message_stop"),
        (
            vec![&begin, &block],
            vec![&stop, &next_block, &next_words],
            "content_block_stop message_delta message_stop",
        ),
        (vec![&begin, &block, &stop], vec![&next_block, &next_words], "message_delta message_stop"),
    ] {
        let worker =
            budgets(r#"[{"name": "d", "hard_stop": true, "quota": {"amount": 300, "window": "day"}}]"#);
        let mut host = worker.stream();
        send(
            &mut host,
            MESSAGES,
            "",
            r#"{"model":"claude","stream":true,"max_tokens":50,"messages":[{"role":"user","content":"Hi."}]}"#,
        );
        host.response_headers(&[(":status", "200"), SSE, ("x-ai-provider", "anthropic")], false);
        let written = |events: &[&String]| -> String {
            let name = |event: &str| json(event.as_bytes())["type"].as_str().unwrap().to_owned();
            events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", name(event))).collect()
        };
        for event in &before {
            host.response_chunk(written(&[event]).as_bytes(), false);
        }
        let shown = host.client_side().body.len();
        host.response_chunk(written(&chunk).as_bytes(), false);
        let seen = String::from_utf8(host.client_side().body[shown..].to_vec()).unwrap();
        let data: Vec<_> = seen.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let events: Vec<_> = data.iter().map(|data| json(data.as_bytes())).collect();
        let names: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(names.join(" "), end, "{before:?}");
        if names[0] == "content_block_stop" {
            assert_eq!(events[0]["index"], 0, "{before:?}");
        }
        if names[0] == "message_start" {
            let message = &events[0]["message"];
            assert_eq!(
                *message,
                serde_json::json!({
                    "id": "msg_7", "type": "message", "role": "assistant", "model": "claude", "content": [],
                    "stop_reason": null, "stop_sequence": null,
                    "usage": {
                        "input_tokens": 9, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                        "output_tokens": 0,
                    },
                })
            );
        }
    }
}

#[test]
fn callers_without_a_name_are_one() {
    let worker = with(&format!(
        r#"{{"counting": {{"mode": "exact"}}, "budgets": {{"limits": [{{"name": "user-day", "per": ["user"], "quota": {{"amount": {}, "window": "day"}}}}]}}}}"#,
        2 * (reserved_prompt() + 100)
    ));
    let _one = ask(&worker, "", &body(100));
    let _two = ask(&worker, "", &body(100));
    assert_eq!(refused(&ask(&worker, "", &body(100))).0, 429);
    assert!(ask(&worker, "alice", &body(100)).reply().is_none());
}

#[test]
fn another_configuration_finds_what_was_used() {
    let day = |amount: u64| {
        format!(
            r#"{{"budgets": {{"limits": [{{"name": "user-day", "per": ["user"], "quota": {{"amount": {amount}, "window": "day"}}}}]}}}}"#
        )
    };
    let worker = with(&day(1_000));
    answer(&mut ask(&worker, "alice", &body(100)), 300, 400);
    let raised = worker.another(config(&day(2_000)));
    assert_eq!(remaining(&raised, "alice"), 1_300);
    let lowered = worker.another(config(&day(700)));
    assert_eq!(refused(&ask(&lowered, "alice", &body(1))).1, "insufficient_quota");
}

#[test]
fn a_part_whose_cost_nobody_knows_is_refused_where_a_budget_wants_to_know() {
    let worker = user_day(100_000);
    let request = r#"{"model":"gpt-4","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}"#;
    let host = ask(&worker, "alice", request);
    assert_eq!((refused(&host).0, refused(&host).1.as_str()), (400, "input_not_countable"));
}

#[test]
fn what_is_free_is_never_blocked() {
    let worker = with(
        r#"{"prices": [{"match": "gpt-4", "input": 30, "output": 60}, {"match": "*", "input": 0, "output": 0}],
            "budgets": {"limits": [{"name": "month", "unit": "dollars", "quota": {"amount": "0.01", "window": "month"}}]}}"#,
    );
    let mut host = ask(&worker, "alice", &body(100));
    answer(&mut host, 100, 10_000);
    assert_eq!(refused(&ask(&worker, "alice", &body(1))).1, "insufficient_quota");
    let free = body(100_000).replace("gpt-4", "gpt-4o-mini");
    assert!(ask(&worker, "alice", &free).reply().is_none());
}

#[test]
fn what_the_cheaper_model_cannot_serve_stays_where_it_was() {
    let worker = with(
        r#"{"budgets": {"limits": [{"name": "dear", "models": ["gpt-4"], "quota": {"amount": 10000, "window": "day"},
            "downgrade": {"to": "claude", "below_percent": 100}}]}}"#,
    );
    let tools = body(10)
        .replace(r#""max_tokens""#, r#""tools":[{"type":"function","function":{"name":"f"}}],"max_tokens""#);
    for (request, model) in [(tools, "gpt-4"), (body(10), "claude")] {
        let sent = send(&mut worker.stream(), CHAT, "alice", &request);
        assert_eq!(sent.headers.unwrap().text("x-ai-model"), Some(model));
    }
}
