//! What an AIGatewayRoute file may say: the input of the renderer, in which ai-gateway's own sections stand as its own file has them.

use crate::json::Node;
use crate::place::Place;
use crate::problem::Findings;
use crate::raw::budgets::RawBudgets;
use crate::raw::counting::{RawCounting, RawMode};
use crate::raw::gateway::RawAlias;
use crate::raw::identity::RawIdentity;
use crate::raw::prices::RawPrice;
use crate::read::{List, Map, Read};

/// What is said to somebody who writes a key into the file.
const KEYS_COME_FROM_THE_ENVIRONMENT: &str =
    "keys come from the environment: name the key in `apiKeyRef`, and keep the key itself out of this file";

section! {
    /// Models, who serves them, and what callers may spend. `ai-filters render route` makes a deployment of it.
    #[schema(title = "AIGatewayRoute")]
    struct RawRoute;
    required {
        /// `gateway.envoyproxy.io/v1alpha1`
        api_version as "apiVersion": RawApiVersion,
        /// `AIGatewayRoute`
        kind: RawKind,
        /// Its name.
        metadata: RawMetadata,
        /// What it does.
        spec: RawSpec,
    }
    optional {}
}

section! {
    /// Its name.
    #[schema(rename = "Metadata")]
    struct RawMetadata;
    required {
        /// The route's name; in a file with several, each has another.
        #[schema(extend("minLength" = 1))]
        name: String,
    }
    optional {
        /// The namespace of what is rendered for Kubernetes; one for all routes of a file.
        #[schema(extend("minLength" = 1, "maxLength" = 63, "pattern" = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
        namespace: String,
        /// Labels of everything that is rendered for Kubernetes.
        #[schema(extend("default" = {}))]
        labels: Map<String>,
        /// Annotations of everything that is rendered for Kubernetes.
        #[schema(extend("default" = {}))]
        annotations: Map<String>,
    }
}

section! {
    /// What a route does. `identity`, `budgets`, `sharedBudget`, `outlierDetection`, `replicas`, `prices`, `counting` and `listener` hold for
    /// the whole file: one of its routes says them.
    #[schema(rename = "Spec")]
    struct RawSpec;
    required {
        /// Who serves the models, at least one.
        #[schema(extend("minItems" = 1))]
        backends: List<RawBackend>,
    }
    optional {
        /// Further names for models.
        #[schema(extend("default" = []))]
        aliases: List<RawAlias>,
        /// What is different for one of the models.
        #[schema(extend("default" = []))]
        models: List<RawModelSettings>,
        /// How long anything may take, for the models of this route.
        timeouts: RawTimeouts,
        /// The most tokens that a prompt may have, for the models of this route.
        #[schema(extend("minimum" = 1, "maximum" = crate::raw::counting::MOST_TOKENS))]
        max_input_tokens as "maxInputTokens": u64,
        /// What each user may spend on the models of this route.
        rate_limit as "rateLimit": RawRateLimit,
        /// Further budgets: `budgets` in ai-gateway's configuration.
        budgets: Kept<RawBudgets>,
        /// A budget that all gateways of a fleet share, kept by the rate limit service.
        shared_budget as "sharedBudget": RawSharedBudget,
        /// When a provider's address is left out for a while, because it does nothing but fail. Never, where it is absent.
        outlier_detection as "outlierDetection": RawOutlierDetection,
        /// How many gateways run on this file, each with budgets of its own.
        #[schema(extend("minimum" = 1, "maximum" = 1000, "default" = 1))]
        replicas: u64,
        /// Who is calling: `identity` in ai-gateway's configuration. Where it is absent, `x-user-id` says it.
        identity: Kept<RawIdentity>,
        /// What models cost: `prices` in ai-gateway's configuration.
        #[schema(extend("default" = []))]
        prices: Kept<List<RawPrice>>,
        /// How tokens are counted: `counting` in ai-gateway's configuration.
        counting: Kept<RawCounting>,
        /// Where clients connect, and what stands there.
        listener: RawListener,
    }
    instead {
        "rules" => "that is Envoy AI Gateway's AIGatewayRoute: `ai-filters import envoy-ai-gateway FILE` converts it",
        "parentRefs" => "that is Envoy AI Gateway's AIGatewayRoute: `ai-filters import envoy-ai-gateway FILE` converts it",
        "timeout" => "the limits have their own names in `timeouts`: firstByte, idle, answer, total",
    }
}

