//! What ai-gateway's file means for identity: the sources, their order, and what becomes of strangers.

mod api_keys;
mod jwt;
mod virtual_keys;

use identity::{Anonymous, Identity, Name, Settings, SourceSettings, TrustedHeaders, UnknownCredentials};

use crate::check::header;
use crate::check::provider::Env;
use crate::place::{At, Field};
use crate::problem::{Fault, Findings, quoted};
use crate::raw::identity::{RawAnonymous, RawHeader, RawIdentity, RawSource, RawUnknown};
use crate::read::{Choice as _, List};

/// The section, or what it is where there is none: everybody is anonymous.
pub(crate) fn identity(
    field: &Field<RawIdentity>,
    env: Env<'_>,
    findings: &mut Findings,
) -> Option<Identity> {
    let section = match field {
        Field::Missing => return Some(Identity::default()),
        Field::Wrong => return None,
        Field::Given(section) => section,
    };
    let raw = &section.value;
    let header = optional(&raw.header, findings, |at, findings| trusted_headers(&at.value, findings));
    let api_keys = optional(&raw.api_keys, findings, api_keys::api_keys);
    let virtual_keys =
        optional(&raw.virtual_keys, findings, |at, findings| virtual_keys::virtual_keys(&at.value, findings));
    let jwt = optional(&raw.jwt, findings, |at, findings| jwt::jwt(at, env, findings));
    let order = order(raw, findings);
    let strangers = strangers(section, findings);

    let (mut header, mut api_keys, mut virtual_keys, mut jwt) = (header?, api_keys?, virtual_keys?, jwt?);
    let (anonymous, unknown_credentials) = strangers?;
    let sources = order?.into_iter().filter_map(|source| match source {
        RawSource::Header => header.take().map(SourceSettings::Header),
        RawSource::ApiKeys => api_keys.take().map(SourceSettings::ApiKeys),
        RawSource::VirtualKeys => virtual_keys.take().map(SourceSettings::VirtualKeys),
        RawSource::Jwt => jwt.take().map(SourceSettings::Jwt),
    });
    Some(Identity::new(Settings { sources: sources.collect(), anonymous, unknown_credentials }))
}

/// What that makes of a section, which may be absent. The outer `None` is a problem that was noted.
fn optional<T, U>(
    field: &Field<T>,
    findings: &mut Findings,
    check: impl FnOnce(&At<T>, &mut Findings) -> Option<U>,
) -> Option<Option<U>> {
    match field {
        Field::Missing => Some(None),
        Field::Wrong => None,
        Field::Given(at) => check(at, findings).map(Some),
    }
}

fn trusted_headers(raw: &RawHeader, findings: &mut Findings) -> Option<TrustedHeaders> {
    let user = raw.user.check_or(TrustedHeaders::USER.to_owned(), findings, |name| header::trusted(name));
    let team = raw.team.check_or(None, findings, |name| header::trusted(name).map(Some));
    if let (Some(user), Some(Some(team)), Field::Given(at)) = (&user, &team, &raw.team)
        && user == team
    {
        let fault = Fault::new(
            format!("{} is the user's header already", quoted(team)),
            "a user is no team: name another header, or leave it out",
        );
        findings.report(&at.place, fault);
        return None;
    }
    Some(TrustedHeaders { user: user?, team: team? })
}

/// Which sections are given.
fn given(raw: &RawIdentity) -> impl Iterator<Item = RawSource> {
    let sections = [
        (RawSource::Header, raw.header.is_missing()),
        (RawSource::ApiKeys, raw.api_keys.is_missing()),
        (RawSource::VirtualKeys, raw.virtual_keys.is_missing()),
        (RawSource::Jwt, raw.jwt.is_missing()),
    ];
    sections.into_iter().filter(|(_, missing)| !missing).map(|(source, _)| source)
}

