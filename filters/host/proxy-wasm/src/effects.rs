//! A machine's effects as host calls.

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, Status};
use seam::{Effect, Headers, Level, Output};

/// Applies effects to the stream whose callback is running.
pub(crate) struct Effects {
    /// How many bytes of each body a replacement takes the place of.
    pub(crate) request_size: usize,
    pub(crate) response_size: usize,
}

impl Output for Effects {
    fn emit(&mut self, effect: Effect<'_>) {
        // A host that refuses an effect leaves the stream as it is; there is nobody to tell but its log.
        if let Err(status) = self.apply(effect) {
            let line = format!("the host refused an effect: {status:?}");
            let _ = hostcalls::log(LogLevel::Warn, &line);
        }
    }
}

impl Effects {
    fn apply(&self, effect: Effect<'_>) -> Result<(), Status> {
        use MapType::{HttpRequestHeaders, HttpResponseHeaders};
        match effect {
            Effect::SetRequestHeader(name, value) => set(HttpRequestHeaders, name, value),
            Effect::RemoveRequestHeader(name) => hostcalls::remove_map_value(HttpRequestHeaders, name),
            Effect::ReplaceRequestHeaders(headers) => replace(HttpRequestHeaders, headers),
            Effect::ReplaceRequestBody(body) => {
                hostcalls::set_buffer(BufferType::HttpRequestBody, 0, self.request_size, body)
            }
            // Since ABI 0.2.1 a changed header does not clear the route by itself.
            Effect::ClearRouteCache => {
                hostcalls::call_foreign_function("clear_route_cache", None).map(|_| ())
            }
            Effect::SetResponseHeader(name, value) => set(HttpResponseHeaders, name, value),
            Effect::RemoveResponseHeader(name) => hostcalls::remove_map_value(HttpResponseHeaders, name),
            Effect::ReplaceResponseHeaders(headers) => replace(HttpResponseHeaders, headers),
            Effect::ReplaceResponseBody(body) => {
                hostcalls::set_buffer(BufferType::HttpResponseBody, 0, self.response_size, body)
            }
            Effect::Publish(key, value) => hostcalls::set_property(vec![key], Some(value)),
            Effect::Respond { status, headers, body } => {
                hostcalls::send_http_response(u32::from(status), headers.to_vec(), Some(body))
            }
            Effect::Log(level, line) => hostcalls::log(log_level(level), line),
        }
    }
}

fn set(map: MapType, name: &str, value: &[u8]) -> Result<(), Status> {
    hostcalls::set_map_value_bytes(map, name, Some(value))
}

fn replace(map: MapType, headers: &Headers) -> Result<(), Status> {
    hostcalls::set_map_bytes(map, headers.iter().collect())
}

const fn log_level(level: Level) -> LogLevel {
    match level {
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
    }
}
