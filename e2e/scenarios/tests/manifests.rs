//! Every committed manifest as an API server takes it, by the published definitions of its resources: those too that nothing here runs.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use ai_filters::render::{Filters, GatewayApi, GatewayVersion, HeadersHeld, Infrastructure, manifests};
use ai_filters::route::{Target, read_for};
use serde::Deserialize as _;
use serde_json::{Map, Value};

fn named(variable: &str) -> PathBuf {
    env::var_os(variable)
        .map(PathBuf::from)
        .unwrap_or_else(|| panic!("{variable} is not set: make test-gateway"))
}

fn documents(text: &str) -> Vec<Value> {
    let documents = serde_yaml_ng::Deserializer::from_str(text);
    documents.map(|document| Value::deserialize(document).expect("YAML")).filter(|it| !it.is_null()).collect()
}

/// Every YAML file under `envoy-configs/`.
fn committed() -> Vec<PathBuf> {
    let mut folders = vec![lab::paths::root().join("envoy-configs")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Whether that is something for an API server, as each has an `apiVersion` and a `kind`.
fn is_resource(document: &Value) -> bool {
    document.get("apiVersion").is_some() && document.get("kind").is_some()
}

/// Whether the checker takes those files, and what it says.
fn checked(files: &[PathBuf]) -> (bool, String) {
    let output =
        Command::new(named("APISERVER")).arg(named("CRDS")).args(files).output().expect("the checker");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

/// What is rendered of a file that says everything that Kubernetes can be told.
fn everything() -> String {
    let file = "\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: {name: chat, namespace: team-a, labels: {app.kubernetes.io/part-of: chat}, annotations: {note: \"x, y\"}}
spec:
  backends:
  - {name: big, provider: openai, model: a, modelNameOverride: shared, weight: 9, auth: {type: APIKey, apiKeyRef: {name: openai-key, entry: second}}}
  - {name: canary, provider: openai, model: b, modelNameOverride: shared, auth: {type: APIKey, apiKeyRef: {name: openai-key, entry: second}}}
  - {name: last, provider: anthropic, priority: 1, model: c, modelNameOverride: shared, baseUrl: \"http://claude.models.svc:8080\"}
  - {name: any, provider: openai, model: \"gpt-*\", auth: {type: APIKey, apiKeyRef: {name: openai-key, entry: second}}}
  outlierDetection: {failures: 3}
  replicas: 2
  listener: {tls: {secretName: shown}, accessLog: false}
  identity: {jwt: {issuers: [a], audiences: [b], secrets: [{kid: k, env: TOKEN_SECRET}]}}
";
    let target = Target::Kubernetes { version: GatewayVersion::V1_9, tls_secret: None };
    let understood =
        read_for("route.yaml", file.as_bytes(), &target).unwrap_or_else(|found| panic!("{found}"));
    let infrastructure =
        Infrastructure::Kubernetes(understood.cluster.pods("registry/provider:1".to_owned()));
    let gateway = GatewayApi {
        router: understood.router,
        infrastructure,
        place: understood.cluster.place,
        ..GatewayApi::example()
    };
    let text = manifests(&gateway);
    for said in
        ["replicas: 2", "consecutive5XxErrors: 3", "name: token-secret, key: key", "key: second", "weight: 9"]
    {
        assert!(text.contains(said), "{said}: {text}");
    }
    text
}

#[test]
fn every_committed_manifest_is_what_an_api_server_takes() {
    let (mut manifests, mut resources) = (Vec::new(), 0);
    for path in committed() {
        let text = fs::read_to_string(&path).unwrap();
        let all = documents(&text);
        let of_a_cluster = all.iter().filter(|it| is_resource(it)).count();
        // Bootstraps and compose files have none. A file with some has nothing else: a misspelt `kind` would hide a resource.
        if of_a_cluster == 0 {
            // Grafana's own files have a number there.
            let grafanas = all.iter().all(|it| it["apiVersion"].is_number());
            assert!(grafanas || !text.contains("apiVersion:"), "{}: not one whole resource", path.display());
            continue;
        }
        assert_eq!(of_a_cluster, all.len(), "{}: a document is no resource", path.display());
        // The renderer's input has the form of a resource, and is none that a cluster knows: `tests/route.rs` reads it.
        if all.iter().any(|it| it["kind"] == "AIGatewayRoute") {
            assert_eq!(all.len(), 1, "{}: the renderer's input is a file of its own", path.display());
            continue;
        }
        resources += all.len();
        manifests.push(path);
    }
    assert!(resources > 10, "only {resources} resources");
    let (taken, said) = checked(&manifests);
    assert!(taken, "{said}");
    assert!(said.ends_with(&format!("valid: {resources}, invalid: 0\n")), "{said}");
}

#[test]
fn what_is_rendered_without_patches_and_with_everything_is_taken_too() {
    let mut unpatched = GatewayApi::example();
    unpatched.router.filters = Filters::GatewayOnly;
    unpatched.router.headers_held = HeadersHeld::No;
    for text in [manifests(&unpatched), everything()] {
        let (taken, said) = checked_text(&text);
        assert!(taken, "{said}");
        let resources = documents(&text).len();
        assert!(said.ends_with(&format!("valid: {resources}, invalid: 0\n")), "{said}");
    }
}

/// The same of a file that is written for it.
fn checked_text(text: &str) -> (bool, String) {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().expect("a file");
    file.write_all(text.as_bytes()).expect("a file that can be written");
    checked(&[file.path().to_path_buf()])
}

/// A check that takes everything proves nothing: one mistake of each kind that it is there to find.
#[test]
fn mistakes_are_found() {
    let rendered = manifests(&GatewayApi::example());
    let unknown_in_a_deployment =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: b}\nspec: {replica: 3}\n";
    let twice = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\ndata: {a: b, a: c}\n";
    let nobodys = "apiVersion: nowhere.example/v1\nkind: Thing\nmetadata: {name: a, namespace: b}\n";
    let by_a_rule = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: {name: a, namespace: b}\nspec: {jwt: {providers: [{name: a}]}}\n";
    let nameless_key = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a, namespace: b}\nspec: {triggers: [{type: cron, metadata: {start: a}}]}\n";
    for (text, problem) in [
        (rendered.replace("fallback: true", "fallbacks: true"), "unknown field \"spec.fallbacks\""),
        (
            rendered.replace("numRetries: 1", "numRetries: one"),
            "spec.retry.numRetries in body must be of type integer",
        ),
        (
            rendered.replace("metadata: {name: ai}", "metadata: {name: ai, label: {a: b}}"),
            "unknown field \"label\"",
        ),
        (unknown_in_a_deployment.to_owned(), "unknown field \"spec.replica\""),
        (twice.to_owned(), "key \"a\" already set"),
        (nobodys.to_owned(), "no kind \"Thing\""),
        (by_a_rule.to_owned(), "either targetRef or targetRefs must be used"),
        (nameless_key.to_owned(), "spec.scaleTargetRef: Required value"),
    ] {
        let (taken, said) = checked_text(&text);
        assert!(!taken && said.contains(problem), "{problem}: {said}");
    }
}

#[test]
fn the_resources_fit_each_other_and_what_is_tested() {
    let text = manifests(&GatewayApi::example());
    let all = documents(&text);
    let of = |kind: &str| -> Vec<&Value> { all.iter().filter(|it| it["kind"] == kind).collect() };
    let rules = of("HTTPRoute")[0]["spec"]["rules"].as_array().unwrap().clone();
    let names: Vec<&Value> = rules.iter().map(|rule| &rule["name"]).collect();
    let targets: Vec<&Value> = of("BackendTrafficPolicy")
        .into_iter()
        .map(|it| &it["spec"]["targetRefs"][0]["sectionName"])
        .collect();
    assert_eq!(targets, names);
    let patches = of("EnvoyPatchPolicy")[0]["spec"]["jsonPatches"].as_array().unwrap().clone();
    let clusters: Vec<String> = patches
        .iter()
        .filter(|patch| patch["type"].as_str().unwrap().ends_with(".Cluster"))
        .map(|patch| patch["name"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<String> =
        (0..rules.len()).map(|rule| format!("httproute/default/llm-router/rule/{rule}")).collect();
    assert_eq!(clusters, expected);
    let container = &of("EnvoyProxy")[0]["spec"]["provider"]["kubernetes"]["envoyDeployment"]["container"];
    let image = container["image"].as_str().unwrap();
    let version = image.rsplit_once("-v").expect("a version").1;
    let pinned = fs::read_to_string(lab::paths::root().join("e2e/envoy/pin.txt")).unwrap();
    assert!(pinned.contains(&format!("version {version}\n")), "the tests run another Envoy than {version}");
    let backends: Map<String, Value> = of("Backend")
        .into_iter()
        .map(|it| (it["metadata"]["name"].as_str().unwrap().to_owned(), it["spec"]["fallback"].clone()))
        .collect();
    assert_eq!(Value::Object(backends), serde_json::json!({"openai": null, "anthropic": true}));
}
