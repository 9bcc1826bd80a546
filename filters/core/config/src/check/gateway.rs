//! What ai-gateway's file means: its models and aliases against each other, and against what the host can do.

use std::collections::{BTreeMap, BTreeSet};

use llm_api::Dialect;
use pricing::Prices;

use crate::check::provider::{Env, only_for_anthropic};
use crate::check::{budgets, counting, header, identity, max_body_bytes, prices, text};
use crate::models::Astray;
use crate::place::{At, Field, Place};
use crate::problem::{Fault, Findings, quoted, quoted_list};
use crate::raw::gateway::{RawAlias, RawGateway, RawModel, RawOtherPaths, RawTarget};
use crate::raw::provider::RawAnthropicVersion;
use crate::read::List;
use crate::suggest::did_you_mean;
use crate::{CountingMode, GatewayConfig, HeadersHeld, ModelRoute, Models, OtherPaths, PlannedTarget};

/// The configuration, where nothing is wrong; what is, is noted.
pub(crate) fn config(raw: &RawGateway, env: Env<'_>, findings: &mut Findings) -> Option<GatewayConfig> {
    let mode = counting::default_mode(&raw.counting);
    let routes = raw.models.given().map(|models| routes(models, mode, findings));
    let aliases = aliases(&raw.aliases, findings);
    names_are_unique(raw, findings);

    let max_body_bytes = max_body_bytes(&raw.max_body_bytes, findings);
    let headers_held = raw.headers_held.copied_or(true);
    let other_paths = raw.other_paths.copied_or(RawOtherPaths::Refuse);
    let counting = counting::counting(raw, findings);
    let prices = prices::prices(&raw.prices, findings);
    let identity = identity::identity(&raw.identity, env, findings);
    if prices.as_ref().is_some_and(Prices::is_empty) {
        keys_need_prices(raw, findings);
    }
    if let (Some(routes), Field::Given(At { place, value: false })) = (&routes, &raw.headers_held) {
        one_route(&routes.known, place, findings);
    }

    let models = routes.and_then(|routes| models(routes, aliases, findings));
    let budgets = {
        let (models, prices, identity) = (models.as_ref(), prices.as_ref(), identity.as_ref());
        budgets::budgets(&raw.budgets, budgets::Context { models, prices, identity }, findings)
    };
    Some(GatewayConfig {
        models: models?,
        max_body_bytes: max_body_bytes?,
        headers_held: if headers_held? { HeadersHeld::Yes } else { HeadersHeld::No },
        other_paths: match other_paths? {
            RawOtherPaths::Refuse => OtherPaths::Refuse,
            RawOtherPaths::Pass => OtherPaths::Pass,
        },
        counting: counting?,
        budgets: budgets?,
        prices: prices?,
        identity: identity?,
    })
}

/// The models that are right, and whether they are all.
struct Routes {
    known: Vec<ModelRoute>,
    complete: bool,
}

fn routes(models: &At<List<RawModel>>, mode: Option<CountingMode>, findings: &mut Findings) -> Routes {
    if models.value.items.is_empty() && models.value.complete {
        findings.report(
            &models.place,
            Fault::new(
                "no model is configured",
                "add one; `{\"name\": \"*\"}` lets every name through to Envoy's routes",
            ),
        );
    }
    let mut apis = BTreeMap::new();
    let known: Vec<_> = models
        .value
        .items
        .iter()
        .filter_map(|model| route(&model.value, mode, &mut apis, findings))
        .collect();
    let complete = models.value.complete && known.len() == models.value.items.len();
    Routes { known, complete }
}

