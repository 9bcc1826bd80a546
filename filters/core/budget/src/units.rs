//! The two integers of a ledger, amounts and times, as types that cannot be confused.

use std::fmt;

/// How much of whatever a budget counts: tokens, requests, micro-dollars. The ledger does not know which.
///
/// Sums saturate. An amount that reached the top was an attempt to spend eighteen quintillion of something, and stays refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum, at most the largest amount.
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of this after the other, at least nothing.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// The last moment that the ledger tells apart: the end of the year 9999. A later one is taken for this one, so that no calendar
    /// arithmetic can overflow.
    pub const LAST: Self = Self(253_402_300_799_999);

    /// The moment that is this much later.
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long from this moment to a later one; nothing if it is past.
    pub const fn until(self, later: Self) -> Span {
        Span(later.0.saturating_sub(self.0))
    }
}

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// In whole seconds, rounded up: a client that waits this long has waited long enough.
    pub const fn whole_seconds(self) -> u64 {
        self.0.div_ceil(1_000)
    }
}
