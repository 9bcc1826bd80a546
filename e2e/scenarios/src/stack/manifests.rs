//! The committed manifests, and the few things in them that only a cluster has and that are something else here.
//!
//! | in the manifests | here |
//! |---|---|
//! | a port of a Gateway's listener | a free port; the router's own where the listener is the router's |
//! | a reference to a Service | one to a Backend of that name with a scripted service's address |
//! | the endpoint of a Backend | a scripted service's address |
//! | the same, and the name in its certificate, where it is a provider's | a scripted provider's |
//! | a Certificate of cert-manager | the Secret that cert-manager makes of it, issued by an authority of this run |
//! | kinds that neither Envoy Gateway nor cert-manager reads | nothing |
//!
//! A resource of a later file takes the place of an earlier one with the same kind and name, as `kubectl apply` has it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use base64ct::{Base64, Encoding as _};
use mock_llm::{CertificateAuthority, ServerIdentity};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// API groups, of which the control plane reads every kind.
const READ: [&str; 2] = ["gateway.networking.k8s.io", "gateway.envoyproxy.io"];
/// And kinds of Kubernetes itself.
const READ_OF_THE_CORE: [&str; 3] = ["ConfigMap", "Namespace", "Secret"];

/// The domains of providers, which scripted providers stand in for.
const PROVIDERS: [&str; 2] = [".openai.com", ".anthropic.com"];

/// Where the committed manifests are.
pub fn directory() -> PathBuf {
    lab::paths::root().join("envoy-configs/gateway-api")
}

/// The names of the manifests in that part of [`directory`], such as `stack`: `stack/gateway.yaml`.
pub fn committed(part: &str) -> Vec<String> {
    let entries = fs::read_dir(directory().join(part)).expect("the committed manifests");
    let names = entries.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|name| name.ends_with(".yaml")).map(|name| format!("{part}/{name}")).collect();
    names.sort();
    names
}

/// The text of one of them.
pub fn text(name: &str) -> String {
    fs::read_to_string(directory().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The resources in that text.
pub fn resources(text: &str) -> Vec<Value> {
    let documents = serde_yaml_ng::Deserializer::from_str(text);
    documents.map(|document| Value::deserialize(document).expect("YAML")).filter(|it| !it.is_null()).collect()
}

/// Whose a resource is: its kind, its namespace, its name.
pub fn identity(resource: &Value) -> (String, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&resource["kind"]), text(&resource["metadata"]["namespace"]), text(&resource["metadata"]["name"]))
}

/// Whether the control plane reads that kind.
fn is_read(resource: &Value) -> bool {
    let version = resource["apiVersion"].as_str().unwrap_or_default();
    match version.split_once('/') {
        Some((group, _)) => READ.contains(&group),
        None => resource["kind"].as_str().is_some_and(|kind| READ_OF_THE_CORE.contains(&kind)),
    }
}

/// What a manifest asks of those who stand behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// `namespace/name` of the Service or the Backend.
    pub name: String,
    /// The name in its certificate, where it has TLS.
    pub tls: Option<String>,
    /// Whether it asks for its clients' certificates.
    pub mutual: bool,
}

/// The services that stand behind these manifests.
pub fn wanted(files: &BTreeMap<String, Vec<Value>>) -> Vec<Wanted> {
    let all: Vec<&Value> = files.values().flatten().collect();
    let mut names = Vec::new();
    for resource in &all {
        let (kind, namespace, name) = identity(resource);
        if kind == "Backend" && provider(resource).is_none() {
            names.push(format!("{namespace}/{name}"));
        }
        references(&mut (*resource).clone(), &mut |reference| {
            names.push(service(reference, &namespace));
        });
    }
    names.sort();
    names.dedup();
    let wanted = |name: String| Wanted { tls: tls(&all, &name), mutual: is_mutual(&all, &name), name };
    names.into_iter().map(wanted).collect()
}

/// The name that a BackendTLSPolicy, or the Backend itself, expects of that service.
fn tls(all: &[&Value], wanted: &str) -> Option<String> {
    let targeted = |resource: &&&Value| {
        let (kind, namespace, _) = identity(resource);
        let targets = resource["spec"]["targetRefs"].as_array().into_iter().flatten();
        kind == "BackendTLSPolicy"
            && targets.into_iter().any(|target| {
                wanted == format!("{namespace}/{}", target["name"].as_str().unwrap_or_default())
            })
    };
    let policy = all.iter().find(targeted)?;
    policy["spec"]["validation"]["hostname"].as_str().map(str::to_owned)
}

fn is_mutual(all: &[&Value], wanted: &str) -> bool {
    all.iter().any(|resource| {
        let (kind, namespace, name) = identity(resource);
        kind == "Backend"
            && wanted == format!("{namespace}/{name}")
            && resource["spec"]["tls"]["clientCertificateRef"].is_object()
    })
}

/// The provider's host that a Backend stands for.
fn provider(backend: &Value) -> Option<&str> {
    backend["spec"]["endpoints"][0]["fqdn"]["hostname"].as_str().filter(|host| is_providers(host))
}

fn is_providers(host: &str) -> bool {
    PROVIDERS.iter().any(|domain| host.ends_with(domain))
}

/// `namespace/name` of a Service that is referred to from that namespace.
fn service(reference: &Value, namespace: &str) -> String {
    let namespace = reference["namespace"].as_str().unwrap_or(namespace);
    format!("{namespace}/{}", reference["name"].as_str().unwrap_or_default())
}

