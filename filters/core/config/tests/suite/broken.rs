//! Broken configurations, the message that each gets, and whether a schema can tell.

/// A broken configuration.
pub(crate) struct Broken {
    /// What is wrong with it.
    pub(crate) name: &'static str,
    /// Its text.
    pub(crate) json: &'static str,
    /// Every problem, as it is displayed.
    pub(crate) problems: &'static str,
    /// Whether the generated schema refuses it too; `None` where it is no JSON that a schema would be given, or a duplicate key.
    pub(crate) schema_tells: Option<bool>,
}

/// Of ai-gateway.
pub(crate) const GATEWAY: &[Broken] = &[
    Broken {
        name: "empty",
        json: "  \n",
        problems: r#"configuration: empty
  hint: give the filter its JSON in Envoy's `configuration`, as a google.protobuf.StringValue whose `value` is the text"#,
        schema_tells: None,
    },
    Broken {
        name: "not an object",
        json: "[]",
        problems: r#"configuration: expected an object, got a list
  hint: write an object: {…}"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "syntax",
        json: r#"{
  "models": [
    {"name": "gpt-4",}
  ]
}"#,
        problems: r#"configuration: not valid JSON at line 3, column 22: trailing comma
  hint: remove the comma in front of the closing bracket"#,
        schema_tells: None,
    },
    Broken {
        name: "cut off",
        json: r#"{"models": [{"name": "gpt-4""#,
        problems: r#"configuration: not valid JSON at line 1, column 28: EOF while parsing an object
  hint: the text ends too early: a bracket or a quote is left open"#,
        schema_tells: None,
    },
    Broken {
        name: "a comment",
        json: r#"{"models": [] // none yet
}"#,
        problems: r#"configuration: not valid JSON at line 1, column 15: expected `,` or `}`
  hint: look just before this place for a missing comma, quote or bracket; JSON has no comments"#,
        schema_tells: None,
    },
    Broken {
        name: "two documents",
        json: r#"{"models": [{"name": "a"}]} {}"#,
        problems: r#"configuration: not valid JSON at line 1, column 29: trailing characters
  hint: the configuration is one JSON object, and nothing follows it"#,
        schema_tells: None,
    },
    Broken {
        name: "missing models",
        json: "{}",
        problems: r#"models: missing field
  hint: add `models`: The models that clients may ask for, at least one."#,
        schema_tells: Some(true),
    },
    Broken {
        name: "no models",
        json: r#"{"models": []}"#,
        problems: r#"models: no model is configured
  hint: add one; `{"name": "*"}` lets every name through to Envoy's routes"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "several at once in the order of the document",
        json: r#"{"modles": 1, "max_body_bytes": "8 MiB", "other_paths": "allow", "models": [{"name": "gpt-4", "targets": [{"provider": "openai", "api": "opanei"}, {"api": "anthropic", "modle": 3}]}, {"route": 7}, 5, null], "aliases": {"match": "a", "model": "gpt-4"}, "headers_held": "yes"}"#,
        problems: r#"modles: unknown field (known: `models`, `aliases`, `max_body_bytes`, `headers_held`, `other_paths`, `counting`, `budgets`, `prices`, `identity`)
  hint: did you mean `models`?
max_body_bytes: expected a whole number, got a string
  hint: write it without quotes
other_paths: unknown value `allow` (known: `refuse`, `pass`)
  hint: use one of the known ones
models[0].targets[0].api: unknown API `opanei` (known: `openai`, `anthropic`)
  hint: did you mean `openai`?
models[0].targets[1].provider: missing field
  hint: add `provider`: The provider's name, as in ai-provider's configuration.
models[0].targets[1].modle: unknown field (known: `provider`, `api`, `model`, `anthropic_version`)
  hint: did you mean `model`?
models[1].name: missing field
  hint: add `name`: The name that clients ask for, or a prefix followed by `*`; `*` alone is every name. Exact names come first, then the longest prefix.
models[1].route: expected a string, got a number
  hint: put it in quotes
models[2]: expected an object, got a number
  hint: write an object: {…}
models[3]: expected an object, got null
  hint: leave it out instead of writing null
aliases: expected a list, got an object
  hint: put it in brackets: […]
headers_held: expected a boolean, got a string
  hint: write it without quotes"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "given twice",
        json: r#"{"models": [{"name": "a", "name": "b"}], "max_body_bytes": 1, "max_body_bytes": 2}"#,
        problems: r#"models[0].name: given twice
  hint: keep one of the two: JSON readers would silently take the last
max_body_bytes: given twice
  hint: keep one of the two: JSON readers would silently take the last"#,
        schema_tells: None,
    },
    Broken {
        name: "names",
        json: r#"{"models": [{"name": ""}, {"name": "a\nb"}, {"name": " a"}, {"name": "g*t"}, {"name": "**"}, {"name": "模型"}, {"name": "b", "route": "é"}, {"name": "c", "owned_by": "", "route": ""}]}"#,
        problems: r#"models[0].name: is empty
  hint: write a name, or leave it out where it is optional
models[1].name: `a\nb` has a control character
  hint: remove line breaks, tabs and the like
models[2].name: ` a` has a space at its beginning or end
  hint: write `a`
models[3].name: `g*t` has a `*` that is not at its end
  hint: only prefixes are matched, for example `gpt-4o*`
models[4].name: `**` has a `*` that is not at its end
  hint: only prefixes are matched, for example `gpt-4o*`
models[5].name: `模型` cannot be sent as the routing header `x-ai-model`
  hint: give this model a `route` of printable ASCII
models[6].route: is no header value
  hint: use printable ASCII, not empty, without spaces at the beginning or end
models[7].owned_by: is empty
  hint: write a name, or leave it out where it is optional
models[7].route: is no header value
  hint: use printable ASCII, not empty, without spaces at the beginning or end"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "names that only the filter can check",
        json: r#"{"models": [{"name": "a\nb"}, {"name": " a"}, {"name": "模型"}]}"#,
        problems: r#"models[0].name: `a\nb` has a control character
  hint: remove line breaks, tabs and the like
models[1].name: ` a` has a space at its beginning or end
  hint: write `a`
models[2].name: `模型` cannot be sent as the routing header `x-ai-model`
  hint: give this model a `route` of printable ASCII"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "duplicate names",
        json: r#"{"models": [{"name": "gpt-4"}, {"name": "gpt-*"}, {"name": "gpt-4"}], "aliases": [{"match": "fast", "model": "gpt-4"}, {"match": "fast", "model": "gpt-5"}, {"match": "gpt-4", "model": "gpt-4o"}, {"match": "gpt-*", "model": "gpt-4"}]}"#,
        problems: r#"models[2].name: `gpt-4` is the model at `models[0].name` already
  hint: remove one of the two model entries, or rename it
aliases[1].match: `fast` is the alias at `aliases[0].match` already
  hint: remove one of the two alias entries, or rename it
aliases[2].match: `gpt-4` is the model at `models[0].name` already
  hint: an alias may not hide a model: rename it, or remove the model
aliases[3].match: `gpt-*` is the model at `models[1].name` already
  hint: an alias may not hide a model: rename it, or remove the model"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "targets",
        json: r#"{"models": [{"name": "a", "targets": [{"provider": "openai", "api": "openai"}, {"provider": "openai", "api": "anthropic", "model": "b"}, {"provider": "my provider", "api": "openai", "model": "gpt-*"}]}]}"#,
        problems: r#"models[0].targets[1].provider: `openai` is a target of this model already
  hint: name each provider once in a model; for a second model there, give ai-provider the provider under a second name
models[0].targets[1].provider: `openai` speaks `anthropic` here and `openai` at `models[0].targets[0].provider`
  hint: a provider speaks one API: correct one of the two, or use two names
models[0].targets[2].provider: `my provider` is no name for a provider
  hint: use 1 to 128 letters, digits and `.`, `_`, `:`, `/`, `-`
models[0].targets[2].model: `gpt-*` is a pattern where one model's name belongs
  hint: name one model, without `*`; a target without `model` is sent the name that was asked for"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "one provider with two APIs",
        json: r#"{"models": [{"name": "a", "targets": [{"provider": "x", "api": "openai"}]}, {"name": "b", "targets": [{"provider": "x", "api": "anthropic"}]}]}"#,
        problems: r#"models[1].targets[0].provider: `x` speaks `anthropic` here and `openai` at `models[0].targets[0].provider`
  hint: a provider speaks one API: correct one of the two, or use two names"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "dangling aliases",
        json: r#"{"models": [{"name": "gpt-4"}, {"name": "o3"}], "aliases": [{"match": "fast", "model": "gpt4"}, {"match": "best", "model": "claude-3-opus"}, {"match": "c", "model": "gpt-*"}]}"#,
        problems: r#"aliases[0].model: unknown model `gpt4` (configured: `gpt-4`, `o3`)
  hint: did you mean `gpt-4`?
aliases[1].model: unknown model `claude-3-opus` (configured: `gpt-4`, `o3`)
  hint: add it to `models`, or name one of them
aliases[2].model: `gpt-*` is a pattern where one model's name belongs
  hint: name one model, without `*`; a target without `model` is sent the name that was asked for"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "aliases of aliases",
        json: r#"{"models": [{"name": "gpt-4"}], "aliases": [{"match": "a", "model": "b"}, {"match": "b", "model": "gpt-4"}, {"match": "c", "model": "c"}, {"match": "d-*", "model": "d-1"}]}"#,
        problems: r#"aliases[0].model: `b` is itself an alias, and an alias is followed once
  hint: name a model; `b` has to stand among the `models` itself
aliases[2].model: `c` is itself an alias, and an alias is followed once
  hint: name a model; `c` has to stand among the `models` itself
aliases[3].model: `d-1` matches the alias `d-*`, and an alias is followed once
  hint: name a model; `d-1` has to stand among the `models` itself"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "an alias is not called dangling while a model is unreadable",
        json: r#"{"models": [{"name": 4}], "aliases": [{"match": "fast", "model": "gpt-4"}]}"#,
        problems: r#"models[0].name: expected a string, got a number
  hint: put it in quotes"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "body limits",
        json: r#"{"models": [{"name": "a"}], "max_body_bytes": 0}"#,
        problems: r#"max_body_bytes: 0 is not from 1 to 536870912 (512 MiB)
  hint: leave it out for 8388608 (8 MiB), and keep it below Envoy's buffer limits"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "body limit above the most",
        json: r#"{"models": [{"name": "a"}], "max_body_bytes": 536870913}"#,
        problems: r#"max_body_bytes: 536870913 is not from 1 to 536870912 (512 MiB)
  hint: leave it out for 8388608 (8 MiB), and keep it below Envoy's buffer limits"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "body limit with a fraction",
        json: r#"{"models": [{"name": "a"}], "max_body_bytes": 1.5}"#,
        problems: r#"max_body_bytes: expected a whole number, got 1.5
  hint: write digits alone, without a sign or a fraction"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "negative body limit",
        json: r#"{"models": [{"name": "a"}], "max_body_bytes": -1}"#,
        problems: r#"max_body_bytes: expected a whole number, got -1
  hint: write digits alone, without a sign or a fraction"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "routes without held headers",
        json: r#"{"models": [{"name": "a"}, {"name": "b", "route": "a"}, {"name": "c"}], "headers_held": false}"#,
        problems: r#"headers_held: routing on the model needs held headers, and the models have 2 routes: `a`, `c`
  hint: set `allow_on_headers_stop_iteration: true` in Envoy's PluginConfig, or give all models the same `route`"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "counting",
        json: r#"{"models": [
            {"name": "a", "counting": "exactly", "max_input_tokens": 0},
            {"name": "b", "counting": "off", "max_input_tokens": 100}],
            "counting": {"mode": "of", "extrapolate_above_bytes": 100, "header": true, "families": [
                {"match": "x*y", "permille": {"latin": 50, "code": 1000, "cjk": 1000, "other": 4294967297}},
                {"match": "z", "exact": true, "permille": {"latin": 1000, "code": 1000, "cjk": 1000, "other": 1000}},
                {"encoding": "p50k", "charges": {"file": 9999999999}}]}}"#,
        problems: r#"models[0].counting: unknown mode `exactly` (known: `exact`, `auto`, `estimate`, `off`)
  hint: did you mean `exact`?
