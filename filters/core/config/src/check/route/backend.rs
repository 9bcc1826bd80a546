//! Backends: who serves a model, when and how often, and by which key.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use llm_api::Dialect;

use super::{Kind, Names};
use crate::check::header;
use crate::check::provider::{header_names, headers, only_for_anthropic, set_and_passed};
use crate::place::{At, Field, Place};
use crate::problem::{Fault, Findings, quoted};
use crate::raw::route::{RawBackend, RawBackendAuth, RawBackendAuthType, RawKeyRef, RawProviderKind};
use crate::read::List;
use crate::route::{Backend, Given, Model};

/// More than any priority or weight has to be.
const MOST_WEIGHT: u64 = 1_000_000;
/// The longest name of a Secret that is also a label.
const LONGEST_KEY_NAME: usize = 63;

/// A backend that was understood, with what decides its place.
struct Placed {
    seen: Given<String>,
    priority: u64,
    weight: Given<u32>,
    backend: Backend,
}

/// A model's name, and its backends by their priorities.
type Sorted = (Given<String>, BTreeMap<u64, Vec<Placed>>);

/// The models of a route, in the order of their first backends.
pub(super) fn models(
    field: &Field<List<RawBackend>>,
    names: &mut Names,
    findings: &mut Findings,
) -> Vec<Model> {
    let Field::Given(list) = field else { return Vec::new() };
    if list.value.items.is_empty() && list.value.complete {
        findings
            .report(&list.place, Fault::new("there is no backend", "add one: name, provider, model, auth"));
    }
    let mut models: Vec<Sorted> = Vec::new();
    for At { place, value } in &list.value.items {
        let Some(placed) = placed(place, value, names, findings) else { continue };
        let known = models.iter_mut().find(|(name, _)| name.value == placed.seen.value);
        match known {
            Some((_, priorities)) => priorities.entry(placed.priority).or_default().push(placed),
            None => {
                names.unique(Kind::Model, &placed.seen, &placed.seen.value, findings);
                models.push((placed.seen.clone(), BTreeMap::from([(placed.priority, vec![placed])])));
            }
        }
    }
    let complete = list.value.complete;
    models.into_iter().map(|(name, priorities)| model(name, priorities, complete, findings)).collect()
}

fn model(
    name: Given<String>,
    priorities: BTreeMap<u64, Vec<Placed>>,
    complete: bool,
    findings: &mut Findings,
) -> Model {
    let mut attempts = Vec::new();
    for (priority, sharing) in priorities {
        if let (Some(first), true) = (sharing.first(), sharing.iter().all(|one| one.weight.value == 0))
            && complete
        {
            let message = format!("all weights of {} at priority {priority} are 0", quoted(&name.value));
            let hint = "give one of them a weight above 0, or remove them";
            findings.report_at(first.weight.order, &first.weight.path, Fault::new(message, hint));
        }
        // Envoy refuses a weight of 0, and means the same by leaving the backend out.
        let chosen: Vec<_> =
            sharing.into_iter().filter(|one| one.weight.value > 0).map(|one| one.backend).collect();
        if !chosen.is_empty() {
            attempts.push(chosen);
        }
    }
    Model { name, attempts, counting: None, max_input_tokens: None }
}

fn placed(place: &Place, raw: &RawBackend, names: &mut Names, findings: &mut Findings) -> Option<Placed> {
    let name = copied(&raw.name);
    if let Some(name) = &name {
        names.unique(Kind::Backend, name, &name.value, findings);
    }
    let api = raw.provider.given().map(|at| Dialect::from(at.value));
    let priority = number(&raw.priority, 0, 0..=u64::from(u32::MAX), findings);
    let weight =
        number(&raw.weight, 1, 0..=MOST_WEIGHT, findings).and_then(|weight| u32::try_from(weight).ok());
    let weight = weight.map(|value| match raw.weight.given() {
        Some(at) => Given { order: at.place.order(), path: at.place.path(), value },
        None => Given { order: place.order(), path: place.path(), value },
    });
    let max_tokens = raw.default_max_tokens.given();
    only_for_anthropic(api, "defaultMaxTokens", max_tokens.map(|at| &at.place), findings);
    let default_max_tokens = match max_tokens {
        None => Some(None),
        Some(_) => number(&raw.default_max_tokens, 1, 1..=u64::from(u32::MAX), findings).map(Some),
    };
    let key = key(place, raw, findings);
    let secret = secret(raw, findings);
    let set = headers(&raw.headers, findings);
    let pass_request_headers = header_names(&raw.pass_request_headers, findings, header::passable_request);
    let pass_response_headers = header_names(&raw.pass_response_headers, findings, header::passable_response);
    if let Field::Given(passed) = &raw.pass_request_headers {
        set_and_passed(&passed.value, set.as_deref().unwrap_or_default(), findings);
    }
    let model = copied(&raw.model)?;
    let seen = match &raw.model_name_override {
        Field::Missing => model.clone(),
        field => copied(field)?,
    };
    if model.value.ends_with('*') && model.value != seen.value {
        let message = format!("sends names as they were asked for, and clients see {}", quoted(&seen.value));
        let hint = "leave `modelNameOverride` out, or write the one model that is sent";
        findings.report_at(model.order, &model.path, Fault::new(message, hint));
    }
    // What is wrong is noted, and nothing will be rendered; with something in its place the rest of the backend is judged all the same.
    let weight = weight.unwrap_or_else(|| Given { order: place.order(), path: place.path(), value: 1 });
    let backend = Backend {
        name: name?,
        api: api.unwrap_or(Dialect::OpenAi),
        model,
        weight: weight.value,
        base_url: copied(&raw.base_url),
        key: key.flatten(),
        default_max_tokens: default_max_tokens.flatten(),
        secret,
        headers: set.unwrap_or_default(),
        pass_request_headers: pass_request_headers.unwrap_or_default(),
        pass_response_headers: pass_response_headers.unwrap_or_default(),
    };
    Some(Placed { seen, priority: priority.unwrap_or(0), weight, backend })
}

