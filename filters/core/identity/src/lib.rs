//! Who is calling: trusted headers, API keys, signed virtual keys, JWTs; and what a caller may do.
//!
//! An [`Identity`] is built once from a validated configuration and asked for each request. It looks at the request's headers alone,
//! takes the time as an argument, and answers with a [`Caller`] or with [`Denied`]. The rule is one: the configured sources are asked in
//! their order, and the first that *finds* something decides. A source that finds something bad refuses; nothing falls through to
//! anonymous.
//!
//! Which algorithm a key verifies is decided by the key, never by the token ([`VerificationKey`]). All bad signatures, unknown keys and
//! wrong claims are one answer to the client; what it was is for a statistic's label ([`Denied::reason`]).
//!
//! Deliberately absent: a clock, randomness, the fetch of a key set (the host's; *when* is decided in [`KeySource`]), and private keys, which
//! only the command-line tool knows.

#![forbid(unsafe_code)]

mod api_key;
mod cache;
mod caller;
mod claims;
mod credential;
mod denied;
mod header;
mod identify;
mod jwk;
mod jws;
mod jwt;
mod key;
mod key_source;
mod name;
mod time;
mod virtual_key;

pub use api_key::{ApiKey, KeyDigest};
pub use caller::{Caller, KeyId, KeyLimits, MicroDollars, ModelPatterns, Source};
pub use claims::ClaimPath;
pub use denied::{Denied, Fault};
pub use header::TrustedHeaders;
pub use identify::{Anonymous, Identity, Settings, SourceSettings, UnknownCredentials};
pub use jwk::{KeyProblem, KeySet, KeySetError, MOST_KEY_SET_BYTES, NamedKey, Skipped};
pub use jws::{LONGEST_TOKEN, Unreadable};
pub use jwt::Jwt;
pub use key::{Algorithm, BadKey, LEAST_SECRET_BYTES, VerificationKey};
pub use key_source::{FetchFailure, FetchFrom, KeySource};
pub use name::{BadName, Name};
pub use time::UnixSeconds;
pub use virtual_key::{
    KEY_TYPE, KEY_VERSION, PREFIX, RevokedBefore, Unsigned, VirtualKeyClaims, VirtualKeyLimits, VirtualKeys,
    read_claims,
};
