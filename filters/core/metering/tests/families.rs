//! Which family a model belongs to, and what configuration makes of it.

mod common;

use common::family;
use metering::{Charges, Counting, Encoding, Families, FamilyRule, RuleProblem, TextPermille};
use proptest::prelude::*;

#[test]
fn models_are_known_by_their_names() {
    for (model, name) in [
        ("gpt-4o", "openai-o200k"),
        ("gpt-4o-mini-2024-07-18", "openai-o200k"),
        ("chatgpt-4o-latest", "openai-o200k"),
        ("gpt-4.1-nano", "openai-o200k"),
        ("gpt-5-2025-08-07", "openai-o200k"),
        ("o1-preview", "openai-o200k"),
        ("o3", "openai-o200k"),
        ("o4-mini", "openai-o200k"),
        ("openai/gpt-4o", "openai-o200k"),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc", "openai-o200k"),
        ("ft:gpt-3.5-turbo-0125:acme", "openai-cl100k"),
        ("gpt-4", "openai-cl100k"),
        ("gpt-4-turbo-2024-04-09", "openai-cl100k"),
        ("gpt-4-0613", "openai-cl100k"),
        ("gpt-35-turbo", "openai-cl100k"),
        ("text-embedding-3-large", "openai-cl100k"),
        ("text-embedding-ada-002", "openai-cl100k"),
        ("gpt-6", "openai-new"),
        ("gpt-oss-120b", "gpt-oss"),
        ("claude-3-opus-20240229", "claude-3"),
        ("claude-opus-4-20250514", "claude-3"),
        ("claude-opus-4-1-20250805", "claude-3"),
        ("claude-sonnet-4-6", "claude-3"),
        ("claude-haiku-4-5", "claude-3"),
        ("claude-opus-4-7", "claude-4.7"),
        ("claude-opus-4-8", "claude-4.7"),
        ("claude-sonnet-5", "claude-4.7"),
        ("anthropic/claude-opus-4.7", "claude-4.7"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3"),
        ("anthropic.claude-v2:1", "claude-3"),
        ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-opus-4-7-v1", "claude-4.7"),
        ("models/gemini-2.5-flash", "gemini"),
        ("publishers/google/models/gemini-3-pro", "gemini"),
        ("google/gemma-3-27b-it", "gemini"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3"),
        ("meta.llama3-70b-instruct-v1:0", "llama-3"),
        ("meta-llama/Llama-2-7b-chat-hf", "llama-2"),
        ("Llama-4-Scout", "unknown"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "llama-2"),
        ("meta-llama/Meta-Llama-3-8B", "llama-3"),
        ("mistral-large-latest", "mistral"),
        ("open-mixtral-8x7b", "llama-2"),
        ("deepseek-ai/DeepSeek-V3", "deepseek"),
        ("Qwen/Qwen3-32B", "qwen"),
        ("zai-org/GLM-4.6", "glm"),
        ("moonshotai/Kimi-K2-Instruct", "kimi"),
        ("grok-4", "unknown"),
        ("", "unknown"),
        ("////", "unknown"),
    ] {
        assert_eq!(family(model).name(), name, "{model}");
    }
}

#[test]
fn what_is_exact_is_openais() {
    for model in ["gpt-4o", "gpt-5", "o3", "gpt-4", "text-embedding-3-small"] {
        assert!(family(model).is_exact(), "{model}");
    }
    for model in ["claude-opus-4-7", "gemini-2.5-pro", "gpt-6", "gpt-oss-20b", "nobody-knows"] {
        assert!(!family(model).is_exact(), "{model}");
        assert_eq!(family(model).encoding(), Encoding::O200kBase);
    }
}

fn rule(pattern: &str) -> FamilyRule {
    FamilyRule { pattern: pattern.into(), ..FamilyRule::default() }
}

#[test]
fn rules_extend_and_override() {
    let half = Counting::Estimated(TextPermille::uniform(500));
    let families = Families::new(&[
        FamilyRule { like: Some("gpt-4o".into()), ..rule("prod-chat*") },
        FamilyRule { like: Some("claude-opus-4-7".into()), ..rule("prod-chat-claude") },
        FamilyRule { counting: Some(half), ..rule("claude-*") },
        FamilyRule { charges: Charges { file: Some(9), ..Charges::default() }, ..rule("gpt-4o") },
        FamilyRule { like: Some("gpt-4".into()), ..rule("acme/*") },
        FamilyRule { like: Some("gpt-4".into()), ..rule("team") },
        FamilyRule { counting: Some(Counting::Exact), encoding: Some(Encoding::Cl100kBase), ..rule("*") },
    ])
    .unwrap();
    assert_eq!(families.of("prod-chat-eu").name(), "openai-o200k");
    assert_eq!(families.of("prod-chat-claude").name(), "claude-4.7");
    assert_eq!(
        (families.of("claude-sonnet-5").counting(), families.of("claude-sonnet-5").name()),
        (half, "claude-*")
    );
    // A longer built-in pattern stays nearer.
    assert_eq!(families.of("claude-opus-4-7").name(), "claude-4.7");
    assert_eq!(families.of("gpt-4o").charges().file, Some(9));
    assert_eq!((families.of("gpt-4o").name(), families.of("gpt-4o").is_exact()), ("openai-o200k", true));
    assert_eq!(families.of("gpt-4o-2024-08-06").charges(), Charges::default());
    assert_eq!(families.of("openai/gpt-4o").charges().file, Some(9));
    assert_eq!(families.of("acme/claude-sonnet-5").name(), "openai-cl100k");
    assert_eq!((families.of("x/team").name(), families.of("team/x").name()), ("openai-cl100k", "*"));
    assert_eq!((families.of("mine").name(), families.of("mine").encoding()), ("*", Encoding::Cl100kBase));
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let of = |latin| Some(Counting::Estimated(TextPermille { latin, ..TextPermille::uniform(1_000) }));
    let problems = Families::new(&[
        rule(""),
        rule("a*b"),
        rule("fine*"),
        rule("Fine*"),
        FamilyRule { counting: of(99), ..rule("low") },
        FamilyRule { counting: of(10_001), ..rule("high") },
        FamilyRule { like: Some("nothing".into()), ..rule("like") },
    ])
    .unwrap_err();
    assert_eq!(
        problems,
        [
            RuleProblem::EmptyPattern { rule: 0 },
            RuleProblem::InnerStar { rule: 1, pattern: "a*b".into() },
            RuleProblem::Duplicate { rule: 3, first: 2, pattern: "Fine*".into() },
            RuleProblem::PermilleOutOfRange { rule: 4, kind: "latin", permille: 99 },
            RuleProblem::PermilleOutOfRange { rule: 5, kind: "latin", permille: 10_001 },
            RuleProblem::UnknownLike { rule: 6, like: "nothing".into() },
        ]
    );
    assert_eq!(problems.iter().map(RuleProblem::rule).collect::<Vec<_>>(), [0, 1, 3, 4, 5, 6]);
    assert_eq!(problems[3].to_string(), "99 is not between 100 and 10000 per mille");
}

proptest! {
    #[test]
    fn every_name_has_a_family(model in "\\PC{0,40}", prefix in "(openai/|us\\.|anthropic\\.|ft:){0,4}") {
        let _ = Families::default().of(&format!("{prefix}{model}"));
    }
}
