//! The way to the providers: routes, backends, TLS, retries and time limits.

use std::collections::BTreeSet;

use llm_api::Dialect;
use seam::names;

use super::super::plans::{Plan, plans};
use super::super::routes::{self, Kind};
use super::super::{Outliers, Provider, Scheme, Turn, clusters};
use super::proxy::backend;
use super::{ENVOY_GATEWAY, GATEWAY, GATEWAY_API, GatewayApi, duration, host};
use crate::yaml::{List, Map};

/// The filter of an HTTPRoute that names the host where ai-provider does not.
const REWRITE: &str = "provider-host";

/// What the rules of a file's only model begin with.
const ONLY: &str = "llm";
/// The longest part of a name that a model's own name becomes.
const LONGEST_PART: usize = 40;

/// An HTTPRoute: everything of one model. One route has at most sixteen rules, so models do not share one.
pub(super) struct Route<'a> {
    /// Its name, which is part of its clusters' names.
    pub(super) name: String,
    /// Its rules; their numbers are part of their clusters' names.
    pub(super) rules: Vec<Rule<'a>>,
}

/// A rule of an HTTPRoute.
pub(super) struct Rule<'a> {
    /// Its name, and that of its policy.
    name: String,
    plan: Plan<'a>,
    kind: Kind,
    /// Whether its requests have to name the model.
    named: bool,
}

/// The routes, each with its rules in their order.
pub(super) fn routes(gateway: &GatewayApi) -> Vec<Route<'_>> {
    let router = &gateway.router;
    let several = !router.more_models.is_empty();
    let mut taken = BTreeSet::new();
    let all = plans(router);
    let mut all = all.into_iter().peekable();
    let mut routes = Vec::new();
    while let Some(first) = all.next() {
        let part = if several { part_of(first.served.name.as_str(), &mut taken) } else { ONLY.to_owned() };
        let model = first.served.name;
        let mut plans = vec![first];
        while let Some(plan) = all.next_if(|plan| plan.served.name == model) {
            plans.push(plan);
        }
        let mut rules = Vec::new();
        for kind in Kind::of(router) {
            let of_kind =
                plans.iter().map(|plan| rule(plan.clone(), *kind, &part, several, routes.is_empty()));
            rules.extend(of_kind);
        }
        let name = gateway.place.route.clone();
        let name = if routes.is_empty() { name } else { format!("{name}-{part}") };
        routes.push(Route { name, rules });
    }
    routes
}

/// A filter of an `EnvoyExtensionPolicy` runs where a route was found. The first model's answers are what is found before it ran: without
/// ai-gateway's headers every request matches them, and with its headers they are matched by what no other rule matches.
fn rule<'a>(plan: Plan<'a>, kind: Kind, part: &str, several: bool, first: bool) -> Rule<'a> {
    let found_by_all = first && plan.header.is_none() && kind != Kind::Stream;
    let named = plan.header.is_some() || (several && !found_by_all);
    let mut name = part.to_owned();
    if plan.header.is_some() {
        let apis = [Dialect::OpenAi, Dialect::Anthropic];
        let apis = apis.into_iter().filter(|api| plan.providers().any(|provider| provider.api == *api));
        for api in apis {
            name = format!("{name}-{}", api.name());
        }
    }
    let name = match kind {
        Kind::Stream => format!("{name}-stream"),
        Kind::Answer => format!("{name}-answer"),
        Kind::Either => name,
    };
    Rule { name, plan, kind, named }
}

/// A model's name as a part of resources' names: what they cannot have becomes `-`, and what is there already gets a number. So does what
/// the rules of another model for one API alone are named after, and what would make its own such rules be named as another model's.
fn part_of(model: &str, taken: &mut BTreeSet<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = model.chars().take(LONGEST_PART).map(plain).collect();
    let text = text.trim_matches('-');
    let text = if text.is_empty() { "model" } else { text };
    let numbered = (2_u32..).map(|number| format!("{text}-{number}"));
    let all = |name: &str| {
        let narrowed = Dialect::ALL.map(|api| format!("{name}-{}", api.name()));
        std::iter::once(name.to_owned()).chain(narrowed)
    };
    let mut names = std::iter::once(text.to_owned()).chain(numbered);
    let name = names.find(|name| all(name).all(|one| !taken.contains(&one))).unwrap_or_default();
    taken.extend(all(&name));
    name
}

impl Rule<'_> {
    /// Whether every connection can negotiate its protocol.
    pub(super) fn alpn(&self) -> clusters::Alpn {
        let tls = |provider: &&Provider| provider.base_url.scheme() == Scheme::Https;
        if self.plan.providers().all(|provider| tls(&provider)) {
            clusters::Alpn::Yes
        } else {
            clusters::Alpn::No
        }
    }
}

