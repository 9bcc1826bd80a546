//! What an AIGatewayRoute file means: backends into models and attempts, and all of it into ai-gateway's configuration, which is then
//! checked as ai-gateway would check it.

mod backend;
mod lowered;
mod metadata;
mod settings;
mod shared_budget;
mod token_budget;

use std::collections::BTreeSet;

use crate::check::provider::Env;
use crate::place::{At, Field, Place};
use crate::problem::{Fault, Findings, quoted};
use crate::raw::route::{Kept, RawListener, RawRoute, RawTimeouts};
use crate::route::{Given, Listener, Model, Route, RouteFile, Timeouts};

/// The file, as far as it was understood; what is wrong is noted.
pub(crate) fn file(raw: Vec<RawRoute>, env: Env<'_>, findings: &mut Findings) -> RouteFile {
    let mut shared = lowered::Shared::default();
    let mut file = RouteFile::default();
    let several = raw.len() > 1;
    let mut names = Names::default();
    for route in raw {
        // A document of another kind or version means something else: what else it says is not judged.
        if route.kind.given().is_none() || route.api_version.given().is_none() {
            continue;
        }
        let metadata = route.metadata.into_given().map(|at| at.value);
        let Some(metadata::Metadata { name, namespace }) =
            metadata.and_then(|metadata| metadata::of(metadata, &mut file, findings))
        else {
            continue;
        };
        names.unique(Kind::Route, &name, &name.value, findings);
        let Some(At { value: spec, .. }) = route.spec.into_given() else { continue };
        let mut models = backend::models(&spec.backends, &mut names, findings);
        settings::apply(&mut models, &spec.models, &spec.max_input_tokens, &spec.backends, findings);
        shared.models(&models, &spec.max_input_tokens);
        let among_others = several.then_some((&name, &models));
        let limits = token_budget::limits(&spec.rate_limit, among_others, &shared.limits, findings);
        if file.budget_by_default_header.is_none() {
            file.budget_by_default_header = limits.first().map(|limit| Given::place(&limit.place));
        }
        shared.limits.extend(limits);
        let aliases = spec.aliases.given().into_iter().flat_map(|list| &list.value.items);
        let aliases = aliases.filter_map(|alias| {
            let pattern = alias.value.pattern.given()?;
            Some((Given::copy(pattern), alias.value.model.given()?.value.clone()))
        });
        let route =
            Route { namespace, models, aliases: aliases.collect(), timeouts: timeouts(spec.timeouts), name };
        shared.aliases(spec.aliases);
        once("identity", &mut shared.identity, spec.identity, findings);
        once("budgets", &mut shared.budgets, spec.budgets, findings);
        once("prices", &mut shared.prices, spec.prices, findings);
        once("counting", &mut shared.counting, spec.counting, findings);
        once("listener", &mut shared.listener, spec.listener, findings);
        once("sharedBudget", &mut shared.shared_budget, spec.shared_budget, findings);
        once("outlierDetection", &mut shared.outlier_detection, spec.outlier_detection, findings);
        once("replicas", &mut shared.replicas, spec.replicas, findings);
        file.routes.push(route);
    }
    let shared_budget = shared.shared_budget.given().map(|at| Given::place(&at.place));
    let per_caller = shared.budget_per_caller().or(shared_budget);
    if !shared.identity.is_missing() {
        file.budget_by_default_header = None;
    } else if file.budget_by_default_header.is_none() {
        file.budget_by_default_header = per_caller;
    }
    file.shared_budget = shared_budget::of(&shared.shared_budget, findings);
    file.outlier_detection = shared_budget::outliers(&shared.outlier_detection, findings);
    file.replicas = shared_budget::replicas(&shared.replicas, findings);
    file.own_budget = shared.first_budget();
    shared.check(&mut file, env, findings);
    file
}

