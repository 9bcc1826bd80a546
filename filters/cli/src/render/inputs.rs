//! What may be chosen about the example router, and what it is where nobody chooses.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use llm_api::Dialect;
use serde_json::{Map, Value, json};

use super::{
    BaseUrl, BodyLimit, EnvName, FilePath, GlobalBudget, Limit, Model, ModelName, Problem, Problems,
    ProviderName, Turn, filter_config, served,
};

/// Providers that one request may try. Each is a retry with the whole body; after the eighth nobody waits any more.
const MAX_PROVIDERS: usize = 8;

/// One model on one endpoint, served by several providers in their order.
///
/// The default is the project's example: OpenAI's `gpt-4` first, Anthropic's `claude-3-opus` as fallback.
#[derive(Clone, Debug, PartialEq)]
pub struct LlmRouter {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Envoy's admin port, always on loopback.
    pub admin_port: u16,
    /// Where Envoy's statistics can be scraped, and nothing else of its admin interface; nowhere without.
    pub metrics: Option<SocketAddr>,
    /// The model's name as clients say it.
    pub model: ModelName,
    /// How its tokens are counted, where it differs from the others.
    pub model_counting: Option<String>,
    /// Further models on the same endpoint, each with providers of its own.
    pub more_models: Vec<Model>,
    /// Other names that clients may say for them.
    pub aliases: Vec<Alias>,
    /// Who serves it, in the order of the attempts.
    pub providers: Vec<Provider>,
    /// How tokens are counted: the members of `counting` in ai-gateway's configuration. Without any, as it is where nothing is said.
    pub counting: Map<String, Value>,
    /// The most tokens that a prompt may have.
    pub max_input_tokens: Option<u64>,
    /// Who is calling: the section `identity` of ai-gateway's configuration. Where it is empty everybody is anonymous.
    pub identity: Map<String, Value>,
    /// What callers may spend here: the section `budgets`. Where it does not say how long a reservation lasts, that is a minute more than
    /// a request may take.
    pub budgets: Map<String, Value>,
    /// What models cost: the section `prices`.
    pub prices: Vec<Value>,
    /// The budget that all gateways of a fleet share, where they do.
    pub global_budget: Option<GlobalBudget>,
    /// How long anything may take.
    pub limits: Limits,
    /// The largest body that the filters read or write.
    pub max_body: BodyLimit,
    /// The certificate authorities that providers are verified against. Envoy verifies nothing without it.
    pub ca_bundle: FilePath,
    /// Where the filters' modules are.
    pub modules: Modules,
    /// How a retry reaches the next provider.
    pub fallback: Fallback,
    /// Whether ai-gateway may hold headers until it has read the body.
    pub headers_held: HeadersHeld,
    /// Which of the two filters are installed.
    pub filters: Filters,
    /// What is said about each request on stdout.
    pub access_log: AccessLog,
    /// When a provider's address is left out for a while; never, where it is absent.
    pub outliers: Option<Outliers>,
    /// The Envoy that will read it.
    pub envoy: EnvoyVersion,
    /// The certificate that clients are shown; without one they are served in plain HTTP.
    pub tls: Option<Tls>,
    /// The name of the file that all this comes from, for the heading, where it comes from one.
    pub route_file: Option<String>,
}

/// When a provider's address is left out for a while: stock Envoy's outlier detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outliers {
    /// How many failures one after the other.
    pub failures: u32,
    /// For how long, at first.
    pub ejection_time: Limit,
}

/// The certificate that clients are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and those that lead to its authority, PEM.
    pub certificate: FilePath,
    /// Its private key, PEM.
    pub key: FilePath,
}

/// Another name for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// A name, or a prefix followed by `*`.
    pub pattern: String,
    /// The model that it stands for.
    pub model: ModelName,
}

/// Who serves a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// Its name.
    pub name: ProviderName,
    /// The API that it speaks.
    pub api: Dialect,
    /// Where that API begins.
    pub base_url: BaseUrl,
    /// The model's name there.
    pub model: ModelName,
    /// How it knows us.
    pub auth: Auth,
    /// When it is tried.
    pub turn: Turn,
    /// How often it is chosen among those that share its attempt.
    pub weight: u32,
    /// More members of its object in ai-provider's configuration, such as `default_max_tokens`; none that is rendered anyway.
    pub extra: Map<String, Value>,
}

/// How a provider knows us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// By the key in that environment variable of Envoy's.
    ApiKey(EnvName),
    /// It does not ask.
    None,
}

/// The four time limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the first content of a stream, in each attempt.
    pub first_byte: Limit,
    /// Between two pieces of a stream. Envoy's clock for it runs before the first content too, so what all attempts together may
    /// take to begin (connecting, then `first_byte`, for each provider) is rendered instead where that is longer.
    pub idle: Limit,
    /// One attempt's whole answer that is no stream.
    pub answer: Limit,
    /// The whole request over all attempts.
    pub total: Limit,
}