models[0].max_input_tokens: 0 is not from 1 to 1000000000
  hint: write the model's context length, or less; leave it out for no limit
models[1].max_input_tokens: a limit needs counting, which is `off` for this model
  hint: leave it out, or give this model `counting` other than `off`; `auto` counts only near the limit
counting.mode: unknown mode `of` (known: `exact`, `auto`, `estimate`, `off`)
  hint: did you mean `off`?
counting.extrapolate_above_bytes: 100 is not from 1024 to 536870912
  hint: leave it out for 1048576 (1 MiB)
counting.header: unknown field (known: `mode`, `extrapolate_above_bytes`, `families`, `stream_usage`, `input_tokens_header`, `local_endpoints`)
  hint: remove it, or look up what it is called
counting.families[0].match: `x*y` has a `*` that is not at its end
  hint: only prefixes are matched, for example `gpt-4o*`
counting.families[0].permille.latin: 50 is not from 100 to 10000
  hint: write tokens for each thousand of the vocabulary: 1000 for as many, 1250 for a quarter more
counting.families[0].permille.other: 4294967297 is not from 100 to 10000
  hint: write tokens for each thousand of the vocabulary: 1000 for as many, 1250 for a quarter more
counting.families[1].permille: counts that are multiplied are not exact
  hint: keep `exact` or `permille`, whichever is meant
counting.families[2].match: missing field
  hint: add `match`: The model's name at its provider, or a prefix followed by `*`.
counting.families[2].encoding: unknown vocabulary `p50k` (known: `o200k_base`, `cl100k_base`)
  hint: use one of the known ones
counting.families[2].charges.file: 9999999999 is more than 1000000000
  hint: write tokens for one such part, for example 1000"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "families against each other",
        json: r#"{"models": [{"name": "a"}], "counting": {"families": [{"match": "m*"}, {"match": "n", "like": "nobody-knows"}, {"match": "m*", "like": "gpt-4o"}]}}"#,
        problems: r#"counting.families[1].like: no family is known for `nobody-knows`
  hint: name a model that is known, such as `gpt-4o` or `claude-3-opus`
