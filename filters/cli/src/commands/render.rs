//! `ai-filters render`: Envoy's configuration from a file, or from what the command line says.

mod gateway_api;
mod global_budget;
mod route;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ai_filters::render::{
    AccessLog, Alias, Auth, EnvoyVersion, Fallback, Filters, HeadersHeld, LlmRouter, Problem, Problems,
    Provider, Turn, bootstrap, token_budgets,
};
use clap::ValueEnum;
use llm_api::Dialect;
use serde_json::{Map, Value};

use super::{Failure, print};

/// What can be rendered.
#[derive(clap::Subcommand)]
pub(super) enum What {
    /// Everything that an AIGatewayRoute file says: models, providers, budgets, callers.
    Route(Box<route::RouteOptions>),
    /// One model on one endpoint, served by several providers in their order.
    LlmRouter(Box<Options>),
    /// The same, with a budget that all gateways of a fleet share through the rate limit service.
    GlobalBudget(Box<global_budget::BudgetOptions>),
    /// The router as manifests for Envoy Gateway on Kubernetes.
    GatewayApi(Box<gateway_api::GatewayOptions>),
}

/// `ai-filters render llm-router …`. Values are text here: all of them are checked together, so that every problem is told at once.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Where to write it; stdout without.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where clients connect.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:10000")]
    listen: SocketAddr,
    /// Envoy's admin port, on loopback.
    #[arg(long, value_name = "PORT", default_value_t = 9901)]
    admin_port: u16,
    /// Where Envoy's statistics can be scraped, and nothing else of its admin interface.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// The model's name as clients say it.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Another name for it, or a prefix followed by `*`. Repeatable.
    #[arg(long = "alias", value_name = "NAME=MODEL")]
    aliases: Vec<String>,
    /// Who serves it, in the order of the attempts: `name=…,api=openai|anthropic,url=…,model=…[,key-env=…]`. Repeatable; without any,
    /// the example's OpenAI and Anthropic. Without `key-env` the provider gets no key.
    #[arg(long = "provider", value_name = "KEY=VALUE,…")]
    providers: Vec<String>,
    /// How tokens are counted; `auto` where nothing is said.
    #[arg(long, value_name = "MODE")]
    counting: Option<CountingOption>,
    /// The most tokens that a prompt may have.
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u64).range(1..))]
    max_input_tokens: Option<u64>,
    /// Tell the prompt's tokens in `x-ai-input-tokens`.
    #[arg(long)]
    input_tokens_header: bool,
    /// Answer `POST /v1/messages/count_tokens` and `POST /v1/responses/input_tokens`.
    #[arg(long)]
    local_endpoints: bool,
    /// Tokens that each user may spend in a day, UTC; 0 is any number.
    #[arg(long, value_name = "TOKENS", default_value_t = 100_000, conflicts_with = "budgets_file")]
    tokens_per_day: u64,
    /// Tokens that each user may spend in a minute; 0 is any number.
    #[arg(long, value_name = "TOKENS", default_value_t = 10_000, conflicts_with = "budgets_file")]
    tokens_per_minute: u64,
    /// `budgets` in ai-gateway's configuration, as a JSON file, in the place of those two.
    #[arg(long = "budgets", value_name = "FILE")]
    budgets_file: Option<PathBuf>,
    /// `identity` in ai-gateway's configuration, as a JSON file; without it `x-user-id` names the user.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// `prices` in ai-gateway's configuration, as a JSON file.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Until the first content of a stream, in each attempt.
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    first_byte_timeout: String,
    /// Between two pieces of a stream.
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    idle_timeout: String,
    /// One attempt's whole answer that is no stream.
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    answer_timeout: String,
    /// The whole request over all attempts.
    #[arg(long, value_name = "DURATION", default_value = "15m")]
    total_timeout: String,
    /// The largest body that the filters read or write.
    #[arg(long, value_name = "BYTES", default_value = "8388608")]
    max_body_bytes: String,
    /// The certificate authorities that providers are verified against.
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<String>,
    /// The module of ai-gateway.
    #[arg(long, value_name = "FILE")]
    gateway_module: Option<String>,
    /// The module of ai-provider.
    #[arg(long, value_name = "FILE")]
    provider_module: Option<String>,
    /// How a retry reaches the next provider.
    #[arg(long, default_value = "priority-group")]
    fallback: FallbackOption,
    /// For hosts that do not let ai-gateway hold headers: one route, with the longest limits.
    #[arg(long)]
    headers_not_held: bool,
    /// Which of the two filters are installed.
    #[arg(long, default_value = "both")]
    filters: FiltersOption,
    /// Say nothing about requests on stdout.
    #[arg(long)]
    no_access_log: bool,
    /// The minor version of the Envoy 1.x that will read it.
    #[arg(long, value_name = "MINOR", default_value_t = 40)]
    envoy: u16,
}