/// Where the filters' modules are, as Envoy sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modules {
    /// `ai_gateway.wasm`
    pub gateway: FilePath,
    /// `ai_provider.wasm`
    pub provider: FilePath,
}

/// How a retry reaches the next provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// One cluster per provider, tried in order by a `priority_group` cluster specifier. Envoy 1.40 or newer.
    PriorityGroup,
    /// One cluster with one priority per provider, and the `previous_priorities` retry plugin.
    PreviousPriorities,
}

/// Whether ai-gateway may hold headers until it has read the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadersHeld {
    /// It may: routes can match on the model and on streaming.
    Yes,
    /// It may not, as on a host that does not expose the flag: one route serves everything, with the longest limits.
    No,
}

/// Which of the two filters are installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filters {
    /// Both, as designed.
    Both,
    /// ai-gateway alone: providers get the client's path, body and credentials.
    GatewayOnly,
    /// ai-provider alone: nothing reads the model, so one route serves everything.
    ProviderOnly,
    /// Neither: the bare Envoy that measurements compare with.
    Neither,
}

/// What is said about each request on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// One JSON object each, without bodies and credentials.
    Json,
    /// Nothing.
    Off,
}

/// The minor version of an Envoy 1.x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnvoyVersion(pub u16);

impl LlmRouter {
    /// Whether Envoy and the filters will take it: what no single value can say.
    ///
    /// # Errors
    /// With every problem that there is.
    pub fn check(&self) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let mut names = BTreeSet::new();
        for (_, provider) in self.every_provider() {
            if !names.insert(&provider.name) {
                problems.push(
                    "providers",
                    Problem::DuplicateProvider { name: provider.name.as_str().to_owned() },
                );
            }
            for key in filter_config::RENDERED.into_iter().filter(|key| provider.extra.contains_key(*key)) {
                problems.push(
                    "providers",
                    Problem::RenderedAnyway { provider: provider.name.as_str().to_owned(), key },
                );
            }
        }
        for served in self.served() {
            match served::attempts(served.providers).len() {
                0 => problems.push("providers", Problem::NoProvider),
                count if count > MAX_PROVIDERS => {
                    problems.push("providers", Problem::TooManyProviders { count, max: MAX_PROVIDERS });
                }
                _ => {}
            }
            for part in served.limits.above_total() {
                problems.push("limits", Problem::LimitAboveTotal { part });
            }
        }
        if !self.more_models.is_empty() && !self.routes_by_headers() {
            problems.push("models", Problem::ModelsNeedHeaders);
        }
        if self.listen.port() == self.admin_port {
            problems.push("admin-port", Problem::SamePort { port: self.admin_port });
        }
        if let Some(metrics) =
            self.metrics.filter(|at| [self.listen.port(), self.admin_port].contains(&at.port()))
        {
            problems.push("metrics", Problem::MetricsPort { port: metrics.port() });
        }
        let (fallback, needed) = match self.fallback {
            Fallback::PriorityGroup => ("priority-group", EnvoyVersion::PRIORITY_GROUP),
            Fallback::PreviousPriorities => ("previous-priorities", EnvoyVersion::OLDEST),
        };
        if self.envoy < needed {
            problems.push("envoy", Problem::EnvoyTooOld { given: self.envoy.0, fallback, needed: needed.0 });
        }
        if let Some(budget) = &self.global_budget {
            budget.check(self, &mut problems);
        }
        if self.filters.gateway() && problems.is_empty() {
            // What the sections say is for the filter's own reader to judge, which also knows what they have to do with each other.
            let set = |_: &str| Some("set".repeat(16));
            if let Err(found) = config::GatewayConfig::parse(filter_config::gateway(self).as_bytes(), &set) {
                for config::Problem { path, message, hint } in found.iter().cloned() {
                    problems.push("ai-gateway", Problem::Configuration { path, message, hint });
                }
            }
        }
        problems.or(())
    }

    /// Whether routes can tell models, streams and narrowed plans apart: it takes ai-gateway's headers.
    pub(super) fn routes_by_headers(&self) -> bool {
        self.filters.gateway() && self.headers_held == HeadersHeld::Yes
    }
}

/// Budgets of tokens for each user, in the terms of the example: so many a day, and so many a minute.
pub fn token_budgets(per_day: Option<u64>, per_minute: Option<u64>) -> Map<String, Value> {
    let minute = per_minute.map(
        |amount| json!({"name": "user-minute", "per": ["user"], "rate": {"amount": amount, "per": "minute"}}),
    );
    let day = per_day.map(
        |amount| json!({"name": "user-day", "per": ["user"], "quota": {"amount": amount, "window": "day"}}),
    );
    let limits: Vec<Value> = minute.into_iter().chain(day).collect();
    if limits.is_empty() { Map::new() } else { section(&json!({"limits": limits})) }
}

