//! A bound is never less than the count, and an ordinary body's is cheap.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use common::{MODELS, SURFACES, family, requests};
use metering::{
    Charges, Counting, Families, Family, FamilyRule, Limits, Memory, Part, Prompt, Surface, TextPermille,
    Unbounded, Within, bound, prompt, within,
};
use proptest::prelude::*;
use serde_json::json;

/// Families of every kind, with charges for what has none.
fn charged() -> Vec<Family> {
    let rules: Vec<FamilyRule> = MODELS
        .iter()
        .map(|model| FamilyRule {
            pattern: (*model).to_owned(),
            charges: Charges {
                image: Some(10_000),
                audio: Some(20_000),
                file: Some(30_000),
                other: Some(40_000),
            },
            ..FamilyRule::default()
        })
        .chain([
            FamilyRule {
                pattern: "small".into(),
                counting: Some(Counting::Estimated(TextPermille::uniform(TextPermille::MIN))),
                ..FamilyRule::default()
            },
            FamilyRule {
                pattern: "large".into(),
                counting: Some(Counting::Estimated(TextPermille::uniform(TextPermille::MAX))),
                ..FamilyRule::default()
            },
        ])
        .collect();
    let families = Families::new(&rules).unwrap();
    MODELS.iter().chain(&["small", "large"]).map(|model| families.of(model).clone()).collect()
}

fn check(families: &[Family], body: &str) -> Result<(), TestCaseError> {
    for family in families {
        for surface in SURFACES {
            let sampled = Limits { extrapolate_above: 64 };
            for limits in [Limits::NONE, sampled] {
                let Ok(prompt) = prompt(surface, family, body.as_bytes(), &limits, &Memory::default()) else {
                    continue;
                };
                match bound(surface, family, body.as_bytes()) {
                    Ok(bound) => {
                        prop_assert!(
                            bound >= prompt.tokens,
                            "{bound} < {prompt:?}: {surface:?} {} {body}",
                            family.name()
                        );
                        prop_assert_eq!(prompt.uncharged, None, "{:?} {}", surface, body);
                        if limits == Limits::NONE {
                            check_within(surface, family, body, bound, prompt)?;
                        }
                    }
                    Err(Unbounded { part }) => prop_assert_eq!(prompt.uncharged, Some(part)),
                }
            }
        }
    }
    Ok(())
}

