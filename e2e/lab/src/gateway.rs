//! A real Envoy Gateway without Kubernetes: its control plane on rendered manifests, a registry that it fetches the filter from, and the
//! Envoy that it starts.
//!
//! The control plane expects names and files that only a cluster has. It gets them in a mount namespace of its own, so that nothing of the
//! machine changes; the network is the machine's, because clients and providers are there. Its own ports cannot be chosen, so one runs at
//! a time.

mod beside;
mod control_plane;
mod rate_limits;
mod registry;
mod resources;
mod status;
mod view;

pub use beside::{Beside, File};
pub use control_plane::EnvoyGateway;
pub use resources::Resources;
pub use status::{Resource, statuses};
pub use view::require_namespaces;
