//! `ai-filters prices`: a list in LiteLLM's format becomes a section that the filter takes, and answers are priced by it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use ai_filters::price_list::{ProviderName, Wanted, import};
use config::GatewayConfig;
use llm_api::Usage;
use pricing::MicroDollars;
use proptest::prelude::*;

/// Written for this test, with the fields of model_prices_and_context_window.json as of LiteLLM 1.110.2: one model for each case.
const LIST: &str = include_str!("price_list/list.json");

/// What the list becomes, whole.
const SECTION: &str = r#"{
  "prices": [
    {"match": "claude-sonnet-4-5", "provider": "anthropic", "input": "3.00", "cached_input": "0.30", "cache_write_5m": "3.75", "cache_write_1h": "6.00", "output": "15.00", "tiers": [{"above_prompt_tokens": 200000, "input": "6.00", "cached_input": "0.60", "cache_write_5m": "7.50", "cache_write_1h": "7.50", "output": "22.50"}]},
    {"match": "gpt-4o", "provider": "azure", "input": "2.50", "cached_input": "1.25", "output": "10.00"},
    {"match": "databricks-gemini-2-5-flash", "provider": "databricks", "input": "0.30002", "output": "2.49998"},
    {"match": "llama3", "provider": "ollama", "input": "0.00", "output": "0.00"},
    {"match": "gpt-4o", "provider": "openai", "input": "2.50", "cached_input": "1.25", "output": "10.00"},
    {"match": "gpt-4o-audio-preview", "provider": "openai", "input": "2.50", "output": "10.00"},
    {"match": "gpt-4o-mini", "provider": "openai", "input": "0.15", "cached_input": "0.075", "output": "0.60"},
    {"match": "gpt-5.4", "provider": "openai", "input": "2.50", "cached_input": "0.25", "output": "15.00", "tiers": [{"above_prompt_tokens": 272000, "input": "5.00", "cached_input": "0.50", "output": "22.50"}]},
    {"match": "text-embedding-3-small", "provider": "openai", "input": "0.02", "output": "0.00"},
    {"match": "pplx-70b-online", "provider": "perplexity", "input": "0.00", "output": "2.80", "per_request": "0.005"},
    {"match": "grok-4", "provider": "xai", "input": "3.00", "output": "15.00", "reasoning": "16.00", "tiers": [{"above_prompt_tokens": 127999, "input": "6.00", "output": "30.00", "reasoning": "30.00"}]}
  ]
}
"#;

