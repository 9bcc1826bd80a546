//! The whole stand: providers, Envoy with both filters in front of them, and the moment from which it answers.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ai_filters::render::{
    self, EnvoyVersion, Fallback, FilePath, LlmRouter, ModelName, Modules, Provider, Scheme,
};
use config::Redacted;
use mock_llm::{CertificateAuthority, Control, Listen, MockProvider, ProviderKind};
use tokio::time::{self, Instant};

use crate::engine::Engine;
use crate::envoy::{Binary, Envoy, Running};
use crate::gateway::EnvoyGateway;
use crate::settings::{Providers, Real, Settings};
use crate::{Failure, ca, http, paths, port};

/// From "Envoy is live" to "the filters answer" it is milliseconds; the rest is for a busy machine.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
const LOOPBACK: &str = "is the loopback interface up, and a port free?";

/// A gateway that answers, and the providers behind it.
pub struct Stand {
    /// The Envoy with both filters, and what started it.
    pub envoy: Engine,
    /// Where clients connect.
    pub address: SocketAddr,
    /// The model that clients ask for.
    pub model: String,
    /// The scripted providers, where those answer.
    pub scripted: Option<Scripted>,
}

/// The scripted providers. They serve until they are dropped.
pub struct Scripted {
    /// The first.
    pub openai: Arc<MockProvider>,
    /// The second.
    pub anthropic: Arc<MockProvider>,
    /// Where a person breaks them and sees what they saw.
    pub control: Control,
}

/// What starts Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// This program, on a rendered bootstrap.
    Envoy,
    /// A real Envoy Gateway, on rendered manifests.
    EnvoyGateway,
}

/// What Envoy is about to be started with.
struct Plan {
    providers: Vec<Provider>,
    keys: Vec<(&'static str, Redacted<String>)>,
    ca_bundle: Option<PathBuf>,
    scripted: Option<Scripted>,
}

impl Stand {
    /// Starts what the settings ask for; returns once a request through the gateway was answered.
    ///
    /// Envoy's bootstrap, its log and the scripted providers' CA certificate go into `directory`.
    ///
    /// # Errors
    /// When a port is busy, something that was built or fetched is missing, Envoy refuses its configuration, or nothing answers.
    pub async fn start(
        settings: &Settings,
        deployment: Deployment,
        binary: &Binary,
        directory: &Path,
    ) -> Result<Self, Failure> {
        let modules = modules()?;
        let port = chosen(settings.port, "PORT")?;
        let admin_port = match deployment {
            Deployment::Envoy => chosen(settings.admin_port, "ADMIN_PORT")?,
            // Envoy Gateway lets the system choose.
            Deployment::EnvoyGateway => 0,
        };
        fs::create_dir_all(directory).map_err(|error| unwritable(directory, &error))?;
        let plan = Plan::of(settings, directory).await?;

        let mut router = LlmRouter {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            admin_port,
            providers: plan.providers,
            limits: settings.limits,
            budgets: render::token_budgets(settings.tokens.per_day, settings.tokens.per_minute),
            modules,
            ..LlmRouter::default()
        };
        if let Some(bundle) = &plan.ca_bundle {
            router.ca_bundle = file_path(bundle)?;
        }
        router.fallback = fallback(binary);
        router.envoy = version(binary).unwrap_or_default();
        router.check().map_err(|problems| {
            let hints: Vec<_> = problems.iter().map(|(_, problem)| problem.hint()).collect();
            let words: Vec<_> =
                problems.iter().map(|(place, problem)| format!("{place}: {problem}")).collect();
            Failure::new(words.join("; "), hints.join("; "))
        })?;

        let address = router.listen;
        let envoy = match deployment {
            Deployment::Envoy => {
                let mut envoy = Envoy::new(binary, render::bootstrap(&router)).directory(directory);
                for (name, key) in &plan.keys {
                    envoy = envoy.env(*name, key.reveal());
                }
                let envoy = envoy.start().await?;
                answers(address, &envoy).await?;
                Engine::Envoy(Box::new(envoy))
            }
            Deployment::EnvoyGateway => {
                let keys: Vec<_> =
                    plan.keys.iter().map(|(name, key)| (*name, key.reveal().as_str())).collect();
                let gateway = EnvoyGateway::start(&router, &keys, binary, directory).await?;
                Engine::Gateway(Box::new(gateway))
            }
        };
        Ok(Self { envoy, address, model: router.model.as_str().to_owned(), scripted: plan.scripted })
    }

    /// Ends everything that was started.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub async fn stop(self) -> io::Result<()> {
        self.envoy.stop().await
    }
}

impl Plan {
    async fn of(settings: &Settings, directory: &Path) -> Result<Self, Failure> {
        match &settings.providers {
            Providers::Scripted { openai, anthropic } => Self::scripted(openai, anthropic, directory).await,
            Providers::Real(real) => {
                let verified = real.iter().any(|real| real.provider.base_url.scheme() == Scheme::Https);
                Ok(Self {
                    providers: real.iter().map(|Real { provider, .. }| provider.clone()).collect(),
                    keys: real.iter().map(|Real { key, .. }| key.clone()).collect(),
                    ca_bundle: verified.then(|| ca::bundle(settings.ca_bundle.as_deref())).transpose()?,
                    scripted: None,
                })
            }
        }
    }

