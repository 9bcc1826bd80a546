//! Envoy AI Gateway's resources: a rule of an AIGatewayRoute becomes a model, its references become backends.
//!
//! There `modelNameOverride` is the name that is sent *to* a backend and the rule's match is what clients say: the reverse of ours. The
//! format is that of `aigateway.envoyproxy.io/v1alpha1` and `v1beta1`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::draft::{self, Api, Backend, Draft, Key, label, unique};
use super::taking::Taking;
use super::{Imported, Lost, Problem, documents};
use crate::render::{BaseUrl, Limit};

/// The header that a rule matches a model's name by.
const MODEL_HEADER: &str = "x-ai-eg-model";
/// Where a resource says where it stands.
const NAMESPACE: &[&str] = &["metadata", "namespace"];
/// Kinds whose meaning is taken over.
const UNDERSTOOD: [&str; 6] =
    ["AIGatewayRoute", "AIServiceBackend", "Backend", "BackendSecurityPolicy", "BackendTLSPolicy", "Secret"];
/// What is said about members that people will ask for.
const ADVICE: [(&str, &str); 6] = [
    ("caCertificateRefs", "authorities of one's own are in one file: `spec.listener.caBundle`"),
    ("insecureSkipVerify", "certificates are always verified"),
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

fn namespace_of(resource: &Value) -> &str {
    text_at(resource, NAMESPACE).unwrap_or("default")
}

/// A resource's `spec`, to be taken apart.
fn spec_of(resource: &Value) -> Taking<'_> {
    Taking::of(resource.get("spec"), format!("{}: spec", title(resource)))
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

    fn named(&self, kind: &'static str, namespace: &str, name: &str) -> Option<&Value> {
        let all = self.of_kind(kind).filter(|it| text_at(it, &["metadata", "name"]) == Some(name));
        let all: Vec<&Value> = all.collect();
        let exact = all.iter().find(|it| text_at(it, NAMESPACE) == Some(namespace));
        // What names no namespace goes where the rest of the file goes.
        exact.or_else(|| all.iter().find(|it| text_at(it, NAMESPACE).is_none())).copied()
    }

    /// The policy of that kind whose `targetRefs` name that resource. They are for their own namespace.
    fn targeting(&self, kind: &'static str, target: &Value) -> Option<&Value> {
        let (of_target, name) = (text_at(target, &["kind"]), text_at(target, &["metadata", "name"]));
        let here = |policy: &&Value| match (text_at(policy, NAMESPACE), text_at(target, NAMESPACE)) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        self.of_kind(kind).filter(here).find(|policy| {
            let targets =
                policy.get("spec").and_then(|spec| spec.get("targetRefs")).and_then(Value::as_array);
            targets.into_iter().flatten().any(|one| {
                let kind = text_at(one, &["kind"]);
                text_at(one, &["name"]) == name && (kind.is_none() || kind == of_target)
            })
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
                    let here = namespace_of(route);
                    draft.backends.extend(self.backend(path, reference, (here, model), names, lost));
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
        (here, seen): (&str, &str),
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
        let Some(name) = reference.text("name") else {
            return fail("names no AIServiceBackend".to_owned());
        };
        if reference.text("kind").is_some_and(|kind| kind != "AIServiceBackend") {
            return fail("only an AIServiceBackend has a counterpart".to_owned());
        }
        let namespace = reference.text("namespace").unwrap_or(here);
        let Some(service) = self.named("AIServiceBackend", namespace, name) else {
            return fail(format!("the file has no AIServiceBackend `{name}` in namespace `{namespace}`"));
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
        let behind = text_at(service, &["spec", "backendRef", "namespace"]).unwrap_or(namespace);
        let Some(resource) = self.named("Backend", behind, backend) else {
            return fail(format!("the file has no Backend `{backend}` in namespace `{behind}`"));
        };
        let base_url = match self.base_url(resource, service, api) {
            Ok(url) => url,
            Err(reason) => return fail(format!("Backend `{backend}` {reason}")),
        };
        let key = match self.key(service) {
            Ok(key) => key,
            Err(reason) => return fail(reason),
        };
        let model = reference.text("modelNameOverride").unwrap_or(seen).to_owned();
        let (priority, weight) = (reference.number("priority"), reference.number("weight"));
        reference.value("group");
        reference.finish(&ADVICE, lost);
        self.tell_the_rest(service, resource, lost);
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

    /// Where the backend's API begins; none where that is the provider's own host.
    ///
    /// # Errors
    /// With what is wrong with the Backend.
    fn base_url(&self, backend: &Value, service: &Value, api: Api) -> Result<Option<String>, String> {
        let no_host = || "has no host and port".to_owned();
        let spec = backend.get("spec").ok_or_else(no_host)?;
        let endpoint = spec.get("endpoints").and_then(|all| all.get(0)).ok_or_else(no_host)?;
        let (kind, key) =
            if endpoint.get("fqdn").is_some() { ("fqdn", "hostname") } else { ("ip", "address") };
        let host = text_at(endpoint, &[kind, key]).ok_or_else(no_host)?;
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let port = endpoint.get(kind).and_then(|it| it.get("port")?.as_u64()).ok_or_else(no_host)?;
        let tls =
            port == 443 || is_there(spec, "tls") || self.targeting("BackendTLSPolicy", backend).is_some();
        let prefix = text_at(service, &["spec", "schema", "prefix"])
            .or_else(|| text_at(service, &["spec", "schema", "version"]));
        let prefix = prefix.map(|prefix| prefix.trim_matches('/'));
        let prefix = match (api, prefix) {
            (Api::OpenAi, prefix) => prefix.unwrap_or("v1"),
            // Its paths begin with `v1` by themselves.
            (Api::Anthropic, prefix) => {
                let prefix = prefix.unwrap_or_default();
                prefix.strip_suffix("v1").unwrap_or(prefix).trim_end_matches('/')
            }
        };
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        let url = match (tls, port) {
            (true, 443) => format!("https://{host}{prefix}"),
            (true, port) => format!("https://{host}:{port}{prefix}"),
            (false, 80) => format!("http://{host}{prefix}"),
            (false, port) => format!("http://{host}:{port}{prefix}"),
        };
        url.parse::<BaseUrl>().map_err(|problem| format!("leads nowhere: {problem}"))?;
        let own = match api {
            Api::OpenAi => "https://api.openai.com/v1",
            Api::Anthropic => "https://api.anthropic.com",
        };
        Ok((url != own).then_some(url))
    }

    /// The key of a service.
    ///
    /// # Errors
    /// With why there is no counterpart.
    fn key(&self, service: &Value) -> Result<Option<Key>, String> {
        let Some(policy) = self.security(service)? else { return Ok(None) };
        let spec = policy.get("spec").unwrap_or(&Value::Null);
        if !matches!(text_at(spec, &["type"]), Some("APIKey" | "AnthropicAPIKey")) {
            let kind = text_at(spec, &["type"]).unwrap_or("?");
            return Err(format!("credentials of type {kind} have no counterpart"));
        }
        let (namespace, name) = secret(policy).ok_or("an APIKey without a secretRef")?;
        let key = Key::named(name);
        let mut others = self.of_kind("BackendSecurityPolicy").filter_map(secret);
        match others
            .find(|other| *other != (namespace, name) && Key::named(other.1).variable() == key.variable())
        {
            Some((_, other)) => Err(format!(
                "the Secrets `{name}` and `{other}` would be one variable, {}: rename one of them",
                key.variable()
            )),
            None => Ok(Some(key)),
        }
    }

    /// The policy with the credentials of a service; none where it has none.
    fn security(&self, service: &Value) -> Result<Option<&Value>, String> {
        const KIND: &str = "BackendSecurityPolicy";
        match text_at(service, &["spec", "backendSecurityPolicyRef", "name"]) {
            Some(name) => {
                let named = self.named(KIND, namespace_of(service), name);
                named.map(Some).ok_or_else(|| format!("the file has no {KIND} `{name}`"))
            }
            None => Ok(self.targeting(KIND, service)),
        }
    }

    /// Tells what nobody took of the resources behind a reference.
    fn tell_the_rest(&self, service: &Value, backend: &Value, lost: &mut Vec<Lost>) {
        let mut spec = spec_of(service);
        let mut schema = spec.object("schema");
        for taken in ["name", "version", "prefix"] {
            schema.text(taken);
        }
        schema.finish(&ADVICE, lost);
        spec.value("backendRef");
        spec.value("backendSecurityPolicyRef");
        spec.finish(&ADVICE, lost);
        let mut spec = spec_of(backend);
        for (path, _) in spec.items("endpoints").into_iter().skip(1) {
            let reason = "a backend is one host: add a backend for each, which share a priority";
            let told = Lost { path, reason: reason.to_owned() };
            if !lost.contains(&told) {
                lost.push(told);
            }
        }
        if spec.text("type").is_none_or(|kind| kind == "Endpoints") {
            // What is left of it is verified as every provider is.
            let mut tls = spec.object("tls");
            tls.value("wellKnownCACertificates");
            tls.finish(&ADVICE, lost);
        }
        spec.finish(&ADVICE, lost);
        if let Some(policy) = self.targeting("BackendTLSPolicy", backend) {
            let mut spec = spec_of(policy);
            spec.value("targetRefs");
            let mut validation = spec.object("validation");
            validation.value("wellKnownCACertificates");
            let host = backend.get("spec").and_then(|spec| spec.get("endpoints")?.get(0));
            if validation.text("hostname") != host.and_then(|host| text_at(host, &["fqdn", "hostname"])) {
                let reason = "a certificate is of the host that is asked".to_owned();
                let told = Lost { path: validation.at("hostname"), reason };
                if !lost.contains(&told) {
                    lost.push(told);
                }
            }
            validation.finish(&ADVICE, lost);
            spec.finish(&ADVICE, lost);
        }
        if let Ok(Some(policy)) = self.security(service) {
            let mut spec = spec_of(policy);
            for taken in ["type", "targetRefs", "apiKey", "anthropicAPIKey"] {
                spec.value(taken);
            }
            spec.finish(&ADVICE, lost);
        }
    }
}

/// The Secret of a policy with a key, by its namespace and name.
fn secret(policy: &Value) -> Option<(&str, &str)> {
    let spec = policy.get("spec")?;
    let reference = match text_at(spec, &["type"])? {
        "APIKey" => spec.get("apiKey")?.get("secretRef")?,
        "AnthropicAPIKey" => spec.get("anthropicAPIKey")?.get("secretRef")?,
        _ => return None,
    };
    let namespace = text_at(reference, &["namespace"]).unwrap_or_else(|| namespace_of(policy));
    Some((namespace, text_at(reference, &["name"])?))
}

fn is_there(object: &Value, key: &str) -> bool {
    object.get(key).is_some_and(|value| !value.is_null())
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
