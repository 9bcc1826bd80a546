//! What a filter keeps beyond its streams: statistics, and pages of memory that all workers share.
//!
//! Both are named once, when the filter is configured, and a machine speaks of them by what naming them returned. Envoy forgets neither a
//! statistic nor a page: were their names made while requests run, clients could choose them, and with them how much memory Envoy needs.

use std::fmt::Write as _;

/// Every statistic and every page that a filter has.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    metrics: Vec<Metric>,
    pages: Vec<PageRun>,
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

/// Pages that are alike at first, as a table of thousands has them: one value for all, and a key for each.
#[derive(Clone, Debug)]
struct PageRun {
    /// What their keys begin with; a page's number follows, where there is more than one.
    prefix: String,
    /// The number of the first among all pages.
    first: usize,
    count: usize,
    /// What stands there before anyone wrote.
    initial: Vec<u8>,
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
        self.run(key.into(), 1, initial.into())
    }

    /// Names so many pages, which all begin the same; returns the first, from which [`Page::nth`] leads to the others.
    pub fn pages_of(&mut self, prefix: &str, count: u32, initial: impl Into<Vec<u8>>) -> Page {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.run(format!("{prefix}/"), count, initial.into())
    }

    fn run(&mut self, prefix: String, count: usize, initial: Vec<u8>) -> Page {
        let first = self.pages.last().map_or(0, |run| run.first.saturating_add(run.count));
        self.pages.push(PageRun { prefix, first, count, initial });
        Page(first)
    }

    /// The statistics in the order of their numbers.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The pages in the order of their numbers: the key of each in the host's shared memory, and what stands there before anyone wrote.
    pub fn pages(&self) -> impl Iterator<Item = (String, &[u8])> {
        self.pages.iter().flat_map(|run| {
            (0..run.count).filter_map(move |number| Some((run.key(number)?, run.initial.as_slice())))
        })
    }

    /// The key of that page.
    pub fn key(&self, page: Page) -> Option<String> {
        let run = self.pages.partition_point(|run| run.first <= page.0).checked_sub(1)?;
        let run = self.pages.get(run)?;
        run.key(page.0.checked_sub(run.first)?)
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

impl Page {
    /// The page that many numbers after this one, of the same [run](Catalogue::pages_of).
    #[must_use]
    pub fn nth(self, number: u32) -> Self {
        Self(self.0.saturating_add(usize::try_from(number).unwrap_or(usize::MAX)))
    }
}

impl PageRun {
    fn key(&self, number: usize) -> Option<String> {
        match self.prefix.ends_with('/') {
            _ if number >= self.count => None,
            true => Some(format!("{}{number}", self.prefix)),
            false => Some(self.prefix.clone()),
        }
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
