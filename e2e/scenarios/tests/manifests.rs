//! The rendered manifests, strictly against the published definitions of their resources: those for a cluster too, which nothing here runs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ai_filters::render::{Filters, GatewayApi, GatewayVersion, HeadersHeld, Infrastructure, manifests};
use ai_filters::route::{Target, read_for};
use serde::Deserialize as _;
use serde_json::{Map, Value};
use tempfile::TempDir;

fn named(variable: &str) -> PathBuf {
    env::var_os(variable)
        .map(PathBuf::from)
        .unwrap_or_else(|| panic!("{variable} is not set: make test-gateway"))
}

fn documents(text: &str) -> Vec<Value> {
    let documents = serde_yaml_ng::Deserializer::from_str(text);
    documents.map(|document| Value::deserialize(document).expect("YAML")).filter(|it| !it.is_null()).collect()
}

/// The definitions as schemas, one file for each kind and version.
fn schemas() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut written = 0;
    for entry in fs::read_dir(named("CRDS")).expect("the definitions") {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for definition in documents(&text).iter().filter(|it| it["kind"] == "CustomResourceDefinition") {
            let spec = &definition["spec"];
            let kind = spec["names"]["kind"].as_str().unwrap().to_lowercase();
            for version in spec["versions"].as_array().unwrap() {
                let mut schema = version["schema"]["openAPIV3Schema"].clone();
                close(&mut schema);
                let name = format!(
                    "{}-{kind}-{}.json",
                    spec["group"].as_str().unwrap(),
                    version["name"].as_str().unwrap()
                );
                fs::write(directory.path().join(name), schema.to_string()).unwrap();
                written += 1;
            }
        }
    }
    assert!(written > 15, "only {written} definitions were found");
    directory
}

/// Where a definition lists an object's members, there are no others: an API server drops them without a word.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            let open = members.contains_key("additionalProperties")
                || members.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
            if members.get("properties").is_some_and(Value::is_object)
                && members.get("type").is_some()
                && !open
            {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Whether the checker takes it, and what it says.
fn checked(schemas: &Path, text: &str) -> (bool, String) {
    let file = schemas.join("manifests.yaml");
    fs::write(&file, text).unwrap();
    let location = format!(
        "{}/{{{{.Group}}}}-{{{{.ResourceKind}}}}-{{{{.ResourceAPIVersion}}}}.json",
        schemas.display()
    );
    let output = Command::new(named("KUBECONFORM"))
        .args(["-strict", "-summary", "-output", "text", "-schema-location", &location])
        .arg(&file)
        .output()
        .expect("kubeconform");
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
fn manifests_are_what_the_definitions_say() {
    let schemas = schemas();
    let committed =
        fs::read_to_string(lab::paths::root().join("envoy-configs/gateway-api/llm-router.yaml")).unwrap();
    let mut unpatched = GatewayApi::example();
    unpatched.router.filters = Filters::GatewayOnly;
    unpatched.router.headers_held = HeadersHeld::No;
    for text in [committed.clone(), manifests(&unpatched), everything()] {
        let resources = documents(&text).len();
        assert!(resources > 10, "only {resources} resources");
        let (taken, said) = checked(schemas.path(), &text);
        assert!(taken, "{said}");
        assert!(said.contains(&format!("Valid: {resources}, Invalid: 0, Errors: 0, Skipped: 0")), "{said}");
    }

    // A check that takes everything proves nothing.
    for (right, wrong) in [("fallback: true", "fallbacks: true"), ("numRetries: 1", "numRetries: one")] {
        let (taken, said) = checked(schemas.path(), &committed.replace(right, wrong));
        assert!(!taken && said.contains("Invalid: "), "{wrong}: {said}");
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
