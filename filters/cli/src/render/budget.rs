//! A budget that a fleet of Envoys shares: what may be chosen about it.
//!
//! ai-gateway publishes numbers of tokens. Envoy's own ratelimit filter carries them to the rate limit service, which adds them up in
//! Redis. So there is no code of ours here, only configuration: [`chain`] is the way of a request, [`service`] the service's own file.

pub(super) mod chain;
mod expressions;
mod replies;
mod service;

use std::collections::BTreeSet;
use std::str::FromStr;

use super::{EnvoyVersion, HeadersHeld, Limit, LlmRouter, Problem, Problems, ServiceAddress};

pub use service::service_config;

pub(super) use replies::local_replies;

/// The name of the service's cluster.
pub(super) const CLUSTER: &str = "ratelimit";

/// The oldest Envoy that this is tested with.
const OLDEST_ENVOY: EnvoyVersion = EnvoyVersion(40);

/// The budget that a fleet shares.
///
/// The default is the project's example: 10,000 tokens a minute and 100,000 a day for each caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalBudget {
    /// Where the rate limit service is reached by gRPC.
    pub service: ServiceAddress,
    /// How long it may take to answer. A request asks it once for each budget.
    pub timeout: Limit,
    /// Each caller's budgets, the shortest window first, no window twice.
    pub budgets: Vec<Budget>,
    /// What becomes of requests while the service does not answer.
    pub on_failure: OnFailure,
    /// Whether the service can give tokens back.
    pub refunds: Refunds,
}

/// So many tokens for each caller in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The window.
    pub window: Window,
    /// Tokens in a window: above zero, and no more than the service can compare with.
    pub tokens: u32,
}

/// A window of the service: it begins at a multiple of its length since 1970, in UTC, and everything used is forgotten at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// From midnight to midnight.
    Day,
}

/// What becomes of requests while the service does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// They are served, and the answer says that no budget was asked.
    Serve,
    /// They are refused with 503.
    Refuse,
}

/// Whether the rate limit service can give tokens back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refunds {
    /// It cannot, as the released one: it adds a refund as one more charge. Completions are charged when they are over.
    None,
    /// It can, which nobody but its operator knows: what ai-gateway reserves is charged with the request, and the rest given back.
    NegativeHits,
}

impl GlobalBudget {
    /// What of it, or of the router around it, Envoy or the service would not take, or would not enforce.
    pub(super) fn check(&self, router: &LlmRouter, problems: &mut Problems) {
        let windows: BTreeSet<Window> = self.budgets.iter().map(|budget| budget.window).collect();
        if self.budgets.is_empty() || windows.len() < self.budgets.len() {
            problems.push("budgets", Problem::BudgetWindows);
        }
        if !self.budgets.is_sorted_by_key(|budget| budget.window) {
            problems.push("budgets", Problem::BudgetOrder);
        }
        if self.budgets.iter().any(|budget| budget.tokens == 0) {
            problems.push("budgets", Problem::Budget { given: "0".to_owned() });
        }
        // Anything else lets the prompt pass before anybody knows what it costs.
        let mode = router.counting.get("mode").and_then(serde_json::Value::as_str);
        if !matches!(mode, Some("exact" | "estimate")) {
            problems.push("counting", Problem::BudgetNeedsCounting);
        }
        if router.headers_held == HeadersHeld::No || !router.filters.gateway() {
            problems.push("filters", Problem::BudgetNeedsGateway);
        }
        if router.envoy < OLDEST_ENVOY {
            problems
                .push("envoy", Problem::BudgetEnvoyTooOld { given: router.envoy.0, needed: OLDEST_ENVOY.0 });
        }
        if router.every_provider().any(|(_, provider)| provider.name.as_str() == CLUSTER) {
            problems.push("providers", Problem::ClusterTaken { name: CLUSTER });
        }
    }
}

impl Default for GlobalBudget {
    fn default() -> Self {
        Self {
            service: ServiceAddress::of_example("ratelimit", 8081),
            timeout: Limit::millis(100),
            budgets: vec![
                Budget { window: Window::Minute, tokens: 10_000 },
                Budget { window: Window::Day, tokens: 100_000 },
            ],
            on_failure: OnFailure::Serve,
            refunds: Refunds::None,
        }
    }
}

impl Window {
    /// Every window, the shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Its name, which is the service's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl FromStr for Budget {
    type Err = Problem;

    /// `WINDOW=TOKENS`
    fn from_str(text: &str) -> Result<Self, Problem> {
        let problem = || Problem::Budget { given: text.to_owned() };
        let (name, tokens) = text.split_once('=').ok_or_else(problem)?;
        let window = Window::ALL.into_iter().find(|window| window.name() == name).ok_or_else(problem)?;
        let tokens = tokens.parse().ok().filter(|tokens| *tokens > 0).ok_or_else(problem)?;
        Ok(Self { window, tokens })
    }
}
