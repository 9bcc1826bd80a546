//! What a client is told of a budget: Envoy's own refusals in the shape of its API.
//!
//! ai-gateway would give them a shape too, but only the words that fit any 429 and 503.

use llm_api::{ApiError, Dialect, ErrorKind};

use crate::yaml::{List, Map};

/// Where clients of Anthropic's API are told by their path.
const ANTHROPIC_PATH: &str = "/v1/messages";

/// `local_reply_config`: told from all others by the flags that only the ratelimit filter sets.
pub(in crate::render) fn local_replies() -> Map {
    let exceeded = ApiError::new(
        ErrorKind::RateLimit,
        "The token budget is used up. The header retry-after says in how many seconds there is a new one.",
    )
    .with_code("insufficient_quota");
    let unchecked = ApiError::new(
        ErrorKind::Overloaded,
        "The token budget cannot be checked at the moment, and nothing is served without.",
    )
    .with_code("budget_unavailable");
    let mut mappers = List::new();
    for (flag, error, why) in [
        ("RL", exceeded, "RL refused by a budget. ai-gateway would say the same of any 429."),
        ("RLSE", unchecked, "RLSE the rate limit service does not answer, and without it nothing is served."),
    ] {
        let flagged = Map::new()
            .with("response_flag_filter", Map::new().with("flags", List::new().item(flag).inline()).inline());
        let path = Map::new()
            .with("name", ":path")
            .with("string_match", Map::new().with("prefix", ANTHROPIC_PATH).inline())
            .inline();
        let of_anthropic = Map::new().with(
            "and_filter",
            Map::new().with(
                "filters",
                List::new()
                    .item(flagged.clone())
                    .item(Map::new().with("header_filter", Map::new().with("header", path).inline())),
            ),
        );
        mappers = mappers.why(why).item(mapper(of_anthropic, &error, Dialect::Anthropic)).item(mapper(
            flagged,
            &error,
            Dialect::OpenAi,
        ));
    }
    Map::new().with("mappers", mappers)
}

fn mapper(filter: Map, error: &ApiError, dialect: Dialect) -> Map {
    let format = Map::new()
        .with("text_format_source", Map::new().with("inline_string", error.body(dialect)))
        .with("content_type", "application/json");
    Map::new().with("filter", filter).with("body_format_override", format)
}
