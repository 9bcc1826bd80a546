//! Limits that a caller's key brings: each kind is a budget of its own, in which every key has the amount that it was given.

use budget::{Amount, Limit, Mode, Overflow, Quota, Rate, Span, Window};
use config::{BudgetLimit, GatewayConfig, HardStop, Scope, Unit};
use identity::{KeyLimits, SourceSettings};

/// A limit that a key can bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnLimit {
    TokensPerMinute,
    TokensPerDay,
    TokensPerMonth,
    CostPerMonth,
    RequestsPerMinute,
}

impl OwnLimit {
    pub(super) const ALL: [Self; 5] = [
        Self::TokensPerMinute,
        Self::TokensPerDay,
        Self::TokensPerMonth,
        Self::CostPerMonth,
        Self::RequestsPerMinute,
    ];

    /// Its name. A configured budget has no dot in its own.
    const fn name(self) -> &'static str {
        match self {
            Self::TokensPerMinute => "key.tokens-per-minute",
            Self::TokensPerDay => "key.tokens-per-day",
            Self::TokensPerMonth => "key.tokens-per-month",
            Self::CostPerMonth => "key.cost-per-month",
            Self::RequestsPerMinute => "key.requests-per-minute",
        }
    }

    const fn unit(self) -> Unit {
        match self {
            Self::TokensPerMinute | Self::TokensPerDay | Self::TokensPerMonth => Unit::Tokens,
            Self::CostPerMonth => Unit::MicroDollars,
            Self::RequestsPerMinute => Unit::Requests,
        }
    }

    /// The limit of so much.
    fn of(self, amount: u64) -> Limit {
        let quota = |window| Limit::Quota(Quota::new(Amount(amount), window));
        match self {
            Self::TokensPerMinute | Self::RequestsPerMinute => {
                // Nothing a minute is no rate. Neither the configuration nor the command that mints keys takes it; what comes signed with it all
                // the same is held to a burst of nothing.
                let rate = Rate::new(Amount(amount.max(1)), Span(60_000));
                let rate = rate.map(|rate| Limit::Rate(rate.with_burst(Amount(amount))));
                rate.unwrap_or_else(|_| quota(Window::Minute))
            }
            Self::TokensPerDay => quota(Window::Day),
            Self::TokensPerMonth | Self::CostPerMonth => quota(Window::Month),
        }
    }

    /// What a key with those limits may spend of it.
    pub(super) fn limit(self, limits: &KeyLimits) -> Option<Limit> {
        let amount = match self {
            Self::TokensPerMinute => limits.tokens_per_minute,
            Self::TokensPerDay => limits.tokens_per_day,
            Self::TokensPerMonth => limits.tokens_per_month,
            Self::CostPerMonth => limits.cost_per_month.map(|cost| cost.0),
            Self::RequestsPerMinute => limits.requests_per_minute,
        };
        amount.map(|amount| self.of(amount))
    }

    /// The budget in which keys have it. A key without a name of its own is told by its user's.
    pub(super) fn budget(self) -> BudgetLimit {
        BudgetLimit {
            name: self.name().to_owned(),
            per: vec![Scope::User, Scope::Key],
            models: Vec::new(),
            unit: self.unit(),
            limit: self.of(1),
            mode: Mode::Enforce,
            downgrade: None,
            status: 429,
            hard_stop: HardStop::No,
            callers: 0,
            overflow: Overflow::Refuse,
        }
    }
}

/// Whether a caller's key can bring limits.
pub(super) fn keys_bring_limits(config: &GatewayConfig) -> bool {
    config.identity.settings().sources.iter().any(|source| match source {
        SourceSettings::VirtualKeys(_) => true,
        SourceSettings::ApiKeys(keys) => keys.iter().any(|key| key.caller.limits != KeyLimits::NONE),
        SourceSettings::Header(_) | SourceSettings::Jwt(_) => false,
    })
}
