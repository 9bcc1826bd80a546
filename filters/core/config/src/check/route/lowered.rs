//! The file as ai-gateway's configuration: the same readers and checks, with this file's places.

use llm_api::Dialect;
use serde_json::{Map, Value, json};

use super::token_budget::TokenLimit;
use super::{Kept, listener};
use crate::check::gateway;
use crate::check::provider::Env;
use crate::json as document;
use crate::place::{At, Field, Place};
use crate::problem::Findings;
use crate::raw::Api;
use crate::raw::budgets::{RawBudgets, RawLimit};
use crate::raw::counting::{RawCounting, RawMode};
use crate::raw::gateway::{RawAlias, RawGateway, RawModel, RawTarget};
use crate::raw::identity::RawIdentity;
use crate::raw::prices::RawPrice;
use crate::raw::route::{RawListener, RawOutlierDetection, RawSharedBudget};
use crate::read::{Choice as _, List, Read};
use crate::route::{Backend, Given, Listener, Model, RouteFile};

/// What all routes of a file have together.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) identity: Field<Kept<RawIdentity>>,
    pub(super) budgets: Field<Kept<RawBudgets>>,
    pub(super) prices: Field<Kept<List<RawPrice>>>,
    pub(super) counting: Field<Kept<RawCounting>>,
    pub(super) listener: Field<RawListener>,
    pub(super) shared_budget: Field<RawSharedBudget>,
    pub(super) outlier_detection: Field<RawOutlierDetection>,
    pub(super) replicas: Field<u64>,
    pub(super) limits: Vec<TokenLimit>,
    aliases: Vec<At<RawAlias>>,
    models: Vec<(Place, RawModel)>,
}

impl Shared {
    /// Takes over a route's further names.
    pub(super) fn aliases(&mut self, field: Field<List<RawAlias>>) {
        if let Field::Given(list) = field {
            self.aliases.extend(list.value.items);
        }
    }

    /// Takes over a route's models. The longest prompt stands where the route says it, or the model's own settings.
    pub(super) fn models(&mut self, models: &[Model], longest: &Field<u64>) {
        for model in models {
            let limit = model.max_input_tokens.map(|value| {
                let place = longest.given().map_or_else(|| here(&model.name), |at| at.place.clone());
                At { place, value }
            });
            let limit = limit.map_or(Field::Missing, Field::Given);
            self.models.push((Place::document(model.name.order), self.model(model, limit)));
        }
    }

    /// Where the first budget of the section is that tells callers apart.
    pub(super) fn budget_per_caller(&self) -> Option<Given<()>> {
        let limits = self.budgets.given()?.value.section.limits.given()?;
        let per = |limit: &At<RawLimit>| {
            let per = limit.value.per.given().filter(|per| !per.value.items.is_empty())?;
            Some(Given::place(&per.place))
        };
        limits.value.items.iter().find_map(per)
    }

    /// Where the first budget is that a gateway keeps for itself.
    pub(super) fn first_budget(&self) -> Option<Given<()>> {
        let section = self.budgets.given().and_then(|at| at.value.section.limits.given());
        let section = section.and_then(|limits| limits.value.items.first()).map(|limit| &limit.place);
        self.limits.first().map(|limit| &limit.place).or(section).map(Given::place)
    }

    fn model(&self, model: &Model, limit: Field<u64>) -> RawModel {
        let targets = model.attempts.iter().flatten().map(|backend| {
            let Backend { name, api, model, .. } = backend;
            let api = match api {
                Dialect::OpenAi => Api::OpenAi,
                Dialect::Anthropic => Api::Anthropic,
            };
            let target = RawTarget {
                provider: text(name),
                api: Field::Given(At { place: here(name), value: api }),
                // A pattern sends what was asked for.
                model: if model.value.ends_with('*') { Field::Missing } else { text(model) },
                anthropic_version: Field::Missing,
            };
            At { place: here(name), value: target }
        });
        let targets = List { items: targets.collect(), complete: true };
        let mode = RawMode::ALL.iter().find(|(name, _)| Some(*name) == model.counting);
        RawModel {
            name: text(&model.name),
            route: Field::Missing,
            owned_by: Field::Missing,
            targets: Field::Given(At { place: here(&model.name), value: targets }),
            counting: mode.map_or(Field::Missing, |(_, mode)| {
                Field::Given(At { place: here(&model.name), value: *mode })
            }),
            max_input_tokens: limit,
        }
    }

