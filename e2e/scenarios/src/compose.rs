//! A compose file without Docker: its commands, variables, mounts, host names, ports and health checks, on local binaries.
//!
//! What a container would see below its root is laid out in a folder of its own, and where a command or a mounted file names a mount, a port
//! or another service, the local one stands instead. Nothing else of the file is changed, so what runs is what it says. Users, memory and
//! capabilities are a container engine's business: they are judged as text, by the tests.

mod project;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use project::Project;

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Compose {
    /// The folder that its relative paths begin in.
    pub folder: PathBuf,
    root: Value,
}

/// One of its services.
#[derive(Clone, Copy, Debug)]
pub struct Service<'a> {
    /// Its name, which is its host name too.
    pub name: &'a str,
    value: &'a Value,
}

/// What is mounted into a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// A path as the file says it, or a volume's name.
    pub source: String,
    /// Where it is in the container.
    pub target: String,
    /// Whether it cannot be written to.
    pub read_only: bool,
}

impl Compose {
    /// Every compose file of the project.
    pub fn committed() -> Vec<PathBuf> {
        let mut files = Vec::new();
        let configs = lab::paths::root().join("envoy-configs");
        for folder in fs::read_dir(configs).expect("the rendered configurations").flatten() {
            let Ok(entries) = fs::read_dir(folder.path()) else { continue };
            files.extend(entries.flatten().map(|entry| entry.path()).filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                name.starts_with("docker-compose") || name.starts_with("compose")
            }));
        }
        files.sort();
        files
    }

    /// Reads a file, merges included.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut root: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).expect("YAML");
        // A map that is merged may itself merge another.
        for _ in 0..2 {
            root.apply_merge().expect("merges of maps");
        }
        let root = serde_json::to_value(root).expect("nothing that JSON does not have");
        Self { folder: path.parent().expect("a folder").to_path_buf(), root }
    }

    /// Every service.
    pub fn services(&self) -> Vec<Service<'_>> {
        let services = self.root["services"].as_object().expect("services");
        services.iter().map(|(name, value)| Service { name, value }).collect()
    }

    /// The service of that name.
    pub fn service(&self, name: &str) -> Service<'_> {
        let found = self.services().into_iter().find(|service| service.name == name);
        found.unwrap_or_else(|| panic!("there is no service {name}"))
    }

    /// The variables that it asks for, as `${NAME:?…}`.
    pub fn asked_for(&self) -> BTreeSet<String> {
        let text = self.root.to_string();
        let names = text.split("${").skip(1).filter_map(|rest| rest.split(':').next());
        names.map(str::to_owned).collect()
    }
}

impl<'a> Service<'a> {
    /// A member of it, null where it has none.
    pub fn get(&self, name: &str) -> &'a Value {
        &self.value[name]
    }

    /// A member that is text.
    pub fn text(&self, name: &str) -> &'a str {
        self.get(name).as_str().unwrap_or_default()
    }

    /// A member that is a list of texts; none where it is absent.
    pub fn texts(&self, name: &str) -> Vec<String> {
        texts(self.get(name))
    }

    /// What its image is, and the tag.
    pub fn image(&self) -> (&'a str, &'a str) {
        self.text("image").rsplit_once(':').unwrap_or_default()
    }

    /// What is mounted.
    pub fn mounts(&self) -> Vec<Mount> {
        let mount = |text: String| {
            let mut parts = text.split(':').map(str::to_owned);
            let (source, target) = (parts.next().expect("a source"), parts.next().expect("a target"));
            Mount { source, target, read_only: parts.next().as_deref() == Some("ro") }
        };
        self.texts("volumes").into_iter().map(mount).collect()
    }

    /// The ports that it publishes: as the file says them, and inside of the container.
    pub fn ports(&self) -> Vec<(String, u16)> {
        let port = |text: String| {
            let inside = text.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
            (text, inside)
        };
        self.texts("ports").into_iter().map(port).collect()
    }

    /// Its environment, as the file says it.
    pub fn environment(&self) -> Vec<(&'a str, &'a str)> {
        let variables = self.get("environment").as_object();
        let variables = variables.into_iter().flatten();
        variables.map(|(name, value)| (name.as_str(), value.as_str().expect("text"))).collect()
    }

    /// How its health is asked.
    pub fn health(&self) -> Vec<String> {
        texts(&self.get("healthcheck")["test"])
    }

    /// The services that it waits for.
    pub fn depends_on(&self) -> Vec<&'a str> {
        let services = self.get("depends_on").as_object();
        services.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }
}

impl Mount {
    /// Whether it is a volume rather than a part of the checkout.
    pub fn is_volume(&self) -> bool {
        !self.source.contains(['.', '/'])
    }
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.map(|item| item.as_str().expect("text").to_owned()).collect()
}

/// Says that a test was not run and why, in the words that `make test` counts. A test's own output would only be seen where it fails.
pub fn skip(what: &str, why: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "SKIPPED: {what}: {why}").expect("stderr");
}
