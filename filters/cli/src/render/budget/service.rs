//! The rate limit service's own file: how many tokens each budget has.

use super::GlobalBudget;
use super::chain::{BUDGET_KEY, CALLER_KEY, DOMAIN};
use crate::yaml::{self, List, Map};

/// The file that the rate limit service reads, as commented YAML that ends in a line break.
pub fn service_config(budget: &GlobalBudget) -> String {
    let mut descriptors = List::new();
    for one in &budget.budgets {
        let limit = Map::new()
            .with("unit", one.window.name())
            .why("Tokens: Envoy says how many a request counts for.")
            .with("requests_per_unit", u64::from(one.tokens));
        let each = Map::new().with("key", CALLER_KEY).with("rate_limit", limit);
        descriptors = descriptors.item(
            Map::new()
                .with("key", BUDGET_KEY)
                .with("value", one.window.name())
                .why(
                    "No value: each caller, `user:NAME`, has the budget for itself. Callers without a name share the one of `user:`. An \
                     entry with a value gives that caller another.",
                )
                .with("descriptors", List::new().item(each)),
        );
    }
    let heading = "Rendered by `ai-filters render global-budget`; change its inputs, not this file.\n\n\
                   Read by envoyproxy/ratelimit. A counter in Redis is named DOMAIN_budget_WINDOW_caller_CALLER_START, where START is the \
                   window's first second.\n\n\
                   The service needs RESPONSE_DYNAMIC_METADATA=true in its environment: what it says is how Envoy knows that it was asked.";
    yaml::document(heading, Map::new().with("domain", DOMAIN).with("descriptors", descriptors))
}