counting.families[2].match: `m*` has an entry at `counting.families[0].match` already
  hint: keep one of the two"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "a limit where nothing is counted",
        json: r#"{"models": [{"name": "a", "max_input_tokens": 100}], "counting": {"mode": "off"}}"#,
        problems: r#"models[0].max_input_tokens: a limit needs counting, which is `off` for this model
  hint: leave it out, or give this model `counting` other than `off`; `auto` counts only near the limit"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "endpoints without held headers",
        json: r#"{"models": [{"name": "a"}], "headers_held": false, "counting": {"local_endpoints": true}}"#,
        problems: r#"counting.local_endpoints: a question that is answered here must not go on to a provider, and headers that are not held have gone
  hint: leave it out, or set `allow_on_headers_stop_iteration: true` in Envoy's PluginConfig"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "prices",
        json: r#"{"models": [{"name": "a"}], "prices": [
            {"match": "x*y", "provider": "a b", "input": "$2.50", "output": -1.5, "reasoning": "0.0000000000001"},
            {"match": "m", "input": 100001, "cached_input": true, "output": null, "per_request": 1e-7, "cache_read": 1},
            {"model": "m", "input": "sk-canary-canary-canary-canary", "output": "1,5", "tiers": [{"above_prompt_tokens": 0, "input": ""}]},
            {"match": "m", "input": 1, "output": 2, "tiers": {}},
            "gpt-4o"]}"#,
        problems: r#"prices[0].match: `x*y` has a `*` that is not at its end
  hint: only prefixes are matched, for example `gpt-4o*`
prices[0].provider: `a b` is no name for a provider
  hint: use 1 to 128 letters, digits and `.`, `_`, `:`, `/`, `-`
prices[0].input: `$2.50` is no decimal number
  hint: write the dollars for a million tokens in digits alone: 2.50
prices[0].output: `-1.5` is negative
  hint: write 0 for what costs nothing
prices[0].reasoning: `0.0000000000001` has more than 12 decimals
  hint: round it up
prices[1].input: `100001` is more than 100000 dollars
  hint: write the dollars for a million tokens
prices[1].cached_input: expected an amount of dollars, got a boolean
  hint: write a number, in quotes or without: 2.50
prices[1].output: expected an amount of dollars, got null
  hint: leave it out instead of writing null
prices[1].per_request: `1e-7` has more than 6 decimals
  hint: round it up
prices[1].cache_read: unknown field (known: `match`, `input`, `output`, `provider`, `cached_input`, `cache_write_5m`, `cache_write_1h`, `reasoning`, `per_request`, `tiers`)
  hint: write `cached_input`
prices[2].match: missing field
  hint: add `match`: The model's name at its provider, or a prefix followed by `*`.
prices[2].model: unknown field (known: `match`, `input`, `output`, `provider`, `cached_input`, `cache_write_5m`, `cache_write_1h`, `reasoning`, `per_request`, `tiers`)
  hint: write `match`: the model's name at its provider, or a prefix followed by `*`
prices[2].input: is no decimal number
  hint: write the dollars for a million tokens in digits alone: 2.50
prices[2].output: `1,5` is no decimal number
  hint: write the dollars for a million tokens in digits alone: 2.50
prices[2].tiers[0].output: missing field
  hint: add `output`: Dollars for a million generated tokens.
prices[2].tiers[0].above_prompt_tokens: 0 is not from 1 to 1000000000
  hint: write the longest prompt that still has the prices below, for example 200000
prices[2].tiers[0].input: is no decimal number
  hint: write the dollars for a million tokens in digits alone: 2.50
prices[3].tiers: expected a list, got an object
  hint: put it in brackets: […]
prices[4]: expected an object, got a string
  hint: write an object: {…}"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "prices against each other",
        json: r#"{"models": [{"name": "a"}], "prices": [
            {"match": "m", "input": "1.25", "cached_input": "2.50", "output": 10, "tiers": [
                {"above_prompt_tokens": 272000, "input": "2.50", "cached_input": "3", "output": 15},
                {"above_prompt_tokens": 200000, "input": "2.50", "output": 14}]},
            {"match": "n", "input": 1, "output": 2},
            {"match": "n", "provider": "p", "input": 1, "output": 2},
            {"match": "n", "input": 2, "output": 2},
            {"match": "n", "provider": "p", "input": 2, "output": 2}]}"#,
        problems: r#"prices[0].cached_input: `cached_input` costs more than `input`
  hint: a cache makes prompts cheaper: are the two exchanged?
prices[0].tiers[0].cached_input: `cached_input` costs more than `input`
  hint: a cache makes prompts cheaper: are the two exchanged?
prices[0].tiers[1].cached_input: `cached_input` is stated below this tier and not in it
  hint: add it: the price of these longer prompts, or the same as below where it does not change
prices[0].tiers[1].above_prompt_tokens: the threshold is not above the one before it
  hint: list the tiers from the shortest prompts to the longest
prices[0].tiers[1].output: `output` costs less than below this tier
  hint: longer prompts cost as much or more: are two tiers or two prices exchanged?
prices[3].match: `n` has a price at `prices[1].match` already
  hint: keep one of the two, or say in each which `provider` it is the price of
prices[4].match: `n` has a price at `prices[2].match` already
  hint: keep one of the two, or say in each which `provider` it is the price of"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "a budget per key beside keys without a name",
        json: r#"{"models": [{"name": "a", "targets": [{"provider": "openai", "api": "openai"}]}],
            "identity": {"virtual_keys": {"public_keys": [{"kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}, "api_keys": [
                {"id": "ci", "user": "builds", "sha256": "0000000000000000000000000000000000000000000000000000000000000001"},
                {"user": "builds", "sha256": "0000000000000000000000000000000000000000000000000000000000000002"}]},
            "budgets": {"limits": [{"name": "each", "per": ["key"], "quota": {"amount": 1000, "window": "day"}}]}}"#,
        problems: r#"budgets.limits[0].per[0]: keys without an `id` would share one account
  hint: add an `id` to each of `identity.api_keys`"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "budgets",
        json: r#"{"models": [{"name": "gpt-4", "targets": [{"provider": "openai", "api": "openai"}]}, {"name": "off", "counting": "off"}], "budgets": {
            "limits": [
                {"name": "User Day", "per": ["user", "user", "planet"], "quota": {"amount": 1.5, "window": "year", "utc_offset": "+25:00"}},
                {"name": "none", "models": ["gpt-4"]},
                {"name": "both", "models": ["gtp-4"], "rate": {"amount": 1, "per": "minute"}, "quota": {"amount": 1, "window": "day"}},
                {"name": "both", "models": ["gpt-4"], "rate": {"amount": 0, "per": "hour"}, "weights": {}, "status": 200, "unit": "requests", "hard_stop": true},
                {"name": "dear", "models": ["gpt-4"], "per": ["team", "key"], "unit": "dollars", "quota": {"amount": "0.0000001", "window": "day"}, "mode": "shadow", "downgrade": {"to": "gpt-5", "below_percent": 101}},
                {"name": "all", "quota": {"amount": 1, "window": "day"}, "callers": 0}
            ],
            "least_completion_tokens": 5, "lease_seconds": 0, "completion": "bounded"}}"#,
        problems: r#"budgets.limits[0]: a budget needs counting, which is `off` for `off`
  hint: set `counting` to `auto` there, or name the budget's `models` without them
