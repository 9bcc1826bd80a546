//! Tokens of an identity provider, where no `jwt_authn` in front of the filter has verified them.

use std::rc::Rc;

use crate::caller::Verified;
use crate::claims::{Claims, check_window};
use crate::{Caller, ClaimPath, Denied, KeySource, Source, UnixSeconds, jws};

/// Whose tokens are accepted, and what they say of a caller.
#[derive(Clone, Debug)]
pub struct Jwt {
    /// The accepted values of `iss`.
    pub issuers: Vec<String>,
    /// The accepted values of `aud`; where there is none, a token that has one is refused.
    pub audiences: Vec<String>,
    /// The keys that verify them.
    pub keys: KeySource,
    /// How far clocks may disagree, in seconds.
    pub leeway: u64,
    /// The claim with the user's name.
    pub user: ClaimPath,
    /// The claim with the team's.
    pub team: Option<ClaimPath>,
}

impl Jwt {
    /// The caller that a token stands for. Nothing of its claims is looked at before its signature is verified.
    pub(crate) fn verify(&self, token: &str, now: UnixSeconds) -> Result<Verified, Denied> {
        let jws = jws::read(token)?;
        let verified = self
            .keys
            .with(jws.key_id.as_deref(), jws.algorithm, |key| key.verifies(jws.signed, &jws.signature))?;
        if !verified {
            return Err(Denied::Signature);
        }
        let claims = Claims::read(&jws.payload)?;
        claims.check_issuer(&self.issuers)?;
        claims.check_audience(&self.audiences)?;
        let (from, until) = claims.window(self.leeway)?;
        check_window(from, until, now)?;
        let user = claims.name(&self.user)?.ok_or(Denied::Malformed)?;
        let team = self.team.as_ref().map_or(Ok(None), |path| claims.name(path))?;
        Ok(Verified { caller: Rc::new(Caller::named(user, team, Source::Jwt)), from, until })
    }
}
