//! A file for docker compose: the official Envoy with a bootstrap, both modules, and the keys from the environment or `.env`.
//!
//! No secret is in it: a key that is not set stops `docker compose up` with its name. Nothing runs as root, and nothing can be written.

use std::time::Duration;

use super::{EnvName, EnvoyVersion, LlmRouter, filter_config};
use crate::yaml::{self, List, Map};

/// The release that is tested; of other versions the newest patch.
const TESTED: (EnvoyVersion, &str) = (EnvoyVersion(40), "v1.40.0");
/// The user `envoy` of the official image.
const USER: &str = "101:101";
/// Where the bootstrap is in the container.
const BOOTSTRAP: &str = "/etc/envoy/envoy.yaml";

/// Where compose finds the files that it mounts, as the compose file sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeFiles {
    /// The bootstrap: `./envoy.yaml`.
    pub bootstrap: String,
    /// The directory of `ai_gateway.wasm` and `ai_provider.wasm`.
    pub modules: String,
}

/// The compose file of a gateway with that bootstrap, as commented YAML.
pub fn compose(router: &LlmRouter, files: &ComposeFiles) -> String {
    let heading = "A gateway in a container: `docker compose up`. Rendered by `ai-filters render route`; change its inputs, not this file.\n\n\
                   The keys come from the environment or from a file `.env` beside this one.";
    yaml::document(heading, Map::new().with("services", Map::new().with("gateway", gateway(router, files))))
}

fn gateway(router: &LlmRouter, files: &ComposeFiles) -> Map {
    let command: List =
        ["envoy", "-c", BOOTSTRAP, "--concurrency", "2", "--disable-hot-restart"].into_iter().collect();
    let port = router.listen.port();
    let mut service = Map::new()
        .with("image", image(router.envoy))
        .with("command", command.inline())
        .why("The image's own user `envoy`; what is mounted has to be readable for it.")
        .with("user", USER)
        .with("read_only", true)
        .with("cap_drop", List::new().item("ALL").inline())
        .with("security_opt", List::new().item("no-new-privileges:true").inline());
    let variables = variables(router);
    if !variables.is_empty() {
        let environment =
            variables.iter().fold(Map::new(), |map, name| map.with(name, format!("${{{name}:?is not set}}")));
        service = service
            .why("Each filter sees the keys that its configuration names, and no other.")
            .with("environment", environment);
    }
    if router.listen.ip().is_loopback() {
        service = service
            .why("Loopback in a container is the container's own; with the host's network it is the host's.")
            .with("network_mode", "host");
    } else {
        service = service
            .why("The admin interface is on the container's loopback and stays there.")
            .with("ports", List::new().item(format!("{port}:{port}")).inline());
    }
    service
        .with("volumes", volumes(router, files))
        .why("Ready once every cluster and both filters are. The image has bash and no curl.")
        .with("healthcheck", healthcheck(router.admin_port))
        .with("restart", "unless-stopped")
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
    let tls = router.tls.iter().flat_map(|tls| [&tls.certificate, &tls.key]);
    let tls = tls.map(|path| (format!("./{}", file_name(path.as_str())), path.as_str().to_owned()));
    mounts.chain(tls).map(|(from, to)| format!("{from}:{to}:ro")).collect()
}

fn healthcheck(admin_port: u16) -> Map {
    let ask = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{admin_port} && printf 'GET /ready HTTP/1.1\\r\\nhost: ready\\r\\nconnection: close\\r\\n\\r\\n' >&3 \
         && grep -q LIVE <&3"
    );
    let test: List = ["CMD", "bash", "-c"].into_iter().map(str::to_owned).chain([ask]).collect();
    Map::new()
        .with("test", test)
        .with("interval", Duration::from_secs(5))
        .with("timeout", Duration::from_secs(2))
        .with("start_period", Duration::from_secs(20))
        .with("retries", 3)
}
