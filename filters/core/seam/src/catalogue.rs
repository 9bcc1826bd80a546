//! What a filter keeps beyond its streams: statistics, and pages of memory that all workers share.
//!
//! Both are named once, when the filter is configured, and a machine speaks of them by what naming them returned. Envoy forgets neither a
//! statistic nor a page: were their names made while requests run, clients could choose them, and with them how much memory Envoy needs.

use std::fmt::Write as _;

/// Every statistic and every page that a filter has.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    metrics: Vec<Metric>,
    pages: Vec<PageName>,
}

/// A number that only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter(usize);

/// Numbers of which the distribution is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Histogram(usize);

/// A value that all workers share. It is replaced as a whole, and only by who knows what stands there: see [`Effect::Swap`](crate::Effect::Swap).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Page(usize);

/// A statistic's name and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name with its labels: `name;label=value;label=value`. Envoy's `stats_tags` make labels of them again.
    pub name: String,
    /// Whether it is a counter.
    pub kind: MetricKind,
}

/// What a statistic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// A distribution.
    Histogram,
}

/// A page's key, and what stands there at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageName {
    /// The key in the host's shared memory.
    pub key: String,
    /// What stands there before anyone wrote.
    pub initial: Vec<u8>,
}

impl Catalogue {
    /// Names a counter.
    pub fn counter(&mut self, name: &str, labels: &[(&str, &str)]) -> Counter {
        Counter(self.metric(name, labels, MetricKind::Counter))
    }

    /// Names a histogram.
    pub fn histogram(&mut self, name: &str, labels: &[(&str, &str)]) -> Histogram {
        Histogram(self.metric(name, labels, MetricKind::Histogram))
    }

    /// Names a page.
    pub fn page(&mut self, key: impl Into<String>, initial: impl Into<Vec<u8>>) -> Page {
        self.pages.push(PageName { key: key.into(), initial: initial.into() });
        Page(self.pages.len().saturating_sub(1))
    }

    /// The statistics in the order of their numbers.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The pages in the order of their numbers.
    pub fn pages(&self) -> &[PageName] {
        &self.pages
    }

    /// The key of that page.
    pub fn key(&self, page: Page) -> Option<&str> {
        self.pages.get(page.0).map(|page| page.key.as_str())
    }

    fn metric(&mut self, name: &str, labels: &[(&str, &str)], kind: MetricKind) -> usize {
        let mut full = name.to_owned();
        for (label, value) in labels {
            // What separates labels cannot be part of one; two values that differ in nothing else share a statistic.
            let value = value.replace([';', '\n'], "_");
            let _ = write!(full, ";{label}={value}");
        }
        self.metrics.push(Metric { name: full, kind });
        self.metrics.len().saturating_sub(1)
    }
}

impl Counter {
    /// Its number among all statistics of the [`Catalogue`].
    pub const fn number(self) -> usize {
        self.0
    }
}

impl Histogram {
    /// Its number among all statistics of the [`Catalogue`].
    pub const fn number(self) -> usize {
        self.0
    }
}