section! {
    /// A model at a provider. Backends that clients see under one name serve one model: in the order of their priorities, those of one
    /// priority by their weights.
    #[schema(rename = "Backend")]
    struct RawBackend;
    required {
        /// Its name: in `x-ai-provider`, and that of its cluster.
        #[schema(extend("minLength" = 1, "maxLength" = 128, "pattern" = "^[a-z0-9][a-z0-9_-]*$"))]
        name: String,
        /// The API that it speaks.
        provider: RawProviderKind,
        /// The model's name that is sent to it. A prefix followed by `*`, or `*` alone, is every such name, sent as the client asked for it.
        #[schema(extend("minLength" = 1, "maxLength" = 128, "pattern" = r"^[^*]*\*?$"))]
        model: String,
    }
    optional {
        /// The model's name that clients see, or a prefix of such names followed by `*`; `model` where it is absent.
        #[schema(extend("minLength" = 1, "maxLength" = 128, "pattern" = r"^[^*]*\*?$"))]
        model_name_override as "modelNameOverride": String,
        /// When it is tried: the lowest first.
        #[schema(extend("minimum" = 0, "maximum" = u32::MAX, "default" = 0))]
        priority: u64,
        /// How often it is chosen among those of its priority; 0 is never.
        #[schema(extend("minimum" = 0, "maximum" = 1_000_000, "default" = 1))]
        weight: u64,
        /// Where its API begins, as SDKs take it; the provider's own where it is absent.
        #[schema(extend("pattern" = "^https?://"))]
        base_url as "baseUrl": String,
        /// How it knows us.
        auth: RawBackendAuth,
        /// `max_tokens` where the client gave none; only for `anthropic`, whose API requires it.
        #[schema(extend("minimum" = 1, "maximum" = u32::MAX, "default" = crate::raw::provider::DEFAULT_MAX_TOKENS))]
        default_max_tokens as "defaultMaxTokens": u64,
        /// Headers that are set on every request to it. No secrets.
        #[schema(extend("default" = {}))]
        headers: Map<String>,
        /// Client headers that may go to it, beside those that the filter itself sends. Never credentials or internal headers.
        #[schema(extend("default" = []))]
        pass_request_headers as "passRequestHeaders": List<String>,
        /// Its headers that may go to clients, beside those that the filter itself sends.
        #[schema(extend("default" = []))]
        pass_response_headers as "passResponseHeaders": List<String>,
    }
    instead {
        "apiKey" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "key" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "token" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "host" => "the host goes into `baseUrl`: `https://HOST/v1`",
    }
}

section! {
    /// How a backend knows us.
    #[schema(rename = "BackendAuth")]
    struct RawBackendAuth;
    required {
        /// `APIKey` or `None`.
        kind as "type": RawBackendAuthType,
    }
    optional {
        /// Which key; only for `APIKey`.
        api_key_ref as "apiKeyRef": RawKeyRef,
    }
    instead {
        "apiKey" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "key" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "token" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "value" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "secret" => KEYS_COME_FROM_THE_ENVIRONMENT,
    }
}

section! {
    /// A key by its name, never the key itself.
    #[schema(rename = "KeyRef")]
    struct RawKeyRef;
    required {
        /// The key's name, as of a Kubernetes Secret. In a process it is an environment variable: `openai-key` is `OPENAI_API_KEY`.
        #[schema(extend("minLength" = 1, "maxLength" = 63, "pattern" = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
        name: String,
    }
    optional {
        /// That environment variable, where it is another.
        #[schema(extend("pattern" = "^[A-Za-z_][A-Za-z0-9_]*$"))]
        env: String,
        /// The entry of that Secret.
        #[schema(extend("default" = "key", "minLength" = 1, "maxLength" = 63, "pattern" = "^[a-z0-9][a-z0-9._-]*$"))]
        entry: String,
    }
    instead {
        "apiKey" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "key" => "the entry of the Secret goes into `entry`; the key itself stays out of this file",
        "value" => KEYS_COME_FROM_THE_ENVIRONMENT,
    }
}

