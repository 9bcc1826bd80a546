//! The control plane, the Envoy that it starts, and where both leave what they say.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ai_filters::render::{GatewayApi, Infrastructure, LlmRouter, Scheme, manifests};
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time;

use super::beside::Beside;
use super::rate_limits::{CONTROL_PLANE_PORT, Held};
use super::registry::Registry;
use super::resources::Resources;
use super::status::{self, Resource};
use super::view::{View, require_namespaces};
use crate::envoy::{Admin, Binary};
use crate::server::Server;
use crate::{Failure, http, port};

/// Names the built control plane; `e2e/gateway.sh` sets it.
const VARIABLE: &str = "ENVOY_GATEWAY";
/// Ports that the control plane takes on every machine, and for what.
const FIXED_PORTS: [(u16, &str); 4] = [
    (18000, "Envoy's configuration"),
    (18002, "the filter's module"),
    (19003, "Envoy's health"),
    (8081, "its own health"),
];
/// It starts, fetches the image and starts an Envoy, which fetches and compiles two modules: 10 s, and more on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(180);

const POLL: Duration = Duration::from_millis(250);

/// A running control plane with its Envoy and its registry. Dropping it kills them: the kernel ends an Envoy with the control plane.
#[derive(Debug)]
pub struct EnvoyGateway {
    control_plane: Server,
    registry: Registry,
    rate_limits: Option<Server>,
    resources: Resources,
    address: SocketAddr,
    admin: Admin,
}

impl EnvoyGateway {
    /// Pushes ai-gateway's image, starts the control plane on the router's manifests, and waits until a request through the gateway was
    /// answered. Everything it writes goes into `directory`, which has to be empty or absent; the router's `listen` names the port, its
    /// `modules` the built filters, and its `ca_bundle` what stands at the system's place. Keys are variables of
    /// Envoy's environment with their values.
    ///
    /// # Errors
    /// When something is missing or taken, or the control plane or Envoy does not come up.
    pub async fn start(
        router: &LlmRouter,
        keys: &[(&str, &str)],
        binary: &Binary,
        directory: &Path,
    ) -> Result<Self, Failure> {
        Self::start_beside(router, keys, binary, directory, Beside::default()).await
    }

