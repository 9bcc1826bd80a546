//! The same files for docker compose: names and paths that mean something to it, and who is reached where.

use std::path::Path;

use super::*;

/// What is rendered into a directory of that name: the compose file, and the bootstrap beside it.
fn rendered(name: &str, text: &str, more: &[&str]) -> (Value, String) {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).unwrap();
    let (file, written) = (directory.join("route.yaml"), directory.join("docker-compose.yaml"));
    std::fs::write(&file, text).unwrap();
    let (file, output) = (file.to_str().unwrap(), written.to_str().unwrap());
    let arguments = ["render", "route", file, "--to", "compose", "-o", output];
    let output = run(&[&arguments, more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let bootstrap =
        if Path::new(&directory.join("envoy.yaml")).exists() { read("envoy.yaml") } else { String::new() };
    (serde_yaml_ng::from_str(&read("docker-compose.yaml")).unwrap(), bootstrap)
}

fn mounts(root: &Value) -> Vec<&str> {
    let volumes = root.pointer("/services/gateway/volumes").and_then(Value::as_array).unwrap();
    volumes.iter().skip(3).map(|volume| volume.as_str().unwrap()).collect()
}

#[test]
fn every_file_that_envoy_reads_is_mounted_and_no_two_from_one_place() {
    let with = |listener: &str| format!("{EXAMPLE}  listener: {listener}\n");
    let (root, _) = rendered(
        "compose-tls",
        &with(
            "{tls: {certificate: /tls/cert/tls.pem, key: /tls/key/tls.pem}, caBundle: /etc/pki/corporate.pem}",
        ),
        &[],
    );
    let expected = [
        "./tls/cert/tls.pem:/tls/cert/tls.pem:ro",
        "./tls/key/tls.pem:/tls/key/tls.pem:ro",
        "./corporate.pem:/etc/pki/corporate.pem:ro",
    ];
    assert_eq!(mounts(&root), expected);
    let (root, _) = rendered("compose-bundle", &with("{caBundle: /etc/ssl/certs/own.pem}"), &[]);
    assert_eq!(mounts(&root), [""; 0], "what the image has itself");
}

/// Compose puts variables in the place of names behind a `$`, or stops where there is none.
#[test]
fn no_name_of_the_file_is_a_variable() {
    let tls = "  listener: {tls: {certificate: /a$HOME.pem, key: \"/b${X}.pem\"}}\n";
    let (root, _) = rendered("compose-dollar", &format!("{EXAMPLE}{tls}"), &[]);
    assert_eq!(mounts(&root), ["./a$$HOME.pem:/a$$HOME.pem:ro", "./b$${X}.pem:/b$${X}.pem:ro"]);
    let text = EXAMPLE.replace("claude-3-opus", "\"claude$HOME\"");
    let (root, _) = rendered("compose-dollar-mock", &text, &["--mock", "."]);
    let command = root["services"]["providers"]["command"].as_array().unwrap();
    assert!(command.contains(&json!("claude$$HOME")), "{command:?}");
}

/// A container has none of its host's addresses.
#[test]
fn an_address_of_the_host_is_where_the_port_is_published() {
    let with = |address: &str| format!("{EXAMPLE}  listener: {{address: \"{address}\"}}\n");
    for (address, published) in [
        ("10.0.0.5:443", json!(["10.0.0.5:443:443"])),
        ("[fd00::5]:443", json!(["[fd00::5]:443:443"])),
        ("[::]:443", json!(["443:443"])),
        ("0.0.0.0:443", json!(["443:443"])),
    ] {
        let (root, bootstrap) = rendered("compose-address", &with(address), &[]);
        assert_eq!(root["services"]["gateway"]["ports"], published, "{address}");
        let bootstrap: Value = serde_yaml_ng::from_str(&bootstrap).unwrap();
        let listening = &bootstrap["static_resources"]["listeners"][0]["address"]["socket_address"];
        assert_eq!(listening, &json!({"address": "0.0.0.0", "port_value": 443}), "{address}");
    }
    for listener in ["address: \"0.0.0.0:0\"", "admin: \"127.0.0.1:0\""] {
        let said = problems(&format!("{EXAMPLE}  listener: {{{listener}}}\n"));
        assert!(said.contains(":0` is nothing to listen on"), "{said}");
    }
}

#[test]
fn the_service_of_a_shared_budget_is_none_of_the_others() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compose-taken");
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("route.yaml");
    for name in ["gateway", "redis", "providers", "prometheus", "grafana"] {
        let text = format!("{EXAMPLE}  sharedBudget: {{perDay: 5, service: \"{name}:8081\"}}\n");
        std::fs::write(&file, text).unwrap();
        let output = run(&["render", "route", file.to_str().unwrap(), "--to", "compose"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let expected = format!("spec.sharedBudget.service: `{name}` is the name of another service");
        assert!(!output.status.success() && said.contains(&expected), "{said}");
        assert!(
            run(&["render", "route", file.to_str().unwrap()]).status.success(),
            "Envoy knows no such names"
        );
    }
    let (root, _) = rendered(
        "compose-elsewhere",
        &format!("{EXAMPLE}  sharedBudget: {{perDay: 5, service: \"[fd00::1]:8081\"}}\n"),
        &[],
    );
    let services: Vec<_> = root["services"].as_object().unwrap().keys().collect();
    assert_eq!(services, ["gateway"], "an address is somebody else's machine");
}

/// A proxy has one key for both APIs, and the scripted providers have one for each.
#[test]
fn each_scripted_provider_is_shown_its_own_key() {
    let text = EXAMPLE
        .replace("{name: openai-key}", "{name: k, env: ONE}")
        .replace("{name: anthropic-key}", "{name: k, env: ONE}");
    let (root, _) = rendered("compose-one-key", &text, &["--mock", "."]);
    let gateway = &root["services"]["gateway"];
    let keys = json!({"ONE": "scripted-openai", "ONE_ANTHROPIC": "scripted-anthropic"});
    assert_eq!(gateway["environment"], keys);
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compose-one-key");
    let bootstrap = std::fs::read_to_string(directory.join("envoy.mock.yaml")).unwrap();
    assert!(bootstrap.contains("\"env\": \"ONE_ANTHROPIC\"") && bootstrap.contains("\"env\": \"ONE\""));
}
