//! From what a file says to what it means: every check of a value, and of values against each other.

mod budgets;
mod counting;
pub(crate) mod gateway;
pub(crate) mod header;
pub(crate) mod identity;
mod prices;
pub(crate) mod provider;
#[cfg(feature = "route")]
pub(crate) mod route;
mod text;

use crate::place::Field;
use crate::problem::{Fault, Findings};
use crate::raw::{DEFAULT_MAX_BODY_BYTES, LARGEST_MAX_BODY_BYTES};

fn max_body_bytes(field: &Field<u64>, findings: &mut Findings) -> Option<usize> {
    field
        .check_or(DEFAULT_MAX_BODY_BYTES, findings, |bytes| {
            if (1..=LARGEST_MAX_BODY_BYTES).contains(bytes) {
                return Ok(*bytes);
            }
            Err(Fault::new(
                format!("{bytes} is not from 1 to {LARGEST_MAX_BODY_BYTES} (512 MiB)"),
                format!("leave it out for {DEFAULT_MAX_BODY_BYTES} (8 MiB), and keep it below Envoy's buffer limits"),
            ))
        })
        .and_then(|bytes| usize::try_from(bytes).ok())
}
