//! A file for docker compose: the official Envoy with a bootstrap, both modules, and the keys from the environment or `.env`.
//!
//! No secret is in it: a key that is not set stops `docker compose up` with its name. Nothing runs as root, and nothing can be written.
//! Beside the gateway there may be Prometheus and Grafana, in a profile, and scripted providers in the place of the real ones.

mod limits;
mod monitoring;
mod scripted;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{EnvName, EnvoyVersion, FilePath, GlobalBudget, LlmRouter, filter_config};
use crate::yaml::{self, List, Map};
pub use scripted::on_scripted_providers;

/// The release that is tested; of other versions the newest patch.
const TESTED: (EnvoyVersion, &str) = (EnvoyVersion(40), "v1.40.0");
/// The user `envoy` of the official image.
const USER: &str = "101:101";
/// Where the bootstrap is in the container.
const BOOTSTRAP: &str = "/etc/envoy/envoy.yaml";
/// Where the image has certificate authorities of its own.
const IN_THE_IMAGE: [&str; 2] = ["/etc/ssl/certs/", "/usr/share/ca-certificates/"];

/// Where compose finds the files that it mounts, as the compose file sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComposeFiles {
    /// The bootstrap: `./envoy.yaml`.
    pub bootstrap: String,
    /// The directory of `ai_gateway.wasm` and `ai_provider.wasm`.
    pub modules: String,
    /// The directory of what Prometheus and Grafana read; without it neither is in the file. They need [`LlmRouter::metrics`].
    pub monitoring: Option<String>,
    /// The rate limit service's own file, where the router has a shared budget.
    pub limits: Option<String>,
    /// The checkout that the scripted providers are built from, where the router is [on them](on_scripted_providers).
    pub scripted: Option<String>,
}

/// The compose file of a gateway with that bootstrap, as commented YAML.
pub fn compose(router: &LlmRouter, files: &ComposeFiles) -> String {
    let how = match files.scripted {
        None => {
            "A gateway in a container: `docker compose up`. Rendered by `ai-filters render route`; change its inputs, not this file.\n\n\
             The keys come from the environment or from a file `.env` beside this one."
        }
        Some(_) => {
            "The same gateway in front of scripted providers: no key is needed, nothing leaves the machine, and nothing is charged.\n\
             `docker compose -f docker-compose.mock.yaml up`. Rendered by `ai-filters render route`; change its inputs, not this file."
        }
    };
    let profile = "\n\nWith `--profile monitoring` Prometheus is on http://localhost:9090 and Grafana on http://localhost:3000.";
    let heading = format!("{how}{}", if files.monitoring.is_some() { profile } else { "" });
    let mut services = Map::new().with("gateway", gateway(router, files));
    let mut volumes = Vec::new();
    if let Some(checkout) = &files.scripted {
        services = services.with("providers", scripted::service(router, checkout));
        volumes.push(scripted::VOLUME);
    }
    if let Some((budget, file)) = limited(router, files) {
        services = limits::services(budget, file)
            .into_iter()
            .fold(services, |map, (name, service)| map.with(&name, service));
    }
    if let (Some(directory), Some(_)) = (&files.monitoring, router.metrics) {
        services = services
            .with("prometheus", monitoring::prometheus(directory))
            .with("grafana", monitoring::grafana(directory));
        volumes.extend(monitoring::VOLUMES);
    }
    let root = Map::new().with("services", services);
    if volumes.is_empty() {
        return yaml::document(&heading, root);
    }
    let volumes = volumes.into_iter().fold(Map::new(), |map, name| map.with(name, Map::new()));
    yaml::document(&heading, root.with("volumes", volumes))
}

/// The router as its bootstrap has it in a container of that compose file. A container has none of its host's addresses: who reaches
/// the gateway is decided by where its port is published.
pub fn in_container(router: &LlmRouter) -> LlmRouter {
    let mut router = router.clone();
    if !router.listen.ip().is_loopback() {
        router.listen.set_ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
    router
}

/// What `.env` beside that compose file has to say, with nothing said yet.
pub fn example_env(router: &LlmRouter) -> String {
    let names: String = variables(router).iter().map(|name| format!("{name}=\n")).collect();
    format!(
        "# Copy this file to `.env` and fill it in. Git ignores `.env`; nothing else holds a key.\n{names}"
    )
}

fn gateway(router: &LlmRouter, files: &ComposeFiles) -> Map {
    let command: List =
        ["envoy", "-c", BOOTSTRAP, "--concurrency", "2", "--disable-hot-restart"].into_iter().collect();
    let service = Map::new()
        .with("image", image(router.envoy))
        .with("command", command.inline())
        .why("The image's own user `envoy`; what is mounted has to be readable for it.")
        .with("user", USER);
    let mut service = confined(service)
        .why("Two workers with both modules take some 200 MB (`ps -o rss`); the rest is for bodies that are held.")
        .with("mem_limit", "1g");
    let variables = variables(router);
    if !variables.is_empty() {
        let value = |name: &str| match files.scripted {
            None => format!("${{{name}:?is not set}}"),
            Some(_) => scripted::value(router, name),
        };
        let environment = variables.iter().fold(Map::new(), |map, name| map.with(name, value(name)));
        service = service
            .why(match files.scripted {
                None => "Each filter sees the keys that its configuration names, and no other.",
                Some(_) => "These open the scripted providers, and nothing else.",
            })
            .with("environment", environment);
    }
    let mut awaited = Map::new();
    if files.scripted.is_some() {
        let (name, dependency) = scripted::dependency();
        awaited = awaited
            .why("Its certificate authority is a new one at each start, and Envoy reads it once.")
            .with(name, dependency);
    }
    if let Some((budget, _)) = limited(router, files) {
        let (name, dependency) = limits::dependency(budget);
        awaited =
            awaited.why("A gateway that does not reach it says so in every answer.").with(&name, dependency);
    }
    service = service.with_some("depends_on", (awaited != Map::new()).then_some(awaited));
    if router.listen.ip().is_loopback() {
        service = service
            .why("Loopback in a container is the container's own; with the host's network it is the host's.")
            .with("network_mode", "host");
    } else {
        service = service
            .why("The admin interface is on the container's loopback and stays there.")
            .with("ports", List::new().item(published(router)).inline());
    }
    ending(
        service
            .with("volumes", volumes(router, files))
            .why("Ready once every cluster and both filters are. The image has bash and no curl.")
            .with("healthcheck", healthcheck(answers(router.admin_port, "/ready", "LIVE"))),
    )
}

/// Where clients reach the gateway: on every address of the host, or on the one that the router says.
fn published(router: &LlmRouter) -> String {
    let port = router.listen.port();
    if router.listen.ip().is_unspecified() {
        format!("{port}:{port}")
    } else {
        format!("{}:{port}", router.listen)
    }
}

/// A text that Compose takes as it is: it puts variables in the place of names behind a `$`.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// The shared budget that the services of this file count, and their own file.
fn limited<'a>(router: &'a LlmRouter, files: &'a ComposeFiles) -> Option<(&'a GlobalBudget, &'a str)> {
    let budget = router.global_budget.as_ref().filter(|budget| counts_beside(budget))?;
    Some((budget, files.limits.as_deref()?))
}

