//! One shape's Envoy and the scripted providers behind it.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ai_filters::render::{self, FilePath, LlmRouter, Modules};
use lab::Failure;
use lab::engine::Engine;
use lab::envoy::{Binary, Envoy, locate};
use lab::gateway::EnvoyGateway;
use mock_llm::{CertificateAuthority, Listen, MockProvider, ProviderKind, ServerIdentity};
use tempfile::TempDir;

use crate::canary;
use crate::identities;
use crate::problems::Problems;
use crate::shape::{ANTHROPIC_HOST, OPENAI_HOST, Ports, Shape};

/// What in Envoy's log says that a filter died or a host call was wrong.
pub(crate) const CRASHES: [&str; 4] =
    ["[critical]", "Uncaught RuntimeError", "panicked at", "envoy bug failure"];

/// How long a row waits at most for its line in the access log.
const FLUSHED_EVERY: Duration = Duration::from_millis(200);

/// A running shape. Envoy ends with it.
pub struct Stand {
    /// Which shape.
    pub shape: Shape,
    /// The first provider.
    pub openai: MockProvider,
    /// The second.
    pub anthropic: MockProvider,
    /// Where clients connect.
    pub address: SocketAddr,
    /// The Envoy, and what started it.
    pub envoy: Engine,
    authority: CertificateAuthority,
    /// How much of the log earlier rows have looked through.
    log_seen: AtomicUsize,
    _directory: TempDir,
}

/// What every stand needs to be there.
#[derive(Clone, Debug)]
pub struct Equipment {
    /// The Envoy to run.
    pub binary: Binary,
    /// The built filters.
    pub modules: Modules,
}

impl Equipment {
    /// Finds both.
    ///
    /// # Errors
    /// With one line and a hint when one is missing.
    pub async fn find() -> Result<Self, Failure> {
        let directory = match env::var_os("AI_FILTERS_WASM_DIR") {
            Some(directory) if !directory.is_empty() => PathBuf::from(directory),
            _ => lab::paths::filters(),
        };
        let built = |name: &str| {
            let path = directory.join(name);
            let missing = || Failure::new(format!("{} was not built", path.display()), "make wasm");
            let file = path.canonicalize().map_err(|_| missing())?;
            file.to_str().and_then(|file| file.parse::<FilePath>().ok()).ok_or_else(missing)
        };
        let modules = Modules { gateway: built("ai_gateway.wasm")?, provider: built("ai_provider.wasm")? };
        Ok(Self { binary: locate().await?, modules })
    }
}

impl Equipment {
    /// The same with a module of `make mutants` in the place of ai-gateway.
    ///
    /// # Errors
    /// With one line and a hint when it was not built.
    pub fn with_mutant(&self, name: &str) -> Result<Self, Failure> {
        let path = lab::paths::target().join("mutants").join(format!("{name}.wasm"));
        let missing = || Failure::new(format!("{} was not built", path.display()), "make mutants");
        let file = path.canonicalize().map_err(|_| missing())?;
        let gateway = file.to_str().and_then(|file| file.parse().ok()).ok_or_else(missing)?;
        Ok(Self { modules: Modules { gateway, ..self.modules.clone() }, ..self.clone() })
    }
}

impl Stand {
    /// Starts the providers, then Envoy in front of them.
    ///
    /// # Errors
    /// When Envoy refuses its configuration or does not come up.
    pub async fn start(shape: Shape, equipment: &Equipment) -> Result<Self, Failure> {
        Self::start_with(shape, equipment, 1, |_| {}).await
    }

