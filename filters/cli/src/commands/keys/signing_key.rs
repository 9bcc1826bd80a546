//! The file with a private key: a JSON Web Key (RFC 8037 section 2), readable by its owner alone.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use serde::{Deserialize, Serialize};

use super::{Failure, LONGEST_KEY, Problem};

/// A private key and its name.
pub(super) struct NamedSigningKey {
    /// `kid`.
    pub(super) id: String,
    key: SigningKey,
}

/// How it stands in the file.
#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    kid: String,
    x: String,
    d: String,
}

impl NamedSigningKey {
    /// The key of those 32 random bytes. Without a name of its own it has the first bytes of the public key for one.
    pub(super) fn new(id: Option<String>, secret: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(secret);
        let named_after_itself = || encode(key.verifying_key().as_bytes()).chars().take(8).collect();
        Self { id: id.unwrap_or_else(named_after_itself), key }
    }

    /// Reads a file; `-` is stdin.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        // Somebody has pasted the key itself.
        if shown.trim_start().starts_with('{') {
            return Err(Problem::OnTheCommandLine.into());
        }
        let mut json = String::new();
        let read = if shown == "-" {
            std::io::stdin().take(LONGEST_KEY).read_to_string(&mut json)
        } else {
            warn_where_others_read(path);
            File::open(path).and_then(|file| file.take(LONGEST_KEY).read_to_string(&mut json))
        };
        read.map_err(|source| Failure::File { path: shown.clone(), source })?;
        Self::from_json(&json).ok_or_else(|| Problem::NoSigningKey { path: shown }.into())
    }

    fn from_json(json: &str) -> Option<Self> {
        let jwk: Jwk = serde_json::from_str(json).ok()?;
        let secret: [u8; 32] = Base64UrlUnpadded::decode_vec(&jwk.d).ok()?.try_into().ok()?;
        let key = SigningKey::from_bytes(&secret);
        let fits =
            jwk.kty == "OKP" && jwk.crv == "Ed25519" && jwk.x == encode(key.verifying_key().as_bytes());
        fits.then_some(Self { id: jwk.kid, key })
    }

    /// The private key as JSON, a line.
    pub(super) fn to_json(&self) -> String {
        let jwk = Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: self.id.clone(),
            x: encode(self.key.verifying_key().as_bytes()),
            d: encode(self.key.as_bytes()),
        };
        serde_json::to_string(&jwk).map(|json| format!("{json}\n")).unwrap_or_default()
    }

    /// The public key, as an entry of `identity.virtual_keys.public_keys`.
    pub(super) fn public_entry(&self) -> String {
        let id = serde_json::Value::from(self.id.as_str());
        format!("{{\"kid\": {id}, \"x\": \"{}\"}}\n", encode(self.key.verifying_key().as_bytes()))
    }

    /// Writes the private key into a new file that nobody else can read.
    pub(super) fn write_to(&self, path: &Path) -> Result<(), Failure> {
        let shown = path.display().to_string();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let written = options.open(path).and_then(|mut file| {
            file.write_all(self.to_json().as_bytes())?;
            file.sync_all()
        });
        written.map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => Problem::Exists { path: shown }.into(),
            _ => Failure::File { path: shown, source },
        })
    }

    /// Its signature.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for NamedSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedSigningKey({:?})", self.id)
    }
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// A mounted secret is often readable by all of its container, so this is no refusal.
#[cfg(unix)]
fn warn_where_others_read(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = std::fs::metadata(path) else { return };
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        // Nobody is left to tell where stderr is gone.
        let _ = writeln!(std::io::stderr(), "note: {}: others can read it; chmod 600", path.display());
    }
}

#[cfg(not(unix))]
fn warn_where_others_read(_: &Path) {}
