//! The models that one endpoint serves, each with its own providers and limits.

use super::{Limits, LlmRouter, ModelName, Provider};

/// A further model on the same endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its name as clients say it.
    pub name: ModelName,
    /// Who serves it, in the order of the attempts. Names are unique among all models: a provider has one cluster and one model there.
    pub providers: Vec<Provider>,
    /// How long anything may take.
    pub limits: Limits,
    /// The most tokens that a prompt may have.
    pub max_input_tokens: Option<u64>,
    /// How its tokens are counted, where it differs from the others: a mode of ai-gateway's `counting`.
    pub counting: Option<String>,
}

/// When a provider is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// In the attempt after the provider before it.
    #[default]
    Next,
    /// In the same attempt as the provider before it: one of them is chosen, by their weights.
    Beside,
}

/// A model of the router's, whichever it is.
#[derive(Clone, Copy)]
pub(crate) struct Served<'a> {
    pub(crate) name: &'a ModelName,
    pub(crate) providers: &'a [Provider],
    pub(crate) limits: Limits,
    pub(crate) max_input_tokens: Option<u64>,
    pub(crate) counting: Option<&'a str>,
}

impl LlmRouter {
    /// Every model, the first one first.
    pub(crate) fn served(&self) -> impl Iterator<Item = Served<'_>> {
        let first = Served {
            name: &self.model,
            providers: &self.providers,
            limits: self.limits,
            max_input_tokens: self.max_input_tokens,
            counting: self.model_counting.as_deref(),
        };
        std::iter::once(first).chain(self.more_models.iter().map(|model| Served {
            name: &model.name,
            providers: &model.providers,
            limits: model.limits,
            max_input_tokens: model.max_input_tokens,
            counting: model.counting.as_deref(),
        }))
    }

    /// Every provider of every model, each beside the model that it serves.
    pub(crate) fn every_provider(&self) -> impl Iterator<Item = (Served<'_>, &Provider)> {
        self.served().flat_map(|served| served.providers.iter().map(move |provider| (served, provider)))
    }

    /// The longest that any request may take.
    pub(super) fn longest(&self) -> super::Limit {
        self.served().map(|served| served.limits.total).max().unwrap_or(self.limits.total)
    }
}

/// The attempts that providers in this order make: in each, those that share it.
pub(crate) fn attempts<'a>(providers: impl IntoIterator<Item = &'a Provider>) -> Vec<Vec<&'a Provider>> {
    let mut attempts: Vec<Vec<&Provider>> = Vec::new();
    for provider in providers {
        match attempts.last_mut() {
            Some(last) if provider.turn == Turn::Beside => last.push(provider),
            _ => attempts.push(vec![provider]),
        }
    }
    attempts
}
