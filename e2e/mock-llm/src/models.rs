//! The models that a mock provider knows, with the limits that the real API enforces on them.

use crate::state::ProviderKind;

/// A model as its API knows it.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The name to ask for.
    pub(crate) name: String,
    /// The name in the answer: a dated snapshot where `name` is an alias.
    pub(crate) snapshot: String,
    /// The most output tokens that may be asked for.
    pub(crate) max_output: u64,
    /// Whether the last message may be the assistant's.
    pub(crate) prefill: Prefill,
}

/// Whether a conversation may end with the assistant's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefill {
    Allowed,
    Refused,
}

impl Model {
    /// A model of the test's own, without limits; or every one whose name begins so, where `*` is at its end.
    pub(crate) fn own(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { snapshot: name.clone(), name, max_output: u64::MAX, prefill: Prefill::Allowed }
    }
}

/// Name, snapshot, most output tokens. Source: the models page of OpenAI's API documentation.
const OPENAI: &[(&str, &str, u64)] = &[
    ("gpt-3.5-turbo", "gpt-3.5-turbo-0125", 4096),
    ("gpt-4", "gpt-4-0613", 8192),
    ("gpt-4-turbo", "gpt-4-turbo-2024-04-09", 4096),
    ("gpt-4o", "gpt-4o-2024-08-06", 16_384),
    ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", 16_384),
    ("gpt-4.1", "gpt-4.1-2025-04-14", 32_768),
    ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", 32_768),
];

/// Name, snapshot, most output tokens, prefill. Source: the models page of Anthropic's API documentation. `claude-3-opus` is no alias of
/// the real API, but the name under which compatible servers have it.
const ANTHROPIC: &[(&str, &str, u64, Prefill)] = &[
    ("claude-3-opus", "claude-3-opus-20240229", 4096, Prefill::Allowed),
    ("claude-3-opus-latest", "claude-3-opus-20240229", 4096, Prefill::Allowed),
    ("claude-3-opus-20240229", "claude-3-opus-20240229", 4096, Prefill::Allowed),
    ("claude-3-haiku-20240307", "claude-3-haiku-20240307", 4096, Prefill::Allowed),
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", 8192, Prefill::Allowed),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 64_000, Prefill::Allowed),
    ("claude-haiku-4-5", "claude-haiku-4-5-20251001", 64_000, Prefill::Allowed),
    ("claude-opus-4-6", "claude-opus-4-6", 128_000, Prefill::Refused),
    ("claude-sonnet-4-6", "claude-sonnet-4-6", 64_000, Prefill::Refused),
];

/// What a provider of that kind knows from the start: aliases and their snapshots.
pub(crate) fn known(kind: ProviderKind) -> Vec<Model> {
    match kind {
        ProviderKind::OpenAi => OPENAI
            .iter()
            .flat_map(|(name, snapshot, max_output)| {
                [name, snapshot].map(|name| Model {
                    name: (*name).to_owned(),
                    snapshot: (*snapshot).to_owned(),
                    max_output: *max_output,
                    prefill: Prefill::Allowed,
                })
            })
            .collect(),
        ProviderKind::Anthropic => ANTHROPIC
            .iter()
            .map(|(name, snapshot, max_output, prefill)| Model {
                name: (*name).to_owned(),
                snapshot: (*snapshot).to_owned(),
                max_output: *max_output,
                prefill: *prefill,
            })
            .collect(),
    }
}

/// The model of that name: one that has it, else one whose name is a beginning of it followed by `*`.
pub(crate) fn find<'a>(models: &'a [Model], name: &str) -> Option<&'a Model> {
    let begins =
        |model: &&Model| model.name.strip_suffix('*').is_some_and(|beginning| name.starts_with(beginning));
    models.iter().find(|model| model.name == name).or_else(|| models.iter().find(begins))
}

/// The name that an answer of that model carries.
pub(crate) fn snapshot(models: &[Model], name: &str) -> String {
    match find(models, name) {
        Some(model) if !model.snapshot.ends_with('*') => model.snapshot.clone(),
        _ => name.to_owned(),
    }
}