/// What is said of it.
const NOTES: &str = "\
accounts/fireworks/models/twice: skipped: the list has two different prices of it
an-alias: skipped: no litellm_provider
bedrock/*/1-month-commitment/cohere.command-text-v14: skipped: its name or its provider's cannot stand in a configuration
claude-sonnet-4-5: taken as 7.50: `cache_write_1h` above 200000 tokens, which the list does not name
claude-sonnet-4-5: left out: search_context_cost_per_query
dall-e-3: skipped: `image_generation` is not paid for by the token alone
dashscope/qwen-flash: skipped: tiered_pricing is not read
databricks/databricks-gemini-2-5-flash: rounded up: input_cost_per_token is 3.0001999999999996e-07
gpt-4o-audio-preview: left out: input_cost_per_audio_token, output_cost_per_audio_token
gpt-5.4: left out: regional_processing_uplift_multiplier_eu
groq/cheaper-when-long: skipped: its prices contradict each other: `input` costs less than below this tier
groq/no-amounts: skipped: input_cost_per_token is no decimal number
groq/only-input: skipped: no output_cost_per_token
ollama/llama3: free: is that so?
whisper-1: skipped: `audio_transcription` is not paid for by the token alone
xai/grok-4: taken as 30.00: `reasoning` above 127999 tokens, which the list does not name
left out: other tariffs, for batches and for a faster or slower service, of this many models: 2
";

fn run(arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ai-filters"))
        .arg("prices")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments may be gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn prints(arguments: &[&str], stdin: &str, stdout: &str, stderr: &str) {
    let output = run(arguments, stdin);
    assert_eq!((text(&output.stdout), text(&output.stderr)), (stdout, stderr), "{arguments:?}");
    assert!(output.status.success(), "{arguments:?}");
}

fn refuses(arguments: &[&str], stdin: &str, stderr: &str) {
    let output = run(arguments, stdin);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("", stderr), "{arguments:?}");
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
}

/// ai-gateway's configuration with that section and one model.
fn gateway(section: &str) -> String {
    section.replacen('{', r#"{"models": [{"name": "*"}],"#, 1)
}

#[test]
fn a_list_becomes_a_section_and_everything_else_is_said() {
    prints(&["import", "-"], LIST, SECTION, NOTES);
}

#[test]
fn the_filter_takes_the_section() {
    let config = GatewayConfig::parse(gateway(SECTION).as_bytes(), &|_| None).unwrap();
    let usage = Usage { input: 130_000, output: 1_000, ..Usage::default() };
    let cost = |provider, model| config.prices.of(provider, model).map(|price| price.cost(&usage));
    assert_eq!(cost("openai", "gpt-4o"), Ok(MicroDollars(335_000)));
    assert_eq!(cost("xai", "grok-4"), Ok(MicroDollars(810_000)));
    assert_eq!(cost("perplexity", "pplx-70b-online"), Ok(MicroDollars(7_800)));
}

#[test]
fn only_what_is_wanted_is_converted() {
    let expected = r#"{
  "prices": [
    {"match": "gpt-4o", "provider": "openai-eu", "input": "2.50", "cached_input": "1.25", "output": "10.00"},
    {"match": "gpt-4o-mini", "provider": "openai-eu", "input": "0.15", "cached_input": "0.075", "output": "0.60"},
    {"match": "grok-4", "provider": "xai", "input": "3.00", "output": "15.00", "reasoning": "16.00", "tiers": [{"above_prompt_tokens": 127999, "input": "6.00", "output": "30.00", "reasoning": "30.00"}]}
  ]
}
"#;
    let arguments = [
        "import",
        "--models",
        "gpt-4o",
        "--models",
        "gpt-4o-m*",
        "--models",
        "grok-*",
        "--provider",
        "openai=openai-eu",
        "--provider",
        "xai",
        "-",
    ];
    let notes = "\
xai/grok-4: taken as 30.00: `reasoning` above 127999 tokens, which the list does not name
left out: other tariffs, for batches and for a faster or slower service, of this many models: 1
";
    prints(&arguments, LIST, expected, notes);
}

#[test]
fn what_the_list_does_not_have_is_no_model_without_a_price() {
    refuses(
        &["import", "--models", "gpt-4o", "--models", "gtp-4o*", "-"],
        LIST,
        "-: has no model called `gtp-4o*`\n  hint: the name is the one at the provider, without `provider/`; a prefix ends in `*`\n",
    );
    refuses(
        &["import", "--provider", "openai", "--provider", "opanai", "-"],
        LIST,
        "-: has no model of the provider `opanai`\n  hint: providers are called as in the list's `litellm_provider`\n",
    );
    refuses(
        &["import", "--models", "gtp-4o", "--models", "gtp-5", "-"],
        LIST,
        "-: has no model called `gtp-4o`, `gtp-5`\n  hint: the name is the one at the provider, without `provider/`; a prefix ends in `*`\n",
    );
    let hint = "  hint: download model_prices_and_context_window.json from github.com/BerriAI/litellm\n";
    refuses(
        &["import", "-"],
        "[1]",
        &format!(
            "-: is no list of prices: invalid type: sequence, expected a map at line 1 column 0\n{hint}"
        ),
    );
    let output = run(&["import", "/no/such/file"], "");
    assert!(text(&output.stderr).starts_with("/no/such/file: "));
    assert_eq!(output.status.code(), Some(1));
    let output = run(&["import", "--provider", "openai=", "-"], LIST);
    assert_eq!(output.status.code(), Some(2), "a wrong command line");
}

#[test]
fn an_answer_is_priced_as_the_filter_prices_it() {
    let config = gateway(SECTION);
    let cost = |arguments: &[&str], dollars: &str| {
        let all: Vec<&str> = ["cost", "--config", "-"].iter().chain(arguments).copied().collect();
        prints(&all, &config, dollars, "");
    };
    cost(
        &[
            "--provider",
            "openai",
            "--model",
            "gpt-4o",
            "--input",
            "1000",
            "--cached",
            "200",
            "--output",
            "300",
        ],
        "0.00525\n",
    );
    cost(&["--provider", "ollama", "--model", "llama3", "--input", "1000000000"], "0.00\n");
    cost(&["--provider", "perplexity", "--model", "pplx-70b-online"], "0.005\n");
    let sonnet = [
        "--provider",
        "anthropic",
        "--model",
        "claude-sonnet-4-5",
        "--input",
        "1000",
        "--cache-write-5m",
        "300",
    ];
    let sonnet: Vec<&str> = sonnet
        .into_iter()
        .chain(["--cache-write-1h", "100", "--output", "50", "--reasoning", "10"])
        .collect();
    // 600 × 3 + 300 × 3.75 + 100 × 6 + 50 × 15 micro-dollars.
    cost(&sonnet, "0.004275\n");
}

#[test]
fn what_cannot_be_priced_says_why() {
    let cost = |more: &[&str], stderr: &str| {
        let all: Vec<&str> = ["cost", "--config", "-"].iter().chain(more).copied().collect();
        refuses(&all, &gateway(SECTION), stderr);
    };
    cost(
        &["--provider", "openai", "--model", "claude-sonnet-4-5"],
        "-: no price is known of `claude-sonnet-4-5` at `openai`\n  hint: `prices` needs an entry whose `match` is the model's name at the provider\n",
    );
    let model = ["--provider", "openai", "--model", "gpt-4o"];
    let with = |more: [&'static str; 4]| model.into_iter().chain(more).collect::<Vec<_>>();
    cost(
        &with(["--input", "10", "--cached", "11"]),
        "--cached and --cache-write-… are more than --input\n  hint: --input is the whole, as in `ai.tokens.input` and `ai.tokens.output`\n",
    );
    cost(
        &with(["--output", "10", "--reasoning", "11"]),
        "--reasoning is more than --output\n  hint: --output is the whole, as in `ai.tokens.input` and `ai.tokens.output`\n",
    );
    refuses(
        &["cost", "--config", "-", "--provider", "p", "--model", "m"],
        r#"{"models": [{"name": "a"}], "prices": [{"match": "m", "input": "x", "output": 1}]}"#,
        "prices[0].input: `x` is no decimal number\n  hint: write the dollars for a million tokens in digits alone: 2.50\n",
    );
}

/// A cost as the list writes it: `2.5e-06`, `0.0000025`, with up to as many digits as a double shows.
fn costs() -> impl Strategy<Value = (u64, String)> {
    (1..=99_999_999_u64, any::<bool>()).prop_map(|(attodollars, fixed)| {
        let text = if fixed { format!("0.{attodollars:018}") } else { format!("{attodollars}e-18") };
        (attodollars, text)
    })
}

proptest! {
    #[test]
    fn a_cost_is_converted_exactly((attodollars, text) in costs()) {
        let list = format!(
            r#"{{"m": {{"litellm_provider": "p", "input_cost_per_token": {text}, "output_cost_per_token": 0}}}}"#
        );
        let found = import(list.as_bytes(), &Wanted::default()).unwrap();
        prop_assert_eq!(found.notes.len(), 0);
        let config = GatewayConfig::parse(gateway(&found.section()).as_bytes(), &|_| None).unwrap();
        let usage = Usage { input: 1_000_000_000_000, ..Usage::default() };
        let cost = config.prices.of("p", "m").unwrap().cost(&usage);
        prop_assert_eq!(cost, MicroDollars(attodollars));
    }

    #[test]
    fn any_names_give_a_section_that_the_filter_takes(
        names in proptest::collection::btree_set("[a\\*/\"\\\\é \u{1}:.-]{0,6}", 0..6),
        provider in "[a/ é]{0,3}",
        ours in "[b :]{0,3}",
    ) {
        let models = names.iter().map(|name| {
            let fields = serde_json::json!({"litellm_provider": provider, "input_cost_per_token": 0.01, "output_cost_per_token": 0.1});
            (name.clone(), fields)
        });
        let list = serde_json::Value::from_iter(models).to_string();
        let wanted = Wanted { models: Vec::new(), providers: vec![ProviderName { listed: provider, configured: ours }] };
        if let Ok(found) = import(list.as_bytes(), &wanted) {
            let config = gateway(&found.section());
            prop_assert!(GatewayConfig::parse(config.as_bytes(), &|_| None).is_ok(), "{}", config);
        }
    }
}
