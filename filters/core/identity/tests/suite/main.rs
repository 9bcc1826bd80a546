//! Who is calling, and who is refused: every source, every refusal, key sets, fetches, and what holds for any input.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that meets what it does not expect has to fail"
)]

mod common;
mod fetching;
mod key_sets;
mod properties;
mod sources;
mod tokens;
mod vectors;
mod virtual_keys;
