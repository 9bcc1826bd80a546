//! `ai-filters keys inspect`: what a virtual key says, and whether a gateway would accept it.

use std::path::{Path, PathBuf};

use config::GatewayConfig;
use identity::{
    Anonymous, Denied, Identity, KeySet, NamedKey, Settings, SourceSettings, UnknownCredentials,
    VerificationKey, VirtualKeyClaims, VirtualKeys, read_claims,
};
use serde_json::json;

use super::values::now;
use super::{Failure, Problem, key_from_stdin, no_argument};
use crate::commands::{print, read, taken_to_be_set};

/// `ai-filters keys inspect [--config FILE | --public-key X]`
#[derive(clap::Args)]
pub(in crate::commands) struct Options {
    /// Check it as the gateway with this configuration would.
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
    config: Option<PathBuf>,
    /// Check its signature and its times with this public key: the `x` that `keys generate` printed.
    #[arg(long, value_name = "X")]
    public_key: Option<String>,
    /// Refused: a key belongs on stdin.
    #[arg(hide = true)]
    argument: Option<String>,
}

impl Options {
    pub(super) fn run(self) -> Result<(), Failure> {
        no_argument(self.argument.as_ref())?;
        let key = key_from_stdin()?;
        let (claims, key_id) = read_claims(&key).map_err(Problem::Unreadable)?;
        let identity = match (&self.config, &self.public_key) {
            (Some(path), _) => Some(of_configuration(path)?),
            (None, Some(x)) => Some(of_public_key(x, &claims, key_id.as_deref())?),
            (None, None) => None,
        };
        let outcome = match &identity {
            None => None,
            Some(identity) => {
                let headers = [("x-api-key".as_bytes(), key.as_bytes())];
                Some(identity.identify(headers.into_iter(), now()?))
            }
        };
        let checked = match &outcome {
            None => "not checked",
            Some(Ok(_)) => "accepted",
            Some(Err(_)) => "refused",
        };
        let shown = json!({"signed_by": key_id, "claims": claims, "check": checked});
        print(&format!("{shown:#}\n"))?;
        match outcome {
            Some(Err(denied)) => Err(Problem::Refused { reason: denied.reason(), hint: hint(denied) }.into()),
            _ => Ok(()),
        }
    }
}

fn of_configuration(path: &Path) -> Result<Identity, Failure> {
    let (shown, json) = read(path)?;
    let config = GatewayConfig::parse(&json, &taken_to_be_set);
    Ok(config.map_err(|problems| Problem::Configuration { path: shown, problems })?.identity)
}

/// A gateway that knows this key alone, under the name and the issuer that the virtual key says.
fn of_public_key(x: &str, claims: &VirtualKeyClaims, key_id: Option<&str>) -> Result<Identity, Problem> {
    let key = VerificationKey::ed25519_from_base64url(x).map_err(Problem::PublicKey)?;
    let mut keys = KeySet::default();
    // The set is empty: no other key has the name.
    let _ = keys.add(NamedKey { id: key_id.map(str::to_owned), key });
    let virtual_keys = VirtualKeys {
        issuer: claims.iss.clone(),
        keys,
        revoked: std::collections::BTreeSet::new(),
        revoked_before: Vec::new(),
        leeway: 0,
    };
    Ok(Identity::new(Settings {
        sources: vec![SourceSettings::VirtualKeys(virtual_keys)],
        anonymous: Anonymous::Refused,
        unknown_credentials: UnknownCredentials::Refused,
    }))
}

const fn hint(denied: Denied) -> &'static str {
    match denied {
        Denied::Signature => "another key signed it, or it was changed",
        Denied::UnknownKey => "the signer's public key is not among `identity.virtual_keys.public_keys`",
        Denied::UnknownCredential => "the configuration has no `identity.virtual_keys`",
        Denied::Expired => "mint another",
        Denied::NotYetValid => "it says that it was issued later: does a clock go wrong?",
        Denied::Revoked => "it is listed under `revoked`, or issued before a moment of `revoked_before`",
        Denied::Issuer => "`identity.virtual_keys.issuer` is another; `keys mint --issuer` chooses it",
        _ => "it is no virtual key of this version",
    }
}
