//! Configurations that are accepted, by the filter and by the schema.

/// ai-gateway with everything said.
pub(crate) const GATEWAY: &str = r#"{
  "models": [
    {"name": "gpt-4", "targets": [
      {"provider": "openai", "api": "openai", "model": "gpt-4"},
      {"provider": "anthropic", "api": "anthropic", "model": "claude-3-opus"}
    ]},
    {"name": "gpt-4o*", "route": "openai-any", "owned_by": "openai", "targets": [{"provider": "openai", "api": "openai"}]},
    {"name": "模型", "route": "model"}
  ],
  "aliases": [{"match": "fast", "model": "gpt-4"}, {"match": "claude-*", "model": "gpt-4"}, {"match": "mini", "model": "gpt-4o-mini"}],
  "max_body_bytes": 1048576.0,
  "headers_held": true,
  "other_paths": "pass"
}"#;

/// ai-gateway with everything said about counting.
pub(crate) const COUNTING: &str = r#"{
  "models": [
    {"name": "a", "counting": "exact", "max_input_tokens": 128000},
    {"name": "b", "counting": "off"},
    {"name": "c"}
  ],
  "counting": {
    "mode": "estimate",
    "extrapolate_above_bytes": 65536,
    "input_tokens_header": true,
    "local_endpoints": true,
    "families": [
      {"match": "my-gpt", "like": "gpt-4o", "charges": {"file": 5000, "audio": 0}},
      {"match": "house-*", "encoding": "cl100k_base", "exact": true},
      {"match": "llama-*", "encoding": "o200k_base", "permille": {"latin": 1030, "code": 1000, "cjk": 1100, "other": 1250}}
    ]
  }
}"#;

/// ai-gateway with everything said about prices.
pub(crate) const PRICES: &str = r#"{
  "models": [{"name": "*"}],
  "prices": [
    {"match": "gpt-4o", "input": 2.50, "cached_input": "1.25", "output": 1.0e1},
    {"match": "claude-sonnet-4-5*", "provider": "anthropic", "input": "3", "cached_input": "0.30", "cache_write_5m": "3.75", "cache_write_1h": "6",
     "output": "15", "tiers": [
       {"above_prompt_tokens": 200000, "input": "6", "cached_input": "0.60", "cache_write_5m": "7.50", "cache_write_1h": "12", "output": "22.50"}]},
    {"match": "o*", "input": 0.000000000001, "output": "0.1", "reasoning": 100000, "per_request": "0.005"},
    {"match": "*", "provider": "local", "input": 0, "output": -0}
  ]
}"#;

/// ai-gateway with everything said about budgets.
pub(crate) const BUDGETS: &str = r#"{
  "models": [
    {"name": "gpt-4", "targets": [{"provider": "openai", "api": "openai"}]},
    {"name": "gpt-4o*", "targets": [{"provider": "openai", "api": "openai"}]},
    {"name": "small"}
  ],
  "identity": {"header": {"team": "x-team-id"}},
  "prices": [{"match": "gpt-4", "input": 30, "output": 60}],
  "budgets": {
    "limits": [
      {"name": "user-minute", "per": ["user", "model"], "rate": {"amount": 10000, "per": "minute", "burst": 20000.0}, "hard_stop": true},
      {"name": "team-month", "per": ["team"], "models": ["gpt-4"], "unit": "dollars", "status": 402,
       "quota": {"amount": "500.25", "window": "month", "utc_offset": "-05:30"}, "downgrade": {"to": "gpt-4o-mini"}},
      {"name": "all", "models": ["gpt-*"], "mode": "shadow", "unit": "weighted_tokens", "weights": {"cached_permille": 100},
       "quota": {"amount": 0, "window": "week"}, "callers": 5, "when_full": "refuse"}
    ],
    "default_completion_tokens": 100,
    "completions": "bounded",
    "least_completion_tokens": 7,
    "lease_seconds": 60,
    "unseen_answer": "prompt",
    "keys": 10,
    "headers": false
  }
}"#;

