//! The host functions that run while a stream does, with the status that the host returned.
//!
//! The SDK has them too, and panics on every status that it does not expect: one effect at the wrong moment, and the worker's VM is gone.
//! Here a refusal is a value. What runs once per VM (configuration, log, contexts, memory) goes through the SDK.
//!
//! Signatures: proxy-wasm ABI 0.2.1, "Functions exposed by the host".

#![expect(unsafe_code, reason = "the ABI hands over memory by pointer and length")]

use std::ptr::null;

use proxy_wasm::types::{BufferType, MapType};
use seam::MetricKind;

mod host {
    unsafe extern "C" {
        pub(super) fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
        pub(super) fn proxy_set_header_map_pairs(map: u32, data: *const u8, size: usize) -> u32;
        pub(super) fn proxy_replace_header_map_value(
            map: u32,
            name: *const u8,
            name_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
        pub(super) fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            max_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_set_buffer_bytes(
            buffer: u32,
            start: usize,
            size: usize,
            data: *const u8,
            data_size: usize,
        ) -> u32;
        pub(super) fn proxy_get_property(
            path: *const u8,
            path_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_set_property(
            path: *const u8,
            path_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc_status: i32,
        ) -> u32;
        pub(super) fn proxy_call_foreign_function(
            name: *const u8,
            name_size: usize,
            argument: *const u8,
            argument_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
        pub(super) fn proxy_define_metric(
            kind: u32,
            name: *const u8,
            name_size: usize,
            number: *mut u32,
        ) -> u32;
        pub(super) fn proxy_increment_metric(number: u32, by: i64) -> u32;
        pub(super) fn proxy_record_metric(number: u32, value: u64) -> u32;
        pub(super) fn proxy_get_shared_data(
            key: *const u8,
            key_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
            version: *mut u32,
        ) -> u32;
        pub(super) fn proxy_set_shared_data(
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
            version: u32,
        ) -> u32;
    }
}

/// The number of a status that is not `OK`: 1 not found, 2 bad argument, 10 internal failure, … (ABI 0.2.1, `proxy_status_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) u32);

fn checked(status: u32) -> Result<(), Refused> {
    if status == 0 { Ok(()) } else { Err(Refused(status)) }
}

/// Takes over what a call brings back. An absent value is an empty one to the host.
fn taken(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Refused> {
    let mut data = std::ptr::null_mut();
    let mut size = 0;
    checked(call(&raw mut data, &raw mut size))?;
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the host obtained this memory from `proxy_on_memory_allocate`, which the SDK implements as a `Vec<u8>` of exactly that
    // capacity, filled all of it, and gave it up with the call.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// A header map in its serialised form.
pub(crate) fn header_map(map: MapType) -> Result<Vec<u8>, Refused> {
    // SAFETY: `taken` hands in pointers that are valid for writes during the call; so for all calls through it.
    taken(|data, size| unsafe { host::proxy_get_header_map_pairs(map as u32, data, size) })
}

/// Replaces a header map by that serialised form.
pub(crate) fn set_header_map(map: MapType, serialised: &[u8]) -> Result<(), Refused> {
    // SAFETY: the slice is valid for reads during the call, after which the host holds no pointer to it; so for all slices below.
    checked(unsafe { host::proxy_set_header_map_pairs(map as u32, serialised.as_ptr(), serialised.len()) })
}

/// Sets one header, in the place of all of that name.
pub(crate) fn set_header(map: MapType, name: &str, value: &[u8]) -> Result<(), Refused> {
    // SAFETY: see `set_header_map`.
    checked(unsafe {
        host::proxy_replace_header_map_value(
            map as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Removes the headers of that name.
pub(crate) fn remove_header(map: MapType, name: &str) -> Result<(), Refused> {
    // SAFETY: see `set_header_map`.
    checked(unsafe { host::proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// That part of a body, or less where it is shorter.
pub(crate) fn body(buffer: BufferType, start: usize, max_size: usize) -> Result<Vec<u8>, Refused> {
    // SAFETY: see `header_map`.
    taken(|data, size| unsafe { host::proxy_get_buffer_bytes(buffer as u32, start, max_size, data, size) })
}

/// Puts those bytes into the place of the first `size` bytes of a body.
pub(crate) fn replace_body(buffer: BufferType, size: usize, bytes: &[u8]) -> Result<(), Refused> {
    // SAFETY: see `set_header_map`.
    checked(unsafe { host::proxy_set_buffer_bytes(buffer as u32, 0, size, bytes.as_ptr(), bytes.len()) })
}

/// An attribute of the stream; the segments of its path are separated by a zero byte.
pub(crate) fn property(path: &str) -> Result<Vec<u8>, Refused> {
    // SAFETY: see `header_map` and `set_header_map`.
    taken(|data, size| unsafe { host::proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

/// Puts a value into filter state.
pub(crate) fn set_property(path: &str, value: &[u8]) -> Result<(), Refused> {
    // SAFETY: see `set_header_map`.
    checked(unsafe { host::proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) })
}

/// Answers the client. Where an answer's headers are already with it, Envoy resets the stream instead.
pub(crate) fn respond(status: u16, serialised_headers: &[u8], body: &[u8]) -> Result<(), Refused> {
    const NO_GRPC_STATUS: i32 = -1;
    // SAFETY: see `set_header_map`; no details are given, and their size says so.
    checked(unsafe {
        host::proxy_send_local_response(
            u32::from(status),
            null(),
            0,
            body.as_ptr(),
            body.len(),
            serialised_headers.as_ptr(),
            serialised_headers.len(),
            NO_GRPC_STATUS,
        )
    })
}

/// Calls a function of Envoy's that the ABI does not know and that takes nothing.
pub(crate) fn call(name: &str) -> Result<(), Refused> {
    // SAFETY: see `header_map` and `set_header_map`; no argument is given, and its size says so.
    taken(|data, size| unsafe {
        host::proxy_call_foreign_function(name.as_ptr(), name.len(), null(), 0, data, size)
    })
    .map(|_| ())
}

/// How often the root context is called, in milliseconds.
pub(crate) fn set_tick_period(milliseconds: u32) -> Result<(), Refused> {
    // SAFETY: no pointer is given.
    checked(unsafe { host::proxy_set_tick_period_milliseconds(milliseconds) })
}

/// Names a statistic; what Envoy calls it from then on, in this VM.
pub(crate) fn define_metric(kind: MetricKind, name: &str) -> Result<u32, Refused> {
    // `proxy_metric_type_t`
    let kind = match kind {
        MetricKind::Counter => 0,
        MetricKind::Histogram => 2,
    };
    let mut number = 0;
    // SAFETY: see `header_map` and `set_header_map`.
    checked(unsafe { host::proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut number) })?;
    Ok(number)
}

/// Adds to a counter; at least 1.
pub(crate) fn increment_metric(number: u32, by: i64) -> Result<(), Refused> {
    // SAFETY: no pointer is given.
    checked(unsafe { host::proxy_increment_metric(number, by) })
}

/// Records a number in a histogram.
pub(crate) fn record_metric(number: u32, value: u64) -> Result<(), Refused> {
    // SAFETY: no pointer is given.
    checked(unsafe { host::proxy_record_metric(number, value) })
}

/// The version of a value in shared memory: another one after each replacement, by whomever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version(u32);

impl Version {
    /// Whatever version is there.
    pub(crate) const ANY: Self = Self(0);
}

/// A value in the memory that all VMs of one `vm_id` share, and its version.
pub(crate) fn shared_data(key: &str) -> Result<(Vec<u8>, Version), Refused> {
    let mut version = 0;
    // SAFETY: see `header_map` and `set_header_map`.
    let value = taken(|data, size| unsafe {
        host::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut version)
    })?;
    Ok((value, Version(version)))
}

/// Replaces a value in shared memory, if it is still of that version. Where there is none, the host makes one whatever the version.
pub(crate) fn set_shared_data(key: &str, value: &[u8], version: Version) -> Result<(), Refused> {
    // SAFETY: see `set_header_map`.
    checked(unsafe {
        host::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version.0)
    })
}
