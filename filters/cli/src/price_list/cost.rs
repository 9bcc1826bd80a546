//! The list's names of costs: which class of tokens each is of, and for how long a prompt.

use pricing::Class;

/// Endings of the names of costs that other tariffs have: batches, and services that are faster or slower.
const OTHER_TARIFFS: [&str; 7] =
    ["_batches", "_priority", "_flex", "_fast", "_ultrafast", "_balanced", "_decisions"];

/// What a field of a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// The cost of a token of that class.
    Token(Class),
    /// The same in prompts above that many tokens.
    TokenAbove(Class, u64),
    /// The cost of a request.
    Request,
    /// A cost in another tariff.
    OtherTariff,
    /// A cost that is not understood here.
    OtherCost,
    /// No cost.
    NoCost,
}

impl Field {
    pub(super) fn of(name: &str) -> Self {
        if let Some(class) = class(name) {
            return Self::Token(class);
        }
        if let Some((class, above)) = above(name) {
            return Self::TokenAbove(class, above);
        }
        match name {
            "input_cost_per_request" => Self::Request,
            _ if !is_cost(name) => Self::NoCost,
            _ if OTHER_TARIFFS.iter().any(|ending| name.ends_with(ending)) => Self::OtherTariff,
            _ => Self::OtherCost,
        }
    }
}

/// The list's name of that class's cost.
pub(super) const fn name(class: Class) -> &'static str {
    match class {
        Class::Input => "input_cost_per_token",
        Class::CachedInput => "cache_read_input_token_cost",
        Class::CacheWrite5m => "cache_creation_input_token_cost",
        Class::CacheWrite1h => "cache_creation_input_token_cost_above_1hr",
        Class::Output => "output_cost_per_token",
        Class::Reasoning => "output_cost_per_reasoning_token",
    }
}

fn class(field: &str) -> Option<Class> {
    Class::ALL.into_iter().find(|class| name(*class) == field)
}

/// `input_cost_per_token_above_200k_tokens`: the class, and 200,000.
fn above(field: &str) -> Option<(Class, u64)> {
    let (base, threshold) = field.strip_suffix("_tokens")?.rsplit_once("_above_")?;
    let tokens = match threshold.strip_suffix('k') {
        Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1_000)?,
        None => threshold.parse().ok()?,
    };
    Some((class(base)?, tokens))
}

/// Whether a field of that name says how dear something is.
fn is_cost(name: &str) -> bool {
    ["cost", "pricing", "multiplier"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{Class, Field};

    #[test]
    fn names_say_what_they_are() {
        for (name, expected) in [
            ("input_cost_per_token", Field::Token(Class::Input)),
            ("cache_creation_input_token_cost_above_1hr", Field::Token(Class::CacheWrite1h)),
            ("output_cost_per_token_above_128k_tokens", Field::TokenAbove(Class::Output, 128_000)),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                Field::TokenAbove(Class::CacheWrite1h, 200_000),
            ),
            ("input_cost_per_token_above_128_tokens", Field::TokenAbove(Class::Input, 128)),
            ("input_cost_per_token_above_18446744073709551615k_tokens", Field::OtherCost),
            ("input_cost_per_token_above_200k_tokens_priority", Field::OtherTariff),
            ("output_cost_per_token_batches", Field::OtherTariff),
            ("cache_creation_input_token_cost_above_12hr", Field::OtherCost),
            ("input_cost_per_audio_token", Field::OtherCost),
            ("regional_processing_uplift_multiplier_eu", Field::OtherCost),
            ("off_peak_pricing", Field::OtherCost),
            ("input_cost_per_request", Field::Request),
            ("max_tokens", Field::NoCost),
        ] {
            assert_eq!(Field::of(name), expected, "{name}");
        }
    }
}
