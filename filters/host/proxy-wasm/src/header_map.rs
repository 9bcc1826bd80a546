//! Header maps in proxy-wasm's form: the number of pairs, the sizes of each name and value, then each of them with a zero byte behind it. All
//! numbers are little-endian u32 (ABI 0.2.1, "Serialization").
//!
//! A map is read without a copy: the host's buffer becomes the map's. It is written with one.

use proxy_wasm::types::MapType;
use seam::Headers;

use crate::abi;

const NUMBER: usize = 4;
/// Two numbers for each pair.
const SIZES: usize = 2 * NUMBER;

/// The headers of that map; none where the host refuses, as it does outside their callbacks.
pub(crate) fn read(map: MapType) -> Headers {
    abi::header_map(map).map(parse).unwrap_or_default()
}

/// The form in which the host takes a map.
pub(crate) fn serialise(headers: &Headers) -> Vec<u8> {
    let start = NUMBER.saturating_add(headers.len().saturating_mul(SIZES));
    let mut out = Vec::with_capacity(start.saturating_add(headers.parts().len()));
    out.extend_from_slice(&number(headers.len()));
    for (name, value) in headers.sizes() {
        out.extend_from_slice(&number(name));
        out.extend_from_slice(&number(value));
    }
    out.extend_from_slice(headers.parts());
    out
}

fn number(n: usize) -> [u8; NUMBER] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

fn parse(buffer: Vec<u8>) -> Headers {
    let count = number_at(&buffer, 0).unwrap_or_default().min(buffer.len() / SIZES);
    let start = NUMBER.saturating_add(count.saturating_mul(SIZES));
    Headers::from_buffer(buffer, start, count, |buffer, index| {
        let at = NUMBER.saturating_add(index.saturating_mul(SIZES));
        Some((number_at(buffer, at)?, number_at(buffer, at.saturating_add(NUMBER))?))
    })
}

fn number_at(buffer: &[u8], at: usize) -> Option<usize> {
    let number = buffer.get(at..)?.first_chunk::<NUMBER>()?;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}
