//! What holds for any input: nothing panics, and nothing is accepted but what was signed.

use crate::common::{
    AUDIENCE, ISSUER, NOW, Signer, ask, bearer, claims, identity, jwt, key_claims, key_set, mint, said,
    virtual_keys,
};
use identity::{Denied, Identity, KeySet, SourceSettings, TrustedHeaders, UnixSeconds, read_claims};
use proptest::prelude::*;
use serde_json::json;

/// Everything at once.
fn everything() -> Identity {
    let header = TrustedHeaders { user: "x-user-id".to_owned(), team: Some("x-team-id".to_owned()) };
    identity(vec![
        SourceSettings::Header(header),
        SourceSettings::VirtualKeys(virtual_keys(&Signer::ed(9))),
        SourceSettings::Jwt(jwt(
            key_set([("k", Signer::ed(1).public()), ("h", Signer::Hmac(vec![3; 40]).public())]),
            None,
        )),
    ])
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["x-user-id", "x-team-id", "authorization", "x-api-key", "api-key"])
}

/// Something like a token: three parts, some of them JSON.
fn tokenish() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        any::<Vec<u8>>().prop_map(|bytes| crate::common::b64(&bytes)),
        r#"\{"alg":"(EdDSA|none|HS256)"(,"(kid|crit|typ)":("k"|null|\["b64"\]|1))?\}"#
            .prop_map(|text| crate::common::b64(text.as_bytes())),
        "[A-Za-z0-9_=.-]{0,40}",
    ];
    (prop::bool::ANY, part.clone(), part.clone(), part).prop_map(|(ours, header, payload, signature)| {
        format!("{}{header}.{payload}.{signature}", if ours { "sk-ai-" } else { "" })
    })
}

proptest! {
    #[test]
    fn any_headers_are_somebodys_or_refused(headers in prop::collection::vec((name(), any::<Vec<u8>>()), 0..6), now in any::<u64>()) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        if let Ok(caller) = ask(&everything(), &headers, UnixSeconds(now)) {
            // Nobody but a trusted header's user and the anonymous caller can come out of noise.
            prop_assert!(caller.key.is_none());
        }
    }

    #[test]
    fn anything_like_a_token_is_refused(token in tokenish(), now in any::<u64>()) {
        prop_assert!(bearer(&everything(), &token, UnixSeconds(now)).is_err(), "{token}");
        let _ = read_claims(&token);
    }

    #[test]
    fn any_bytes_are_a_key_set_or_none(bytes in any::<Vec<u8>>()) {
        let _ = KeySet::read(&bytes);
    }

    #[test]
    fn a_token_is_accepted_exactly_under_its_key_issuer_audience_and_time(
        key in 0_u8..3, held in 0_u8..3, issuer in prop::sample::select(vec![ISSUER, "x"]),
        audience in prop::sample::select(vec![AUDIENCE, "x"]), from in 0_u64..400, length in 0_u64..400, now in 0_u64..1000,
    ) {
        let (signer, holder) = (Signer::ed(key), Signer::ed(held));
        let begin = NOW.0 + from;
        let token = signer.token(&claims(&json!({"iss": issuer, "aud": audience, "iat": null, "nbf": begin, "exp": begin + length})));
        let found = bearer(&crate::common::of_jwt(&holder), &token, NOW.after(now));
        let valid = key == held && issuer == ISSUER && audience == AUDIENCE
            && from <= now + 60 && now < from + length + 60;
        prop_assert_eq!(found.is_ok(), valid, "{}", said(&found));
    }

    #[test]
    fn a_token_with_one_character_changed_is_refused(at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_.-]", ours in any::<bool>()) {
        let (signer, identity) = (Signer::ed(1), everything());
        let good = if ours { mint(&Signer::ed(9), &key_claims()) } else { signer.token(&claims(&json!({}))) };
        prop_assert!(bearer(&identity, &good, NOW).is_ok());
        let at = at.index(good.len());
        let changed = format!("{}{with}{}", &good[..at], &good[at + 1..]);
        prop_assume!(changed != good);
        prop_assert!(bearer(&identity, &changed, NOW).is_err(), "{changed}");
    }

    #[test]
    fn a_cut_token_is_refused(cut in any::<prop::sample::Index>()) {
        let identity = everything();
        let good = mint(&Signer::ed(9), &key_claims());
        let cut = &good[..cut.index(good.len())];
        let found = bearer(&identity, cut, NOW);
        // Of a bearer nothing is left where all of it was cut off.
        prop_assert!(if cut.is_empty() { found.is_ok() } else { found.is_err() }, "{cut}");
    }

    #[test]
    fn every_refusal_of_a_bad_token_says_the_same(token in tokenish()) {
        if let Err(denied) = bearer(&everything(), &token, NOW) {
            prop_assert_eq!((denied.status(), denied.message()), (401, Denied::Signature.message()));
        }
    }
}
