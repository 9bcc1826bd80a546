//! API keys that the configuration knows by their hash.

use std::fmt;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::Caller;

/// SHA-256 of a key or a token. It stands for the key wherever the key itself would have to be kept.
///
/// A fast hash is enough, because keys are made by machines: who could guess one would not need the hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyDigest([u8; 32]);

/// A key and whose it is.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The key's hash.
    pub digest: KeyDigest,
    /// Whose it is.
    pub caller: Rc<Caller>,
}

impl KeyDigest {
    /// The hash of that key.
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            if !pair.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

/// Whose key has that hash. Every entry is compared to its end, whichever it is, so the time says nothing about the hashes.
pub(crate) fn find(keys: &[ApiKey], digest: &KeyDigest) -> Option<Rc<Caller>> {
    let mut found = 0_u32;
    // Counted from 1: 0 is none.
    for (number, key) in (1_u32..).zip(keys) {
        let same: Choice = key.digest.0.ct_eq(&digest.0);
        found.conditional_assign(&number, same);
    }
    let index = usize::try_from(found.checked_sub(1)?).ok()?;
    keys.get(index).map(|key| Rc::clone(&key.caller))
}
