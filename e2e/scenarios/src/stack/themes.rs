//! What the committed manifests do, theme by theme. A new theme is a module here and a line in [`all`].

mod entry;
mod security;

use std::future::Future;
use std::pin::Pin;

use super::Stack;
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
    [entry::rows(), security::rows()].concat()
}
