//! What is committed for docker compose is what the tests run: images, commands, settings, ports and mounts. Docker itself is not asked.

use std::fs;
use std::path::Path;

use ai_filters::render::{GlobalBudget, Modules};
use lab::fleet::SETTINGS;
use serde_json::Value;

const FOLDER: &str = "envoy-configs/global-budget";

fn text(path: &str) -> String {
    fs::read_to_string(lab::paths::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(file: &str) -> Value {
    let mut value: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(&text(&format!("{FOLDER}/{file}"))).unwrap();
    value.apply_merge().unwrap();
    serde_json::to_value(value).unwrap()
}

fn service(name: &str) -> Value {
    let service = &yaml("docker-compose.yaml")["services"][name];
    assert!(service.is_object(), "there is no service {name}");
    service.clone()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|item| item.as_str().expect("text").to_owned()).collect()
}

/// What is mounted where: source, relative to the top, and target.
fn mounts(service: &Value) -> Vec<(String, String)> {
    let mount = |mount: String| {
        let parts: Vec<_> = mount.split(':').collect();
        assert_eq!(parts.get(2), Some(&"ro"), "{mount} may be written to");
        (format!("{FOLDER}/{}", parts[0]), parts[1].to_owned())
    };
    texts(&service["volumes"]).into_iter().map(mount).collect()
}

fn mounted(service: &Value, target: &str) -> String {
    let mount = mounts(service).into_iter().find(|(_, to)| to == target);
    mount.unwrap_or_else(|| panic!("nothing is mounted at {target}")).0
}

fn image(service: &Value) -> (String, String) {
    let image = service["image"].as_str().expect("an image");
    let (name, tag) = image.split_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
    assert!(tag.starts_with(|c: char| c.is_ascii_digit() || c == 'v'), "{image} is not pinned");
    (name.to_owned(), tag.to_owned())
}

#[test]
fn the_gateways_have_what_their_configuration_names() {
    let pinned = text("e2e/envoy/pin.txt");
    for (name, port) in [("gateway-a", "10000:10000"), ("gateway-b", "10001:10000")] {
        let gateway = service(name);
        let (image, tag) = image(&gateway);
        assert_eq!(image, "envoyproxy/envoy");
        let version = tag.trim_start_matches('v');
        assert!(
            pinned.contains(&format!("version {version}\n")),
            "the tests run another Envoy than {version}"
        );
        assert_eq!(texts(&gateway["ports"]), [port]);
        let command = texts(&gateway["command"]);
        assert_eq!(command[..3], ["envoy", "-c", "/etc/envoy/envoy.yaml"]);
        assert_eq!(mounted(&gateway, "/etc/envoy/envoy.yaml"), format!("{FOLDER}/./envoy.yaml"));
        let Modules { gateway: downstream, provider: upstream } = Modules::default();
        for module in [downstream, upstream] {
            let from = mounted(&gateway, module.as_str());
            let file = Path::new(module.as_str()).file_name().unwrap().to_str().unwrap();
            assert!(from.ends_with(&format!("../../target/wasm32-wasip1/wasm/{file}")), "{from}");
        }
        for key in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"] {
            let value = gateway["environment"][key].as_str().expect("a variable");
            assert!(value.starts_with(&format!("${{{key}:?")), "{key} is not asked for: {value}");
        }
    }
    let rendered = text(&format!("{FOLDER}/envoy.yaml"));
    assert!(rendered.contains("port_value: 10000"));
}

#[test]
fn the_service_is_the_one_that_is_tested_with_its_settings() {
    let ratelimit = service("ratelimit");
    let (image, tag) = image(&ratelimit);
    assert_eq!(image, "envoyproxy/ratelimit");
    let script = text("e2e/fleet.sh");
    let version = script.lines().find_map(|line| line.strip_prefix("version=")).expect("a version");
    let commit = version.rsplit('-').next().unwrap();
    assert!(tag.len() == 8 && commit.starts_with(&tag), "the tests run {commit}, not {tag}");

    let environment = ratelimit["environment"].as_object().unwrap();
    for (name, value) in SETTINGS {
        assert_eq!(environment.get(name).and_then(Value::as_str), Some(value), "{name}");
    }
    let known = |name: &str| SETTINGS.iter().any(|(known, _)| *known == name);
    let own: Vec<&str> = environment.keys().map(String::as_str).filter(|name| !known(name)).collect();
    assert_eq!(own, ["REDIS_URL", "RUNTIME_ROOT"]);
    assert_eq!(environment["REDIS_URL"], "redis:6379");
    assert_eq!(
        mounted(&ratelimit, "/data/ratelimit/config/ratelimit.yaml"),
        format!("{FOLDER}/./ratelimit.yaml")
    );
    // Where Envoy looks for it: the name of the compose service, and the service's own port for gRPC.
    let budget = GlobalBudget::default();
    assert_eq!((budget.service.host(), budget.service.port()), ("ratelimit", 8081));
}

#[test]
fn redis_keeps_nothing_on_disk() {
    let redis = service("redis");
    assert_eq!(image(&redis).0, "redis");
    assert_eq!(texts(&redis["command"])[..5], ["redis-server", "--save", "", "--appendonly", "no"]);
    assert!(redis.get("ports").is_none(), "nobody outside has any business there");
}
