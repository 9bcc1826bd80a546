//! `models`: what is different for one of a route's models.

use std::collections::BTreeSet;

use crate::place::{At, Field};
use crate::problem::{Fault, Findings, quoted, quoted_list};
use crate::raw::route::{RawBackend, RawModelSettings};
use crate::read::{Choice as _, List};
use crate::route::Model;
use crate::suggest::did_you_mean;

/// Gives the models what is said of them. Where a backend was not understood, a name that no model has may be its.
pub(super) fn apply(
    models: &mut [Model],
    settings: &Field<List<RawModelSettings>>,
    longest: &Field<u64>,
    backends: &Field<List<RawBackend>>,
    findings: &mut Findings,
) {
    for model in models.iter_mut() {
        model.max_input_tokens = longest.given().map(|at| at.value);
    }
    let complete = backends.given().is_some_and(|list| list.value.complete) && findings.is_empty();
    let mut seen = BTreeSet::new();
    for At { value, .. } in settings.given().into_iter().flat_map(|list| &list.value.items) {
        let Some(name) = value.name.given() else { continue };
        if !seen.insert(name.value.clone()) {
            let message = format!("the settings of {} are given twice", quoted(&name.value));
            findings.report(&name.place, Fault::new(message, "keep one of the two"));
        }
        let known: Vec<String> = models.iter().map(|model| model.name.value.clone()).collect();
        let names = || known.iter().map(String::as_str);
        let Some(model) = models.iter_mut().find(|model| model.name.value == name.value) else {
            if complete {
                let message = format!(
                    "unknown model {} (of this route: {})",
                    quoted(&name.value),
                    quoted_list(names())
                );
                let hint = did_you_mean(&name.value, names(), "name one as clients see it");
                findings.report(&name.place, Fault::new(message, hint));
            }
            continue;
        };
        if let Some(mode) = value.counting.given() {
            let all = crate::raw::counting::RawMode::ALL.iter();
            model.counting = all.filter(|(_, one)| *one == mode.value).map(|(name, _)| *name).next();
        }
        if let Some(limit) = value.max_input_tokens.given() {
            model.max_input_tokens = Some(limit.value);
            if !(1..=crate::raw::counting::MOST_TOKENS).contains(&limit.value) {
                let most = crate::raw::counting::MOST_TOKENS;
                let message = format!("{} is not from 1 to {most}", limit.value);
                findings.report(&limit.place, Fault::new(message, "leave it out where there is no limit"));
            }
        }
    }
}
