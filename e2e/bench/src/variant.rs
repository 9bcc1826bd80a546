//! The Envoys that are compared: what stands in each, what its clients say, and what its provider should see.

use ai_filters::render::Filters;
use clap::ValueEnum;
use llm_api::Dialect;
use mock_llm::ProviderKind;

/// The model's name as clients of OpenAI's API say it.
pub const CLIENT_MODEL: &str = "gpt-4";
/// The model's name at OpenAI: another one, so that both the request's and the answer's must change.
pub const OPENAI_MODEL: &str = "gpt-4o-mini";
/// The model's name at Anthropic.
pub const ANTHROPIC_MODEL: &str = "claude-3-opus";

/// One Envoy of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Variant {
    /// No filters; OpenAI's API on both sides.
    #[value(name = "bare-openai")]
    BareOpenAi,
    /// Both filters; OpenAI's API on both sides, under another model name.
    Renamed,
    /// ai-gateway alone, of the same.
    GatewayOnly,
    /// ai-provider alone, of the same.
    ProviderOnly,
    /// No filters; Anthropic's API on both sides.
    BareAnthropic,
    /// Both filters; OpenAI's API at the client, Anthropic's at the provider.
    Translated,
}

impl Variant {
    /// Every variant, in the table's order.
    pub const ALL: [Self; 6] = [
        Self::BareOpenAi,
        Self::Renamed,
        Self::GatewayOnly,
        Self::ProviderOnly,
        Self::BareAnthropic,
        Self::Translated,
    ];

    /// Its name in tables and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BareOpenAi => "bare Envoy, OpenAI",
            Self::Renamed => "OpenAI → OpenAI, another model name",
            Self::GatewayOnly => "the same, ai-gateway alone",
            Self::ProviderOnly => "the same, ai-provider alone",
            Self::BareAnthropic => "bare Envoy, Anthropic",
            Self::Translated => "OpenAI → Anthropic",
        }
    }

    /// Its name in JSON.
    pub const fn key(self) -> &'static str {
        match self {
            Self::BareOpenAi => "bare_openai",
            Self::Renamed => "renamed",
            Self::GatewayOnly => "renamed_gateway_only",
            Self::ProviderOnly => "renamed_provider_only",
            Self::BareAnthropic => "bare_anthropic",
            Self::Translated => "translated",
        }
    }

    /// The bare Envoy that it is measured against; itself where it is one.
    pub const fn baseline(self) -> Self {
        match self {
            Self::BareOpenAi | Self::Renamed | Self::GatewayOnly | Self::ProviderOnly => Self::BareOpenAi,
            Self::BareAnthropic | Self::Translated => Self::BareAnthropic,
        }
    }

    /// Whether it is what others are measured against.
    pub fn is_bare(self) -> bool {
        self.baseline() == self
    }

    /// Which filters stand in it.
    pub const fn filters(self) -> Filters {
        match self {
            Self::BareOpenAi | Self::BareAnthropic => Filters::Neither,
            Self::Renamed | Self::Translated => Filters::Both,
            Self::GatewayOnly => Filters::GatewayOnly,
            Self::ProviderOnly => Filters::ProviderOnly,
        }
    }

    /// The provider behind it.
    pub const fn provider(self) -> ProviderKind {
        match self.baseline() {
            Self::BareAnthropic => ProviderKind::Anthropic,
            _ => ProviderKind::OpenAi,
        }
    }

    /// The API that its clients speak.
    pub const fn client_dialect(self) -> Dialect {
        match self {
            Self::BareAnthropic => Dialect::Anthropic,
            _ => Dialect::OpenAi,
        }
    }

    /// The model that its clients ask for.
    pub const fn asked_model(self) -> &'static str {
        match self {
            Self::BareAnthropic => ANTHROPIC_MODEL,
            _ => CLIENT_MODEL,
        }
    }

    /// The model that its provider is asked for.
    pub const fn sent_model(self) -> &'static str {
        match self {
            Self::BareOpenAi => CLIENT_MODEL,
            Self::Renamed | Self::GatewayOnly | Self::ProviderOnly => OPENAI_MODEL,
            Self::BareAnthropic | Self::Translated => ANTHROPIC_MODEL,
        }
    }

    /// The model that its clients' answers should name; `None`: whatever the provider says.
    pub const fn answered_model(self) -> Option<&'static str> {
        match self {
            Self::BareOpenAi | Self::BareAnthropic => None,
            Self::Renamed | Self::GatewayOnly | Self::ProviderOnly | Self::Translated => Some(CLIENT_MODEL),
        }
    }
}
