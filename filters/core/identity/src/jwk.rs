//! Key sets: JSON Web Key Sets (RFC 7517) in, keys that verify something out.
//!
//! A set is full of keys that are not for us: for encryption, of other algorithms, of other curves. Each is left out with its reason, and
//! whoever asked decides what that means: a set that was fetched is used without them, one in a configuration is refused.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::jws::{LONGEST_KEY_ID, decode, present};
use crate::{Algorithm, BadKey, Denied, VerificationKey};

/// The largest key set that is read, in bytes.
pub const MOST_KEY_SET_BYTES: usize = 64 << 10;
/// More keys than any set has that somebody maintains.
const MOST_KEYS: usize = 64;

/// Keys, found by their names.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<NamedKey>,
}

/// A key and its name.
#[derive(Clone, Debug)]
pub struct NamedKey {
    /// `kid`; none where the set gives it none.
    pub id: Option<String>,
    /// The key.
    pub key: VerificationKey,
}

/// Why a whole set cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// More than [`MOST_KEY_SET_BYTES`].
    #[error("is larger than 65536 bytes")]
    TooLarge,
    /// No JSON object with a list of objects under `keys`.
    #[error("is no JSON Web Key Set: an object with a list `keys`")]
    Shape,
    /// More than 64 keys.
    #[error("has more than 64 keys")]
    TooManyKeys,
    /// No key that could verify a token.
    #[error("has no key that could verify a token")]
    Empty,
}

/// A key of a set that is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which one of the list, from 0.
    pub index: usize,
    /// Why.
    pub problem: KeyProblem,
}

/// Why a key of a set is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// A member is missing, of the wrong type, given twice, or no base64url.
    #[error("has a member that is missing or cannot be read")]
    Shape,
    /// `d`: the private half of a key.
    #[error("has the private member `d`")]
    Private,
    /// `kty: oct`: a secret.
    #[error("is a secret (`kty` is `oct`)")]
    Secret,
    /// `use` or `key_ops` say that it is for something else.
    #[error("is not for verifying signatures")]
    Use,
    /// Another type, curve or algorithm than RSA with RS256, P-256 with ES256, Ed25519 with EdDSA.
    #[error("is of a type that is not accepted")]
    Type,
    /// Not on its curve, too small, too large, weak.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// A name of more than 256 bytes.
    #[error("has a `kid` of more than 256 bytes")]
    LongName,
    /// The name and algorithm of an earlier key.
    #[error("has the `kid` of another key")]
    SameName,
}

#[derive(Deserialize)]
struct RawSet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    #[serde(default, deserialize_with = "present")]
    d: bool,
}

impl KeySet {
    /// Reads a set. The error is of the whole; beside the set stands what of it is not used.
    pub fn read(json: &[u8]) -> Result<(Self, Vec<Skipped>), KeySetError> {
        if json.len() > MOST_KEY_SET_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let raw: RawSet<'_> = serde_json::from_slice(json).map_err(|_| KeySetError::Shape)?;
        if raw.keys.len() > MOST_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let mut set = Self::default();
        let mut skipped = Vec::new();
        for (index, raw) in raw.keys.iter().enumerate() {
            if let Err(problem) = key(raw.get()).and_then(|key| set.add(key)) {
                skipped.push(Skipped { index, problem });
            }
        }
        Ok((set, skipped))
    }

    /// Adds a key, unless one of that name and algorithm is there.
    pub fn add(&mut self, key: NamedKey) -> Result<(), KeyProblem> {
        let same = |known: &NamedKey| {
            known.id.is_some() && known.id == key.id && known.key.algorithm() == key.key.algorithm()
        };
        if self.keys.iter().any(same) {
            return Err(KeyProblem::SameName);
        }
        self.keys.push(key);
        Ok(())
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys, in the order of the set.
    pub fn keys(&self) -> impl Iterator<Item = &NamedKey> {
        self.keys.iter()
    }

    /// The key for a token of that algorithm that names that key.
    ///
    /// A name that is there decides: a token that names a key of another algorithm is refused. Keys without a name, and tokens that name none,
    /// are served where there is exactly one key that could be meant, so that no token makes us try one key after the other.
    pub(crate) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&VerificationKey, Denied> {
        let of_algorithm = |key: &&NamedKey| key.key.algorithm() == algorithm;
        if let Some(id) = id {
            let mut named = self.keys.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
            if named.peek().is_some() {
                return named.find(of_algorithm).map(|found| &found.key).ok_or(Denied::Algorithm);
            }
        }
        let could_be_meant = |key: &&NamedKey| id.is_none() || key.id.is_none();
        let mut candidates = self.keys.iter().filter(of_algorithm).filter(could_be_meant);
        match (candidates.next(), candidates.next()) {
            (Some(only), None) => Ok(&only.key),
            _ => Err(Denied::UnknownKey),
        }
    }
}

fn key(json: &str) -> Result<NamedKey, KeyProblem> {
    let raw: RawKey = serde_json::from_str(json).map_err(|_| KeyProblem::Shape)?;
    if raw.kty == "oct" {
        return Err(KeyProblem::Secret);
    }
    if raw.d {
        return Err(KeyProblem::Private);
    }
    let verifies =
        raw.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"));
    if !verifies || raw.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return Err(KeyProblem::Use);
    }
    if raw.kid.as_ref().is_some_and(|id| id.len() > LONGEST_KEY_ID) {
        return Err(KeyProblem::LongName);
    }
    let member = |text: &Option<String>| text.as_deref().and_then(decode).ok_or(KeyProblem::Shape);
    let algorithm = match (raw.kty.as_str(), raw.crv.as_deref()) {
        ("RSA", None) => Algorithm::Rs256,
        ("EC", Some("P-256")) => Algorithm::Es256,
        ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
        _ => return Err(KeyProblem::Type),
    };
    if raw.alg.as_deref().is_some_and(|name| name != algorithm.name()) {
        return Err(KeyProblem::Type);
    }
    let key = match algorithm {
        Algorithm::Rs256 => VerificationKey::rsa(&member(&raw.n)?, &member(&raw.e)?)?,
        Algorithm::Es256 => VerificationKey::p256(&member(&raw.x)?, &member(&raw.y)?)?,
        Algorithm::EdDsa => VerificationKey::ed25519(&member(&raw.x)?)?,
        Algorithm::Hs256 => return Err(KeyProblem::Secret),
    };
    Ok(NamedKey { id: raw.kid, key })
}
