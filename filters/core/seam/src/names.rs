//! Names that both filters, the configurations and the documentation agree on.

/// Prefix of every header that belongs to the filters. What a client sends under it is removed.
pub const INTERNAL_HEADER_PREFIX: &str = "x-ai-";

/// Request header set by ai-gateway: the name of the configured model route; what Envoy's routes match on.
pub const MODEL_HEADER: &str = "x-ai-model";
/// Request header set by ai-gateway to `true` where the client asked for a stream; what Envoy's routes choose their time limits by.
pub const STREAM_HEADER: &str = "x-ai-stream";
/// Request header set by ai-gateway only when some planned target cannot express the request: the comma-separated providers that can.
pub const PLAN_HEADER: &str = "x-ai-plan";

/// Request header set by ai-gateway for Envoy's routes, and response header for the client, where the configuration says so: the tokens of the
/// prompt.
pub const INPUT_TOKENS_HEADER: &str = "x-ai-input-tokens";
/// Response header beside [`INPUT_TOKENS_HEADER`]: how the number was found, `counted`, `estimated` or `extrapolated`.
pub const INPUT_TOKENS_SOURCE_HEADER: &str = "x-ai-input-tokens-source";

/// Request header set by Envoy's router, where a virtual host has `include_request_attempt_count`: which attempt this is, from 1. A client's
/// own goes no further than the first attempt, which replaces all headers.
pub const ROUTERS_COUNT_HEADER: &str = "x-envoy-attempt-count";

/// Response header: the provider that answered.
pub const ANSWERED_BY_HEADER: &str = "x-ai-provider";
/// Response header: the model that answered, under the provider's own name for it.
pub const ANSWERED_MODEL_HEADER: &str = "x-ai-model";
/// Response header: how many attempts it took.
pub const ATTEMPTS_HEADER: &str = "x-ai-attempts";

/// Filter state: the [`RequestContext`](crate::RequestContext) of this request.
pub const CONTEXT_KEY: &str = "ai.context.v1";
/// Filter state: the request's headers as they were before the first attempt changed any, without credentials.
pub const ORIGINAL_HEADERS_KEY: &str = "ai.headers.v2";
/// Filter state: the last failed attempt as an [`EarlierFailure`](crate::EarlierFailure).
pub const FAILURE_KEY: &str = "ai.failure.v1";

/// Filter state: the status that the client is to see of the last failed attempt, where the router had to see another one; else empty.
pub const STATUS_KEY: &str = "ai.status.v1";

/// Filter state: what the provider has reported so far, as a [`UsageReport`](crate::UsageReport), where ai-provider translates the answer.
pub const USAGE_KEY: &str = "ai.usage.v1";

/// Filter state, published for access logs: the model name that the client asked for.
pub const REQUESTED_MODEL_KEY: &str = "ai.model.requested";
/// Filter state, published for access logs: the model that the last attempt asked for.
pub const SERVED_MODEL_KEY: &str = "ai.model.served";
/// Filter state, published for access logs: the provider of the last attempt.
pub const PROVIDER_KEY: &str = "ai.provider";
/// Filter state, published for access logs: how many attempts were made.
pub const ATTEMPTS_KEY: &str = "ai.attempts";
/// Filter state, published for access logs: what ai-gateway decided: `forwarded`, or the code of its refusal.
pub const DECISION_KEY: &str = "ai.decision";

/// Filter state, published for access logs and rate limits: tokens of the prompt, cached ones included.
pub const INPUT_TOKENS_KEY: &str = "ai.tokens.input";
/// Filter state, published for access logs and rate limits: generated tokens, reasoning included.
pub const OUTPUT_TOKENS_KEY: &str = "ai.tokens.output";
/// Filter state, published for access logs and rate limits: tokens of the prompt that were read from the provider's cache.
pub const CACHED_TOKENS_KEY: &str = "ai.tokens.cached";
/// Filter state, published for access logs and rate limits: generated tokens that the model thought with.
pub const REASONING_TOKENS_KEY: &str = "ai.tokens.reasoning";
/// Filter state, published for access logs and rate limits: input and output together.
pub const TOTAL_TOKENS_KEY: &str = "ai.tokens.total";
/// Filter state, published for access logs and rate limits where a budget applies: tokens that were reserved for the request.
pub const RESERVED_TOKENS_KEY: &str = "ai.tokens.reserved";
/// Filter state, published for access logs and rate limits where a budget applies: those of them that the request did not need.
pub const REFUND_TOKENS_KEY: &str = "ai.tokens.refund";
/// Filter state, published for access logs where a price is known: what the request cost, in millionths of a dollar.
pub const COST_KEY: &str = "ai.cost.micros";
/// Filter state, published for access logs and rate limits: the user who is calling.
pub const USER_KEY: &str = "ai.user";
/// Filter state, published for access logs and rate limits: that user's team.
pub const TEAM_KEY: &str = "ai.team";

/// Filter state, published for access logs: the key that the caller showed, by its name.
pub const KEY_KEY: &str = "ai.key";

/// Response header, where a budget sent the request to another model: that model, by the name that clients know.
pub const DOWNGRADED_HEADER: &str = "x-ai-downgraded-to";

