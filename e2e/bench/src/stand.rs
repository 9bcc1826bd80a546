//! The Envoys of a run: started together from configurations that differ in nothing but the filters.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ai_filters::render::{self, AccessLog, Auth, FilePath, LlmRouter, Modules, Provider};
use lab::Failure;
use lab::envoy::{Binary, Envoy, Running};
use mock_llm::ProviderKind;
use seam::names::metrics;
use serde_json::Value;

use crate::Error;
use crate::cpu::{self, Usage};
use crate::load::Pool;
use crate::machine::{self, Pinning};
use crate::run::Words;
use crate::upstream::Upstream;
use crate::variant::{ANTHROPIC_MODEL, CLIENT_MODEL, Look, OPENAI_MODEL, Variant};

/// The built filters.
#[derive(Clone, Debug)]
pub struct BuiltFilters {
    /// `ai_gateway.wasm`
    pub gateway: PathBuf,
    /// `ai_provider.wasm`
    pub provider: PathBuf,
}

/// One Envoy under test.
pub struct Subject {
    /// What stands in it.
    pub variant: Variant,
    /// The provider behind it.
    pub upstream: Upstream,
    /// Connections to it.
    pub pool: Pool,
    /// Whether its threads were bound to their core.
    pub bound: bool,
    envoy: Running,
}

impl BuiltFilters {
    /// The filters in that directory.
    ///
    /// # Errors
    /// When one is not there.
    pub fn in_directory(directory: &Path) -> Result<Self, Error> {
        let file = |name: &str| {
            let path = directory.join(name);
            if path.is_file() { Ok(path) } else { Err(Error::MissingFilter { path }) }
        };
        Ok(Self { gateway: file("ai_gateway.wasm")?, provider: file("ai_provider.wasm")? })
    }
}

impl Subject {
    /// Starts that Envoy with an upstream of its own.
    ///
    /// # Errors
    /// When Envoy refuses the configuration, or the system something.
    pub async fn start(
        variant: Variant,
        envoy: &Binary,
        filters: &BuiltFilters,
        pinning: Pinning,
    ) -> Result<Self, Error> {
        let upstream = Upstream::start().map_err(Error::system("starting an upstream"))?;
        let router = router(variant, upstream.address(), filters)
            .map_err(|problem| Failure::new(problem.to_string(), "this is the bench's own mistake"))?;
        let envoy = Envoy::new(envoy, render::bootstrap(&router))
            .log_level("error")
            .env("OPENAI_API_KEY", ProviderKind::OpenAi.default_key())
            .env("ANTHROPIC_API_KEY", ProviderKind::Anthropic.default_key())
            .concurrency(1)
            .start()
            .await?;
        let bound = machine::bind(envoy.pid(), pinning);
        let address = envoy
            .address()
            .ok_or_else(|| Failure::new("Envoy has no listener", format!("its log: {}", envoy.log())))?;
        Ok(Self { variant, upstream, pool: Pool::new(address), bound, envoy })
    }

    /// What the scheduler gave it so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn usage(&self) -> Result<Usage, Error> {
        cpu::usage(self.envoy.pid())
    }

    /// Memory that it has now, in KiB.
    ///
    /// # Errors
    /// When it is gone.
    pub fn resident_kib(&self) -> Result<u64, Error> {
        cpu::resident_kib(self.envoy.pid())
    }

    /// Makes sure that it did about every request's prompt what it is measured for, and nothing else.
    ///
    /// # Errors
    /// When it did not.
    pub async fn check_counting(&self, requests: u64) -> Result<(), Error> {
        let Some(counting) = self.variant.counting() else { return Ok(()) };
        let expected = match counting.every_request {
            Look::Ignored => (0, 0),
            Look::Bounded => (requests, 0),
            Look::Counted => (0, requests),
        };
        let stats = self.envoy.admin().stats("ai_gateway\\.prompts").await?;
        let sum = |name: &str| {
            stats.iter().filter(|(stat, _)| stat.contains(name)).map(|(_, number)| number).sum::<u64>()
        };
        let found = (sum(metrics::PROMPTS_BOUNDED), sum(metrics::PROMPTS_COUNTED));
        if found == expected {
            return Ok(());
        }
        Err(Error::Miscounted { variant: self.variant.name(), requests, expected, found })
    }

    /// The words that its filters have counted; `None` where they count none.
    ///
    /// # Errors
    /// When its statistics cannot be read.
    pub async fn words(&self) -> Result<Option<Words>, Error> {
        let stats = self.envoy.admin().stats("ai_gateway\\.words").await?;
        let sum = |name: &str| {
            stats.iter().filter(|(stat, _)| stat.contains(name)).map(|(_, number)| number).sum::<u64>()
        };
        let words =
            Words { counted: sum(metrics::WORDS_COUNTED), remembered: sum(metrics::WORDS_REMEMBERED) };
        Ok((words.counted > 0).then_some(words))
    }

    /// What it had to say: nothing below an error is logged.
    pub fn log(&self) -> String {
        self.envoy.log_tail(20)
    }

    /// Ends it.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub async fn stop(self) -> Result<(), Error> {
        self.envoy.stop().await.map(drop).map_err(Error::system("stopping Envoy"))
    }
}

/// The project's example with one provider, on plain HTTP and without an access log.
///
/// # Errors
/// When a value is none that Envoy or the filters would take.
pub fn router(
    variant: Variant,
    address: SocketAddr,
    filters: &BuiltFilters,
) -> Result<LlmRouter, render::Problem> {
    let provider = match variant.provider() {
        ProviderKind::OpenAi => Provider {
            base_url: format!("http://{address}/v1").parse()?,
            model: OPENAI_MODEL.parse()?,
            ..Provider::openai()
        },
        ProviderKind::Anthropic => Provider {
            base_url: format!("http://{address}").parse()?,
            model: ANTHROPIC_MODEL.parse()?,
            ..Provider::anthropic()
        },
    };
    debug_assert!(matches!(provider.auth, Auth::ApiKey(_)), "both real providers take a key");
    let module = |path: &Path| path.display().to_string().parse::<FilePath>();
    Ok(LlmRouter {
        listen: ([127, 0, 0, 1], 0).into(),
        admin_port: 0,
        model: CLIENT_MODEL.parse()?,
        providers: vec![provider],
        modules: Modules { gateway: module(&filters.gateway)?, provider: module(&filters.provider)? },
        filters: variant.filters(),
        access_log: AccessLog::Off,
        budgets: render::token_budgets(variant.budgets().0, variant.budgets().1),
        counting: variant
            .counting()
            .map(|counting| ("mode".to_owned(), Value::from(counting.mode)))
            .into_iter()
            .collect(),
        max_input_tokens: variant.counting().and_then(|counting| counting.max_input_tokens),
        ..LlmRouter::default()
    })
}
