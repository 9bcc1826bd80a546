//! LiteLLM's `config.yaml`: deployments become backends, fallbacks become priorities.
//!
//! The format is that of docs.litellm.ai/docs/proxy/configs, as of October 2026.

use std::collections::BTreeSet;

use serde_json::Value;

use super::draft::{self, Api, Backend, Draft, Key, unique};
use super::taking::Taking;
use super::{Imported, Lost, Problem, documents};
use crate::render::{BaseUrl, Limit};

/// Prefixes of `litellm_params.model` for servers that speak OpenAI's API, where that begins, and the variable of its key.
const COMPATIBLE: [(&str, Option<&str>, Option<&str>); 7] = [
    ("hosted_vllm", None, None),
    ("litellm_proxy", None, None),
    ("groq", Some("https://api.groq.com/openai/v1"), Some("GROQ_API_KEY")),
    ("mistral", Some("https://api.mistral.ai/v1"), Some("MISTRAL_API_KEY")),
    ("deepseek", Some("https://api.deepseek.com/v1"), Some("DEEPSEEK_API_KEY")),
    ("openrouter", Some("https://openrouter.ai/api/v1"), Some("OPENROUTER_API_KEY")),
    ("together_ai", Some("https://api.together.xyz/v1"), Some("TOGETHERAI_API_KEY")),
];

/// What is said about members that people will ask for.
const ADVICE: [(&str, &str); 10] = [
    ("rpm", "has no counterpart; budgets are for callers and models: `spec.budgets`"),
    ("tpm", "has no counterpart; budgets are for callers and models: `spec.budgets`"),
    ("model_info", "prices go into `spec.prices`: `ai-filters prices import`"),
    ("master_key", "keys of callers go into `spec.identity`: `ai-filters keys hash`"),
    ("num_retries", "each backend is tried once, in the order of priorities"),
    ("routing_strategy", "backends of one priority are chosen by `weight`"),
    ("cooldown_time", "has no counterpart"),
    ("drop_params", "nothing is dropped: a request that a backend cannot express goes to one that can"),
    ("content_policy_fallbacks", "has no counterpart: a refusal is an answer"),
    ("context_window_fallbacks", "has no counterpart; `maxInputTokens` refuses what is too long"),
];

/// The route that a `config.yaml` describes.
///
/// # Errors
/// Where it is no YAML, or has no `model_list`.
pub fn litellm(text: &[u8]) -> Result<Imported, Problem> {
    let documents = documents(text)?;
    let mut root = Taking::of(documents.first(), "");
    let mut lost = Vec::new();
    let deployments = root.items("model_list");
    if deployments.is_empty() {
        return Err(Problem::Nothing { wanted: "`model_list`" });
    }
    for number in 2..=documents.len() {
        lost.push(told(format!("document {number}"), "only the first is read"));
    }
    let mut names = BTreeSet::new();
    let mut backends: Vec<Backend> = deployments
        .into_iter()
        .filter_map(|(path, deployment)| backend(&path, deployment, &mut names, &mut lost))
        .collect();
    let mut draft =
        Draft { name: "litellm".to_owned(), backends: Vec::new(), aliases: Vec::new(), timeouts: Vec::new() };
    let mut fallbacks = Vec::new();
    for section in ["litellm_settings", "router_settings"] {
        let mut settings = root.object(section);
        let name = if section == "litellm_settings" { "request_timeout" } else { "timeout" };
        if let Some(seconds) = settings.number(name) {
            let limit = format!("{seconds}s");
            match (limit.parse::<Limit>(), draft.timeouts.first()) {
                (Err(_), _) => {
                    lost.push(told(settings.at(name), "no limit is below a second or above a day"))
                }
                (Ok(_), None) => draft.timeouts.push(("total", limit)),
                (Ok(_), Some((_, known))) if *known == limit => {}
                (Ok(_), Some(_)) => {
                    lost.push(told(settings.at(name), "a route has one limit: `spec.timeouts.total`"))
                }
            }
        }
        fallbacks.extend(settings.items("fallbacks"));
        let aliases = settings.at("model_group_alias");
        for (alias, model) in
            settings.value("model_group_alias").and_then(Value::as_object).into_iter().flatten()
        {
            match model.as_str() {
                Some(model) => draft.aliases.push((alias.clone(), model.to_owned())),
                None => {
                    lost.push(told(format!("{aliases}.{alias}"), "only its plain form has a counterpart"))
                }
            }
        }
        settings.finish(&ADVICE, &mut lost);
    }
    root.object("general_settings").finish(&ADVICE, &mut lost);
    root.finish(&ADVICE, &mut lost);
    for (path, fallback) in fallbacks {
        let Some(models) = fallback.as_object() else {
            lost.push(told(path, "is no object"));
            continue;
        };
        for (model, others) in models {
            let Some(others) = others.as_array() else {
                lost.push(told(path.clone(), format!("what `{model}` falls back to is no list")));
                continue;
            };
            if !others.iter().all(Value::is_string) {
                lost.push(told(path.clone(), format!("`{model}` can only fall back to names of models")));
            }
            let others = others.iter().filter_map(Value::as_str);
            fall_back(&mut backends, model, others, &path, &mut names, &mut lost);
        }
    }
    draft.backends = backends;
    let yaml = if draft.backends.is_empty() { String::new() } else { draft::documents("LiteLLM", &[draft]) };
    Ok(Imported { yaml, lost })
}

