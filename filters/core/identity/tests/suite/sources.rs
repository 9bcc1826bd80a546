//! Headers, API keys, nobody: the order of the sources, and what becomes of credentials that none of them knows.

use std::rc::Rc;

use crate::common::{NOW, Signer, ask, claims, identity, jwt, key_claims, key_set, mint, said, virtual_keys};
use identity::{
    Anonymous, ApiKey, Caller, Denied, Fault, Identity, KeyDigest, KeyId, KeyLimits, ModelPatterns, Name,
    Settings, Source, SourceSettings, TrustedHeaders, UnknownCredentials,
};
use serde_json::json;

const KEY: &str = "my-own-key-0123456789";

fn header() -> SourceSettings {
    SourceSettings::Header(TrustedHeaders {
        user: "x-user-id".to_owned(),
        team: Some("x-team-id".to_owned()),
    })
}

fn api_keys() -> SourceSettings {
    let entry = |user: &str, key: &str| ApiKey {
        digest: KeyDigest::of(key.as_bytes()),
        caller: Rc::new(Caller {
            user: Name::new(user).ok(),
            team: None,
            key: Name::new("ci").ok().map(KeyId::new),
            models: ModelPatterns::of(["gpt-4*".to_owned()]),
            limits: KeyLimits { requests_per_minute: Some(5), ..KeyLimits::NONE },
            how: Source::ApiKey,
        }),
    };
    SourceSettings::ApiKeys(vec![entry("first", "another"), entry("bob", KEY), entry("last", "third")])
}

fn with(
    sources: Vec<SourceSettings>,
    anonymous: Anonymous,
    unknown_credentials: UnknownCredentials,
) -> Identity {
    Identity::new(Settings { sources, anonymous, unknown_credentials })
}

#[test]
fn a_trusted_header_names_the_caller() {
    let long = "x".repeat(257);
    for (headers, expected) in [
        (&[("x-user-id", "alice".as_bytes())][..], "alice"),
        (&[("x-user-id", "模型".as_bytes())], "模型"),
        (&[("x-user-id", "auth0|a b".as_bytes())], "auth0|a b"),
        (&[("x-user-id", b"".as_slice())], "! bad_header"),
        (&[("x-user-id", b"\xff\xfe".as_slice())], "! bad_header"),
        (&[("x-user-id", b"a\tb".as_slice())], "! bad_header"),
        (&[("x-user-id", b" a".as_slice())], "! bad_header"),
        (&[("x-user-id", long.as_bytes())], "! bad_header"),
        (&[("x-user-id", &long.as_bytes()[..256])], &long[..256]),
        (&[("x-user-id", b"a".as_slice()), ("x-user-id", b"a")], "! bad_header"),
        (&[("x-user-id", b"mallory, alice".as_slice())], "! bad_header"),
        (&[("x-user-id", b"a".as_slice()), ("x-team-id", b"t"), ("x-team-id", b"u")], "! bad_header"),
        (&[("x-user-id", b"a".as_slice()), ("x-team-id", b"\0")], "! bad_header"),
        (&[("x-team-id", b"t".as_slice())], "-"),
        (&[("x-user", b"a".as_slice())], "-"),
        (&[], "-"),
    ] {
        assert_eq!(said(&ask(&identity(vec![header()]), headers, NOW)), expected, "{headers:?}");
    }
    let caller =
        ask(&identity(vec![header()]), &[("x-user-id", b"a"), ("x-team-id", b"t")], NOW).expect("good");
    assert_eq!((caller.how, caller.team.as_ref().map(Name::as_str)), (Source::Header, Some("t")));
}

