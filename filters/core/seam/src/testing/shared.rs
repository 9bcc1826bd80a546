//! Shared memory and statistics of a host in memory: what outlives one stream, and what several workers see.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::{Catalogue, Page, Swapped};

/// What the streams of one filter share. A clone is the same memory: give one to each of several hosts to have workers that compete.
#[derive(Clone, Debug, Default)]
pub struct Shared(Rc<RefCell<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    catalogue: Catalogue,
    pages: BTreeMap<String, Versioned>,
    /// How many swaps are still answered with a conflict.
    conflicts: u32,
    counters: BTreeMap<String, u64>,
    histograms: BTreeMap<String, Vec<u64>>,
    loads: u64,
}

#[derive(Debug)]
struct Versioned {
    value: Vec<u8>,
    version: u64,
}

impl Shared {
    /// Memory as it is once a filter with that catalogue was configured.
    pub fn new(catalogue: &Catalogue) -> Self {
        let pages = catalogue.pages();
        let pages = pages.map(|(key, initial)| (key, Versioned { value: initial.to_vec(), version: 1 }));
        Self(Rc::new(RefCell::new(Inner {
            pages: pages.collect(),
            catalogue: catalogue.clone(),
            ..Inner::default()
        })))
    }

    /// A host that has statistics and no shared memory.
    pub fn without_pages(catalogue: &Catalogue) -> Self {
        Self(Rc::new(RefCell::new(Inner { catalogue: catalogue.clone(), ..Inner::default() })))
    }

    /// Answers that many of the next swaps with a conflict, as if another worker had been there in between.
    pub fn inject_conflicts(&self, conflicts: u32) {
        self.0.borrow_mut().conflicts = conflicts;
    }

    /// A counter's value, by its full name; none where nothing was counted.
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.0.borrow().counters.get(name).copied()
    }

    /// What was recorded in a histogram, by its full name, in order.
    pub fn recorded(&self, name: &str) -> Vec<u64> {
        self.0.borrow().histograms.get(name).cloned().unwrap_or_default()
    }

    /// The full names of all statistics that were used.
    pub fn metrics(&self) -> Vec<String> {
        let inner = self.0.borrow();
        inner.counters.keys().chain(inner.histograms.keys()).cloned().collect()
    }

    /// What stands on the page of that key.
    pub fn page(&self, key: &str) -> Option<Vec<u8>> {
        self.0.borrow().pages.get(key).map(|page| page.value.clone())
    }

    /// Writes a page, as another worker would.
    pub fn write(&self, key: &str, value: &[u8]) {
        if let Some(page) = self.0.borrow_mut().pages.get_mut(key) {
            page.value = value.to_vec();
            page.version = page.version.saturating_add(1);
        }
    }

    /// How often a page was loaded.
    pub fn loads(&self) -> u64 {
        self.0.borrow().loads
    }

    /// What stands there, and its version.
    pub(super) fn load(&self, page: Page) -> Option<(Vec<u8>, u64)> {
        let mut inner = self.0.borrow_mut();
        inner.loads = inner.loads.saturating_add(1);
        let key = inner.catalogue.key(page).expect("a page that the filter named");
        inner.pages.get(&key).map(|page| (page.value.clone(), page.version))
    }

    pub(super) fn swap(&self, page: Page, version: u64, value: &[u8]) -> Swapped {
        let mut inner = self.0.borrow_mut();
        let key = inner.catalogue.key(page).expect("a page that the filter named");
        if inner.conflicts > 0 {
            inner.conflicts = inner.conflicts.saturating_sub(1);
            if let Some(page) = inner.pages.get_mut(&key) {
                page.version = page.version.saturating_add(1);
            }
        }
        match inner.pages.get_mut(&key) {
            Some(page) if page.version == version => {
                page.value = value.to_vec();
                page.version = page.version.saturating_add(1);
                Swapped::Done
            }
            Some(_) => Swapped::Conflict,
            None => Swapped::Refused,
        }
    }

    pub(super) fn count(&self, number: usize, by: u64) {
        assert!(by > 0, "Envoy refuses to add nothing to a counter");
        let mut inner = self.0.borrow_mut();
        let name = inner.metric(number, crate::MetricKind::Counter);
        let count = inner.counters.entry(name).or_default();
        *count = count.saturating_add(by);
    }

    pub(super) fn record(&self, number: usize, value: u64) {
        let mut inner = self.0.borrow_mut();
        let name = inner.metric(number, crate::MetricKind::Histogram);
        inner.histograms.entry(name).or_default().push(value);
    }
}

impl Inner {
    fn metric(&self, number: usize, kind: crate::MetricKind) -> String {
        let metric = self.catalogue.metrics().get(number).expect("a statistic that the filter named");
        assert_eq!(metric.kind, kind, "{}", metric.name);
        metric.name.clone()
    }
}
