//! Virtual keys: minted, verified, limited, expired, revoked, rotated.

use crate::common::{NOW, Signer, ask, bearer, identity, key_claims, key_set, mint, said, virtual_keys};
use identity::{
    Denied, Identity, KeyId, KeyLimits, MicroDollars, Name, PREFIX, RevokedBefore, Source, SourceSettings,
    Unreadable, VirtualKeyClaims, VirtualKeys, read_claims,
};
use serde_json::{Value, json};

fn of(keys: VirtualKeys) -> Identity {
    identity(vec![SourceSettings::VirtualKeys(keys)])
}

#[test]
fn a_minted_key_says_what_was_minted() {
    let signer = Signer::ed(9);
    let key = mint(&signer, &key_claims());
    assert!(key.starts_with("sk-ai-eyJ"), "{key}");
    for name in ["x-api-key", "api-key"] {
        let caller = ask(&of(virtual_keys(&signer)), &[(name, key.as_bytes())], NOW).expect("good");
        assert_eq!(caller.user.as_ref().map(Name::as_str), Some("alice"));
        assert_eq!(caller.team.as_ref().map(Name::as_str), Some("search"));
        assert_eq!(caller.key.as_ref().map(KeyId::as_str), Some("key-1"));
        assert_eq!(caller.how, Source::VirtualKey);
        let limits = KeyLimits {
            tokens_per_minute: Some(10_000),
            cost_per_month: Some(MicroDollars(25_000_000)),
            ..KeyLimits::NONE
        };
        assert_eq!(caller.limits, limits);
        assert!(caller.may_use("gpt-4o") && caller.may_use("o3") && !caller.may_use("o3-mini"));
    }
    assert_eq!(read_claims(&key), Ok((key_claims(), Some("v".to_owned()))));
}

#[test]
fn a_key_that_says_nothing_of_models_is_for_all() {
    let signer = Signer::ed(9);
    let claims = VirtualKeyClaims { models: None, limits: Default::default(), team: None, ..key_claims() };
    let caller = bearer(&of(virtual_keys(&signer)), &mint(&signer, &claims), NOW).expect("good");
    assert!(caller.may_use("anything") && caller.limits == KeyLimits::NONE && caller.team.is_none());
    let claims = VirtualKeyClaims { models: Some(Vec::new()), ..claims };
    let caller = bearer(&of(virtual_keys(&signer)), &mint(&signer, &claims), NOW).expect("good");
    assert!(!caller.may_use("anything"), "an empty list is no model");
}

#[test]
fn claims_decide() {
    let good = key_claims;
    for (claims, expected) in [
        (good(), "alice"),
        (VirtualKeyClaims { iss: "ai-filter".to_owned(), ..good() }, "! issuer"),
        (VirtualKeyClaims { v: 2, ..good() }, "! malformed"),
        (VirtualKeyClaims { exp: NOW.0 - 1, ..good() }, "alice"),
        (VirtualKeyClaims { iat: 0, exp: NOW.0 - 60, ..good() }, "! expired"),
        (VirtualKeyClaims { iat: NOW.0 + 60, ..good() }, "alice"),
        (VirtualKeyClaims { iat: NOW.0 + 61, ..good() }, "! not_yet_valid"),
        (VirtualKeyClaims { jti: "key-0".to_owned(), ..good() }, "! revoked"),
    ] {
        let signer = Signer::ed(9);
        assert_eq!(
            said(&bearer(&of(virtual_keys(&signer)), &mint(&signer, &claims), NOW)),
            expected,
            "{claims:?}"
        );
    }
}

#[test]
fn what_could_not_be_verified_is_not_minted() {
    let good = key_claims;
    for claims in [
        VirtualKeyClaims { sub: String::new(), ..good() },
        VirtualKeyClaims { jti: "a\nb".to_owned(), ..good() },
        VirtualKeyClaims { team: Some(" ".to_owned()), ..good() },
        VirtualKeyClaims { exp: good().iat, ..good() },
    ] {
        assert!(claims.unsigned("v").is_none(), "{claims:?}");
    }
    assert!(good().unsigned(&"x".repeat(257)).is_none());
}

