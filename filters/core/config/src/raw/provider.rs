//! What ai-provider's file may say.

use crate::raw::Api;
use crate::read::{List, Map};

/// The default of `default_max_tokens`.
pub(crate) const DEFAULT_MAX_TOKENS: u32 = 4096;

/// What is said to somebody who writes a key into the file.
const KEYS_COME_FROM_THE_ENVIRONMENT: &str =
    "keys come from the environment: name the variable in `env`, and keep the key itself out of this file";

section! {
    /// The configuration of ai-provider, the upstream filter.
    #[schema(title = "ai-provider", extend("oneOf" = [{"required": ["provider"]}, {"required": ["select"]}]))]
    struct RawProviders;
    required {
        /// The providers by name; the name is what ai-gateway's targets and Envoy's metadata say.
        #[schema(extend("minProperties" = 1, "propertyNames" = {"minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9._:/-]+$"}))]
        providers: Map<RawProvider>,
    }
    optional {
        /// The one provider of the cluster that this filter stands in. Exactly one of `provider` and `select` is given.
        provider: String,
        /// Where the provider of an attempt is read. Exactly one of `provider` and `select` is given.
        select: RawSelect,
        /// The largest body that is read or written, in bytes; must be below Envoy's own buffer limit.
        #[schema(extend("minimum" = 1, "maximum" = crate::raw::LARGEST_MAX_BODY_BYTES, "default" = crate::raw::DEFAULT_MAX_BODY_BYTES))]
        max_body_bytes: u64,
    }
}

section! {
    /// The metadata that names the provider: its namespace, then the keys to the name. Exactly one of the three.
    #[schema(rename = "Select", extend("minProperties" = 1, "maxProperties" = 1))]
    struct RawSelect;
    required {}
    optional {
        /// Metadata of the endpoint that Envoy chose, for example `["ai", "provider"]`.
        #[schema(extend("minItems" = 2, "items" = {"type": "string", "minLength": 1}))]
        host_metadata: List<String>,
        /// Metadata of the endpoint's locality, for example `["envoy-gateway", "resources", "0", "name"]`.
        #[schema(extend("minItems" = 2, "items" = {"type": "string", "minLength": 1}))]
        locality_metadata: List<String>,
        /// Metadata of the cluster.
        #[schema(extend("minItems" = 2, "items" = {"type": "string", "minLength": 1}))]
        cluster_metadata: List<String>,
    }
}

section! {
    /// One provider.
    #[schema(rename = "Provider", extend("if" = {"properties": {"api": {"const": "openai"}}}, "then" = {"properties": {"anthropic_version": false, "default_max_tokens": false}}))]
    struct RawProvider;
    required {
        /// The API that it speaks, `openai` or `anthropic`.
        api: Api,
        /// Its host, with `:port` where that is part of its name; what `:authority` says.
        #[schema(extend("minLength" = 1))]
        authority: String,
        /// How it knows us: `{"type": "api_key", "env": "…"}` or `{"type": "none"}`.
        auth: RawAuth,
    }
    optional {
        /// What stands before the API's endpoint in the path. `/v1` for `openai`, nothing for `anthropic`.
        #[schema(extend("pattern" = "^(/[^/?#\\s]+)*$"))]
        base_path: String,
        /// The model's name there, where ai-gateway's targets do not say.
        #[schema(extend("minLength" = 1, "pattern" = r"^[^*]*$"))]
        model: String,
        /// The model's name as clients see it, where ai-gateway is not installed; else what they asked for.
        #[schema(extend("minLength" = 1, "pattern" = r"^[^*]*$"))]
        model_name_override: String,
        /// `max_tokens` where the client gave none; only for `anthropic`, whose API requires it.
        #[schema(extend("minimum" = 1, "maximum" = u32::MAX, "default" = DEFAULT_MAX_TOKENS))]
        default_max_tokens: u64,
        /// The header `anthropic-version`; only for `anthropic`.
        #[schema(extend("default" = "2023-06-01"))]
        anthropic_version: RawAnthropicVersion,
        /// Headers that are set on every request to it. No secrets: they appear in logs of the configuration.
        #[schema(extend("default" = {}))]
        headers: Map<String>,
        /// Client headers that may go to it, beside those that the filter itself sends. Never credentials or internal headers.
        #[schema(extend("default" = []))]
        pass_request_headers: List<String>,
        /// Its headers that may go to clients, beside those that the filter itself sends.
        #[schema(extend("default" = []))]
        pass_response_headers: List<String>,
        /// Its statuses after which another target is tried; 408, 429 and every 5xx where this is absent.
        #[schema(extend("uniqueItems" = true, "items" = {"type": "integer", "minimum": 400, "maximum": 599}))]
        retry_statuses: List<u64>,
    }
    instead {
        "key" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "api_key" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "host" => "the host goes into `authority`",
        "url" => "the host goes into `authority`, the path into `base_path`; TLS is configured on Envoy's cluster",
        "base_url" => "the host goes into `authority`, the path into `base_path`; TLS is configured on Envoy's cluster",
    }
}

section! {
    /// How a provider knows us.
    #[schema(rename = "Auth", extend("if" = {"properties": {"type": {"const": "api_key"}}}, "then" = {"required": ["env"]}, "else" = {"properties": {"env": false}}))]
    struct RawAuth;
    required {
        /// `api_key` or `none`.
        kind as "type": RawAuthType,
    }
    optional {
        /// The environment variable that holds the key; only for `api_key`. Envoy passes it on where
        /// `vm_config.environment_variables.host_env_keys` lists it.
        #[schema(extend("pattern" = "^[A-Za-z_][A-Za-z0-9_]*$"))]
        env: String,
    }
    instead {
        "key" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "api_key" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "token" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "secret" => KEYS_COME_FROM_THE_ENVIRONMENT,
        "value" => KEYS_COME_FROM_THE_ENVIRONMENT,
    }
}

choice! {
    /// How a provider knows us.
    #[schema(rename = "AuthType")]
    enum RawAuthType: "authentication" {
        /// By a key, in the header that its API has for it.
        ApiKey = "api_key",
        /// By nothing that the filter adds: an open server, or Envoy's `credential_injector` after it.
        None = "none",
    }
}

choice! {
    /// A version of Anthropic's API.
    #[schema(rename = "AnthropicVersion")]
    enum RawAnthropicVersion: "version" {
        /// The version that takes `temperature`, which OpenAI clients send.
        V20230601 = "2023-06-01",
        /// Refuses sampling parameters.
        V20261021 = "2026-10-21",
    }
}

impl RawAnthropicVersion {
    /// The version as the header says it.
    pub(crate) const fn header(self) -> &'static str {
        match self {
            Self::V20230601 => "2023-06-01",
            Self::V20261021 => "2026-10-21",
        }
    }
}
