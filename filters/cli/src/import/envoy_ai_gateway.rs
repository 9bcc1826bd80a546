//! Envoy AI Gateway's resources: a rule of an AIGatewayRoute becomes a model, its references become backends.
//!
//! There `modelNameOverride` is the name that is sent *to* a backend and the rule's match is what clients say: the reverse of ours. The
//! format is that of `aigateway.envoyproxy.io/v1alpha1` and `v1beta1`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::draft::{self, Api, Backend, Draft, Key, label, unique};
use super::taking::Taking;
use super::{Imported, Lost, Problem, documents};
use crate::render::Limit;

/// The header that a rule matches a model's name by.
const MODEL_HEADER: &str = "x-ai-eg-model";
/// Kinds whose meaning is taken over.
const UNDERSTOOD: [&str; 6] =
    ["AIGatewayRoute", "AIServiceBackend", "Backend", "BackendSecurityPolicy", "BackendTLSPolicy", "Secret"];
/// What is said about members that people will ask for.
const ADVICE: [(&str, &str); 4] = [
    ("llmRequestCosts", "tokens are published by themselves; budgets go into `spec.budgets`"),
    ("parentRefs", "the listener is the route's own: `spec.listener`"),
    ("targetRefs", "the listener is the route's own: `spec.listener`"),
    ("filterConfig", "has no counterpart: there is no external processor"),
];

/// The routes that such a file describes.
///
/// # Errors
/// Where it is no YAML, or has no AIGatewayRoute.
pub fn envoy_ai_gateway(text: &[u8]) -> Result<Imported, Problem> {
    let resources = Resources(documents(text)?);
    let mut lost = Vec::new();
    let mut names = BTreeSet::new();
    let routes: Vec<&Value> = resources.of_kind("AIGatewayRoute").collect();
    if routes.is_empty() {
        return Err(Problem::Nothing { wanted: "AIGatewayRoute of aigateway.envoyproxy.io" });
    }
    let drafts = routes.into_iter().map(|route| resources.route(route, &mut names, &mut lost));
    let drafts: Vec<Draft> = drafts.filter(|draft| !draft.backends.is_empty()).collect();
    for resource in &resources.0 {
        let kind = text_at(resource, &["kind"]);
        if kind == Some("Secret") {
            lost.push(told(
                resource,
                "keys come from the environment: each backend's variable follows from its `apiKeyRef`",
            ));
        } else if kind.is_none_or(|kind| !UNDERSTOOD.contains(&kind)) {
            lost.push(told(resource, "has no counterpart"));
        }
    }
    let yaml = if drafts.is_empty() { String::new() } else { draft::documents("Envoy AI Gateway", &drafts) };
    Ok(Imported { yaml, lost })
}

/// `Kind/name`
fn title(resource: &Value) -> String {
    let kind = text_at(resource, &["kind"]).unwrap_or("document");
    let name = text_at(resource, &["metadata", "name"]).unwrap_or("?");
    format!("{kind}/{name}")
}

fn told(resource: &Value, reason: &str) -> Lost {
    Lost { path: title(resource), reason: reason.to_owned() }
}

fn text_at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str()
}

/// The resources of a file.
struct Resources(Vec<Value>);

