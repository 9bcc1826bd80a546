//! A gateway with a small plan, for the tests of its machine.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

pub mod budgets;

use std::rc::Rc;

use config::GatewayConfig;
use gateway::{Gateway, Routes, Secret};
use seam::testing::{FilterState, Host, Message, Shared};
use serde_json::{Value, json as object};

pub const CHAT: &str = "/v1/chat/completions";

const SECRET: Secret = Secret([7; 16]);

/// A gateway with the example's models, and with those fields over them.
pub fn gateway(fields: &str) -> Host<Gateway> {
    worker(config(fields)).stream()
}

/// The example's configuration, with those fields over it.
pub fn config(fields: &str) -> GatewayConfig {
    let fields: Value = serde_json::from_str(fields).unwrap();
    let held = fields.get("headers_held") != Some(&Value::Bool(false));
    let openai = object!({"provider": "openai", "api": "openai", "model": "gpt-4"});
    let anthropic = object!({"provider": "anthropic", "api": "anthropic", "model": "claude-3-opus"});
    let mut models = vec![object!({"name": "gpt-4", "targets": [openai, anthropic]})];
    if held {
        models.push(object!({"name": "gpt-4o*", "route": "openai-any", "targets": [{"provider": "openai", "api": "openai"}]}));
        models.push(object!({"name": "claude", "targets": [anthropic]}));
    }
    let mut config = object!({"models": models, "aliases": [{"match": "fast", "model": "gpt-4"}], "identity": {"header": {}}});
    config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    GatewayConfig::parse(config.to_string().as_bytes(), &|_| None)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// A worker with that configuration and memory of its own.
pub fn worker(config: GatewayConfig) -> Worker {
    let routes = Rc::new(Routes::new(config, SECRET));
    Worker { shared: Shared::new(routes.catalogue()), routes }
}

/// One worker: what its streams have in common.
pub struct Worker {
    routes: Rc<Routes>,
    pub shared: Shared,
}

impl Worker {
    /// Another worker of the same Envoy.
    pub fn another(&self, config: GatewayConfig) -> Self {
        Self { routes: Rc::new(Routes::new(config, SECRET)), shared: self.shared.clone() }
    }

    /// The same worker on a host without shared memory.
    pub fn without_pages(self) -> Self {
        Self { shared: Shared::without_pages(self.routes.catalogue()), ..self }
    }

    /// A stream of this worker's.
    pub fn stream(&self) -> Host<Gateway> {
        Host::new(Gateway::new(Rc::clone(&self.routes)), FilterState::new()).sharing(&self.shared)
    }
}

pub fn post(path: &str) -> Vec<(&str, &str)> {
    vec![
        (":method", "POST"),
        (":path", path),
        (":authority", "gateway"),
        ("content-type", "application/json"),
    ]
}

/// A whole answer of the provider's; what the client gets of it.
pub fn answer(host: &mut Host<Gateway>, headers: &[(&str, &str)], chunks: &[&[u8]]) -> Message {
    host.response(headers, chunks);
    host.answered()
}

pub fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}
