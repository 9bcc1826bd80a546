//! The filters: ai-gateway by an `EnvoyExtensionPolicy`, and by an `EnvoyPatchPolicy` what that cannot say.

use serde_json::Value;

use super::super::{clusters, filter_config, wasm};
use super::{
    ENVOY_GATEWAY, GATEWAY, GatewayApi, Infrastructure, PROVIDER_MODULE, reference, this_gateway, traffic,
};
use crate::yaml::{List, Map, Yaml};

/// The filter's name, by which patches find it: the name of the HTTP filter is Envoy Gateway's own and has changed.
const FILTER: &str = "ai-gateway";
const LISTENER_TYPE: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const CLUSTER_TYPE: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

pub(super) fn resources(gateway: &GatewayApi) -> Vec<Map> {
    let extension = gateway.router.filters.gateway().then(|| extension(gateway));
    let patched = patches(gateway).into_iter().filter(|(_, patches)| *patches != List::new());
    let patched = patched.map(|(name, patches)| {
        let spec = Map::new()
            .with("targetRef", this_gateway())
            .with("type", "JSONPatch")
            .with("jsonPatches", patches);
        gateway.resource(ENVOY_GATEWAY, "EnvoyPatchPolicy", &name).with("spec", spec)
    });
    extension.into_iter().chain(patched).collect()
}

fn extension(gateway: &GatewayApi) -> Map {
    let code = Map::new()
        .with("type", "Image")
        .why("A digest beside it (`sha256`) is worth its line: a tag can be moved.")
        .with("image", Map::new().with("url", gateway.gateway_image.as_str()).inline());
    let configuration = filter_config::gateway(&gateway.router);
    let mut wasm = Map::new().with("name", FILTER).with("code", code);
    let env = filter_config::gateway_env(&gateway.router);
    if !env.is_empty() {
        let keys: List = env.into_iter().collect();
        wasm = wasm
            .why("The filter sees these variables of Envoy's environment and no other.")
            .with("env", Map::new().with("hostKeys", keys.inline()).inline());
    }
    // It was rendered as JSON a line above: what cannot be read here cannot be written there.
    let wasm =
        wasm.with_some("config", serde_json::from_str(&configuration).ok().map(|value: Value| json(&value)));
    let routes: List = traffic::routes(gateway)
        .iter()
        .map(|route| reference("gateway.networking.k8s.io", "HTTPRoute", &route.name))
        .collect();
    let spec = Map::new()
        .why("These routes alone: others may stand behind the same Gateway, and their paths are none of this filter's.")
        .with("targetRefs", routes)
        .with("wasm", List::new().item(wasm));
    gateway.resource(ENVOY_GATEWAY, "EnvoyExtensionPolicy", FILTER).with("spec", spec)
}

/// The patches by the names of their policies: of the listener and of the first route's clusters together, and of each further route's by
/// themselves. Each patch of a cluster has the whole of ai-provider's configuration, and `kubectl apply` takes no resource above 256 KiB.
fn patches(gateway: &GatewayApi) -> Vec<(String, List)> {
    let mut patches = List::new();
    if gateway.held() {
        patches = patches
            .why("Headers wait until the filter has read the body; without it Envoy would stop the body too.")
            .item(of_filter(gateway, "allow_on_headers_stop_iteration", true.into()))
            .why("A trap takes this worker's VM down; by default every later request would be answered 503, for ever.")
            .item(of_filter(gateway, "failure_policy", "FAIL_RELOAD".into()));
    }
    let routes = if gateway.router.filters.provider() { traffic::routes(gateway) } else { Vec::new() };
    let mut routes = routes.iter();
    if let Some(first) = routes.next() {
        patches = of_clusters(gateway, first, patches);
    }
    // Any patch needs a target, and a router without one has to run without.
    if matches!(gateway.infrastructure, Infrastructure::Host { .. }) && patches != List::new() {
        patches = patches.why("Clients of this machine alone.").item(patch(
            LISTENER_TYPE,
            &listener(gateway),
            Map::new()
                .with("op", "replace")
                .with("path", "/address/socket_address/address")
                .with("value", "127.0.0.1"),
        ));
    }
    let further = routes.map(|route| (route.name.clone(), of_clusters(gateway, route, List::new())));
    std::iter::once((GATEWAY.to_owned(), patches)).chain(further).collect()
}

/// The patches of a route's clusters, behind those.
fn of_clusters(gateway: &GatewayApi, route: &traffic::Route<'_>, mut patches: List) -> List {
    for (index, rule) in route.rules.iter().enumerate() {
        patches = patches
            .why("ai-provider stands in the clusters: one for each rule of the route, in its order.")
            .item(of_cluster(gateway, &route.name, index, rule));
    }
    patches
}

fn listener(gateway: &GatewayApi) -> String {
    format!("{}/{GATEWAY}/{}", gateway.place.namespace, gateway.listener())
}

fn patch(kind: &str, name: &str, operation: Map) -> Map {
    Map::new().with("type", kind).with("name", name).with("operation", operation)
}

/// A member of ai-gateway's plugin configuration.
fn of_filter(gateway: &GatewayApi, member: &str, value: Yaml) -> Map {
    let at = format!("..http_filters[?(@.typed_config.config.name=='{FILTER}')].typed_config.config");
    let operation =
        Map::new().with("op", "add").with("jsonPath", at).with("path", member).with("value", value);
    patch(LISTENER_TYPE, &listener(gateway), operation)
}

/// The upstream filters of the cluster of a rule.
fn of_cluster(gateway: &GatewayApi, route: &str, index: usize, rule: &traffic::Rule<'_>) -> Map {
    let module = super::super::FilePath::of_example(PROVIDER_MODULE);
    let filter = wasm::Filter {
        module: &module,
        configuration: filter_config::provider_of_backend(&gateway.router),
        env: clusters::keys(&gateway.router),
        ..clusters::provider_filter(&gateway.router)
    };
    let operation = Map::new()
        .with("op", "add")
        .with("path", "/typed_extension_protocol_options")
        .with("value", clusters::protocol(rule.alpn(), Some(filter)));
    patch(CLUSTER_TYPE, &format!("httproute/{}/{route}/rule/{index}", gateway.place.namespace), operation)
}

/// A filter's configuration as YAML. It holds objects, lists, texts, booleans and whole numbers; anything else is told as text.
fn json(value: &Value) -> Yaml {
    match value {
        Value::Object(members) => {
            members.iter().fold(Map::new(), |map, (key, value)| map.with(key, json(value))).into()
        }
        Value::Array(items) => items.iter().map(json).collect::<List>().into(),
        Value::Bool(value) => (*value).into(),
        Value::String(text) => text.as_str().into(),
        other => other.as_u64().or_else(|| whole(other)).map_or_else(|| other.to_string().into(), Into::into),
    }
}

/// A whole number that is written with an exponent or a fraction of nothing, as far as a double is exact.
fn whole(value: &Value) -> Option<u64> {
    let text = format!("{:.1}", value.as_f64()?);
    text.strip_suffix(".0")?.parse().ok().filter(|number| *number < 1 << f64::MANTISSA_DIGITS)
}
