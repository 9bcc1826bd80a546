//! Headers of a request under every source: any bytes are refused or somebody's, and nobody's who would need a signature.
//!
//! The input's first byte chooses the header; the rest is its value.

#![no_main]

use std::sync::OnceLock;

use identity::{Identity, Source, UnixSeconds};
use libfuzzer_sys::fuzz_target;

/// The public keys are of RFC 8037 and RFC 7515; nobody but their readers can sign with them, and the fuzzer is no reader.
const CONFIGURATION: &str = r#"{"models": [{"name": "*"}], "identity": {
    "header": {"user": "x-user-id", "team": "x-team-id"},
    "virtual_keys": {"public_keys": [{"kid": "v", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]},
    "jwt": {"issuers": ["https://a.example/"], "audiences": ["ai"], "team_claim": "org.team", "secrets": [{"env": "SECRET", "kid": "h"}], "jwks": {"keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty": "EC", "crv": "P-256", "kid": "e", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}}}}"#;

const HEADERS: [&str; 5] = ["authorization", "x-api-key", "api-key", "x-user-id", "x-team-id"];

thread_local! {
    static IDENTITY: OnceLock<Identity> = const { OnceLock::new() };
}

fuzz_target!(|data: &[u8]| {
    let Some((first, value)) = data.split_first() else { return };
    let name = HEADERS[usize::from(*first) % HEADERS.len()];
    IDENTITY.with(|identity| {
        let identity = identity.get_or_init(|| {
            let secret = |_: &str| Some("a-secret-that-no-input-guesses-0123456789".to_owned());
            config::GatewayConfig::parse(CONFIGURATION.as_bytes(), &secret)
                .expect("a good configuration")
                .identity
        });
        for now in [0, 1_800_000_000, u64::MAX] {
            let headers = [(name.as_bytes(), value), ("x-other".as_bytes(), value)];
            if let Ok(caller) = identity.identify(headers.into_iter(), UnixSeconds(now)) {
                assert!(matches!(caller.how, Source::Header | Source::Anonymous), "{:?}", caller.how);
                assert!(caller.user.is_none() || name == "x-user-id");
            }
        }
    });
    if let Ok(text) = std::str::from_utf8(value) {
        let _ = identity::read_claims(text);
    }
});
