//! Tests of what the environment is understood to ask for.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Settings, Problems> {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    Settings::from_lookup(|name| variables.get(name).map(OsString::from))
}

fn real(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    match read(variables).unwrap().providers {
        Providers::Real(real) => real
            .into_iter()
            .map(|Real { provider, .. }| (provider.name.as_str().to_owned(), provider.base_url.to_string()))
            .collect(),
        Providers::Scripted { .. } => panic!("scripted"),
    }
}

fn pair(name: &str, url: &str) -> (String, String) {
    (name.to_owned(), url.to_owned())
}

#[test]
fn nothing_set_means_scripted_providers_and_the_examples_ports() {
    let settings = read(&[("OPENAI_API_KEY", ""), ("PORT", "")]).unwrap();
    assert!(matches!(settings.providers, Providers::Scripted { .. }));
    assert_eq!((settings.port, settings.admin_port), (10_000, 9901));
    assert_eq!(settings.limits, Limits::default());
}

#[test]
fn one_key_means_that_provider_alone_and_two_mean_both_in_order() {
    let openai = pair("openai", "https://api.openai.com/v1");
    let anthropic = pair("anthropic", "https://api.anthropic.com");
    assert_eq!(real(&[("OPENAI_API_KEY", "k")]), std::slice::from_ref(&openai));
    assert_eq!(real(&[("ANTHROPIC_API_KEY", "k")]), std::slice::from_ref(&anthropic));
    assert_eq!(real(&[("ANTHROPIC_API_KEY", "k"), ("OPENAI_API_KEY", "k")]), [openai, anthropic]);
}

#[test]
fn base_urls_and_models_replace_the_examples() {
    let settings = read(&[
        ("OPENAI_API_KEY", "k"),
        ("OPENAI_BASE_URL", "http://[::1]:8080/proxy/v1/"),
        ("OPENAI_MODEL", "gpt-4o"),
    ]);
    let Providers::Real(real) = settings.unwrap().providers else { panic!("scripted") };
    assert_eq!(real[0].provider.base_url.to_string(), "http://[::1]:8080/proxy/v1");
    assert_eq!(real[0].provider.model.as_str(), "gpt-4o");
    let Providers::Scripted { anthropic, .. } =
        read(&[("ANTHROPIC_MODEL", "claude-next")]).unwrap().providers
    else {
        panic!("real")
    };
    assert_eq!(anthropic.model.as_str(), "claude-next");
}

#[test]
fn limits_that_were_not_given_fit_into_a_short_total() {
    let limits = read(&[("TOTAL_TIMEOUT", "10s"), ("IDLE_TIMEOUT", "500ms")]).unwrap().limits;
    assert_eq!(limits.total.duration(), Duration::from_secs(10));
    assert_eq!(limits.answer.duration(), Duration::from_secs(10));
    assert_eq!(limits.first_byte.duration(), Duration::from_secs(10));
    assert_eq!(limits.idle.duration(), Duration::from_millis(500));
    let problems = read(&[("TOTAL_TIMEOUT", "10s"), ("ANSWER_TIMEOUT", "2m")]).unwrap_err();
    assert!(problems.to_string().contains("ANSWER_TIMEOUT is longer"), "{problems}");
}

#[test]
fn every_problem_is_told_at_once_with_its_hint() {
    let problems = read(&[
        ("PORT", "http"),
        ("ADMIN_PORT", "70000"),
        ("IDLE_TIMEOUT", "soon"),
        ("OPENAI_API_KEY", "sk-secret\n"),
        ("ANTHROPIC_API_KEY", "k"),
        ("ANTHROPIC_BASE_URL", "https://user:hunter2@host"),
        ("OPENAI_BASE_URL", "ftp://host"),
        ("OPENAI_MODEL", "gpt 4"),
    ])
    .unwrap_err();
    let text = problems.to_string();
    let named = [
        "PORT: `http`",
        "ADMIN_PORT: `70000`",
        "IDLE_TIMEOUT: `soon`",
        "OPENAI_API_KEY",
        "ANTHROPIC_BASE_URL",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
    ];
    for named in named {
        assert!(text.contains(named), "{named} is not in:\n{text}");
    }
    assert_eq!(problems.0.len(), named.len(), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("hint: ")).count(), named.len(), "{text}");
    assert!(!text.contains("sk-secret") && !text.contains("hunter2"), "a secret is in:\n{text}");
}

#[test]
fn what_is_not_text_is_a_problem_and_not_a_panic() {
    let bytes = || Some(OsString::from_vec(vec![0xff, 0xfe]));
    let problems =
        Settings::from_lookup(|name| if name == "OPENAI_API_KEY" { bytes() } else { None }).unwrap_err();
    assert!(problems.to_string().contains("OPENAI_API_KEY is not UTF-8"), "{problems}");
}

#[test]
fn a_base_url_without_its_key_is_a_mistake() {
    let problems = read(&[("OPENAI_BASE_URL", "http://localhost:1/v1")]).unwrap_err();
    assert_eq!(problems.0.len(), 1);
    assert!(problems.0[0].hint().contains("OPENAI_API_KEY"), "{problems}");
}

#[test]
fn two_ports_are_two() {
    let problems = read(&[("PORT", "9000"), ("ADMIN_PORT", "9000")]).unwrap_err();
    assert!(problems.to_string().contains("both 9000"), "{problems}");
    assert!(read(&[("PORT", "0"), ("ADMIN_PORT", "0")]).is_ok());
}

#[test]
fn a_key_is_never_in_the_debug_output() {
    let settings = read(&[("OPENAI_API_KEY", "sk-canary-1")]).unwrap();
    assert!(!format!("{settings:?}").contains("sk-canary-1"));
}
