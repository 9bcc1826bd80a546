//! Fetches of the root context: a GET through one of Envoy's clusters, one at a time.
//!
//! The call itself goes through the SDK: its dispatcher must know the call's number, or it panics when the answer comes. The SDK panics on a
//! status that it does not expect here too, but it expects all that Envoy gives: `BadArgument` where there is no such cluster, and
//! `InternalFailure` where the request cannot be sent, or the capability is withheld.

use std::time::Duration;

use identity::{FetchFailure, FetchFrom, KeySetError, MOST_KEY_SET_BYTES};
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType};

use crate::{abi, header_map};

/// A fetch that has been sent; the number is the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent(u32);

impl Sent {
    /// Whether the answer with that number is to this one. One to an earlier fetch, which was given up, is not.
    pub(crate) const fn is(self, number: u32) -> bool {
        self.0 == number
    }
}

/// Sends it.
pub(crate) fn send(from: &FetchFrom) -> Result<Sent, FetchFailure> {
    let headers = vec![
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", from.authority.as_str()),
        (":path", from.path.as_str()),
        ("accept", "application/json"),
    ];
    let timeout = Duration::from_millis(u64::from(from.timeout_ms));
    hostcalls::dispatch_http_call(&from.cluster, headers, None, Vec::new(), timeout)
        .map(Sent)
        .map_err(|_| FetchFailure::NotSent)
}

/// The body of the answer that the host is just handing over. An answer without headers is none: it timed out, or was cut off.
pub(crate) fn answer(headers: usize, body_size: usize) -> Result<Vec<u8>, FetchFailure> {
    if headers == 0 {
        return Err(FetchFailure::NoAnswer);
    }
    let status: u16 =
        header_map::read(MapType::HttpCallResponseHeaders).number(":status").unwrap_or_default();
    if status != 200 {
        return Err(FetchFailure::Status(status));
    }
    // What is too large is not even copied.
    if body_size > MOST_KEY_SET_BYTES {
        return Err(KeySetError::TooLarge.into());
    }
    abi::body(BufferType::HttpCallResponseBody, 0, body_size).map_err(|_| FetchFailure::NoAnswer)
}
