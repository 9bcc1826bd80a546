//! The examples of RFC 7515 (appendices A.1 to A.3 and A.5) and RFC 8037 (appendix A.4), through the whole of an identity.

use crate::common::{Signer, bearer, identity, jwt, said, unb64};
use identity::{ClaimPath, Identity, Jwt, KeySet, NamedKey, SourceSettings, UnixSeconds, VerificationKey};

pub(crate) const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
pub(crate) const RSA_D: &str = "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ";
const PAYLOAD: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const A1_SECRET: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const A3_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const A3_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
/// The second at which the tokens of RFC 7515 end.
const END: u64 = 1_300_819_380;

/// Joe's identity: the RFC's tokens have no subject and no audience.
fn of(key: VerificationKey) -> Identity {
    let mut keys = KeySet::default();
    keys.add(NamedKey { id: None, key }).expect("the first");
    identity(vec![SourceSettings::Jwt(Jwt {
        issuers: vec!["joe".to_owned()],
        audiences: Vec::new(),
        user: ClaimPath::new("iss").expect("a path"),
        team: ClaimPath::new("http://example.com/none"),
        leeway: 0,
        ..jwt(keys, None)
    })])
}

fn signed_examples() -> [(VerificationKey, String); 3] {
    [
        (
            VerificationKey::hmac(&unb64(A1_SECRET)).expect("a secret"),
            format!(
                "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
            ),
        ),
        (
            VerificationKey::rsa(&unb64(RSA_N), &[1, 0, 1]).expect("a key"),
            format!(
                "eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
            ),
        ),
        (
            VerificationKey::p256(&unb64(A3_X), &unb64(A3_Y)).expect("a key"),
            format!(
                "eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
            ),
        ),
    ]
}

#[test]
fn the_examples_of_rfc_7515_are_joes_until_they_end() {
    for (key, token) in signed_examples() {
        let identity = of(key.clone());
        for (now, expected) in [(END - 1, "joe"), (END, "! expired"), (END - 1, "joe"), (0, "joe")] {
            assert_eq!(said(&bearer(&identity, &token, UnixSeconds(now))), expected, "{key:?} at {now}");
        }
    }
}

#[test]
fn no_key_verifies_anothers_example() {
    for (key, _) in signed_examples() {
        for (other, token) in signed_examples() {
            let found = said(&bearer(&of(key.clone()), &token, UnixSeconds(END - 1)));
            let expected = if key.algorithm() == other.algorithm() { "joe" } else { "! unknown_key" };
            assert_eq!(found, expected, "{key:?} {other:?}");
        }
    }
}

#[test]
fn the_unsecured_example_of_rfc_7515_is_refused() {
    for (key, _) in signed_examples() {
        let token = format!("eyJhbGciOiJub25lIn0.{PAYLOAD}.");
        assert_eq!(said(&bearer(&of(key), &token, UnixSeconds(END - 1))), "! algorithm");
    }
}

#[test]
fn the_example_of_rfc_8037_is_verified_and_is_no_claims() {
    let key = VerificationKey::ed25519(&unb64("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")).expect("a key");
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    // Its payload is a sentence, which is looked at once the signature is verified.
    let found = bearer(&of(key.clone()), &format!("{signed}.{signature}"), UnixSeconds(0));
    assert_eq!(said(&found), "! malformed");
    let other = signature.replacen('h', "i", 1);
    assert_eq!(said(&bearer(&of(key), &format!("{signed}.{other}"), UnixSeconds(0))), "! signature");
}

#[test]
fn the_tests_own_signers_agree_with_the_examples() {
    let (key, token) = &signed_examples()[1];
    let signed = token.rsplit_once('.').expect("three parts").0;
    let again = format!("{signed}.{}", crate::common::b64(&Signer::rsa().sign(signed.as_bytes())));
    assert_eq!(*token, again, "{key:?}");
}
