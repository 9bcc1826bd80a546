//! The shapes of deployment that rows run against: which filters, which fallback, which providers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ai_filters::render::{
    AccessLog, Alias, Auth, BodyLimit, Fallback, FilePath, Filters, HeadersHeld, Limits, LlmRouter, Modules,
    Provider,
};
use llm_api::Dialect;
use serde_json::json;

use crate::identities;

/// What the filters accept of a body, in bytes: small, so that rows about it stay small.
pub const MAX_BODY: usize = 256 * 1024;

/// What a prompt may have of tokens where prompts are counted.
pub const MAX_INPUT_TOKENS: u64 = 200;

/// The host names of the scripted providers. Names under `localhost` are this machine's, without any resolver.
pub const OPENAI_HOST: &str = "openai.localhost";
/// The second one's.
pub const ANTHROPIC_HOST: &str = "anthropic.localhost";

/// A way to deploy the filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// Both filters, headers held, a cluster for each provider behind a `priority_group`. HTTP/2 to the providers.
    Groups,
    /// Both filters, headers held, one cluster with `previous_priorities`. HTTP/1.1 to the providers.
    Priorities,
    /// Both filters, but ai-gateway may not hold headers: no route knows the model.
    NotHeld,
    /// ai-gateway alone, in front of OpenAI.
    GatewayAlone,
    /// ai-gateway alone, and it may not hold headers.
    GatewayAloneNotHeld,
    /// ai-provider alone.
    ProviderAlone,
    /// As [`Groups`](Self::Groups), where OpenAI has the model under another name than clients. HTTP/1.1 to the providers.
    OtherName,
    /// As [`Groups`](Self::Groups), with Anthropic as the only provider.
    AnthropicOnly,
    /// As [`Groups`](Self::Groups), Anthropic first and OpenAI second.
    AnthropicFirst,
    /// As [`Groups`](Self::Groups), where it is asked who is calling, and each user has budgets: see [`identities`](crate::identities).
    Budgets,
    /// As [`Groups`](Self::Groups), with every prompt counted, limited, and told to who asks.
    Counted,
    /// A real Envoy Gateway on rendered manifests, with everything that it takes a patch for.
    EnvoyGateway,
    /// The same without any patch: ai-gateway alone, and it may not hold headers.
    EnvoyGatewayUnpatched,
}

impl Shape {
    /// Whether Envoy Gateway starts its Envoy.
    pub const fn is_envoy_gateway(self) -> bool {
        matches!(self, Self::EnvoyGateway | Self::EnvoyGatewayUnpatched)
    }

    /// The shape with an Envoy of our own whose rows it passes too.
    pub const fn like(self) -> Self {
        match self {
            Self::EnvoyGateway => Self::Priorities,
            Self::EnvoyGatewayUnpatched => Self::GatewayAloneNotHeld,
            own => own,
        }
    }