/// The bound is brought below every limit that the prompt is within, and below no other.
fn check_within(
    surface: Surface,
    family: &Family,
    body: &str,
    bound: u64,
    prompt: Prompt,
) -> Result<(), TestCaseError> {
    let memory = Memory::default();
    let tokens = prompt.tokens;
    for limit in [
        0,
        tokens / 2,
        tokens.saturating_sub(1),
        tokens,
        tokens.saturating_add(1),
        tokens.midpoint(bound),
        bound,
    ] {
        let found = within(surface, family, body.as_bytes(), bound, limit, &memory);
        let is_right = match found {
            Ok(Within::AtMost(bound)) => (tokens..=limit).contains(&bound),
            Ok(Within::Counted(counted)) => counted == prompt && tokens <= limit,
            Ok(Within::MoreThan(more)) => more == limit && tokens > limit,
            Err(_) => false,
        };
        prop_assert!(
            is_right,
            "{found:?}, {limit} of {prompt:?} {bound}: {surface:?} {} {body}",
            family.name()
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_prompt_is_more_than_its_bound(request in requests::request()) {
        check(&charged(), &request.to_string())?;
        let bare: Vec<_> = MODELS.iter().map(|model| family(model)).collect();
        check(&bare, &request.to_string())?;
    }

    #[test]
    fn nor_however_it_is_written(request in requests::request()) {
        check(&charged(), &requests::respelled(&request))?;
    }

    #[test]
    fn nor_where_every_type_is_wrong(value in requests::any_json()) {
        check(&charged(), &value.to_string())?;
    }
}

/// The shortest bodies of which each has the most framing for its bytes.
#[test]
fn the_densest_bodies_are_bounded() {
    let many = |element: &str| vec![element; 100].join(",");
    let bodies = [
        "{}".to_owned(),
        r#"{"messages":[]}"#.to_owned(),
        format!(r#"{{"messages":[{}]}}"#, many(r#"{"role":""}"#)),
        format!(r#"{{"input":[{}]}}"#, many(r#"{"role":"","name":""}"#)),
        r#"{"input":""}"#.to_owned(),
        r#"{"input":0}"#.to_owned(),
        format!(r#"{{"input":[{}]}}"#, many("0")),
        r#"{"system":""}"#.to_owned(),
        r#"{"system":[]}"#.to_owned(),
        r#"{"system":1}"#.to_owned(),
        r#"{"instructions":""}"#.to_owned(),
        r#"{"tools":[{"name":""}]}"#.to_owned(),
        format!(r#"{{"tools":[{}]}}"#, many(r#"{"name":""}"#)),
        format!(r#"{{"functions":[{}]}}"#, many(r#"{"name":""}"#)),
        format!(r#"{{"tools":[{{"name":"","parameters":{{"properties":{{{}}}}}}}]}}"#, many(r#""":{}"#)),
        format!(r#"{{"tools":[{{"name":"","parameters":{{"properties":{{{}}}}}}}]}}"#, many(r#""":0"#)),
        format!(
            r#"{{"tools":[{{"name":"","parameters":{{"properties":{{"":{{"enum":[{}]}}}}}}}}]}}"#,
            many(r#""""#)
        ),
        format!(
            r#"{{"tools":[{{"name":"","parameters":{{"properties":{{"":{{"enum":[{}]}}}}}}}}]}}"#,
            many("1")
        ),
        r#"{"tool_choice":"none"}"#.to_owned(),
        r#"{"tool_choice":{"name":""}}"#.to_owned(),
        format!(r#"{{"messages":[{{"tool_calls":[{}]}}]}}"#, many(r#"{"function":{}}"#)),
        format!(r#"{{"messages":[{}]}}"#, many(r#"{"type":"tool_use"}"#)),
        format!(r#"{{"messages":[{}]}}"#, many(r#"{"function_call":0}"#)),
    ];
    for body in bodies {
        check(&charged(), &body).unwrap();
    }
}

#[test]
fn text_is_bounded_by_the_body() {
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "A \"type\": \"image_url\" is mentioned."}]});
    let body = body.to_string();
    assert_eq!(bound(Surface::ChatCompletions, &family("gpt-4o"), body.as_bytes()), Ok(body.len() as u64));
    let larger = bound(Surface::ChatCompletions, &family("claude-3-haiku"), body.as_bytes()).unwrap();
    assert_eq!(larger, (body.len() as u64 * 1_380).div_ceil(1_000));
    let tools = r#"{"messages":[],"tools":[{"name":"f"}]}"#;
    let with_prompt = bound(Surface::Messages, &family("claude-opus-4-5"), tools.as_bytes()).unwrap();
    assert_eq!(with_prompt, (tools.len() as u64 * 1_380).div_ceil(1_000) + 588);
}

#[test]
fn an_image_is_bounded_by_its_maximum_and_not_by_its_payload() {
    let payload = "A".repeat(300_000);
    let body = json!({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{payload}")}},
    ]}]})
    .to_string();
    let bound = bound(Surface::ChatCompletions, &family("gpt-4o"), body.as_bytes()).unwrap();
    assert!((1_445..1_460).contains(&bound), "{bound}");
}

#[test]
fn a_type_that_is_hidden_in_escapes_is_found() {
    for hidden in [
        r#"{"messages":[{"role":"user","content":[{"type":"image\u005furl"}]}]}"#,
        r#"{"messages":[{"role":"user","content":[{"ty\u0070e":"image_url"}]}]}"#,
        r#"{"messages":[{"role":"user","content":[{ "type" : "image_url" }]}]}"#,
    ] {
        assert!(
            bound(Surface::ChatCompletions, &family("gpt-4o"), hidden.as_bytes()).unwrap() > 1_445,
            "{hidden}"
        );
    }
}

#[test]
fn what_nobody_can_know_has_no_bound() {
    let of = |surface, body: &str| bound(surface, &family("gpt-4o"), body.as_bytes());
    for (surface, body, part) in [
        (Surface::Responses, r#"{"input":"a","previous_response_id":"r"}"#, Part::Stored),
        (Surface::Responses, r#"{"input":"a","conversation":{"id":"c"}}"#, Part::Stored),
        (Surface::Responses, r#"{"input":"a","tools":[{"type":"web_search"}]}"#, Part::HostedTool),
        (
            Surface::ChatCompletions,
            r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}"#,
            Part::File,
        ),
        (
            Surface::ChatCompletions,
            r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"","format":"mp3"}}]}]}"#,
            Part::Audio,
        ),
        (
            Surface::ChatCompletions,
            r#"{"messages":[{"role":"user","content":[{"type":"video_url"}]}]}"#,
            Part::Other,
        ),
        (Surface::Messages, r#"{"messages":[],"mcp_servers":[{"type":"url"}]}"#, Part::HostedTool),
        (Surface::Messages, r#"{"messages":[{"role":"user","content":[{"type":"image"}"#, Part::Body),
        (Surface::ChatCompletions, r#"{"messages":[{"role":"assistant","audio":{"id":"a"}}]}"#, Part::Audio),
        (Surface::Responses, r#"{"input":[{"role":"assistant","audio":{"id":"a"}}]}"#, Part::Audio),
        (Surface::Messages, r#"{"messages":[{"role":"assistant","audio":{"id":"a"}}]}"#, Part::Audio),
        (Surface::Messages, r#"{"messages":[],"container":"c"}"#, Part::Stored),
        (Surface::Responses, r#"{"input":"a","prompt":{"id":"p"}}"#, Part::Stored),
    ] {
        assert_eq!(of(surface, body), Err(Unbounded { part }), "{body}");
    }
    // Settings that are not used cost nothing.
    assert!(of(Surface::Responses, r#"{"input":"a","previous_response_id":null}"#).is_ok());
    // However nothing is written, it is nothing.
    assert!(of(Surface::Responses, "{\"input\":\"a\",\"previous_response_id\":[ \n]}").is_ok());
    let images =
        r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a"}}]}]}"#;
    assert_eq!(
        bound(Surface::ChatCompletions, &family("llama-3"), images.as_bytes()),
        Err(Unbounded { part: Part::Image })
    );
    // The newest models see an image of any size as it is.
    assert_eq!(
        bound(Surface::ChatCompletions, &family("gpt-5.6"), images.as_bytes()),
        Err(Unbounded { part: Part::Image })
    );
}

/// A prompt that has a token in four bytes is seen to be within one in two long before its end: what is behind is not even JSON.
#[test]
fn a_prompt_far_from_its_limit_is_counted_in_part() {
    let text = "There are many words in this text, and each of them is one of the tokens. ".repeat(40);
    let body = format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}],]]]"#);
    let (surface, family, memory) = (Surface::ChatCompletions, family("gpt-4o"), Memory::default());
    let bound = bound(surface, &family, body.as_bytes()).unwrap();
    assert_eq!(bound, body.len() as u64);
    let found = within(surface, &family, body.as_bytes(), bound, bound / 2, &memory).unwrap();
    assert!(matches!(found, Within::AtMost(narrowed) if narrowed > bound * 2 / 5), "{found:?}");
    let counted = memory.recalled(0).unwrap().words;
    assert!((200..500).contains(&counted), "{counted} words of {} were counted", 40 * 16);
}
