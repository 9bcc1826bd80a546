//! Names that both filters, the configurations and the documentation agree on.

/// Prefix of every header that belongs to the filters. What a client sends under it is removed.
pub const INTERNAL_HEADER_PREFIX: &str = "x-ai-";

/// Request header set by ai-gateway: the name of the configured model route; what Envoy's routes match on.
pub const MODEL_HEADER: &str = "x-ai-model";
/// Request header set by ai-gateway to `true` where the client asked for a stream; what Envoy's routes choose their time limits by.
pub const STREAM_HEADER: &str = "x-ai-stream";
/// Request header set by ai-gateway only when some planned target cannot express the request: the comma-separated providers that can.
pub const PLAN_HEADER: &str = "x-ai-plan";

/// Response header: the provider that answered.
pub const ANSWERED_BY_HEADER: &str = "x-ai-provider";
/// Response header: the model that answered, under the provider's own name for it.
pub const ANSWERED_MODEL_HEADER: &str = "x-ai-model";
/// Response header: how many attempts it took.
pub const ATTEMPTS_HEADER: &str = "x-ai-attempts";

/// Filter state: the [`RequestContext`](crate::RequestContext) of this request.
pub const CONTEXT_KEY: &str = "ai.context.v1";
/// Filter state: the request's headers as they were before the first attempt changed any, without credentials.
pub const ORIGINAL_HEADERS_KEY: &str = "ai.headers.v1";
/// Filter state: the last failed attempt as an [`EarlierFailure`](crate::EarlierFailure).
pub const FAILURE_KEY: &str = "ai.failure.v1";

/// Filter state: the status that the client is to see of the last failed attempt, where the router had to see another one; else empty.
pub const STATUS_KEY: &str = "ai.status.v1";

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

/// The statuses on which every rendered route retries (`retriable_status_codes`). It is how ai-provider speaks to Envoy's router: a failure that
/// another target may mend leaves it with one of these.
pub const RETRIED_STATUSES: [u16; 6] = [408, 429, 500, 502, 503, 504];
