//! Keys that verify signatures. The key knows its one algorithm; a token can only agree or be refused.
//!
//! That is what makes key confusion impossible by construction: a public key's bytes are no [`VerificationKey::Hs256`], so no token can have
//! them used as an HMAC secret, whatever its header says (RFC 8725 section 2.1).

use std::fmt;

use ed25519_dalek::Verifier as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rsa::BoxedUint;
use sha2::Sha256;

use crate::jws;

/// The shortest HMAC secret: as long as the hash (RFC 7518 section 3.2).
pub const LEAST_SECRET_BYTES: usize = 32;

/// The sizes of RSA keys in bits: below, they are broken; above, each request would cost milliseconds.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// The least public exponent (FIPS 186-5, section 5.1); it is also what everybody has.
const LEAST_RSA_EXPONENT: u64 = 65_537;

/// The algorithms that are accepted, as `alg` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// HMAC with SHA-256.
    Hs256,
}

/// A key of one algorithm. Its `Debug` shows no key.
#[derive(Clone)]
pub enum VerificationKey {
    /// An RSA public key.
    Rs256(Box<rsa::pkcs1v15::VerifyingKey<Sha256>>),
    /// A point on P-256.
    Es256(Box<p256::ecdsa::VerifyingKey>),
    /// A point on Curve25519.
    EdDsa(Box<ed25519_dalek::VerifyingKey>),
    /// A secret, already keyed into the hash.
    Hs256(Box<Hmac<Sha256>>),
}

/// Why something is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not of that algorithm's form, or not on its curve.
    #[error("is no {} key", .0.name())]
    Form(Algorithm),
    /// A size that is not from 2048 to 4096 bits.
    #[error("is an RSA key of {bits} bits")]
    RsaBits {
        /// Its size.
        bits: usize,
    },
    /// A small or even public exponent.
    #[error("has an RSA exponent other than an odd number from 65537")]
    RsaExponent,
    /// An Ed25519 point of small order, under which one signature fits many messages.
    #[error("is a weak Ed25519 key")]
    Weak,
    /// Shorter than [`LEAST_SECRET_BYTES`].
    #[error("is a secret of {bytes} bytes")]
    ShortSecret {
        /// Its length.
        bytes: usize,
    },
}

impl Algorithm {
    /// The name in a token's header (RFC 7518 section 3.1, RFC 8037 section 3.1).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of that name; names have case. `none` is none.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Rs256, Self::Es256, Self::EdDsa, Self::Hs256].into_iter().find(|known| known.name() == name)
    }
}

impl VerificationKey {
    /// An RSA key from the big-endian bytes of its modulus and exponent.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, BadKey> {
        let bits = bits(modulus);
        if !RSA_BITS.contains(&bits) {
            return Err(BadKey::RsaBits { bits });
        }
        let exponent = small(exponent).filter(|e| *e >= LEAST_RSA_EXPONENT && e % 2 == 1);
        let exponent = exponent.ok_or(BadKey::RsaExponent)?;
        let modulus = BoxedUint::from_be_slice_vartime(modulus);
        let key = rsa::PublicKey::new_with_size_limits(modulus, BoxedUint::from(exponent), RSA_BITS);
        let key = key.map_err(|_| BadKey::Form(Algorithm::Rs256))?;
        Ok(Self::Rs256(Box::new(rsa::pkcs1v15::VerifyingKey::new(key))))
    }

    /// A P-256 key from the 32 big-endian bytes of each coordinate.
    pub fn p256(x: &[u8], y: &[u8]) -> Result<Self, BadKey> {
        const UNCOMPRESSED: u8 = 4;
        if x.len() != 32 || y.len() != 32 {
            return Err(BadKey::Form(Algorithm::Es256));
        }
        let point: Vec<u8> = [&[UNCOMPRESSED], x, y].concat();
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point);
        Ok(Self::Es256(Box::new(key.map_err(|_| BadKey::Form(Algorithm::Es256))?)))
    }

    /// An Ed25519 key from its 32 bytes.
    pub fn ed25519(key: &[u8]) -> Result<Self, BadKey> {
        let form = BadKey::Form(Algorithm::EdDsa);
        let key = ed25519_dalek::VerifyingKey::from_bytes(key.try_into().map_err(|_| form)?);
        let key = key.map_err(|_| form)?;
        if key.is_weak() {
            return Err(BadKey::Weak);
        }
        Ok(Self::EdDsa(Box::new(key)))
    }

    /// An Ed25519 key from its 32 bytes in unpadded base64url, as `x` of a JSON Web Key has them.
    pub fn ed25519_from_base64url(x: &str) -> Result<Self, BadKey> {
        Self::ed25519(&jws::decode(x).ok_or(BadKey::Form(Algorithm::EdDsa))?)
    }

    /// An HMAC secret.
    pub fn hmac(secret: &[u8]) -> Result<Self, BadKey> {
        if secret.len() < LEAST_SECRET_BYTES {
            return Err(BadKey::ShortSecret { bytes: secret.len() });
        }
        let keyed = Hmac::new_from_slice(secret).map_err(|_| BadKey::Form(Algorithm::Hs256))?;
        Ok(Self::Hs256(Box::new(keyed)))
    }

    /// The one algorithm that it verifies.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rs256(_) => Algorithm::Rs256,
            Self::Es256(_) => Algorithm::Es256,
            Self::EdDsa(_) => Algorithm::EdDsa,
            Self::Hs256(_) => Algorithm::Hs256,
        }
    }

    /// Whether that is this key's signature of the message, in the form that RFC 7518 and RFC 8037 give it.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rs256(key) => rsa::pkcs1v15::Signature::try_from(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Es256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            // Strict: a signature that only some implementations accept is accepted by none of ours.
            Self::EdDsa(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            // Compared in constant time.
            Self::Hs256(keyed) => {
                let mut mac = Hmac::<Sha256>::clone(keyed);
                mac.update(message);
                mac.verify_slice(signature).is_ok()
            }
        }
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerificationKey({})", self.algorithm().name())
    }
}

/// How many bits that big-endian number has.
fn bits(number: &[u8]) -> usize {
    let significant = number.iter().skip_while(|byte| **byte == 0);
    let first = significant.clone().next().map_or(0, |byte| byte.leading_zeros());
    let bytes = significant.count();
    bytes.saturating_mul(8).saturating_sub(usize::try_from(first).unwrap_or_default())
}

/// That big-endian number, where it is below 2^33: no exponent that anybody uses is larger, and the work grows with it.
fn small(number: &[u8]) -> Option<u64> {
    const TOO_LARGE: u64 = 1 << 33;
    number.iter().try_fold(0_u64, |sum, byte| {
        let sum = sum.checked_mul(256)?.checked_add(u64::from(*byte))?;
        (sum < TOO_LARGE).then_some(sum)
    })
}