    /// The same with something beside the router.
    ///
    /// # Errors
    /// As [`start`](Self::start), and when the rate limit service does not come up.
    pub async fn start_beside(
        router: &LlmRouter,
        keys: &[(&str, &str)],
        binary: &Binary,
        directory: &Path,
        beside: Beside,
    ) -> Result<Self, Failure> {
        let program = std::env::var_os(VARIABLE)
            .map(PathBuf::from)
            .ok_or_else(|| Failure::new(format!("{VARIABLE} names no Envoy Gateway"), "make gateway"))?;
        require_namespaces().await?;
        let rate_limits = beside.redis.map(|_| (CONTROL_PLANE_PORT, "the rate limit service"));
        for (port, purpose) in FIXED_PORTS.into_iter().chain(rate_limits) {
            port::require_free(Ipv4Addr::UNSPECIFIED, port, "PORT").map_err(|failure| {
                Failure::new(
                    format!("{} (Envoy Gateway has no other for {purpose})", failure.what()),
                    "stop what listens there; one Envoy Gateway runs on a machine at a time",
                )
            })?;
        }
        let place = Place::new(directory).map_err(|error| {
            Failure::new(
                format!("cannot write {}: {error}", directory.display()),
                "check the directory's owner and the disk's free space",
            )
        })?;

        let registry = Registry::start(&place.directory).await?;
        let module = Path::new(router.modules.gateway.as_str());
        let gateway = GatewayApi {
            gateway_image: registry.push(module, &place.directory).await?,
            infrastructure: Infrastructure::Host { envoy: binary.version.clone() },
            router: router.clone(),
        };
        gateway.check().map_err(|problems| {
            let all = problems.iter();
            let (what, hints): (Vec<_>, Vec<_>) =
                all.map(|(_, problem)| (problem.to_string(), problem.hint())).unzip();
            Failure::new(what.join("; "), hints.join("; "))
        })?;
        certificates(&program, &place).await?;
        let unwritable = |error: io::Error| {
            Failure::new(
                format!("cannot prepare {}: {error}", place.directory.display()),
                "check the disk's free space",
            )
        };
        let resources = Resources::new(place.at("resources")).map_err(unwritable)?;
        let view = place.prepare(&gateway, binary, &resources, &beside).map_err(unwritable)?;
        let manifests = manifests(&gateway);
        let files = match beside.arrange {
            Some(arrange) => arrange(manifests),
            None => vec![("manifests.yaml".to_owned(), manifests)],
        };
        for (name, text) in files {
            resources.put(&name, &text).map_err(unwritable)?;
        }
        let held = beside.redis.map(|redis| Held::new().map(|held| (held, redis))).transpose()?;

        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, router.listen.port()));
        let mut command = view.command(&program);
        command.args(["server", "--config-path"]).arg(place.settings());
        command.env_clear().env("HOME", &place.directory);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(keys.iter().copied());
        let answers = async || {
            let reply = http::get(address, "/v1/models", Duration::from_secs(5)).await;
            // Without ai-gateway's filter in the way nobody answers, or the provider does.
            reply.is_ok_and(|reply| reply.status == 200) && place.admin().is_some()
        };
        let server =
            Server::start_within(READY_WITHIN, "envoy-gateway", &mut command, &place.directory, answers);
        // It would go on without any manifest, and nobody would ever answer.
        let refused = place.refused("envoy-gateway.log");
        let control_plane = tokio::select! {
            server = server => server.map_err(|failure| place.explained(failure))?,
            said = refused => return Err(Failure::new(format!("Envoy Gateway reads no manifests: {said}"), "mend them")),
        };
        let admin = place.admin().ok_or_else(|| {
            Failure::new("Envoy's admin interface is not where it was", "is somebody removing files?")
        })?;
        let rate_limits = match held {
            Some((held, redis)) => {
                let certificates = place.at("config/certs/envoy-rate-limit");
                Some(held.start(&view, &certificates, redis, &place.directory).await?)
            }
            None => None,
        };
        Ok(Self { control_plane, registry, rate_limits, resources, address, admin: Admin::new(admin) })
    }

    /// The manifests that it reads.
    pub const fn resources(&self) -> &Resources {
        &self.resources
    }

    /// What it says of each resource that it gave a status.
    pub fn statuses(&self) -> BTreeMap<Resource, Value> {
        status::statuses(&self.log())
    }

    /// Where clients connect.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The admin interface of the Envoy.
    pub const fn admin(&self) -> Admin {
        self.admin
    }

    /// The file with the control plane's log, which also has what Envoy says of itself and of requests.
    pub fn log_path(&self) -> &Path {
        self.control_plane.log_path()
    }

    /// What that file says so far.
    pub fn log(&self) -> String {
        read(self.log_path())
    }

    /// The control plane's last lines, in one.
    pub fn last_words(&self) -> String {
        self.control_plane.log_tail()
    }

    /// Waits until the control plane ends by itself, which nobody wants.
    ///
    /// # Errors
    /// When the system cannot say.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.control_plane.wait().await
    }

    /// Ends the control plane, and with it Envoy, and the registry.
    ///
    /// # Errors
    /// When the system cannot.
    pub async fn stop(self) -> Result<(), Failure> {
        if let Some(rate_limits) = self.rate_limits {
            rate_limits.stop().await?;
        }
        self.control_plane.stop().await?;
        self.registry.stop().await
    }
}

/// The directory of a run.
struct Place {
    directory: PathBuf,
}

impl Place {
    fn new(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { directory: directory.canonicalize()? })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn settings(&self) -> PathBuf {
        self.at("envoy-gateway.json")
    }

    fn certs(&self) -> PathBuf {
        self.at("config/certs/envoy")
    }