/// A section that holds for the whole file, and is given in one of its routes.
fn once<T>(name: &str, slot: &mut Field<T>, given: Field<T>, findings: &mut Findings) {
    if given.is_missing() {
        return;
    }
    if let Field::Given(at) = &given
        && !slot.is_missing()
    {
        findings.report(
            &at.place,
            Fault::new(
                format!("another route of this file has a `{name}` already"),
                "it holds for the whole file: keep one of the two",
            ),
        );
        return;
    }
    *slot = given;
}

/// What a name is of, for messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Route,
    Backend,
    Model,
}

/// Names that were given.
#[derive(Default)]
struct Names(BTreeSet<(Kind, String)>);

impl Names {
    /// Notes a name; one that is there already is a problem.
    fn unique<T>(&mut self, kind: Kind, at: &Given<T>, name: &str, findings: &mut Findings) {
        let (what, hint) = match kind {
            Kind::Route => ("route", "give one of them another name"),
            Kind::Backend => ("backend", "give one of them another name; it is only a label"),
            Kind::Model => (
                "model of another route",
                "put all backends that clients see under one name into one route, or give it another name",
            ),
        };
        if !self.0.insert((kind, name.to_owned())) {
            let message = format!("{} is the name of a {what} already", quoted(name));
            findings.report_at(at.order, &at.path, Fault::new(message, hint));
        }
    }
}

fn timeouts(field: Field<RawTimeouts>) -> Timeouts {
    let Some(At { value: raw, .. }) = field.into_given() else { return Timeouts::default() };
    Timeouts {
        first_byte: given(raw.first_byte),
        idle: given(raw.idle),
        answer: given(raw.answer),
        total: given(raw.total),
    }
}

fn listener(raw: RawListener, findings: &mut Findings) -> Listener {
    if let Some(At { place, value: tls }) = raw.tls.given() {
        let hint = "write `certificate` and `key`, two files, or `secretName` where it is for Kubernetes";
        match (tls.certificate.is_missing(), tls.key.is_missing()) {
            (true, true) if tls.secret_name.is_missing() => {
                findings.report(place, Fault::new("names no certificate", hint));
            }
            (true, false) => {
                findings.report(&place.missing("certificate"), Fault::new("missing field", hint))
            }
            (false, true) => findings.report(&place.missing("key"), Fault::new("missing field", hint)),
            _ => {}
        }
    }
    let tls_place = raw.tls.given().map(|at| Given::place(&at.place));
    let tls = raw.tls.into_given().map(|at| at.value);
    let (tls_files, tls_secret) = match tls {
        Some(tls) => (given(tls.certificate).zip(given(tls.key)), given(tls.secret_name)),
        None => (None, None),
    };
    Listener {
        address: given(raw.address),
        admin: given(raw.admin),
        tls: tls_place,
        tls_files,
        tls_secret,
        max_body_bytes: given(raw.max_body_bytes),
        ca_bundle: given(raw.ca_bundle),
        access_log: raw.access_log.given().map(|at| at.value),
    }
}

fn given<T>(field: Field<T>) -> Option<Given<T>> {
    field.into_given().map(Given::from)
}

impl<T> From<At<T>> for Given<T> {
    fn from(At { place, value }: At<T>) -> Self {
        Self { order: place.order(), path: place.path(), value }
    }
}

impl Given<String> {
    fn copy(at: &At<String>) -> Self {
        Self { order: at.place.order(), path: at.place.path(), value: at.value.clone() }
    }
}

impl Given<()> {
    fn place(place: &Place) -> Self {
        Self { order: place.order(), path: place.path(), value: () }
    }
}

impl<T> Kept<T> {
    /// The section and its text.
    fn parts(field: Field<Self>) -> (Field<T>, Option<String>) {
        match field {
            Field::Missing => (Field::Missing, None),
            Field::Wrong => (Field::Wrong, None),
            Field::Given(At { place, value: Self { section, json } }) => {
                (Field::Given(At { place, value: section }), Some(json))
            }
        }
    }
}

/// Every backend's name in a model's attempts.
fn names_of(models: &[Model]) -> impl Iterator<Item = &str> {
    models.iter().map(|model| model.name.value.as_str())
}
