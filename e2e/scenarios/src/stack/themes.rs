//! What the committed manifests do, theme by theme. A new theme is a module here and a line in [`all`].

mod backends;
mod entry;
mod limits;
mod models;
mod routing;
mod security;
mod task_api;

use std::future::Future;
use std::pin::Pin;

use serde_json::json;

use super::Stack;
use super::client::Call;
use crate::problems::Problems;

/// What a row's run becomes.
pub type Told<'a> = Pin<Box<dyn Future<Output = Problems> + 'a>>;

/// A row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name: `theme/what-it-shows`.
    pub name: &'static str,
    /// The manifests that it proves, such as `stack/gateway.yaml`.
    pub proves: &'static [&'static str],
    /// What happens.
    pub story: for<'a> fn(&'a Stack) -> Told<'a>,
}

/// Every row, in the order in which they are played.
pub fn all() -> Vec<Row> {
    let traffic = [entry::rows(), routing::rows(), limits::rows(), models::rows(), backends::rows()].concat();
    [traffic, security::rows(), task_api::rows()].concat()
}

/// A question to the router from that user, at a name that is the cluster's own.
fn chat(user: &str) -> Call {
    let body = json!({"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]});
    Call::post("llm-router.default.svc", "/v1/chat/completions", &body).header("x-user-id", user)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{PARTS, manifests};

    /// Directories of which rows apply what they prove.
    const BY_ROWS: [&str; 3] = ["stack/optional", "security", "task-api"];
    /// What nothing here reads: the pods, the network, KEDA. `tests/manifests.rs` checks them, `tests/autoscaling.rs` the queries.
    const OF_A_CLUSTER: [&str; 4] = [
        "security/network-policy.yaml",
        "task-api/autoscaling.yaml",
        "task-api/network-policy.yaml",
        "task-api/service.yaml",
    ];

    #[test]
    fn every_manifest_is_proven_and_no_row_proves_what_is_not_there() {
        let proven: BTreeSet<&str> = super::all().iter().flat_map(|row| row.proves).copied().collect();
        let parts = PARTS.into_iter().chain(BY_ROWS);
        let committed: Vec<String> = parts.flat_map(manifests::committed).collect();
        let mut committed: BTreeSet<&str> = committed.iter().map(String::as_str).collect();
        for unproven in OF_A_CLUSTER {
            assert!(committed.remove(unproven), "{unproven} is not there");
        }
        assert_eq!(proven, committed);
    }
}
