//! What ai-gateway's file may say.

use crate::raw::Api;
use crate::raw::budgets::RawBudgets;
use crate::raw::counting::{RawCounting, RawMode};
use crate::raw::identity::RawIdentity;
use crate::raw::prices::RawPrice;
use crate::raw::provider::RawAnthropicVersion;
use crate::read::List;

section! {
    /// The configuration of ai-gateway, the downstream filter.
    #[schema(title = "ai-gateway")]
    struct RawGateway;
    required {
        /// The models that clients may ask for, at least one.
        #[schema(extend("minItems" = 1))]
        models: List<RawModel>,
    }
    optional {
        /// Further names for models.
        #[schema(extend("default" = []))]
        aliases: List<RawAlias>,
        /// The largest request body that is read, in bytes. Larger ones get 413. Envoy's own buffer limit must be twice as large.
        #[schema(extend("minimum" = 1, "maximum" = crate::raw::LARGEST_MAX_BODY_BYTES, "default" = crate::raw::DEFAULT_MAX_BODY_BYTES))]
        max_body_bytes: u64,
        /// Whether Envoy lets the filter hold headers until the body is read (`allow_on_headers_stop_iteration: true`). Where it does
        /// not, all models must share one `route`.
        #[schema(extend("default" = true))]
        headers_held: bool,
        /// What becomes of requests to paths that are no LLM endpoint.
        #[schema(extend("default" = "refuse"))]
        other_paths: RawOtherPaths,
        /// How tokens are counted.
        counting: RawCounting,
        /// What callers may spend.
        budgets: RawBudgets,
        /// What models cost at their providers. One that no entry matches has no known price.
        #[schema(extend("default" = []))]
        prices: List<RawPrice>,
        /// Who is calling; everybody is anonymous where it is absent.
        identity: RawIdentity,
    }
}

section! {
    /// A model that clients may ask for.
    #[schema(rename = "Model")]
    struct RawModel;
    required {
        /// The name that clients ask for, or a prefix followed by `*`; `*` alone is every name. Exact names come first, then the longest prefix.
        #[schema(extend("minLength" = 1, "pattern" = r"^[^*]*\*?$"))]
        name: String,
    }
    optional {
        /// The value of the routing header `x-ai-model` that Envoy's routes match on, visible ASCII; the `name` where it is absent.
        #[schema(extend("minLength" = 1, "pattern" = "^[!-~]([ -~]*[!-~])?$"))]
        route: String,
        /// `owned_by` in the list of models.
        #[schema(extend("minLength" = 1, "default" = "system"))]
        owned_by: String,
        /// Where the model is served, in the order of the attempts; none where Envoy's routes alone decide.
        #[schema(extend("default" = []))]
        targets: List<RawTarget>,
        /// How tokens of this model are counted; as `counting.mode` says where it is absent.
        counting: RawMode,
        /// The most tokens that a prompt may have. A request with more is refused with 400, `context_length_exceeded`.
        #[schema(extend("minimum" = 1, "maximum" = crate::raw::counting::MOST_TOKENS))]
        max_input_tokens: u64,
    }
}

section! {
    /// A provider that serves a model.
    #[schema(rename = "Target", extend("if" = {"properties": {"api": {"const": "openai"}}}, "then" = {"properties": {"anthropic_version": false}}))]
    struct RawTarget;
    required {
        /// The provider's name, as in ai-provider's configuration.
        #[schema(extend("minLength" = 1, "maxLength" = 128, "pattern" = "^[A-Za-z0-9._:/-]+$"))]
        provider: String,
        /// The API that the provider speaks, `openai` or `anthropic`.
        api: Api,
    }
    optional {
        /// The model's name there. Without it the name that the client asked for is sent; with it, every name that a prefix matches
        /// is served by this one model.
        #[schema(extend("minLength" = 1, "pattern" = r"^[^*]*$"))]
        model: String,
        /// The `anthropic-version` that the provider is sent, as in ai-provider's configuration: what can be expressed there depends on it.
        #[schema(extend("default" = "2023-06-01"))]
        anthropic_version: RawAnthropicVersion,
    }
}

section! {
    /// Another name for a model. An alias is followed once.
    #[schema(rename = "Alias")]
    struct RawAlias;
    required {
        /// The name that clients ask for, or a prefix followed by `*`.
        #[schema(extend("minLength" = 1, "pattern" = r"^[^*]*\*?$"))]
        pattern as "match": String,
        /// The model that it stands for: the name of a model above, or a name that one of their prefixes matches.
        #[schema(extend("minLength" = 1, "pattern" = r"^[^*]*$"))]
        model: String,
    }
    optional {}
}

choice! {
    /// What becomes of requests to paths that are no LLM endpoint.
    #[schema(rename = "OtherPaths")]
    enum RawOtherPaths: "value" {
        /// 404 in OpenAI's shape: nothing reaches a provider unseen.
        Refuse = "refuse",
        /// Left to Envoy's routes, untouched but for internal headers.
        Pass = "pass",
    }
}
