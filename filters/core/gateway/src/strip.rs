//! What a client may not say: headers that steer the filters or Envoy's router.

use seam::{Effect, Headers, Output, names};

/// Request headers by which Envoy's router takes orders: retries, time limits, hedging, statistics. From a client they would undo the
/// configured limits. Envoy removes them itself only for clients that it knows to be external, which a listener behind another proxy
/// does not. (Envoy's router reference, "HTTP headers (consumed)".)
const ROUTER_ORDERS: [&str; 15] = [
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-ip-tags",
    "x-envoy-max-retries",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
];

/// Removes every internal header that the client sent.
pub(crate) fn internal_headers(headers: &Headers, out: &mut dyn Output) {
    for (name, _) in headers.raw().filter(|(name, _)| is_internal(name)) {
        if let Ok(name) = std::str::from_utf8(name) {
            out.emit(Effect::RemoveRequestHeader(name));
        }
    }
}

/// Asks for an answer that can be read, where the client asks for one that may be compressed, as most SDKs do: of that the usage would be
/// unknown, and the name of the model wrong. ai-provider asks for itself; where there is none, this header reaches the provider.
pub(crate) fn encodings(headers: &Headers, out: &mut dyn Output) {
    const NAME: &str = "accept-encoding";
    const PLAIN: &[u8] = b"identity";
    if headers.raw().any(|(name, value)| name == NAME.as_bytes() && value != PLAIN) {
        out.emit(Effect::SetRequestHeader(NAME, PLAIN));
    }
}

fn is_internal(name: &[u8]) -> bool {
    name.starts_with(names::INTERNAL_HEADER_PREFIX.as_bytes())
        || (name.starts_with(b"x-envoy-") && ROUTER_ORDERS.iter().any(|order| order.as_bytes() == name))
}
