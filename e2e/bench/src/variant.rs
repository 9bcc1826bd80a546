//! The Envoys that are compared: what stands in each, what its clients say, and what its provider should see.

use ai_filters::render::Filters;
use clap::ValueEnum;
use llm_api::Dialect;
use mock_llm::ProviderKind;

use crate::workload::Workload;

/// The model's name as clients of OpenAI's API say it.
pub const CLIENT_MODEL: &str = "gpt-4";
/// The model's name at OpenAI: another one, so that both the request's and the answer's must change.
pub const OPENAI_MODEL: &str = "gpt-4o-mini";
/// The model's name at Anthropic.
pub const ANTHROPIC_MODEL: &str = "claude-3-opus";

/// How an Envoy of the comparison counts tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counting {
    /// `mode` in ai-gateway's configuration.
    pub mode: &'static str,
    /// The most tokens that a prompt may have.
    pub max_input_tokens: Option<u64>,
    /// What should become of every request: otherwise something else than meant was measured.
    pub every_request: Look,
}

/// What ai-gateway does about a prompt before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing.
    Ignored,
    /// Its length alone shows that it is within the limit.
    Bounded,
    /// It is counted.
    Counted,
}

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
    /// Both filters, nothing of a request counted.
    CountOff,
    /// Both filters, counting where it matters, with a limit that no request comes near.
    CountAutoFar,
    /// The same, with a limit that a request of 2 KB is within, but not by its length alone.
    CountAutoNear,
    /// The same for a request of 32 KB.
    CountAutoNearLarge,
    /// Both filters, every prompt estimated from samples.
    CountEstimate,
    /// Both filters, every prompt counted.
    CountExact,
    /// Both filters, with two budgets that no request comes near: each is reserved in two pages and settled in two.
    BudgetsFar,
    /// The same, every prompt counted.
    BudgetsExact,
    /// Both filters; Anthropic's API at the client, OpenAI's at the provider.
    TranslatedBack,
    /// No filters; Anthropic's API on both sides.
    BareAnthropic,
    /// Both filters; OpenAI's API at the client, Anthropic's at the provider.
    Translated,
}

impl Variant {
    /// Every variant, in the table's order.
    pub const ALL: [Self; 15] = [
        Self::BareOpenAi,
        Self::Renamed,
        Self::GatewayOnly,
        Self::ProviderOnly,
        Self::CountOff,
        Self::CountAutoFar,
        Self::CountAutoNear,
        Self::CountAutoNearLarge,
        Self::CountEstimate,
        Self::CountExact,
        Self::BudgetsFar,
        Self::BudgetsExact,
        Self::TranslatedBack,
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
            Self::CountOff => "the same, counting off",
            Self::CountAutoFar => "the same, counting auto, far from the limit",
            Self::CountAutoNear | Self::CountAutoNearLarge => "the same, counting auto, near the limit",
            Self::CountEstimate => "the same, counting estimate",
            Self::CountExact => "the same, counting exact",
            Self::BudgetsFar => "the same, two budgets, far from them",
            Self::BudgetsExact => "the same, two budgets, counting exact",
            Self::TranslatedBack => "Anthropic → OpenAI",
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
            Self::CountOff => "count_off",
            Self::CountAutoFar => "count_auto_far",
            Self::CountAutoNear => "count_auto_near",
            Self::CountAutoNearLarge => "count_auto_near_large",
            Self::CountEstimate => "count_estimate",
            Self::CountExact => "count_exact",
            Self::BudgetsFar => "budgets_far",
            Self::BudgetsExact => "budgets_exact",
            Self::TranslatedBack => "translated_back",
            Self::BareAnthropic => "bare_anthropic",
            Self::Translated => "translated",
        }
    }

    /// The bare Envoy that it is measured against; itself where it is one.
    pub const fn baseline(self) -> Self {
        match self {
            Self::BareAnthropic | Self::Translated => Self::BareAnthropic,
            _ => Self::BareOpenAi,
        }
    }

    /// The Envoy beside which the price of counting alone is seen; `None` where counting is not what it is about.
    pub const fn uncounted(self) -> Option<Self> {
        match self {
            Self::CountAutoFar
            | Self::CountAutoNear
            | Self::CountAutoNearLarge
            | Self::CountEstimate
            | Self::CountExact
            | Self::BudgetsFar
            | Self::BudgetsExact => Some(Self::CountOff),
            _ => None,
        }
    }

    /// How it counts tokens; `None`: as ai-gateway does where nobody says.
    pub const fn counting(self) -> Option<Counting> {
        let (mode, max_input_tokens, every_request) = match self {
            Self::CountOff => ("off", None, Look::Ignored),
            Self::CountAutoFar => ("auto", Some(1_000_000), Look::Bounded),
            // A prompt of 2 KB of English has some 500 tokens, and one of 32 KB some 8,000.
            Self::CountAutoNear => ("auto", Some(1_000), Look::Counted),
            Self::CountAutoNearLarge => ("auto", Some(16_000), Look::Counted),
            Self::CountEstimate => ("estimate", None, Look::Counted),
            Self::CountExact | Self::BudgetsExact => ("exact", None, Look::Counted),
            Self::BudgetsFar => ("auto", None, Look::Bounded),
            _ => return None,
        };
        Some(Counting { mode, max_input_tokens, every_request })
    }

    /// What each user may spend, in tokens a minute and a day: far more than a run does.
    pub const fn budgets(self) -> (Option<u64>, Option<u64>) {
        const PLENTY: u64 = 1_000_000_000_000;
        match self {
            Self::BudgetsFar | Self::BudgetsExact => (Some(PLENTY), Some(PLENTY)),
            _ => (None, None),
        }
    }

    /// Whether it says something in that row. A limit near one size of request is far from, or below, another.
    pub const fn is_in(self, workload: Workload) -> bool {
        match self {
            Self::BareOpenAi => true,
            Self::Renamed
            | Self::GatewayOnly
            | Self::ProviderOnly
            | Self::TranslatedBack
            | Self::BareAnthropic
            | Self::Translated => !matches!(workload, Workload::LargeJson),
            Self::CountOff
            | Self::CountAutoFar
            | Self::CountEstimate
            | Self::CountExact
            | Self::BudgetsFar
            | Self::BudgetsExact => {
                matches!(workload, Workload::Json | Workload::LargeJson)
            }
            Self::CountAutoNear => matches!(workload, Workload::Json),
            Self::CountAutoNearLarge => matches!(workload, Workload::LargeJson),
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
            Self::GatewayOnly => Filters::GatewayOnly,
            Self::ProviderOnly => Filters::ProviderOnly,
            _ => Filters::Both,
        }
    }

    /// Whether a stream's provider is asked for usage though the client did not: the client sees nothing of that.
    pub const fn asks_for_usage(self) -> bool {
        matches!(self.filters(), Filters::Both | Filters::GatewayOnly)
            && matches!(self.provider(), ProviderKind::OpenAi)
            && !matches!(self, Self::CountOff)
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
            Self::BareAnthropic | Self::TranslatedBack => Dialect::Anthropic,
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
            Self::BareAnthropic | Self::Translated => ANTHROPIC_MODEL,
            _ => OPENAI_MODEL,
        }
    }

    /// The model that its clients' answers should name; `None`: whatever the provider says.
    pub const fn answered_model(self) -> Option<&'static str> {
        match self {
            Self::BareOpenAi | Self::BareAnthropic => None,
            _ => Some(CLIENT_MODEL),
        }
    }
}
