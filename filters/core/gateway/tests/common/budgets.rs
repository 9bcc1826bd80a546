//! Requests of users with budgets, and what they are told.

use gateway::Gateway;
use metering::{Families, Limits, Memory, Surface};
use seam::names;
use seam::testing::{Host, Message};

use super::{CHAT, Worker, config, json, post, worker};

pub const JSON: (&str, &str) = ("content-type", "application/json");
pub const SSE: (&str, &str) = ("content-type", "text/event-stream");
pub const OPENAI: (&str, &str) = ("x-ai-provider", "openai");
pub const MESSAGES: &str = "/v1/messages";

/// A gateway with those budgets.
pub fn budgets(limits: &str) -> Worker {
    with(&format!(r#"{{"budgets": {{"limits": {limits}}}}}"#))
}

pub fn with(fields: &str) -> Worker {
    worker(config(fields))
}

/// So many tokens a day for each user.
pub fn user_day(amount: u64) -> Worker {
    budgets(&format!(
        r#"[{{"name": "user-day", "per": ["user"], "quota": {{"amount": {amount}, "window": "day"}}}}]"#
    ))
}

/// A request of a user's whose answer may have that many tokens.
pub fn body(max_tokens: u64) -> String {
    format!(
        r#"{{"model":"gpt-4","max_tokens":{max_tokens},"messages":[{{"role":"user","content":"Tell me a story."}}]}}"#
    )
}

/// How many tokens its prompt has at OpenAI.
pub fn prompt() -> u64 {
    counted("gpt-4")
}

/// How many are reserved for it, because it may have as many at Anthropic.
pub fn reserved_prompt() -> u64 {
    prompt().max(counted("claude-3-opus"))
}

pub fn counted(model: &str) -> u64 {
    let families = Families::default();
    let body = body(1);
    let prompt = metering::prompt(
        Surface::ChatCompletions,
        families.of(model),
        body.as_bytes(),
        &Limits::default(),
        &Memory::default(),
    );
    prompt.unwrap().tokens
}

pub fn ask(worker: &Worker, user: &str, body: &str) -> Host<Gateway> {
    let mut host = worker.stream();
    send(&mut host, CHAT, user, body);
    host
}

pub fn send(host: &mut Host<Gateway>, path: &str, user: &str, body: &str) -> Message {
    let mut headers = post(path);
    if !user.is_empty() {
        headers.push(("x-user-id", user));
    }
    host.request(&headers, &[body.as_bytes()])
}

/// A whole answer with that usage.
pub fn answer(host: &mut Host<Gateway>, prompt: u64, completion: u64) {
    let body = format!(
        r#"{{"id":"c","model":"gpt-4","choices":[{{"index":0,"message":{{"role":"assistant","content":"Once."}}}}],
           "usage":{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{}}}}}"#,
        prompt + completion
    );
    host.response(&[(":status", "200"), JSON, OPENAI], &[body.as_bytes()]);
    host.end();
}

/// What is left of the first budget, as a request for nothing much is told.
pub fn remaining(worker: &Worker, user: &str) -> u64 {
    let mut host = ask(worker, user, r#"{"model":"gpt-4","max_tokens":0,"messages":[]}"#);
    if host.reply().is_none() {
        // The request's own part is what it reserved.
        let reserved = number(&host, names::RESERVED_TOKENS_KEY);
        host.response(&[(":status", "500"), JSON, OPENAI], &[b"{}"]);
        host.end();
        return header(&host, "x-ratelimit-remaining-tokens").parse::<u64>().unwrap() + reserved;
    }
    header(&host, "x-ratelimit-remaining-tokens").parse().unwrap()
}

pub fn number(host: &Host<Gateway>, key: &str) -> u64 {
    String::from_utf8(host.state()[key].clone()).unwrap().parse().unwrap()
}

pub fn header(host: &Host<Gateway>, name: &str) -> String {
    let headers = host.answered().headers.unwrap();
    headers.text(name).unwrap_or_else(|| panic!("no {name} in {headers:?}")).to_owned()
}

/// The refusal that a client got: its status, code and message.
pub fn refused(host: &Host<Gateway>) -> (u16, String, String) {
    let reply = host.reply().expect("a refusal");
    let error = &json(&reply.body)["error"];
    let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
    (reply.status, text("code"), text("message"))
}
