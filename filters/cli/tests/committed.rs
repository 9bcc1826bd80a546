//! Everything committed that this tool renders is what it renders now. `UPDATE_RENDERED=1 cargo test -p ai-filters` rewrites it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::path::PathBuf;

use ai_filters::render::{
    ComposeFiles, EnvoyVersion, Fallback, GatewayApi, GatewayVersion, GlobalBudget, Infrastructure,
    LlmRouter, Place, bootstrap, compose, example_env, manifests, on_scripted_providers, service_config,
};
use ai_filters::route::{Target, read, read_for};

fn check(path: &str, fresh: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_RENDERED").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, fresh).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == fresh,
        "{path} is not what is rendered now; UPDATE_RENDERED=1 cargo test -p ai-filters rewrites it"
    );
}

#[test]
fn llm_router() {
    let text = include_bytes!("../../../envoy-configs/llm-router/route.yaml");
    let understood = read("route.yaml", text, EnvoyVersion::default()).unwrap();
    // Without a file and without options the same is rendered.
    assert_eq!(LlmRouter { route_file: None, ..understood.router.clone() }, LlmRouter::default());
    // What Prometheus scrapes is beside it in the network of the compose file.
    let metrics = Some(([0, 0, 0, 0], 9902).into());
    let router = LlmRouter { metrics, ..understood.router };
    let files = ComposeFiles {
        bootstrap: "./envoy.yaml".to_owned(),
        modules: "../../target/wasm32-wasip1/wasm".to_owned(),
        monitoring: Some("../monitoring".to_owned()),
        ..ComposeFiles::default()
    };
    check("envoy-configs/llm-router/envoy.yaml", &bootstrap(&router));
    check("envoy-configs/llm-router/docker-compose.yaml", &compose(&router, &files));
    check("envoy-configs/llm-router/.env.example", &example_env(&router));
    let router = on_scripted_providers(&router);
    let bootstrap_file = "./envoy.mock.yaml".to_owned();
    let files = ComposeFiles { bootstrap: bootstrap_file, scripted: Some("../..".to_owned()), ..files };
    check("envoy-configs/llm-router/envoy.mock.yaml", &bootstrap(&router));
    check("envoy-configs/llm-router/docker-compose.mock.yaml", &compose(&router, &files));
}

#[test]
fn route_schema() {
    check("docs/reference/route.schema.json", &format!("{:#}\n", config::route_schema()));
}

#[test]
fn llm_router_priorities() {
    let router = LlmRouter { fallback: Fallback::PreviousPriorities, ..LlmRouter::default() };
    check("envoy-configs/llm-router-priorities/envoy.yaml", &bootstrap(&router));
}

#[test]
fn global_budget() {
    let budget = GlobalBudget::default();
    let counting = [("mode".to_owned(), "exact".into())].into_iter().collect();
    let router = LlmRouter { global_budget: Some(budget.clone()), counting, ..LlmRouter::default() };
    assert_eq!(router.check(), Ok(()));
    check("envoy-configs/global-budget/envoy.yaml", &bootstrap(&router));
    check("envoy-configs/global-budget/ratelimit.yaml", &service_config(&budget));
}

#[test]
fn gateway_api() {
    let text = include_bytes!("../../../envoy-configs/llm-router/route.yaml");
    let tls_secret = Some("llm-router-tls".to_owned());
    let understood =
        read_for("route.yaml", text, &Target::Kubernetes { version: GatewayVersion::V1_9, tls_secret })
            .unwrap();
    let example = GatewayApi::example();
    let pods = understood.cluster.pods(GatewayApi::example_provider_image());
    let gateway = GatewayApi {
        router: understood.router,
        infrastructure: Infrastructure::Kubernetes(pods),
        place: understood.cluster.place,
        ..example.clone()
    };
    assert_eq!(gateway.check(), Ok(()));
    // Without a file and without options the same is rendered, but for TLS and the heading.
    let body = |text: String| text.split_once("apiVersion").unwrap().1.to_owned();
    let plain = GatewayApi { place: Place::default(), ..gateway.clone() };
    assert_eq!(body(manifests(&plain)), body(manifests(&example)));
    check("envoy-configs/gateway-api/llm-router.yaml", &manifests(&gateway));
}

#[test]
fn gateway_schema() {
    check("docs/reference/gateway.schema.json", &format!("{:#}\n", config::gateway_schema()));
}

#[test]
fn provider_schema() {
    check("docs/reference/provider.schema.json", &format!("{:#}\n", config::provider_schema()));
}
