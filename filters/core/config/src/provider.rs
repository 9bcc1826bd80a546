//! What ai-provider's configuration means.

use llm_api::Dialect;

use crate::raw::provider::RawProviders;
use crate::{Problems, Redacted, check, read};

/// ai-provider's validated configuration.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// How the provider of an attempt is known.
    pub selection: Selection,
    /// The largest body that is read or written, in bytes. Must be below Envoy's own buffer limit.
    pub max_body_bytes: usize,
    /// The providers, in the order of the configuration.
    pub providers: Vec<Provider>,
}

/// How the provider of an attempt is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// This configuration is of one cluster, and the cluster is of this provider.
    Fixed(String),
    /// The metadata at that Envoy attribute path names it, for example
    /// `xds.upstream_host_metadata.filter_metadata.ai.provider` as its five segments.
    Attribute(Vec<String>),
}

/// One provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name, as in `x-ai-provider` and in metadata.
    pub name: String,
    /// The API that it speaks.
    pub api: Dialect,
    /// `:authority` of requests to it.
    pub authority: String,
    /// What stands before the API's endpoint in `:path`; begins with `/` and does not end with one, or is empty.
    pub base_path: String,
    /// The model's name there, where the planned targets do not say.
    pub model: Option<String>,
    /// The model's name as clients see it where ai-gateway is not installed; else what they asked for.
    pub model_name_override: Option<String>,
    /// How it knows us.
    pub auth: Auth,
    /// `max_tokens` for an API that requires it, where the client gave none.
    pub default_max_tokens: u32,
    /// `anthropic-version`, for a provider that speaks Anthropic's API.
    pub anthropic_version: String,
    /// Headers set on every request to it; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Client headers that may go to it; names in lower case.
    pub pass_request_headers: Vec<String>,
    /// Its headers that may go to clients; names in lower case.
    pub pass_response_headers: Vec<String>,
    /// Its statuses after which another target is tried.
    pub retry_statuses: RetryStatuses,
}

/// The statuses of a provider after which another target is tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RetryStatuses {
    /// 408, 429 and every 5xx, so also 529 and what a proxy in between makes up.
    #[default]
    Usual,
    /// These alone, each from 400 to 599.
    Listed(Vec<u16>),
}

impl RetryStatuses {
    /// Whether another target is tried after that status.
    pub fn contains(&self, status: u16) -> bool {
        match self {
            Self::Usual => matches!(status, 408 | 429 | 500..=599),
            Self::Listed(statuses) => statuses.contains(&status),
        }
    }
}

/// How a provider knows us.
#[derive(Clone, Debug)]
pub enum Auth {
    /// A key, in the header that the provider's API has for it.
    ApiKey(Redacted<String>),
    /// Nothing by the filter: an open server, or Envoy's `credential_injector` after it.
    None,
}

impl ProviderConfig {
    /// Reads and checks the text of ai-provider's configuration; what it may say is in the generated schema. `env` says what an
    /// environment variable holds. Refused whole, with every problem at once; no problem ever holds a key.
    pub fn parse(json: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let (raw, mut findings) = read::document::<RawProviders>(json)?;
        let config = raw.and_then(|raw| check::provider::config(&raw, env, &mut findings));
        findings.finish(config)
    }

    /// The provider of that name.
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == name)
    }
}
