//! A caller: who, by which source, and what they may do.

use crate::{Name, UnixSeconds};

/// Who is calling, and what they may do. Nothing in it is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user; none where the caller is anonymous.
    pub user: Option<Name>,
    /// The user's team.
    pub team: Option<Name>,
    /// The key that they showed, where it has a name of its own: an API key's `id`, a virtual key's `jti`.
    pub key: Option<KeyId>,
    /// The models that they may ask for.
    pub models: ModelPatterns,
    /// Limits of that key alone, beside those that the configuration has for everybody.
    pub limits: KeyLimits,
    /// What said so.
    pub how: Source,
}

/// What said who is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A header that Envoy or a proxy before it set.
    Header,
    /// A key whose hash is configured.
    ApiKey,
    /// A key that the command-line tool minted.
    VirtualKey,
    /// A token of an identity provider.
    Jwt,
    /// Nothing did.
    Anonymous,
}

/// The name of a key, for logs and revocation; not the key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(Name);

/// Millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MicroDollars(pub u64);

/// What a key may spend. `None` is no limit of its own; 0 is nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// Tokens in a minute, of prompts and answers together.
    pub tokens_per_minute: Option<u64>,
    /// Tokens in a day.
    pub tokens_per_day: Option<u64>,
    /// Tokens in a calendar month.
    pub tokens_per_month: Option<u64>,
    /// What a calendar month may cost.
    pub cost_per_month: Option<MicroDollars>,
    /// Requests in a minute.
    pub requests_per_minute: Option<u64>,
}

/// The models that a caller may ask for: exact names, and prefixes followed by `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelPatterns(Option<Vec<String>>);

impl Caller {
    /// The caller of whom nothing is known.
    pub const fn anonymous() -> Self {
        Self {
            user: None,
            team: None,
            key: None,
            models: ModelPatterns::any(),
            limits: KeyLimits::NONE,
            how: Source::Anonymous,
        }
    }

    /// A caller known by name, without limits of their own.
    pub(crate) const fn named(user: Name, team: Option<Name>, how: Source) -> Self {
        Self { user: Some(user), team, key: None, models: ModelPatterns::any(), limits: KeyLimits::NONE, how }
    }

    /// Whether they may ask for that model, by the name that the client sent.
    pub fn may_use(&self, model: &str) -> bool {
        self.models.matches(model)
    }
}

impl Source {
    /// Every source, in the order in which they are asked where the configuration does not say.
    pub const ALL: [Self; 5] = [Self::Header, Self::ApiKey, Self::VirtualKey, Self::Jwt, Self::Anonymous];

    /// The name in configuration, statistics and filter state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::ApiKey => "api_key",
            Self::VirtualKey => "virtual_key",
            Self::Jwt => "jwt",
            Self::Anonymous => "anonymous",
        }
    }
}

impl KeyId {
    /// That name as a key's.
    pub const fn new(name: Name) -> Self {
        Self(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl KeyLimits {
    /// No limit.
    pub const NONE: Self = Self {
        tokens_per_minute: None,
        tokens_per_day: None,
        tokens_per_month: None,
        cost_per_month: None,
        requests_per_minute: None,
    };
}

impl ModelPatterns {
    /// Every model.
    pub const fn any() -> Self {
        Self(None)
    }

    /// What these match; of none, no model. A `*` is special at the end only.
    pub fn of(patterns: impl IntoIterator<Item = String>) -> Self {
        Self(Some(patterns.into_iter().collect()))
    }

    /// Whether one of them matches that name.
    pub fn matches(&self, model: &str) -> bool {
        let Some(patterns) = &self.0 else { return true };
        patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => model.starts_with(prefix),
            None => pattern == model,
        })
    }

    /// The patterns; none where every model is meant.
    pub fn patterns(&self) -> Option<&[String]> {
        self.0.as_deref()
    }
}

/// A caller that a signature was verified for, and when that holds: from the first moment up to, and without, the second.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    pub(crate) caller: std::rc::Rc<Caller>,
    pub(crate) from: UnixSeconds,
    pub(crate) until: UnixSeconds,
}

impl Verified {
    pub(crate) fn holds(&self, now: UnixSeconds) -> bool {
        self.from <= now && now < self.until
    }
}