    /// The same with so many workers and something of it changed.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(
        shape: Shape,
        equipment: &Equipment,
        workers: u32,
        change: impl FnOnce(&mut LlmRouter),
    ) -> Result<Self, Failure> {
        Self::arranged(shape, equipment, workers, change, |bootstrap, _| bootstrap).await
    }

    /// The same with something of the rendered bootstrap arranged anew; files for it go into that directory.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn arranged(
        shape: Shape,
        equipment: &Equipment,
        workers: u32,
        change: impl FnOnce(&mut LlmRouter),
        arrange: impl FnOnce(String, &Path) -> String,
    ) -> Result<Self, Failure> {
        let authority = CertificateAuthority::new();
        let directory = tempfile::Builder::new().prefix("scenario-").tempdir().expect("a scratch directory");
        let bundle = directory.path().join("ca.pem");
        fs::write(&bundle, authority.pem()).expect("a file in the scratch directory");
        let openai = provider(ProviderKind::OpenAi, shape, authority.issue([OPENAI_HOST])).await;
        let anthropic = provider(ProviderKind::Anthropic, shape, authority.issue([ANTHROPIC_HOST])).await;
        let ports = Ports { openai: openai.address().port(), anthropic: anthropic.address().port() };
        let bundle = bundle.to_str().and_then(|path| path.parse().ok()).expect("a plain path");
        let mut router = shape.router(ports, bundle, equipment.modules.clone());
        change(&mut router);
        let (envoy, address) = if shape.is_envoy_gateway() {
            // Its listener has a Service in a cluster: the port has to be known.
            router.listen.set_port(lab::port::free().expect("a free port"));
            let gateway = EnvoyGateway::start(&router, &keys(), &equipment.binary, directory.path()).await?;
            let address = gateway.address();
            (Engine::Gateway(Box::new(gateway)), address)
        } else {
            let bootstrap = arrange(render::bootstrap(&router), directory.path());
            let envoy = envoy_of(equipment, bootstrap);
            let envoy = envoy.directory(directory.path()).concurrency(workers).start().await?;
            let address = envoy.address().expect("a listener");
            (Engine::Envoy(Box::new(envoy)), address)
        };
        let log_seen = AtomicUsize::new(0);
        Ok(Self { shape, openai, anthropic, address, envoy, authority, log_seen, _directory: directory })
    }

    /// Forgets the row before.
    pub fn clear(&self) {
        for provider in [&self.openai, &self.anthropic] {
            provider.clear();
            provider.set_accept(mock_llm::Accept::Serve);
            provider.set_strictness(mock_llm::Strictness::AsTheRealApi);
        }
    }

    /// A certificate for that host that the gateway trusts.
    pub fn certificate(&self, host: &str) -> ServerIdentity {
        self.authority.issue([host])
    }

    /// Whether Envoy and its filters are as alive as before: nothing new in the log that says otherwise, and no VM was replaced.
    pub async fn health(&self, problems: &mut Problems) {
        let log = self.envoy.log();
        let seen = self.log_seen.swap(log.len(), Ordering::Relaxed);
        for line in log.get(seen..).unwrap_or_default().lines() {
            if CRASHES.iter().any(|crash| line.contains(crash)) {
                problems.add(format!("Envoy's log: {line}"));
            }
        }
        match self.envoy.admin().stats("vm_reload|vm_failed|envoy_bug_failures").await {
            Ok(stats) => {
                for (name, count) in stats.into_iter().filter(|(_, count)| *count > 0) {
                    problems.add(format!("Envoy counts {name}: {count}"));
                }
            }
            Err(error) => problems.add(format!("Envoy's admin does not answer: {error}")),
        }
    }
}

impl Stand {
    /// Stops Envoy; its complete log, with that of its control plane where it has one.
    pub async fn stop(self) -> String {
        let path = self.envoy.log_path();
        // That it had to be killed is no news for a log.
        let _ = self.envoy.stop().await;
        fs::read(path).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }
}

/// That router's Envoy with both keys in its environment, and the filters' debug log.
pub fn envoy(equipment: &Equipment, router: &LlmRouter) -> Envoy {
    envoy_of(equipment, render::bootstrap(router))
}

/// The same with that bootstrap.
pub(crate) fn envoy_of(equipment: &Equipment, bootstrap: String) -> Envoy {
    let envoy = Envoy::new(&equipment.binary, bootstrap).log_level("wasm:debug").flushed_every(FLUSHED_EVERY);
    keys().into_iter().fold(envoy, |envoy, (name, key)| envoy.env(name, key))
}

pub(crate) fn keys() -> [(&'static str, &'static str); 2] {
    [("OPENAI_API_KEY", canary::OPENAI_KEY.as_str()), ("ANTHROPIC_API_KEY", canary::ANTHROPIC_KEY.as_str())]
}

/// A scripted provider as that shape reaches it, which knows its own key and forbids the client's.
pub(crate) async fn provider(kind: ProviderKind, shape: Shape, identity: ServerIdentity) -> MockProvider {
    let listen = Listen::tls(identity);
    let listen = if shape.upstream_http2() { listen.with_http2() } else { listen };
    let provider = MockProvider::start(kind, listen).await.expect("a port on loopback");
    provider.expect_key(match kind {
        ProviderKind::OpenAi => canary::OPENAI_KEY.as_str(),
        ProviderKind::Anthropic => canary::ANTHROPIC_KEY.as_str(),
    });
    provider.forbid(canary::CLIENT_KEY.as_str());
    for (_, credential) in identities::credentials() {
        provider.forbid(credential);
    }
    provider
}
