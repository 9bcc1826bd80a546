//! Tokens of an identity provider: whose, for whom, and by which keys.

use identity::{
    ClaimPath, FetchFrom, Jwt, KeyProblem, KeySet, KeySource, LEAST_SECRET_BYTES, NamedKey, VerificationKey,
};

use super::{bounded, not_empty, person};
use crate::check::provider::{Env, each, key, said};
use crate::check::text;
use crate::place::{At, Field};
use crate::problem::{Fault, Findings, quoted};
use crate::raw::identity::{
    DEFAULT_INTERVAL, DEFAULT_LEEWAY, DEFAULT_TIMEOUT, INTERVALS, MOST_LEEWAY, MOST_TIMEOUT, RawJwksFrom,
    RawJwt, RawSecret,
};
use crate::read::{List, Verbatim};

pub(super) fn jwt(at: &At<RawJwt>, env: Env<'_>, findings: &mut Findings) -> Option<Jwt> {
    let raw = &at.value;
    let issuers = raw.issuers.given().and_then(|list| {
        not_empty(list, "write the `iss` of the identity provider's tokens", findings);
        each(&list.value, findings, |issuer| text::name(issuer))
    });
    let audiences =
        raw.audiences.given().and_then(|list| each(&list.value, findings, |audience| text::name(audience)));
    let user = raw.user_claim.check_or(ClaimPath::new("sub"), findings, |path| claim(path).map(Some));
    let team = raw.team_claim.check_or(None, findings, |path| claim(path).map(Some));
    let leeway = bounded(&raw.leeway_seconds, DEFAULT_LEEWAY, 0..=MOST_LEEWAY, findings);

    let mut fixed = Some(KeySet::default());
    match &raw.jwks {
        Field::Missing => {}
        Field::Wrong => fixed = None,
        Field::Given(at) => fixed = inline(at, findings),
    }
    match &raw.secrets {
        Field::Missing => {}
        Field::Wrong => fixed = None,
        Field::Given(list) => {
            not_empty(list, "add one, or leave it out", findings);
            fixed = secrets(&list.value, fixed, env, findings);
        }
    }
    let from = match &raw.jwks_from {
        Field::Missing => Some(None),
        Field::Wrong => None,
        Field::Given(at) => fetch(&at.value, findings).map(Some),
    };
    if raw.jwks.is_missing() && raw.jwks_from.is_missing() && raw.secrets.is_missing() {
        let fault = Fault::new("no key could verify these tokens", "add `jwks`, `jwks_from` or `secrets`");
        findings.report(&at.place, fault);
        return None;
    }
    Some(Jwt {
        issuers: issuers?,
        audiences: audiences?,
        keys: KeySource::new(fixed?, from?),
        leeway: leeway?,
        user: user??,
        team: team?,
    })
}

fn claim(path: &str) -> Result<ClaimPath, Fault> {
    ClaimPath::new(path).ok_or_else(|| {
        Fault::new(
            format!("{} is no claim", quoted(path)),
            "write a claim's name, or names joined by dots, for example `org.team`",
        )
    })
}

/// A set that somebody wrote: what of it is not used was meant to be.
fn inline(at: &At<Verbatim>, findings: &mut Findings) -> Option<KeySet> {
    let (set, skipped) = at.check(findings, |json| {
        KeySet::read(json.0.as_bytes()).map_err(|problem| {
            Fault::new(problem.to_string(), "write a JSON Web Key Set: `{\"keys\": [{\"kty\": …}]}`")
        })
    })?;
    let complete = skipped.is_empty() && !set.is_empty();
    if set.is_empty() && skipped.is_empty() {
        findings.report(&at.place, Fault::new("has no key", "add one, or leave it out"));
    }
    for key in skipped {
        let place = at.place.missing("keys").index(key.index, at.place.order());
        findings.report(&place, Fault::new(key.problem.to_string(), advice(key.problem)));
    }
    complete.then_some(set)
}

const fn advice(problem: KeyProblem) -> &'static str {
    match problem {
        KeyProblem::Private => {
            "take the private key out of this file and replace it: it was seen; write the public half alone"
        }
        KeyProblem::Secret => "a secret comes from the environment: remove it here and add it to `secrets`",
        KeyProblem::Key(_) => {
            "RSA needs 2048 to 4096 bits and the exponent 65537; points must lie on their curve"
        }
        KeyProblem::SameName => "tokens find their key by its `kid`: give each another",
        KeyProblem::Use | KeyProblem::Type => {
            "remove it: RSA with RS256, P-256 with ES256 and Ed25519 with EdDSA verify tokens"
        }
        KeyProblem::Shape | KeyProblem::LongName => "copy the key as the identity provider publishes it",
    }
}

fn secrets(
    list: &List<RawSecret>,
    set: Option<KeySet>,
    env: Env<'_>,
    findings: &mut Findings,
) -> Option<KeySet> {
    let mut complete = list.complete;
    let mut all = set.clone().unwrap_or_default();
    for At { value: raw, .. } in &list.items {
        let id = raw.kid.check_or(None, findings, |id| person(id).map(Some));
        let secret = raw.env.check(findings, |variable| secret(variable, env));
        let (Some(id), Some(key)) = (id, secret) else {
            complete = false;
            continue;
        };
        let named = NamedKey { id: id.map(|id| id.as_str().to_owned()), key };
        if let (Err(_), Field::Given(at)) = (all.add(named), &raw.kid) {
            let message = "is the name of an earlier secret";
            findings.report(
                &at.place,
                Fault::new(message, "tokens find their secret by its `kid`: give each another"),
            );
            complete = false;
        }
    }
    (complete && set.is_some()).then_some(all)
}

/// The secret in that variable. No fault says what the variable holds.
fn secret(variable: &str, env: Env<'_>) -> Result<VerificationKey, Fault> {
    let secret = key(variable, env)?;
    VerificationKey::hmac(secret.reveal().as_bytes()).map_err(|_| {
        Fault::new(
            format!(
                "the environment variable{} holds a secret of less than {LEAST_SECRET_BYTES} bytes",
                said(variable)
            ),
            "make one with `openssl rand -hex 32`: a shorter one can be guessed from any token",
        )
    })
}

fn fetch(raw: &RawJwksFrom, findings: &mut Findings) -> Option<FetchFrom> {
    let cluster = raw.cluster.check(findings, |name| text::name(name));
    let authority = raw.authority.check(findings, |authority| {
        text::authority(authority).map_err(|_| {
            Fault::new(
                "is no host or host:port",
                "write for example `login.example.com`: TLS is configured on Envoy's cluster, and the path has a field of its own",
            )
        })
    });
    let path = raw.path.check(findings, |path| {
        if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Ok(path.clone());
        }
        Err(Fault::new(format!("{} is no path", quoted(path)), "write for example `/.well-known/jwks.json`"))
    });
    let interval = bounded(&raw.interval_seconds, DEFAULT_INTERVAL, INTERVALS, findings);
    let timeout = bounded(&raw.timeout_seconds, DEFAULT_TIMEOUT, 1..=MOST_TIMEOUT, findings);
    Some(FetchFrom {
        cluster: cluster?,
        authority: authority?,
        path: path?,
        timeout_ms: u32::try_from(timeout?.saturating_mul(1000)).ok()?,
        interval: interval?,
    })
}