section! {
    /// What is different for one model.
    #[schema(rename = "ModelSettings")]
    struct RawModelSettings;
    required {
        /// The model's name as clients see it: a `modelNameOverride`, or a `model`, of this route's backends.
        #[schema(extend("minLength" = 1, "maxLength" = 128))]
        name: String,
    }
    optional {
        /// How its tokens are counted; as `counting.mode` says where it is absent.
        counting: RawMode,
        /// The most tokens that a prompt for it may have; as `maxInputTokens` of the route says where it is absent.
        #[schema(extend("minimum" = 1, "maximum" = crate::raw::counting::MOST_TOKENS))]
        max_input_tokens as "maxInputTokens": u64,
    }
}

section! {
    /// A budget of tokens for each caller, which all gateways of a fleet share: the rate limit service keeps it in Redis.
    #[schema(rename = "SharedBudget", extend("anyOf" = [{"required": ["perMinute"]}, {"required": ["perHour"]}, {"required": ["perDay"]}]))]
    struct RawSharedBudget;
    required {}
    optional {
        /// Each caller's tokens in a minute.
        #[schema(extend("minimum" = 1, "maximum" = u32::MAX))]
        per_minute as "perMinute": u64,
        /// Each caller's tokens in an hour.
        #[schema(extend("minimum" = 1, "maximum" = u32::MAX))]
        per_hour as "perHour": u64,
        /// Each caller's tokens in a day, UTC.
        #[schema(extend("minimum" = 1, "maximum" = u32::MAX))]
        per_day as "perDay": u64,
        /// Where the rate limit service is reached by gRPC, `HOST:PORT`.
        #[schema(extend("default" = "ratelimit:8081"))]
        service: String,
        /// How long it may take to answer. A request asks it once for each window.
        #[schema(extend("default" = "100ms", "pattern" = "^[0-9]+(ms|s|m|h)$"))]
        timeout: String,
        /// What becomes of requests while it does not answer.
        #[schema(extend("default" = "serve"))]
        on_failure as "onFailure": RawOnFailure,
    }
    instead {
        "perUser" => "a shared budget has windows: `perDay` is each caller's in a day",
    }
}

section! {
    /// When a provider's address is left out: stock Envoy's outlier detection. It judges by what all callers and models get there.
    #[schema(rename = "OutlierDetection")]
    struct RawOutlierDetection;
    required {
        /// How many failures one after the other: no connection, silence, and every 5xx.
        #[schema(extend("minimum" = 1, "maximum" = 1000))]
        failures: u64,
    }
    optional {
        /// For how long it is left out; as often again each time that follows.
        #[schema(extend("default" = "30s", "pattern" = "^[0-9]+(ms|s|m|h)$"))]
        ejection_time as "ejectionTime": String,
    }
}

choice! {
    /// What becomes of requests while the rate limit service does not answer.
    #[schema(rename = "OnFailure")]
    enum RawOnFailure: "choice" {
        /// They are served; `x-ai-global-budget: unchecked` says so.
        Serve = "serve",
        /// They are refused with 503.
        Refuse = "refuse",
    }
}

section! {
    /// How long anything may take: `500ms`, `30s`, `5m`, `1h`.
    #[schema(rename = "Timeouts")]
    struct RawTimeouts;
    required {}
    optional {
        /// Until the first content of a stream, in each attempt.
        #[schema(extend("default" = "30s", "pattern" = "^[0-9]+(ms|s|m|h)$"))]
        first_byte as "firstByte": String,
        /// Between two pieces of a stream.
        #[schema(extend("default" = "60s", "pattern" = "^[0-9]+(ms|s|m|h)$"))]
        idle: String,
        /// One attempt's whole answer that is no stream.
        #[schema(extend("default" = "5m", "pattern" = "^[0-9]+(ms|s|m|h)$"))]
        answer: String,
        /// The whole request over all attempts.
        #[schema(extend("default" = "15m", "pattern" = "^[0-9]+(ms|s|m|h)$"))]
        total: String,
    }
}

section! {
    /// What each user may spend.
    #[schema(rename = "RateLimit")]
    struct RawRateLimit;
    required {
        /// In tokens.
        token_budget as "tokenBudget": RawTokenBudget,
    }
    optional {}
}

