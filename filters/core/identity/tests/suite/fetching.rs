//! When key sets are fetched, and what tokens get before, between and after.

use crate::common::{NOW, Signer, b64, bearer, claims, identity, jwt, key_set, said};
use identity::{Denied, FetchFailure, FetchFrom, Identity, KeySet, KeySetError, SourceSettings, UnixSeconds};
use serde_json::{Value, json};

fn from() -> FetchFrom {
    FetchFrom {
        cluster: "idp".to_owned(),
        authority: "idp.example".to_owned(),
        path: "/jwks".to_owned(),
        timeout_ms: 5000,
        interval: 600,
    }
}

fn fetching() -> Identity {
    identity(vec![SourceSettings::Jwt(jwt(KeySet::default(), Some(from())))])
}

/// The set of those Ed25519 keys, by name.
fn set(keys: &[(&str, u8)]) -> Vec<u8> {
    let keys: Vec<Value> = keys
        .iter()
        .map(|(id, seed)| {
            let public = ed25519_dalek::SigningKey::from_bytes(&[*seed; 32]).verifying_key().to_bytes();
            json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": b64(&public)})
        })
        .collect();
    json!({"keys": keys}).to_string().into_bytes()
}

fn token(id: &str, seed: u8) -> String {
    let header = json!({"alg": "EdDSA", "kid": id});
    Signer::ed(seed)
        .raw(header.to_string().as_bytes(), claims(&json!({"exp": NOW.0 + 100_000})).to_string().as_bytes())
}

/// Seconds after [`NOW`].
fn at(seconds: u64) -> UnixSeconds {
    NOW.after(seconds)
}

#[test]
fn before_the_first_fetch_a_token_has_to_wait() {
    let identity = fetching();
    assert!(identity.fetches());
    assert_eq!(bearer(&identity, &token("a", 1), NOW), Err(Denied::KeysNotReady));
    assert_eq!(identity.begin_fetch(NOW), Some(&from()));
    assert_eq!(bearer(&identity, &token("a", 1), NOW), Err(Denied::KeysNotReady));
    assert_eq!(identity.fetched(at(1), Ok(&set(&[("a", 1)]))), Ok(()));
    assert_eq!(said(&bearer(&identity, &token("a", 1), at(1))), "alice");
    // What needs no key does not wait.
    assert_eq!(said(&bearer(&fetching(), "not-a-token", NOW)), "! unknown_credential");
}

#[test]
fn keys_of_the_configuration_serve_before_any_fetch() {
    let fixed = key_set([("k", Signer::ed(7).public())]);
    let identity = identity(vec![SourceSettings::Jwt(jwt(fixed, Some(from())))]);
    assert_eq!(said(&bearer(&identity, &token("k", 7), NOW)), "alice");
    assert_eq!(bearer(&identity, &token("a", 1), NOW), Err(Denied::KeysNotReady));
}

#[test]
fn a_set_is_fetched_again_after_its_interval_and_not_before() {
    let identity = fetching();
    assert!(identity.begin_fetch(NOW).is_some());
    assert!(identity.begin_fetch(at(1)).is_none(), "one is running");
    assert_eq!(identity.fetched(at(2), Ok(&set(&[("a", 1)]))), Ok(()));
    assert!(identity.begin_fetch(at(601)).is_none());
    assert!(identity.begin_fetch(at(602)).is_some());
}

#[test]
fn failures_are_followed_by_pauses_that_double_up_to_a_minute() {
    let identity = fetching();
    let mut now = NOW;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert!(identity.begin_fetch(now).is_some());
        assert_eq!(identity.fetched(now, Err(FetchFailure::NoAnswer)), Err(FetchFailure::NoAnswer));
        let pause = (1..1000).find(|pause| {
            // `begin_fetch` begins: ask a copy.
            identity.clone().begin_fetch(now.after(*pause)).is_some()
        });
        let pause = pause.expect("another try");
        pauses.push(pause);
        now = now.after(pause);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert!(identity.begin_fetch(now).is_some());
    assert_eq!(identity.fetched(now, Ok(&set(&[("a", 1)]))), Ok(()));
    assert!(identity.begin_fetch(now.after(599)).is_none(), "a success forgets the failures");
}

