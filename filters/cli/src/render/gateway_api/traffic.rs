//! The way to the providers: routes, backends, TLS, retries and time limits.

use seam::names;

use super::super::plans::{Plan, plans};
use super::super::routes::{self, Kind};
use super::super::{LlmRouter, Provider, Scheme, clusters};
use super::proxy::backend;
use super::{ENVOY_GATEWAY, GATEWAY, GATEWAY_API, GatewayApi, ROUTE, duration, host, resource};
use crate::yaml::{List, Map};

/// The filter of an HTTPRoute that names the host where ai-provider does not.
const REWRITE: &str = "provider-host";

/// A rule of the HTTPRoute; its number is part of its cluster's name.
pub(super) struct Rule<'a> {
    plan: Plan<'a>,
    kind: Kind,
}

/// The rules in their order.
pub(super) fn rules(router: &LlmRouter) -> Vec<Rule<'_>> {
    let mut rules = Vec::new();
    for kind in Kind::of(router) {
        rules.extend(plans(router).into_iter().map(|plan| Rule { plan, kind: *kind }));
    }
    rules
}

impl Rule<'_> {
    /// Its name, and that of its policy.
    fn name(&self) -> String {
        match self.kind {
            Kind::Stream => format!("{}-stream", self.plan.name),
            Kind::Answer => format!("{}-answer", self.plan.name),
            Kind::Either => self.plan.name.clone(),
        }
    }

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
    let mut resources = vec![route(gateway)];
    if !router.filters.provider() {
        resources.push(rewrite());
    }
    for (place, provider) in router.providers.iter().enumerate() {
        resources.push(the_backend(provider, place > 0));
        resources.extend(tls(provider));
    }
    resources.extend(rules(router).iter().map(|rule| policy(router, rule)));
    resources
}

fn route(gateway: &GatewayApi) -> Map {
    let mut list = List::new();
    for rule in rules(&gateway.router) {
        list = list.why(routes::reason(&gateway.router, &rule.plan, rule.kind)).item(of_rule(gateway, &rule));
    }
    let parent = Map::new().with("name", GATEWAY).inline();
    resource(GATEWAY_API, "HTTPRoute", ROUTE)
        .with("spec", Map::new().with("parentRefs", List::new().item(parent).inline()).with("rules", list))
}

fn of_rule(gateway: &GatewayApi, rule: &Rule<'_>) -> Map {
    let mut headers = List::new();
    let mut header = |name: &str, value: &str| {
        let map = Map::new().with("name", name).with("value", value).inline();
        headers = std::mem::take(&mut headers).item(map);
    };
    // A filter of an EnvoyExtensionPolicy runs where a route was found. The full plan's answers are what is found before it ran: without
    // ai-gateway's headers every request matches them, and with its headers they are matched by what no other rule matches.
    if let Some(providers) = &rule.plan.header {
        header(names::MODEL_HEADER, gateway.router.model.as_str());
        header(names::PLAN_HEADER, providers);
    }
    if rule.kind == Kind::Stream {
        header(names::STREAM_HEADER, "true");
    }
    let matched = Map::new().with("path", Map::new().with("type", "PathPrefix").with("value", "/").inline());
    let matched = if headers == List::new() { matched } else { matched.with("headers", headers) };
    let backends: List = rule.plan.providers().map(backend).collect();
    let map = Map::new().with("name", rule.name()).with("matches", List::new().item(matched));
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
fn rewrite() -> Map {
    let hostname = Map::new().with("type", "Backend").inline();
    resource(ENVOY_GATEWAY, "HTTPRouteFilter", REWRITE)
        .with("spec", Map::new().with("urlRewrite", Map::new().with("hostname", hostname)))
}

fn the_backend(provider: &Provider, fallback: bool) -> Map {
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
    resource(ENVOY_GATEWAY, "Backend", provider.name.as_str()).with("spec", spec)
}

fn tls(provider: &Provider) -> Option<Map> {
    if provider.base_url.scheme() == Scheme::Http {
        return None;
    }
    let validation =
        Map::new().with("wellKnownCACertificates", "System").with("hostname", provider.base_url.host());
    let spec = Map::new()
        .with("targetRefs", List::new().item(backend(provider)))
        .why("Without it Envoy speaks plain HTTP to the provider.")
        .with("validation", validation);
    Some(resource(GATEWAY_API, "BackendTLSPolicy", provider.name.as_str()).with("spec", spec))
}

fn policy(router: &LlmRouter, rule: &Rule<'_>) -> Map {
    let target = Map::new()
        .with("group", "gateway.networking.k8s.io")
        .with("kind", "HTTPRoute")
        .with("name", ROUTE)
        .with("sectionName", rule.name())
        .inline();
    let mut http = Map::new()
        .why("The whole request over all attempts, to the last byte.")
        .with("requestTimeout", duration(router.limits.total.duration()))
        .with("connectionIdleTimeout", duration(clusters::IDLE_CONNECTION));
    if rule.kind == Kind::Stream {
        http = http
            .why("The gap between two pieces of a stream; never less than all attempts may take to begin, since that time counts too.")
            .with("streamIdleTimeout", duration(routes::gap(&rule.plan)));
    }
    let tcp = Map::new().with("connectTimeout", duration(clusters::connect_timeout(router.limits))).inline();
    let under_way = Map::new()
        .with("maxConnections", clusters::UNDER_WAY)
        .with("maxPendingRequests", clusters::UNDER_WAY)
        .with("maxParallelRequests", clusters::UNDER_WAY)
        .with("maxParallelRetries", clusters::UNDER_WAY);
    let spec = Map::new()
        .with("targetRefs", List::new().item(target))
        .why("What a policy of the whole Gateway says beside this, such as a limit for every caller, holds here too.")
        .with("mergeType", "StrategicMerge")
        .with("retry", retry(router, rule))
        .with("timeout", Map::new().with("tcp", tcp).with("http", http))
        .why("A provider's whole answer is held while it is translated; Envoy Gateway's default is 32 KiB.")
        .with("connection", Map::new().with("bufferLimit", u64::from(router.max_body.envoy_bytes())).inline())
        .why("A request that meets one of these limits is not retried elsewhere.")
        .with("circuitBreaker", under_way)
        .with(
            "tcpKeepalive",
            Map::new().with("probes", 3).with("idleTime", "30s").with("interval", "10s").inline(),
        );
    resource(ENVOY_GATEWAY, "BackendTrafficPolicy", &rule.name()).with("spec", spec)
}

fn retry(router: &LlmRouter, rule: &Rule<'_>) -> Map {
    let limits = router.limits;
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
