//! Traffic through what is rendered from one AIGatewayRoute file with two models: weights, fallback, and TLS towards clients.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use ai_filters::render::{EnvoyVersion, LlmRouter, Tls, bootstrap};
use ai_filters::route::read;
use lab::envoy::{Envoy, Running};
use mock_llm::{CertificateAuthority, Listen, MockProvider, ProviderKind, Reply};
use scenarios::stand::Equipment;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(20);
/// Of so many draws with nine chances in ten: eight standard deviations (5.2 each) below, and no less than one of the others, which is wrong
/// once in a million million runs.
const DRAWS: usize = 300;
const STABLE: std::ops::Range<usize> = 228..DRAWS;
/// Both shapes of fallback.
const VERSIONS: [EnvoyVersion; 2] = [EnvoyVersion::PRIORITY_GROUP, EnvoyVersion::OLDEST];

struct Stand {
    openai: MockProvider,
    anthropic: MockProvider,
    envoy: Running,
}

async fn equipment() -> Equipment {
    Equipment::find().await.unwrap_or_else(|failure| panic!("{failure}"))
}

/// `split`, nine to one at OpenAI and then Anthropic; and `own`, at OpenAI alone.
fn router(openai: u16, anthropic: u16, envoy: EnvoyVersion, equipment: &Equipment) -> LlmRouter {
    let file = format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: AIGatewayRoute\nmetadata: {{name: test}}\nspec:\n  backends:\n\
         \x20 - {{name: stable, provider: openai, model: model-stable, modelNameOverride: split, weight: 9, baseUrl: \"http://127.0.0.1:{openai}/v1\", auth: {{type: APIKey, apiKeyRef: {{name: openai-key}}}}}}\n\
         \x20 - {{name: canary, provider: openai, model: model-canary, modelNameOverride: split, baseUrl: \"http://127.0.0.1:{openai}/v1\", auth: {{type: APIKey, apiKeyRef: {{name: openai-key}}}}}}\n\
         \x20 - {{name: last, provider: anthropic, priority: 1, model: model-last, modelNameOverride: split, baseUrl: \"http://127.0.0.1:{anthropic}\", auth: {{type: APIKey, apiKeyRef: {{name: anthropic-key}}}}}}\n\
         \x20 - {{name: alone, provider: openai, model: own, baseUrl: \"http://127.0.0.1:{openai}/v1\", auth: {{type: APIKey, apiKeyRef: {{name: openai-key}}}}}}\n\
         \x20 listener: {{address: \"127.0.0.1:10000\"}}\n"
    );
    let understood = read("route.yaml", file.as_bytes(), envoy).unwrap_or_else(|found| panic!("{found}"));
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    LlmRouter { listen, admin_port: 0, modules: equipment.modules.clone(), ..understood.router }
}

async fn stand(version: EnvoyVersion) -> Stand {
    let equipment = equipment().await;
    let openai = MockProvider::start(ProviderKind::OpenAi, Listen::plain()).await.unwrap();
    openai.set_models(["model-stable", "model-canary", "own"]);
    let anthropic = MockProvider::start(ProviderKind::Anthropic, Listen::plain()).await.unwrap();
    anthropic.set_models(["model-last"]);
    let router = router(openai.address().port(), anthropic.address().port(), version, &equipment);
    let envoy = Envoy::new(&equipment.binary, bootstrap(&router))
        .env("OPENAI_API_KEY", ProviderKind::OpenAi.default_key())
        .env("ANTHROPIC_API_KEY", ProviderKind::Anthropic.default_key());
    let envoy = envoy.start().await.unwrap_or_else(|failure| panic!("{failure}"));
    Stand { openai, anthropic, envoy }
}

impl Stand {
    /// Asks for that model: the status, the model that the answer says, and how many attempts it took.
    async fn ask(&self, model: &str) -> (u16, String, String) {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
        let request = lab::http::post_json("/v1/chat/completions", &[("host", "localhost")], &body).unwrap();
        let reply = lab::http::send(self.envoy.address().unwrap(), request, LIMIT).await.unwrap();
        let said = reply.json()["model"].as_str().unwrap_or_default().to_owned();
        (reply.status, said, reply.header("x-ai-attempts").to_owned())
    }

    /// How many requests the first provider got for that model.
    fn asked(&self, model: &str) -> usize {
        self.openai.requests().iter().filter(|request| request.json()["model"] == model).count()
    }
}

#[tokio::test]
async fn requests_are_shared_by_weight_and_each_backend_gets_its_own_model() {
    for version in VERSIONS {
        let stand = stand(version).await;
        for _ in 0..DRAWS {
            assert_eq!(stand.ask("split").await, (200, "split".to_owned(), "1".to_owned()));
        }
        let (stable, canary) = (stand.asked("model-stable"), stand.asked("model-canary"));
        assert_eq!(stable + canary, DRAWS);
        assert!(STABLE.contains(&stable), "{version:?}: nine to one are not {stable} and {canary}");
        assert_eq!(stand.anthropic.request_count(), 0);
    }
}

#[tokio::test]
async fn when_an_attempt_fails_the_next_priority_answers_and_other_models_are_none_of_its_business() {
    for version in VERSIONS {
        let stand = stand(version).await;
        assert_eq!(stand.ask("own").await, (200, "own".to_owned(), "1".to_owned()));
        stand.openai.set_default(Reply::status(503));
        assert_eq!(stand.ask("split").await, (200, "split".to_owned(), "2".to_owned()), "{version:?}");
        assert_eq!(stand.anthropic.only_request().json()["model"], "model-last");
        let (status, _, _) = stand.ask("own").await;
        assert_eq!(status, 503, "nobody else serves it");
        assert_eq!(stand.ask("unknown").await.0, 404);
    }
}

#[tokio::test]
async fn an_address_that_only_fails_is_left_out_where_a_model_is_one_cluster() {
    for version in VERSIONS {
        let equipment = equipment().await;
        let openai = MockProvider::start(ProviderKind::OpenAi, Listen::plain()).await.unwrap();
        let anthropic = MockProvider::start(ProviderKind::Anthropic, Listen::plain()).await.unwrap();
        anthropic.set_models(["model-last"]);
        openai.set_models(["own"]);
        openai.set_default(Reply::status(503));
        let file = format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: AIGatewayRoute\nmetadata: {{name: test}}\nspec:\n  backends:\n\
             \x20 - {{name: first, provider: openai, model: own, baseUrl: \"http://127.0.0.1:{}/v1\", auth: {{type: APIKey, apiKeyRef: {{name: openai-key}}}}}}\n\
             \x20 - {{name: last, provider: anthropic, priority: 1, model: model-last, modelNameOverride: own, baseUrl: \"http://127.0.0.1:{}\", auth: {{type: APIKey, apiKeyRef: {{name: anthropic-key}}}}}}\n\
             \x20 outlierDetection: {{failures: 3, ejectionTime: 10m}}\n",
            openai.address().port(),
            anthropic.address().port()
        );
        let understood =
            read("route.yaml", file.as_bytes(), version).unwrap_or_else(|found| panic!("{found}"));
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let modules = equipment.modules.clone();
        let router = LlmRouter { listen, admin_port: 0, modules, ..understood.router };
        let envoy = Envoy::new(&equipment.binary, bootstrap(&router))
            .env("OPENAI_API_KEY", ProviderKind::OpenAi.default_key())
            .env("ANTHROPIC_API_KEY", ProviderKind::Anthropic.default_key())
            .concurrency(1);
        let envoy = envoy.start().await.unwrap_or_else(|failure| panic!("{failure}"));
        let stand = Stand { openai, anthropic, envoy };
        for _ in 0..3 {
            assert_eq!(stand.ask("own").await, (200, "own".to_owned(), "2".to_owned()), "{version:?}");
        }
        let left_out = version < EnvoyVersion::PRIORITY_GROUP;
        let attempts = if left_out { "1" } else { "2" };
        for _ in 0..5 {
            assert_eq!(stand.ask("own").await, (200, "own".to_owned(), attempts.to_owned()), "{version:?}");
        }
        assert_eq!(stand.openai.request_count(), if left_out { 3 } else { 8 }, "{version:?}");
        assert_eq!(stand.anthropic.request_count(), 8);
    }
}

#[tokio::test]
async fn envoy_takes_a_certificate_for_clients() {
    let equipment = equipment().await;
    let directory = tempfile::tempdir().unwrap();
    let identity = CertificateAuthority::new().issue(["localhost"]);
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let certificate = file("tls.crt", identity.certificate_pem()).parse().unwrap();
    let key = file("tls.key", identity.key_pem()).parse().unwrap();
    let tls = Some(Tls { certificate, key });
    let router = LlmRouter { tls, ..router(1, 2, EnvoyVersion::PRIORITY_GROUP, &equipment) };
    let validate = |name: &str, text: &str| {
        let file = file(name, text);
        Command::new(&equipment.binary.path)
            .args(["--mode", "validate", "--disable-hot-restart", "-l", "warning", "-c", &file])
            .envs([("OPENAI_API_KEY", "a"), ("ANTHROPIC_API_KEY", "b")])
            .output()
            .unwrap()
    };
    let text = bootstrap(&router);
    let taken = validate("envoy.yaml", &text);
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    let refused = validate("broken.yaml", &text.replace("tls.key", "tls.crt"));
    assert!(!refused.status.success(), "or the files are not read at all");
}
