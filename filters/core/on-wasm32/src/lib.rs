//! The core on a 32-bit target: what could differ there from the machines on which it is developed.
//!
//! The filters run where a `usize` has 32 bits; everything else is tested where it has 64. `tests/` runs on both, under Node for the one
//! and natively for the other, against the same expectations.

#![forbid(unsafe_code)]
