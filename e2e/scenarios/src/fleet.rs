//! A fleet: gateways that share one budget through the real rate limit service and a real Redis.
//!
//! Two gateways go on without the service, as the committed configuration does, and a third one refuses. All have the same providers
//! and the same service, so what one of them charges the others must see. [`stories`] is what is told of them, one after the other, since
//! some stop what the others need. Each has callers of its own, so nothing has to be cleared in between.

pub mod recorder;
pub mod stories;

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ai_filters::render::{Budget, FilePath, GlobalBudget, Limits, LlmRouter, OnFailure, Refunds, Window};
use lab::Failure;
use lab::envoy::Running;
use lab::fleet::{RateLimitService, Redis};
use mock_llm::{CertificateAuthority, MockProvider, ProviderKind};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{self, Instant};

use crate::canary;
use crate::problems::Problems;
use crate::shape::{ANTHROPIC_HOST, OPENAI_HOST, Ports, Shape};
use crate::stand::{self, Equipment};

/// What a caller has in an hour: few enough that a handful of requests use it up.
pub const PER_HOUR: u64 = 300;
/// What a caller has in a day.
pub const PER_DAY: u64 = 5_000;

/// A story waits until an hour is over that has less than this left: its numbers are of one window. Some start an Envoy of their own.
const LEFT_OF_THE_HOUR: u64 = 180;
/// A charge reaches Redis after the client has its answer; this long is only waited where it does not come.
const CHARGED_WITHIN: Duration = Duration::from_secs(20);
/// Longer than any answer here is held: how long providers may take is not what these stories are about.
const LONG: &str = "60s";

/// The whole of it. Everything ends with it.
pub struct Fleet {
    /// The first provider.
    pub openai: MockProvider,
    /// The second.
    pub anthropic: MockProvider,
    /// Two gateways that serve while the service does not answer.
    pub gateways: [Running; 2],
    /// One that refuses.
    pub strict: Running,
    /// Where the service is.
    pub service_port: u16,
    redis: Option<Redis>,
    service: Option<RateLimitService>,
    redis_port: u16,
    /// What the service reads.
    service_config: String,
    /// What every gateway of this fleet begins as.
    router: LlmRouter,
    equipment: Equipment,
    directory: TempDir,
}