budgets.limits[0].name: `User Day` is no name for a budget
  hint: use 1 to 64 lower-case letters, digits, `-` and `_`, for example `user-day`
budgets.limits[0].per[0]: nobody is known by name without `identity`
  hint: add `identity`: {"header": {}} believes `x-user-id`, if only Envoy or a proxy before it can set that
budgets.limits[0].per[1]: nobody is known by name without `identity`
  hint: add `identity`: {"header": {}} believes `x-user-id`, if only Envoy or a proxy before it can set that
budgets.limits[0].per[1]: given twice
  hint: keep one of the two
budgets.limits[0].per[2]: unknown scope `planet` (known: `user`, `team`, `key`, `model`)
  hint: use one of the known ones
budgets.limits[0].quota.amount: `1.5` is finer than its unit
  hint: write a whole number; only `dollars` have decimals
budgets.limits[0].quota.window: unknown window `year` (known: `minute`, `hour`, `day`, `week`, `month`)
  hint: use one of the known ones
budgets.limits[0].quota.utc_offset: `+25:00` is no offset from UTC
  hint: write hours and minutes, as in `+02:00` or `-05:30`
budgets.limits[1]: a budget without an amount
  hint: add `rate`: {"amount": 10000, "per": "minute"}, or `quota`: {"amount": 100000, "window": "day"}
budgets.limits[2].models[0]: `gtp-4` is none of the `models` (configured: `gpt-4`, `off`)
  hint: did you mean `gpt-4`?
budgets.limits[2].quota: a budget has a rate or a quota, not both
  hint: make two budgets of it, which both apply
budgets.limits[3].name: `both` is the budget at `budgets.limits[2].name` already
  hint: give each budget a name of its own
budgets.limits[3].rate: a rate of 0 never refills; a quota of 0 refuses everything
  hint: write how much a caller may spend in each span
budgets.limits[3].weights: weights are only for `weighted_tokens`
  hint: set `unit` to `weighted_tokens`, or remove the weights
budgets.limits[3].status: 200 is no status for a refusal
  hint: use 429, or 402, 403 or 503; SDKs try again after 429 and 503
budgets.limits[3].hard_stop: this budget is not spent by what an answer says
  hint: leave it out, or count `tokens`, `output_tokens` or `dollars`
budgets.limits[4]: a budget in dollars needs the price of `gpt-4 at openai`
  hint: add it to `prices`, with 0 for what is free, or name the budget's `models` without them
budgets.limits[4].per[0]: nothing in `identity` tells a caller's team
  hint: add `team` to `identity.header` or to the keys, or `team_claim` to `identity.jwt`
budgets.limits[4].per[1]: nothing in `identity` tells keys apart
  hint: add `virtual_keys`, or `api_keys` with an `id` each
budgets.limits[4].quota.amount: `0.0000001` is finer than its unit
  hint: write dollars with at most six decimals, such as `500` or `0.25`
budgets.limits[4].downgrade: a budget that is only reported sends nobody to another model
  hint: set `mode` to `enforce`, or remove `downgrade`
budgets.limits[4].downgrade.to: unknown model `gpt-5` (configured: `gpt-4`, `off`)
  hint: did you mean `gpt-4`?
budgets.limits[4].downgrade.below_percent: 101 is not from 0 to 100
  hint: leave it out for 10
budgets.limits[5]: a budget needs counting, which is `off` for `off`
  hint: set `counting` to `auto` there, or name the budget's `models` without them
budgets.limits[5].callers: 0 is not from 1 to 1000000
  hint: leave it out for 10000
budgets.least_completion_tokens: says where shortening ends, and completions are not shortened
  hint: remove it, or set `completions` to `shortened`
budgets.lease_seconds: 0 is not from 1 to 86400
  hint: leave it out for 960
budgets.completion: unknown field (known: `limits`, `default_completion_tokens`, `completions`, `least_completion_tokens`, `lease_seconds`, `unseen_answer`, `keys`, `headers`)
  hint: did you mean `completions`?"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "budgets that no request could satisfy",
        json: r#"{"models": [{"name": "gpt-4"}, {"name": "any-*"}], "prices": [{"match": "gpt-4", "provider": "openai", "input": 1, "output": 1}],
            "budgets": {"completions": "bounded", "default_completion_tokens": 0, "limits": [
                {"name": "month", "unit": "dollars", "quota": {"amount": 1, "window": "month"}}]}}"#,
        problems: r#"budgets.default_completion_tokens: no provider writes an answer of 0 tokens, and `bounded` asks for that
  hint: leave it out for 2048
