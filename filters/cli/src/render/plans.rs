//! Plans: which providers a route may try, in which order.
//!
//! Beside the full plan there is one for every subset that ai-gateway can narrow it to. Whether a provider can express a request depends
//! on the API that it speaks and on nothing else, so the subsets are those of the APIs, not of the providers: two for two APIs, however
//! many providers speak them.

use llm_api::Dialect;

use super::{LlmRouter, Provider};

/// The full plan's name; a narrowed one adds its providers'.
const FULL: &str = "llm";

/// Some of the providers, in the order of the attempts.
pub(super) struct Plan<'a> {
    /// Its name: of a cluster or a cluster specifier, and the first part of its routes'.
    pub(super) name: String,
    /// What the plan header says for it; none for the full plan.
    pub(super) header: Option<String>,
    /// Who is tried. Never empty in a narrowed plan.
    pub(super) providers: Vec<&'a Provider>,
}

/// Every plan, the narrowed ones first, as routes have to stand.
pub(super) fn plans(router: &LlmRouter) -> Vec<Plan<'_>> {
    let mut apis: Vec<Dialect> = Vec::new();
    for provider in &router.providers {
        if !apis.contains(&provider.api) {
            apis.push(provider.api);
        }
    }
    let full = Plan { name: FULL.to_owned(), header: None, providers: router.providers.iter().collect() };
    if !router.routes_by_headers() {
        return vec![full];
    }
    let all_apis = 1_u32
        .checked_shl(u32::try_from(apis.len()).unwrap_or(u32::MAX))
        .unwrap_or(u32::MAX)
        .saturating_sub(1);
    let narrowed = (1..all_apis).map(|chosen| {
        let providers = router.providers.iter().filter(|provider| {
            apis.iter().position(|api| *api == provider.api).is_some_and(|bit| (chosen >> bit) & 1 == 1)
        });
        Plan::narrowed(providers.collect())
    });
    narrowed.chain([full]).collect()
}

impl<'a> Plan<'a> {
    fn narrowed(providers: Vec<&'a Provider>) -> Self {
        let names: Vec<&str> = providers.iter().map(|provider| provider.name.as_str()).collect();
        Self { name: format!("{FULL}-{}", names.join("-")), header: Some(names.join(",")), providers }
    }

    /// The one provider, where there is no other.
    pub(super) fn only(&self) -> Option<&'a Provider> {
        match self.providers.as_slice() {
            [provider] => Some(provider),
            _ => None,
        }
    }

    /// Attempts after the first: one for each further provider.
    pub(super) fn retries(&self) -> u64 {
        u64::try_from(self.providers.len()).unwrap_or(u64::MAX).saturating_sub(1)
    }
}