#[test]
fn a_key_is_found_in_every_header_that_an_sdk_uses() {
    let identity = identity(vec![api_keys()]);
    for (name, value) in [
        ("authorization", format!("Bearer {KEY}")),
        ("authorization", format!("bearer  {KEY} ")),
        ("authorization", format!("BEARER {KEY}")),
        ("x-api-key", KEY.to_owned()),
        ("x-api-key", format!(" {KEY}\t")),
        ("api-key", KEY.to_owned()),
    ] {
        let caller = ask(&identity, &[(name, value.as_bytes())], NOW).expect(name);
        assert_eq!(said(&Ok(Rc::clone(&caller))), "bob");
        assert_eq!(caller.key.as_ref().map(KeyId::as_str), Some("ci"));
        assert_eq!(caller.limits.requests_per_minute, Some(5));
        assert!(caller.may_use("gpt-4o") && caller.may_use("gpt-4") && !caller.may_use("o3"));
    }
}

#[test]
fn credentials_that_are_not_known_or_not_one_are_refused() {
    let bearer = format!("Bearer {KEY}");
    for (headers, expected) in [
        (&[("x-api-key", KEY.as_bytes()), ("authorization", bearer.as_bytes())][..], "bob"),
        (&[("x-api-key", KEY.as_bytes()), ("x-api-key", KEY.as_bytes())], "bob"),
        (&[("x-api-key", KEY.as_bytes()), ("api-key", b"another")], "! ambiguous_credential"),
        (&[("x-api-key", KEY.as_bytes()), ("authorization", b"Basic YTpi")], "! ambiguous_credential"),
        (&[("x-api-key", KEY.as_bytes()), ("authorization", b"Bearer ")], "bob"),
        (&[("authorization", KEY.as_bytes())], "! unknown_credential"),
        (&[("authorization", b"Basic YTpi")], "! unknown_credential"),
        (&[("authorization", b"Bearer \xff")], "! unknown_credential"),
        (&[("authorization", b"Bearer sk-proj-of-the-client")], "! unknown_credential"),
        (&[("x-api-key", b"sk-ai-x.y.z")], "! unknown_credential"),
        (&[("x-api-key", b"my-own-key-012345678")], "! unknown_credential"),
        (&[("authorization", b"Bearer")], "-"),
        (&[("authorization", b"")], "-"),
        (&[("x-api-key", b"")], "-"),
        (&[], "-"),
    ] {
        assert_eq!(said(&ask(&identity(vec![api_keys()]), headers, NOW)), expected, "{headers:?}");
    }
}

/// Who shows nothing, who shows something of their own, and who shows something that two headers contradict, under every rule.
#[test]
fn what_becomes_of_strangers() {
    use Anonymous::{Allowed, Refused};
    use UnknownCredentials as Unknown;
    let own: &[(&str, &[u8])] = &[("authorization", b"Bearer sk-of-the-client")];
    for (sources, anonymous, unknown, nothing, something) in [
        (vec![], Allowed, Unknown::Refused, "-", "-"),
        (vec![], Refused, Unknown::Refused, "! no_credential", "! no_credential"),
        (vec![header()], Allowed, Unknown::Refused, "-", "-"),
        (vec![header()], Refused, Unknown::Refused, "! no_credential", "! no_credential"),
        (vec![api_keys()], Allowed, Unknown::Refused, "-", "! unknown_credential"),
        (vec![api_keys()], Refused, Unknown::Refused, "! no_credential", "! unknown_credential"),
        (vec![api_keys()], Allowed, Unknown::Ignored, "-", "-"),
        (vec![api_keys()], Refused, Unknown::Ignored, "! no_credential", "! no_credential"),
        (vec![header(), api_keys()], Allowed, Unknown::Refused, "-", "! unknown_credential"),
    ] {
        let case = format!("{sources:?} {anonymous:?} {unknown:?}");
        let identity = with(sources, anonymous, unknown);
        assert_eq!(said(&ask(&identity, &[], NOW)), nothing, "{case}");
        assert_eq!(said(&ask(&identity, own, NOW)), something, "{case}");
    }
    assert_eq!(said(&ask(&Identity::default(), own, NOW)), "-");
}

