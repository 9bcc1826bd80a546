//! What ai-provider's file means: the providers, how one is chosen, and the keys from the environment.

use std::collections::BTreeSet;

use llm_api::Dialect;

use crate::check::{header, max_body_bytes, text};
use crate::place::{At, Field, Place};
use crate::problem::{Fault, Findings, quoted, quoted_list};
use crate::raw::provider::{
    DEFAULT_MAX_TOKENS, RawAnthropicVersion, RawAuth, RawAuthType, RawProvider, RawProviders, RawSelect,
};
use crate::read::{Entry, List, Map};
use crate::suggest::did_you_mean;
use crate::{Auth, Provider, ProviderConfig, Redacted, RetryStatuses, Selection};

/// What an environment variable holds.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The configuration, where nothing is wrong; what is, is noted.
pub(crate) fn config(raw: &RawProviders, env: Env<'_>, findings: &mut Findings) -> Option<ProviderConfig> {
    let selection = selection(raw, findings);
    let max_body_bytes = max_body_bytes(&raw.max_body_bytes, findings);
    let At { place, value: Map(entries) } = raw.providers.given()?;
    if entries.is_empty() {
        findings.report(
            place,
            Fault::new(
                "no provider is configured",
                "add one: `{\"NAME\": {\"api\": …, \"authority\": …, \"auth\": …}}`",
            ),
        );
    }
    let mut providers = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = text::provider(&entry.name).map_err(|fault| findings.report(&entry.place, fault)).ok();
        let provider = entry.value.as_ref().and_then(|raw| provider(raw, env, findings));
        if let (Some(name), Some(provider)) = (name, provider) {
            providers.push(Provider { name, ..provider });
        }
    }
    let complete = providers.len() == entries.len();
    Some(ProviderConfig {
        selection: selection?,
        max_body_bytes: max_body_bytes?,
        providers: complete.then_some(providers)?,
    })
}

/// Exactly one of `provider` and `select`.
fn selection(raw: &RawProviders, findings: &mut Findings) -> Option<Selection> {
    match (&raw.provider, &raw.select) {
        (Field::Missing, Field::Missing) => {
            let message = "neither `provider` nor `select` is given";
            let hint = "add `\"provider\": \"NAME\"` where the filter stands in one provider's cluster, else `select` with the metadata that names it";
            findings.report(&Place::root(), Fault::new(message, hint));
            None
        }
        (provider, Field::Missing) => fixed(provider.given()?, &raw.providers, findings),
        (Field::Missing, select) => attribute(select.given()?, findings),
        (_, Field::Given(select)) => {
            let fault = Fault::new(
                "stands beside `provider`",
                "keep one: a provider is either fixed or read from metadata",
            );
            findings.report(&select.place, fault);
            None
        }
        _ => None,
    }
}

fn fixed(
    name: &At<String>,
    providers: &Field<Map<RawProvider>>,
    findings: &mut Findings,
) -> Option<Selection> {
    let Map(entries) = &providers.given()?.value;
    let known = || entries.iter().map(|entry| entry.name.as_str());
    name.check(findings, |name| {
        if known().any(|known| known == name) {
            return Ok(Selection::Fixed(name.clone()));
        }
        Err(Fault::new(
            format!("unknown provider {} (defined: {})", quoted(name), quoted_list(known())),
            did_you_mean(name, known(), "name one of `providers`"),
        ))
    })
}

fn attribute(select: &At<RawSelect>, findings: &mut Findings) -> Option<Selection> {
    let sources = [
        ("upstream_host_metadata", &select.value.host_metadata),
        ("upstream_host_locality_metadata", &select.value.locality_metadata),
        ("cluster_metadata", &select.value.cluster_metadata),
    ];
    let mut present = sources.into_iter().filter(|(_, keys)| !keys.is_missing());
    let (Some((attribute, keys)), None) = (present.next(), present.next()) else {
        let message = "names not exactly one of `host_metadata`, `locality_metadata`, `cluster_metadata`";
        findings.report(
            &select.place,
            Fault::new(message, "write for example `{\"host_metadata\": [\"ai\", \"provider\"]}`"),
        );
        return None;
    };
    let keys = keys.given()?;
    if keys.value.complete && keys.value.items.len() < 2 {
        let fault = Fault::new(
            "is shorter than a namespace and one key",
            "write for example `[\"ai\", \"provider\"]`",
        );
        findings.report(&keys.place, fault);
        return None;
    }
    let path = each(&keys.value, findings, |key| text::name(key))?;
    Some(Selection::Attribute(
        ["xds", attribute, "filter_metadata"].into_iter().map(str::to_owned).chain(path).collect(),
    ))
}

