//! What ai-gateway's file may say about prices.

use crate::json::{Node, Value};
use crate::place::Place;
use crate::problem::Findings;
use crate::read::{Expected, List, Read, mismatch};

/// An amount of dollars, as it was written: `"2.50"`, `2.50` or `2.5e0`.
pub(crate) struct RawDollars(pub(crate) String);

impl Read for RawDollars {
    fn read(node: Node, place: &Place, findings: &mut Findings) -> Option<Self> {
        match node.value {
            Value::Text(text) => Some(Self(text)),
            Value::Number(numeral) => Some(Self(numeral.text)),
            other => mismatch(Expected::Dollars, &other, place, findings),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for RawDollars {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Dollars".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number"],
            "pattern": r"^(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$",
            "minimum": 0,
            "maximum": 100_000,
        })
    }
}

section! {
    /// What the models cost that a pattern matches, in US dollars for a million tokens. Of two entries that match, one with the provider's name
    /// counts before one without; then an exact name, then the longest prefix.
    #[schema(rename = "Price")]
    struct RawPrice;
    required {
        /// The model's name at its provider, or a prefix followed by `*`.
        #[schema(extend("minLength" = 1, "pattern" = r"^[^*]*\*?$"))]
        pattern as "match": String,
        /// Dollars for a million prompt tokens.
        input: RawDollars,
        /// Dollars for a million generated tokens.
        output: RawDollars,
    }
    optional {
        /// The provider that has this price; every provider where it is absent.
        #[schema(extend("minLength" = 1, "maxLength" = 128, "pattern" = "^[A-Za-z0-9._:/-]+$"))]
        provider: String,
        /// For those that were read from a cache, at most `input`; as `input` where it is absent.
        cached_input: RawDollars,
        /// For those written to a cache for five minutes, or for as long as the provider likes; as `input` where it is absent.
        cache_write_5m: RawDollars,
        /// For those written to a cache for an hour; as `cache_write_5m` where it is absent.
        cache_write_1h: RawDollars,
        /// For those that the model thought with; as `output` where it is absent.
        reasoning: RawDollars,
        /// Dollars for each request, beside its tokens.
        #[schema(extend("default" = 0))]
        per_request: RawDollars,
        /// The prices of requests with long prompts, ascending. They hold for all tokens of such a request.
        #[schema(extend("default" = []))]
        tiers: List<RawTier>,
    }
    instead {
        "model" => "write `match`: the model's name at its provider, or a prefix followed by `*`",
        "cache_read" => "write `cached_input`",
        "input_cost_per_token" => "write `input`, in dollars for a million tokens; `ai-filters prices import` converts lists",
        "output_cost_per_token" => "write `output`, in dollars for a million tokens; `ai-filters prices import` converts lists",
    }
}

section! {
    /// The prices of requests whose prompts are longer than a threshold: every one that the entry states, and none below what it was.
    #[schema(rename = "PriceTier")]
    struct RawTier;
    required {
        /// The longest prompt, in tokens, cached ones included, that these prices do not hold for yet.
        #[schema(extend("minimum" = 1, "maximum" = super::counting::MOST_TOKENS))]
        above_prompt_tokens: u64,
        /// Dollars for a million prompt tokens.
        input: RawDollars,
        /// Dollars for a million generated tokens.
        output: RawDollars,
    }
    optional {
        /// As in the entry.
        cached_input: RawDollars,
        /// As in the entry.
        cache_write_5m: RawDollars,
        /// As in the entry.
        cache_write_1h: RawDollars,
        /// As in the entry.
        reasoning: RawDollars,
    }
}
