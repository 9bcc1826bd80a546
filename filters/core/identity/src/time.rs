//! A moment, in the unit that tokens have.

/// Seconds since the Unix epoch; a token's `NumericDate` (RFC 7519 section 2) without its fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixSeconds(pub u64);

impl UnixSeconds {
    /// The moment that many seconds later.
    #[must_use]
    pub const fn after(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// The moment that many seconds earlier, at least the epoch.
    #[must_use]
    pub const fn before(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }
}
