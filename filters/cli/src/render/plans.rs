//! Plans: which providers a route may try, in which order.
//!
//! Beside the full plan there is one for every subset that ai-gateway can narrow it to. Whether a provider can express a request depends
//! on the API that it speaks and on nothing else, so the subsets are those of the APIs, not of the providers: two for two APIs, however
//! many providers speak them.

use llm_api::Dialect;

use super::served::{Served, attempts};
use super::{LlmRouter, Provider};

/// The full plan's name where there is one model; a narrowed one adds its providers'.
const FULL: &str = "llm";

/// Some of a model's providers, in the order of the attempts.
#[derive(Clone)]
pub(super) struct Plan<'a> {
    /// The model.
    pub(super) served: Served<'a>,
    /// Its name: of a cluster or a cluster specifier, and the first part of its routes'.
    pub(super) name: String,
    /// What the plan header says for it; none for the full plan.
    pub(super) header: Option<String>,
    /// Who is tried: in each attempt, those that share it. No attempt is empty.
    pub(super) attempts: Vec<Vec<&'a Provider>>,
}

/// Every plan of every model, of each model the narrowed ones first, as routes have to stand.
pub(super) fn plans(router: &LlmRouter) -> Vec<Plan<'_>> {
    router.served().flat_map(|served| of_model(router, served)).collect()
}

fn of_model<'a>(router: &LlmRouter, served: Served<'a>) -> Vec<Plan<'a>> {
    let mut apis: Vec<Dialect> = Vec::new();
    for provider in served.providers {
        if !apis.contains(&provider.api) {
            apis.push(provider.api);
        }
    }
    // No name of a model holds a comma, so a narrowed plan of one model is never named as another's.
    let (name, comma) = match router.more_models.as_slice() {
        [] => (FULL.to_owned(), "-"),
        _ => (format!("{FULL}-{}", served.name.as_str()), ","),
    };
    let full = Plan { served, name, header: None, attempts: attempts(served.providers) };
    if !router.routes_by_headers() {
        return vec![full];
    }
    let all_apis = 1_u32
        .checked_shl(u32::try_from(apis.len()).unwrap_or(u32::MAX))
        .unwrap_or(u32::MAX)
        .saturating_sub(1);
    let narrowed = (1..all_apis).map(|chosen| {
        full.narrowed(comma, |provider| {
            apis.iter().position(|api| *api == provider.api).is_some_and(|bit| (chosen >> bit) & 1 == 1)
        })
    });
    let narrowed: Vec<_> = narrowed.collect();
    narrowed.into_iter().chain([full]).collect()
}

impl<'a> Plan<'a> {
    /// The same with some of the providers. Each stays in its attempt, whoever else of it is left.
    fn narrowed(&self, separator: &str, keeps: impl Fn(&Provider) -> bool) -> Self {
        let left = self
            .attempts
            .iter()
            .map(|sharing| sharing.iter().copied().filter(|provider| keeps(provider)).collect::<Vec<_>>());
        let attempts: Vec<_> = left.filter(|sharing| !sharing.is_empty()).collect();
        let names: Vec<&str> = attempts.iter().flatten().map(|provider| provider.name.as_str()).collect();
        let name = format!("{}{separator}{}", self.name, names.join(separator));
        let header = Some(names.join(","));
        Self { served: self.served, name, header, attempts }
    }

    /// Who is tried, in the order of the attempts.
    pub(super) fn providers(&self) -> impl Iterator<Item = &'a Provider> + '_ {
        self.attempts.iter().flatten().copied()
    }

    /// The one provider, where there is no other.
    pub(super) fn only(&self) -> Option<&'a Provider> {
        let mut providers = self.providers();
        providers.next().filter(|_| providers.next().is_none())
    }

    /// Attempts after the first.
    pub(super) fn retries(&self) -> u64 {
        u64::try_from(self.attempts.len()).unwrap_or(u64::MAX).saturating_sub(1)
    }
}