pub(super) fn resources(gateway: &GatewayApi) -> Vec<Map> {
    let router = &gateway.router;
    let routes = routes(gateway);
    let mut resources: Vec<Map> = routes.iter().map(|route| of_route(gateway, route)).collect();
    if !router.filters.provider() {
        resources.push(rewrite(gateway));
    }
    for served in router.served() {
        // The first rank is the first provider and those beside it.
        let beside =
            served.providers.iter().skip(1).take_while(|provider| provider.turn == Turn::Beside).count();
        for (place, provider) in served.providers.iter().enumerate() {
            resources.push(the_backend(gateway, provider, place > beside));
            resources.extend(tls(gateway, provider));
        }
    }
    let rules = routes.iter().flat_map(|route| route.rules.iter().map(move |rule| (route, rule)));
    resources.extend(rules.map(|(route, rule)| policy(gateway, &route.name, rule)));
    resources
}

fn of_route(gateway: &GatewayApi, route: &Route<'_>) -> Map {
    let mut list = List::new();
    for rule in &route.rules {
        list = list.why(routes::reason(&gateway.router, &rule.plan, rule.kind)).item(of_rule(gateway, rule));
    }
    let parent = Map::new().with("name", GATEWAY).inline();
    gateway
        .resource(GATEWAY_API, "HTTPRoute", &route.name)
        .with("spec", Map::new().with("parentRefs", List::new().item(parent).inline()).with("rules", list))
}

fn of_rule(gateway: &GatewayApi, rule: &Rule<'_>) -> Map {
    let mut headers = List::new();
    let mut header = |name: &str, value: &str| {
        let map = Map::new().with("name", name).with("value", value).inline();
        headers = std::mem::take(&mut headers).item(map);
    };
    if rule.named {
        header(names::MODEL_HEADER, rule.plan.served.name.as_str());
    }
    if let Some(providers) = &rule.plan.header {
        header(names::PLAN_HEADER, providers);
    }
    if rule.kind == Kind::Stream {
        header(names::STREAM_HEADER, "true");
    }
    let matched = Map::new().with("path", Map::new().with("type", "PathPrefix").with("value", "/").inline());
    let matched = if headers == List::new() { matched } else { matched.with("headers", headers) };
    // Weights are told where they say something: equal shares need none.
    let even = rule.plan.attempts.iter().all(|sharing| sharing.len() == 1);
    let weighed = |provider| {
        let map = backend(provider);
        if even { map } else { map.with("weight", u64::from(provider.weight)) }
    };
    let backends: List = rule.plan.providers().map(weighed).collect();
    let map = Map::new().with("name", rule.name.as_str()).with("matches", List::new().item(matched));
    let map = if gateway.router.filters.provider() {
        map
    } else {
        let extension = Map::new()
            .with("group", "gateway.envoyproxy.io")
            .with("kind", "HTTPRouteFilter")
            .with("name", REWRITE)
            .inline();
        let rewrite = Map::new().with("type", "ExtensionRef").with("extensionRef", extension);
        let removal = |kind: &str, member: &str, headers: [&str; 5]| {
            let headers: List = headers.into_iter().collect();
            Map::new().with("type", kind).with(member, Map::new().with("remove", headers))
        };
        let filters = List::new()
            .why("Without ai-provider somebody else has to name the host.")
            .item(rewrite)
            .why("And nothing else keeps ai-gateway's own headers, or who the client is, from a provider.")
            .item(removal("RequestHeaderModifier", "requestHeaderModifier", routes::INTERNAL))
            .why("Nor tells that a provider makes up what ai-provider would say of the answer.")
            .item(removal("ResponseHeaderModifier", "responseHeaderModifier", routes::ANSWERED));
        map.with("filters", filters)
    };
    map.with("backendRefs", backends)
}

/// The host of the chosen backend, as the request's.
fn rewrite(gateway: &GatewayApi) -> Map {
    let hostname = Map::new().with("type", "Backend").inline();
    gateway
        .resource(ENVOY_GATEWAY, "HTTPRouteFilter", REWRITE)
        .with("spec", Map::new().with("urlRewrite", Map::new().with("hostname", hostname)))
}

fn the_backend(gateway: &GatewayApi, provider: &Provider, fallback: bool) -> Map {
    let fqdn = Map::new()
        .with("hostname", host(provider))
        .with("port", u64::from(provider.base_url.port()))
        .inline();
    let spec = Map::new().with("endpoints", List::new().item(Map::new().with("fqdn", fqdn)));
    let spec = if fallback {
        spec.why("Tried when the first has failed. Envoy Gateway knows these two ranks and no third.")
            .with("fallback", true)
    } else {
        spec
    };
    gateway.resource(ENVOY_GATEWAY, "Backend", provider.name.as_str()).with("spec", spec)
}

