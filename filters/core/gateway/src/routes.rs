//! A configuration and what is made of it once, for all requests of a worker.

use std::rc::Rc;

use config::GatewayConfig;
use identity::Identity;
use seam::Catalogue;

use crate::budgets::Secret;
use crate::meter::Meter;

/// The configured models, and what is counted of each.
#[derive(Debug)]
pub struct Routes {
    pub(crate) config: GatewayConfig,
    pub(crate) meter: Rc<Meter>,
}

impl Routes {
    /// Prepares a configuration.
    pub fn new(config: GatewayConfig, secret: Secret) -> Self {
        let meter = Rc::new(Meter::new(&config, secret));
        Self { config, meter }
    }

    /// What the tables of all budgets occupy of the memory that workers share, in bytes, by budget.
    pub fn budget_memory(&self) -> impl Iterator<Item = (&str, u64)> {
        self.meter.budgets.memory()
    }

    /// Who is calling, and the keys that it needs to know.
    pub const fn identity(&self) -> &Identity {
        &self.config.identity
    }

    /// Every statistic and every shared page that the machines speak of.
    pub fn catalogue(&self) -> &Catalogue {
        self.meter.catalogue()
    }
}
