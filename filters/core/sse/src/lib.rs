//! Bytes to server-sent events and back: incremental, bounded, the same under every chunking.
//!
//! [`Decoder`] follows the event-stream interpretation of the WHATWG HTML standard, section 9.2.6, as far as it concerns a gateway: the
//! `event` and `data` fields of each event. `id` and `retry` serve reconnection, which no LLM stream offers, and are read over. Bytes are
//! not decoded to text: a data line is JSON, whose parser checks UTF-8 itself, and what only passes through must not change.
//!
//! There is no notion of an LLM here: what `[DONE]` means is for the crates above.

#![forbid(unsafe_code)]

mod decoder;
mod encoder;
#[cfg(test)]
mod tests;

pub use decoder::{BOM, Decoder, Event, EventTooLarge, Reader, field_value};
pub use encoder::write_event;
