//! API keys of the configuration: hashes, and whose they are.

use std::collections::BTreeMap;
use std::rc::Rc;

use identity::{ApiKey, Caller, KeyDigest, KeyId, KeyLimits, MicroDollars, ModelPatterns, Source};

use super::person;
use crate::check::provider::each;
use crate::check::text;
use crate::place::{At, Field, Place};
use crate::problem::{Fault, Findings};
use crate::raw::identity::{MOST_OF_A_LIMIT, RawApiKey, RawKeyLimits};
use crate::read::List;

pub(super) fn api_keys(at: &At<List<RawApiKey>>, findings: &mut Findings) -> Option<Vec<ApiKey>> {
    super::not_empty(at, "add a key, or leave the list out", findings);
    let list = &at.value;
    let mut seen: BTreeMap<KeyDigest, &Place> = BTreeMap::new();
    let mut keys = Vec::with_capacity(list.items.len());
    for At { value: raw, .. } in &list.items {
        let digest = raw.sha256.check(findings, |hex| digest(hex));
        if let (Some(digest), Field::Given(at)) = (digest, &raw.sha256) {
            match seen.get(&digest) {
                None => drop(seen.insert(digest, &at.place)),
                Some(first) => {
                    let message = format!("is the hash at `{}` already", first.path());
                    findings.report(
                        &at.place,
                        Fault::new(message, "a key is one caller's: remove one of the two"),
                    );
                }
            }
        }
        let caller = caller(raw, findings);
        if let (Some(digest), Some(caller)) = (digest, caller) {
            keys.push(ApiKey { digest, caller: Rc::new(caller) });
        }
    }
    (list.complete && keys.len() == list.items.len()).then_some(keys)
}

/// What is no hash is not repeated: it may be the key.
fn digest(hex: &str) -> Result<KeyDigest, Fault> {
    KeyDigest::from_hex(hex).ok_or_else(|| {
        Fault::new(
            "is no SHA-256 in hexadecimal: 64 of the digits 0-9 and a-f",
            "`ai-filters keys hash` prints it; the key itself never stands in this file",
        )
    })
}

fn caller(raw: &RawApiKey, findings: &mut Findings) -> Option<Caller> {
    let user = raw.user.check(findings, |name| person(name));
    let team = raw.team.check_or(None, findings, |name| person(name).map(Some));
    let id = raw.id.check_or(None, findings, |name| person(name).map(Some));
    let models = match &raw.models {
        Field::Missing => Some(ModelPatterns::any()),
        Field::Wrong => None,
        Field::Given(list) => {
            super::not_empty(list, "name the models, or leave it out for every model", findings);
            each(&list.value, findings, |pattern| text::pattern(pattern)).map(ModelPatterns::of)
        }
    };
    let limits = match &raw.limits {
        Field::Missing => Some(KeyLimits::NONE),
        Field::Wrong => None,
        Field::Given(at) => limits(&at.value, findings),
    };
    Some(Caller {
        user: Some(user?),
        team: team?,
        key: id?.map(KeyId::new),
        models: models?,
        limits: limits?,
        how: Source::ApiKey,
    })
}

fn limits(raw: &RawKeyLimits, findings: &mut Findings) -> Option<KeyLimits> {
    let mut limit = |field: &Field<u64>| {
        field.check_or(None, findings, |number| {
            if (1..=MOST_OF_A_LIMIT).contains(number) {
                return Ok(Some(*number));
            }
            Err(Fault::new(
                format!("{number} is not from 1 to {MOST_OF_A_LIMIT}"),
                "leave it out for no limit; to take a key back, remove its entry",
            ))
        })
    };
    let per_minute = limit(&raw.tokens_per_minute);
    let per_day = limit(&raw.tokens_per_day);
    let per_month = limit(&raw.tokens_per_month);
    let cost = limit(&raw.micro_dollars_per_month);
    let requests = limit(&raw.requests_per_minute);
    Some(KeyLimits {
        tokens_per_minute: per_minute?,
        tokens_per_day: per_day?,
        tokens_per_month: per_month?,
        cost_per_month: cost?.map(MicroDollars),
        requests_per_minute: requests?,
    })
}
