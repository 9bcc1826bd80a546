//! Tokens of an identity provider: what is accepted, and every way to be refused.

use crate::common::{
    ISSUER, NOW, SECRET, Signer, b64, bearer, claims, identity, jwt, key_set, of_jwt, said, unb64,
};
use identity::{Denied, Identity, Jwt, SourceSettings, UnixSeconds, VerificationKey};
use serde_json::{Value, json};

#[test]
fn a_token_of_every_algorithm_is_accepted_under_its_own_key_and_no_other() {
    let signers = Signer::all();
    for (number, signer) in signers.iter().enumerate() {
        let token = signer.token(&claims(&json!({"org": {"team": "search"}})));
        for (other, holder) in signers.iter().enumerate() {
            let found = bearer(&of_jwt(holder), &token, NOW);
            if number == other {
                let caller = found.expect("its own key");
                assert_eq!(caller.team.as_ref().map(|team| team.as_str()), Some("search"));
                assert!(caller.may_use("anything"));
            } else {
                assert_eq!(found, Err(Denied::Algorithm), "{} {}", signer.algorithm(), holder.algorithm());
            }
        }
    }
}

#[test]
fn another_key_of_the_same_algorithm_does_not_verify() {
    for (one, other) in [
        (Signer::ec(1), Signer::ec(2)),
        (Signer::ed(1), Signer::ed(2)),
        (Signer::Hmac(SECRET.to_vec()), Signer::Hmac(vec![7; 32])),
    ] {
        assert_eq!(bearer(&of_jwt(&other), &one.token(&claims(&json!({}))), NOW), Err(Denied::Signature));
    }
}

/// The attack of RFC 8725, section 2.1: the public key, which everybody knows, as an HMAC secret.
#[test]
fn a_public_keys_bytes_are_no_secret() {
    let rsa = of_jwt(&Signer::rsa());
    let modulus = unb64(crate::vectors::RSA_N);
    let ed = of_jwt(&Signer::ed(1));
    let point = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes().to_vec();
    for (identity, public) in [(&rsa, modulus), (&ed, point)] {
        let forged = Signer::Hmac(public).token(&claims(&json!({})));
        assert_eq!(bearer(identity, &forged, NOW), Err(Denied::Algorithm));
    }
}

#[test]
fn claims_decide() {
    let end = NOW.0;
    for (changed, expected) in [
        (json!({}), "alice"),
        (json!({"iss": "https://other.example/"}), "alice"),
        (json!({"iss": "https://issuer.example"}), "! issuer"),
        (json!({"iss": null}), "! issuer"),
        (json!({"iss": [ISSUER]}), "! issuer"),
        (json!({"aud": ["x", "ai"]}), "alice"),
        (json!({"aud": ["x"]}), "! audience"),
        (json!({"aud": []}), "! audience"),
        (json!({"aud": "AI"}), "! audience"),
        (json!({"aud": {"ai": "ai"}}), "! audience"),
        (json!({"aud": null}), "! audience"),
        (json!({"exp": end - 59}), "alice"),
        (json!({"exp": end - 60}), "! expired"),
        (json!({"exp": end as f64 - 59.5}), "! expired"),
        (json!({"exp": end as f64 + 0.5}), "alice"),
        (json!({"exp": null}), "! malformed"),
        (json!({"exp": "tomorrow"}), "! malformed"),
        (json!({"exp": -1}), "! malformed"),
        (json!({"exp": 1e300}), "! malformed"),
        (json!({"exp": u64::MAX}), "alice"),
        (json!({"nbf": end + 60}), "alice"),
        (json!({"nbf": end + 61}), "! not_yet_valid"),
        (json!({"nbf": true}), "! malformed"),
        (json!({"iat": end + 61}), "! not_yet_valid"),
        (json!({"sub": null}), "! malformed"),
        (json!({"sub": ""}), "! malformed"),
        (json!({"sub": 7}), "! malformed"),
        (json!({"sub": "a\nb"}), "! malformed"),
        (json!({"sub": "x".repeat(257)}), "! malformed"),
        (json!({"org": {"team": ["search"]}}), "! malformed"),
        (json!({"org": "search"}), "alice"),
    ] {
        let signer = Signer::ed(1);
        let found = bearer(&of_jwt(&signer), &signer.token(&claims(&changed)), NOW);
        assert_eq!(said(&found), expected, "{changed}");
    }
}

