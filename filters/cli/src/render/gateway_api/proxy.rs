//! What clients reach: the class, the Gateway, the Envoy behind it, and how connections to it behave.

use std::time::Duration;

use super::super::{AccessLog, Provider, listener, stats};
use super::{
    ENVOY_GATEWAY, GATEWAY, GATEWAY_API, GatewayApi, Infrastructure, PROVIDER_MODULE, Pods, duration,
    reference, this_gateway,
};
use crate::yaml::{List, Map};

const ENVOY_IMAGE: &str = "docker.io/envoyproxy/envoy:distroless-v1.40.0";
const VOLUME: &str = "ai-provider";
/// Workers of the Envoy on one's own machine.
const WORKERS: u64 = 1;

pub(super) fn resources(gateway: &GatewayApi) -> Vec<Map> {
    vec![envoy_proxy(gateway), class(gateway), the_gateway(gateway), client_traffic(gateway)]
}

fn class(gateway: &GatewayApi) -> Map {
    Map::new()
        .with("apiVersion", GATEWAY_API)
        .with("kind", "GatewayClass")
        .with("metadata", gateway.place.described(Map::new().with("name", GATEWAY)))
        .with(
            "spec",
            Map::new().with("controllerName", "gateway.envoyproxy.io/gatewayclass-controller").with(
                "parametersRef",
                Map::new()
                    .with("group", "gateway.envoyproxy.io")
                    .with("kind", "EnvoyProxy")
                    .with("name", GATEWAY)
                    .with("namespace", gateway.place.namespace.as_str())
                    .inline(),
            ),
        )
}

fn envoy_proxy(gateway: &GatewayApi) -> Map {
    let provider = match &gateway.infrastructure {
        Infrastructure::Kubernetes(pods) => {
            Map::new().with("type", "Kubernetes").with("kubernetes", deployment(gateway, pods))
        }
        Infrastructure::Host { envoy } => Map::new()
            .with("type", "Host")
            .with("host", Map::new().with("envoyVersion", envoy.as_str()).inline()),
    };
    let mut spec = Map::new().with("provider", provider);
    if matches!(gateway.infrastructure, Infrastructure::Host { .. }) {
        spec = spec.with("concurrency", WORKERS);
    }
    if gateway.router.filters.gateway() {
        spec = spec
            .why("A Wasm filter's statistics have no labels, so their names carry them: `name;label=value`. Here they become labels again.")
            .with("bootstrap", Map::new().with("type", "JSONPatch").with("jsonPatches", statistics()));
    }
    if gateway.router.access_log == AccessLog::Json {
        let format = Map::new().with("type", "JSON").with("json", listener::logged(&gateway.router));
        let sink =
            Map::new().with("type", "File").with("file", Map::new().with("path", "/dev/stdout").inline());
        let setting = Map::new().with("format", format).with("sinks", List::new().item(sink.inline()));
        spec = spec
            .why("No body, no header that may hold a credential, no query. `-` or null is what was never known.")
            .with(
                "telemetry",
                Map::new().with("accessLog", Map::new().with("settings", List::new().item(setting))),
            );
    }
    gateway.resource(ENVOY_GATEWAY, "EnvoyProxy", GATEWAY).with("spec", spec)
}

/// What Envoy Gateway's own bootstrap lacks of how statistics are told.
fn statistics() -> List {
    let add = |path: &str| Map::new().with("op", "add").with("path", path);
    let tags = stats::tags().into_iter().map(|tag| add("/stats_config/stats_tags/-").with("value", tag));
    tags.collect::<List>().item(add("/stats_config/histogram_bucket_settings").with("value", stats::steps()))
}

/// The pod: the keys in its environment, ai-provider's module in a volume.
fn deployment(gateway: &GatewayApi, pods: &Pods) -> Map {
    let mut keys = List::new();
    for env in gateway.secrets() {
        let (name, key) = pods.secret(env);
        let secret = Map::new().with("name", name).with("key", key).inline();
        keys = keys.item(
            Map::new().with("name", env).with("valueFrom", Map::new().with("secretKeyRef", secret).inline()),
        );
    }
    let mut container = Map::new().why("The Envoy that this is tested with.").with("image", ENVOY_IMAGE);
    if keys != List::new() {
        container = container
            .why("Secrets of the namespace that Envoy's pods are in, which is Envoy Gateway's own unless it says otherwise.")
            .with("env", keys);
    }
    let mut deployment = Map::new();
    if let Some(replicas) = pods.replicas {
        deployment = deployment.with("replicas", u64::from(replicas));
    }
    if gateway.router.filters.provider() {
        let directory = PROVIDER_MODULE.rsplit_once('/').map_or(PROVIDER_MODULE, |(directory, _)| directory);
        let mount =
            Map::new().with("name", VOLUME).with("mountPath", directory).with("readOnly", true).inline();
        let image = Map::new()
            .with("reference", pods.provider_image.as_str())
            .with("pullPolicy", "IfNotPresent")
            .inline();
        let volume = Map::new().with("name", VOLUME).with("image", image);
        container = container.with("volumeMounts", List::new().item(mount));
        deployment = deployment.with(
            "pod",
            Map::new()
                .why("The kubelet fetches the image and mounts its one file: no init container, no other image. Kubernetes 1.35, or 1.33 with the feature gate ImageVolume.")
                .with("volumes", List::new().item(volume)),
        );
    }
    Map::new().with("envoyDeployment", deployment.with("container", container))
}

