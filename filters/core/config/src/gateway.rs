//! What ai-gateway's configuration means.

use identity::Identity;
use pricing::Prices;

use crate::raw::gateway::RawGateway;
use crate::{Budgets, Counting, Models, Problems, check, read};

/// ai-gateway's validated configuration.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The models that clients may ask for.
    pub models: Models,
    /// The largest request body that is read, in bytes. Must be below Envoy's own buffer limit.
    pub max_body_bytes: usize,
    /// Whether the host lets the filter hold headers until the body is read.
    pub headers_held: HeadersHeld,
    /// What becomes of requests to paths that are no LLM endpoint.
    pub other_paths: OtherPaths,
    /// How tokens are counted.
    pub counting: Counting,
    /// What callers may spend.
    pub budgets: Budgets,
    /// What models cost.
    pub prices: Prices,
    /// Who is calling.
    pub identity: Identity,
}

/// Whether headers can be held (`allow_on_headers_stop_iteration` in Envoy's PluginConfig).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadersHeld {
    /// They can: routing on the model works.
    Yes,
    /// They cannot: the table of what remains is in the documentation.
    No,
}

/// What becomes of requests to paths that are no LLM endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherPaths {
    /// 404 in OpenAI's shape: nothing reaches a provider unseen.
    Refuse,
    /// Left to Envoy's routes, untouched but for internal headers.
    Pass,
}

impl GatewayConfig {
    /// Reads and checks the text of ai-gateway's configuration; what it may say is in the generated schema. `env` says what an
    /// environment variable holds. Refused whole, with every problem at once; no problem ever holds a secret.
    pub fn parse(json: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let (raw, mut findings) = read::document::<RawGateway>(json)?;
        let config = raw.and_then(|raw| check::gateway::config(&raw, env, &mut findings));
        findings.finish(config)
    }
}
