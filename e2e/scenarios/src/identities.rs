//! Who calls where it is asked who is calling: keys and tokens of this run, and the section of the configuration that knows them.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use identity::{KEY_VERSION, KeyDigest, VirtualKeyClaims, VirtualKeyLimits};
use serde_json::{Map, Value, json};

use crate::canary;

/// Whom the key is for that is known by its hash.
pub const HASHED_USER: &str = "hedwig";
/// Whom the virtual key is for.
pub const VIRTUAL_USER: &str = "victor";
/// Whom the virtual key is for that may be used for another model only.
pub const CONFINED_USER: &str = "conrad";
/// Whom the token is for.
pub const TOKEN_USER: &str = "tara";
/// The team of all of them.
pub const TEAM: &str = "search";

/// Who issues tokens.
pub const ISSUER: &str = "https://login.example";
/// For whom.
pub const AUDIENCE: &str = "llm";

const HOUR: u64 = 3_600;

/// The key that is known by its hash.
pub static HASHED_KEY: LazyLock<String> = LazyLock::new(|| format!("{}-hashed", *canary::CLIENT_KEY));
/// A virtual key for every model.
pub static VIRTUAL_KEY: LazyLock<String> = LazyLock::new(|| virtual_key(VIRTUAL_USER, None));
/// A virtual key for a model that nobody serves.
pub static CONFINED_KEY: LazyLock<String> = LazyLock::new(|| virtual_key(CONFINED_USER, Some("another-*")));
/// A token of the identity provider.
pub static TOKEN: LazyLock<String> = LazyLock::new(|| Tokens::new("one").token(&claims(TOKEN_USER)));

/// All of them, with names that a report may hold.
pub fn credentials() -> [(&'static str, &'static str); 4] {
    [
        ("a key that is known by its hash", &HASHED_KEY),
        ("a virtual key", &VIRTUAL_KEY),
        ("a confined virtual key", &CONFINED_KEY),
        ("a token", &TOKEN),
    ]
}

/// The section `identity`: credentials before headers, so that a header is believed of those who have none.
pub fn section() -> Map<String, Value> {
    let section = json!({
        "sources": ["api_keys", "virtual_keys", "jwt", "header"],
        "header": {"user": "x-user-id", "team": "x-team-id"},
        "api_keys": [{"sha256": KeyDigest::of(HASHED_KEY.as_bytes()).to_hex(), "user": HASHED_USER, "id": "of-hedwig", "team": TEAM}],
        "virtual_keys": {"public_keys": [{"kid": "mint", "x": public(&mint())}]},
        "jwt": {
            "issuers": [ISSUER],
            "audiences": [AUDIENCE],
            "jwks": Tokens::new("one").key_set(),
            "team_claim": "team",
        },
        "anonymous": "allow",
    });
    section.as_object().cloned().expect("an object")
}

/// What a token of that user says, for an hour from now.
pub fn claims(user: &str) -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": user, "team": TEAM, "exp": now() + HOUR})
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// An identity provider with one key.
#[derive(Clone, Debug)]
pub struct Tokens {
    name: &'static str,
    key: SigningKey,
}

impl Tokens {
    /// The one whose key has that name.
    pub fn new(name: &'static str) -> Self {
        Self { name, key: signing_key(name) }
    }

    /// Its public key, as a JSON Web Key Set has it.
    pub fn public(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.name, "x": public(&self.key)})
    }

    /// The set with that key alone.
    pub fn key_set(&self) -> Value {
        json!({"keys": [self.public()]})
    }

    /// A signed token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.name});
        let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.key.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
    }
}

fn virtual_key(user: &str, models: Option<&str>) -> String {
    let claims = VirtualKeyClaims {
        iss: "ai-filters".to_owned(),
        v: KEY_VERSION,
        jti: format!("key-of-{user}"),
        sub: user.to_owned(),
        team: Some(TEAM.to_owned()),
        iat: now(),
        exp: now() + HOUR,
        models: models.map(|model| vec![model.to_owned()]),
        limits: VirtualKeyLimits::default(),
    };
    let unsigned = claims.unsigned("mint").expect("claims that can be verified");
    unsigned.signed(&mint().sign(unsigned.message()).to_bytes())
}

/// What signs virtual keys.
fn mint() -> SigningKey {
    signing_key("mint")
}

/// A key pair of this run. It guards nothing but a scripted provider on loopback.
fn signing_key(name: &str) -> SigningKey {
    let mut secret = [0; 32];
    let material = format!("{name}{}", *canary::PROMPT);
    for (byte, from) in secret.iter_mut().zip(material.bytes().cycle()) {
        *byte = from;
    }
    SigningKey::from_bytes(&secret)
}

fn public(key: &SigningKey) -> String {
    Base64UrlUnpadded::encode_string(key.verifying_key().as_bytes())
}
