//! A machine's effects as host calls.

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType};
use seam::{Effect, Headers, Level, Output, Page, Swapped};

use crate::abi::{self, Refused, Version};
use crate::header_map;
use crate::memory::Memory;

/// Applies effects to the stream whose callback is running.
pub(crate) struct Effects<'a> {
    /// What the effects on statistics and shared pages go to.
    pub(crate) memory: &'a Memory,
    /// The page that was loaded last in this callback.
    pub(crate) loaded: Option<(Page, Version)>,
    /// What became of the last swap in this callback.
    pub(crate) swapped: Option<Swapped>,
    /// How many bytes of each body a replacement takes the place of.
    pub(crate) request_size: usize,
    pub(crate) response_size: usize,
}

impl Output for Effects<'_> {
    fn emit(&mut self, effect: Effect<'_>) {
        // A host that refuses an effect leaves the stream as it is; there is nobody to tell but its log.
        if let Err(Refused(status)) = self.apply(effect) {
            let _ =
                hostcalls::log(LogLevel::Warn, &format!("the host refused an effect with status {status}"));
        }
    }
}

impl Effects<'_> {
    /// Loads a page, which the next swap is about.
    pub(crate) fn load(&mut self, page: Page) -> Option<Vec<u8>> {
        let (value, version) = self.memory.load(page)?;
        self.loaded = Some((page, version));
        Some(value)
    }

    fn apply(&mut self, effect: Effect<'_>) -> Result<(), Refused> {
        use MapType::{HttpRequestHeaders, HttpRequestTrailers, HttpResponseHeaders, HttpResponseTrailers};
        match effect {
            Effect::SetRequestHeader(name, value) => abi::set_header(HttpRequestHeaders, name, value),
            Effect::RemoveRequestHeader(name) => abi::remove_header(HttpRequestHeaders, name),
            Effect::ReplaceRequestHeaders(headers) => replace(HttpRequestHeaders, headers),
            Effect::ReplaceRequestBody(body) => {
                abi::replace_body(BufferType::HttpRequestBody, self.request_size, body)
            }
            Effect::DropRequestTrailers => replace(HttpRequestTrailers, &Headers::default()),
            // Since ABI 0.2.1 a changed header does not clear the route by itself.
            Effect::ClearRouteCache => abi::call("clear_route_cache"),
            Effect::SetResponseHeader(name, value) => abi::set_header(HttpResponseHeaders, name, value),
            Effect::RemoveResponseHeader(name) => abi::remove_header(HttpResponseHeaders, name),
            Effect::ReplaceResponseHeaders(headers) => replace(HttpResponseHeaders, headers),
            Effect::ReplaceResponseBody(body) => {
                abi::replace_body(BufferType::HttpResponseBody, self.response_size, body)
            }
            Effect::DropResponseTrailers => replace(HttpResponseTrailers, &Headers::default()),
            // A local reply after the answer's headers is a reset to Envoy.
            Effect::CutResponse => abi::respond(502, &header_map::serialise(&Headers::default()), b""),
            Effect::Publish(key, value) => abi::set_property(key, value),
            Effect::Respond { status, headers, body } => {
                let headers = headers.iter().copied().collect();
                abi::respond(status, &header_map::serialise(&headers), body)
            }
            Effect::Count(counter, by) => self.memory.count(counter.number(), by),
            Effect::Record(histogram, value) => self.memory.record(histogram.number(), value),
            Effect::Swap(page, value) => {
                let version = self.loaded.take().filter(|(loaded, _)| *loaded == page);
                self.swapped = version.map(|(_, version)| self.memory.swap(page, value, version));
                Ok(())
            }
            Effect::Log(level, line) => {
                // The SDK takes every status of this one that Envoy gives.
                let _ = hostcalls::log(log_level(level), line);
                Ok(())
            }
        }
    }
}

fn replace(map: MapType, headers: &Headers) -> Result<(), Refused> {
    abi::set_header_map(map, &header_map::serialise(headers))
}

const fn log_level(level: Level) -> LogLevel {
    match level {
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
    }
}
