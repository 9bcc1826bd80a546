//! What the two filters' state machines share with each other and with their host: inputs, effects, and the request's context.
//!
//! The machines live in `gateway` and `provider`. They know no ABI, no clock and no I/O: a host adapter feeds an [`Input`], the machine
//! emits [`Effect`]s and returns a [`Flow`]. The two filters never call each other; what one tells the other is a [`RequestContext`] in
//! filter state, which a client cannot write.

#![forbid(unsafe_code)]

mod context;
mod fields;
mod headers;
mod machine;
pub mod names;
#[cfg(feature = "testing")]
pub mod testing;

pub use context::{ContextError, EarlierFailure, RequestContext, Target};
pub use headers::Headers;
pub use machine::{Attribute, Effect, Flow, Input, Level, Machine, Millis, Output};
