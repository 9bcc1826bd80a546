//! Virtual keys of the configuration: who may sign them, and which were taken back.

use std::collections::BTreeSet;

use identity::{KeySet, NamedKey, RevokedBefore, UnixSeconds, VerificationKey, VirtualKeys};

use super::{bounded, not_empty, person};
use crate::check::provider::each;
use crate::check::text;
use crate::place::{At, Field};
use crate::problem::{Fault, Findings, quoted};
use crate::raw::identity::{
    DEFAULT_ISSUER, DEFAULT_LEEWAY, MOST_LEEWAY, RawPublicKey, RawRevokedBefore, RawVirtualKeys,
};
use crate::read::List;

pub(super) fn virtual_keys(raw: &RawVirtualKeys, findings: &mut Findings) -> Option<VirtualKeys> {
    let keys = raw.public_keys.given().and_then(|list| {
        not_empty(list, "`ai-filters keys generate` makes one", findings);
        public_keys(&list.value, findings)
    });
    let issuer = raw.issuer.check_or(DEFAULT_ISSUER.to_owned(), findings, |issuer| text::name(issuer));
    let revoked = match &raw.revoked {
        Field::Missing => Some(Vec::new()),
        Field::Wrong => None,
        Field::Given(list) => each(&list.value, findings, |id| person(id).map(|id| id.as_str().to_owned())),
    };
    let revoked_before = match &raw.revoked_before {
        Field::Missing => Some(Vec::new()),
        Field::Wrong => None,
        Field::Given(list) => self::revoked_before(&list.value, findings),
    };
    let leeway = bounded(&raw.leeway_seconds, DEFAULT_LEEWAY, 0..=MOST_LEEWAY, findings);
    Some(VirtualKeys {
        issuer: issuer?,
        keys: keys?,
        revoked: revoked?.into_iter().collect::<BTreeSet<_>>(),
        revoked_before: revoked_before?,
        leeway: leeway?,
    })
}

fn public_keys(list: &List<RawPublicKey>, findings: &mut Findings) -> Option<KeySet> {
    let mut set = KeySet::default();
    let mut complete = list.complete;
    for At { value: raw, .. } in &list.items {
        let id = raw.kid.check(findings, |id| person(id));
        let key = raw.x.check(findings, |x| {
            VerificationKey::ed25519_from_base64url(x).map_err(|problem| {
                Fault::new(
                    problem.to_string(),
                    "write the line that `ai-filters keys generate` printed: 32 bytes in unpadded base64url",
                )
            })
        });
        let (Some(id), Some(key)) = (id, key) else {
            complete = false;
            continue;
        };
        let named = NamedKey { id: Some(id.as_str().to_owned()), key };
        if let (Err(_), Field::Given(at)) = (set.add(named), &raw.kid) {
            let message = format!("{} is the name of an earlier key", quoted(id.as_str()));
            findings.report(&at.place, Fault::new(message, "a new key gets a new name"));
            complete = false;
        }
    }
    complete.then_some(set)
}

fn revoked_before(list: &List<RawRevokedBefore>, findings: &mut Findings) -> Option<Vec<RevokedBefore>> {
    let rules: Vec<_> = list
        .items
        .iter()
        .filter_map(|At { value: raw, .. }| {
            let user = raw.user.check_or(None, findings, |user| person(user).map(Some));
            let before = raw.before.check(findings, |seconds| Ok(UnixSeconds(*seconds)));
            Some(RevokedBefore { user: user?, before: before? })
        })
        .collect();
    (list.complete && rules.len() == list.items.len()).then_some(rules)
}
