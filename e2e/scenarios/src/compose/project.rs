//! The services of a compose file, run one by one on local binaries.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{self, Instant};

use super::{Compose, Mount, Service};
use crate::stand::Equipment;

/// A busy machine compiles two modules meanwhile.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The services that were started. They end with it.
#[derive(Debug)]
pub struct Project {
    compose: Compose,
    equipment: Equipment,
    /// What `${NAME:?…}` stands for.
    variables: BTreeMap<String, String>,
    /// What runs in the place of an image.
    programs: BTreeMap<String, PathBuf>,
    /// The local port of each port of each service.
    ports: BTreeMap<(String, u16), u16>,
    /// What stands in a mounted file instead of its text in the checkout.
    texts: BTreeMap<String, String>,
    arguments: BTreeMap<String, Vec<String>>,
    running: BTreeMap<String, Running>,
    directory: TempDir,
}

#[derive(Debug)]
struct Running {
    child: Child,
    log: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Project {
    /// Nothing is started yet. Envoy and the scripted providers are known.
    pub fn of(compose: Compose, equipment: &Equipment) -> Self {
        let mut ports = BTreeMap::new();
        for service in compose.services() {
            for port in inside(&compose, service) {
                ports.insert((service.name.to_owned(), port), lab::port::free().expect("a free port"));
            }
        }
        let envoy = equipment.binary.path.clone();
        let scripted = lab::paths::target().join("debug/mock-llm");
        let programs = [("envoyproxy/envoy", envoy), ("ai-filters/mock-llm", scripted)];
        Self {
            compose,
            equipment: equipment.clone(),
            variables: BTreeMap::new(),
            programs: programs.map(|(image, program)| (image.to_owned(), program)).into(),
            ports,
            texts: BTreeMap::new(),
            arguments: BTreeMap::new(),
            running: BTreeMap::new(),
            directory: tempfile::Builder::new().prefix("compose-").tempdir().expect("a scratch directory"),
        }
    }

    /// The same with a variable of `.env`.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with a program in the place of that image.
    #[must_use]
    pub fn program(mut self, image: &str, program: &Path) -> Self {
        self.programs.insert(image.to_owned(), program.to_path_buf());
        self
    }

    /// The same with that text in the file that is mounted there.
    #[must_use]
    pub fn text(mut self, target: &str, text: String) -> Self {
        self.texts.insert(target.to_owned(), text);
        self
    }

    /// The same with one more argument of a service's command, where `{PORT}` is the local port of that port of its own.
    #[must_use]
    pub fn argument(mut self, service: &str, argument: &str) -> Self {
        self.arguments.entry(service.to_owned()).or_default().push(argument.to_owned());
        self
    }

    /// Starts a service and those that it waits for; returns once its health check is content.
    pub async fn up(&mut self, name: &str) {
        let compose = self.compose.clone();
        let mut order = vec![name];
        let mut next = 0;
        while let Some(name) = order.get(next) {
            order.extend(compose.service(name).depends_on());
            next += 1;
        }
        for name in order.into_iter().rev() {
            if !self.running.contains_key(name) {
                self.start(compose.service(name)).await;
            }
        }
    }

    /// Ends a service.
    pub fn stop(&mut self, name: &str) {
        self.running.remove(name);
    }

    /// Where that port of a service is.
    pub fn address(&self, service: &str, port: u16) -> SocketAddr {
        let local = self.ports.get(&(service.to_owned(), port));
        let local = local.unwrap_or_else(|| panic!("{service} has no port {port}"));
        SocketAddr::from((Ipv4Addr::LOCALHOST, *local))
    }

    /// What a service has said.
    pub fn log(&self, service: &str) -> String {
        let running = self.running.get(service);
        running.map(|running| fs::read_to_string(&running.log).unwrap_or_default()).unwrap_or_default()
    }

    /// Whether a service's own health check is content.
    pub async fn is_healthy(&self, name: &str) -> bool {
        let check = self.compose.service(name).health();
        let [kind, program, arguments @ ..] = check.as_slice() else { panic!("{name} has no health check") };
        assert_eq!(kind, "CMD", "{name}");
        let arguments: Vec<String> = arguments.iter().map(|part| self.here(name, part)).collect();
        if program == "wget" {
            // In the image; not on every machine.
            let url = arguments.last().and_then(|url| url.strip_prefix("http://")).expect("a URL");
            let (address, path) = url.split_once('/').expect("a path");
            let address = address.parse().expect("an address");
            let reply = lab::http::get(address, &format!("/{path}"), Duration::from_secs(5)).await;
            return reply.is_ok_and(|reply| reply.status == 200);
        }
        let mut ask = Command::new(program);
        ask.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        ask.status().is_ok_and(|status| status.success())
    }

    async fn start(&mut self, service: Service<'_>) {
        for mount in service.mounts() {
            self.mount(service, &mount);
        }
        let (image, _) = service.image();
        let program = self.programs.get(image).unwrap_or_else(|| panic!("nothing stands for {image}"));
        assert!(program.exists(), "{} is not there: cargo build -p mock-llm", program.display());
        let mut command = service.texts("command");
        // An image's entry point has no place in the command.
        if command.first().is_some_and(|first| !first.starts_with('-')) {
            command.remove(0);
        }
        let log = self.directory.path().join(format!("{}.log", service.name));
        let out = fs::File::create(&log).expect("a log");
        let err = out.try_clone().expect("a log");
        let own = self.arguments.get(service.name).cloned().unwrap_or_default();
        let arguments: Vec<_> =
            command.iter().chain(&own).map(|part| self.argument_here(service.name, part)).collect();
        let child = Command::new(program)
            .args(&arguments)
            .env_clear()
            .envs(service.environment().into_iter().map(|(name, value)| (name, self.value(value))))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        self.running.insert(service.name.to_owned(), Running { child, log });
        let deadline = Instant::now() + READY_WITHIN;
        while !self.is_healthy(service.name).await {
            let running = self.running.get_mut(service.name).expect("it was started");
            let ended = running.child.try_wait().expect("a child");
            let told = self.log(service.name);
            assert_eq!(ended, None, "{} ended with {arguments:?}: {told}", service.name);
            assert!(Instant::now() < deadline, "{} is never healthy: {told}", service.name);
            time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Puts what is mounted where the service will look for it.
    fn mount(&self, service: Service<'_>, mount: &Mount) {
        let there = self.inside(service.name, &mount.target);
        fs::create_dir_all(there.parent().expect("a folder")).expect("a folder");
        let link = |from: &Path| std::os::unix::fs::symlink(from, &there).expect("a link");
        if mount.is_volume() {
            let volume = self.directory.path().join("volumes").join(&mount.source);
            fs::create_dir_all(&volume).expect("a volume");
            link(&volume);
            return;
        }
        let module = |module: &str| Path::new(module).file_name() == Path::new(&mount.source).file_name();
        let modules = [self.equipment.modules.gateway.as_str(), self.equipment.modules.provider.as_str()];
        if let Some(built) = modules.into_iter().find(|built| module(built)) {
            return link(Path::new(built));
        }
        let source = self.compose.folder.join(&mount.source);
        if source.is_dir() {
            return link(&source.canonicalize().expect("a folder of the checkout"));
        }
        let text = self.texts.get(&mount.target).cloned().unwrap_or_else(|| {
            fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()))
        });
        fs::write(there, self.here(service.name, &text)).expect("a file");
    }

    /// Where a path of the service's container is on this machine.
    fn inside(&self, service: &str, path: &str) -> PathBuf {
        self.directory.path().join(service).join(path.trim_start_matches('/'))
    }

    fn value(&self, value: &str) -> String {
        let Some(asked) = value.strip_prefix("${") else { return value.to_owned() };
        let name = asked.split(':').next().unwrap_or_default();
        let known = self.variables.get(name);
        known.unwrap_or_else(|| panic!("{name} is not set, and the file asks for it")).clone()
    }

    /// An argument as it is on this machine: a port that stands alone is one too.
    fn argument_here(&self, service: &str, argument: &str) -> String {
        if argument == Ipv4Addr::UNSPECIFIED.to_string() {
            return Ipv4Addr::LOCALHOST.to_string();
        }
        let port = argument.parse().ok().and_then(|port| self.ports.get(&(service.to_owned(), port)));
        port.map_or_else(|| self.here(service, argument), u16::to_string)
    }

    /// A text of the service's as it is on this machine.
    fn here(&self, service: &str, text: &str) -> String {
        let mut text = text.replace("\"0.0.0.0\"", "\"127.0.0.1\"");
        for ((name, port), local) in &self.ports {
            text = text
                .replace(
                    &format!("{{address: {name}, port_value: {port}}}"),
                    &format!("{{address: \"127.0.0.1\", port_value: {local}}}"),
                )
                .replace(&format!("\"{name}:{port}\""), &format!("\"127.0.0.1:{local}\""));
            if name == service {
                text = text
                    .replace(
                        &format!("{{address: \"127.0.0.1\", port_value: {port}}}"),
                        &format!("{{address: \"127.0.0.1\", port_value: {local}}}"),
                    )
                    .replace(&format!("127.0.0.1/{port}"), &format!("127.0.0.1/{local}"))
                    .replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{local}"));
            }
        }
        for mount in self.compose.service(service).mounts() {
            text = with_path(&text, &mount.target, &self.inside(service, &mount.target));
        }
        text
    }
}

/// The text with another path in the place of each that is this one or lies below it.
fn with_path(text: &str, path: &str, other: &Path) -> String {
    let in_a_path = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(path) {
        let (before, from) = rest.split_at(at);
        let after = &from[path.len()..];
        let begins = !before.ends_with(in_a_path) && (!before.is_empty() || !out.ends_with(in_a_path));
        let ends = !after.starts_with(|c: char| in_a_path(c) && c != '/');
        out.push_str(before);
        if begins && ends {
            out.push_str(&other.display().to_string());
        } else {
            out.push_str(path);
        }
        rest = after;
    }
    out + rest
}

/// The ports that a service listens on in its container: what it publishes, what its health check asks, what its command and its bootstrap
/// say.
fn inside(compose: &Compose, service: Service<'_>) -> Vec<u16> {
    let mut ports: Vec<u16> = service.ports().into_iter().map(|(_, inside)| inside).collect();
    let command = service.texts("command");
    let named = command.windows(2).filter(|pair| pair[0].ends_with("-port"));
    ports.extend(named.filter_map(|pair| pair[1].parse::<u16>().ok()));
    for part in service.health() {
        ports.extend(part.split("127.0.0.1/").skip(1).filter_map(leading_port));
    }
    for mount in service.mounts().iter().filter(|mount| mount.target.ends_with("envoy.yaml")) {
        let text = fs::read_to_string(compose.folder.join(&mount.source)).expect("a bootstrap");
        for address in ["0.0.0.0", "127.0.0.1"] {
            let begins = format!("{{address: \"{address}\", port_value: ");
            ports.extend(text.split(&begins).skip(1).filter_map(leading_port));
        }
    }
    // The lowest reserved port is where nobody listens.
    ports.retain(|port| *port > 1);
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn leading_port(text: &str) -> Option<u16> {
    text.split(|c: char| !c.is_ascii_digit()).next().and_then(|port| port.parse().ok())
}
