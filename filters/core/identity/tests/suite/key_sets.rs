//! Key sets: which keys of one are used, and why others are not.

use crate::common::{Signer, b64, unb64};
use crate::vectors::{RSA_D, RSA_N};
use identity::{Algorithm, BadKey, KeyProblem, KeySet, KeySetError, VerificationKey};
use serde_json::{Value, json};

const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const EC_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const EC_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

fn read(keys: &Value) -> (Vec<Algorithm>, Vec<KeyProblem>) {
    let (set, skipped) = KeySet::read(json!({"keys": keys}).to_string().as_bytes()).expect("a set");
    (set.keys().map(|key| key.key.algorithm()).collect(), skipped.iter().map(|key| key.problem).collect())
}

fn ed(changed: &Value) -> Value {
    let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": X});
    for (name, value) in changed.as_object().expect("an object") {
        key[name] = value.clone();
    }
    key
}

#[test]
fn keys_that_verify_something_are_used() {
    let set = json!([
        {"kty": "RSA", "n": RSA_N, "e": "AQAB", "kid": "a", "use": "sig", "alg": "RS256", "x5t": "ignored"},
        {"kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_Y, "kid": "a", "key_ops": ["sign", "verify"]},
        ed(&json!({"kid": "a", "alg": "EdDSA"})),
        ed(&json!({})),
        ed(&json!({})),
    ]);
    let (used, skipped) = read(&set);
    assert_eq!(
        used,
        [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa, Algorithm::EdDsa, Algorithm::EdDsa]
    );
    assert_eq!(skipped, []);
}

#[test]
fn keys_that_do_not_are_left_out_and_say_why() {
    let modulus = unb64(RSA_N);
    let short = b64(&modulus[..128]);
    let long = b64(&[modulus.as_slice(), &modulus, &modulus].concat());
    let even = b64(&[&modulus[..255], &[0]].concat());
    let rsa = |n: &str, e: &str| json!({"kty": "RSA", "n": n, "e": e});
    let form = |algorithm| KeyProblem::Key(BadKey::Form(algorithm));
    for (key, expected) in [
        (ed(&json!({"d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"})), KeyProblem::Private),
        (ed(&json!({"d": null})), KeyProblem::Private),
        (json!({"kty": "RSA", "n": RSA_N, "e": "AQAB", "d": RSA_D}), KeyProblem::Private),
        (json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}), KeyProblem::Secret),
        (ed(&json!({"use": "enc"})), KeyProblem::Use),
        (ed(&json!({"key_ops": ["encrypt"]})), KeyProblem::Use),
        (ed(&json!({"alg": "ES256"})), KeyProblem::Type),
        (ed(&json!({"crv": "X25519"})), KeyProblem::Type),
        (json!({"kty": "EC", "crv": "P-384", "x": EC_X, "y": EC_Y}), KeyProblem::Type),
        (json!({"kty": "RSA", "alg": "RSA-OAEP", "n": RSA_N, "e": "AQAB"}), KeyProblem::Type),
        (json!({"kty": "RSA", "alg": "PS256", "n": RSA_N, "e": "AQAB"}), KeyProblem::Type),
        (ed(&json!({"kid": "x".repeat(257)})), KeyProblem::LongName),
        (ed(&json!({"kid": 1})), KeyProblem::Shape),
        (ed(&json!({"x": null})), KeyProblem::Shape),
        (ed(&json!({"x": "+/=="})), KeyProblem::Shape),
        (json!({"kty": "RSA", "n": RSA_N}), KeyProblem::Shape),
        (json!([]), KeyProblem::Shape),
        (json!(null), KeyProblem::Shape),
        (ed(&json!({"x": "AA"})), form(Algorithm::EdDsa)),
        (ed(&json!({"x": b64(&[0; 32])})), KeyProblem::Key(BadKey::Weak)),
        (json!({"kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_X}), form(Algorithm::Es256)),
        (json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": EC_Y}), form(Algorithm::Es256)),
        (rsa(&short, "AQAB"), KeyProblem::Key(BadKey::RsaBits { bits: 1024 })),
        (rsa(&long, "AQAB"), KeyProblem::Key(BadKey::RsaBits { bits: 6144 })),
        (rsa("", "AQAB"), KeyProblem::Key(BadKey::RsaBits { bits: 0 })),
        (rsa(&even, "AQAB"), form(Algorithm::Rs256)),
        (rsa(RSA_N, "Aw"), KeyProblem::Key(BadKey::RsaExponent)),
        (rsa(RSA_N, "AQAA"), KeyProblem::Key(BadKey::RsaExponent)),
        (rsa(RSA_N, RSA_N), KeyProblem::Key(BadKey::RsaExponent)),
        (rsa(RSA_N, ""), KeyProblem::Key(BadKey::RsaExponent)),
    ] {
        assert_eq!(read(&json!([key])), (vec![], vec![expected]), "{key}");
        assert!(!expected.to_string().is_empty());
    }
    let twice = json!([ed(&json!({"kid": "a"})), ed(&json!({"kid": "a"}))]);
    assert_eq!(read(&twice), (vec![Algorithm::EdDsa], vec![KeyProblem::SameName]));
}

#[test]
fn what_is_no_set_is_refused_whole() {
    let many = json!({"keys": vec![ed(&json!({})); 65]}).to_string();
    for (json, expected) in [
        ("", KeySetError::Shape),
        ("[]", KeySetError::Shape),
        ("{}", KeySetError::Shape),
        (r#"{"keys": {}}"#, KeySetError::Shape),
        (r#"{"keys": []} x"#, KeySetError::Shape),
        (r#"{"keys": [], "keys": []}"#, KeySetError::Shape),
        (many.as_str(), KeySetError::TooManyKeys),
        (&" ".repeat((64 << 10) + 1), KeySetError::TooLarge),
    ] {
        assert_eq!(KeySet::read(json.as_bytes()).err(), Some(expected), "{json:.60}");
    }
    assert!(KeySet::read(br#"{"keys": []}"#).expect("a set").0.is_empty());
}

#[test]
fn a_short_secret_is_refused() {
    assert_eq!(VerificationKey::hmac(&[1; 31]).err(), Some(BadKey::ShortSecret { bytes: 31 }));
    assert!(VerificationKey::hmac(&[1; 32]).is_ok() && VerificationKey::hmac(&[1; 200]).is_ok());
}

#[test]
fn a_set_finds_the_key_that_is_meant() {
    use crate::common::{NOW, bearer, claims, identity, jwt, said};
    let token = |id: Option<&str>| {
        let mut header = json!({"alg": "EdDSA"});
        if let Some(id) = id {
            header["kid"] = json!(id);
        }
        Signer::ed(1).raw(header.to_string().as_bytes(), claims(&json!({})).to_string().as_bytes())
    };
    let add = |set: &mut KeySet, id: Option<&str>, signer: &Signer| {
        set.add(identity::NamedKey { id: id.map(str::to_owned), key: signer.public() })
            .expect("another name");
    };
    for (keys, id, expected) in [
        (vec![(None, Signer::ed(1))], None, "alice"),
        (vec![(None, Signer::ed(1))], Some("a"), "alice"),
        (vec![(Some("a"), Signer::ed(1))], None, "alice"),
        (vec![(Some("a"), Signer::ed(1))], Some("b"), "! unknown_key"),
        (vec![(Some("a"), Signer::ed(2)), (Some("b"), Signer::ed(1))], Some("b"), "alice"),
        (vec![(Some("a"), Signer::ed(2)), (Some("b"), Signer::ed(1))], Some("a"), "! signature"),
        (vec![(Some("a"), Signer::ed(2)), (Some("b"), Signer::ed(1))], None, "! unknown_key"),
        (vec![(Some("a"), Signer::ec(2)), (Some("b"), Signer::ed(1))], None, "alice"),
        (vec![(Some("a"), Signer::ec(2)), (Some("a"), Signer::ed(1))], Some("a"), "alice"),
        (vec![(Some("a"), Signer::ec(2)), (None, Signer::ed(1))], Some("a"), "! algorithm"),
        (vec![(Some("a"), Signer::ed(2)), (None, Signer::ed(1))], Some("b"), "alice"),
        (vec![(None, Signer::ed(2)), (None, Signer::ed(1))], Some("b"), "! unknown_key"),
        (vec![], Some("b"), "! unknown_key"),
    ] {
        let mut set = KeySet::default();
        keys.iter().for_each(|(id, signer)| add(&mut set, *id, signer));
        let identity = identity(vec![identity::SourceSettings::Jwt(jwt(set, None))]);
        let names: Vec<_> = keys.iter().map(|(id, signer)| (id, signer.algorithm())).collect();
        assert_eq!(said(&bearer(&identity, &token(id), NOW)), expected, "{names:?} {id:?}");
    }
}
