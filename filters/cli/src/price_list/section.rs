//! The text of a `prices` section: a line for each entry, amounts in quotes, always the same bytes for the same prices.

use pricing::{Class, MicroDollars, Rates};

use super::ListedPrice;

/// A JSON object with the one member `prices`, ending in a line break.
pub(super) fn section(prices: &[ListedPrice]) -> String {
    let entries: Vec<String> = prices.iter().map(|price| format!("    {{{}}}", entry(price))).collect();
    if entries.is_empty() {
        return "{\n  \"prices\": []\n}\n".to_owned();
    }
    format!("{{\n  \"prices\": [\n{}\n  ]\n}}\n", entries.join(",\n"))
}

fn entry(price: &ListedPrice) -> String {
    let mut members = vec![member("match", &price.model), member("provider", &price.provider)];
    members.extend(tokens(&price.rates));
    if price.per_request != MicroDollars::ZERO {
        members.push(member("per_request", &price.per_request.to_string()));
    }
    if !price.tiers.is_empty() {
        let tiers = price.tiers.iter().map(|tier| {
            let threshold = format!("\"above_prompt_tokens\": {}", tier.above);
            let members: Vec<String> = [threshold].into_iter().chain(tokens(&tier.rates)).collect();
            format!("{{{}}}", members.join(", "))
        });
        members.push(format!("\"tiers\": [{}]", tiers.collect::<Vec<_>>().join(", ")));
    }
    members.join(", ")
}

fn tokens(rates: &Rates) -> impl Iterator<Item = String> {
    Class::ALL.into_iter().filter_map(|class| Some(member(class.name(), &rates.stated(class)?.to_string())))
}

/// Both are quoted as JSON quotes them.
fn member(name: &str, value: &str) -> String {
    format!("\"{name}\": {}", serde_json::Value::from(value))
}
