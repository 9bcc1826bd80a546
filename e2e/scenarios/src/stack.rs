//! The stack around the router: a real Envoy Gateway on the committed manifests, the rate limit service with its Redis, and scripted services.
//!
//! One control plane serves every row, one after the other. Its manifests are the router's and those of [`PARTS`]; what of them is something
//! else here is listed in [`manifests`]. Services start by themselves: one for each that a manifest names.

pub mod client;
pub mod manifests;
pub mod service;
pub mod themes;

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ai_filters::render::LlmRouter;
use lab::Failure;
use lab::fleet::Redis;
use lab::gateway::{Beside, EnvoyGateway, File};
use mock_llm::{CertificateAuthority, MockProvider, ProviderKind};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{self, Instant};

use crate::problems::Problems;
use crate::shape::{ANTHROPIC_HOST, OPENAI_HOST, Ports, Shape};
use crate::stand::{self, Equipment};
use client::{Answer, Call};
use manifests::{Substitutes, Wanted};
use service::{Listen, Service};

/// The directories of committed manifests that are applied, under `envoy-configs/gateway-api`.
pub const PARTS: [&str; 1] = ["stack"];

/// A change reaches Envoy in a second; the rest is for a busy machine.
const APPLIED_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// What it says where a file went away while it read: it reads again at once.
const GONE: &str = "is not exist";
/// The host name of the scripted provider that no manifest of the router names.
const CANARY_HOST: &str = "eu.openai.localhost";
/// What the control plane says where a manifest is wrong: it goes on with what it had.
const NOT_READ: &str = "error when reload resources";
/// The host by which it is asked which manifests Envoy has.
const MARKER: &str = "generation.lab.internal";

/// Everything that runs. Dropping it ends it.
pub struct Stack {
    /// The first provider of the router.
    pub openai: MockProvider,
    /// The second.
    pub anthropic: MockProvider,
    /// One that has the first one's API and knows the same key; the router's own manifests do not name it.
    pub canary: MockProvider,
    /// Where the rate limit service counts.
    pub redis: Redis,
    /// The control plane and its Envoy.
    pub gateway: EnvoyGateway,
    cast: Arc<Cast>,
    generation: AtomicU64,
    log_seen: Mutex<usize>,
    _directory: TempDir,
}

/// Who stands in for what only a cluster has.
struct Cast {
    authority: CertificateAuthority,
    listeners: Mutex<BTreeMap<String, u16>>,
    services: Mutex<BTreeMap<String, Arc<Service>>>,
    secrets: Mutex<BTreeMap<String, Value>>,
    ports: Ports,
    canary: u16,
    /// The router's own manifests.
    router: Mutex<String>,
    files: Mutex<BTreeMap<String, Vec<Value>>>,
}