fn section(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

impl Default for LlmRouter {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 10_000),
            admin_port: 9901,
            metrics: None,
            model: ModelName::of_example("gpt-4"),
            model_counting: None,
            more_models: Vec::new(),
            aliases: Vec::new(),
            providers: vec![Provider::openai(), Provider::anthropic()],
            counting: Map::new(),
            max_input_tokens: None,
            identity: section(&json!({"header": {"user": "x-user-id"}})),
            budgets: token_budgets(Some(100_000), Some(10_000)),
            prices: Vec::new(),
            global_budget: None,
            limits: Limits::default(),
            max_body: BodyLimit::EXAMPLE,
            ca_bundle: FilePath::of_example("/etc/ssl/certs/ca-certificates.crt"),
            modules: Modules::default(),
            fallback: Fallback::PriorityGroup,
            headers_held: HeadersHeld::Yes,
            filters: Filters::Both,
            access_log: AccessLog::Json,
            outliers: None,
            envoy: EnvoyVersion::default(),
            tls: None,
            route_file: None,
        }
    }
}

impl Provider {
    /// OpenAI with the example's model.
    pub fn openai() -> Self {
        Self {
            name: ProviderName::of_example("openai"),
            api: Dialect::OpenAi,
            base_url: BaseUrl::of_example("api.openai.com", "/v1"),
            model: ModelName::of_example("gpt-4"),
            auth: Auth::ApiKey(EnvName::of_example("OPENAI_API_KEY")),
            turn: Turn::Next,
            weight: 1,
            extra: Map::new(),
        }
    }

    /// Anthropic with the example's model.
    pub fn anthropic() -> Self {
        Self {
            name: ProviderName::of_example("anthropic"),
            api: Dialect::Anthropic,
            base_url: BaseUrl::of_example("api.anthropic.com", ""),
            model: ModelName::of_example("claude-3-opus"),
            auth: Auth::ApiKey(EnvName::of_example("ANTHROPIC_API_KEY")),
            turn: Turn::Next,
            weight: 1,
            extra: Map::new(),
        }
    }

    /// The environment variable that its key is in, where it has one.
    pub(super) fn key_env(&self) -> Option<&EnvName> {
        match &self.auth {
            Auth::ApiKey(env) => Some(env),
            Auth::None => None,
        }
    }
}

impl Limits {
    /// The limits that are longer than the total.
    pub fn above_total(self) -> impl Iterator<Item = &'static str> {
        let Self { first_byte, idle, answer, total } = self;
        let parts = [("first-byte", first_byte), ("idle", idle), ("answer", answer)];
        parts.into_iter().filter(move |(_, limit)| *limit > total).map(|(part, _)| part)
    }
}

impl Default for Limits {
    /// What suits real models: 30 s, 60 s, 5 min, 15 min.
    fn default() -> Self {
        Self {
            first_byte: Limit::seconds(30),
            idle: Limit::seconds(60),
            answer: Limit::seconds(5 * 60),
            total: Limit::seconds(15 * 60),
        }
    }
}

impl Default for Modules {
    fn default() -> Self {
        Self {
            gateway: FilePath::of_example("/etc/envoy/wasm/ai_gateway.wasm"),
            provider: FilePath::of_example("/etc/envoy/wasm/ai_provider.wasm"),
        }
    }
}

impl Filters {
    pub(super) const fn gateway(self) -> bool {
        matches!(self, Self::Both | Self::GatewayOnly)
    }

    pub(super) const fn provider(self) -> bool {
        matches!(self, Self::Both | Self::ProviderOnly)
    }
}

impl EnvoyVersion {
    /// The oldest that the project is tested with.
    pub const OLDEST: Self = Self(36);
    /// The first that has the `priority_group` cluster specifier.
    pub const PRIORITY_GROUP: Self = Self(40);
}

impl Default for EnvoyVersion {
    fn default() -> Self {
        Self(40)
    }
}

impl Alias {
    /// That name, or prefix followed by `*`, for that model.
    ///
    /// # Errors
    /// Where one of the two is no name.
    pub fn new(pattern: &str, model: &str) -> Result<Self, Problem> {
        ModelName::pattern(pattern)?;
        Ok(Self { pattern: pattern.to_owned(), model: model.parse()? })
    }
}

impl std::str::FromStr for Alias {
    type Err = Problem;

    /// `NAME=MODEL`, where NAME may end in `*`.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let problem = || Problem::Alias { given: text.to_owned() };
        let (pattern, model) = text.split_once('=').ok_or_else(problem)?;
        Self::new(pattern, model).map_err(|_| problem())
    }
}
