//! Every broken configuration of the table gets exactly its message, and no message holds a key.

use crate::broken::{Broken, GATEWAY, PROVIDER};
use config::{GatewayConfig, ProviderConfig};

fn check(broken: &Broken, outcome: Result<String, String>) {
    let problems = outcome.expect_err(broken.name);
    assert_eq!(problems, broken.problems, "{}", broken.name);
    assert!(!problems.contains("canary"), "{}", broken.name);
}

#[test]
fn gateway_configurations_are_refused_with_every_problem() {
    for broken in GATEWAY {
        let outcome = GatewayConfig::parse(broken.json.as_bytes(), &crate::environment::variable);
        check(broken, outcome.map(|config| format!("{config:?}")).map_err(|problems| problems.to_string()));
    }
}

#[test]
fn provider_configurations_are_refused_with_every_problem() {
    for broken in PROVIDER {
        let outcome = ProviderConfig::parse(broken.json.as_bytes(), &crate::environment::variable);
        if let Err(problems) = &outcome {
            assert!(!format!("{problems:?}").contains("canary"), "{}", broken.name);
        }
        check(broken, outcome.map(|config| format!("{config:?}")).map_err(|problems| problems.to_string()));
    }
}

#[test]
fn text_that_no_json_reader_takes_gets_one_problem() {
    let deep = "[".repeat(10_000);
    let long = format!("\"{}\"", "a".repeat(1 << 20));
    for (json, expected) in [
        (
            deep.as_bytes(),
            "configuration: not valid JSON at line 1, column 128: recursion limit exceeded\n  hint: no part of a configuration is nested this deep",
        ),
        (
            b"\xef\xbb\xbf{}".as_slice(),
            "configuration: not valid JSON at line 1, column 1: expected value\n  hint: remove the byte order mark in front of the text",
        ),
        (
            b"{\"models\":\n \"\xff\"}",
            "configuration: not valid JSON at line 2, column 3: invalid unicode code point\n  hint: look just before this place for a missing comma, quote or bracket; JSON has no comments",
        ),
        (
            b"1e999",
            "configuration: not valid JSON at line 1, column 5: number out of range\n  hint: look just before this place for a missing comma, quote or bracket; JSON has no comments",
        ),
        (
            long.as_bytes(),
            "configuration: 1048578 bytes are more than the 1048576 that are read\n  hint: a configuration of this size is usually another file",
        ),
    ] {
        let problems = GatewayConfig::parse(json, &|_| None).expect_err("broken");
        assert_eq!(problems.to_string(), expected);
        assert_eq!(problems.iter().count(), 1);
    }
}

#[test]
fn a_message_stays_short_whatever_the_file() {
    let json = format!("{{\"models\": [{}null], \"{}\": 1}}", "null,".repeat(5000), "x".repeat(5000));
    let problems = GatewayConfig::parse(json.as_bytes(), &|_| None).expect_err("broken");
    assert_eq!(problems.iter().count(), 100);
    let text = problems.to_string();
    assert!(text.ends_with("\n… and 4902 more"), "{text}");
    assert!(text.len() < 20_000);
}

#[test]
fn a_control_character_does_not_reach_a_log_line() {
    let json = r#"{"models": [{"name": "a\u001b[31m\nforged: line"}], "\u001b": 1}"#;
    let text = GatewayConfig::parse(json.as_bytes(), &|_| None).expect_err("broken").to_string();
    assert!(text.lines().all(|line| !line.starts_with("forged")), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}