budgets.limits[0]: a budget in dollars needs the price of `gpt-4`
  hint: add it to `prices`, with 0 for what is free, or name the budget's `models` without them"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "a key's money where nothing has a price",
        json: r#"{"models": [{"name": "a"}], "identity": {"api_keys": [
            {"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "user": "a", "limits": {"micro_dollars_per_month": 5}}]}}"#,
        problems: r#"identity.api_keys[0].limits.micro_dollars_per_month: every request with this key would be refused: no model has a price
  hint: add `prices` of the models that it may use, or limit its tokens"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "identity that nobody could have, and strangers",
        json: r#"{"models": [{"name": "a"}], "identity": {"anonymous": "refuse", "unknown_credentials": "ignore", "source": []}}"#,
        problems: r#"identity.anonymous: refuses everybody: no source could know anyone
  hint: add `header`, `api_keys`, `virtual_keys` or `jwt`, or allow anonymous callers
identity.unknown_credentials: has no effect where neither keys nor tokens are configured: a client's own credential is always ignored then
  hint: remove it, or add `api_keys`, `virtual_keys` or `jwt`
identity.source: unknown field (known: `sources`, `header`, `api_keys`, `virtual_keys`, `jwt`, `anonymous`, `unknown_credentials`)
  hint: did you mean `sources`?"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "trusted headers",
        json: r#"{"models": [{"name": "a"}], "identity": {"header": {"user": "Authorization", "team": "x-ai-team"}}}"#,
        problems: r#"identity.header.user: `authorization` is a credential of the client, and no name that a proxy vouches for
  hint: name the header that Envoy's `jwt_authn` or the proxy sets, for example `x-user-id`; keys go into `api_keys` or `virtual_keys`
identity.header.team: `x-ai-team` is internal
  hint: headers that begin with `x-ai-` are set by the filters and by Envoy alone"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "a user's header that is the team's",
        json: r#"{"models": [{"name": "a"}], "identity": {"header": {"user": "X-Who", "team": "x-who"}}}"#,
        problems: r#"identity.header.team: `x-who` is the user's header already
  hint: a user is no team: name another header, or leave it out"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "the order of sources",
        json: r#"{"models": [{"name": "a"}], "identity": {"sources": ["header", "jwt", "header"], "header": {}, "api_keys": [{"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "user": "a"}]}}"#,
        problems: r#"identity.sources: does not list `api_keys`, which is given
  hint: list every source that is given, or remove its section
identity.sources[1]: there is no section `jwt`
  hint: add the section beside `sources`, or remove it here
identity.sources[2]: `header` is listed already
  hint: remove one of the two"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "API keys",
        json: r#"{"models": [{"name": "a"}], "identity": {"api_keys": [
            {"sha256": "sk-canary-0123456789abcdefghijklmnopqrstuvwxyz", "user": " a"},
            {"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "user": "a", "models": ["g*t"], "limits": {"tokens_per_minute": 0, "tokens_per_hour": 5}},
            {"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "user": "b", "models": [], "team": "", "key": "sk-canary-1"}]}}"#,
        problems: r#"identity.api_keys[0].sha256: is no SHA-256 in hexadecimal: 64 of the digits 0-9 and a-f
  hint: `ai-filters keys hash` prints it; the key itself never stands in this file
identity.api_keys[0].user: has a space at its beginning or end
  hint: use 1 to 256 bytes without control characters and without a space at either end
identity.api_keys[1].models[0]: `g*t` has a `*` that is not at its end
  hint: only prefixes are matched, for example `gpt-4o*`
identity.api_keys[1].limits.tokens_per_minute: 0 is not from 1 to 9007199254740991
  hint: leave it out for no limit; to take a key back, remove its entry
identity.api_keys[1].limits.tokens_per_hour: unknown field (known: `tokens_per_minute`, `tokens_per_day`, `tokens_per_month`, `micro_dollars_per_month`, `requests_per_minute`)
  hint: did you mean `tokens_per_day`?
identity.api_keys[2].sha256: is the hash at `identity.api_keys[1].sha256` already
  hint: a key is one caller's: remove one of the two
identity.api_keys[2].models: is empty
  hint: name the models, or leave it out for every model
identity.api_keys[2].team: is empty
  hint: use 1 to 256 bytes without control characters and without a space at either end
identity.api_keys[2].key: unknown field (known: `sha256`, `user`, `id`, `team`, `models`, `limits`)
  hint: a key never stands in this file: write its hash as `sha256`, which `ai-filters keys hash` prints"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "one hash twice",
        json: r#"{"models": [{"name": "a"}], "identity": {"api_keys": [{"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "user": "a"}, {"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "user": "b"}]}}"#,
        problems: r#"identity.api_keys[1].sha256: is the hash at `identity.api_keys[0].sha256` already
  hint: a key is one caller's: remove one of the two"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "no API key",
        json: r#"{"models": [{"name": "a"}], "identity": {"api_keys": []}}"#,
        problems: r#"identity.api_keys: is empty
  hint: add a key, or leave the list out"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "virtual keys",
        json: r#"{"models": [{"name": "a"}], "identity": {"virtual_keys": {"public_keys": [
            {"kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "canary"}, {"kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, {"kid": "b", "x": "canary"}, {"kid": "c", "x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}],
            "issuer": "", "revoked": [""], "revoked_before": [{"user": "a"}], "leeway_seconds": 301}}}"#,
        problems: r#"identity.virtual_keys.public_keys[0].d: unknown field (known: `kid`, `x`)
  hint: that is the private key: take it out of this file, and make a new pair with `ai-filters keys generate`
identity.virtual_keys.public_keys[1].kid: `a` is the name of an earlier key
  hint: a new key gets a new name
identity.virtual_keys.public_keys[2].x: is no EdDSA key
  hint: write the line that `ai-filters keys generate` printed: 32 bytes in unpadded base64url
identity.virtual_keys.public_keys[3].x: is a weak Ed25519 key
  hint: write the line that `ai-filters keys generate` printed: 32 bytes in unpadded base64url
identity.virtual_keys.issuer: is empty
  hint: write a name, or leave it out where it is optional
identity.virtual_keys.revoked[0]: is empty
  hint: use 1 to 256 bytes without control characters and without a space at either end
identity.virtual_keys.revoked_before[0].before: missing field
  hint: add `before`: The moment, in seconds since the Unix epoch.
identity.virtual_keys.leeway_seconds: 301 is not from 0 to 300
  hint: leave it out for 60"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "tokens without an issuer or a key",
        json: r#"{"models": [{"name": "a"}], "identity": {"jwt": {"issuer": "https://a.example/"}}}"#,
        problems: r#"identity.jwt.issuers: missing field
  hint: add `issuers`: The accepted values of `iss`.
identity.jwt.audiences: missing field
  hint: add `audiences`: The accepted values of `aud`. An empty list accepts only tokens that name no audience.
identity.jwt: no key could verify these tokens
  hint: add `jwks`, `jwks_from` or `secrets`
identity.jwt.issuer: unknown field (known: `issuers`, `audiences`, `jwks`, `jwks_from`, `secrets`, `user_claim`, `team_claim`, `leeway_seconds`)
  hint: write `issuers`, a list"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "key sets with what does not belong into a file",
        json: r#"{"models": [{"name": "a"}], "identity": {"jwt": {"issuers": [], "audiences": [""], "user_claim": "a..b", "leeway_seconds": 600, "jwks": {"keys": [
            {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "canary"}, {"kty": "oct", "k": "canary"},
            {"kty": "RSA", "n": "wJ4Q", "e": "AQAB"}, {"kty": "EC", "crv": "P-384", "x": "", "y": ""}, {"kty": "OKP"}]}}}}"#,
        problems: r#"identity.jwt.issuers: is empty
  hint: write the `iss` of the identity provider's tokens
identity.jwt.audiences[0]: is empty
  hint: write a name, or leave it out where it is optional
identity.jwt.user_claim: `a..b` is no claim
  hint: write a claim's name, or names joined by dots, for example `org.team`
identity.jwt.leeway_seconds: 600 is not from 0 to 300
  hint: leave it out for 60
identity.jwt.jwks.keys[0]: has the private member `d`
  hint: take the private key out of this file and replace it: it was seen; write the public half alone
identity.jwt.jwks.keys[1]: is a secret (`kty` is `oct`)
  hint: a secret comes from the environment: remove it here and add it to `secrets`
identity.jwt.jwks.keys[2]: is an RSA key of 24 bits
  hint: RSA needs 2048 to 4096 bits and the exponent 65537; points must lie on their curve
identity.jwt.jwks.keys[3]: is of a type that is not accepted
  hint: remove it: RSA with RS256, P-256 with ES256 and Ed25519 with EdDSA verify tokens
identity.jwt.jwks.keys[4]: is of a type that is not accepted
  hint: remove it: RSA with RS256, P-256 with ES256 and Ed25519 with EdDSA verify tokens"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "a key set that is none",
        json: r#"{"models": [{"name": "a"}], "identity": {"jwt": {"issuers": ["i"], "audiences": [], "jwks": {"kty": "OKP"}}}}"#,
        problems: r#"identity.jwt.jwks: is no JSON Web Key Set: an object with a list `keys`
  hint: write a JSON Web Key Set: `{"keys": [{"kty": …}]}`"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "secrets that are weak, missing, or none",
        json: r#"{"models": [{"name": "a"}], "identity": {"jwt": {"issuers": ["i"], "audiences": [], "secrets": [
            {"env": "WEAK"}, {"env": "MISSING"}, {"env": "LINE_BREAK"}, {"env": "sk-canary-0123456789"}, {"env": "KEY", "kid": "a"}, {"env": "KEY", "kid": "a"}]}}}"#,
        problems: r#"identity.jwt.secrets[0].env: the environment variable `WEAK` holds a secret of less than 32 bytes
  hint: make one with `openssl rand -hex 32`: a shorter one can be guessed from any token