/// A provider, but for its name.
fn provider(raw: &RawProvider, env: Env<'_>, findings: &mut Findings) -> Option<Provider> {
    let api = raw.api.given().map(|api| Dialect::from(api.value));
    only_for_anthropic(api, "anthropic_version", raw.anthropic_version.given().map(|at| &at.place), findings);
    only_for_anthropic(
        api,
        "default_max_tokens",
        raw.default_max_tokens.given().map(|at| &at.place),
        findings,
    );

    let authority = raw.authority.check(findings, |authority| text::authority(authority));
    let base_path = match &raw.base_path {
        Field::Missing => api.map(|api| default_base_path(api).to_owned()),
        given => given.check(findings, |path| text::base_path(path)),
    };
    let model = raw.model.check_or(None, findings, |model| text::model(model).map(Some));
    let model_name_override =
        raw.model_name_override.check_or(None, findings, |model| text::model(model).map(Some));
    let auth = raw.auth.given().and_then(|at| auth(at, env, findings));
    let default_max_tokens = raw.default_max_tokens.check_or(DEFAULT_MAX_TOKENS, findings, max_tokens);
    let anthropic_version = raw.anthropic_version.copied_or(RawAnthropicVersion::V20230601);
    let headers = headers(&raw.headers, findings);
    let pass_request_headers = header_names(&raw.pass_request_headers, findings, header::passable_request);
    let pass_response_headers = header_names(&raw.pass_response_headers, findings, header::passable_response);
    if let Field::Given(passed) = &raw.pass_request_headers {
        set_and_passed(&passed.value, headers.as_deref().unwrap_or_default(), findings);
    }
    let retry_statuses = retry_statuses(&raw.retry_statuses, findings);

    Some(Provider {
        name: String::new(),
        api: api?,
        authority: authority?,
        base_path: base_path?,
        model: model?,
        model_name_override: model_name_override?,
        auth: auth?,
        default_max_tokens: default_max_tokens?,
        anthropic_version: anthropic_version?.header().to_owned(),
        headers: headers?,
        pass_request_headers: pass_request_headers?,
        pass_response_headers: pass_response_headers?,
        retry_statuses: retry_statuses?,
    })
}

/// A field without effect is refused: somebody believes that it has one.
pub(crate) fn only_for_anthropic(
    api: Option<Dialect>,
    field: &str,
    place: Option<&Place>,
    findings: &mut Findings,
) {
    if let (Some(Dialect::OpenAi), Some(place)) = (api, place) {
        let message = format!("`{field}` has no effect on an API of type `openai`");
        findings.report(
            place,
            Fault::new(message, "remove it, or set `api` to `anthropic` if the provider speaks that"),
        );
    }
}

/// By the convention of each API's own SDK.
const fn default_base_path(api: Dialect) -> &'static str {
    match api {
        Dialect::OpenAi => "/v1",
        Dialect::Anthropic => "",
    }
}

fn max_tokens(tokens: &u64) -> Result<u32, Fault> {
    u32::try_from(*tokens).ok().filter(|tokens| *tokens > 0).ok_or_else(|| {
        Fault::new(
            format!("{tokens} is not from 1 to {}", u32::MAX),
            format!("leave it out for {DEFAULT_MAX_TOKENS}"),
        )
    })
}

fn auth(at: &At<RawAuth>, env: Env<'_>, findings: &mut Findings) -> Option<Auth> {
    match (at.value.kind.given()?.value, &at.value.env) {
        (RawAuthType::None, Field::Missing) => Some(Auth::None),
        (RawAuthType::None, Field::Given(env)) => {
            let fault = Fault::new(
                "`env` has no effect where `type` is `none`",
                "set `type` to `api_key`, or remove it",
            );
            findings.report(&env.place, fault);
            None
        }
        (RawAuthType::ApiKey, Field::Given(variable)) => {
            variable.check(findings, |name| key(name, env)).map(Auth::ApiKey)
        }
        (RawAuthType::ApiKey, Field::Missing) => {
            let hint = "add `env`: the environment variable that holds the key, for example `OPENAI_API_KEY`";
            findings.report(&at.place.missing("env"), Fault::new("missing field", hint));
            None
        }
        (_, Field::Wrong) => None,
    }
}