/// The API of each provider and the place that said so first.
type Apis<'a> = BTreeMap<&'a str, (Dialect, &'a Place)>;

fn route<'a>(
    model: &'a RawModel,
    mode: Option<CountingMode>,
    apis: &mut Apis<'a>,
    findings: &mut Findings,
) -> Option<ModelRoute> {
    let name = model.name.check(findings, |name| text::pattern(name));
    let route = match &model.route {
        Field::Missing => name.clone().and_then(|name| default_route(name, &model.name, findings)),
        given => given.check(findings, |route| header::value(route)),
    };
    let owned_by = model.owned_by.check_or("system".to_owned(), findings, |owner| text::name(owner));
    let targets = match &model.targets {
        Field::Missing => Some(Vec::new()),
        Field::Wrong => None,
        Field::Given(targets) => self::targets(&targets.value, apis, findings),
    };
    let (counting, max_input_tokens) = counting::of_model(model, mode, findings);
    Some(ModelRoute {
        name: name?,
        route: route?,
        owned_by: owned_by?,
        targets: targets?,
        counting: counting?,
        max_input_tokens: max_input_tokens?,
    })
}

fn default_route(name: String, field: &Field<String>, findings: &mut Findings) -> Option<String> {
    if header::is_value(&name) {
        return Some(name);
    }
    if let Field::Given(at) = field {
        let message = format!("{} cannot be sent as the routing header `x-ai-model`", quoted(&name));
        findings.report(&at.place, Fault::new(message, "give this model a `route` of printable ASCII"));
    }
    None
}

fn targets<'a>(
    targets: &'a List<RawTarget>,
    apis: &mut Apis<'a>,
    findings: &mut Findings,
) -> Option<Vec<PlannedTarget>> {
    let mut seen = BTreeSet::new();
    let known: Vec<_> = targets
        .items
        .iter()
        .filter_map(|At { value: target, .. }| {
            let provider = target.provider.check(findings, |provider| text::provider(provider));
            let api = target.api.given().map(|api| Dialect::from(api.value));
            let model = target.model.check_or(None, findings, |model| text::model(model).map(Some));
            let version = &target.anthropic_version;
            only_for_anthropic(api, "anthropic_version", version.given().map(|at| &at.place), findings);
            let version = version.copied_or(RawAnthropicVersion::V20230601);
            if let Field::Given(provider) = &target.provider {
                if !seen.insert(provider.value.as_str()) {
                    findings.report(&provider.place, provider_twice(&provider.value));
                }
                if let Some(api) = api {
                    one_api(provider, api, apis, findings);
                }
            }
            Some(PlannedTarget {
                provider: provider?,
                api: api?,
                model: model?,
                anthropic_version: version?.header().to_owned(),
            })
        })
        .collect();
    (targets.complete && known.len() == targets.items.len()).then_some(known)
}

/// An attempt knows its provider, and by that its target: two targets of one model at one provider could not be told apart.
fn provider_twice(provider: &str) -> Fault {
    Fault::new(
        format!("{} is a target of this model already", quoted(provider)),
        "name each provider once in a model; for a second model there, give ai-provider the provider under a second name",
    )
}

/// ai-provider has one API for a provider, so one of two that are planned would be wrong.
fn one_api<'a>(provider: &'a At<String>, api: Dialect, apis: &mut Apis<'a>, findings: &mut Findings) {
    let (first, place) = apis.entry(&provider.value).or_insert((api, &provider.place));
    if *first != api {
        let message =
            format!("{} speaks `{api}` here and `{first}` at `{}`", quoted(&provider.value), place.path());
        findings.report(
            &provider.place,
            Fault::new(message, "a provider speaks one API: correct one of the two, or use two names"),
        );
    }
}

/// An alias whose own two names are right.
struct Alias<'a> {
    pattern: String,
    model: &'a At<String>,
}

/// The aliases that are right, and whether they are all.
struct Aliases<'a> {
    known: Vec<Alias<'a>>,
    complete: bool,
}

fn aliases<'a>(field: &'a Field<List<RawAlias>>, findings: &mut Findings) -> Aliases<'a> {
    let list = match field {
        Field::Missing => return Aliases { known: Vec::new(), complete: true },
        Field::Wrong => return Aliases { known: Vec::new(), complete: false },
        Field::Given(list) => &list.value,
    };
    let known: Vec<_> = list
        .items
        .iter()
        .filter_map(|At { value: alias, .. }| {
            let pattern = alias.pattern.check(findings, |pattern| text::pattern(pattern));
            alias.model.check(findings, |model| text::model(model))?;
            Some(Alias { pattern: pattern?, model: alias.model.given()? })
        })
        .collect();
    Aliases { complete: list.complete && known.len() == list.items.len(), known }
}