    /// Both behind TLS that only their own certificate authority vouches for, so that the way there is the real one.
    async fn scripted(openai: &Provider, anthropic: &Provider, directory: &Path) -> Result<Self, Failure> {
        let authority = CertificateAuthority::new();
        let bundle = directory.join("scripted-providers-ca.pem");
        fs::write(&bundle, authority.pem()).map_err(|error| unwritable(&bundle, &error))?;
        let listen = || Listen::tls(authority.issue(["localhost"])).with_http2();
        let scripted = {
            let openai = provider(ProviderKind::OpenAi, &openai.model, listen()).await?;
            let anthropic = provider(ProviderKind::Anthropic, &anthropic.model, listen()).await?;
            let control = Control::start(
                SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                vec![Arc::clone(&openai), Arc::clone(&anthropic)],
            )
            .await
            .map_err(|error| {
                Failure::new(format!("the control endpoint does not start: {error}"), LOOPBACK)
            })?;
            Scripted { openai, anthropic, control }
        };
        let at = |provider: &Provider, address: SocketAddr, path: &str| -> Result<Provider, Failure> {
            let url = format!("https://localhost:{}{path}", address.port());
            let base_url = url
                .parse()
                .map_err(|problem: render::Problem| Failure::new(problem.to_string(), problem.hint()))?;
            Ok(Provider { base_url, ..provider.clone() })
        };
        Ok(Self {
            providers: vec![
                at(openai, scripted.openai.address(), "/v1")?,
                at(anthropic, scripted.anthropic.address(), "")?,
            ],
            keys: vec![
                ("OPENAI_API_KEY", Redacted::new(ProviderKind::OpenAi.default_key().to_owned())),
                ("ANTHROPIC_API_KEY", Redacted::new(ProviderKind::Anthropic.default_key().to_owned())),
            ],
            ca_bundle: Some(bundle),
            scripted: Some(scripted),
        })
    }
}

async fn provider(
    kind: ProviderKind,
    model: &ModelName,
    listen: Listen,
) -> Result<Arc<MockProvider>, Failure> {
    let provider = MockProvider::start(kind, listen).await.map_err(|error| {
        Failure::new(format!("the scripted {} does not start: {error}", kind.name()), LOOPBACK)
    })?;
    provider.accept_model(model.as_str());
    Ok(Arc::new(provider))
}

/// The built filters.
///
/// # Errors
/// When one was not built.
pub fn modules() -> Result<Modules, Failure> {
    let built = |name: &str| {
        let path = paths::filters().join(name);
        if path.is_file() {
            file_path(&path)
        } else {
            Err(Failure::new(format!("{} was not built", path.display()), "make wasm"))
        }
    };
    Ok(Modules { gateway: built("ai_gateway.wasm")?, provider: built("ai_provider.wasm")? })
}

fn file_path(path: &Path) -> Result<FilePath, Failure> {
    let odd = || {
        Failure::new(
            format!("{} cannot be named in a configuration", path.display()),
            "a path of plain text is needed",
        )
    };
    path.to_str().and_then(|path| path.parse().ok()).ok_or_else(odd)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        format!("cannot write {}: {error}", path.display()),
        "check the directory's owner and the disk's free space",
    )
}

/// That port if it is free, or any free one for 0.
fn chosen(port: u16, variable: &str) -> Result<u16, Failure> {
    if port == 0 {
        return port::free().map_err(|error| {
            Failure::new(format!("no free port: {error}"), format!("name one: {variable}=10000"))
        });
    }
    port::require_free(Ipv4Addr::LOCALHOST, port, variable)?;
    Ok(port)
}

fn version(binary: &Binary) -> Option<EnvoyVersion> {
    let mut parts = binary.version.split('.');
    match (parts.next(), parts.next()?.parse()) {
        (Some("1"), Ok(minor)) => Some(EnvoyVersion(minor)),
        _ => None,
    }
}

/// The shape of fallback that this Envoy has.
pub fn fallback(binary: &Binary) -> Fallback {
    match version(binary) {
        Some(version) if version < EnvoyVersion::PRIORITY_GROUP => Fallback::PreviousPriorities,
        _ => Fallback::PriorityGroup,
    }
}

/// Waits until a request has gone through the gateway's filter and back.
async fn answers(address: SocketAddr, envoy: &Running) -> Result<(), Failure> {
    let deadline = Instant::now().checked_add(ANSWERS_WITHIN);
    loop {
        let seen = match http::get(address, "/v1/models", Duration::from_secs(5)).await {
            Ok(reply) if reply.status == 200 => return Ok(()),
            Ok(reply) => format!("status {}", reply.status),
            Err(error) => error.to_string(),
        };
        if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            return Err(Failure::new(
                format!(
                    "the gateway does not answer GET /v1/models: {seen}; Envoy says: {}",
                    envoy.last_words()
                ),
                format!("its log: {}", envoy.log_path().display()),
            ));
        }
        time::sleep(Duration::from_millis(50)).await;
    }
}