impl Resources {
    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |resource| text_at(resource, &["kind"]) == Some(kind))
    }

    fn named(&self, kind: &'static str, name: &str) -> Option<&Value> {
        self.of_kind(kind).find(|resource| text_at(resource, &["metadata", "name"]) == Some(name))
    }

    /// The policy of that kind whose `targetRefs` name that resource.
    fn targeting(&self, kind: &'static str, target: &str) -> Option<&Value> {
        self.of_kind(kind).find(|policy| {
            let targets =
                policy.get("spec").and_then(|spec| spec.get("targetRefs")).and_then(Value::as_array);
            targets.into_iter().flatten().any(|one| text_at(one, &["name"]) == Some(target))
        })
    }

    fn route(&self, route: &Value, names: &mut BTreeSet<String>, lost: &mut Vec<Lost>) -> Draft {
        let name = label(text_at(route, &["metadata", "name"]).unwrap_or("route"));
        let mut draft = Draft { name, backends: Vec::new(), aliases: Vec::new(), timeouts: Vec::new() };
        let mut spec = Taking::of(route.get("spec"), format!("{}: spec", title(route)));
        // Clients may speak either API here, whatever is declared.
        spec.value("schema");
        for (path, rule) in spec.items("rules") {
            let mut rule = Taking::of(Some(rule), path);
            let models = models(&mut rule, lost);
            let references = rule.items("backendRefs");
            let timeouts_path = rule.at("timeouts.request");
            if let Some(limit) = rule.object("timeouts").text("request") {
                match (limit.parse::<Limit>(), draft.timeouts.first()) {
                    (Ok(_), None) => draft.timeouts.push(("total", limit.to_owned())),
                    (Ok(_), Some((_, known))) if known == limit => {}
                    _ => lost.push(Lost {
                        path: timeouts_path,
                        reason: "a route has one limit: `spec.timeouts.total`".into(),
                    }),
                }
            }
            rule.finish(&ADVICE, lost);
            for model in models {
                for (path, reference) in &references {
                    draft.backends.extend(self.backend(path, reference, model, names, lost));
                }
            }
        }
        spec.finish(&ADVICE, lost);
        draft
    }

    fn backend(
        &self,
        path: &str,
        reference: &Value,
        seen: &str,
        names: &mut BTreeSet<String>,
        lost: &mut Vec<Lost>,
    ) -> Option<Backend> {
        let mut reference = Taking::of(Some(reference), path);
        let mut fail = |reason: String| {
            let told = Lost { path: path.to_owned(), reason };
            if !lost.contains(&told) {
                lost.push(told);
            }
            None::<Backend>
        };
        let name = reference.text("name")?;
        if reference.text("kind").is_some_and(|kind| kind != "AIServiceBackend") {
            return fail("only an AIServiceBackend has a counterpart".to_owned());
        }
        let Some(service) = self.named("AIServiceBackend", name) else {
            return fail(format!("the file has no AIServiceBackend `{name}`"));
        };
        let api = match text_at(service, &["spec", "schema", "name"]) {
            Some("OpenAI") => Api::OpenAi,
            Some("Anthropic") => Api::Anthropic,
            other => {
                return fail(format!(
                    "the API `{}` is not spoken: only OpenAI's and Anthropic's",
                    other.unwrap_or("?")
                ));
            }
        };
        let backend = text_at(service, &["spec", "backendRef", "name"]).unwrap_or(name);
        let Some(base_url) = self.base_url(backend, service, api) else {
            return fail(format!("the file has no Backend `{backend}` with a host"));
        };
        let key = match self.key(name, service) {
            Ok(key) => key,
            Err(kind) => return fail(format!("credentials of type {kind} have no counterpart")),
        };
        let model = reference.text("modelNameOverride").unwrap_or(seen).to_owned();
        let (priority, weight) = (reference.number("priority"), reference.number("weight"));
        reference.value("group");
        reference.value("namespace");
        reference.finish(&ADVICE, lost);
        Some(Backend {
            name: unique(name, names),
            api,
            model,
            seen: seen.to_owned(),
            priority: priority.unwrap_or(0),
            weight: weight.unwrap_or(1),
            base_url,
            key,
        })
    }

    /// Where the backend's API begins; an inner none where that is the provider's own host, an outer one where it is unknown.
    fn base_url(&self, backend: &str, service: &Value, api: Api) -> Option<Option<String>> {
        let resource = self.named("Backend", backend)?;
        let endpoint = resource.get("spec")?.get("endpoints")?.get(0)?;
        let (kind, key) =
            if endpoint.get("fqdn").is_some() { ("fqdn", "hostname") } else { ("ip", "address") };
        let host = text_at(endpoint, &[kind, key])?;
        let port = endpoint.get(kind)?.get("port")?.as_u64()?;
        let tls = port == 443 || self.targeting("BackendTLSPolicy", backend).is_some();
        let schema = service.get("spec")?.get("schema")?;
        let prefix = text_at(schema, &["prefix"]).or_else(|| text_at(schema, &["version"]));
        let prefix = match (api, prefix) {
            (_, Some(prefix)) => format!("/{}", prefix.trim_matches('/')),
            (Api::OpenAi, None) => "/v1".to_owned(),
            (Api::Anthropic, None) => String::new(),
        };
        let url = match (tls, port) {
            (true, 443) => format!("https://{host}{prefix}"),
            (true, port) => format!("https://{host}:{port}{prefix}"),
            (false, 80) => format!("http://{host}{prefix}"),
            (false, port) => format!("http://{host}:{port}{prefix}"),
        };
        let own = match api {
            Api::OpenAi => "https://api.openai.com/v1",
            Api::Anthropic => "https://api.anthropic.com",
        };
        Some((url != own).then_some(url))
    }

    /// The key of a service.
    ///
    /// # Errors
    /// With the type of credentials that have no counterpart.
    fn key(&self, name: &str, service: &Value) -> Result<Option<Key>, String> {
        let old = text_at(service, &["spec", "backendSecurityPolicyRef", "name"]);
        let policy = match old {
            Some(policy) => self.named("BackendSecurityPolicy", policy),
            None => self.targeting("BackendSecurityPolicy", name),
        };
        let Some(spec) = policy.and_then(|policy| policy.get("spec")) else { return Ok(None) };
        let secret = match text_at(spec, &["type"]) {
            Some("APIKey") => text_at(spec, &["apiKey", "secretRef", "name"]),
            Some("AnthropicAPIKey") => text_at(spec, &["anthropicAPIKey", "secretRef", "name"]),
            other => return Err(other.unwrap_or("?").to_owned()),
        };
        secret.map(Key::named).map(Some).ok_or_else(|| "APIKey without a secretRef".to_owned())
    }
}

/// The models that a rule matches by their exact names.
fn models<'a>(rule: &mut Taking<'a>, lost: &mut Vec<Lost>) -> Vec<&'a str> {
    let mut models = Vec::new();
    let matches = rule.items("matches");
    if matches.is_empty() {
        let reason = format!("matches every model; name each by the header {MODEL_HEADER}");
        lost.push(Lost { path: rule.at("matches"), reason });
    }
    for (path, one) in matches {
        let mut one = Taking::of(Some(one), path);
        for (path, header) in one.items("headers") {
            let exact = text_at(header, &["type"]).is_none_or(|kind| kind == "Exact");
            match (text_at(header, &["name"]), text_at(header, &["value"])) {
                (Some(name), Some(value)) if exact && name.eq_ignore_ascii_case(MODEL_HEADER) => {
                    models.push(value)
                }
                _ => lost
                    .push(Lost { path, reason: format!("only an exact {MODEL_HEADER} has a counterpart") }),
            }
        }
        one.finish(&[], lost);
    }
    models
}
