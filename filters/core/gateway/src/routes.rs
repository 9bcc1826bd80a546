//! A configuration and what is made of it once, for all requests of a worker.

use std::rc::Rc;

use config::GatewayConfig;
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

    /// Every statistic and every shared page that the machines speak of.
    pub fn catalogue(&self) -> &Catalogue {
        self.meter.catalogue()
    }
}