/// No name stands twice among models and aliases: the second would never be found.
fn names_are_unique(raw: &RawGateway, findings: &mut Findings) {
    let models = raw.models.given().into_iter().flat_map(|list| &list.value.items);
    let aliases = raw.aliases.given().into_iter().flat_map(|list| &list.value.items);
    let models = models.filter_map(|model| Some(("model", model.value.name.given()?)));
    let aliases = aliases.filter_map(|alias| Some(("alias", alias.value.pattern.given()?)));

    let mut first = BTreeMap::new();
    for (kind, name) in models.chain(aliases) {
        let Some((first_kind, place)) = first.get(&name.value) else {
            first.insert(&name.value, (kind, &name.place));
            continue;
        };
        let place: &Place = place;
        let message = format!("{} is the {first_kind} at `{}` already", quoted(&name.value), place.path());
        let hint = if kind == *first_kind {
            format!("remove one of the two {kind} entries, or rename it")
        } else {
            "an alias may not hide a model: rename it, or remove the model".to_owned()
        };
        findings.report(&name.place, Fault::new(message, hint));
    }
}

/// A key that is to spend money where nothing has a price could ask for nothing.
fn keys_need_prices(raw: &RawGateway, findings: &mut Findings) {
    let keys = raw.identity.given().and_then(|identity| identity.value.api_keys.given());
    for key in keys.into_iter().flat_map(|keys| &keys.value.items) {
        let limits = key.value.limits.given();
        if let Some(Field::Given(at)) = limits.map(|limits| &limits.value.micro_dollars_per_month) {
            let fault = Fault::new(
                "every request with this key would be refused: no model has a price",
                "add `prices` of the models that it may use, or limit its tokens",
            );
            findings.report(&at.place, fault);
        }
    }
}

/// Where headers cannot be held, the routing header is sent before the model is known, so it must be the same for all.
fn one_route(routes: &[ModelRoute], place: &Place, findings: &mut Findings) {
    let distinct: BTreeSet<_> = routes.iter().map(|route| route.route.as_str()).collect();
    if distinct.len() > 1 {
        let message = format!(
            "routing on the model needs held headers, and the models have {} routes: {}",
            distinct.len(),
            quoted_list(distinct.into_iter())
        );
        findings.report(
            place,
            Fault::new(message, "set `allow_on_headers_stop_iteration: true` in Envoy's PluginConfig, or give all models the same `route`"),
        );
    }
}

fn models(routes: Routes, aliases: Aliases<'_>, findings: &mut Findings) -> Option<Models> {
    let names: Vec<_> = routes.known.iter().map(|route| route.name.clone()).collect();
    let pairs =
        aliases.known.iter().map(|alias| (alias.pattern.clone(), alias.model.value.clone())).collect();
    let astray = match Models::new(routes.known, pairs) {
        Ok(models) => return (routes.complete && aliases.complete).then_some(models),
        Err(astray) => astray,
    };
    for (index, astray) in astray {
        let Some(Alias { model, .. }) = aliases.known.get(index) else { continue };
        let asked = quoted(&model.value);
        let fault = match astray {
            Astray::Alias(other) => {
                let other = aliases.known.get(other).map_or("", |other| other.pattern.as_str());
                let is = if other == model.value {
                    "is itself an alias".to_owned()
                } else {
                    format!("matches the alias {}", quoted(other))
                };
                Fault::new(
                    format!("{asked} {is}, and an alias is followed once"),
                    format!("name a model; {asked} has to stand among the `models` itself"),
                )
            }
            // Among models that could not be read may be the one that is meant.
            Astray::Nowhere if !routes.complete => continue,
            Astray::Nowhere => Fault::new(
                format!(
                    "unknown model {asked} (configured: {})",
                    quoted_list(names.iter().map(String::as_str))
                ),
                did_you_mean(
                    &model.value,
                    names.iter().map(String::as_str),
                    "add it to `models`, or name one of them",
                ),
            ),
        };
        findings.report(&model.place, fault);
    }
    None
}
