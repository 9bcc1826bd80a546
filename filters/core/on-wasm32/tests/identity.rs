//! Signatures are verified on 32 bits as on 64: the libraries have other arithmetic there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that meets what it does not expect has to fail"
)]

use config::GatewayConfig;
use identity::{Denied, Identity, UnixSeconds};
use wasm_bindgen_test::wasm_bindgen_test;

/// The keys of RFC 7515, appendices A.2 and A.3, and of RFC 8037, appendix A.4; the secret of RFC 7515, A.1, comes from the environment as
/// text, so that its example cannot be used and a token of our own stands for it.
const CONFIGURATION: &str = r#"{"models": [{"name": "*"}], "identity": {"jwt": {
    "issuers": ["joe"], "audiences": [], "user_claim": "iss", "leeway_seconds": 0, "secrets": [{"env": "SECRET", "kid": "h"}],
    "jwks": {"keys": [
        {"kty": "RSA", "e": "AQAB", "n": "RSA"},
        {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}}}"#;
const RSA: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const PAYLOAD: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: UnixSeconds = UnixSeconds(1_300_819_379);

fn identity() -> Identity {
    let json = CONFIGURATION.replace("RSA\"}", &format!("{RSA}\"}}"));
    let config = GatewayConfig::parse(json.as_bytes(), &|_| Some(SECRET.to_owned()));
    config.unwrap_or_else(|problems| panic!("{problems}")).identity
}

fn ask(token: &str, now: UnixSeconds) -> Result<String, Denied> {
    let value = format!("Bearer {token}");
    let headers = [("authorization".as_bytes(), value.as_bytes())];
    let caller = identity().identify(headers.into_iter(), now)?;
    Ok(caller.user.as_ref().map_or("-", |user| user.as_str()).to_owned())
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[wasm_bindgen_test]
fn the_examples_of_the_standards_are_verified() {
    for (header, signature) in [
        (
            "eyJhbGciOiJSUzI1NiJ9",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ] {
        let token = format!("{header}.{PAYLOAD}.{signature}");
        assert_eq!(ask(&token, NOW), Ok("joe".to_owned()), "{header}");
        assert_eq!(ask(&token, UnixSeconds(NOW.0 + 1)), Err(Denied::Expired), "{header}");
        assert_eq!(
            ask(&token, UnixSeconds(NOW.0 + (1 << 32))),
            Err(Denied::Expired),
            "{header}: no time wraps"
        );
        let other = PAYLOAD.replacen("qb2U", "qb2Y", 1);
        assert_eq!(ask(&format!("{header}.{other}.{signature}"), NOW), Err(Denied::Signature), "{header}");
    }
    // The payload of RFC 8037's example is a sentence, which is looked at once the signature is verified.
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(ask(&format!("{signed}.{signature}"), NOW), Err(Denied::Malformed));
    assert_eq!(ask(&format!("{signed}.{}", signature.replacen('h', "i", 1)), NOW), Err(Denied::Signature));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[wasm_bindgen_test]
fn a_moment_beyond_32_bits_is_kept_whole() {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    // {"alg":"HS256","kid":"h"} and {"iss":"joe","exp":4294967297}
    let signed = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImgifQ.eyJpc3MiOiJqb2UiLCJleHAiOjQyOTQ5NjcyOTd9";
    mac.update(signed.as_bytes());
    let signature =
        <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(&mac.finalize().into_bytes());
    let token = format!("{signed}.{signature}");
    assert_eq!(ask(&token, NOW), Ok("joe".to_owned()));
    assert_eq!(ask(&token, UnixSeconds((1 << 32) + 1)), Err(Denied::Expired));
}