#[test]
fn a_claim_that_is_not_known_may_be_a_limit_and_is_refused() {
    let signer = Signer::ed(9);
    let header = json!({"alg": "EdDSA", "typ": "ai-key+jwt", "kid": "v"});
    let claims = serde_json::to_value(key_claims()).expect("claims");
    let with = |header: &Value, path: &str, value: Value| {
        let mut claims = claims.clone();
        if let Some((outer, inner)) = path.split_once('.') {
            claims[outer][inner] = value;
        } else {
            claims[path] = value;
        }
        let token = signer.raw(header.to_string().as_bytes(), claims.to_string().as_bytes());
        said(&bearer(&of(virtual_keys(&signer)), &format!("{PREFIX}{token}"), NOW))
    };
    assert_eq!(with(&header, "v", json!(1)), "alice");
    for (path, value) in [
        ("cost", json!(1)),
        ("limits.tokens_per_hour", json!(1)),
        ("limits.tokens_per_day", json!(-1)),
        ("limits.tokens_per_day", json!(1.5)),
        ("models", json!("gpt-4")),
        ("sub", json!("")),
        ("exp", json!(null)),
    ] {
        assert_eq!(with(&header, path, value), "! malformed", "{path}");
    }
    for (name, value, expected) in [
        ("typ", json!("JWT"), "! malformed"),
        ("typ", Value::Null, "! malformed"),
        ("kid", json!("w"), "! unknown_key"),
        ("alg", json!("HS256"), "! algorithm"),
        ("alg", json!("none"), "! algorithm"),
        ("crit", json!(["x"]), "! malformed"),
    ] {
        let mut header = header.clone();
        header[name] = value;
        assert_eq!(with(&header, "v", json!(1)), expected, "{name}");
    }
}

#[test]
fn keys_of_a_user_are_taken_back_by_their_age() {
    let signer = Signer::ed(9);
    let key = mint(&signer, &key_claims());
    let issued = key_claims().iat;
    for (user, before, expected) in [
        (Some("alice"), issued + 1, "! revoked"),
        (Some("alice"), issued, "alice"),
        (Some("bob"), issued + 1, "alice"),
        (None, issued + 1, "! revoked"),
    ] {
        let rule = RevokedBefore {
            user: user.and_then(|user| Name::new(user).ok()),
            before: identity::UnixSeconds(before),
        };
        let keys = VirtualKeys { revoked_before: vec![rule], ..virtual_keys(&signer) };
        assert_eq!(said(&bearer(&of(keys), &key, NOW)), expected, "{user:?} {before}");
    }
}

#[test]
fn one_key_replaces_another_while_both_are_known() {
    let (old, new) = (Signer::ed(9), Signer::ed(10));
    let claims = key_claims();
    let minted = |signer: &Signer, id: &str| {
        let unsigned = claims.unsigned(id).expect("good");
        unsigned.signed(&signer.sign(unsigned.message()).try_into().expect("64 bytes"))
    };
    let (first, second) = (minted(&old, "v"), minted(&new, "w"));
    let both = key_set([("v", old.public()), ("w", new.public())]);
    let both = of(VirtualKeys { keys: both, ..virtual_keys(&old) });
    let only_new = of(VirtualKeys { keys: key_set([("w", new.public())]), ..virtual_keys(&old) });
    for (identity, key, expected) in [
        (&both, &first, "alice"),
        (&both, &second, "alice"),
        (&only_new, &first, "! unknown_key"),
        (&only_new, &second, "alice"),
    ] {
        assert_eq!(said(&bearer(identity, key, NOW)), expected);
    }
    // The right name with the wrong signature.
    assert_eq!(said(&bearer(&both, &minted(&new, "v"), NOW)), "! signature");
}

#[test]
fn what_is_no_key_is_not_read() {
    let signer = Signer::ed(9);
    let other = signer.raw(br#"{"alg":"EdDSA"}"#, b"[]");
    for (text, expected) in [
        ("sk-proj-1", Unreadable::Form),
        ("sk-ai-", Unreadable::Form),
        (&format!("{PREFIX}{other}"), Unreadable::Claims),
        (&format!("{PREFIX}{}", "a".repeat(8193)), Unreadable::TooLong),
    ] {
        assert_eq!(read_claims(text).err(), Some(expected), "{text}");
    }
    assert_eq!(bearer(&of(virtual_keys(&signer)), "sk-ai-", NOW), Err(Denied::Malformed));
}
