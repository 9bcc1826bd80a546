//! The two kinds of limit: a rate that refills smoothly, and a quota that starts anew with each calendar window.

use crate::calendar::{UtcOffset, Window};
use crate::{Amount, Span};

/// What a budget allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// So much per span, refilled continuously.
    Rate(Rate),
    /// So much in each calendar window.
    Quota(Quota),
}

impl Limit {
    /// The most that can be spent at once: a request for more can never be granted, however long it waits.
    pub const fn most(&self) -> Amount {
        match self {
            Self::Rate(rate) => rate.burst,
            Self::Quota(quota) => quota.amount,
        }
    }

    /// Which of the two it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Rate(_) => Kind::Rate,
            Self::Quota(_) => Kind::Quota,
        }
    }

    /// What two limits must have in common for the use recorded under one to mean the same under the other: the kind, and the span or the
    /// window with its offset, but not the amount.
    ///
    /// It belongs into the hash that becomes a [`Fingerprint`](crate::Fingerprint). Then a limit that is raised or lowered keeps what was
    /// used, and one that changes from a day to a month begins a new record rather than misreading the old.
    pub fn shape(&self) -> [u8; 8] {
        let (kind, detail, offset) = match self {
            Self::Rate(rate) => (1, rate.per, 0),
            Self::Quota(quota) => (2, quota.window as u32, quota.offset.minutes()),
        };
        let [d0, d1, d2, d3] = detail.to_le_bytes();
        let [o0, o1] = offset.to_le_bytes();
        [kind, d0, d1, d2, d3, o0, o1, 0]
    }
}

/// Which of the two a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Entries of [`Limit::Rate`].
    Rate,
    /// Entries of [`Limit::Quota`].
    Quota,
}

impl Kind {
    /// Its name, for the keys of a store and for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Quota => "quota",
        }
    }
}

/// A token bucket: at most `burst` at once, refilled with `amount` per span, to the unit and without drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    pub(crate) amount: Amount,
    /// Milliseconds. Not zero.
    pub(crate) per: u32,
    pub(crate) burst: Amount,
}

impl Rate {
    /// `amount` per `per`, and as much at once.
    ///
    /// # Errors
    /// An amount of zero, which would never refill, or a span of zero or of more than 49 days.
    pub const fn new(amount: Amount, per: Span) -> Result<Self, LimitError> {
        if amount.0 == 0 {
            return Err(LimitError::NeverRefills);
        }
        if per.0 == 0 || per.0 > u32::MAX as u64 {
            return Err(LimitError::Span(per));
        }
        Ok(Self { amount, per: per.0 as u32, burst: amount })
    }

    /// The time in which `amount` is refilled.
    pub const fn span(self) -> Span {
        Span(self.per as u64)
    }

    /// The same rate with another amount at once.
    #[must_use]
    pub const fn with_burst(self, burst: Amount) -> Self {
        Self { burst, ..self }
    }
}

/// So much in each calendar window. A quota of zero is one that grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    pub(crate) amount: Amount,
    pub(crate) window: Window,
    pub(crate) offset: UtcOffset,
}

impl Quota {
    /// `amount` in each window of UTC.
    pub const fn new(amount: Amount, window: Window) -> Self {
        Self { amount, window, offset: UtcOffset::UTC }
    }

    /// The window.
    pub const fn window(self) -> Window {
        self.window
    }

    /// The same quota with windows that begin at another midnight.
    #[must_use]
    pub const fn at_offset(self, offset: UtcOffset) -> Self {
        Self { offset, ..self }
    }
}

/// Why a limit is none. The configuration's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// A rate of zero.
    #[error("a rate of 0 never refills; a quota of 0 refuses everything")]
    NeverRefills,
    /// A span that a rate cannot have.
    #[error("a rate's span is between 1 and 4294967295 ms, not {}", .0.0)]
    Span(Span),
}
