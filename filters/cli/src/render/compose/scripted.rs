//! Scripted providers beside the gateway, built from the project's checkout: what `make run` starts where there is no key.

use std::collections::BTreeMap;

use llm_api::Dialect;

use super::super::{Auth, BaseUrl, EnvName, FilePath, LlmRouter, Provider};
use super::{answers, confined, ending, healthcheck, literal};
use crate::yaml::{List, Map};

/// The volume through which the gateway gets the scripted providers' certificate authority.
pub(super) const VOLUME: &str = "authority";
/// Where that volume is in the gateway.
pub(super) const MOUNTED: &str = "/etc/envoy/authority";

/// The service's name, which is its host name too.
const HOST: &str = "providers";
/// Where each of the two APIs is served.
const PORTS: [(Dialect, u16); 2] = [(Dialect::OpenAi, 8443), (Dialect::Anthropic, 8444)];
/// Where a person breaks them, and sees what they saw.
const CONTROL: u16 = 10_080;
/// The image's user.
const USER: &str = "65532:65532";

/// The same router with every provider's place taken by the scripted one of its API, over TLS that only their own authority vouches for.
pub fn on_scripted_providers(router: &LlmRouter) -> LlmRouter {
    let mut router = router.clone();
    let mut variables: BTreeMap<String, Dialect> = BTreeMap::new();
    let providers = router.more_models.iter_mut().flat_map(|model| &mut model.providers);
    for provider in router.providers.iter_mut().chain(providers) {
        let path = if provider.api == Dialect::OpenAi { "/v1" } else { "" };
        provider.base_url = BaseUrl::of_service(HOST, port(provider.api), path);
        if provider.auth == Auth::None {
            let Provider { auth, .. } = example(provider.api);
            provider.auth = auth;
        }
        if let Auth::ApiKey(env) = &provider.auth {
            let api = *variables.entry(env.as_str().to_owned()).or_insert(provider.api);
            // One key for both APIs, as a proxy has it: the scripted providers have one for each.
            if api != provider.api {
                let own = format!("{}_{}", env.as_str(), provider.api.name().to_ascii_uppercase());
                provider.auth = Auth::ApiKey(EnvName::of_example(&own));
            }
        }
    }
    router.ca_bundle = FilePath::of_example(&format!("{MOUNTED}/ca.pem"));
    router
}

/// What the variable of that name holds: a key of the scripted providers, or what no client can know where it is none of theirs.
pub(super) fn value(router: &LlmRouter, name: &str) -> String {
    let api = router.every_provider().find_map(|(_, provider)| {
        provider.key_env().filter(|env| env.as_str() == name).map(|_| provider.api)
    });
    api.map_or_else(|| format!("${{{name}:?is not set}}"), |api| key(api).to_owned())
}

/// Waits until they answer, and starts the gateway again when they are.
pub(super) fn dependency() -> (&'static str, Map) {
    (HOST, Map::new().with("condition", "service_healthy").with("restart", true).inline())
}

/// The service.
pub(super) fn service(router: &LlmRouter, checkout: &str) -> Map {
    let build = Map::new().with("context", checkout).with("dockerfile", "e2e/mock-llm/Dockerfile");
    let listening = [("--listen", "0.0.0.0"), ("--tls-dir", "/authority"), ("--tls-name", HOST)];
    let control = CONTROL.to_string();
    let mut command: List = listening.into_iter().flat_map(|(name, value)| [name, value]).collect();
    command = command.item("--control-port").item(control.as_str());
    for (api, port) in PORTS {
        command = command.item(format!("--{}-port", api.name())).item(port.to_string());
        command = command.item(format!("--{}-key", api.name())).item(key(api));
        for model in models(router, api) {
            command = command.item(format!("--{}-model", api.name())).item(literal(model));
        }
    }
    let service = Map::new()
        .with("build", build)
        .with("image", "ai-filters/mock-llm:local")
        .with("command", command)
        .with("user", USER);
    let service = confined(service)
        .with("mem_limit", "256m")
        .why("Break one: curl -X POST http://localhost:10080/openai/down. All that can be done: curl http://localhost:10080/")
        .with("ports", List::new().item(format!("127.0.0.1:{CONTROL}:{CONTROL}")).inline())
        .with("volumes", List::new().item(format!("{VOLUME}:/authority")))
        .with("healthcheck", healthcheck(answers(CONTROL, "/requests", "openai")));
    ending(service)
}

fn models(router: &LlmRouter, api: Dialect) -> Vec<&str> {
    let mut models: Vec<&str> = Vec::new();
    for (_, provider) in router.every_provider().filter(|(_, provider)| provider.api == api) {
        if !models.contains(&provider.model.as_str()) {
            models.push(provider.model.as_str());
        }
    }
    models
}

/// The key that it accepts. It opens nothing else.
const fn key(api: Dialect) -> &'static str {
    match api {
        Dialect::OpenAi => "scripted-openai",
        Dialect::Anthropic => "scripted-anthropic",
    }
}

fn port(api: Dialect) -> u16 {
    PORTS.into_iter().find_map(|(known, port)| (known == api).then_some(port)).unwrap_or_default()
}

fn example(api: Dialect) -> Provider {
    match api {
        Dialect::OpenAi => Provider::openai(),
        Dialect::Anthropic => Provider::anthropic(),
    }
}