    /// Its name, the first part of the names of its tests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Groups => "priority_group",
            Self::Priorities => "previous_priorities",
            Self::NotHeld => "headers_not_held",
            Self::GatewayAlone => "gateway_alone",
            Self::GatewayAloneNotHeld => "gateway_alone_not_held",
            Self::ProviderAlone => "provider_alone",
            Self::OtherName => "other_name",
            Self::AnthropicOnly => "anthropic_only",
            Self::AnthropicFirst => "anthropic_first",
            Self::Budgets => "budgets",
            Self::Counted => "counted",
            Self::EnvoyGateway => "envoy_gateway",
            Self::EnvoyGatewayUnpatched => "envoy_gateway_unpatched",
        }
    }

    /// Whether ai-gateway is installed.
    pub const fn has_gateway(self) -> bool {
        !matches!(self, Self::ProviderAlone)
    }

    /// Whether ai-provider is installed.
    pub const fn has_provider(self) -> bool {
        !matches!(self.like(), Self::GatewayAlone | Self::GatewayAloneNotHeld)
    }

    /// Whether providers are offered HTTP/2.
    pub const fn upstream_http2(self) -> bool {
        matches!(
            self,
            Self::Groups | Self::GatewayAlone | Self::AnthropicFirst | Self::Counted | Self::Budgets
        )
    }

    /// What is to be rendered for it, with the providers on these ports.
    pub fn router(self, ports: Ports, ca_bundle: FilePath, modules: Modules) -> LlmRouter {
        let openai = provider(Provider::openai(), OPENAI_HOST, ports.openai, "/v1", "OPENAI_API_KEY");
        let anthropic =
            provider(Provider::anthropic(), ANTHROPIC_HOST, ports.anthropic, "", "ANTHROPIC_API_KEY");
        let providers = match self.like() {
            Self::GatewayAlone | Self::GatewayAloneNotHeld => vec![Provider { auth: Auth::None, ..openai }],
            Self::OtherName => {
                let model = "gpt-4o-mini".parse().expect("a model's name");
                vec![Provider { model, ..openai }, anthropic]
            }
            Self::AnthropicOnly => vec![anthropic],
            Self::AnthropicFirst => vec![anthropic, openai],
            _ => vec![openai, anthropic],
        };
        let alias = |pattern: &str| Alias {
            pattern: pattern.to_owned(),
            model: "gpt-4".parse().expect("a model's name"),
        };
        LlmRouter {
            // Envoy says which ports these became.
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin_port: 0,
            aliases: vec![alias("best"), alias("team-*")],
            providers,
            limits: limits(),
            max_body: BodyLimit::new(MAX_BODY as u64).expect("a limit in bounds"),
            ca_bundle,
            modules,
            fallback: if self.like() == Self::Priorities {
                Fallback::PreviousPriorities
            } else {
                Fallback::PriorityGroup
            },
            headers_held: match self.like() {
                Self::NotHeld | Self::GatewayAloneNotHeld => HeadersHeld::No,
                _ => HeadersHeld::Yes,
            },
            filters: match self.like() {
                Self::GatewayAlone | Self::GatewayAloneNotHeld => Filters::GatewayOnly,
                Self::ProviderAlone => Filters::ProviderOnly,
                _ => Filters::Both,
            },
            access_log: AccessLog::Json,
            identity: if self == Self::Budgets {
                identities::section()
            } else {
                LlmRouter::default().identity
            },
            // Rows are many, and their callers few.
            budgets: if self == Self::Budgets { budgets() } else { serde_json::Map::new() },
            counting: match self {
                Self::Budgets => [("mode".to_owned(), json!("exact"))].into_iter().collect(),
                Self::Counted => {
                    let counting = [
                        ("mode", json!("exact")),
                        ("input_tokens_header", json!(true)),
                        ("local_endpoints", json!(true)),
                    ];
                    counting.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
                }
                _ => serde_json::Map::new(),
            },
            max_input_tokens: (self == Self::Counted).then_some(MAX_INPUT_TOKENS),
            ..LlmRouter::default()
        }
    }
}

/// What a user has in a minute where there are budgets, in tokens.
pub const PER_MINUTE: u64 = 2_000;
/// And in a month: more than any row spends in minutes, unless an answer is longer than was expected.
pub const PER_MONTH: u64 = 10_000;
/// And in an hour, in requests.
pub const REQUESTS_PER_HOUR: u64 = 60;

fn budgets() -> serde_json::Map<String, serde_json::Value> {
    let limits = json!([
        {"name": "user-minute", "per": ["user"], "rate": {"amount": PER_MINUTE, "per": "minute"}},
        {"name": "user-month", "per": ["user"], "quota": {"amount": PER_MONTH, "window": "month"}},
        {"name": "requests", "per": ["user"], "unit": "requests", "rate": {"amount": REQUESTS_PER_HOUR, "per": "hour"}},
    ]);
    [("limits".to_owned(), limits)].into_iter().collect()
}

/// Where the scripted providers listen.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// OpenAI's port.
    pub openai: u16,
    /// Anthropic's port.
    pub anthropic: u16,
}

/// How long a stream's first content may take, and every pause in it: short enough that a row about time does not wait for long, long enough
/// that a busy machine is not taken for a silent provider.
pub const FIRST_BYTE: Duration = Duration::from_secs(2);
/// How long an answer may take that is no stream.
pub const ANSWER: Duration = Duration::from_secs(4);
/// How long everything may take.
pub const TOTAL: Duration = Duration::from_secs(16);

fn limits() -> Limits {
    let limit = |limit: Duration| format!("{}ms", limit.as_millis()).parse().expect("a time limit");
    Limits {
        first_byte: limit(FIRST_BYTE),
        idle: limit(FIRST_BYTE),
        answer: limit(ANSWER),
        total: limit(TOTAL),
    }
}

fn provider(provider: Provider, host: &str, port: u16, path: &str, key: &str) -> Provider {
    let base_url = format!("https://{host}:{port}{path}").parse().expect("a URL");
    let mut extra = provider.extra.clone();
    if provider.api == Dialect::Anthropic {
        extra.insert("default_max_tokens".to_owned(), json!(512));
    }
    Provider { base_url, auth: Auth::ApiKey(key.parse().expect("a variable's name")), extra, ..provider }
}
