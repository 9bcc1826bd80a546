//! A configured provider, prepared once for all its attempts: whatever does not depend on a request is computed here.

use std::rc::Rc;

use config::{Auth, Provider, ProviderConfig, Selection};
use llm_api::Dialect;

/// The configured providers, ready for attempts.
#[derive(Debug)]
pub struct Upstreams {
    selection: Selection,
    pub(crate) max_body_bytes: usize,
    upstreams: Vec<Rc<Upstream>>,
}

/// One provider and what its requests have in common.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) provider: Provider,
    /// `:path` of every request.
    pub(crate) path: String,
    /// The header that carries the key.
    pub(crate) credential: Option<(&'static str, String)>,
}

impl Upstreams {
    /// Prepares what the configuration says.
    pub fn new(config: ProviderConfig) -> Self {
        let ProviderConfig { selection, max_body_bytes, providers } = config;
        let upstreams = providers.into_iter().map(|provider| Rc::new(Upstream::new(provider))).collect();
        Self { selection, max_body_bytes, upstreams }
    }

    /// The path of the attribute that names an attempt's provider, where the configuration does not name it itself.
    pub fn selecting_attribute(&self) -> Option<&[String]> {
        match &self.selection {
            Selection::Fixed(_) => None,
            Selection::Attribute(path) => Some(path),
        }
    }

    /// The provider of an attempt: the configured one, or the one that metadata names.
    pub(crate) fn select(&self, named: Option<&str>) -> Option<Rc<Upstream>> {
        let name = match &self.selection {
            Selection::Fixed(name) => name,
            Selection::Attribute(_) => named?,
        };
        self.upstreams.iter().find(|upstream| upstream.provider.name == name).cloned()
    }
}

impl Upstream {
    fn new(provider: Provider) -> Self {
        let path = format!("{}{}", provider.base_path, provider.api.endpoint());
        let credential = match (&provider.auth, provider.api) {
            (Auth::None, _) => None,
            (Auth::ApiKey(key), Dialect::OpenAi) => {
                Some(("authorization", format!("Bearer {}", key.reveal())))
            }
            (Auth::ApiKey(key), Dialect::Anthropic) => Some(("x-api-key", key.reveal().clone())),
        };
        Self { provider, path, credential }
    }
}
