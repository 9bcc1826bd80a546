//! A route that is being put together, and its YAML.

use std::collections::BTreeSet;

use crate::route::variable_of_key;
use crate::yaml::{self, List, Map};

/// A route.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) backends: Vec<Backend>,
    /// Name and model.
    pub(super) aliases: Vec<(String, String)>,
    /// `firstByte` or `total`, and its limit.
    pub(super) timeouts: Vec<(&'static str, String)>,
}

/// A backend.
#[derive(Clone)]
pub(super) struct Backend {
    pub(super) name: String,
    pub(super) api: Api,
    pub(super) model: String,
    pub(super) seen: String,
    pub(super) priority: u64,
    pub(super) weight: u64,
    pub(super) base_url: Option<String>,
    pub(super) key: Option<Key>,
}

/// The API of a backend.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    OpenAi,
    Anthropic,
}

/// A key by its name, and its variable where that does not follow from the name.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    name: String,
    env: Option<String>,
}

impl Api {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    pub(super) const fn variable(self) -> &'static str {
        match self {
            Self::OpenAi => "OPENAI_API_KEY",
            Self::Anthropic => "ANTHROPIC_API_KEY",
        }
    }
}

impl Key {
    /// The key in that variable. `OPENAI_API_KEY` is `openai-key`.
    pub(super) fn of_variable(variable: &str) -> Self {
        match variable.strip_suffix("_API_KEY") {
            Some(owner) if label(owner).to_ascii_uppercase().replace('-', "_") == owner => {
                Self { name: format!("{}-key", label(owner)), env: None }
            }
            _ => Self { name: label(variable), env: Some(variable.to_owned()) },
        }
    }

    /// The key of that name.
    pub(super) fn named(name: &str) -> Self {
        Self { name: label(name), env: None }
    }

    /// The variable that it is in, as an AIGatewayRoute file is read.
    pub(super) fn variable(&self) -> String {
        self.env.clone().unwrap_or_else(|| variable_of_key(&self.name))
    }
}

/// A name of small letters, digits and `-`, that begins with a letter.
pub(super) fn label(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            out.push(character);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_end_matches('-');
    if out.starts_with(|first: char| first.is_ascii_alphabetic()) {
        out.to_owned()
    } else {
        format!("b-{out}")
    }
}

/// The longest part of a name that a wanted one becomes: with a number behind it there are no more than Kubernetes' 63 letters.
const LONGEST: usize = 56;

/// A name that no other has: the wanted one, as far as it is not too long, or with the first number that is free.
pub(super) fn unique(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let wanted: String = label(wanted).chars().take(LONGEST).collect();
    let wanted = wanted.trim_end_matches('-');
    let mut name = wanted.to_owned();
    let mut number = 2_u64;
    while !taken.insert(name.clone()) {
        name = format!("{wanted}-{number}");
        number = number.saturating_add(1);
    }
    name
}

/// The documents of these routes.
pub(super) fn documents(from: &str, drafts: &[Draft]) -> String {
    let heading =
        format!("Imported from {from} by `ai-filters import`. What had no counterpart was told on stderr.");
    let texts: Vec<String> = drafts
        .iter()
        .enumerate()
        .map(|(index, draft)| {
            yaml::document(if index == 0 { &heading } else { "The next route." }, root(draft))
        })
        .collect();
    texts.join("---\n")
}

fn root(draft: &Draft) -> Map {
    let aliases: Option<List> = (!draft.aliases.is_empty()).then(|| {
        let alias = |(name, model): &(String, String)| {
            Map::new().with("match", name.as_str()).with("model", model.as_str()).inline()
        };
        draft.aliases.iter().map(alias).collect()
    });
    let timeouts = (!draft.timeouts.is_empty()).then(|| {
        draft.timeouts.iter().fold(Map::new(), |map, (name, limit)| map.with(name, limit.as_str())).inline()
    });
    let spec = Map::new()
        .with("backends", draft.backends.iter().map(backend).collect::<List>())
        .with_some("aliases", aliases)
        .with_some("timeouts", timeouts);
    Map::new()
        .with("apiVersion", "gateway.envoyproxy.io/v1alpha1")
        .with("kind", "AIGatewayRoute")
        .with("metadata", Map::new().with("name", draft.name.as_str()).inline())
        .with("spec", spec)
}

fn backend(backend: &Backend) -> Map {
    let auth = match &backend.key {
        None => Map::new().with("type", "None"),
        Some(Key { name, env }) => {
            let key = Map::new().with("name", name.as_str()).with_some("env", env.as_deref()).inline();
            Map::new().with("type", "APIKey").with("apiKeyRef", key)
        }
    };
    Map::new()
        .with("name", backend.name.as_str())
        .with_some("priority", (backend.priority > 0).then_some(backend.priority))
        .with_some("weight", (backend.weight != 1).then_some(backend.weight))
        .with("provider", backend.api.name())
        .with("model", backend.model.as_str())
        .with_some("modelNameOverride", (backend.seen != backend.model).then_some(backend.seen.as_str()))
        .with_some("baseUrl", backend.base_url.as_deref())
        .with("auth", auth.inline())
}