impl Stack {
    /// Starts everything and waits until Envoy has every manifest.
    ///
    /// # Errors
    /// When something is missing or does not come up.
    pub async fn start(equipment: &Equipment) -> Result<Self, Failure> {
        let shape = Shape::EnvoyGateway;
        let authority = CertificateAuthority::new();
        let directory = tempfile::Builder::new().prefix("stack-").tempdir().expect("a scratch directory");
        let bundle = directory.path().join("ca.pem");
        fs::write(&bundle, authority.pem()).expect("a file in the scratch directory");
        let openai = stand::provider(ProviderKind::OpenAi, shape, authority.issue([OPENAI_HOST])).await;
        let anthropic =
            stand::provider(ProviderKind::Anthropic, shape, authority.issue([ANTHROPIC_HOST])).await;
        let canary = stand::provider(ProviderKind::OpenAi, shape, authority.issue([CANARY_HOST])).await;
        let ports = Ports { openai: openai.address().port(), anthropic: anthropic.address().port() };
        let bundle = bundle.to_str().and_then(|path| path.parse().ok()).expect("a plain path");
        let mut router = shape.router(ports, bundle, equipment.modules.clone());
        router.listen.set_port(free_port());
        // As in the committed router. Each row has callers of its own.
        let LlmRouter { budgets, limits, max_body, aliases, .. } = LlmRouter::default();
        router = LlmRouter { budgets, limits, max_body, aliases, ..router };

        let redis = Redis::start(free_port(), directory.path()).await?;
        let files = PARTS.iter().flat_map(|part| manifests::committed(part));
        let files: BTreeMap<String, Vec<Value>> =
            files.map(|name| (name.clone(), manifests::resources(&manifests::text(&name)))).collect();
        let cast = Arc::new(Cast {
            authority,
            listeners: Mutex::new([("http".to_owned(), router.listen.port())].into()),
            services: Mutex::default(),
            secrets: Mutex::default(),
            ports,
            canary: canary.address().port(),
            router: Mutex::default(),
            files: Mutex::new(files),
        });
        cast.engage().await;
        let arranging = Arc::clone(&cast);
        let beside = Beside {
            arrange: Some(Box::new(move |router| {
                *lock(&arranging.router) = router;
                arranging.files()
            })),
            redis: Some(redis.address()),
        };
        let (keys, place) = (stand::keys(), directory.path().join("gateway"));
        let gateway = EnvoyGateway::start_beside(&router, &keys, &equipment.binary, &place, beside).await?;
        let stack = Self {
            openai,
            anthropic,
            canary,
            redis,
            gateway,
            cast,
            generation: AtomicU64::new(0),
            log_seen: Mutex::default(),
            _directory: directory,
        };
        stack.settled().await?;
        // While the module is still being fetched for one listener, Envoy says of the other that it has none, and tries again.
        *lock(&stack.log_seen) = stack.gateway.log().len();
        Ok(stack)
    }

    /// Forgets the row before.
    pub fn clear(&self) {
        for provider in [&self.openai, &self.anthropic, &self.canary] {
            provider.clear();
        }
        for service in lock(&self.cast.services).values() {
            service.clear();
        }
    }

    /// The scripted service at the place of that Service or Backend, `namespace/name`.
    pub fn service(&self, name: &str) -> Arc<Service> {
        let services = lock(&self.cast.services);
        services.get(name).cloned().unwrap_or_else(|| panic!("no manifest names {name}"))
    }

    /// The authority of every certificate of this run.
    pub fn authority(&self) -> &CertificateAuthority {
        &self.cast.authority
    }

    /// Where the Gateway's listener of that name is.
    pub fn listener(&self, name: &str) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.cast.listener(name)))
    }

    /// Calls the plain listener.
    pub async fn http(&self, call: &Call) -> Answer {
        self.try_http(call).await.unwrap_or_else(|error| panic!("{call:?}: {error}"))
    }

    /// The same, where a connection may fail.
    ///
    /// # Errors
    /// With why there is no answer.
    pub async fn try_http(&self, call: &Call) -> Result<Answer, String> {
        client::call(self.listener("http"), None, call).await
    }

    /// Calls the listener with TLS, and verifies who answers.
    pub async fn https(&self, call: &Call) -> Answer {
        self.try_https(call).await.unwrap_or_else(|error| panic!("{call:?}: {error}"))
    }

    /// The same, where a connection may fail.
    ///
    /// # Errors
    /// With why there is no answer.
    pub async fn try_https(&self, call: &Call) -> Result<Answer, String> {
        client::call(self.listener("https"), Some(&self.cast.authority.pem()), call).await
    }

    /// Sends these bytes to that host on the listener with TLS, and nothing after them; what is said until it is over.
    pub async fn https_raw(&self, host: &str, bytes: &[u8]) -> String {
        client::raw(self.listener("https"), &self.cast.authority.pem(), host, bytes).await
    }
}

/// Manifests that change.
impl Stack {
    /// Adds that file of manifests or puts it in the place of the one with its name, and waits until Envoy has it.
    ///
    /// # Panics
    /// When Envoy does not get it.
    pub async fn apply(&self, name: &str, text: &str) {
        lock(&self.cast.files).insert(name.to_owned(), manifests::resources(text));
        self.cast.engage().await;
        self.write();
        self.settled().await.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }

    /// Removes that file of manifests, and waits until Envoy has nothing of it.
    ///
    /// # Panics
    /// When Envoy keeps it.
    pub async fn remove(&self, name: &str) {
        lock(&self.cast.files).remove(name);
        // What it took the place of is there again before it is gone.
        self.write();
        self.gateway.resources().remove(&flat(name)).expect("a file that is there");
        self.settled().await.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }

    fn write(&self) {
        for (name, text) in self.cast.files() {
            self.gateway.resources().put(&name, &text).expect("the control plane's directory");
        }
    }

    /// Waits until Envoy has what is in the files now: the last of them is a redirect that says which generation this is.
    async fn settled(&self) -> Result<(), Failure> {
        let said_before = self.gateway.log().len();
        let generation = self.generation.fetch_add(1, Ordering::SeqCst);
        let here = format!("g{generation}.lab.internal");
        let marker = marker(&here).to_string();
        self.gateway.resources().put("generation.yaml", &marker).map_err(|error| {
            Failure::new(format!("cannot write a manifest: {error}"), "check the disk's free space")
        })?;
        let deadline = Instant::now() + APPLIED_WITHIN;
        let call = Call::get(MARKER, "/");
        loop {
            let answer = self.try_http(&call).await;
            if answer.is_ok_and(|answer| answer.header("location").contains(&here)) {
                return Ok(());
            }
            let said = self.gateway.log();
            let refused = said.get(said_before..).unwrap_or_default().lines().any(is_refusal);
            if refused || Instant::now() > deadline {
                return Err(Failure::new(
                    format!("Envoy does not get the manifests: {}", self.gateway.last_words()),
                    format!("the control plane's log: {}", self.gateway.log_path().display()),
                ));
            }
            time::sleep(POLL).await;
        }
    }
}

/// What must hold after every row.
impl Stack {
    /// Every resource that the control plane did not accept, and every one that it said nothing about although it should.
    pub fn unaccepted(&self) -> Problems {
        let mut problems = Problems::default();
        let said = self.gateway.statuses();
        let files = lock(&self.cast.files);
        let router = manifests::resources(&manifests::without(&lock(&self.cast.router), &files));
        for resource in files.values().flatten().chain(&router) {
            let (kind, namespace, name) = manifests::identity(resource);
            let Some(status) = said.get(&(kind.clone(), format!("{namespace}/{name}"))) else {
                problems.require(!HAVE_STATUS.contains(&kind.as_str()), || {
                    format!("{kind} {namespace}/{name} has no status")
                });
                continue;
            };
            for condition in conditions(status) {
                problems.require(is_good(condition), || format!("{kind} {namespace}/{name}: {condition}"));
            }
        }
        problems
    }

    /// Whether nothing in the logs says that a filter died, a manifest was not read, or a charge was lost.
    pub fn health(&self, problems: &mut Problems) {
        const TROUBLE: [&str; 2] = ["Invalid hits_addend", "rejected:"];
        let log = self.gateway.log();
        let mut seen = lock(&self.log_seen);
        for line in log.get(*seen..).unwrap_or_default().lines() {
            let trouble = stand::CRASHES.iter().chain(&TROUBLE).any(|trouble| line.contains(trouble));
            if trouble || is_refusal(line) {
                problems.add(format!("the log: {line}"));
            }
        }
        *seen = log.len();
    }

    /// Ends everything; the complete log of the control plane and its Envoy.
    pub async fn stop(self) -> String {
        let path = self.gateway.log_path().to_path_buf();
        // That something had to be killed is no news for a log.
        let _ = self.gateway.stop().await;
        let _ = self.redis.stop().await;
        fs::read(path).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }
}

/// Kinds that the control plane gives a status.
const HAVE_STATUS: [&str; 10] = [
    "Backend",
    "BackendTLSPolicy",
    "BackendTrafficPolicy",
    "ClientTrafficPolicy",
    "EnvoyExtensionPolicy",
    "EnvoyPatchPolicy",
    "GRPCRoute",
    "Gateway",
    "HTTPRoute",
    "SecurityPolicy",
];

