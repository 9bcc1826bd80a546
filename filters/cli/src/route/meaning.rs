//! From what a file says to the inputs of a rendering.

use std::net::SocketAddr;

use config::route::{Backend, Given, OutlierDetection, Route, RouteFile, SharedBudget, Timeouts};
use llm_api::Dialect;
use serde_json::{Map, Value};

use super::finding::Found;
use crate::render::{
    AccessLog, Alias, Auth, BodyLimit, Budget, EnvoyVersion, Fallback, GlobalBudget, Limit, Limits,
    LlmRouter, Model, ModelName, OnFailure, Outliers, Problem, Provider, Refunds, Tls, Turn, Window,
};

/// The inputs; the example's in the place of what was not understood, which is noted.
pub(super) fn router(name: &str, file: &RouteFile, envoy: EnvoyVersion, found: &mut Found<'_>) -> LlmRouter {
    let aliases = file.routes.iter().flat_map(|route| &route.aliases);
    let aliases = aliases
        .filter_map(|(pattern, model)| found.take(pattern, Alias::new(&pattern.value, model)))
        .collect();
    let mut models: Vec<Model> = file.routes.iter().flat_map(|route| models(route, found)).collect();
    let mut router = LlmRouter {
        aliases,
        counting: section(&file.counting),
        identity: section(&file.identity),
        budgets: section(&file.budgets),
        prices: list(&file.prices),
        fallback: if envoy < EnvoyVersion::PRIORITY_GROUP {
            Fallback::PreviousPriorities
        } else {
            Fallback::PriorityGroup
        },
        envoy,
        route_file: Some(name.to_owned()),
        ..LlmRouter::default()
    };
    if !models.is_empty() {
        let first = models.remove(0);
        router.model = first.name;
        router.providers = first.providers;
        router.limits = first.limits;
        router.max_input_tokens = first.max_input_tokens;
        router.model_counting = first.counting;
        router.more_models = models;
    }
    listener(file, &mut router, found);
    if let Some(OutlierDetection { failures, ejection_time, .. }) = &file.outlier_detection {
        let ejection_time = match ejection_time {
            Some(given) => found.parse(given),
            None => Some(Limit::seconds(30)),
        };
        router.outliers = ejection_time.map(|ejection_time| Outliers { failures: *failures, ejection_time });
    }
    if let Some(budget) = &file.shared_budget {
        router.global_budget = shared_budget(budget, found);
        // The service has to be told a prompt's tokens before the prompt is sent.
        router.counting.entry("mode").or_insert_with(|| Value::from("exact"));
    }
    router
}

fn shared_budget(given: &SharedBudget, found: &mut Found<'_>) -> Option<GlobalBudget> {
    let default = GlobalBudget::default();
    let service = given.service.as_ref().map(|given| found.parse(given));
    let timeout = given.timeout.as_ref().map(|given| found.parse(given));
    let windows = Window::ALL.into_iter().zip(given.windows);
    Some(GlobalBudget {
        service: service.unwrap_or(Some(default.service))?,
        timeout: timeout.unwrap_or(Some(default.timeout))?,
        budgets: windows.filter_map(|(window, tokens)| Some(Budget { window, tokens: tokens? })).collect(),
        on_failure: if given.refuse { OnFailure::Refuse } else { OnFailure::Serve },
        refunds: Refunds::None,
    })
}

fn listener(file: &RouteFile, router: &mut LlmRouter, found: &mut Found<'_>) {
    let listener = &file.listener;
    if let Some(address) = listener.address.as_ref().and_then(|given| address(given, found)) {
        router.listen = address;
    }
    if let Some(given) = &listener.admin
        && let Some(admin) = address(given, found)
    {
        if admin.ip() == std::net::Ipv4Addr::LOCALHOST {
            router.admin_port = admin.port();
        } else {
            let message = if admin.ip().is_loopback() {
                format!("`{admin}` is not where the admin interface is rendered")
            } else {
                format!(
                    "`{admin}` can be reached from outside, and whoever reaches it can stop Envoy and read its configuration"
                )
            };
            let hint = format!("write 127.0.0.1:{}", admin.port());
            found.push(given.order, given.path.clone(), message, hint);
        }
    }
    if let Some((certificate, key)) = &listener.tls_files {
        let (certificate, key) = (found.parse(certificate), found.parse(key));
        router.tls = certificate.zip(key).map(|(certificate, key)| Tls { certificate, key });
    }
    if let Some(given) = &listener.max_body_bytes
        && let Some(limit) = found.take(given, BodyLimit::new(given.value))
    {
        router.max_body = limit;
    }
    if let Some(bundle) = listener.ca_bundle.as_ref().and_then(|given| found.parse(given)) {
        router.ca_bundle = bundle;
    }
    if listener.access_log == Some(false) {
        router.access_log = AccessLog::Off;
    }
}