#[derive(Clone, Copy, ValueEnum)]
enum CountingOption {
    /// Every prompt, before it is sent.
    Exact,
    /// Where it matters.
    Auto,
    /// Every prompt, from samples.
    Estimate,
    /// Not at all.
    Off,
}

#[derive(Clone, Copy, ValueEnum)]
enum FallbackOption {
    /// One cluster per provider; Envoy 1.40 or newer.
    PriorityGroup,
    /// One cluster with a priority per provider.
    PreviousPriorities,
}

#[derive(Clone, Copy, ValueEnum)]
enum FiltersOption {
    /// Both, as designed.
    Both,
    /// ai-gateway alone.
    Gateway,
    /// ai-provider alone.
    Provider,
    /// Neither: a bare Envoy, to compare with.
    Neither,
}

impl What {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::LlmRouter(options) => {
                let router = options.router().map_err(|problems| Failure::Problems(problems.to_string()))?;
                write(options.output.as_deref(), &bootstrap(&router))
            }
            Self::GlobalBudget(options) => options.run(),
            Self::Route(options) => options.run(),
            Self::GatewayApi(options) => options.run(),
        }
    }
}

/// Writes that text to that file, or to stdout.
fn write(file: Option<&Path>, text: &str) -> Result<(), Failure> {
    match file {
        None => print(text),
        Some(path) => std::fs::write(path, text)
            .map_err(|source| Failure::File { path: path.display().to_string(), source }),
    }
}

impl Options {
    /// The inputs that the options stand for.
    fn router(&self) -> Result<LlmRouter, Problems> {
        let mut problems = Problems::default();
        let router = self.values(&mut problems);
        // Rules between values mean something only where every value was understood.
        if problems.is_empty() {
            router.check()?;
        }
        problems.or(router)
    }

    /// The same, not checked against each other; the default in the place of what was not understood.
    fn values(&self, problems: &mut Problems) -> LlmRouter {
        let mut router = LlmRouter {
            listen: self.listen,
            admin_port: self.admin_port,
            metrics: self.metrics,
            counting: self.counting(),
            max_input_tokens: self.max_input_tokens,
            budgets: token_budgets(above_zero(self.tokens_per_day), above_zero(self.tokens_per_minute)),
            fallback: match self.fallback {
                FallbackOption::PriorityGroup => Fallback::PriorityGroup,
                FallbackOption::PreviousPriorities => Fallback::PreviousPriorities,
            },
            filters: match self.filters {
                FiltersOption::Both => Filters::Both,
                FiltersOption::Gateway => Filters::GatewayOnly,
                FiltersOption::Provider => Filters::ProviderOnly,
                FiltersOption::Neither => Filters::Neither,
            },
            headers_held: if self.headers_not_held { HeadersHeld::No } else { HeadersHeld::Yes },
            access_log: if self.no_access_log { AccessLog::Off } else { AccessLog::Json },
            envoy: EnvoyVersion(self.envoy),
            ..LlmRouter::default()
        };
        let mut at =
            |place: &str, value: &Option<String>, set: &mut dyn FnMut(&str) -> Result<(), Problem>| {
                if let Some(value) = value {
                    problems.take(place, set(value));
                }
            };
        let given = |value: &String| Some(value.clone());
        at("--model", &self.model, &mut |text| text.parse().map(|value| router.model = value));
        at("--first-byte-timeout", &given(&self.first_byte_timeout), &mut |text| {
            text.parse().map(|value| router.limits.first_byte = value)
        });
        at("--idle-timeout", &given(&self.idle_timeout), &mut |text| {
            text.parse().map(|value| router.limits.idle = value)
        });
        at("--answer-timeout", &given(&self.answer_timeout), &mut |text| {
            text.parse().map(|value| router.limits.answer = value)
        });
        at("--total-timeout", &given(&self.total_timeout), &mut |text| {
            text.parse().map(|value| router.limits.total = value)
        });
        at("--max-body-bytes", &given(&self.max_body_bytes), &mut |text| {
            text.parse().map(|value| router.max_body = value)
        });
        at("--ca-bundle", &self.ca_bundle, &mut |text| text.parse().map(|value| router.ca_bundle = value));
        at("--gateway-module", &self.gateway_module, &mut |text| {
            text.parse().map(|value| router.modules.gateway = value)
        });
        at("--provider-module", &self.provider_module, &mut |text| {
            text.parse().map(|value| router.modules.provider = value)
        });
        let mut section = |place: &str, file: &Option<PathBuf>| -> Option<Value> {
            problems.take(place, json_file(file.as_deref()?))
        };
        if let Some(Value::Object(budgets)) = section("--budgets", &self.budgets_file) {
            router.budgets = budgets;
        }
        if let Some(Value::Object(identity)) = section("--identity", &self.identity) {
            router.identity = identity;
        }
        if let Some(Value::Array(prices)) = section("--prices", &self.prices) {
            router.prices = prices;
        }
        for alias in &self.aliases {
            router.aliases.extend(problems.take::<Alias>("--alias", alias.parse()));
        }
        if !self.providers.is_empty() {
            router.providers.clear();
            for (index, text) in self.providers.iter().enumerate() {
                router.providers.extend(provider(&format!("--provider[{index}]"), text, problems));
            }
        }
        router
    }
}

