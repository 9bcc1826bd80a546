//! The few expressions over filter state that the shared budget is made of: who is asked for, how much is charged, what was left out.
//!
//! The request's headers cannot be asked when a stream ends: each attempt replaced them by those of its provider. What is needed then is
//! therefore put into filter state while the request is on its way. An expression always renders a number, because Envoy drops a charge
//! whose number it cannot read, with no more than a warning.

use seam::names;

use super::{Budget, Refunds};

/// Filter state: the caller, `user:NAME`, or `user:` where nobody said who it is.
pub(super) const CALLER: &str = "ai.budget.caller";
/// Filter state: what was charged with the request.
pub(super) const PROMPT: &str = "ai.budget.prompt";

/// Who is calling, as a format string. The one place that knows where a caller's name comes from: ai-gateway's identity.
///
/// Not a header: one that is not UTF-8 would make the whole question unreadable for the service, which then does not answer it, and whoever
/// may choose a name could so have what [`OnFailure::Serve`](super::OnFailure::Serve) grants. ai-gateway refuses such names.
pub(super) fn caller() -> String {
    format!("user:%FILTER_STATE(wasm.{}:PLAIN)%", names::USER_KEY)
}

/// Filter state: set when that budget is about to be asked.
pub(super) fn asked(budget: Budget) -> String {
    format!("ai.budget.asked.{}", budget.window.name())
}

/// Where the filter of that budget puts what the service says: its name, and its namespace in dynamic metadata.
pub(super) fn filter(budget: Budget) -> String {
    format!("budget-{}", budget.window.name())
}

/// A key of filter state as an expression.
pub(super) fn state(key: &str) -> String {
    format!("filter_state[\"{key}\"]")
}

fn has(key: &str) -> String {
    format!("\"{key}\" in filter_state")
}

/// The number that ai-gateway published under that key, or else that expression.
fn published(key: &str, or_else: &str) -> String {
    let key = format!("wasm.{key}");
    format!("{} ? {} : {or_else}", has(&key), state(&key))
}

fn formatted(expression: &str) -> String {
    format!("%CEL({expression})%")
}

/// What is on the way to the provider: the prompt as it was counted, as a format string.
pub(super) fn counted() -> String {
    format!("%FILTER_STATE(wasm.{}:PLAIN)%", names::INPUT_TOKENS_KEY)
}

/// What a request is charged before it is forwarded.
pub(super) fn at_request(refunds: Refunds) -> String {
    let prompt = format!("{} ? {} : \"0\"", has(PROMPT), state(PROMPT));
    match refunds {
        Refunds::None => formatted(&prompt),
        Refunds::NegativeHits => formatted(&published(names::RESERVED_TOKENS_KEY, &format!("({prompt})"))),
    }
}

/// What a request is charged when its stream is over: the completion; all of it where the prompt could not be counted before.
pub(super) fn at_end(refunds: Refunds) -> String {
    let output = published(names::OUTPUT_TOKENS_KEY, "\"0\"");
    let total = published(names::TOTAL_TOKENS_KEY, "\"0\"");
    let charge = format!("{} ? ({output}) : ({total})", has(PROMPT));
    match refunds {
        Refunds::None => formatted(&charge),
        // A reservation holds the completion already.
        Refunds::NegativeHits => {
            let reserved = format!("wasm.{}", names::RESERVED_TOKENS_KEY);
            formatted(&format!("{} ? \"0\" : ({charge})", has(&reserved)))
        }
    }
}

/// What a request gets back of its reservation when its stream is over.
pub(super) fn refund() -> String {
    formatted(&published(names::REFUND_TOKENS_KEY, "\"0\""))
}

/// `unchecked` where a budget was to be asked and the service said nothing, else nothing at all.
///
/// A budget that was never reached, since ai-gateway or a shorter budget refused the request, is none that was left out.
pub(super) fn unchecked(budgets: &[Budget]) -> String {
    let silent: Vec<String> = budgets
        .iter()
        .map(|budget| {
            let answered = format!("\"{}\" in metadata.filter_metadata", filter(*budget));
            format!("({} && !({answered}))", has(&asked(*budget)))
        })
        .collect();
    formatted(&format!("{} ? \"{}\" : \"\"", silent.join(" || "), super::chain::UNCHECKED))
}
