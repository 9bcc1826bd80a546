//! Keys, tokens and identities for the tests.

use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::Signer as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use identity::{
    Anonymous, Caller, ClaimPath, Denied, FetchFrom, Identity, Jwt, KeySet, KeySource, NamedKey, Settings,
    SourceSettings, UnixSeconds, UnknownCredentials, VerificationKey, VirtualKeyClaims, VirtualKeyLimits,
    VirtualKeys,
};
use rsa::BoxedUint;
use serde_json::{Value, json};
use sha2::Sha256;

/// The moment at which the tests take place.
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
/// An HMAC secret of the least length.
pub(crate) const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
pub(crate) const ISSUER: &str = "https://issuer.example/";
pub(crate) const AUDIENCE: &str = "ai";

pub(crate) fn b64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

pub(crate) fn unb64(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).expect("base64url")
}

/// Who signs: a private key of each algorithm.
#[derive(Clone)]
pub(crate) enum Signer {
    Ed(Box<ed25519_dalek::SigningKey>),
    Ec(Box<p256::ecdsa::SigningKey>),
    Rsa(Box<rsa::pkcs1v15::SigningKey<Sha256>>),
    Hmac(Vec<u8>),
}

impl Signer {
    pub(crate) fn ed(seed: u8) -> Self {
        Self::Ed(Box::new(ed25519_dalek::SigningKey::from_bytes(&[seed; 32])))
    }

    pub(crate) fn ec(seed: u8) -> Self {
        Self::Ec(Box::new(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).expect("a scalar")))
    }

    /// The key of RFC 7515, appendix A.2.
    pub(crate) fn rsa() -> Self {
        let number = |text: &str| BoxedUint::from_be_slice_vartime(&unb64(text));
        let (n, e, d) =
            (number(crate::vectors::RSA_N), BoxedUint::from(65_537_u64), number(crate::vectors::RSA_D));
        let key = rsa::PrivateKey::from_components(n, e, d, Vec::new()).expect("the key of the RFC");
        Self::Rsa(Box::new(rsa::pkcs1v15::SigningKey::new(key)))
    }

    /// One of each, in the order RS256, ES256, EdDSA, HS256.
    pub(crate) fn all() -> [Self; 4] {
        [Self::rsa(), Self::ec(1), Self::ed(1), Self::Hmac(SECRET.to_vec())]
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed(_) => "EdDSA",
            Self::Ec(_) => "ES256",
            Self::Rsa(_) => "RS256",
            Self::Hmac(_) => "HS256",
        }
    }

    pub(crate) fn public(&self) -> VerificationKey {
        match self {
            Self::Ed(key) => VerificationKey::ed25519(key.verifying_key().as_bytes()),
            Self::Ec(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (_, coordinates) = point.as_bytes().split_at(1);
                let (x, y) = coordinates.split_at(32);
                VerificationKey::p256(x, y)
            }
            Self::Rsa(_) => VerificationKey::rsa(&unb64(crate::vectors::RSA_N), &[1, 0, 1]),
            Self::Hmac(secret) => VerificationKey::hmac(secret),
        }
        .expect("a key")
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed(key) => key.sign(message).to_bytes().to_vec(),
            Self::Ec(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Self::Rsa(key) => {
                use rsa::signature::SignatureEncoding as _;
                key.sign(message).to_vec()
            }
            Self::Hmac(secret) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
                mac.update(message);
                mac.finalize().into_bytes().to_vec()
            }
        }
    }

    /// A token with that header and payload.
    pub(crate) fn raw(&self, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", b64(header), b64(payload));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", b64(&signature))
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "typ": "JWT", "kid": "k"});
        self.raw(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }
}

/// Claims that are accepted, with some replaced; `null` takes one away.
pub(crate) fn claims(changed: &Value) -> Value {
    let mut claims =
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW.0 + 600, "iat": NOW.0});
    let object = claims.as_object_mut().expect("an object");
    for (name, value) in changed.as_object().expect("an object") {
        match value {
            Value::Null => drop(object.remove(name)),
            value => drop(object.insert(name.clone(), value.clone())),
        }
    }
    claims
}

pub(crate) fn key_set(keys: impl IntoIterator<Item = (&'static str, VerificationKey)>) -> KeySet {
    let mut set = KeySet::default();
    for (id, key) in keys {
        set.add(NamedKey { id: Some(id.to_owned()), key }).expect("another name");
    }
    set
}

pub(crate) fn jwt(keys: KeySet, from: Option<FetchFrom>) -> Jwt {
    Jwt {
        issuers: vec!["https://other.example/".to_owned(), ISSUER.to_owned()],
        audiences: vec![AUDIENCE.to_owned()],
        keys: KeySource::new(keys, from),
        leeway: 60,
        user: ClaimPath::new("sub").expect("a path"),
        team: ClaimPath::new("org.team"),
    }
}

pub(crate) fn identity(sources: Vec<SourceSettings>) -> Identity {
    Identity::new(Settings {
        sources,
        anonymous: Anonymous::Allowed,
        unknown_credentials: UnknownCredentials::Refused,
    })
}

pub(crate) fn of_jwt(signer: &Signer) -> Identity {
    identity(vec![SourceSettings::Jwt(jwt(key_set([("k", signer.public())]), None))])
}

/// A virtual key's claims with everything said.
pub(crate) fn key_claims() -> VirtualKeyClaims {
    VirtualKeyClaims {
        iss: "ai-filters".to_owned(),
        v: identity::KEY_VERSION,
        jti: "key-1".to_owned(),
        sub: "alice".to_owned(),
        team: Some("search".to_owned()),
        iat: NOW.0 - 10,
        exp: NOW.0 + 600,
        models: Some(vec!["gpt-4*".to_owned(), "o3".to_owned()]),
        limits: VirtualKeyLimits {
            tokens_per_minute: Some(10_000),
            micro_dollars_per_month: Some(25_000_000),
            ..VirtualKeyLimits::default()
        },
    }
}

pub(crate) fn mint(signer: &Signer, claims: &VirtualKeyClaims) -> String {
    let unsigned = claims.unsigned("v").expect("good claims");
    unsigned.signed(&signer.sign(unsigned.message()).try_into().expect("64 bytes"))
}

pub(crate) fn virtual_keys(signer: &Signer) -> VirtualKeys {
    VirtualKeys {
        issuer: "ai-filters".to_owned(),
        keys: key_set([("v", signer.public())]),
        revoked: ["key-0".to_owned()].into(),
        revoked_before: Vec::new(),
        leeway: 60,
    }
}

pub(crate) type Found = Result<Rc<Caller>, Denied>;

pub(crate) fn ask(identity: &Identity, headers: &[(&str, &[u8])], now: UnixSeconds) -> Found {
    identity.identify(headers.iter().map(|(name, value)| (name.as_bytes(), *value)), now)
}

pub(crate) fn bearer(identity: &Identity, token: &str, now: UnixSeconds) -> Found {
    ask(identity, &[("authorization", format!("Bearer {token}").as_bytes())], now)
}

/// The user's name, or the reason of the refusal.
pub(crate) fn said(found: &Found) -> String {
    match found {
        Ok(caller) => caller.user.as_ref().map_or("-", |user| user.as_str()).to_owned(),
        Err(denied) => format!("! {}", denied.reason()),
    }
}
