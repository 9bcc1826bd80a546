//! `ai-filters keys`, as people call it: pairs, keys, what a gateway makes of them, and secrets that are nowhere repeated.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use config::GatewayConfig;
use identity::{Name, UnixSeconds};
use serde_json::{Value, json};

fn keys(arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ai-filters"))
        .arg("keys")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments may be gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What stdout is when all goes well and nothing is to be said.
fn said(arguments: &[&str], stdin: &str) -> String {
    let output = keys(arguments, stdin);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "{arguments:?}");
    text(&output.stdout).to_owned()
}

fn refused(arguments: &[&str], stdin: &str, beginning: &str) {
    let output = keys(arguments, stdin);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with(beginning) && stderr.contains("\n  hint: "), "{arguments:?}: {stderr}");
    assert!(!stderr.contains("canary"), "{stderr}");
}

/// An empty folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keys").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A pair in that folder: the private key's file and the public entry.
fn pair(folder: &Path, id: &str) -> (String, Value) {
    let file = folder.join(id).display().to_string();
    let public = said(&["generate", "--private-key", &file, "--key-id", id], "");
    (file, serde_json::from_str(&public).unwrap())
}

fn configuration(public_keys: &Value, revoked: &Value) -> GatewayConfig {
    let json = json!({"models": [{"name": "*"}], "identity": {"virtual_keys": {"public_keys": public_keys, "revoked": revoked}}});
    GatewayConfig::parse(json.to_string().as_bytes(), &|_| None).unwrap()
}

fn now() -> UnixSeconds {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixSeconds(since.as_secs())
}

#[test]
fn what_is_generated_and_minted_is_a_caller_of_a_gateway() {
    let (file, public) = pair(&folder("minted"), "2026-11");
    assert_eq!(public["kid"], "2026-11");
    let minted = said(
        &[
            "mint",
            "--signing-key",
            &file,
            "--user",
            "alice",
            "--team",
            "search",
            "--tokens-per-minute",
            "10000",
            "--tokens-per-day",
            "200000",
            "--tokens-per-month",
            "3000000",
            "--dollars-per-month",
            "25.50",
            "--requests-per-minute",
            "60",
            "--models",
            "gpt-4*,o3",
            "--models",
            "claude-*",
            "--expires",
            "30d",
            "--key-id",
            "laptop",
        ],
        "",
    );
    let key = minted.strip_suffix('\n').unwrap();
    assert!(key.starts_with("sk-ai-") && !key.contains('\n'));

    let identity = configuration(&json!([public]), &json!([])).identity;
    let ask = |now| identity.identify([("x-api-key".as_bytes(), key.as_bytes())].into_iter(), now);
    let caller = ask(now()).unwrap();
    assert_eq!(caller.user.as_ref().map(Name::as_str), Some("alice"));
    assert_eq!(caller.team.as_ref().map(Name::as_str), Some("search"));
    assert_eq!(caller.key.as_ref().map(|key| key.as_str()), Some("laptop"));
    let limits = &caller.limits;
    assert_eq!(
        [
            limits.tokens_per_minute,
            limits.tokens_per_day,
            limits.tokens_per_month,
            limits.requests_per_minute
        ],
        [Some(10_000), Some(200_000), Some(3_000_000), Some(60)]
    );
    assert_eq!(limits.cost_per_month.map(|cost| cost.0), Some(25_500_000));
    assert!(
        caller.may_use("gpt-4o")
            && caller.may_use("o3")
            && caller.may_use("claude-3")
            && !caller.may_use("o4")
    );
    let month = 30 * 86_400;
    assert!(ask(now().after(month - 60)).is_ok() && ask(now().after(month + 61)).is_err());
}

#[test]
fn a_private_key_is_its_owners_alone_and_is_not_overwritten() {
    let (file, _) = pair(&folder("private"), "k");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let before = fs::read(&file).unwrap();
        refused(&["generate", "--private-key", &file], "", &format!("{file}: is there already"));
        assert_eq!(fs::read(&file).unwrap(), before);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let output = keys(&["mint", "--signing-key", &file, "--user", "a"], "");
        assert!(output.status.success());
        assert_eq!(text(&output.stderr), format!("note: {file}: others can read it; chmod 600\n"));
    }
    let jwk: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let d = jwk["d"].as_str().unwrap();
    let public = said(&["generate", "--private-key", &format!("{file}-2")], "");
    assert!(!public.contains(d) && !public.contains("\"d\""));
}

#[test]
fn a_private_key_can_be_piped() {
    let output = keys(&["generate", "--private-key", "-"], "");
    let (private, public) = (text(&output.stdout), text(&output.stderr));
    let public: Value = serde_json::from_str(public).unwrap();
    let key = said(&["mint", "--signing-key", "-", "--user", "bob"], private);
    let shown = said(&["inspect", "--public-key", public["x"].as_str().unwrap()], &key);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["check"], "accepted");
    assert_eq!((&shown["claims"]["sub"], &shown["signed_by"]), (&json!("bob"), &public["kid"]));
    assert_eq!(public["kid"].as_str().map(str::len), Some(8), "named after itself");
    // Each key has a name of its own, and each pair is another.
    let again: Value = serde_json::from_str(&said(
        &["inspect"],
        &said(&["mint", "--signing-key", "-", "--user", "bob"], private),
    ))
    .unwrap();
    assert_ne!(again["claims"]["jti"], shown["claims"]["jti"]);
    assert_eq!(again["check"], "not checked");
    assert_ne!(text(&keys(&["generate", "--private-key", "-"], "").stdout), private);
}

