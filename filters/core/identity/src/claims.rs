//! A verified token's claims: the registered ones (RFC 7519 section 4.1), and those that an identity provider adds.

use serde_json::{Map, Value};

use crate::{Denied, Name, UnixSeconds};

/// Where a claim stands: its name, or names joined by dots that lead into objects.
///
/// The whole is tried as a name first: `https://example.com/team` is a name, and the dot in it no step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(String);

/// The claims of a token whose signature was verified.
pub(crate) struct Claims(Map<String, Value>);

impl ClaimPath {
    /// That path; none where it is empty, longer than 256 bytes, or steps over nothing.
    pub fn new(text: &str) -> Option<Self> {
        const LONGEST: usize = 256;
        let fits = text.len() <= LONGEST && !text.chars().any(char::is_control);
        (fits && text.split('.').all(|step| !step.is_empty())).then(|| Self(text.to_owned()))
    }
}

impl Claims {
    pub(crate) fn read(payload: &[u8]) -> Result<Self, Denied> {
        serde_json::from_slice(payload).map(Self).map_err(|_| Denied::Malformed)
    }

    /// The claim at that path.
    fn at(&self, path: &ClaimPath) -> Option<&Value> {
        if let Some(value) = self.0.get(&path.0) {
            return Some(value);
        }
        let mut steps = path.0.split('.');
        let first = self.0.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.as_object()?.get(step))
    }

    /// The name at that path, where there is one. Anything else than a text that can be a name is refused: a number or a list that was
    /// turned into a text would be a name that nobody gave.
    pub(crate) fn name(&self, path: &ClaimPath) -> Result<Option<Name>, Denied> {
        match self.at(path) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Name::new(text).map(Some).map_err(|_| Denied::Malformed),
            Some(_) => Err(Denied::Malformed),
        }
    }

    /// Refuses another issuer.
    pub(crate) fn check_issuer(&self, accepted: &[String]) -> Result<(), Denied> {
        let issuer = self.0.get("iss").and_then(Value::as_str);
        let known = issuer.is_some_and(|issuer| accepted.iter().any(|accepted| accepted == issuer));
        if known { Ok(()) } else { Err(Denied::Issuer) }
    }

    /// Refuses a token that is meant for others. Where no audience is configured, that is every token that names one: whoever is not
    /// among them has to refuse it (RFC 7519 section 4.1.3).
    pub(crate) fn check_audience(&self, accepted: &[String]) -> Result<(), Denied> {
        let is_ours = |value: &Value| {
            value.as_str().is_some_and(|audience| accepted.iter().any(|accepted| accepted == audience))
        };
        let ours = match self.0.get("aud") {
            None => accepted.is_empty(),
            Some(Value::Array(audiences)) => audiences.iter().any(is_ours),
            Some(audience) => is_ours(audience),
        };
        if ours { Ok(()) } else { Err(Denied::Audience) }
    }

    /// When it is valid: from the first moment up to, and without, the second. A token without an end is refused.
    pub(crate) fn window(&self, leeway: u64) -> Result<(UnixSeconds, UnixSeconds), Denied> {
        let until = self.moment("exp")?.ok_or(Denied::Malformed)?;
        let from = self.moment("nbf")?.max(self.moment("iat")?).unwrap_or_default();
        Ok((from.before(leeway), until.after(leeway)))
    }

    /// A `NumericDate`: seconds, perhaps with a fraction, which is cut off.
    fn moment(&self, name: &str) -> Result<Option<UnixSeconds>, Denied> {
        /// The end of the year 9999; a double is exact up to there.
        const LAST: f64 = 253_402_300_799.0;
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let whole = value.as_u64().or_else(|| {
            let seconds = value.as_f64().filter(|seconds| (0.0..=LAST).contains(seconds))?;
            Some(seconds as u64)
        });
        whole.map(|seconds| Some(UnixSeconds(seconds))).ok_or(Denied::Malformed)
    }
}

/// Refuses what is not valid at that moment.
pub(crate) fn check_window(from: UnixSeconds, until: UnixSeconds, now: UnixSeconds) -> Result<(), Denied> {
    if now >= until {
        Err(Denied::Expired)
    } else if now < from {
        Err(Denied::NotYetValid)
    } else {
        Ok(())
    }
}
