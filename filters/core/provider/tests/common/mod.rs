//! Attempts at two providers, for the tests of the machine.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::rc::Rc;

use config::ProviderConfig;
use llm_api::Dialect;
use provider::{ProviderAttempt, Upstreams};
use seam::testing::{FilterState, Host, Message};
use seam::{RequestContext, Target, names};
use serde_json::{Value, json as object};

pub const CHAT: &str = "/v1/chat/completions";
pub const JSON: (&str, &str) = ("content-type", "application/json");
pub const SSE: (&str, &str) = ("content-type", "text/event-stream");
pub const OPENAI_KEY: &str = "sk-canary-openai";
pub const ANTHROPIC_KEY: &str = "sk-canary-anthropic";

/// The example's providers with those fields over the one of that name.
pub fn upstreams(provider: &str, fields: Value) -> Rc<Upstreams> {
    let mut config = object!({"provider": provider, "providers": {
        "openai": {"api": "openai", "authority": "api.openai.com", "base_path": "/v1",
                   "auth": {"type": "api_key", "env": "OPENAI_API_KEY"}},
        "anthropic": {"api": "anthropic", "authority": "api.anthropic.com", "model": "claude-3-opus",
                      "model_name_override": "gpt-4", "auth": {"type": "api_key", "env": "ANTHROPIC_API_KEY"}},
    }});
    config["providers"][provider].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parsed(&config)
}

/// The same providers, chosen by metadata.
pub fn selected_upstreams() -> Rc<Upstreams> {
    parsed(&object!({"select": {"host_metadata": ["ai", "provider"]}, "providers": {
        "openai": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}},
        "anthropic": {"api": "anthropic", "authority": "api.anthropic.com", "auth": {"type": "none"}},
    }}))
}

fn parsed(config: &Value) -> Rc<Upstreams> {
    let env = |name: &str| match name {
        "OPENAI_API_KEY" => Some(OPENAI_KEY.to_owned()),
        "ANTHROPIC_API_KEY" => Some(ANTHROPIC_KEY.to_owned()),
        _ => None,
    };
    let config = ProviderConfig::parse(config.to_string().as_bytes(), &env);
    Rc::new(Upstreams::new(config.unwrap_or_else(|problems| panic!("{problems}"))))
}

/// A request for `gpt-4` as ai-gateway describes it.
pub fn context(dialect: Dialect, stream: bool) -> RequestContext {
    let target =
        |provider: &str, model: &str| Target { provider: provider.into(), model: Some(model.into()) };
    RequestContext {
        dialect,
        stream,
        include_usage: false,
        gateway: true,
        requested_model: "gpt-4".into(),
        body_model: "gpt-4".into(),
        targets: vec![target("openai", "gpt-4"), target("anthropic", "claude-3-opus")],
    }
}

pub fn body(stream: bool) -> Vec<u8> {
    format!(r#"{{"model":"gpt-4","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#)
        .into_bytes()
}

pub fn state(context: &RequestContext) -> FilterState {
    FilterState::from([(names::CONTEXT_KEY, context.encode())])
}

/// An attempt at that provider after that state.
pub fn attempt(upstreams: &Rc<Upstreams>, state: FilterState) -> Host<ProviderAttempt> {
    Host::new(ProviderAttempt::new(Rc::clone(upstreams), 7), state)
}

/// What an OpenAI SDK sends, as the gateway let it through.
pub fn client_headers() -> Vec<(&'static str, &'static str)> {
    vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost:10000"),
        (":path", CHAT),
        ("authorization", "Bearer sk-canary-client"),
        ("x-api-key", "sk-canary-client"),
        ("cookie", "canary=1"),
        ("content-type", "application/json"),
        ("content-length", "76"),
        ("accept-encoding", "gzip, br"),
        ("user-agent", "OpenAI/Python"),
        ("x-stainless-lang", "python"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-envoy-expected-rq-timeout-ms", "15000"),
        ("x-request-id", "5d4b"),
        ("x-ai-model", "gpt-4"),
        ("x-trace", "t1"),
    ]
}

/// A JSON attempt of which the request was sent.
pub fn sent(provider: &str, dialect: Dialect, stream: bool) -> Host<ProviderAttempt> {
    sent_with(&upstreams(provider, object!({})), dialect, stream)
}

pub fn sent_with(upstreams: &Rc<Upstreams>, dialect: Dialect, stream: bool) -> Host<ProviderAttempt> {
    let mut host = attempt(upstreams, state(&context(dialect, stream)));
    let body = match dialect {
        Dialect::OpenAi => body(stream),
        Dialect::Anthropic => {
            format!(r#"{{"model":"gpt-4","max_tokens":9,"stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#)
                .into_bytes()
        }
    };
    let request = host.request(&client_headers(), &[&body]);
    assert!(request.complete, "{:?}", host.reply());
    host
}

/// A whole answer of the provider's; what the client gets of it.
pub fn answer(host: &mut Host<ProviderAttempt>, headers: &[(&str, &str)], chunks: &[&[u8]]) -> Message {
    host.response(headers, chunks);
    host.answered()
}

pub fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.headers.as_ref().unwrap().text(name)
}

pub fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(body)))
}