fn address(given: &Given<String>, found: &mut Found<'_>) -> Option<SocketAddr> {
    // Port 0 would be another one at each start.
    let parsed: Option<SocketAddr> =
        given.value.parse().ok().filter(|address: &SocketAddr| address.port() > 0);
    found.take(given, parsed.ok_or_else(|| Problem::Listen { given: given.value.clone() }))
}

fn models(route: &Route, found: &mut Found<'_>) -> Vec<Model> {
    let limits = limits(&route.timeouts, found);
    let mut models = Vec::new();
    for model in &route.models {
        let name = found.take(&model.name, ModelName::pattern(&model.name.value));
        let providers: Vec<Provider> = model
            .attempts
            .iter()
            .flat_map(|sharing| {
                sharing
                    .iter()
                    .enumerate()
                    .filter_map(|(index, backend)| {
                        let turn = if index == 0 { Turn::Next } else { Turn::Beside };
                        provider(backend, turn, found)
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        models.extend(name.map(|name| Model {
            name,
            providers,
            limits,
            max_input_tokens: model.max_input_tokens,
            counting: model.counting.map(str::to_owned),
        }));
    }
    models
}

fn limits(timeouts: &Timeouts, found: &mut Found<'_>) -> Limits {
    let defaults = Limits::default();
    let mut limit = |given: &Option<Given<String>>| given.as_ref().and_then(|given| found.parse(given));
    let (first_byte, idle) = (limit(&timeouts.first_byte), limit(&timeouts.idle));
    let (answer, total) = (limit(&timeouts.answer), limit(&timeouts.total));
    let total = total.unwrap_or(defaults.total);
    // A short total says by itself that no part may be longer; a part that was given is the user's own contradiction.
    let part = |given: Option<Limit>, default: Limit| given.unwrap_or(default.min(total));
    let limits = Limits {
        first_byte: part(first_byte, defaults.first_byte),
        idle: part(idle, defaults.idle),
        answer: part(answer, defaults.answer),
        total,
    };
    let all = [("first-byte", &timeouts.first_byte), ("idle", &timeouts.idle), ("answer", &timeouts.answer)];
    for part in limits.above_total() {
        if let Some(given) = all.iter().find(|(name, _)| *name == part).and_then(|(_, given)| given.as_ref())
        {
            let problem = Problem::LimitAboveTotal { part };
            found.push(given.order, given.path.clone(), problem.to_string(), problem.hint());
        }
    }
    limits
}

fn provider(backend: &Backend, turn: Turn, found: &mut Found<'_>) -> Option<Provider> {
    let own = match backend.api {
        Dialect::OpenAi => Provider::openai(),
        Dialect::Anthropic => Provider::anthropic(),
    };
    let name = found.parse(&backend.name);
    let model = found.take(&backend.model, ModelName::pattern(&backend.model.value));
    let base_url = match &backend.base_url {
        Some(given) => found.parse(given),
        None => Some(own.base_url),
    };
    let auth = match &backend.key {
        Some(given) => found.parse(given).map(Auth::ApiKey),
        None => Some(Auth::None),
    };
    let mut extra = Map::new();
    if let Some(tokens) = backend.default_max_tokens {
        extra.insert("default_max_tokens".to_owned(), Value::from(tokens));
    }
    let mut member = |key: &str, value: Value| extra.insert(key.to_owned(), value);
    if !backend.headers.is_empty() {
        let headers = backend.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        member("headers", Value::Object(headers.collect()));
    }
    if !backend.pass_request_headers.is_empty() {
        member("pass_request_headers", backend.pass_request_headers.clone().into());
    }
    if !backend.pass_response_headers.is_empty() {
        member("pass_response_headers", backend.pass_response_headers.clone().into());
    }
    Some(Provider {
        name: name?,
        api: backend.api,
        base_url: base_url?,
        model: model?,
        auth: auth?,
        turn,
        weight: backend.weight,
        extra,
    })
}

/// A section that was checked already.
fn section(json: &Option<String>) -> Map<String, Value> {
    json.as_ref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn list(json: &Option<String>) -> Vec<Value> {
    json.as_ref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