#[test]
fn a_claim_with_a_dot_in_its_name_is_found_before_a_path() {
    let signer = Signer::ed(1);
    let identity = identity(vec![SourceSettings::Jwt(Jwt {
        team: identity::ClaimPath::new("https://a.example/team"),
        ..jwt(key_set([("k", signer.public())]), None)
    })]);
    let token = signer
        .token(&claims(&json!({"https://a.example/team": "one", "https://a": {"example/team": "two"}})));
    let caller = bearer(&identity, &token, NOW).expect("good");
    assert_eq!(caller.team.as_ref().map(|team| team.as_str()), Some("one"));
    let token = signer.token(&claims(&json!({"https://a": {"example/team": "two"}})));
    let caller = bearer(&identity, &token, NOW).expect("good");
    assert_eq!(caller.team.as_ref().map(|team| team.as_str()), Some("two"));
    for text in ["", "a..b", ".a", "a.", "a\u{7}", &"x".repeat(257)] {
        assert_eq!(identity::ClaimPath::new(text), None, "{text}");
    }
}

#[test]
fn headers_decide() {
    let signer = Signer::ed(1);
    for (header, expected) in [
        (json!({"alg": "EdDSA", "kid": "k"}), "alice"),
        (json!({"alg": "EdDSA"}), "alice"),
        (json!({"alg": "EdDSA", "kid": "other"}), "! unknown_key"),
        (
            json!({"alg": "EdDSA", "kid": "k", "jwk": {"kty": "OKP"}, "x5c": [], "jku": "https://evil.example"}),
            "alice",
        ),
        (json!({"alg": "none", "kid": "k"}), "! algorithm"),
        (json!({"alg": "None", "kid": "k"}), "! algorithm"),
        (json!({"alg": "eddsa", "kid": "k"}), "! algorithm"),
        (json!({"alg": "ES256", "kid": "k"}), "! algorithm"),
        (json!({"alg": "HS512", "kid": "k"}), "! algorithm"),
        (json!({"alg": 1, "kid": "k"}), "! malformed"),
        (json!({"kid": "k"}), "! malformed"),
        (json!({"alg": "EdDSA", "kid": 1}), "! malformed"),
        (json!({"alg": "EdDSA", "kid": "x".repeat(257)}), "! malformed"),
        (json!({"alg": "EdDSA", "kid": "k", "crit": ["exp"]}), "! malformed"),
        (json!({"alg": "EdDSA", "kid": "k", "crit": []}), "! malformed"),
        (json!({"alg": "EdDSA", "kid": "k", "crit": null}), "! malformed"),
        (json!({"alg": "EdDSA", "kid": "k", "crit": ["b64"], "b64": false}), "! malformed"),
    ] {
        let token = signer.raw(header.to_string().as_bytes(), claims(&json!({})).to_string().as_bytes());
        assert_eq!(said(&bearer(&of_jwt(&signer), &token, NOW)), expected, "{header}");
    }
    let twice = br#"{"alg": "EdDSA", "alg": "EdDSA", "kid": "k"}"#;
    let token = signer.raw(twice, claims(&json!({})).to_string().as_bytes());
    assert_eq!(said(&bearer(&of_jwt(&signer), &token, NOW)), "! malformed");
}

