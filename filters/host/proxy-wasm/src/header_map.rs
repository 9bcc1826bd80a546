//! Reads a header map from the host in one call and without a copy: the host's buffer becomes the map's.
//!
//! The SDK's own reader makes two allocations a header, four times a request, which was a tenth of what the filters cost. Everything else
//! goes through the SDK.

use std::ops::Range;

use proxy_wasm::types::MapType;
use seam::Headers;

/// The headers of that map; none where the host refuses, as it does outside their callbacks.
pub(crate) fn read(map: MapType) -> Headers {
    serialized(map).map(parse).unwrap_or_default()
}

#[expect(unsafe_code, reason = "the ABI hands over memory by pointer and length")]
fn serialized(map: MapType) -> Option<Vec<u8>> {
    unsafe extern "C" {
        fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    }
    const OK: u32 = 0;
    let mut data = std::ptr::null_mut();
    let mut size = 0;
    // SAFETY: both pointers are valid for writes during the call.
    let status = unsafe { proxy_get_header_map_pairs(map as u32, &raw mut data, &raw mut size) };
    if status != OK || data.is_null() {
        return None;
    }
    // SAFETY: the host obtained this memory from `proxy_on_memory_allocate`, which the SDK implements as a `Vec<u8>` of exactly that
    // capacity, filled all of it, and gave it up with this call.
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// Proxy-Wasm's form of a map: the number of pairs, the sizes of each name and value, then each of them with a zero byte behind it. All
/// numbers are little-endian u32 (proxy-wasm spec v0.2.1, "Serialization").
fn parse(buffer: Vec<u8>) -> Headers {
    const NUMBER: usize = 4;
    let number = |at: usize| -> Option<usize> {
        let bytes = buffer.get(at..at.checked_add(NUMBER)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let count = number(0).unwrap_or_default().min(buffer.len() / (2 * NUMBER));
    let mut pairs: Vec<(Range<usize>, Range<usize>)> = Vec::with_capacity(count);
    let mut sizes = NUMBER;
    let mut at = NUMBER.saturating_add(count.saturating_mul(2 * NUMBER));
    for _ in 0..count {
        let (Some(name), Some(value)) = (number(sizes), number(sizes.saturating_add(NUMBER))) else { break };
        let name = at..at.saturating_add(name);
        let value_start = name.end.saturating_add(1);
        let value = value_start..value_start.saturating_add(value);
        at = value.end.saturating_add(1);
        sizes = sizes.saturating_add(2 * NUMBER);
        pairs.push((name, value));
    }
    Headers::from_buffer(buffer, pairs.into_iter())
}