/// The key in that variable. No fault says what the variable holds.
pub(super) fn key(variable: &str, env: Env<'_>) -> Result<Redacted<String>, Fault> {
    let variable = text::variable(variable)?;
    let said = said(&variable);
    let key = env(&variable).unwrap_or_default();
    if key.is_empty() {
        return Err(Fault::new(
            format!("the environment variable{said} is missing or empty"),
            "set it where Envoy starts, and list it in the filter's `vm_config.environment_variables.host_env_keys`",
        ));
    }
    if !header::is_key(&key) {
        return Err(Fault::new(
            format!(
                "the environment variable{said} holds no key: it has a space, a line break or a character outside ASCII"
            ),
            "a line break often comes from a file: write it with `printf %s` instead of `echo`",
        ));
    }
    Ok(Redacted::new(key))
}

/// A variable's name for a message, where it looks like one: a key that somebody pasted into `env` may be letters and digits alone.
pub(super) fn said(variable: &str) -> String {
    if variable.len() <= 64 && !variable.bytes().any(|byte| byte.is_ascii_lowercase()) {
        format!(" {}", quoted(variable))
    } else {
        " that is named here".to_owned()
    }
}

pub(super) fn headers(field: &Field<Map<String>>, findings: &mut Findings) -> Option<Vec<(String, String)>> {
    let entries = match field {
        Field::Missing => return Some(Vec::new()),
        Field::Wrong => return None,
        Field::Given(at) => &at.value.0,
    };
    let mut headers = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        // Twice in the same case was noted by the reader.
        let same =
            |other: &Entry<String>| other.name.eq_ignore_ascii_case(&entry.name) && other.name != entry.name;
        if entries.iter().take(index).any(same) {
            let fault = Fault::new(
                format!("{} is set already", quoted(&entry.name)),
                "header names have no case: keep one",
            );
            findings.report(&entry.place, fault);
        }
        let name = header::settable(&entry.name);
        let name = name.map_err(|fault| findings.report(&entry.place, fault)).ok();
        let value = entry.value.as_deref().map(header::value);
        let value = value.and_then(|value| value.map_err(|fault| findings.report(&entry.place, fault)).ok());
        if let (Some(name), Some(value)) = (name, value) {
            headers.push((name, value));
        }
    }
    (headers.len() == entries.len()).then_some(headers)
}

pub(super) fn header_names(
    field: &Field<List<String>>,
    findings: &mut Findings,
    check: impl Fn(&str) -> Result<String, Fault>,
) -> Option<Vec<String>> {
    match field {
        Field::Missing => Some(Vec::new()),
        Field::Wrong => None,
        Field::Given(list) => each(&list.value, findings, |name| check(name)),
    }
}

/// Which of the two would win is nothing that a reader of the file could know.
pub(super) fn set_and_passed(passed: &List<String>, set: &[(String, String)], findings: &mut Findings) {
    for name in &passed.items {
        if set.iter().any(|(set, _)| set.eq_ignore_ascii_case(&name.value)) {
            let message = format!("{} is set by `headers` already", quoted(&name.value));
            findings.report(
                &name.place,
                Fault::new(message, "either set it or pass the client's on: remove one of the two"),
            );
        }
    }
}

fn retry_statuses(field: &Field<List<u64>>, findings: &mut Findings) -> Option<RetryStatuses> {
    let list = match field {
        Field::Missing => return Some(RetryStatuses::Usual),
        Field::Wrong => return None,
        Field::Given(list) => &list.value,
    };
    let mut seen = BTreeSet::new();
    let statuses = each(list, findings, |status| {
        let known = u16::try_from(*status).ok().filter(|status| (400..=599).contains(status));
        let known = known.ok_or_else(|| {
            Fault::new(
                format!("{status} is no status of an error"),
                "list statuses from 400 to 599; leave the field out for 408, 429 and every 5xx",
            )
        })?;
        if seen.insert(known) {
            Ok(known)
        } else {
            Err(Fault::new(format!("{known} is listed twice"), "remove one of the two"))
        }
    })?;
    Some(RetryStatuses::Listed(statuses))
}

/// Every item of a list, checked; `None` where one is wrong.
pub(super) fn each<T, U>(
    list: &List<T>,
    findings: &mut Findings,
    mut check: impl FnMut(&T) -> Result<U, Fault>,
) -> Option<Vec<U>> {
    let checked: Vec<_> = list.items.iter().filter_map(|item| item.check(findings, &mut check)).collect();
    (list.complete && checked.len() == list.items.len()).then_some(checked)
}
