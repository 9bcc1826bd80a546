//! What the two filters' state machines share with each other and with their host: inputs, effects, and the request's context.
//!
//! The machines live in `gateway` and `provider`. They know no ABI and no I/O, and the time by a [`Clock`] that they are handed: a host
//! adapter feeds an [`Input`], the machine emits [`Effect`]s and returns a [`Flow`]. The two filters never call each other; what one
//! tells the other is a [`RequestContext`] in filter state, which a client cannot write.

#![forbid(unsafe_code)]

mod catalogue;
mod context;
mod fields;
mod headers;
mod machine;
pub mod names;
#[cfg(feature = "testing")]
pub mod testing;

pub use catalogue::{Catalogue, Counter, Histogram, Metric, MetricKind, Page};
pub use context::{ContextError, EarlierFailure, RequestContext, Target, UsageReport};
pub use headers::Headers;
pub use machine::{Attribute, Clock, Effect, Flow, Input, Level, Machine, Millis, Output, Swapped};
