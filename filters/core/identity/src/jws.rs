//! A token's form: JWS compact serialization (RFC 7515 section 7.1), read before anything of it is believed.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::de::{Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::{Algorithm, Denied};

/// The longest token that is looked at, in bytes. Envoy takes 60 KiB of headers; what an identity provider sends is 1 to 3.
pub const LONGEST_TOKEN: usize = 8192;
/// The longest name of a key.
pub(crate) const LONGEST_KEY_ID: usize = 256;

/// A token that could be read. Nothing in it is verified.
pub(crate) struct Jws<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) kind: Option<String>,
    /// What the signature is of: header and payload as they were sent.
    pub(crate) signed: &'a [u8],
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// Why a token cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// More than [`LONGEST_TOKEN`] bytes.
    #[error("is longer than 8192 bytes")]
    TooLong,
    /// Not three parts of unpadded base64url.
    #[error("is not of the form HEADER.PAYLOAD.SIGNATURE in unpadded base64url")]
    Form,
    /// A header that is no object with an `alg`, or that says something twice.
    #[error("has a header that cannot be read")]
    Header,
    /// `crit`: something in the header must be understood, and nothing of that kind is (RFC 7515 section 4.1.11).
    #[error("has a `crit` header")]
    Critical,
    /// Another algorithm; `none` is one.
    #[error("is signed with an algorithm that is not accepted")]
    Algorithm,
    /// Claims that are not what they should be.
    #[error("has claims that cannot be read")]
    Claims,
}

impl From<Unreadable> for Denied {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Algorithm => Self::Algorithm,
            _ => Self::Malformed,
        }
    }
}

#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// Whether a member is there, whatever it is: `null` is there too.
pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Whether that is meant to be such a token: two dots, and a first part that begins as base64url of `{` does. It need not be a good one:
/// what looks like a token is judged as a token.
pub(crate) fn looks_like_a_token(text: &str) -> bool {
    // `{` is 0b01111011: the sextet of `e`, and one of the sixteen that begin with 0b11.
    let mut bytes = text.bytes();
    bytes.next() == Some(b'e')
        && bytes.next().is_some_and(|second| matches!(second, b'w'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
        && bytes.filter(|byte| *byte == b'.').count() == 2
}

/// Reads a token.
pub(crate) fn read(token: &str) -> Result<Jws<'_>, Unreadable> {
    if token.len() > LONGEST_TOKEN {
        return Err(Unreadable::TooLong);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Unreadable::Form)?;
    let (header, payload) = signed.split_once('.').ok_or(Unreadable::Form)?;
    let header: RawHeader =
        serde_json::from_slice(&decode(header).ok_or(Unreadable::Form)?).map_err(|_| Unreadable::Header)?;
    if header.crit {
        return Err(Unreadable::Critical);
    }
    if header.kid.as_ref().is_some_and(|id| id.len() > LONGEST_KEY_ID) {
        return Err(Unreadable::Header);
    }
    Ok(Jws {
        algorithm: Algorithm::from_name(&header.alg).ok_or(Unreadable::Algorithm)?,
        key_id: header.kid,
        kind: header.typ,
        signed: signed.as_bytes(),
        payload: decode(payload).ok_or(Unreadable::Form)?,
        signature: decode(signature).ok_or(Unreadable::Form)?,
    })
}

/// The bytes behind unpadded base64url, where it is the one way to write them: another would be another token with the same meaning.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

/// Unpadded base64url.
pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// The first two parts of a token, from what serialises to JSON objects; none where something does not.
pub(crate) fn unsigned(header: &impl Serialize, payload: &impl Serialize) -> Option<String> {
    let header = serde_json::to_vec(header).ok()?;
    let payload = serde_json::to_vec(payload).ok()?;
    Some(format!("{}.{}", encode(&header), encode(&payload)))
}