fn copied(field: &Field<String>) -> Option<Given<String>> {
    field.given().map(Given::copy)
}

fn number(
    field: &Field<u64>,
    default: u64,
    range: RangeInclusive<u64>,
    findings: &mut Findings,
) -> Option<u64> {
    field.check_or(default, findings, |number| {
        if range.contains(number) {
            return Ok(*number);
        }
        let (least, most) = (range.start(), range.end());
        Err(Fault::new(format!("{number} is not from {least} to {most}"), "write another, or leave it out"))
    })
}

/// The environment variable of the backend's key, where it has one.
fn key(place: &Place, raw: &RawBackend, findings: &mut Findings) -> Option<Option<Given<String>>> {
    let auth = match &raw.auth {
        Field::Wrong => return None,
        Field::Given(auth) => auth,
        Field::Missing if raw.base_url.is_missing() => {
            findings.report(
                &place.missing("auth"),
                Fault::new("missing field", "add `auth: {type: APIKey, apiKeyRef: {name: …}}`: the provider's own host asks for a key"),
            );
            return None;
        }
        Field::Missing => return Some(None),
    };
    let At { place, value: RawBackendAuth { kind, api_key_ref } } = auth;
    match (kind.given()?.value, api_key_ref) {
        (RawBackendAuthType::None, Field::Missing) => Some(None),
        (RawBackendAuthType::None, Field::Given(at)) => {
            findings.report(
                &at.place,
                Fault::new("names a key, and `type` is `None`", "remove it, or set `type` to `APIKey`"),
            );
            None
        }
        (RawBackendAuthType::ApiKey, Field::Missing) => {
            let fault = Fault::new(
                "missing field",
                "add `apiKeyRef: {name: …}`: `openai-key` is the environment variable OPENAI_API_KEY",
            );
            findings.report(&place.missing("apiKeyRef"), fault);
            None
        }
        (RawBackendAuthType::ApiKey, Field::Given(at)) => variable(&at.value, findings).map(Some),
        (_, Field::Wrong) => None,
    }
}

/// The Secret of the backend's key, and the entry in it.
fn secret(raw: &RawBackend, findings: &mut Findings) -> Option<(String, String)> {
    let reference = &raw.auth.given()?.value.api_key_ref.given()?.value;
    let entry = reference.entry.check_or("key".to_owned(), findings, |entry| {
        if is_entry(entry) {
            return Ok(entry.clone());
        }
        // What stands there is not repeated, for the same reason as a key's name.
        Err(Fault::new(
            "that is no entry of a Secret",
            "lower-case letters, digits, `.`, `_` and `-`; never the key itself",
        ))
    });
    Some((reference.name.given()?.value.clone(), entry?))
}

/// The variable that is meant: the one that is named, or the one that goes with the key's name.
fn variable(raw: &RawKeyRef, findings: &mut Findings) -> Option<Given<String>> {
    let name = raw.name.given()?;
    if !is_key_name(&name.value) {
        // What stands there is not repeated: people paste keys.
        findings.report(
            &name.place,
            Fault::new(
                "that is no name of a key",
                "lower-case letters, digits and `-`, as in `openai-key`; never the key itself",
            ),
        );
        return None;
    }
    match &raw.env {
        Field::Missing => Some(Given {
            order: name.place.order(),
            path: name.place.path(),
            value: variable_of(&name.value),
        }),
        field => copied(field),
    }
}

/// `openai-key` and `openai-api-key` are `OPENAI_API_KEY`; what does not end so is taken as it is: `vault-token` is `VAULT_TOKEN`.
fn variable_of(name: &str) -> String {
    let upper = |text: &str| text.replace('-', "_").to_ascii_uppercase();
    let owner = name.strip_suffix("-api-key").or_else(|| name.strip_suffix("-key"));
    match owner {
        Some(owner) => format!("{}_API_KEY", upper(owner)),
        None => upper(name),
    }
}

/// An entry of a Secret: what Kubernetes takes of it without capitals, which keys have.
fn is_entry(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= LONGEST_KEY_NAME && name.bytes().all(inner) && !name.starts_with("sk-")
}

/// A name as Kubernetes takes it. Keys have capitals, or the `sk-` that all of OpenAI's and Anthropic's begin with.
fn is_key_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty()
        && name.len() <= LONGEST_KEY_NAME
        && name.bytes().all(inner)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.starts_with("sk-")
}

impl From<RawProviderKind> for Dialect {
    fn from(kind: RawProviderKind) -> Self {
        match kind {
            RawProviderKind::OpenAi => Self::OpenAi,
            RawProviderKind::Anthropic => Self::Anthropic,
        }
    }
}