/// Filter state, published for access logs: how the numbers were found: `reported` by the provider, `counted`, `estimated` or `extrapolated`. Of
/// several the least certain one.
pub const USAGE_SOURCE_KEY: &str = "ai.usage.source";

/// The statuses on which every rendered route retries (`retriable_status_codes`). It is how ai-provider speaks to Envoy's router: a failure that
/// another target may mend leaves it with one of these.
pub const RETRIED_STATUSES: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// Labels of statistics, which stand in a statistic's name as `;label=value` until Envoy's `stats_tags` take them out of it. Those that begin with
/// `gen_ai` are OpenTelemetry's.
pub mod labels {
    /// The operation: `chat`.
    pub const OPERATION: &str = "gen_ai.operation.name";
    /// The name of the configured model, which may be a pattern; never a client's words.
    pub const MODEL: &str = "gen_ai.request.model";
    /// The provider, by its configured name.
    pub const PROVIDER: &str = "gen_ai.provider.name";
    /// `input` or `output`.
    pub const TOKEN_TYPE: &str = "gen_ai.token.type";
    /// How the number was found: the values of [`USAGE_SOURCE_KEY`](super::USAGE_SOURCE_KEY).
    pub const USAGE_SOURCE: &str = "ai.usage.source";

    /// A budget, by its configured name.
    pub const BUDGET: &str = "ai.budget";

    /// Why something was refused, one word of a fixed set.
    pub const REASON: &str = "ai.reason";

    /// Every label.
    pub const ALL: [&str; 7] = [OPERATION, MODEL, PROVIDER, TOKEN_TYPE, USAGE_SOURCE, BUDGET, REASON];
}

/// Statistics that ai-gateway keeps. Envoy has them under `wasmcustom.`, and Prometheus with `_` for each dot.
pub mod metrics {
    /// Histogram, OpenTelemetry's: tokens of a request, by all labels.
    pub const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
    /// Counter, by model: requests that their bound alone showed to be within every limit.
    pub const PROMPTS_BOUNDED: &str = "ai_gateway.prompts.bounded";
    /// Counter, by model: requests that were counted before they were sent, or as much of them as showed that they are within every limit.
    pub const PROMPTS_COUNTED: &str = "ai_gateway.prompts.counted";
    /// Counter, by model: requests that were refused because of a limit on tokens.
    pub const PROMPTS_REFUSED: &str = "ai_gateway.prompts.refused";
    /// Counter: words of 3 to 15 bytes that were counted, of prompts and of answers; told in lots of some thousands.
    pub const WORDS_COUNTED: &str = "ai_gateway.words.counted";
    /// Counter: those of them that were remembered from texts before.
    pub const WORDS_REMEMBERED: &str = "ai_gateway.words.remembered";
    /// Counter: reports of usage that no request can have had, and that were not believed.
    pub const USAGE_IMPLAUSIBLE: &str = "ai_gateway.usage.implausible";
    /// Histogram, by model and provider: how far a corrected estimate was off, per mille of what was reported.
    pub const ESTIMATE_ERROR: &str = "ai_gateway.estimate.error";
    /// Counter, by reason: requests that were refused because nobody, or nobody good, was found to be calling.
    pub const IDENTITY_DENIED: &str = "ai_gateway.identity.denied";
    /// Counter, by budget: requests that it refused, or would have if it were enforced.
    pub const BUDGET_REFUSED: &str = "ai_gateway.budget.refused";
    /// Counter, by budget: requests for which it could not be asked, because its page is broken or others kept writing.
    pub const BUDGET_UNAVAILABLE: &str = "ai_gateway.budget.unavailable";
    /// Counter, by budget: requests of callers for whom its table has no room, so that they share one budget.
    pub const BUDGET_OVERFLOWED: &str = "ai_gateway.budget.overflowed";
    /// Counter, by budget and in its unit: what requests were charged.
    pub const BUDGET_CHARGED: &str = "ai_gateway.budget.charged";
    /// Counter, by budget and in its unit: the part of that which had not been reserved.
    pub const BUDGET_EXCESS: &str = "ai_gateway.budget.excess";
    /// Counter, by budget and in its unit: what was reserved beyond prompts and never settled, so that its lease ended.
    pub const BUDGET_LAPSED: &str = "ai_gateway.budget.lapsed";
    /// Counter, by budget: requests that could not be settled.
    pub const BUDGET_UNSETTLED: &str = "ai_gateway.budget.unsettled";
    /// Counter, by model and provider: observations of that which were given up, because other workers wrote at the same time.
    pub const ESTIMATE_LOST: &str = "ai_gateway.estimate.lost";
    /// Histogram, by model and provider: milliseconds from when a request was sent on to when its answer, or a stream's first content, was passed on.
    pub const FIRST_BYTE: &str = "ai_gateway.first_byte.ms";
    /// Counter, by model and provider: answers that were not the first attempt's.
    pub const FALLBACKS: &str = "ai_gateway.fallbacks";
    /// Counter, by model and provider: what requests cost, in millionths of a dollar, where a price is known.
    pub const COST: &str = "ai_gateway.cost.micros";
}