fn tls(gateway: &GatewayApi, provider: &Provider) -> Option<Map> {
    if provider.base_url.scheme() == Scheme::Http {
        return None;
    }
    let validation =
        Map::new().with("wellKnownCACertificates", "System").with("hostname", provider.base_url.host());
    let spec = Map::new()
        .with("targetRefs", List::new().item(backend(provider)))
        .why("Without it Envoy speaks plain HTTP to the provider.")
        .with("validation", validation);
    Some(gateway.resource(GATEWAY_API, "BackendTLSPolicy", provider.name.as_str()).with("spec", spec))
}

fn policy(gateway: &GatewayApi, route: &str, rule: &Rule<'_>) -> Map {
    let (router, limits) = (&gateway.router, rule.plan.served.limits);
    let target = Map::new()
        .with("group", "gateway.networking.k8s.io")
        .with("kind", "HTTPRoute")
        .with("name", route)
        .with("sectionName", rule.name.as_str())
        .inline();
    let mut http = Map::new()
        .why("The whole request over all attempts, to the last byte.")
        .with("requestTimeout", duration(limits.total.duration()))
        .with("connectionIdleTimeout", duration(clusters::IDLE_CONNECTION));
    if rule.kind == Kind::Stream {
        http = http
            .why("The gap between two pieces of a stream; never less than all attempts may take to begin, since that time counts too.")
            .with("streamIdleTimeout", duration(routes::gap(&rule.plan)));
    }
    let tcp = Map::new().with("connectTimeout", duration(clusters::connect_timeout(limits))).inline();
    let under_way = Map::new()
        .with("maxConnections", clusters::UNDER_WAY)
        .with("maxPendingRequests", clusters::UNDER_WAY)
        .with("maxParallelRequests", clusters::UNDER_WAY)
        .with("maxParallelRetries", clusters::UNDER_WAY);
    let spec = Map::new()
        .with("targetRefs", List::new().item(target))
        .why("What a policy of the whole Gateway says beside this, such as a limit for every caller, holds here too.")
        .with("mergeType", "StrategicMerge")
        .with("retry", retry(rule))
        .with("timeout", Map::new().with("tcp", tcp).with("http", http))
        .why("A provider's whole answer is held while it is translated; Envoy Gateway's default is 32 KiB.")
        .with("connection", Map::new().with("bufferLimit", u64::from(router.max_body.envoy_bytes())).inline())
        .why("A request that meets one of these limits is not retried elsewhere.")
        .with("circuitBreaker", under_way)
        .with_some("healthCheck", router.outliers.map(passive))
        .with(
            "tcpKeepalive",
            Map::new().with("probes", 3).with("idleTime", "30s").with("interval", "10s").inline(),
        );
    gateway.resource(ENVOY_GATEWAY, "BackendTrafficPolicy", &rule.name).with("spec", spec)
}

/// Failures one after the other, and nobody is asked for it.
fn passive(outliers: Outliers) -> Map {
    let passive = Map::new()
        .with("consecutive5XxErrors", u64::from(outliers.failures))
        .with("interval", duration(clusters::OUTLIER_SWEEP))
        .with("baseEjectionTime", duration(outliers.ejection_time.duration()))
        .with("maxEjectionPercent", clusters::MOST_EJECTED);
    Map::new().with("passive", passive.inline())
}

fn retry(rule: &Rule<'_>) -> Map {
    let limits = rule.plan.served.limits;
    let (base, max) = routes::BACK_OFF;
    let back_off =
        Map::new().with("baseInterval", duration(base)).with("maxInterval", duration(max)).inline();
    let triggers: List =
        ["connect-failure", "refused-stream", "reset", "retriable-status-codes"].into_iter().collect();
    let statuses: List = names::RETRIED_STATUSES.into_iter().map(u64::from).collect();
    let (why, attempt) = match rule.kind {
        Kind::Stream => (
            "Until the first content: ai-provider holds a stream's headers until then. A stream that has begun is not cut by it.",
            limits.first_byte,
        ),
        Kind::Answer => (
            "One attempt's whole answer: a provider that stays silent is given up here, and the next takes over.",
            limits.answer,
        ),
        Kind::Either => (
            "One attempt's whole answer, or the first content of a stream, whichever it is.",
            limits.answer.max(limits.first_byte),
        ),
    };
    let map = Map::new().why("One attempt for each provider.").with("numRetries", rule.plan.retries());
    let map = if rule.plan.only().is_some() {
        map
    } else {
        map.why(
            "Each attempt leaves out the rank that was tried; without it a retry goes to the first again.",
        )
        .with("numAttemptsPerPriority", 1)
    };
    map.why("A refusal such as 400 or 401 is not one of them: the next provider would only hide it.")
        .with(
            "retryOn",
            Map::new().with("triggers", triggers.inline()).with("httpStatusCodes", statuses.inline()),
        )
        .with(
            "perRetry",
            Map::new().why(why).with("timeout", duration(attempt.duration())).with("backOff", back_off),
        )
}
