//! A filter's statistics and shared pages as this VM knows them: Envoy's numbers for what the catalogue has names for.

use std::cell::Cell;

use seam::{Catalogue, MetricKind, Page, Swapped};

use crate::abi::{self, Refused};

/// Statistics and pages of one configured filter, in one VM.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    metrics: Vec<Metric>,
    pages: Catalogue,
}

/// Whether shared pages were there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// All of them, or there are none.
    Found,
    /// Some had to be made.
    Made,
}

#[derive(Debug)]
struct Metric {
    name: String,
    kind: MetricKind,
    /// Envoy's number, once the statistic was used. Until then Envoy does not know it: a statistic is memory in every VM and in Envoy,
    /// and of all models and providers that a configuration names few are ever asked together.
    number: Cell<Option<u32>>,
}

impl Memory {
    /// Takes over what the filter named, and makes the pages that are not there yet.
    ///
    /// Envoy ignores the expected version of an absent page, so two workers that made one would both believe to be the first. This is
    /// called while the filter is configured, which happens on the main thread before it does on any worker; a page that is there already
    /// was made by that, or by the configuration before, and stays.
    ///
    /// Says whether any had to be made.
    pub(crate) fn new(catalogue: Catalogue) -> (Self, Pages) {
        let mut made = Pages::Found;
        for (key, initial) in catalogue.pages() {
            if abi::shared_data(&key).is_err() {
                // Where the host has no shared memory, loading brings nothing, and a machine goes on without.
                let _ = abi::set_shared_data(&key, initial, abi::Version::ANY);
                made = Pages::Made;
            }
        }
        let metrics = catalogue.metrics().iter();
        let metrics = metrics.map(|metric| Metric {
            name: metric.name.clone(),
            kind: metric.kind,
            number: Cell::new(None),
        });
        (Self { metrics: metrics.collect(), pages: catalogue }, made)
    }

    /// Adds to a counter. Envoy refuses to add nothing.
    pub(crate) fn count(&self, number: usize, by: u64) -> Result<(), Refused> {
        match (self.number(number)?, i64::try_from(by).unwrap_or(i64::MAX)) {
            (_, 0) => Ok(()),
            (metric, by) => abi::increment_metric(metric, by),
        }
    }

    /// Records a number in a histogram.
    pub(crate) fn record(&self, number: usize, value: u64) -> Result<(), Refused> {
        abi::record_metric(self.number(number)?, value)
    }

    /// What stands on that page, and its version.
    pub(crate) fn load(&self, page: Page) -> Option<(Vec<u8>, abi::Version)> {
        abi::shared_data(&self.pages.key(page)?).ok()
    }

    /// Replaces that page, if it is still of that version.
    pub(crate) fn swap(&self, page: Page, value: &[u8], version: abi::Version) -> Swapped {
        const CAS_MISMATCH: u32 = 8;
        let version = if cfg!(feature = "blind-swap") { abi::Version::ANY } else { version };
        match self.pages.key(page).map(|key| abi::set_shared_data(&key, value, version)) {
            Some(Ok(())) => Swapped::Done,
            Some(Err(Refused(CAS_MISMATCH))) => Swapped::Conflict,
            Some(Err(_)) | None => Swapped::Refused,
        }
    }

    fn number(&self, number: usize) -> Result<u32, Refused> {
        const NOT_FOUND: Refused = Refused(1);
        let metric = self.metrics.get(number).ok_or(NOT_FOUND)?;
        if let Some(number) = metric.number.get() {
            return Ok(number);
        }
        let number = abi::define_metric(metric.kind, &metric.name)?;
        metric.number.set(Some(number));
        Ok(number)
    }
}