/// All conditions in a status, wherever they are.
fn conditions(status: &Value) -> Vec<&Value> {
    match status {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| match member {
                Value::Array(items) if name == "conditions" => items.iter().collect(),
                member => conditions(member),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(conditions).collect(),
        _ => Vec::new(),
    }
}

/// Whether the control plane says there that it did not take a manifest.
fn is_refusal(line: &str) -> bool {
    line.contains(NOT_READ) && !line.contains(GONE)
}

/// Whether a condition says nothing bad. That a Gateway has no address is the cluster's concern, and here is none.
fn is_good(condition: &Value) -> bool {
    condition["status"] == "True" || condition["reason"] == "AddressNotAssigned"
}

fn marker(here: &str) -> Value {
    let redirect = json!({"hostname": here, "statusCode": 302});
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "generation", "namespace": "default"},
        "spec": {
            "parentRefs": [{"name": "ai"}],
            "hostnames": [MARKER],
            "rules": [{"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}],
        },
    })
}

/// A file's name where there are no directories.
fn flat(name: &str) -> String {
    name.replace('/', "-")
}

impl Cast {
    /// Starts the services that the manifests name and that do not run yet.
    async fn engage(&self) {
        let wanted = manifests::wanted(&lock(&self.files));
        for Wanted { name, tls, mutual } in wanted {
            if lock(&self.services).contains_key(&name) {
                continue;
            }
            let listen = match tls {
                None => Listen::Plain,
                Some(host) if mutual => service::mutual_tls(&self.authority, &host),
                Some(host) => service::tls(&self.authority, &host),
            };
            let short = name.rsplit('/').next().unwrap_or_default();
            let service = Service::start(short, listen).await;
            lock(&self.services).insert(name, Arc::new(service));
        }
    }

    fn listener(&self, name: &str) -> u16 {
        *lock(&self.listeners).entry(name.to_owned()).or_insert_with(free_port)
    }

    /// Everything that the control plane reads.
    fn files(&self) -> Vec<File> {
        let services: BTreeMap<String, u16> =
            lock(&self.services).iter().map(|(name, it)| (name.clone(), it.address().port())).collect();
        let service = |name: &str| services.get(name).copied().unwrap_or_else(|| panic!("{name} runs"));
        let listener = |name: &str| self.listener(name);
        let provider = |host: &str| match host {
            "api.openai.com" => (OPENAI_HOST, self.ports.openai),
            "api.anthropic.com" => (ANTHROPIC_HOST, self.ports.anthropic),
            "eu.api.openai.com" => (CANARY_HOST, self.canary),
            _ => panic!("no provider stands in for {host}"),
        };
        let secret = |certificate: &Value| {
            let (_, namespace, name) = manifests::identity(certificate);
            let mut secrets = lock(&self.secrets);
            let made = secrets.entry(format!("{namespace}/{name}"));
            made.or_insert_with(|| manifests::secret(certificate, &self.authority)).clone()
        };
        let by =
            Substitutes { listeners: &listener, services: &service, providers: &provider, secrets: &secret };
        let committed = lock(&self.files);
        let declared: Vec<String> = committed
            .values()
            .flatten()
            .map(manifests::identity)
            .filter(|(kind, ..)| kind == "Backend")
            .map(|(_, namespace, name)| format!("{namespace}/{name}"))
            .collect();
        let mut files: Vec<File> = committed
            .iter()
            .map(|(name, resources)| (flat(name), manifests::substituted(resources, &by)))
            .collect();
        let others = services.into_iter().filter(|(name, _)| !declared.contains(name));
        files.push(("services.yaml".to_owned(), manifests::backends(others)));
        files.push(("llm-router.yaml".to_owned(), manifests::without(&lock(&self.router), &committed)));
        files.retain(|(_, text)| !text.is_empty());
        files
    }
}

fn free_port() -> u16 {
    lab::port::free().expect("a free port")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