fn the_gateway(gateway: &GatewayApi) -> Map {
    let listener = Map::new()
        .with("name", gateway.listener())
        .with("protocol", if gateway.place.tls_secret.is_some() { "HTTPS" } else { "HTTP" })
        .with("port", u64::from(gateway.router.listen.port()));
    let certificate = |secret: &String| {
        let reference = Map::new().with("kind", "Secret").with("name", secret.as_str()).inline();
        Map::new().with("mode", "Terminate").with("certificateRefs", List::new().item(reference).inline())
    };
    let listener = listener
        .with_some("tls", gateway.place.tls_secret.as_ref().map(certificate))
        .why("Routes of other namespaces would be served with these budgets and keys.")
        .with(
            "allowedRoutes",
            Map::new().with("namespaces", Map::new().with("from", "Same").inline()).inline(),
        );
    gateway.resource(GATEWAY_API, "Gateway", GATEWAY).with(
        "spec",
        Map::new().with("gatewayClassName", GATEWAY).with("listeners", List::new().item(listener)),
    )
}

fn client_traffic(gateway: &GatewayApi) -> Map {
    let seconds = |seconds| duration(Duration::from_secs(seconds));
    let router = &gateway.router;
    let (stream_window, connection_window) = listener::windows(router);
    let server = Map::new().with("name", "server").with("value", listener::SERVER).inline();
    let http = Map::new()
        .why("A client that sends slowly holds a slot no longer than this.")
        .with("requestHeadersReceivedTimeout", seconds(listener::HEADERS_SECONDS))
        .with("requestReceivedTimeout", seconds(listener::REQUEST_SECONDS))
        .with("idleTimeout", seconds(listener::IDLE_CONNECTION_SECONDS))
        .why("While a provider thinks, nothing moves on the client's side: only the total may end that. Routes have the rest.")
        .with("streamIdleTimeout", duration(router.longest().duration()));
    let spec = Map::new()
        .with("targetRefs", List::new().item(this_gateway()))
        .why(
            "What Envoy buffers of one request or answer. Envoy Gateway's default of 32 KiB answers longer prompts with 413 and gives up \
             retries without a word; this is twice the filters' max_body_bytes, so that theirs is always met first.",
        )
        .with("connection", Map::new().with("bufferLimit", u64::from(router.max_body.envoy_bytes())).inline())
        .with(
            "http2",
            Map::new()
                .with("maxConcurrentStreams", listener::MAX_STREAMS)
                .why("For an HTTP/2 stream this window, and no other setting, is also Envoy's limit on what it buffers of a body.")
                .with("initialStreamWindowSize", stream_window)
                .with("initialConnectionWindowSize", connection_window),
        )
        .with("timeout", Map::new().with("http", http))
        .with(
            "headers",
            Map::new()
                .why("`x_ai_model` must not pass for `x-ai-model` anywhere behind us.")
                .with("withUnderscoresAction", "RejectRequest")
                .why("Providers' own server headers say who they are; this one does not.")
                .with("lateResponseHeaders", Map::new().with("set", List::new().item(server))),
        )
        .why("One spelling of every path, so that nothing slips past a match.")
        .with("path", Map::new().with("escapedSlashesAction", "RejectRequest").inline())
        .why("HTTP/2 providers are told the scheme that their own connection has, not the client's.")
        .with("scheme", "MatchBackend");
    gateway.resource(ENVOY_GATEWAY, "ClientTrafficPolicy", GATEWAY).with("spec", spec)
}

/// The Gateway's `Backend` of that name, as a target.
pub(super) fn backend(provider: &Provider) -> Map {
    reference("gateway.envoyproxy.io", "Backend", provider.name.as_str())
}
