//! `envoy-configs/llm-router/docker-compose.yaml`, run without Docker: its command, its variables, its mounts and its health check, on the
//! Envoy that the tests run.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use scenarios::stand::Equipment;
use serde_json::Value;
use tokio::time::{self, Instant};

const FOLDER: &str = "envoy-configs/llm-router";
/// A busy machine compiles two modules meanwhile.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn folder() -> PathBuf {
    lab::paths::root().join(FOLDER)
}

fn gateway() -> Value {
    let text = fs::read_to_string(folder().join("docker-compose.yaml")).unwrap();
    let root: Value = serde_yaml_ng::from_str(&text).unwrap();
    root["services"]["gateway"].clone()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|item| item.as_str().expect("text").to_owned()).collect()
}

/// Source and target of every mount, all of them read-only.
fn mounts(service: &Value) -> Vec<(String, String)> {
    let parted = texts(&service["volumes"]).into_iter().map(|mount| {
        let mount =
            mount.strip_suffix(":ro").unwrap_or_else(|| panic!("{mount} may be written to")).to_owned();
        let (from, to) = mount.split_once(':').expect("a source and a target");
        (from.to_owned(), to.to_owned())
    });
    parted.collect()
}

#[test]
fn it_has_no_more_rights_than_it_needs() {
    let gateway = gateway();
    let pinned = fs::read_to_string(lab::paths::root().join("e2e/envoy/pin.txt")).unwrap();
    let version =
        gateway["image"].as_str().and_then(|image| image.strip_prefix("envoyproxy/envoy:v")).unwrap();
    assert!(pinned.contains(&format!("version {version}\n")), "the tests run another Envoy than {version}");
    assert!(gateway["user"].as_str().is_some_and(|user| !user.starts_with('0')));
    assert_eq!(gateway["read_only"], true);
    assert_eq!(texts(&gateway["cap_drop"]), ["ALL"]);
    assert_eq!(texts(&gateway["ports"]), ["10000:10000"], "the admin interface is not published");
    for (name, value) in gateway["environment"].as_object().unwrap() {
        assert_eq!(value, &format!("${{{name}:?is not set}}"), "no secret, and no start without one");
    }
}

#[tokio::test]
async fn its_command_serves_and_its_health_check_says_so() {
    let equipment = Equipment::find().await.unwrap_or_else(|failure| panic!("{failure}"));
    let gateway = gateway();
    let directory = tempfile::tempdir().unwrap();
    let (port, admin) = (lab::port::free().unwrap(), lab::port::free().unwrap());

    // What compose would mount, put where the mounts' sources are; and ports that are free here.
    let modules = [equipment.modules.gateway.as_str(), equipment.modules.provider.as_str()];
    let mut bootstrap = None;
    let mut mounted = Vec::new();
    for (from, to) in mounts(&gateway) {
        match modules.iter().find(|module| module.rsplit('/').next() == from.rsplit('/').next()) {
            Some(module) => mounted.push((to, (*module).to_owned())),
            None => bootstrap = Some((fs::read_to_string(folder().join(&from)).unwrap(), to)),
        }
    }
    let (mut text, target) = bootstrap.expect("a bootstrap is mounted");
    assert_eq!(mounted.len(), 2, "both modules are mounted");
    for (to, from) in &mounted {
        assert!(text.contains(to), "{to} is mounted, and nobody reads it");
        text = text.replace(to, from);
    }
    let text = text.replace("port_value: 10000", &format!("port_value: {port}"));
    let text = text.replace("port_value: 9901", &format!("port_value: {admin}"));
    let file = directory.path().join("envoy.yaml");
    fs::write(&file, text).unwrap();

    let command = texts(&gateway["command"]);
    assert_eq!(command[0], "envoy");
    let arguments = command[1..].iter().map(|argument| match *argument == target {
        true => file.display().to_string(),
        false => argument.clone(),
    });
    let log = directory.path().join("envoy.log");
    let variables =
        gateway["environment"].as_object().unwrap().keys().map(|name| (name, "the-key-of-a-test"));
    let child = Command::new(&equipment.binary.path)
        .args(arguments)
        .env_clear()
        .envs(variables)
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut envoy = Running(child);

    let check = texts(&gateway["healthcheck"]["test"]);
    assert_eq!(check[0], "CMD");
    let check: Vec<_> = check[1..].iter().map(|part| part.replace("/9901", &format!("/{admin}"))).collect();
    let healthy = || {
        let mut ask = Command::new(&check[0]);
        ask.args(&check[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    let told = || fs::read_to_string(&log).unwrap_or_default();
    let deadline = Instant::now() + READY_WITHIN;
    while !healthy() {
        assert_eq!(envoy.0.try_wait().unwrap(), None, "Envoy ended: {}", told());
        assert!(Instant::now() < deadline, "it is never healthy: {}", told());
        time::sleep(Duration::from_millis(100)).await;
    }

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let reply = lab::http::get(address, "/v1/models", Duration::from_secs(20)).await.unwrap();
    assert_eq!((reply.status, reply.json()["data"][0]["id"].as_str()), (200, Some("gpt-4")));
    drop(envoy);
    assert!(!healthy(), "the check does not always say yes");
    assert!(!told().contains("[critical]"), "{}", told());
}
