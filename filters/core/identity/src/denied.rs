//! Why a request is refused: whose fault it is, what the client is told, and what a statistic's label says.

/// Why nobody is calling.
///
/// What a client is told does not depend on how far a bad credential got: an attacker who could tell a wrong signature from a wrong
/// claim would be told what to try next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No source found anything, and anonymous callers are refused.
    #[error("{}", self.message())]
    NoCredential,
    /// A credential that none of the configured sources knows.
    #[error("{}", self.message())]
    UnknownCredential,
    /// Two credentials that differ, or the same header twice.
    #[error("{}", self.message())]
    AmbiguousCredential,
    /// A trusted header that is no name, or that came more than once.
    #[error("{}", self.message())]
    BadHeader,
    /// A token that cannot be read: its form, its length, a `crit` header, a claim of the wrong type.
    #[error("{}", self.message())]
    Malformed,
    /// An algorithm that is not accepted, `none` among them.
    #[error("{}", self.message())]
    Algorithm,
    /// No key of that name.
    #[error("{}", self.message())]
    UnknownKey,
    /// The signature is not that key's.
    #[error("{}", self.message())]
    Signature,
    /// Another issuer's.
    #[error("{}", self.message())]
    Issuer,
    /// Meant for somebody else.
    #[error("{}", self.message())]
    Audience,
    /// It was valid once.
    #[error("{}", self.message())]
    Expired,
    /// It will be valid.
    #[error("{}", self.message())]
    NotYetValid,
    /// A key that was taken back.
    #[error("{}", self.message())]
    Revoked,
    /// The keys that would verify a token have not been fetched yet.
    #[error("{}", self.message())]
    KeysNotReady,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The client's.
    Client,
    /// The gateway's, or of what it depends on.
    Gateway,
}

impl Denied {
    /// Every reason.
    pub const ALL: [Self; 14] = [
        Self::NoCredential,
        Self::UnknownCredential,
        Self::AmbiguousCredential,
        Self::BadHeader,
        Self::Malformed,
        Self::Algorithm,
        Self::UnknownKey,
        Self::Signature,
        Self::Issuer,
        Self::Audience,
        Self::Expired,
        Self::NotYetValid,
        Self::Revoked,
        Self::KeysNotReady,
    ];

    /// Whose fault it is.
    pub const fn fault(self) -> Fault {
        match self {
            Self::KeysNotReady => Fault::Gateway,
            _ => Fault::Client,
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::KeysNotReady => 503,
            _ => 401,
        }
    }

    /// Seconds for `retry-after`.
    pub const fn retry_after(self) -> Option<u64> {
        match self {
            Self::KeysNotReady => Some(1),
            _ => None,
        }
    }

    /// The machine-readable code in the error's body.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoCredential => "missing_api_key",
            Self::KeysNotReady => "identity_not_ready",
            _ => "invalid_api_key",
        }
    }

    /// What the client is told. It says nothing about keys, tokens or how they were checked.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoCredential => {
                "No API key was provided. Send one as `Authorization: Bearer KEY`, `x-api-key: KEY` or `api-key: KEY`."
            }
            Self::AmbiguousCredential => {
                "The request carries more than one credential. Send one of `Authorization`, `x-api-key` and `api-key`, once."
            }
            Self::BadHeader => {
                "The identity of the caller that a proxy in front of the gateway set cannot be read."
            }
            Self::KeysNotReady => "Credentials cannot be checked yet. Try again in a moment.",
            _ => "The API key or token is not valid.",
        }
    }

    /// What it really was, for a statistic's label and an operator's log; one word of a fixed set.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoCredential => "no_credential",
            Self::UnknownCredential => "unknown_credential",
            Self::AmbiguousCredential => "ambiguous_credential",
            Self::BadHeader => "bad_header",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::KeysNotReady => "keys_not_ready",
        }
    }
}
