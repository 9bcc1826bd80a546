//! The two filters as a host sees them: a configuration, and a machine for each stream.

use std::rc::Rc;

use config::{GatewayConfig, ProviderConfig};
use gateway::{Gateway, Routes, Secret};
use identity::{FetchFailure, FetchFrom, UnixSeconds};
use provider::{ProviderAttempt, Upstreams};
use seam::{Catalogue, Machine};

/// A filter: configured once, then one machine a stream.
pub trait Filter: Sized + 'static {
    /// What handles one stream.
    type Machine: Machine + 'static;

    /// Reads the JSON configuration. The secret is the process's own, the same for all its workers. The error names every problem.
    fn configure(json: &[u8], secret: [u8; 16]) -> Result<Self, String>;

    /// A machine for one stream; the seed is another one each time.
    fn machine(&self, seed: u64) -> Self::Machine;

    /// The statistics and shared pages that its machines speak of.
    fn catalogue(&self) -> Catalogue {
        Catalogue::default()
    }

    /// A line about what was configured, for the host's log; of the memory that was taken for it, where some was.
    fn summary(&self) -> Option<String> {
        None
    }

    /// Whether anything is fetched in the background, so that [`begin_fetch`](Self::begin_fetch) is asked from time to time.
    fn fetches(&self) -> bool {
        false
    }

    /// What is to be fetched now, if anything is due. It has begun with this call, and [`fetched`](Self::fetched) takes what it brings.
    fn begin_fetch(&self, _now: UnixSeconds) -> Option<&FetchFrom> {
        None
    }

    /// Takes what a fetch brought: the body of an answer with status 200. The error is for the host's log.
    fn fetched(&self, _now: UnixSeconds, _answer: Result<&[u8], FetchFailure>) -> Result<(), FetchFailure> {
        Ok(())
    }

    /// The attribute behind [`seam::Attribute::SelectedProvider`].
    fn selecting_attribute(&self) -> Option<&[String]> {
        None
    }
}

/// ai-gateway.
#[derive(Clone, Debug)]
pub struct GatewayFilter(Rc<Routes>);

/// ai-provider.
#[derive(Clone, Debug)]
pub struct ProviderFilter(Rc<Upstreams>);

impl Filter for GatewayFilter {
    type Machine = Gateway;

    fn configure(json: &[u8], secret: [u8; 16]) -> Result<Self, String> {
        let config = GatewayConfig::parse(json, &|name| std::env::var(name).ok());
        let config = config.map_err(|problems| problems.to_string())?;
        Ok(Self(Rc::new(Routes::new(config, Secret(secret)))))
    }

    fn catalogue(&self) -> Catalogue {
        self.0.catalogue().clone()
    }

    fn summary(&self) -> Option<String> {
        let budgets: Vec<_> = self.0.budget_memory().collect();
        let total = budgets.iter().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        let each: Vec<_> =
            budgets.iter().map(|(name, bytes)| format!("{name} {} KiB", bytes.div_ceil(1024))).collect();
        (!each.is_empty()).then(|| {
            format!(
                "budgets take {} KiB of memory, whatever the number of callers: {}",
                total.div_ceil(1024),
                each.join(", ")
            )
        })
    }

    fn fetches(&self) -> bool {
        self.0.identity().fetches()
    }

    fn begin_fetch(&self, now: UnixSeconds) -> Option<&FetchFrom> {
        self.0.identity().begin_fetch(now)
    }

    fn fetched(&self, now: UnixSeconds, answer: Result<&[u8], FetchFailure>) -> Result<(), FetchFailure> {
        self.0.identity().fetched(now, answer)
    }

    fn machine(&self, _seed: u64) -> Gateway {
        Gateway::new(Rc::clone(&self.0))
    }
}

impl Filter for ProviderFilter {
    type Machine = ProviderAttempt;

    fn configure(json: &[u8], _secret: [u8; 16]) -> Result<Self, String> {
        let config = ProviderConfig::parse(json, &|name| std::env::var(name).ok());
        let config = config.map_err(|problems| problems.to_string())?;
        Ok(Self(Rc::new(Upstreams::new(config))))
    }

    fn machine(&self, seed: u64) -> ProviderAttempt {
        ProviderAttempt::new(Rc::clone(&self.0), seed)
    }

    fn selecting_attribute(&self) -> Option<&[String]> {
        self.0.selecting_attribute()
    }
}