identity.jwt.secrets[1].env: the environment variable `MISSING` is missing or empty
  hint: set it where Envoy starts, and list it in the filter's `vm_config.environment_variables.host_env_keys`
identity.jwt.secrets[2].env: the environment variable `LINE_BREAK` holds no key: it has a space, a line break or a character outside ASCII
  hint: a line break often comes from a file: write it with `printf %s` instead of `echo`
identity.jwt.secrets[3].env: is no name of an environment variable
  hint: name the variable that holds the key, for example `OPENAI_API_KEY`; the key itself never stands in this file
identity.jwt.secrets[5].kid: is the name of an earlier secret
  hint: tokens find their secret by its `kid`: give each another"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "a fetch from nowhere",
        json: r#"{"models": [{"name": "a"}], "identity": {"jwt": {"issuers": ["i"], "audiences": [], "jwks_from": {"url": "https://a.example/jwks", "cluster": "", "authority": "https://a.example", "path": "jwks", "interval_seconds": 1, "timeout_seconds": 0}}}}"#,
        problems: r#"identity.jwt.jwks_from.url: unknown field (known: `cluster`, `authority`, `path`, `interval_seconds`, `timeout_seconds`)
  hint: write `cluster`, `authority` and `path`: the filter reaches nothing but Envoy's clusters
identity.jwt.jwks_from.cluster: is empty
  hint: write a name, or leave it out where it is optional
identity.jwt.jwks_from.authority: is no host or host:port
  hint: write for example `login.example.com`: TLS is configured on Envoy's cluster, and the path has a field of its own
identity.jwt.jwks_from.path: `jwks` is no path
  hint: write for example `/.well-known/jwks.json`
identity.jwt.jwks_from.interval_seconds: 1 is not from 30 to 86400
  hint: leave it out for 600
identity.jwt.jwks_from.timeout_seconds: 0 is not from 1 to 60
  hint: leave it out for 5"#,
        schema_tells: Some(true),
    },
];