/// Every source that is given, once: one that were not asked would be believed to protect something.
fn order(raw: &RawIdentity, findings: &mut Findings) -> Option<Vec<RawSource>> {
    let sources = match &raw.sources {
        Field::Missing => return Some(given(raw).collect()),
        Field::Wrong => return None,
        Field::Given(sources) => sources,
    };
    let list: &List<RawSource> = &sources.value;
    let mut order = Vec::new();
    let mut complete = list.complete;
    for At { place, value: source } in &list.items {
        let fault = if order.contains(source) {
            Fault::new(format!("{} is listed already", quoted(name(*source))), "remove one of the two")
        } else if given(raw).any(|given| given == *source) {
            order.push(*source);
            continue;
        } else {
            Fault::new(
                format!("there is no section {}", quoted(name(*source))),
                "add the section beside `sources`, or remove it here",
            )
        };
        findings.report(place, fault);
        complete = false;
    }
    for missing in given(raw).filter(|given| list.complete && !order.contains(given)) {
        let message = format!("does not list {}, which is given", quoted(name(missing)));
        findings.report(
            &sources.place,
            Fault::new(message, "list every source that is given, or remove its section"),
        );
        complete = false;
    }
    complete.then_some(order)
}

fn name(source: RawSource) -> &'static str {
    RawSource::ALL.iter().find(|(_, known)| *known == source).map_or("", |(name, _)| name)
}

/// What becomes of those whom no source knows. Keys and tokens are configured by somebody who wants to know the callers, so without a
/// word about it nobody else gets in.
fn strangers(section: &At<RawIdentity>, findings: &mut Findings) -> Option<(Anonymous, UnknownCredentials)> {
    let raw = &section.value;
    let any = given(raw).next().is_some();
    let credentials = given(raw).any(|source| source != RawSource::Header);
    let default = if credentials { RawAnonymous::Refuse } else { RawAnonymous::Allow };
    if let (false, Field::Given(At { place, value: RawAnonymous::Refuse })) = (any, &raw.anonymous) {
        let message = "refuses everybody: no source could know anyone";
        findings.report(
            place,
            Fault::new(
                message,
                "add `header`, `api_keys`, `virtual_keys` or `jwt`, or allow anonymous callers",
            ),
        );
    }
    if let (false, Field::Given(At { place, .. })) = (credentials, &raw.unknown_credentials) {
        let message = "has no effect where neither keys nor tokens are configured: a client's own credential is always ignored then";
        findings.report(place, Fault::new(message, "remove it, or add `api_keys`, `virtual_keys` or `jwt`"));
    }
    let anonymous = match raw.anonymous.copied_or(default)? {
        RawAnonymous::Allow => Anonymous::Allowed,
        RawAnonymous::Refuse => Anonymous::Refused,
    };
    let unknown = match raw.unknown_credentials.copied_or(RawUnknown::Refuse)? {
        RawUnknown::Refuse => UnknownCredentials::Refused,
        RawUnknown::Ignore => UnknownCredentials::Ignored,
    };
    Some((anonymous, unknown))
}

/// A name of a user, a team or a key.
fn person(text: &str) -> Result<Name, Fault> {
    Name::new(text).map_err(|problem| {
        Fault::new(
            problem.to_string(),
            "use 1 to 256 bytes without control characters and without a space at either end",
        )
    })
}

/// A number within bounds; its default where there is none.
fn bounded(
    field: &Field<u64>,
    default: u64,
    bounds: std::ops::RangeInclusive<u64>,
    findings: &mut Findings,
) -> Option<u64> {
    field.check_or(default, findings, |number| {
        if bounds.contains(number) {
            return Ok(*number);
        }
        Err(Fault::new(
            format!("{number} is not from {} to {}", bounds.start(), bounds.end()),
            format!("leave it out for {default}"),
        ))
    })
}

/// Notes that a list has nothing where something must be.
fn not_empty<T>(list: &At<List<T>>, hint: &str, findings: &mut Findings) {
    if list.value.items.is_empty() && list.value.complete {
        findings.report(&list.place, Fault::new("is empty", hint));
    }
}