#[test]
fn a_bad_answer_keeps_the_keys_that_are_there() {
    let identity = fetching();
    assert!(identity.begin_fetch(NOW).is_some());
    assert_eq!(identity.fetched(NOW, Ok(&set(&[("a", 1)]))), Ok(()));
    let mut now = at(600);
    for (answer, failure) in [
        (Ok(b"<html>".as_slice()), FetchFailure::KeySet(KeySetError::Shape)),
        (Ok(br#"{"keys": []}"#.as_slice()), FetchFailure::KeySet(KeySetError::Empty)),
        (
            Ok(br#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#.as_slice()),
            FetchFailure::KeySet(KeySetError::Empty),
        ),
        (Err(FetchFailure::Status(500)), FetchFailure::Status(500)),
        (Err(FetchFailure::NotSent), FetchFailure::NotSent),
    ] {
        assert!(identity.begin_fetch(now).is_some());
        assert_eq!(identity.fetched(now, answer), Err(failure));
        assert_eq!(said(&bearer(&identity, &token("a", 1), now)), "alice");
        now = now.after(60);
    }
}

#[test]
fn a_new_set_takes_the_old_keys_away_and_what_they_verified() {
    let identity = fetching();
    assert!(identity.begin_fetch(NOW).is_some());
    assert_eq!(identity.fetched(NOW, Ok(&set(&[("a", 1)]))), Ok(()));
    assert_eq!(said(&bearer(&identity, &token("a", 1), at(1))), "alice");
    assert!(identity.begin_fetch(at(600)).is_some());
    assert_eq!(identity.fetched(at(600), Ok(&set(&[("b", 2)]))), Ok(()));
    assert_eq!(said(&bearer(&identity, &token("a", 1), at(600))), "! unknown_key");
    assert_eq!(said(&bearer(&identity, &token("b", 2), at(600))), "alice");
}

#[test]
fn an_unknown_key_asks_for_a_fetch_but_not_often() {
    let identity = fetching();
    assert!(identity.begin_fetch(NOW).is_some());
    assert_eq!(identity.fetched(NOW, Ok(&set(&[("a", 1)]))), Ok(()));
    assert_eq!(said(&bearer(&identity, &token("b", 2), at(5))), "! unknown_key");
    assert!(identity.begin_fetch(at(29)).is_none(), "too soon after the last one");
    assert!(identity.begin_fetch(at(30)).is_some());
    assert_eq!(identity.fetched(at(30), Ok(&set(&[("a", 1), ("b", 2)]))), Ok(()));
    assert_eq!(said(&bearer(&identity, &token("b", 2), at(31))), "alice");
    assert!(identity.begin_fetch(at(70)).is_none(), "nobody asked again");
    // Somebody who makes up names gets one fetch in thirty seconds, and none while fetches fail.
    let begun = (31..331).filter(|second| {
        let _ = bearer(&identity, &token(&format!("made-up-{second}"), 3), at(*second));
        let begins = identity.begin_fetch(at(*second)).is_some();
        if begins {
            assert_eq!(identity.fetched(at(*second), Ok(&set(&[("a", 1)]))), Ok(()));
        }
        begins
    });
    assert_eq!(begun.count(), 10);
    // A wrong signature, or another algorithm under a known name, asks for nothing.
    assert_eq!(said(&bearer(&identity, &token("a", 3), at(340))), "! signature");
    let identity = fetching();
    assert!(identity.begin_fetch(NOW).is_some());
    assert_eq!(identity.fetched(NOW, Ok(&set(&[("a", 1)]))), Ok(()));
    assert_eq!(said(&bearer(&identity, &token("a", 3), at(40))), "! signature");
    assert!(identity.begin_fetch(at(40)).is_none());
}

#[test]
fn a_fetch_that_never_ends_is_given_up() {
    let identity = fetching();
    assert!(identity.begin_fetch(NOW).is_some());
    assert!(identity.begin_fetch(at(9)).is_none());
    assert!(identity.begin_fetch(at(10)).is_some());
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_the_fetches() {
    let identity = fetching();
    assert!(identity.begin_fetch(NOW).is_some());
    assert_eq!(identity.fetched(NOW, Ok(&set(&[("a", 1)]))), Ok(()));
    let earlier = NOW.before(1_000_000);
    assert!(identity.begin_fetch(earlier).is_some());
    assert_eq!(identity.fetched(earlier, Ok(&set(&[("a", 1)]))), Ok(()));
    assert!(identity.begin_fetch(earlier.after(1)).is_none());
    assert!(identity.begin_fetch(earlier.after(600)).is_some());
}

#[test]
fn who_fetches_nothing_is_never_due() {
    let identity = crate::common::of_jwt(&Signer::ed(1));
    assert!(!identity.fetches() && identity.begin_fetch(NOW).is_none());
    assert_eq!(identity.fetched(NOW, Ok(b"anything")), Ok(()));
    assert!(!Identity::default().fetches());
}