    /// Everything that the control plane reads, and its view of the machine.
    fn prepare(
        &self,
        gateway: &GatewayApi,
        binary: &Binary,
        resources: &Resources,
        beside: &Beside,
    ) -> io::Result<View> {
        resources.put("certificate.json", &self.client_certificate()?.to_string())?;
        let mut configuration = self.configuration(resources.directory(), port::free()?);
        if let Some(redis) = beside.redis {
            // It is told to nobody but the service, which is started with the same address; an address without a name is refused.
            let url = format!("localhost:{}", redis.port());
            let service = json!({"backend": {"type": "Redis", "redis": {"url": url}}});
            configuration.as_object_mut().map(|it| it.insert("rateLimit".to_owned(), service));
        }
        fs::write(self.settings(), configuration.to_string())?;
        // Where it looks for the version that the manifests name, before it would fetch it.
        let versions = self.at("data/envoy-versions").join(&binary.version).join("bin");
        fs::create_dir_all(&versions)?;
        symlink(binary.path.canonicalize()?, versions.join("envoy"))?;
        let module = self.at("ai-provider");
        fs::create_dir_all(&module)?;
        fs::copy(gateway.router.modules.provider.as_str(), module.join("plugin.wasm"))?;
        let verified = gateway.router.providers.iter().any(|it| it.base_url.scheme() == Scheme::Https);
        let bundle = verified.then(|| PathBuf::from(gateway.router.ca_bundle.as_str()));
        let bundle = bundle.map(|bundle| bundle.canonicalize()).transpose()?;
        View::new(&self.directory, &gateway.names(), self.certs(), module, bundle)
    }

    /// The certificate that Envoy shows the control plane when it fetches the module. A cluster has it as a Secret.
    fn client_certificate(&self) -> io::Result<Value> {
        let file = |name: &str| fs::read(self.certs().join(name)).map(|bytes| Base64::encode_string(&bytes));
        Ok(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "envoy", "namespace": "envoy-gateway-system"},
            "type": "kubernetes.io/tls",
            "data": {"tls.crt": file("tls.crt")?, "tls.key": file("tls.key")?, "ca.crt": file("ca.crt")?},
        }))
    }

    fn configuration(&self, resources: &Path, admin_port: u16) -> Value {
        json!({
            "apiVersion": "gateway.envoyproxy.io/v1alpha1",
            "kind": "EnvoyGateway",
            "gateway": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
            "provider": {
                "type": "Custom",
                "custom": {
                    "resource": {"type": "File", "file": {"paths": [resources]}},
                    "infrastructure": {
                        "type": "Host",
                        "host": {
                            "configHome": self.at("config"),
                            "dataHome": self.at("data"),
                            "stateHome": self.at("state"),
                            "runtimeDir": self.at("runtime"),
                        },
                    },
                },
            },
            "extensionApis": {"enableBackend": true, "enableEnvoyPatchPolicy": true},
            "admin": {"address": {"host": "127.0.0.1", "port": admin_port}},
            // Its own metrics would take one more port.
            "telemetry": {"metrics": {"prometheus": {"disable": true}}},
        })
    }

    /// Where the Envoy of this run leaves its logs.
    fn run(&self) -> PathBuf {
        newest(&self.at("state/envoy-runs")).unwrap_or_else(|| self.at("state/envoy-runs"))
    }

    fn admin(&self) -> Option<SocketAddr> {
        let file = newest(&self.at("runtime"))?.join("admin-address.txt");
        fs::read_to_string(file).ok()?.trim().parse().ok()
    }

    /// Waits until that log says that the manifests are not read; the line that says so.
    async fn refused(&self, log: &str) -> String {
        loop {
            let said = read(&self.at(log));
            if let Some(line) = said.lines().find(|line| line.contains("failed to reload resources")) {
                return line.to_owned();
            }
            time::sleep(POLL).await;
        }
    }

    /// The same failure with what Envoy says, which the control plane's log does not have.
    fn explained(&self, failure: Failure) -> Failure {
        let log = read(&self.run().join("stderr.log"));
        let said: Vec<&str> =
            log.lines().filter(|line| line.contains("[error]") || line.contains("[critical]")).collect();
        match said.last() {
            Some(line) => Failure::new(format!("{}; Envoy says: {line}", failure.what()), failure.hint()),
            None => failure,
        }
    }
}

/// Makes the certificates by which the control plane and Envoy know each other.
async fn certificates(program: &Path, place: &Place) -> Result<(), Failure> {
    let mut command = Command::new(program);
    command.args(["certgen", "--local", "--config-home"]).arg(place.at("config"));
    command.env_clear().env("HOME", &place.directory).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| {
        Failure::new(format!("{} does not start: {error}", program.display()), "make gateway builds it")
    })?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Failure::new(
            format!("Envoy Gateway makes no certificates: {said}"),
            "check the disk's free space",
        ))
    }
}

/// The directory in that one which was made last, by its name: the names are times.
fn newest(directory: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(directory).ok()?;
    entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| path.is_dir()).max()
}

fn read(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