#[test]
fn the_first_source_that_finds_something_decides() {
    let signer = Signer::ed(1);
    let sources = || {
        vec![
            header(),
            api_keys(),
            SourceSettings::VirtualKeys(virtual_keys(&signer)),
            SourceSettings::Jwt(jwt(key_set([("k", signer.public())]), None)),
        ]
    };
    let token = signer.token(&claims(&json!({"sub": "of-the-token"})));
    let virtual_key = mint(&signer, &key_claims());
    let user: (&str, &[u8]) = ("x-user-id", b"of-the-header");
    let forward = identity(sources());
    let backward = identity(sources().into_iter().rev().collect());
    for (headers, first, last) in [
        (vec![user, ("x-api-key", token.as_bytes())], "of-the-header", "of-the-token"),
        (vec![user, ("x-api-key", virtual_key.as_bytes())], "of-the-header", "alice"),
        (vec![user, ("x-api-key", b"unknown".as_slice())], "of-the-header", "of-the-header"),
        (vec![user, ("x-api-key", b"sk-ai-bad".as_slice())], "of-the-header", "! malformed"),
        (vec![user, ("x-api-key", b"ey.bad.token".as_slice())], "of-the-header", "! malformed"),
        (
            vec![("x-user-id", b"".as_slice()), ("x-api-key", token.as_bytes())],
            "! bad_header",
            "of-the-token",
        ),
        (vec![("x-api-key", virtual_key.as_bytes())], "alice", "alice"),
    ] {
        assert_eq!(said(&ask(&forward, &headers, NOW)), first, "{headers:?}");
        assert_eq!(said(&ask(&backward, &headers, NOW)), last, "{headers:?}");
    }
}

#[test]
fn what_is_not_trusted_is_to_be_removed() {
    let names = |identity: &Identity| identity.untrusted_headers().collect::<Vec<_>>();
    assert_eq!(names(&Identity::default()), ["x-user-id", "x-team-id"]);
    assert_eq!(names(&identity(vec![header()])), [""; 0]);
    let other = TrustedHeaders { user: "x-auth-user".to_owned(), team: None };
    assert_eq!(names(&identity(vec![SourceSettings::Header(other)])), ["x-user-id", "x-team-id"]);
    let user = TrustedHeaders { user: TrustedHeaders::USER.to_owned(), team: None };
    assert_eq!(names(&identity(vec![SourceSettings::Header(user)])), ["x-team-id"]);
}

#[test]
fn patterns_are_exact_names_and_prefixes() {
    let patterns = ModelPatterns::of(["gpt-4".to_owned(), "claude-*".to_owned()]);
    for (model, expected) in [
        ("gpt-4", true),
        ("gpt-4o", false),
        ("claude-", true),
        ("claude-3", true),
        ("claude", false),
        ("", false),
    ] {
        assert_eq!(patterns.matches(model), expected, "{model}");
    }
    assert!(ModelPatterns::any().matches("") && ModelPatterns::of(["*".to_owned()]).matches("x"));
    assert!(!ModelPatterns::of([]).matches("gpt-4"));
}

#[test]
fn a_hash_is_read_as_it_is_written() {
    // FIPS 180-2, appendix B.1.
    let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(KeyDigest::of(b"abc").to_hex(), hex);
    assert_eq!(KeyDigest::from_hex(hex), Some(KeyDigest::of(b"abc")));
    assert_eq!(KeyDigest::from_hex(&hex.to_uppercase()), Some(KeyDigest::of(b"abc")));
    for bad in ["", &hex[1..], &format!("+{}", &hex[1..]), &format!("é{}", &hex[2..]), &format!("{hex}0")] {
        assert_eq!(KeyDigest::from_hex(bad), None, "{bad}");
    }
}

#[test]
fn every_refusal_says_whose_fault_it_is() {
    for denied in Denied::ALL {
        let (status, retry) = if denied.fault() == Fault::Gateway { (503, Some(1)) } else { (401, None) };
        assert_eq!((denied.status(), denied.retry_after()), (status, retry), "{denied:?}");
        assert_eq!(denied.to_string(), denied.message());
    }
}