/// Of ai-provider.
pub(crate) const PROVIDER: &[Broken] = &[
    Broken {
        name: "empty",
        json: "",
        problems: r#"configuration: empty
  hint: give the filter its JSON in Envoy's `configuration`, as a google.protobuf.StringValue whose `value` is the text"#,
        schema_tells: None,
    },
    Broken {
        name: "nothing given",
        json: "{}",
        problems: r#"providers: missing field
  hint: add `providers`: The providers by name; the name is what ai-gateway's targets and Envoy's metadata say.
configuration: neither `provider` nor `select` is given
  hint: add `"provider": "NAME"` where the filter stands in one provider's cluster, else `select` with the metadata that names it"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "the example of the guide, misspelt",
        json: r#"{"provider": "openai", "providers": {"openai": {"api": "openai", "authority": "https://api.openai.com/v1", "auth": {"type": "api_key", "env": "OPENAI_API_KEY"}}, "anthropic": {"api": "anthropc", "authority": "api.anthropic.com", "auth": {"type": "api_key", "env": "ANTHROPIC_KEY"}, "default_max_token": 4096}}}"#,
        problems: r#"providers.openai.authority: is no host or host:port
  hint: leave out the scheme and the path: TLS is configured on Envoy's cluster, the path in `base_path`
providers.anthropic.api: unknown API `anthropc` (known: `openai`, `anthropic`)
  hint: did you mean `anthropic`?
providers.anthropic.auth.env: the environment variable `ANTHROPIC_KEY` is missing or empty
  hint: set it where Envoy starts, and list it in the filter's `vm_config.environment_variables.host_env_keys`
providers.anthropic.default_max_token: unknown field (known: `api`, `authority`, `auth`, `base_path`, `model`, `model_name_override`, `default_max_tokens`, `anthropic_version`, `headers`, `pass_request_headers`, `pass_response_headers`, `retry_statuses`)
  hint: did you mean `default_max_tokens`?"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "both provider and select",
        json: r#"{"provider": "a", "select": {"host_metadata": ["ai", "provider"]}, "providers": {"a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}}}}"#,
        problems: r#"select: stands beside `provider`
  hint: keep one: a provider is either fixed or read from metadata"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "unknown provider",
        json: r#"{"provider": "opnai", "providers": {"openai": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}}, "my.own": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "base_path": "v1"}}}"#,
        problems: r#"provider: unknown provider `opnai` (defined: `openai`, `my.own`)
  hint: did you mean `openai`?
providers["my.own"].base_path: `v1` does not begin with `/`
  hint: write for example `/v1`"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "select of nothing",
        json: r#"{"select": {}, "providers": {"a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}}}}"#,
        problems: r#"select: names not exactly one of `host_metadata`, `locality_metadata`, `cluster_metadata`
  hint: write for example `{"host_metadata": ["ai", "provider"]}`"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "select of two",
        json: r#"{"select": {"host_metadata": ["ai", "provider"], "cluster_metadata": ["ai", "provider"]}, "providers": {"a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}}}}"#,
        problems: r#"select: names not exactly one of `host_metadata`, `locality_metadata`, `cluster_metadata`
  hint: write for example `{"host_metadata": ["ai", "provider"]}`"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "select too short",
        json: r#"{"select": {"cluster_metadata": ["ai"]}, "providers": {"a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}}}}"#,
        problems: r#"select.cluster_metadata: is shorter than a namespace and one key
  hint: write for example `["ai", "provider"]`"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "select with an empty key",
        json: r#"{"select": {"cluster_metadata": ["ai", "", 0]}, "providers": {"a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}}}}"#,
        problems: r#"select.cluster_metadata[1]: is empty
  hint: write a name, or leave it out where it is optional
select.cluster_metadata[2]: expected a string, got a number
  hint: put it in quotes"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "no providers",
        json: r#"{"select": {"host_metadata": ["ai", "provider"]}, "providers": {}}"#,
        problems: r#"providers: no provider is configured
  hint: add one: `{"NAME": {"api": …, "authority": …, "auth": …}}`"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "provider names",
        json: r#"{"select": {"host_metadata": ["ai", "provider"]}, "providers": {"a,b": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}}, "a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}}, "a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}}}}"#,
        problems: r#"providers["a,b"]: `a,b` is no name for a provider
  hint: use 1 to 128 letters, digits and `.`, `_`, `:`, `/`, `-`
providers.a: given twice
  hint: keep one of the two: JSON readers would silently take the last"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "required fields",
        json: r#"{"provider": "a", "providers": {"a": {}}}"#,
        problems: r#"providers.a.api: missing field
  hint: add `api`: The API that it speaks, `openai` or `anthropic`.
providers.a.authority: missing field
  hint: add `authority`: Its host, with `:port` where that is part of its name; what `:authority` says.
providers.a.auth: missing field
  hint: add `auth`: How it knows us: `{"type": "api_key", "env": "…"}` or `{"type": "none"}`."#,
        schema_tells: Some(true),
    },
    Broken {
        name: "a key in the file",
        json: r#"{"provider": "a", "providers": {"a": {"api": "openai", "authority": "a", "key": "sk-canary-0123456789abcdefghijklmnopqrstuvwxyz", "auth": {"type": "api_key", "key": "sk-canary-0123456789abcdefghijklmnopqrstuvwxyz"}}}}"#,
        problems: r#"providers.a.key: unknown field (known: `api`, `authority`, `auth`, `base_path`, `model`, `model_name_override`, `default_max_tokens`, `anthropic_version`, `headers`, `pass_request_headers`, `pass_response_headers`, `retry_statuses`)
  hint: keys come from the environment: name the variable in `env`, and keep the key itself out of this file
providers.a.auth.env: missing field
  hint: add `env`: the environment variable that holds the key, for example `OPENAI_API_KEY`
providers.a.auth.key: unknown field (known: `type`, `env`)
  hint: keys come from the environment: name the variable in `env`, and keep the key itself out of this file"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "a key as auth",
        json: r#"{"provider": "a", "providers": {"a": {"api": "openai", "authority": "a", "auth": "sk-canary-0123456789abcdefghijklmnopqrstuvwxyz"}}}"#,
        problems: r#"providers.a.auth: expected an object, got a string
  hint: write an object: {…}"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "a key as env",
        json: r#"{"provider": "a", "providers": {"a": {"api": "openai", "authority": "a", "auth": {"type": "api_key", "env": "sk-canary-0123456789abcdefghijklmnopqrstuvwxyz"}}}}"#,
        problems: r#"providers.a.auth.env: is no name of an environment variable
  hint: name the variable that holds the key, for example `OPENAI_API_KEY`; the key itself never stands in this file"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "a plain key as env",
        json: r#"{"provider": "a", "providers": {"a": {"api": "openai", "authority": "a", "auth": {"type": "api_key", "env": "canary0123abc"}}}}"#,
        problems: r#"providers.a.auth.env: the environment variable that is named here is missing or empty
  hint: set it where Envoy starts, and list it in the filter's `vm_config.environment_variables.host_env_keys`"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "a key as type",
        json: r#"{"provider": "a", "providers": {"a": {"api": "openai", "authority": "a", "auth": {"type": "sk-canary-0123456789abcdefghijklmnopqrstuvwxyz"}}}}"#,
        problems: r#"providers.a.auth.type: unknown authentication (known: `api_key`, `none`)
  hint: use one of the known ones"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "a key in the authority",
        json: r#"{"provider": "a", "providers": {"a": {"api": "openai", "authority": "https://user:sk-canary-0123456789abcdefghijklmnopqrstuvwxyz@host", "auth": {"type": "none"}}}}"#,
        problems: r#"providers.a.authority: is no host or host:port
  hint: leave out the scheme and the path: TLS is configured on Envoy's cluster, the path in `base_path`"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "variables",
        json: r#"{"select": {"host_metadata": ["ai", "provider"]}, "providers": {"a": {"api": "openai", "authority": "a", "auth": {"type": "api_key", "env": "MISSING"}}, "b": {"api": "openai", "authority": "a", "auth": {"type": "api_key", "env": "EMPTY"}}, "c": {"api": "openai", "authority": "a", "auth": {"type": "api_key", "env": "LINE_BREAK"}}}}"#,
        problems: r#"providers.a.auth.env: the environment variable `MISSING` is missing or empty
  hint: set it where Envoy starts, and list it in the filter's `vm_config.environment_variables.host_env_keys`
providers.b.auth.env: the environment variable `EMPTY` is missing or empty
  hint: set it where Envoy starts, and list it in the filter's `vm_config.environment_variables.host_env_keys`
providers.c.auth.env: the environment variable `LINE_BREAK` holds no key: it has a space, a line break or a character outside ASCII
  hint: a line break often comes from a file: write it with `printf %s` instead of `echo`"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "auth",
        json: r#"{"select": {"host_metadata": ["ai", "provider"]}, "providers": {"a": {"api": "openai", "authority": "a", "auth": {"type": "none", "env": "KEY"}}, "b": {"api": "openai", "authority": "a", "auth": {"type": "api_key"}}, "c": {"api": "openai", "authority": "a", "auth": {"type": "apikey"}}}}"#,
        problems: r#"providers.a.auth.env: `env` has no effect where `type` is `none`
  hint: set `type` to `api_key`, or remove it
providers.b.auth.env: missing field
  hint: add `env`: the environment variable that holds the key, for example `OPENAI_API_KEY`
providers.c.auth.type: unknown authentication `apikey` (known: `api_key`, `none`)
  hint: did you mean `api_key`?"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "authorities",
        json: r#"{"select": {"host_metadata": ["ai", "provider"]}, "providers": {"p0": {"api": "openai", "authority": "", "auth": {"type": "none"}}, "p1": {"api": "openai", "authority": "a b", "auth": {"type": "none"}}, "p2": {"api": "openai", "authority": "a/v1", "auth": {"type": "none"}}, "p3": {"api": "openai", "authority": "u@a", "auth": {"type": "none"}}, "p4": {"api": "openai", "authority": "a:0", "auth": {"type": "none"}}, "p5": {"api": "openai", "authority": "a:65536", "auth": {"type": "none"}}, "p6": {"api": "openai", "authority": "a:", "auth": {"type": "none"}}, "p7": {"api": "openai", "authority": "1.2.3", "auth": {"type": "none"}}, "p8": {"api": "openai", "authority": "[::1", "auth": {"type": "none"}}, "p9": {"api": "openai", "authority": "::1", "auth": {"type": "none"}}, "p10": {"api": "openai", "authority": "-a", "auth": {"type": "none"}}, "p11": {"api": "openai", "authority": "a..b", "auth": {"type": "none"}}}}"#,
        problems: r#"providers.p0.authority: is no host or host:port
  hint: write for example `api.openai.com`, `llm.internal:8443` or `[2001:db8::1]:443`
providers.p1.authority: is no host or host:port
  hint: write for example `api.openai.com`, `llm.internal:8443` or `[2001:db8::1]:443`
providers.p2.authority: is no host or host:port
  hint: the path goes into `base_path`
providers.p3.authority: is no host or host:port
  hint: leave out user and password; a key comes from the environment through `auth`
providers.p4.authority: is no host or host:port
  hint: the port is a number from 1 to 65535; an IPv6 address stands in brackets
providers.p5.authority: is no host or host:port
  hint: the port is a number from 1 to 65535; an IPv6 address stands in brackets
providers.p6.authority: is no host or host:port
  hint: the port is a number from 1 to 65535; an IPv6 address stands in brackets
providers.p7.authority: is no host or host:port
  hint: write for example `api.openai.com`, `llm.internal:8443` or `[2001:db8::1]:443`
providers.p8.authority: is no host or host:port
  hint: write for example `api.openai.com`, `llm.internal:8443` or `[2001:db8::1]:443`
providers.p9.authority: is no host or host:port
  hint: write for example `api.openai.com`, `llm.internal:8443` or `[2001:db8::1]:443`
providers.p10.authority: is no host or host:port
  hint: write for example `api.openai.com`, `llm.internal:8443` or `[2001:db8::1]:443`
providers.p11.authority: is no host or host:port
  hint: write for example `api.openai.com`, `llm.internal:8443` or `[2001:db8::1]:443`"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "base paths",
        json: r#"{"select": {"host_metadata": ["ai", "provider"]}, "providers": {"p0": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "base_path": "/"}, "p1": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "base_path": "v1"}, "p2": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "base_path": "/v1/"}, "p3": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "base_path": "/v1?x=1"}, "p4": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "base_path": "https://a/v1"}, "p5": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "base_path": "/a//b"}, "p6": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "base_path": "/a/../b"}}}"#,
        problems: r#"providers.p0.base_path: `/` is a path by itself
  hint: write an empty string for no path
providers.p1.base_path: `v1` does not begin with `/`
  hint: write for example `/v1`
providers.p2.base_path: `/v1/` ends with `/`
  hint: the endpoint that follows begins with one: remove it
providers.p3.base_path: `/v1?x=1` has a character that no path has
  hint: percent-encode it; a query or fragment does not belong here
providers.p4.base_path: `https://a/v1` is a URL
  hint: the host goes into `authority`; write the path alone
providers.p5.base_path: `/a//b` has an empty, `.` or `..` segment
  hint: write the path that is meant
providers.p6.base_path: `/a/../b` has an empty, `.` or `..` segment
  hint: write the path that is meant"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "fields of another API",
        json: r#"{"provider": "a", "providers": {"a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "default_max_tokens": 1, "anthropic_version": "2023-06-01"}}}"#,
        problems: r#"providers.a.default_max_tokens: `default_max_tokens` has no effect on an API of type `openai`
  hint: remove it, or set `api` to `anthropic` if the provider speaks that
providers.a.anthropic_version: `anthropic_version` has no effect on an API of type `openai`
  hint: remove it, or set `api` to `anthropic` if the provider speaks that"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "numbers",
        json: r#"{"provider": "a", "providers": {"a": {"api": "anthropic", "authority": "api.openai.com", "auth": {"type": "none"}, "default_max_tokens": 0, "anthropic_version": "2024-01-01", "retry_statuses": [200, 429, 429, 600, -1]}}}"#,
        problems: r#"providers.a.default_max_tokens: 0 is not from 1 to 4294967295
  hint: leave it out for 4096
providers.a.anthropic_version: unknown version `2024-01-01` (known: `2023-06-01`, `2026-10-21`)
  hint: did you mean `2023-06-01`?
providers.a.retry_statuses[0]: 200 is no status of an error
  hint: list statuses from 400 to 599; leave the field out for 408, 429 and every 5xx
providers.a.retry_statuses[2]: 429 is listed twice
  hint: remove one of the two
providers.a.retry_statuses[3]: 600 is no status of an error
  hint: list statuses from 400 to 599; leave the field out for 408, 429 and every 5xx
providers.a.retry_statuses[4]: expected a whole number, got -1
  hint: write digits alone, without a sign or a fraction"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "headers",
        json: r#"{"provider": "a", "providers": {"a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "headers": {"Authorization": "Bearer sk-canary-0123456789abcdefghijklmnopqrstuvwxyz", "x-AI-model": "a", "Host": "b", "te": "c", ":path": "d", "a b": "e", "X-Two": "f", "x-two": "g", "x-line": "h\r\ni", "anthropic-version": "j", "x-number": 1}}}}"#,
        problems: r#"providers.a.headers.Authorization: `authorization` is a credential
  hint: a key comes from the environment through `auth`, or from Envoy's `credential_injector`
providers.a.headers.x-AI-model: `x-ai-model` is internal
  hint: headers that begin with `x-ai-` are set by the filters and by Envoy alone
providers.a.headers.Host: `host` describes the message
  hint: remove it: the filter writes it for the body that it sends
providers.a.headers.te: `te` is of one connection
  hint: remove it: Envoy sets such headers on each side itself
providers.a.headers[":path"]: `:path` is a pseudo-header
  hint: `authority` and `base_path` are fields of the provider
providers.a.headers["a b"]: `a b` is no header name
  hint: use letters, digits and `-`
providers.a.headers.x-two: `x-two` is set already
  hint: header names have no case: keep one
providers.a.headers.x-line: is no header value
  hint: use printable ASCII, not empty, without spaces at the beginning or end
providers.a.headers.anthropic-version: `anthropic-version` has a field of its own
  hint: use the provider's `anthropic_version`
providers.a.headers.x-number: expected a string, got a number
  hint: put it in quotes"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "headers passed on",
        json: r#"{"provider": "a", "providers": {"a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "headers": {"x-set": "a"}, "pass_request_headers": ["Cookie", "X-Api-Key", "x-envoy-max-retries", "X-Set", "connection", 5], "pass_response_headers": ["set-cookie", "alt-svc", "content-length", "x-ai-provider", ""]}}}"#,
        problems: r#"providers.a.pass_request_headers[0]: `cookie` is a credential of the client
  hint: a client's credentials never leave for a provider; the provider's own come through `auth`
providers.a.pass_request_headers[1]: `x-api-key` is a credential of the client
  hint: a client's credentials never leave for a provider; the provider's own come through `auth`
providers.a.pass_request_headers[2]: `x-envoy-max-retries` is internal
  hint: headers that begin with `x-envoy-` are set by the filters and by Envoy alone
providers.a.pass_request_headers[3]: `X-Set` is set by `headers` already
  hint: either set it or pass the client's on: remove one of the two
providers.a.pass_request_headers[4]: `connection` is of one connection
  hint: remove it: Envoy sets such headers on each side itself
providers.a.pass_request_headers[5]: expected a string, got a number
  hint: put it in quotes
providers.a.pass_response_headers[0]: `set-cookie` is between the provider and the gateway
  hint: remove it: to a client it would speak of the gateway's own host
providers.a.pass_response_headers[1]: `alt-svc` is between the provider and the gateway
  hint: remove it: to a client it would speak of the gateway's own host
providers.a.pass_response_headers[2]: `content-length` describes the message
  hint: remove it: the filter writes it for the body that it sends
providers.a.pass_response_headers[3]: `x-ai-provider` is internal
  hint: headers that begin with `x-ai-` are set by the filters and by Envoy alone
providers.a.pass_response_headers[4]: `` is no header name
  hint: use letters, digits and `-`"#,
        schema_tells: Some(true),
    },
    Broken {
        name: "headers passed on, as far as only the filter can tell",
        json: r#"{"provider": "a", "providers": {"a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "pass_request_headers": ["Cookie"], "pass_response_headers": ["set-cookie"]}}}"#,
        problems: r#"providers.a.pass_request_headers[0]: `cookie` is a credential of the client
  hint: a client's credentials never leave for a provider; the provider's own come through `auth`
providers.a.pass_response_headers[0]: `set-cookie` is between the provider and the gateway
  hint: remove it: to a client it would speak of the gateway's own host"#,
        schema_tells: Some(false),
    },
    Broken {
        name: "model names",
        json: r#"{"provider": "a", "providers": {"a": {"api": "openai", "authority": "api.openai.com", "auth": {"type": "none"}, "model": "", "model_name_override": "gpt-*"}}}"#,
        problems: r#"providers.a.model: is empty
  hint: write a name, or leave it out where it is optional
providers.a.model_name_override: `gpt-*` is a pattern where one model's name belongs
  hint: name one model, without `*`; a target without `model` is sent the name that was asked for"#,
        schema_tells: Some(true),
    },
];