impl Fleet {
    /// Starts everything.
    ///
    /// # Errors
    /// When something is missing or does not come up.
    pub async fn start(equipment: &Equipment) -> Result<Self, Failure> {
        let directory = tempfile::Builder::new().prefix("fleet-").tempdir().expect("a scratch directory");
        let port = || lab::port::free().expect("a free port");
        let (redis_port, service_port) = (port(), port());
        let authority = CertificateAuthority::new();
        let bundle = directory.path().join("ca.pem");
        fs::write(&bundle, authority.pem()).expect("a file in the scratch directory");
        let shape = Shape::Groups;
        let openai = stand::provider(ProviderKind::OpenAi, shape, authority.issue([OPENAI_HOST])).await;
        let anthropic =
            stand::provider(ProviderKind::Anthropic, shape, authority.issue([ANTHROPIC_HOST])).await;
        let ports = Ports { openai: openai.address().port(), anthropic: anthropic.address().port() };
        let bundle: FilePath = bundle.to_str().and_then(|path| path.parse().ok()).expect("a plain path");

        let budget = |on_failure| budget(service_port, on_failure, Refunds::None);
        let service_config = ai_filters::render::service_config(&budget(OnFailure::Serve));
        let redis = Redis::start(redis_port, directory.path()).await?;
        let service =
            RateLimitService::start(service_port, redis.address(), &service_config, directory.path()).await?;
        let counting = [("mode".to_owned(), json!("exact"))].into_iter().collect();
        let long = || LONG.parse().expect("a time limit");
        // What a gateway may let in by itself is the concern of one story alone.
        let router = LlmRouter {
            counting,
            limits: Limits { first_byte: long(), idle: long(), answer: long(), total: long() },
            budgets: serde_json::Map::new(),
            ..shape.router(ports, bundle, equipment.modules.clone())
        };
        let gateway = |name: &'static str, on_failure| {
            let router = LlmRouter { global_budget: Some(budget(on_failure)), ..router.clone() };
            stand::envoy(equipment, &router).directory(directory.path().join(name)).start()
        };
        let (first, second, strict) = tokio::join!(
            gateway("first", OnFailure::Serve),
            gateway("second", OnFailure::Serve),
            gateway("strict", OnFailure::Refuse),
        );
        Ok(Self {
            openai,
            anthropic,
            gateways: [first?, second?],
            strict: strict?,
            service_port,
            redis: Some(redis),
            service: Some(service),
            redis_port,
            service_config,
            router,
            equipment: equipment.clone(),
            directory,
        })
    }

    /// Starts one more gateway, with that budget and its bootstrap changed.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn gateway(
        &self,
        name: &str,
        budget: GlobalBudget,
        change: impl Fn(&str) -> String,
    ) -> Result<Running, Failure> {
        let router = LlmRouter { global_budget: Some(budget), ..self.router.clone() };
        let bootstrap = change(&ai_filters::render::bootstrap(&router));
        stand::envoy_of(&self.equipment, bootstrap).directory(self.directory.path().join(name)).start().await
    }

    /// Forgets the story before, and waits where an hour is about to end.
    pub async fn begin(&self) {
        for provider in [&self.openai, &self.anthropic] {
            provider.clear();
        }
        let left = 3600 - now() % 3600;
        if left < LEFT_OF_THE_HOUR {
            time::sleep(Duration::from_secs(left + 1)).await;
        }
    }

    /// Where the first gateway is.
    pub fn a(&self) -> SocketAddr {
        self.gateways[0].address().expect("a listener")
    }

    /// Where the second gateway is.
    pub fn b(&self) -> SocketAddr {
        self.gateways[1].address().expect("a listener")
    }

    /// Where the gateway is that refuses while the service does not answer.
    pub fn strict(&self) -> SocketAddr {
        self.strict.address().expect("a listener")
    }

    /// The Redis.
    pub fn redis(&self) -> &Redis {
        self.redis.as_ref().expect("a story that stops Redis starts it again")
    }

    /// What a caller was charged in this window so far.
    pub async fn charged(&self, window: Window, caller: &str) -> u64 {
        self.redis().counter(&key(window, caller)).await.expect("Redis answers").unwrap_or_default()
    }

    /// A problem unless that is what the caller is charged in the end.
    pub async fn is_charged(&self, window: Window, caller: &str, expected: u64, problems: &mut Problems) {
        let deadline = Instant::now() + CHARGED_WITHIN;
        let mut charged = self.charged(window, caller).await;
        while charged != expected && Instant::now() < deadline {
            time::sleep(Duration::from_millis(20)).await;
            charged = self.charged(window, caller).await;
        }
        problems.same(&format!("tokens of {caller} in this {}", window.name()), &charged, &expected);
    }

    /// Stops Redis.
    pub async fn stop_redis(&mut self) {
        if let Some(redis) = self.redis.take() {
            redis.stop().await.expect("Redis ends");
        }
    }

    /// Starts it again, empty.
    pub async fn start_redis(&mut self) {
        let started = Redis::start(self.redis_port, self.directory.path()).await;
        self.redis = Some(started.expect("Redis starts again"));
    }

    /// Stops the service.
    pub async fn stop_service(&mut self) {
        if let Some(service) = self.service.take() {
            service.stop().await.expect("the service ends");
        }
    }

    /// Starts it again.
    pub async fn start_service(&mut self) {
        let redis = self.redis().address();
        let started =
            RateLimitService::start(self.service_port, redis, &self.service_config, self.directory.path());
        self.service = Some(started.await.expect("the service starts again"));
    }

    /// Stops everything; what every gateway of this fleet has logged, by its name.
    pub async fn stop(mut self) -> Vec<(String, String)> {
        let [first, second] = self.gateways;
        for envoy in [first, second, self.strict] {
            // That it had to be killed is no news for a log.
            let _ = envoy.stop().await;
        }
        if let Some(service) = self.service.take() {
            let _ = service.stop().await;
        }
        if let Some(redis) = self.redis.take() {
            let _ = redis.stop().await;
        }
        let folders = fs::read_dir(self.directory.path()).expect("the scratch directory").flatten();
        folders
            .filter_map(|folder| {
                let log = fs::read(folder.path().join("envoy.log")).ok()?;
                let name = folder.file_name().to_string_lossy().into_owned();
                Some((name, String::from_utf8_lossy(&log).into_owned()))
            })
            .collect()
    }
}

/// The budget of these tests with the service on that port of this machine.
pub fn budget(service_port: u16, on_failure: OnFailure, refunds: Refunds) -> GlobalBudget {
    let tokens = |tokens: u64| u32::try_from(tokens).expect("a small number");
    GlobalBudget {
        service: format!("127.0.0.1:{service_port}").parse().expect("an address"),
        // Longer than the default: on a busy machine a late answer would be taken for none.
        timeout: "3s".parse().expect("a time limit"),
        budgets: vec![
            Budget { window: Window::Hour, tokens: tokens(PER_HOUR) },
            Budget { window: Window::Day, tokens: tokens(PER_DAY) },
        ],
        on_failure,
        refunds,
    }
}

/// The name of a caller's counter of this window in Redis. A caller is `user:NAME`, or `user:` without a name.
pub fn key(window: Window, caller: &str) -> String {
    let length = match window {
        Window::Minute => 60,
        Window::Hour => 3_600,
        Window::Day => 86_400,
    };
    let name = window.name();
    format!("ai-gateway_budget_{name}_caller_{caller}_{}", now() / length * length)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

/// What the logs of a finished fleet must not hold: crashes, prompts, keys, charges that Envoy could not read.
pub fn unclean(logs: &[(String, String)]) -> Problems {
    let mut problems = Problems::default();
    for (name, log) in logs {
        for line in log.lines() {
            if stand::CRASHES.iter().any(|crash| line.contains(crash)) || line.contains("Invalid hits_addend")
            {
                problems.add(format!("{name}: {line}"));
            }
            for (what, canary) in canary::unloggable() {
                if line.contains(canary) {
                    problems.add(format!("{name}: {what} in: {}", line.replace(canary, "…")));
                }
            }
        }
    }
    problems
}
