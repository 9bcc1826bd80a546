//! The caller as a header names them that Envoy's `jwt_authn`, or a proxy in front, has set.

use crate::{Caller, Denied, Name, Source};

/// The headers that are believed, names in lower case.
///
/// Believed is what is there: whoever declares a header trusted has to see to it that clients cannot set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedHeaders {
    /// The user's.
    pub user: String,
    /// The team's.
    pub team: Option<String>,
}

impl TrustedHeaders {
    /// The user's header where the configuration does not say.
    pub const USER: &str = "x-user-id";
    /// The team's usual header; none is believed unless the configuration says so.
    pub const TEAM: &str = "x-team-id";

    /// The caller that the headers name; none where there is no user's. `values` are the values of a header.
    pub(crate) fn caller<'a, V: Iterator<Item = &'a [u8]>>(
        &self,
        values: impl Fn(&str) -> V,
    ) -> Option<Result<Caller, Denied>> {
        let user = match one(values(&self.user))? {
            Ok(user) => user,
            Err(denied) => return Some(Err(denied)),
        };
        let team = self.team.as_deref().and_then(|team| one(values(team))).transpose();
        Some(team.map(|team| Caller::named(user, team, Source::Header)))
    }
}

/// The one value as a name. Two are refused, and so is a comma, which is how a proxy joins two (RFC 9110 section 5.3): one of them may be the
/// client's.
fn one<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<Result<Name, Denied>> {
    let first = values.next()?;
    if values.next().is_some() || first.contains(&b',') {
        return Some(Err(Denied::BadHeader));
    }
    Some(Name::from_bytes(first).map_err(|_| Denied::BadHeader))
}
