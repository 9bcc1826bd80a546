//! What of a Chat Completions request has no counterpart elsewhere.

use super::super::harmless::{
    LeftOut, Parameter, is_empty, is_false, is_medium, is_one, is_text_only, is_type_text, is_zero, never,
};

/// Parameters that no other API here has, or not yet here.
pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter { name: "n", harmless: is_one, reason: "the provider gives one answer to a request" },
    Parameter { name: "presence_penalty", harmless: is_zero, reason: "the provider has no penalties" },
    Parameter { name: "frequency_penalty", harmless: is_zero, reason: "the provider has no penalties" },
    Parameter { name: "logit_bias", harmless: is_empty, reason: "the provider cannot bias tokens" },
    Parameter { name: "logprobs", harmless: is_false, reason: "the provider reports no probabilities" },
    Parameter { name: "top_logprobs", harmless: is_zero, reason: "the provider reports no probabilities" },
    Parameter { name: "seed", harmless: never, reason: "the provider cannot repeat a sample" },
    Parameter { name: "tools", harmless: is_empty, reason: "tool calls are not translated" },
    Parameter { name: "functions", harmless: is_empty, reason: "tool calls are not translated" },
    Parameter {
        name: "response_format",
        harmless: is_type_text,
        reason: "structured output is not translated",
    },
    Parameter { name: "modalities", harmless: is_text_only, reason: "the provider answers with text only" },
    Parameter { name: "audio", harmless: never, reason: "the provider answers with text only" },
    Parameter { name: "reasoning_effort", harmless: never, reason: "reasoning is not translated" },
    Parameter { name: "verbosity", harmless: is_medium, reason: "the provider has no verbosity" },
    Parameter { name: "web_search_options", harmless: never, reason: "web search is not translated" },
    Parameter { name: "moderation", harmless: never, reason: "the provider has no moderation" },
];

/// Fields that steer nothing of what the model answers.
pub(in super::super) const LEFT_OUT: &[LeftOut] = &[
    LeftOut { path: "store", why: "whether OpenAI keeps the answer for its own dashboard and distillation" },
    LeftOut { path: "metadata", why: "labels for finding stored answers" },
    LeftOut {
        path: "prompt_cache_key",
        why: "which of OpenAI's caches is looked into first; a matter of cost",
    },
    LeftOut { path: "prompt_cache_retention", why: "how long OpenAI caches the prompt; a matter of cost" },
    LeftOut { path: "prompt_cache_options", why: "how OpenAI caches the prompt; a matter of cost" },
    LeftOut { path: "prediction", why: "a guess at the answer that makes it faster, never different" },
    LeftOut {
        path: "user",
        why: "whose request it is, for finding abuse; left out above the 256 characters that Anthropic takes",
    },
    LeftOut { path: "safety_identifier", why: "as `user`, whose newer name it is" },
    LeftOut {
        path: "stream_options.include_usage",
        why: "Anthropic always reports usage; the client's stream is written by what `peek` says",
    },
    LeftOut {
        path: "stream_options.include_obfuscation",
        why: "padding of OpenAI's own stream against eavesdroppers on its length",
    },
    LeftOut {
        path: "messages[].reasoning_content",
        why: "earlier reasoning, as this gateway's answers carry it; without tools, Anthropic's models do not see it again either",
    },
];