impl Options {
    /// `counting` in ai-gateway's configuration.
    fn counting(&self) -> Map<String, Value> {
        let mode = self.counting.and_then(|mode| mode.to_possible_value());
        let mode = mode.map(|mode| ("mode".to_owned(), Value::from(mode.get_name())));
        let header = self.input_tokens_header.then(|| ("input_tokens_header".to_owned(), Value::from(true)));
        let endpoints = self.local_endpoints.then(|| ("local_endpoints".to_owned(), Value::from(true)));
        mode.into_iter().chain(header).chain(endpoints).collect()
    }
}

fn above_zero(tokens: u64) -> Option<u64> {
    Some(tokens).filter(|tokens| *tokens > 0)
}

/// A section of ai-gateway's configuration in a file of its own, alone or as its member.
fn json_file(file: &Path) -> Result<Value, Problem> {
    let unreadable = |reason: String| Problem::Section { file: file.display().to_string(), reason };
    let text = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    let sections = ["budgets", "identity", "prices"];
    match value {
        Value::Object(mut members) if members.len() == 1 => {
            let own = sections.into_iter().find_map(|section| members.remove(section));
            Ok(own.unwrap_or(Value::Object(members)))
        }
        value @ (Value::Object(_) | Value::Array(_)) => Ok(value),
        _ => Err(unreadable("it holds no section of the configuration".to_owned())),
    }
}

/// `name=…,api=…,url=…,model=…[,key-env=…]`
fn provider(place: &str, text: &str, problems: &mut Problems) -> Option<Provider> {
    let (mut name, mut api, mut url, mut model, mut key_env) = (None, None, None, None, None);
    for part in text.split(',') {
        let slot = match part.split_once('=') {
            Some(("name", value)) => (&mut name, value),
            Some(("api", value)) => (&mut api, value),
            Some(("url", value)) => (&mut url, value),
            Some(("model", value)) => (&mut model, value),
            Some(("key-env", value)) => (&mut key_env, value),
            _ => {
                problems.push(place, Problem::UnknownKey { given: part.to_owned() });
                continue;
            }
        };
        *slot.0 = Some(slot.1);
    }
    let mut need = |key: &'static str, value: Option<&str>| {
        problems.take(place, value.map(str::to_owned).ok_or(Problem::Missing { key }))
    };
    let (name, api, url, model) =
        (need("name", name), need("api", api), need("url", url), need("model", model));
    let name = name.and_then(|text| problems.take(place, text.parse()));
    let api = api
        .and_then(|text| problems.take(place, Dialect::from_name(&text).ok_or(Problem::Api { given: text })));
    let base_url = url.and_then(|text| problems.take(place, text.parse()));
    let model = model.and_then(|text| problems.take(place, text.parse()));
    let auth = match key_env {
        Some(text) => problems.take(place, text.parse().map(Auth::ApiKey)),
        None => Some(Auth::None),
    };
    Some(Provider {
        name: name?,
        api: api?,
        base_url: base_url?,
        model: model?,
        auth: auth?,
        turn: Turn::Next,
        weight: 1,
        extra: serde_json::Map::new(),
    })
}
