//! What stands beside the router: further manifests, the names that they use, the rate limit service with its Redis.

use std::fmt;
use std::net::SocketAddr;

/// A file's name and its text.
pub type File = (String, String);

/// What stands beside the router. The default is nothing.
#[derive(Default)]
pub struct Beside {
    /// Makes the files that the control plane reads of the router's own manifests; without it they are the one file.
    pub arrange: Option<Box<dyn FnOnce(String) -> Vec<File> + Send>>,
    /// Where the rate limit service counts; without it there is none.
    pub redis: Option<SocketAddr>,
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").field("redis", &self.redis).finish_non_exhaustive()
    }
}
