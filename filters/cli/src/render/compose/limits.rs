//! What counts for a fleet: the rate limit service and its Redis, as `envoy-configs/global-budget` has them, which the tests run.

use super::super::GlobalBudget;
use super::{confined, ending};
use crate::yaml::{List, Map};

/// The service's name for Redis, which is its host name too.
const REDIS: &str = "redis";
/// Where the service listens where nobody says otherwise.
const PORT: u16 = 8081;
/// The names of the file's other services.
const OTHERS: [&str; 5] = ["gateway", "providers", "prometheus", "grafana", REDIS];

/// Whether the service is one of this file's: a name of one word is another container's, any other is somebody else's machine.
pub(super) fn is_beside(budget: &GlobalBudget) -> bool {
    let host = budget.service.host();
    !host.contains(['.', ':']) && host != "localhost"
}

/// The other service that has the name already, where one may.
pub(super) fn taken(budget: &GlobalBudget) -> Option<&str> {
    OTHERS.into_iter().find(|other| is_beside(budget) && *other == budget.service.host())
}

/// Both services.
pub(super) fn services(budget: &GlobalBudget, file: &str) -> [(String, Map); 2] {
    [(budget.service.host().to_owned(), ratelimit(budget, file)), (REDIS.to_owned(), redis())]
}

/// What waits for the service. Its image holds one program and no shell, so nothing in it can be asked whether it is healthy.
pub(super) fn dependency(budget: &GlobalBudget) -> (String, Map) {
    (budget.service.host().to_owned(), Map::new().with("condition", "service_started").inline())
}

fn ratelimit(budget: &GlobalBudget, file: &str) -> Map {
    let mut environment = Map::new()
        .with("RUNTIME_ROOT", "/data")
        .with("RUNTIME_SUBDIRECTORY", "ratelimit")
        .with("RUNTIME_WATCH_ROOT", "false")
        .with("REDIS_SOCKET_TYPE", "tcp")
        .with("REDIS_URL", format!("{REDIS}:6379"))
        .with("REDIS_TIMEOUT", "1s")
        .why("How Envoy knows that it was asked: without it every answer says `x-ai-global-budget: unchecked`.")
        .with("RESPONSE_DYNAMIC_METADATA", "true")
        .with("USE_STATSD", "false")
        .with("LOG_LEVEL", "warn");
    if budget.service.port() != PORT {
        environment = environment.with("GRPC_PORT", budget.service.port().to_string());
    }
    let service = Map::new()
        .why("The commit that the tests run: tags of this image are the first eight digits.")
        .with("image", "envoyproxy/ratelimit:3fb70258")
        .with("command", List::new().item("/bin/ratelimit").inline())
        .with("user", "65532:65532");
    let redis = Map::new().with("condition", "service_healthy").inline();
    let service = confined(service)
        .with("mem_limit", "256m")
        .with("environment", environment)
        .with("volumes", List::new().item(format!("{file}:/data/ratelimit/config/ratelimit.yaml:ro")))
        .with("depends_on", Map::new().with(REDIS, redis).inline());
    ending(service)
}

fn redis() -> Map {
    let command: List = [
        "redis-server",
        "--save",
        "",
        "--appendonly",
        "no",
        "--maxmemory",
        "200mb",
        "--maxmemory-policy",
        "volatile-ttl",
    ]
    .into_iter()
    .collect();
    let healthcheck = Map::new()
        .with("test", ["CMD", "redis-cli", "ping"].into_iter().collect::<List>().inline())
        .with("interval", "5s")
        .with("timeout", "2s")
        .with("start_period", "10s")
        .with("retries", 3);
    let service = Map::new()
        .why("The version that the tests run.")
        .with("image", "redis:7.0.15")
        .why("No snapshot and no log: counters are worth nothing tomorrow. Above its memory it forgets what ends soonest.")
        .with("command", command.inline())
        .why("The image's own user `redis`.")
        .with("user", "999:999");
    ending(confined(service).with("mem_limit", "256m").with("healthcheck", healthcheck))
}