#[test]
fn inspect_checks_as_the_gateway_does() {
    let folder = folder("inspect");
    let (file, public) = pair(&folder, "k");
    let (_, other) = pair(&folder, "k2");
    let key = said(&["mint", "--signing-key", &file, "--user", "alice", "--key-id", "j"], "");
    let with = |name: &str, identity: Value| {
        let path = folder.join(name).display().to_string();
        fs::write(&path, json!({"models": [{"name": "*"}], "identity": identity}).to_string()).unwrap();
        path
    };
    let good = with("good.json", json!({"virtual_keys": {"public_keys": [other, public]}}));
    assert!(said(&["inspect", "--config", &good], &key).contains(r#""check": "accepted""#));
    for (name, identity, reason) in [
        ("revoked.json", json!({"virtual_keys": {"public_keys": [public], "revoked": ["j"]}}), "revoked"),
        (
            "early.json",
            json!({"virtual_keys": {"public_keys": [public], "revoked_before": [{"before": 9_000_000_000_u64}]}}),
            "revoked",
        ),
        ("other.json", json!({"virtual_keys": {"public_keys": [other]}}), "unknown_key"),
        ("issuer.json", json!({"virtual_keys": {"public_keys": [public], "issuer": "house"}}), "issuer"),
        (
            "wrong.json",
            json!({"virtual_keys": {"public_keys": [{"kid": "k", "x": other["x"]}]}}),
            "signature",
        ),
        ("none.json", json!({"api_keys": [{"sha256": "0".repeat(64), "user": "a"}]}), "unknown_credential"),
    ] {
        let path = with(name, identity);
        refused(&["inspect", "--config", &path], &key, &format!("refused: {reason}\n"));
    }
    let broken = with("broken.json", json!({"virtual_keys": {}}));
    refused(
        &["inspect", "--config", &broken],
        &key,
        &format!("{broken}: identity.virtual_keys.public_keys: missing field"),
    );
    refused(&["inspect", "--public-key", other["x"].as_str().unwrap()], &key, "refused: signature\n");
    refused(&["inspect", "--public-key", "AAAA"], &key, "--public-key: is no EdDSA key");
    refused(&["inspect"], "sk-canary-0123456789", "stdin: no virtual key: it is not of the form");
    refused(&["inspect"], "sk-ai-canary", "stdin: no virtual key: it is not of the form");
}

#[test]
fn a_hash_is_what_the_configuration_wants() {
    let key = "0123456789abcdef-canary";
    let hash = said(&["hash"], key);
    assert_eq!(said(&["hash"], &format!("{key}\n")), hash, "echo adds a line break");
    assert_eq!(said(&["hash"], &format!("{key}\r\n")), hash);
    let json = json!({"models": [{"name": "*"}], "identity": {"api_keys": [{"sha256": hash.trim_end(), "user": "alice"}]}});
    let config = GatewayConfig::parse(json.to_string().as_bytes(), &|_| None).unwrap();
    let value = format!("Bearer {key}");
    let headers = [("authorization".as_bytes(), value.as_bytes())];
    assert!(config.identity.identify(headers.into_iter(), now()).is_ok());
    refused(&["hash"], "", "stdin: no key");
    refused(&["hash"], "\n", "stdin: no key");
    refused(&["hash"], "canary", "stdin: the key has 6 bytes");
    refused(&["hash"], "two canaries in one line of text", "stdin: no key: it has a space");
    refused(&["hash"], "0123456789abcdef-canary\n\n", "stdin: no key: it has a space");
    let long = "canary-0123456789".repeat(1_000);
    refused(
        &["hash"],
        &long,
        "stdin: no key: it has a space, a line break or a character outside ASCII, or is too long",
    );
    refused(&["hash"], "sk-ai-canary.canary.canary", "stdin: a virtual key needs no hash");
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    for arguments in [
        &["hash", "sk-canary-0123456789"][..],
        &["inspect", "sk-ai-canary.canary.canary"],
        &["mint", "--user", "a", "--signing-key", r#"{"kty":"OKP","d":"canary"}"#],
    ] {
        refused(arguments, "", "a key does not belong on the command line");
    }
}

#[test]
fn what_no_gateway_would_accept_is_not_minted() {
    let (file, _) = pair(&folder("unacceptable"), "k");
    for (arguments, beginning) in [
        (&["--user", ""][..], "--user: is empty"),
        (&["--user", "a\nb"], "--user: has a control character"),
        (&["--user", "a", "--team", " t"], "--team: has a space"),
        (&["--user", "a", "--models", "g*t"], "--models: `g*t` is no pattern"),
        (&["--user", "a", "--models", ""], "--models: `` is no pattern"),
        (&["--user", "a", "--models", &["gpt-4"; 2000].join(",")], "the key would have"),
    ] {
        let arguments: Vec<_> = ["mint", "--signing-key", &file].iter().chain(arguments).copied().collect();
        refused(&arguments, "", beginning);
    }
    for arguments in [
        &["--user", "a", "--expires", "soon"][..],
        &["--user", "a", "--tokens-per-minute", "0"],
        &["--user", "a", "--dollars-per-month", "-1"],
        &[],
    ] {
        let arguments: Vec<_> = ["mint", "--signing-key", &file].iter().chain(arguments).copied().collect();
        assert_eq!(keys(&arguments, "").status.code(), Some(2), "{arguments:?}");
    }
    let public =
        r#"{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    refused(&["mint", "--signing-key", "-", "--user", "a"], public, "-: no signing key");
    let output = keys(&["mint", "--signing-key", "/no/such/file", "--user", "a"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("/no/such/file: "));
}
