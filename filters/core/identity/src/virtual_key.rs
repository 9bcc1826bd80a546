//! Virtual keys: API keys that say themselves whose they are, signed by the command-line tool.
//!
//! `sk-ai-` and a compact JWT with an Ed25519 signature (RFC 8037). Every SDK sends one as it sends any key. It is verified without asking
//! anybody: the configuration has the public keys, and what was taken back.

use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::caller::Verified;
use crate::claims::check_window;
use crate::{
    Algorithm, Caller, Denied, KeyId, KeyLimits, KeySet, MicroDollars, ModelPatterns, Name, Source,
    UnixSeconds, Unreadable, jws,
};

/// What every virtual key begins with.
pub const PREFIX: &str = "sk-ai-";
/// `typ` in its header: another token of the same signer is no key (RFC 8725 section 3.11).
pub const KEY_TYPE: &str = "ai-key+jwt";
/// The version of the claims. A filter refuses a key of another version, because it could not know what limits it.
pub const KEY_VERSION: u32 = 1;

/// Whose virtual keys are accepted.
#[derive(Clone, Debug)]
pub struct VirtualKeys {
    /// The accepted value of `iss`.
    pub issuer: String,
    /// The public keys; several while one replaces another.
    pub keys: KeySet,
    /// Keys that were taken back, by their `jti`.
    pub revoked: BTreeSet<String>,
    /// Keys that were taken back by their user and age.
    pub revoked_before: Vec<RevokedBefore>,
    /// How far clocks may disagree, in seconds.
    pub leeway: u64,
}

/// Takes back every key that a user was given before some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedBefore {
    /// The user; none for every user.
    pub user: Option<Name>,
    /// Keys issued before it are refused.
    pub before: UnixSeconds,
}

/// What a virtual key says. A claim that is not known is refused: it may be a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VirtualKeyClaims {
    /// Who signed it.
    pub iss: String,
    /// [`KEY_VERSION`].
    pub v: u32,
    /// The key's own name.
    pub jti: String,
    /// The user.
    pub sub: String,
    /// The user's team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// When it was issued, in seconds since the epoch.
    pub iat: u64,
    /// When it ends, in seconds since the epoch.
    pub exp: u64,
    /// The models that it may be used for, as names and prefixes followed by `*`; every model where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// What it may spend.
    #[serde(default, skip_serializing_if = "VirtualKeyLimits::is_none")]
    pub limits: VirtualKeyLimits,
}

/// What a virtual key may spend, as its claims have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VirtualKeyLimits {
    /// Tokens in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Tokens in a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// Tokens in a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_month: Option<u64>,
    /// Millionths of a dollar in a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_dollars_per_month: Option<u64>,
    /// Requests in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
}

/// A virtual key without its signature. Its `Debug` shows nothing.
pub struct Unsigned(String);

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    kid: &'a str,
}

impl VirtualKeys {
    /// The caller that a key stands for: what follows the prefix. Nothing of its claims is looked at before its signature is verified.
    pub(crate) fn verify(&self, token: &str, now: UnixSeconds) -> Result<Verified, Denied> {
        let jws = jws::read(token)?;
        if jws.algorithm != Algorithm::EdDsa {
            return Err(Denied::Algorithm);
        }
        if jws.kind.as_deref() != Some(KEY_TYPE) {
            return Err(Denied::Malformed);
        }
        let key = self.keys.find(jws.key_id.as_deref(), jws.algorithm)?;
        if !key.verifies(jws.signed, &jws.signature) {
            return Err(Denied::Signature);
        }
        let claims: VirtualKeyClaims = serde_json::from_slice(&jws.payload).map_err(|_| Denied::Malformed)?;
        if claims.iss != self.issuer {
            return Err(Denied::Issuer);
        }
        if claims.v != KEY_VERSION {
            return Err(Denied::Malformed);
        }
        let from = UnixSeconds(claims.iat).before(self.leeway);
        let until = UnixSeconds(claims.exp).after(self.leeway);
        check_window(from, until, now)?;
        let issued = UnixSeconds(claims.iat);
        let caller = claims.into_caller().map_err(|_| Denied::Malformed)?;
        if self.is_revoked(&caller, issued) {
            return Err(Denied::Revoked);
        }
        Ok(Verified { caller: Rc::new(caller), from, until })
    }

    fn is_revoked(&self, caller: &Caller, issued: UnixSeconds) -> bool {
        let by_name = caller.key.as_ref().is_some_and(|key| self.revoked.contains(key.as_str()));
        let by_age =
            |rule: &RevokedBefore| issued < rule.before && (rule.user.is_none() || rule.user == caller.user);
        by_name || self.revoked_before.iter().any(by_age)
    }
}

impl VirtualKeyClaims {
    /// The claims with their signer's name on them, ready to be signed by the key of that name; none where they could not be verified
    /// again: a name that is none, an end before the beginning.
    pub fn unsigned(&self, key_id: &str) -> Option<Unsigned> {
        self.clone().into_caller().ok()?;
        let header = Header { alg: Algorithm::EdDsa.name(), typ: KEY_TYPE, kid: key_id };
        let text = jws::unsigned(&header, self)?;
        (self.iat < self.exp && key_id.len() <= jws::LONGEST_KEY_ID).then_some(Unsigned(text))
    }

    /// The caller that they describe.
    fn into_caller(self) -> Result<Caller, crate::BadName> {
        let Self { jti, sub, team, models, limits, .. } = self;
        Ok(Caller {
            user: Some(Name::new(&sub)?),
            team: team.as_deref().map(Name::new).transpose()?,
            key: Some(KeyId::new(Name::new(&jti)?)),
            models: models.map_or_else(ModelPatterns::any, ModelPatterns::of),
            limits: KeyLimits {
                tokens_per_minute: limits.tokens_per_minute,
                tokens_per_day: limits.tokens_per_day,
                tokens_per_month: limits.tokens_per_month,
                cost_per_month: limits.micro_dollars_per_month.map(MicroDollars),
                requests_per_minute: limits.requests_per_minute,
            },
            how: Source::VirtualKey,
        })
    }
}

impl VirtualKeyLimits {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Unsigned {
    /// What is signed.
    pub const fn message(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The whole key, with that Ed25519 signature of the message.
    pub fn signed(&self, signature: &[u8; 64]) -> String {
        format!("{PREFIX}{}.{}", self.0, jws::encode(signature))
    }
}

impl fmt::Debug for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unsigned(…)")
    }
}

/// What a virtual key says, and the name of the key that it says signed it. **Nothing of it is verified**: for people who want to look
/// into a key that they hold.
pub fn read_claims(key: &str) -> Result<(VirtualKeyClaims, Option<String>), Unreadable> {
    let jws = jws::read(key.strip_prefix(PREFIX).ok_or(Unreadable::Form)?)?;
    let claims = serde_json::from_slice(&jws.payload).map_err(|_| Unreadable::Claims)?;
    Ok((claims, jws.key_id))
}
