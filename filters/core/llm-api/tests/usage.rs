//! Usage of both dialects in the shape without overlap, and back.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use llm_api::{Usage, anthropic, openai};
use proptest::prelude::*;

#[track_caller]
fn from_openai(json: &str, expected: Usage) {
    let usage: openai::Usage = serde_json::from_str(json).unwrap();
    assert_eq!(Usage::from(usage), expected, "{json}");
}

#[track_caller]
fn from_anthropic(json: &str, expected: Usage) {
    let usage: anthropic::Usage = serde_json::from_str(json).unwrap();
    assert_eq!(Usage::from(usage), expected, "{json}");
}

#[test]
fn openai_counts_parts_inside_their_whole() {
    from_openai(
        r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":30,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":40,"accepted_prediction_tokens":0}}"#,
        Usage { input: 10, cache_read: 60, cache_write_5m: 30, cache_write_1h: 0, output: 10, reasoning: 40 },
    );
    from_openai(
        r#"{"prompt_tokens":3,"completion_tokens":4}"#,
        Usage { input: 3, output: 4, ..Usage::default() },
    );
    from_openai("{}", Usage::default());
}

#[test]
fn a_slip_of_openais_makes_no_tokens_up() {
    from_openai(
        r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":8,"cache_write_tokens":8}}"#,
        Usage { cache_read: 8, cache_write_5m: 2, ..Usage::default() },
    );
    from_openai(
        r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":99}}"#,
        Usage { cache_read: 10, ..Usage::default() },
    );
    from_openai(
        r#"{"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":7}}"#,
        Usage { output: 5, reasoning: 7, ..Usage::default() },
    );
}

#[test]
fn anthropic_counts_the_cache_beside_the_input() {
    from_anthropic(
        r#"{"input_tokens":7,"cache_creation_input_tokens":1500,"cache_read_input_tokens":20000,"output_tokens":30,
            "cache_creation":{"ephemeral_5m_input_tokens":500,"ephemeral_1h_input_tokens":1000},
            "output_tokens_details":{"thinking_tokens":10},"service_tier":"standard"}"#,
        Usage {
            input: 7,
            cache_read: 20000,
            cache_write_5m: 500,
            cache_write_1h: 1000,
            output: 20,
            reasoning: 10,
        },
    );
    from_anthropic(
        r#"{"input_tokens":7,"cache_creation_input_tokens":1500,"output_tokens":3}"#,
        Usage { input: 7, cache_write_5m: 1500, output: 3, ..Usage::default() },
    );
    from_anthropic(
        r#"{"cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":6}}"#,
        Usage { cache_write_5m: 5, cache_write_1h: 6, ..Usage::default() },
    );
    from_anthropic(
        r#"{"output_tokens":3,"output_tokens_details":{"thinking_tokens":9}}"#,
        Usage { reasoning: 3, ..Usage::default() },
    );
}

#[test]
fn odd_counts_count_nothing_and_lose_nothing_else() {
    let odd = ["null", "-1", "\"7\"", "true", "[1,[2]]", "{\"a\":{}}", "-0.5"];
    for count in odd {
        from_openai(
            &format!(r#"{{"prompt_tokens":{count},"completion_tokens":4,"completion_tokens_details":null}}"#),
            Usage { output: 4, ..Usage::default() },
        );
        from_anthropic(
            &format!(r#"{{"input_tokens":{count},"output_tokens":4,"cache_creation":null}}"#),
            Usage { output: 4, ..Usage::default() },
        );
    }
    from_openai(r#"{"prompt_tokens":12.9}"#, Usage { input: 12, ..Usage::default() });
    from_openai(r#"{"prompt_tokens":1e300}"#, Usage { input: u64::MAX, ..Usage::default() });
}

#[test]
fn sums_saturate() {
    let most = u64::MAX;
    let usage = Usage {
        input: most,
        cache_read: most,
        cache_write_5m: most,
        cache_write_1h: most,
        output: most,
        reasoning: most,
    };
    assert_eq!(
        (usage.prompt(), usage.cache_write(), usage.completion(), usage.total()),
        (most, most, most, most)
    );
    assert_eq!(openai::Usage::from(usage).total_tokens, most);
    assert_eq!(anthropic::Usage::from(usage).output_tokens, Some(most));
}

#[test]
fn usage_survives_both_dialects() {
    let usage =
        Usage { input: 1, cache_read: 2, cache_write_5m: 4, cache_write_1h: 8, output: 16, reasoning: 32 };
    assert_eq!(Usage::from(anthropic::Usage::from(usage)), usage);
    let merged = Usage { cache_write_5m: 12, cache_write_1h: 0, ..usage };
    assert_eq!(Usage::from(openai::Usage::from(usage)), merged, "OpenAI does not say how long a cache lives");
    assert_eq!((usage.prompt(), usage.completion(), usage.total()), (15, 48, 63));
}

#[test]
fn a_later_report_replaces_what_it_says_and_nothing_else() {
    let usage = |json: &str| serde_json::from_str::<anthropic::Usage>(json).unwrap();
    let start = usage(r#"{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":1}"#);
    let delta = usage(r#"{"output_tokens":15,"cache_read_input_tokens":null}"#);
    let expected = usage(r#"{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":15}"#);
    assert_eq!(start.updated_by(delta), expected);
}

#[test]
fn what_is_behind_usage_is_looked_at() {
    for json in ["{}", " {} \r\n", "{}\u{c}", "{}{}", "{}x", "{},", "{", "null", "7", "[]", ""] {
        assert_eq!(openai::Usage::read(json.as_bytes()), serde_json::from_str(json).ok(), "{json:?}");
    }
}

proptest! {
    /// The fast reader is the parser's equal, whatever stands in the place of a count.
    #[test]
    fn usage_is_read_as_it_is_parsed(members in prop::collection::vec((key(), value()), 0..8)) {
        let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
        let json = format!("{{{}}}", members.join(","));
        prop_assert_eq!(openai::Usage::read(json.as_bytes()), serde_json::from_str(&json).ok(), "{}", json);
    }
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "other",
        "prompt\\u005ftokens",
    ])
}

fn value() -> impl Strategy<Value = String> {
    let count = prop_oneof![
        4 => any::<u32>().prop_map(|count| count.to_string()),
        1 => prop::sample::select(vec!["null", "-1", "1.5", "1e3", "99999999999999999999", "\"7\"", "true", "[1]", "07"])
            .prop_map(str::to_owned),
    ];
    let detail =
        prop::sample::select(vec!["cached_tokens", "cache_write_tokens", "reasoning_tokens", "audio_tokens"]);
    let details = prop::collection::vec((detail, count.clone()), 0..4).prop_map(|members| {
        let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(" , "))
    });
    prop_oneof![2 => count, 1 => details]
}