/// Every reference to a Service in there.
fn references(value: &mut Value, found: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), &mut *member) {
                    ("backendRefs" | "targetRefs", Value::Array(items)) => {
                        for item in items {
                            reference(name == "backendRefs", item, found);
                        }
                    }
                    ("backendRef" | "targetRef", item @ Value::Object(_)) => {
                        reference(name == "backendRef", item, found);
                    }
                    (_, member) => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn reference(is_backend: bool, item: &mut Value, found: &mut impl FnMut(&mut Value)) {
    let kind = item["kind"].as_str();
    if kind == Some("Service") || (kind.is_none() && is_backend) {
        found(item);
    }
    // A backend's filters may refer to further ones.
    if let Some(filters) = item.get_mut("filters") {
        references(filters, found);
    }
}

/// What stands in the place of what only a cluster has.
pub struct Substitutes<'a> {
    /// Ports by the listeners' names.
    pub listeners: &'a dyn Fn(&str) -> u16,
    /// Ports by the services' `namespace/name`.
    pub services: &'a dyn Fn(&str) -> u16,
    /// Names and ports of scripted providers by the providers' hosts.
    pub providers: &'a dyn Fn(&str) -> (&'static str, u16),
    /// The Secrets that cert-manager makes.
    pub secrets: &'a dyn Fn(&Value) -> Value,
}

/// These resources as the control plane gets them here, as the text of a file.
pub fn substituted(resources: &[Value], by: &Substitutes<'_>) -> String {
    let mut documents = Vec::new();
    for resource in resources {
        let mut resource = resource.clone();
        if resource["kind"] == "Certificate" {
            documents.push((by.secrets)(&resource));
        }
        if !is_read(&resource) {
            continue;
        }
        if resource["kind"] == "Gateway" {
            for listener in resource["spec"]["listeners"].as_array_mut().into_iter().flatten() {
                listener["port"] = (by.listeners)(listener["name"].as_str().unwrap_or_default()).into();
            }
        }
        if resource["kind"] == "Backend" {
            let (_, namespace, name) = identity(&resource);
            let endpoint = match provider(&resource) {
                Some(host) => {
                    let (hostname, port) = (by.providers)(host);
                    json!({"fqdn": {"hostname": hostname, "port": port}})
                }
                None => loopback((by.services)(&format!("{namespace}/{name}"))),
            };
            resource["spec"]["endpoints"] = json!([endpoint]);
        }
        if let Some(hostname) = resource.pointer_mut("/spec/validation/hostname")
            && let Some(host) = hostname.as_str().filter(|host| is_providers(host))
        {
            *hostname = (by.providers)(host).0.into();
        }
        references(&mut resource, &mut |reference| {
            reference["group"] = "gateway.envoyproxy.io".into();
            reference["kind"] = "Backend".into();
            // A Backend's port is its endpoint's.
            reference.as_object_mut().map(|it| it.remove("port"));
        });
        documents.push(resource);
    }
    joined(&documents)
}

/// The Backends that stand for Services.
pub fn backends(services: impl IntoIterator<Item = (String, u16)>) -> String {
    let backend = |(name, port): (String, u16)| {
        let (namespace, name) = name.split_once('/').expect("namespace/name");
        json!({
            "apiVersion": "gateway.envoyproxy.io/v1alpha1",
            "kind": "Backend",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"endpoints": [loopback(port)]},
        })
    };
    joined(&services.into_iter().map(backend).collect::<Vec<_>>())
}

fn loopback(port: u16) -> Value {
    json!({"ip": {"address": "127.0.0.1", "port": port}})
}

/// The router's own manifests without those that these files have too.
pub fn without(manifests: &str, files: &BTreeMap<String, Vec<Value>>) -> String {
    let later: Vec<_> = files.values().flatten().map(identity).collect();
    let kept: Vec<Value> =
        resources(manifests).into_iter().filter(|resource| !later.contains(&identity(resource))).collect();
    joined(&kept)
}

fn joined(resources: &[Value]) -> String {
    resources.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n")
}

/// The Secret that cert-manager makes of a Certificate: its type, its three files, and whose it is.
pub fn secret(certificate: &Value, authority: &CertificateAuthority) -> Value {
    let spec = &certificate["spec"];
    let names = spec["dnsNames"].as_array().into_iter().flatten();
    let names: Vec<&str> = names.filter_map(Value::as_str).collect();
    let usages = spec["usages"].as_array().into_iter().flatten();
    let identity: ServerIdentity = if usages.into_iter().any(|usage| usage == "client auth") {
        authority.issue_client(names.iter().copied())
    } else {
        authority.issue(names.iter().copied())
    };
    let (_, namespace, name) = self::identity(certificate);
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": spec["secretName"],
            "namespace": namespace,
            "annotations": {
                "cert-manager.io/alt-names": names.join(","),
                "cert-manager.io/certificate-name": name,
                "cert-manager.io/common-name": "",
                "cert-manager.io/ip-sans": "",
                "cert-manager.io/issuer-group": "cert-manager.io",
                "cert-manager.io/issuer-kind": spec["issuerRef"]["kind"],
                "cert-manager.io/issuer-name": spec["issuerRef"]["name"],
                "cert-manager.io/uri-sans": "",
            },
            "labels": {"controller.cert-manager.io/fao": "true"},
        },
        "type": "kubernetes.io/tls",
        "data": {
            "tls.crt": Base64::encode_string(identity.certificate_pem().as_bytes()),
            "tls.key": Base64::encode_string(identity.key_pem().as_bytes()),
            "ca.crt": Base64::encode_string(authority.pem().as_bytes()),
        },
    })
}