/// ai-gateway with everything said about identity.
pub(crate) const IDENTITY: &str = r#"{
  "models": [{"name": "*"}],
  "prices": [{"match": "gpt-4*", "input": 1, "output": 1}],
  "identity": {
    "sources": ["jwt", "header", "virtual_keys", "api_keys"],
    "header": {"user": "X-Auth-User", "team": "x-auth-team"},
    "api_keys": [
      {"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "user": "alice", "id": "ci", "team": "search", "models": ["gpt-4*"],
       "limits": {"tokens_per_minute": 1, "tokens_per_day": 2, "tokens_per_month": 3, "micro_dollars_per_month": 4, "requests_per_minute": 5}}
    ],
    "virtual_keys": {
      "issuer": "house",
      "public_keys": [{"kid": "2026-11", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}],
      "revoked": ["k1"],
      "revoked_before": [{"user": "bob", "before": 1800000000}, {"before": 1700000000}],
      "leeway_seconds": 0
    },
    "jwt": {
      "issuers": ["https://a.example/"],
      "audiences": ["ai"],
      "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "x5t": "of others"}]},
      "jwks_from": {"cluster": "idp", "authority": "a.example:8443", "path": "/jwks?v=1", "interval_seconds": 60, "timeout_seconds": 2},
      "secrets": [{"env": "KEY", "kid": "s"}],
      "user_claim": "email",
      "team_claim": "https://a.example/team",
      "leeway_seconds": 30
    },
    "anonymous": "allow",
    "unknown_credentials": "ignore"
  }
}"#;

/// Further configurations of ai-gateway.
pub(crate) const GATEWAYS: &[&str] = &[
    GATEWAY,
    COUNTING,
    PRICES,
    BUDGETS,
    r#"{"models": [{"name": "a"}], "budgets": {}}"#,
    IDENTITY,
    r#"{"models": [{"name": "a"}], "identity": {}}"#,
    r#"{"models": [{"name": "a"}], "identity": {"header": {}}}"#,
    r#"{"models": [{"name": "a"}], "identity": {"header": {}, "anonymous": "refuse"}}"#,
    r#"{"models": [{"name": "*"}]}"#,
    r#"{"models": [{"name": "a"}, {"name": "b", "route": "a"}], "headers_held": false, "aliases": [], "max_body_bytes": 536870912}"#,
];

/// ai-provider of the two providers, with everything said.
pub(crate) const PROVIDER: &str = r#"{
  "provider": "openai",
  "providers": {
    "openai": {"api": "openai", "authority": "api.openai.com", "base_path": "/v1", "model": "gpt-4",
               "auth": {"type": "api_key", "env": "OPENAI_API_KEY"}},
    "anthropic": {"api": "anthropic", "authority": "api.anthropic.com", "base_path": "", "model": "claude-3-opus",
                  "model_name_override": "gpt-4", "auth": {"type": "api_key", "env": "ANTHROPIC_API_KEY"},
                  "default_max_tokens": 1024, "anthropic_version": "2026-10-21", "headers": {"Anthropic-Beta": "a, b"},
                  "pass_request_headers": ["X-Trace"], "pass_response_headers": ["Request-Id"],
                  "retry_statuses": [408, 429, 529]}
  },
  "max_body_bytes": 1
}"#;

/// Further configurations of ai-provider.
pub(crate) const PROVIDERS: &[&str] = &[
    PROVIDER,
    r#"{"select": {"host_metadata": ["ai", "provider"]}, "providers": {"a": {"api": "anthropic", "authority": "[::1]:8443", "auth": {"type": "none"}}}}"#,
    r#"{"select": {"locality_metadata": ["envoy-gateway", "resources", "0", "name"]}, "providers": {"ns/a": {"api": "openai", "authority": "llm_1.internal:80", "auth": {"type": "none"}, "retry_statuses": []}}}"#,
    r#"{"select": {"cluster_metadata": ["ai", "provider"]}, "providers": {"a": {"api": "openai", "authority": "10.0.0.1", "base_path": "/openai/v1", "auth": {"type": "none"}}}}"#,
];