#[test]
fn a_token_has_one_form() {
    let signer = Signer::ed(1);
    let identity = of_jwt(&signer);
    let good = signer.token(&claims(&json!({})));
    let [header, payload, signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    for (token, expected) in [
        (format!("{header}.{payload}.{signature}"), "alice"),
        (format!("{header}.{payload}.{signature}="), "! malformed"),
        (format!("{header}=.{payload}.{signature}"), "! malformed"),
        (format!("{header}.{payload}."), "! signature"),
        (format!("{header}..{signature}"), "! signature"),
        (format!("{header}.{payload}.{}", b64(&[1; 64])), "! signature"),
        (format!("{header}.{payload}.{signature}AA"), "! signature"),
        (format!("{header}.{payload}+.{signature}"), "! malformed"),
        (format!("{header}.{payload}"), "! unknown_credential"),
        (format!("{header}.{payload}.{signature}.{signature}"), "! unknown_credential"),
        (format!(".{payload}.{signature}"), "! unknown_credential"),
        (format!("{header}.{payload}.{}", "A".repeat(8192)), "! malformed"),
    ] {
        assert_eq!(said(&bearer(&identity, &token, NOW)), expected, "{token}");
    }
}

/// The last character of 64 bytes in base64url has four bits that say nothing: fifteen other ways to write the same signature.
#[test]
fn a_signature_is_written_in_one_way() {
    let signer = Signer::ed(1);
    let good = signer.token(&claims(&json!({})));
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let accepted = ALPHABET.chars().filter(|last| {
        let token = format!("{}{last}", &good[..good.len() - 1]);
        bearer(&of_jwt(&signer), &token, NOW).is_ok()
    });
    assert_eq!(accepted.count(), 1);
}

#[test]
fn what_was_verified_is_remembered_until_it_ends_and_never_longer() {
    let signer = Signer::ed(1);
    let identity = of_jwt(&signer);
    let token = signer.token(&claims(&json!({"exp": NOW.0 + 10})));
    let first = bearer(&identity, &token, NOW).expect("good");
    let second = bearer(&identity, &token, NOW.after(69)).expect("still good");
    assert!(std::rc::Rc::ptr_eq(&first, &second), "verified twice");
    assert_eq!(bearer(&identity, &token, NOW.after(70)), Err(Denied::Expired));
    // A clock that was set back does not make it valid before its time.
    assert_eq!(bearer(&identity, &token, NOW.before(61)), Err(Denied::NotYetValid));
    assert!(bearer(&identity, &token, NOW).is_ok());
}

#[test]
fn a_client_cannot_tell_how_far_its_token_got() {
    let told: std::collections::BTreeSet<_> = Denied::ALL
        .into_iter()
        .filter(|denied| {
            !matches!(
                denied,
                Denied::NoCredential | Denied::AmbiguousCredential | Denied::BadHeader | Denied::KeysNotReady
            )
        })
        .map(|denied| (denied.status(), denied.code(), denied.message(), denied.retry_after()))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let reasons: std::collections::BTreeSet<_> = Denied::ALL.into_iter().map(Denied::reason).collect();
    assert_eq!(reasons.len(), Denied::ALL.len());
}

#[test]
fn nothing_prints_a_key() {
    let secret = String::from_utf8(SECRET.to_vec()).expect("text");
    let identity: Identity = of_jwt(&Signer::Hmac(SECRET.to_vec()));
    let token = Signer::Hmac(SECRET.to_vec()).token(&claims(&json!({})));
    let caller = bearer(&identity, &token, NOW).expect("good");
    let printed = format!("{identity:?} {caller:?} {:?}", VerificationKey::hmac(SECRET));
    let signature = token.rsplit_once('.').expect("three parts").1;
    for canary in [secret.as_str(), &b64(SECRET), signature, "48, 49, 50"] {
        assert!(!printed.contains(canary), "{printed}");
    }
}

#[test]
fn the_time_is_the_callers_and_may_be_anything() {
    let signer = Signer::ed(1);
    let token = signer.token(&claims(&Value::Object(serde_json::Map::new())));
    assert_eq!(said(&bearer(&of_jwt(&signer), &token, UnixSeconds(0))), "! not_yet_valid");
    assert_eq!(said(&bearer(&of_jwt(&signer), &token, UnixSeconds(u64::MAX))), "! expired");
}