fn told(path: String, reason: impl Into<String>) -> Lost {
    Lost { path, reason: reason.into() }
}

fn backend(
    path: &str,
    deployment: &Value,
    names: &mut BTreeSet<String>,
    lost: &mut Vec<Lost>,
) -> Option<Backend> {
    let mut members = Taking::of(Some(deployment), path);
    let seen = members.text("model_name");
    let mut params = members.object("litellm_params");
    let model_path = params.at("model");
    let model = params.text("model");
    let base_path = params.at("api_base");
    let base_url = params.text("api_base");
    let key_path = params.at("api_key");
    let key = params.text("api_key");
    let (order, weight) = (params.number("order"), params.number("weight"));
    params.finish(&ADVICE, lost);
    members.finish(&ADVICE, lost);
    let Some((seen, model)) = seen.zip(model) else {
        lost.push(told(path.to_owned(), "names no model: `model_name` and `litellm_params.model`"));
        return None;
    };
    if seen.contains('*') || model.contains('*') {
        lost.push(told(model_path, "patterns of models have no counterpart: name each model"));
        return None;
    }
    let (prefix, rest) = model.split_once('/').unwrap_or(("", model));
    let known = COMPATIBLE.iter().find(|(name, ..)| *name == prefix);
    let (api, model, default_url, variable) = match (prefix, known) {
        ("openai", _) => (Api::OpenAi, rest, None, Some(Api::OpenAi.variable())),
        ("anthropic", _) => (Api::Anthropic, rest, None, Some(Api::Anthropic.variable())),
        ("", _) if rest.starts_with("claude") => {
            (Api::Anthropic, rest, None, Some(Api::Anthropic.variable()))
        }
        ("", _) => (Api::OpenAi, rest, None, Some(Api::OpenAi.variable())),
        (_, Some((_, url, variable))) => (Api::OpenAi, rest, *url, *variable),
        (other, None) => {
            lost.push(told(
                model_path,
                format!("the API of `{other}` is not spoken: only OpenAI's and Anthropic's"),
            ));
            return None;
        }
    };
    if base_url.is_none() && default_url.is_none() && !matches!(prefix, "" | "openai" | "anthropic") {
        lost.push(told(
            path.to_owned(),
            format!("`{prefix}` has no host of its own, and there is no `api_base`"),
        ));
        return None;
    }
    if let Some(url) = base_url
        && let Err(problem) = url.parse::<BaseUrl>()
    {
        let reason = match url.strip_prefix("os.environ/") {
            Some(_) => "a base URL is written out: the environment is for keys".to_owned(),
            None => problem.to_string(),
        };
        lost.push(told(base_path, reason));
        return None;
    }
    let key = match key {
        Some(key) => Some(match key.strip_prefix("os.environ/") {
            Some(variable) => Key::of_variable(variable),
            None => {
                let variable = variable.unwrap_or_else(|| api.variable());
                lost.push(told(
                    key_path,
                    format!("a key does not belong into a file: put it into {variable}"),
                ));
                Key::of_variable(variable)
            }
        }),
        // LiteLLM asks the environment then, except where the server is somebody's own.
        None if base_url.is_none() => variable.map(Key::of_variable),
        None => None,
    };
    let owner = if prefix.is_empty() { api.name() } else { prefix };
    Some(Backend {
        name: unique(&format!("{owner}-{model}"), names),
        api,
        model: model.to_owned(),
        seen: seen.to_owned(),
        priority: order.unwrap_or(0),
        weight: weight.unwrap_or(1),
        base_url: base_url.or(default_url).map(str::to_owned),
        key,
    })
}

/// Puts the backends of other models behind those of one.
fn fall_back<'a>(
    backends: &mut Vec<Backend>,
    model: &str,
    others: impl Iterator<Item = &'a str>,
    path: &str,
    names: &mut BTreeSet<String>,
    lost: &mut Vec<Lost>,
) {
    let of = |backends: &[Backend], name: &str| -> Vec<Backend> {
        backends.iter().filter(|backend| backend.seen == name).cloned().collect()
    };
    let own = of(backends, model);
    if own.is_empty() {
        lost.push(told(path.to_owned(), format!("`{model}` is none of the models that were taken over")));
        return;
    }
    let mut last = own.iter().map(|backend| backend.priority).max().unwrap_or(0);
    for other in others {
        let theirs = of(backends, other);
        if theirs.is_empty() {
            lost.push(told(path.to_owned(), format!("`{other}` is none of the models that were taken over")));
        }
        let first = last.saturating_add(1);
        for one in theirs {
            let priority = first.saturating_add(one.priority);
            last = last.max(priority);
            let name = unique(&format!("{}-for-{model}", one.name), names);
            backends.push(Backend { name, priority, seen: model.to_owned(), ..one });
        }
    }
}