    /// Checks all of it together, and says what the sections are.
    pub(super) fn check(self, file: &mut RouteFile, env: Env<'_>, findings: &mut Findings) {
        let root = Place::root();
        let (identity, identity_json) = Kept::parts(self.identity);
        let (budgets, budgets_json) = Kept::parts(self.budgets);
        let (prices, prices_json) = Kept::parts(self.prices);
        let (counting, counting_json) = Kept::parts(self.counting);
        // From what is missing because it is wrong, nothing is concluded.
        let complete = findings.is_empty();
        let max_body_bytes = match &self.listener {
            Field::Given(at) => match at.value.max_body_bytes.given() {
                Some(at) => Field::Given(At { place: at.place.clone(), value: at.value }),
                None => Field::Missing,
            },
            _ => Field::Missing,
        };
        file.listener =
            self.listener.into_given().map_or_else(Listener::default, |at| listener(at.value, findings));
        let by_header = json!({"header": {"user": "x-user-id"}}).to_string();
        let identity = match identity {
            Field::Missing => read_default(&by_header, findings),
            given => given,
        };
        file.identity = Some(identity_json.unwrap_or(by_header));
        file.budgets = together(budgets_json, &self.limits);
        file.prices = prices_json;
        file.counting = counting_json;
        let budgets = with_limits(budgets, &self.limits, findings);
        let models = self.models.into_iter().map(|(place, value)| At { place, value }).collect::<Vec<_>>();
        if models.is_empty() {
            // Nothing that refers to a model can be judged, and why there is none is said already.
            return;
        }
        let raw = RawGateway {
            models: Field::Given(At { place: root.clone(), value: List { items: models, complete } }),
            aliases: Field::Given(At { place: root, value: List { items: self.aliases, complete } }),
            max_body_bytes,
            headers_held: Field::Missing,
            other_paths: Field::Missing,
            counting,
            budgets,
            prices,
            identity,
        };
        let _ = gateway::config(&raw, env, findings);
    }
}

fn read_default(json: &str, findings: &mut Findings) -> Field<RawIdentity> {
    let place = Place::root();
    let read =
        document::parse(json.as_bytes()).ok().and_then(|node| RawIdentity::read(node, &place, findings));
    read.map_or(Field::Wrong, |value| Field::Given(At { place, value }))
}

/// The section's own budgets, then the short form's.
fn with_limits(
    budgets: Field<RawBudgets>,
    limits: &[TokenLimit],
    findings: &mut Findings,
) -> Field<RawBudgets> {
    let Some(first) = limits.first() else { return budgets };
    let read: Vec<_> = limits
        .iter()
        .filter_map(|limit| Some(At { place: limit.place.clone(), value: limit.raw(findings)? }))
        .collect();
    let section = match budgets {
        Field::Wrong => return Field::Wrong,
        Field::Given(at) => Some(at),
        Field::Missing => document::parse(b"{}")
            .ok()
            .and_then(|node| RawBudgets::read(node, &first.place, findings))
            .map(|value| At { place: first.place.clone(), value }),
    };
    let Some(mut section) = section else { return Field::Wrong };
    match &mut section.value.limits {
        Field::Wrong => {}
        Field::Given(list) => list.value.items.extend(read),
        missing => {
            let list = List { items: read, complete: true };
            *missing = Field::Given(At { place: first.place.clone(), value: list });
        }
    }
    Field::Given(section)
}

/// The same as text.
fn together(budgets: Option<String>, limits: &[TokenLimit]) -> Option<String> {
    if limits.is_empty() {
        return budgets;
    }
    let given: Option<Map<String, Value>> = budgets.and_then(|text| serde_json::from_str(&text).ok());
    let mut section = given.unwrap_or_default();
    let list = section.entry("limits").or_insert_with(|| Value::Array(Vec::new()));
    if let Some(list) = list.as_array_mut() {
        list.extend(limits.iter().map(|limit| limit.json.clone()));
    }
    Some(Value::Object(section).to_string())
}

fn text(given: &Given<String>) -> Field<String> {
    Field::Given(At { place: here(given), value: given.value.clone() })
}

/// The place of something whose path is known.
fn here<T>(given: &Given<T>) -> Place {
    Place::of(given.order, &given.path)
}
