//! The two filters as a host sees them: a configuration, and a machine for each stream.

use std::rc::Rc;

use config::{GatewayConfig, ProviderConfig};
use gateway::{Gateway, Routes};
use provider::{ProviderAttempt, Upstreams};
use seam::{Catalogue, Machine};

/// A filter: configured once, then one machine a stream.
pub trait Filter: Sized + 'static {
    /// What handles one stream.
    type Machine: Machine + 'static;

    /// Reads the JSON configuration. The error names every problem.
    fn configure(json: &[u8]) -> Result<Self, String>;

    /// A machine for one stream; the seed is another one each time.
    fn machine(&self, seed: u64) -> Self::Machine;

    /// The statistics and shared pages that its machines speak of.
    fn catalogue(&self) -> Catalogue {
        Catalogue::default()
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

    fn configure(json: &[u8]) -> Result<Self, String> {
        let config = GatewayConfig::parse(json, &|name| std::env::var(name).ok());
        let config = config.map_err(|problems| problems.to_string())?;
        Ok(Self(Rc::new(Routes::new(config))))
    }

    fn catalogue(&self) -> Catalogue {
        self.0.catalogue().clone()
    }

    fn machine(&self, _seed: u64) -> Gateway {
        Gateway::new(Rc::clone(&self.0))
    }
}

impl Filter for ProviderFilter {
    type Machine = ProviderAttempt;

    fn configure(json: &[u8]) -> Result<Self, String> {
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