section! {
    /// Tokens, of prompts and answers together.
    #[schema(rename = "TokenBudget", extend("minProperties" = 1))]
    struct RawTokenBudget;
    required {}
    optional {
        /// Each user's in a day, UTC.
        #[schema(extend("minimum" = 1, "maximum" = crate::raw::counting::MOST_TOKENS))]
        per_user as "perUser": u64,
        /// Each user's in a minute.
        #[schema(extend("minimum" = 1, "maximum" = crate::raw::counting::MOST_TOKENS))]
        per_minute as "perMinute": u64,
    }
    instead {
        "perDay" => "`perUser` is each user's in a day; other windows and scopes go into `spec.budgets`",
        "perHour" => "other windows and scopes go into `spec.budgets`",
        "perTeam" => "other windows and scopes go into `spec.budgets`",
    }
}

section! {
    /// Where clients connect, and what stands there.
    #[schema(rename = "Listener")]
    struct RawListener;
    required {}
    optional {
        /// Where clients connect.
        #[schema(extend("default" = "0.0.0.0:10000"))]
        address: String,
        /// Envoy's admin interface. Whoever reaches it can stop Envoy, so it is on loopback.
        #[schema(extend("default" = "127.0.0.1:9901"))]
        admin: String,
        /// The certificate that clients are shown; plain HTTP where it is absent.
        tls: RawTls,
        /// The largest body that the filters read or write, in bytes. Envoy's own buffer limits are rendered twice as large.
        #[schema(extend("minimum" = 1024, "maximum" = 134_217_728, "default" = crate::raw::DEFAULT_MAX_BODY_BYTES))]
        max_body_bytes as "maxBodyBytes": u64,
        /// The certificate authorities that providers are verified against, a file as Envoy sees it.
        #[schema(extend("default" = "/etc/ssl/certs/ca-certificates.crt"))]
        ca_bundle as "caBundle": String,
        /// Whether each request is told on stdout.
        #[schema(extend("default" = true))]
        access_log as "accessLog": bool,
    }
}

section! {
    /// The certificate that clients are shown: two files, as Envoy sees them, and on Kubernetes a Secret.
    #[schema(rename = "Tls", extend("minProperties" = 1, "dependentRequired" = {"certificate": ["key"], "key": ["certificate"]}))]
    struct RawTls;
    required {}
    optional {
        /// The certificate and those that lead to its authority, PEM.
        certificate: String,
        /// Its private key, PEM.
        key: String,
        /// The Secret with both, of type `kubernetes.io/tls`, in the namespace of the route.
        #[schema(extend("minLength" = 1, "maxLength" = 253, "pattern" = "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"))]
        secret_name as "secretName": String,
    }
}

choice! {
    /// The version of this format.
    #[schema(rename = "ApiVersion")]
    enum RawApiVersion: "version" {
        /// The only one.
        V1Alpha1 = "gateway.envoyproxy.io/v1alpha1",
    }
}

choice! {
    /// What a document is.
    #[schema(rename = "Kind")]
    enum RawKind: "kind" {
        /// The only one.
        Route = "AIGatewayRoute",
    }
}

choice! {
    /// The API that a backend speaks.
    #[schema(rename = "ProviderKind")]
    enum RawProviderKind: "provider" {
        /// OpenAI Chat Completions, and every server that is compatible with it.
        OpenAi = "openai",
        /// Anthropic Messages.
        Anthropic = "anthropic",
    }
}

choice! {
    /// How a backend knows us.
    #[schema(rename = "BackendAuthType")]
    enum RawBackendAuthType: "authentication" {
        /// By a key, in the header that its API has for it.
        ApiKey = "APIKey",
        /// It does not ask.
        None = "None",
    }
}

/// A section, and its JSON as it was given: the renderer passes it on.
pub(crate) struct Kept<T> {
    pub(crate) section: T,
    pub(crate) json: String,
}

impl<T: Read> Read for Kept<T> {
    fn read(node: Node, place: &Place, findings: &mut Findings) -> Option<Self> {
        let json = node.value.to_json();
        T::read(node, place, findings).map(|section| Self { section, json })
    }
}
