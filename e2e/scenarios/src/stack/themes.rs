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
    let traffic = [entry::rows(), routing::rows(), backends::rows(), limits::rows(), models::rows()].concat();
    [traffic, security::rows(), task_api::rows()].concat()
}

/// A question to the router from that user, at a name that is the cluster's own.
fn chat(user: &str) -> Call {
    let body = json!({"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]});
    Call::post("llm-router.default.svc", "/v1/chat/completions", &body).header("x-user-id", user)
}
