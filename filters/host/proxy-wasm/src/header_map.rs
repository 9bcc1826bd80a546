//! Header maps in proxy-wasm's form: the number of pairs, the sizes of each name and value, then each of them with a zero byte behind it. All
//! numbers are little-endian u32 (ABI 0.2.1, "Serialization").
//!
//! A map is read without a copy: the host's buffer becomes the map's.

use std::ops::Range;

use proxy_wasm::types::MapType;
use seam::Headers;

use crate::abi;

const NUMBER: usize = 4;

/// The headers of that map; none where the host refuses, as it does outside their callbacks.
pub(crate) fn read(map: MapType) -> Headers {
    abi::header_map(map).map(parse).unwrap_or_default()
}

/// The form in which the host takes a map.
pub(crate) fn serialise<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) -> Vec<u8> {
    let sizes = pairs.clone().map(|(name, value)| name.len().saturating_add(value.len()).saturating_add(10));
    let mut out = Vec::with_capacity(sizes.fold(NUMBER, usize::saturating_add));
    let number = |out: &mut Vec<u8>, n: usize| {
        out.extend_from_slice(&u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
    };
    number(&mut out, pairs.clone().count());
    for (name, value) in pairs.clone() {
        number(&mut out, name.len());
        number(&mut out, value.len());
    }
    for (name, value) in pairs {
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(value);
        out.push(0);
    }
    out
}

fn parse(buffer: Vec<u8>) -> Headers {
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
