//! Limits of what callers may spend, and what they hold for.

use config::GatewayConfig;

use super::Found;
use super::tree::Spot;
use super::world::{Resource, World};

pub(super) fn check(world: &World<'_>, found: &mut Found) {
    let pods = pods(world);
    for policy in world.of("BackendTrafficPolicy") {
        let limit = policy.spec().and_then(|spec| spec.get("rateLimit"));
        let local = limit.filter(|it| it.text_of("type") == Some("Local") || it.get("local").is_some());
        if let (Some(limit), Some(pods)) = (local, pods) {
            let message = format!(
                "each of {pods} gateways counts for itself, and all together admit up to {pods} times as much"
            );
            found.problem(
                &limit,
                message,
                "`rateLimit.global`, which the rate limit service counts for all of them; or one gateway",
            );
        }
    }
    for policy in world.of("EnvoyExtensionPolicy") {
        for filter in policy.spec().map_or_else(Vec::new, |spec| spec.each("wasm")) {
            if let Some(open) = filter.get("failOpen").filter(|_| filter.is_true("failOpen")) {
                let message = "where the filter fails, requests pass it: no caller is asked who they are, and no budget counts";
                found.problem(&open, message, "leave it out: a request is then refused");
            }
            let ours = filter.get("config").filter(|config| config.get("models").is_some());
            if let Some(config) = ours {
                of_filter(world, policy, &config, pods, found);
            }
        }
    }
}

/// ai-gateway's configuration, which its own reader judges; and what that cannot know.
fn of_filter(
    world: &World<'_>,
    policy: &Resource<'_>,
    config: &Spot<'_>,
    pods: Option<u64>,
    found: &mut Found,
) {
    let env = |_: &str| Some("set".repeat(16));
    if let Err(problems) = GatewayConfig::parse(config.node.json().to_string().as_bytes(), &env) {
        for problem in problems.iter() {
            let at = place(config, &problem.path);
            let at = Spot { path: format!("{}.{}", config.path, problem.path), ..at };
            found.problem(&at, problem.message.clone(), problem.hint.clone());
        }
    }
    let limits = config.get("budgets").map_or_else(Vec::new, |budgets| budgets.each("limits"));
    if let (Some(limit), Some(pods)) = (limits.first(), pods) {
        let message = format!(
            "each of {pods} gateways keeps this budget for itself, and all together admit up to {pods} times as much"
        );
        found.warn(limit, message, "run one gateway, or divide what it may admit");
    }
    let longest =
        config.get("max_body_bytes").and_then(|bytes| bytes.number()).unwrap_or(u64::from(DEFAULT_BODY));
    for gateway in gateways(world, policy) {
        for (client, _) in world.targeting("ClientTrafficPolicy", gateway) {
            let limit = client.spec().and_then(|spec| spec.find(&["connection", "bufferLimit"]));
            if let Some(limit) =
                limit.filter(|it| it.bytes().is_some_and(|bytes| bytes < longest.saturating_mul(2)))
            {
                let message = format!(
                    "is less than twice the filter's longest body of {longest} bytes: Envoy's limit is met first, and it ends requests without a word"
                );
                found.problem(&limit, message, format!("{} or more", longest.saturating_mul(2)));
            }
        }
    }
}

/// The Gateways that a policy is for: those that it targets, and those of the routes that it targets, each once.
fn gateways<'w, 'a>(world: &'w World<'a>, policy: &Resource<'_>) -> Vec<&'w Resource<'a>> {
    let mut gateways: Vec<&Resource<'a>> = Vec::new();
    for target in world.targets(policy) {
        let more = if target.kind == "Gateway" { vec![target] } else { world.gateways(target) };
        for gateway in more {
            if !gateways.iter().any(|known| std::ptr::eq(*known, gateway)) {
                gateways.push(gateway);
            }
        }
    }
    gateways
}

/// The default of `max_body_bytes`.
const DEFAULT_BODY: u32 = 8 << 20;

/// How many gateways there may be, where that is more than one: the most that an EnvoyProxy says.
fn pods(world: &World<'_>) -> Option<u64> {
    let counts = world.of("EnvoyProxy").filter_map(|proxy| {
        let kubernetes = proxy.spec()?.find(&["provider", "kubernetes"])?;
        let number = |keys: &[&str]| kubernetes.find(keys).and_then(|it| it.number());
        number(&["envoyDeployment", "replicas"]).max(number(&["envoyHpa", "maxReplicas"]))
    });
    counts.max().filter(|count| *count > 1)
}

/// Where that path of a problem leads, as far as it does.
fn place<'a>(config: &Spot<'a>, path: &str) -> Spot<'a> {
    let mut spot = config.clone();
    for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        let next = match part.parse::<usize>() {
            Ok(index) => spot.items().into_iter().nth(index),
            Err(_) => spot.get(part.trim_matches('"')),
        };
        match next {
            Some(next) => spot = next,
            None => break,
        }
    }
    spot
}
