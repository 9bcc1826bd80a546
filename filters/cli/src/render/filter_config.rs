//! The filters' own JSON configuration, as it stands in the bootstrap.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::served::Served;
use super::{Auth, HeadersHeld, LlmRouter, Provider};

/// Where ai-provider finds its provider's name in the metadata of the chosen host: namespace and key.
pub(super) const PROVIDER_METADATA: (&str, &str) = ("ai", "provider");

/// Where Envoy Gateway tells the name of the `Backend` that a host came from: namespace and keys.
const BACKEND_METADATA: [&str; 4] = ["envoy-gateway", "resources", "0", "name"];

/// ai-gateway's.
pub(super) fn gateway(router: &LlmRouter) -> String {
    let aliases = router
        .aliases
        .iter()
        .map(|alias| Alias { pattern: &alias.pattern, model: alias.model.as_str() })
        .collect();
    pretty(&Gateway {
        models: router.served().map(model).collect(),
        aliases,
        max_body_bytes: router.max_body.bytes(),
        headers_held: router.headers_held == HeadersHeld::Yes,
        other_paths: "refuse",
        counting: &router.counting,
        identity: &router.identity,
        budgets: &budgets(router),
        prices: &router.prices,
    })
}

fn model(served: Served<'_>) -> Model<'_> {
    let targets = served.providers.iter().map(|provider| Target {
        provider: provider.name.as_str(),
        api: provider.api.name(),
        model: named(provider),
    });
    Model {
        name: served.name.as_str(),
        targets: targets.collect(),
        counting: served.counting,
        max_input_tokens: served.max_input_tokens,
    }
}

/// The one model that is sent to a provider; none where it gets the name that was asked for.
fn named(provider: &Provider) -> Option<&str> {
    (!provider.model.is_pattern()).then(|| provider.model.as_str())
}

/// The section, with a lease that outlasts every request.
fn budgets(router: &LlmRouter) -> Map<String, Value> {
    /// A request that was cut at its time limit has to be settled, too.
    const MARGIN: u64 = 60;
    let mut budgets = router.budgets.clone();
    if !budgets.is_empty() && !budgets.contains_key("lease_seconds") {
        let total = router.longest().duration();
        let seconds =
            total.as_secs().saturating_add(u64::from(total.subsec_nanos() > 0)).saturating_add(MARGIN);
        budgets.insert("lease_seconds".to_owned(), Value::from(seconds));
    }
    budgets
}

/// The environment variables that ai-gateway reads: the secrets of tokens.
pub(super) fn gateway_env(router: &LlmRouter) -> Vec<&str> {
    let secrets = router.identity.get("jwt").and_then(|jwt| jwt.get("secrets")).and_then(Value::as_array);
    secrets.into_iter().flatten().filter_map(|secret| secret.get("env")?.as_str()).collect()
}

/// ai-provider's, in a cluster of that provider alone. It names no other provider's key.
pub(super) fn fixed_provider(router: &LlmRouter, served: Served<'_>, provider: &Provider) -> String {
    pretty(&Providers {
        provider: Some(provider.name.as_str()),
        select: None,
        providers: vec![object(served, provider)],
        max_body_bytes: router.max_body.bytes(),
    })
}

/// ai-provider's, in a cluster where each host's metadata names its provider.
pub(super) fn selected_provider(router: &LlmRouter) -> String {
    let (namespace, key) = PROVIDER_METADATA;
    selected_by(router, Select::HostMetadata([namespace, key]))
}

/// ai-provider's, in a cluster of Envoy Gateway's: the metadata of a host's locality names the `Backend` that it came from.
pub(super) fn provider_of_backend(router: &LlmRouter) -> String {
    selected_by(router, Select::LocalityMetadata(BACKEND_METADATA))
}

fn selected_by(router: &LlmRouter, select: Select) -> String {
    pretty(&Providers {
        provider: None,
        select: Some(select),
        providers: router.every_provider().map(|(served, provider)| object(served, provider)).collect(),
        max_body_bytes: router.max_body.bytes(),
    })
}

#[derive(Serialize)]
struct Gateway<'a> {
    models: Vec<Model<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Alias<'a>>,
    max_body_bytes: u32,
    headers_held: bool,
    other_paths: &'static str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    counting: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    identity: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    budgets: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    prices: &'a [Value],
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    targets: Vec<Target<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counting: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<u64>,
}

#[derive(Serialize)]
struct Target<'a> {
    provider: &'a str,
    api: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
}

#[derive(Serialize)]
struct Alias<'a> {
    #[serde(rename = "match")]
    pattern: &'a str,
    model: &'a str,
}

#[derive(Serialize)]
struct Providers<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    select: Option<Select>,
    #[serde(serialize_with = "in_order")]
    providers: Vec<(&'a str, ProviderObject<'a>)>,
    max_body_bytes: u32,
}

#[derive(Serialize)]
struct ProviderObject<'a> {
    api: &'static str,
    authority: String,
    base_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_name_override: Option<&'a str>,
    auth: AuthObject<'a>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum AuthObject<'a> {
    ApiKey { env: &'a str },
    None,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Select {
    HostMetadata([&'static str; 2]),
    LocalityMetadata([&'static str; 4]),
}

/// Members of a provider's object that are always rendered, so that `extra` cannot say them again.
pub(super) const RENDERED: [&str; 6] =
    ["api", "authority", "base_path", "model", "model_name_override", "auth"];

/// One provider's name and object.
fn object<'a>(served: Served<'a>, provider: &'a Provider) -> (&'a str, ProviderObject<'a>) {
    let object = ProviderObject {
        api: provider.api.name(),
        authority: provider.base_url.authority(),
        base_path: provider.base_url.path(),
        model: named(provider),
        model_name_override: (provider.model != *served.name && !served.name.is_pattern())
            .then(|| served.name.as_str()),
        auth: match &provider.auth {
            Auth::ApiKey(env) => AuthObject::ApiKey { env: env.as_str() },
            Auth::None => AuthObject::None,
        },
        extra: &provider.extra,
    };
    (provider.name.as_str(), object)
}

/// A JSON object that keeps the order of its members: the order of the attempts.
fn in_order<S: Serializer>(
    providers: &[(&str, ProviderObject<'_>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(providers.iter().map(|(name, object)| (name, object)))
}

/// Two-space JSON. It is built of strings, numbers and maps with string keys, which always serialise.
fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