/// Whether the service that counts a shared budget is one of the compose file's, by its name: one word is another container's.
pub fn counts_beside(budget: &GlobalBudget) -> bool {
    limits::is_beside(budget)
}

/// The other service of the compose file that has the name of the service that counts a shared budget, where one may.
pub fn service_taken(budget: &GlobalBudget) -> Option<&str> {
    limits::taken(budget)
}

/// What holds for every container: nothing is written, nothing is gained.
fn confined(service: Map) -> Map {
    service
        .with("read_only", true)
        .with("cap_drop", List::new().item("ALL").inline())
        .with("security_opt", List::new().item("no-new-privileges:true").inline())
}

/// How every container is kept: it is started again, and its log does not fill the disk.
fn ending(service: Map) -> Map {
    let options = Map::new().with("max-size", "10m").with("max-file", "3").inline();
    service
        .with("restart", "unless-stopped")
        .with("logging", Map::new().with("driver", "json-file").with("options", options))
}

/// The official image: the tested release, or the newest patch of another.
fn image(envoy: EnvoyVersion) -> String {
    let (tested, tag) = TESTED;
    if envoy == tested {
        format!("envoyproxy/envoy:{tag}")
    } else {
        format!("envoyproxy/envoy:v1.{}-latest", envoy.0)
    }
}

/// Every variable that a filter reads, once.
fn variables(router: &LlmRouter) -> Vec<&str> {
    let keys = router.every_provider().filter_map(|(_, provider)| provider.key_env()).map(EnvName::as_str);
    let mut variables: Vec<&str> = Vec::new();
    for name in keys.chain(filter_config::gateway_env(router)) {
        if !variables.contains(&name) {
            variables.push(name);
        }
    }
    variables
}

fn volumes(router: &LlmRouter, files: &ComposeFiles) -> List {
    let file_name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let modules = [&router.modules.gateway, &router.modules.provider];
    let mounts =
        std::iter::once((files.bootstrap.clone(), BOOTSTRAP.to_owned())).chain(modules.map(|module| {
            let from = format!("{}/{}", files.modules.trim_end_matches('/'), file_name(module.as_str()));
            (from, module.as_str().to_owned())
        }));
    let tls: Vec<&FilePath> = router.tls.iter().flat_map(|tls| [&tls.certificate, &tls.key]).collect();
    let is_own = |path: &FilePath| !IN_THE_IMAGE.iter().any(|own| path.as_str().starts_with(own));
    let bundle = Some(&router.ca_bundle).filter(|path| files.scripted.is_none() && is_own(path));
    let beside: Vec<&FilePath> = tls.into_iter().chain(bundle).collect();
    let from = |path: &FilePath| {
        let name = file_name(path.as_str());
        let taken = beside.iter().any(|other| *other != path && file_name(other.as_str()) == name);
        // Two files of one name are told apart by their directories.
        let from = if taken { path.as_str().trim_start_matches('/') } else { name.as_str() };
        literal(&format!("./{from}"))
    };
    let beside = beside.iter().map(|path| (from(path), literal(path.as_str())));
    let authority =
        files.scripted.iter().map(|_| (scripted::VOLUME.to_owned(), scripted::MOUNTED.to_owned()));
    mounts.chain(beside).chain(authority).map(|(from, to)| format!("{from}:{to}:ro")).collect()
}

/// A test in an image that has bash and no curl: that path is answered, and the answer holds that word.
fn answers(port: u16, path: &str, word: &str) -> List {
    let ask = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port} && printf 'GET {path} HTTP/1.1\\r\\nhost: ready\\r\\nconnection: close\\r\\n\\r\\n' >&3 \
         && grep -q {word} <&3"
    );
    ["CMD", "bash", "-c"].into_iter().map(str::to_owned).chain([ask]).collect()
}

fn healthcheck(test: List) -> Map {
    Map::new()
        .with("test", test)
        .with("interval", Duration::from_secs(5))
        .with("timeout", Duration::from_secs(2))
        .with("start_period", Duration::from_secs(20))
        .with("retries", 3)
}
