//! AIGatewayRoute files and what is imported into them: any bytes are understood or refused with problems that each say where and what to
//! do; what is understood is rendered, the same twice, and taken by the
//! filters, and by the linter where it is for Kubernetes; which reads any text without a panic.

#![no_main]

use ai_filters::import::{envoy_ai_gateway, litellm};
use ai_filters::lint::{File, Lint, lint};
use ai_filters::render::{
    ComposeFiles, EnvoyVersion, GatewayApi, GatewayVersion, Infrastructure, bootstrap, compose,
    gateway_config, manifests, provider_configs,
};
use ai_filters::route::{Target, Understood, explain, read, read_for};
use config::{GatewayConfig, ProviderConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for envoy in [EnvoyVersion::OLDEST, EnvoyVersion::PRIORITY_GROUP] {
        match read("fuzz", data, envoy) {
            Err(found) => {
                assert!(found.iter().count() > 0);
                assert!(found.iter().all(|finding| !finding.path.is_empty() && !finding.hint.is_empty()));
            }
            Ok(understood) => {
                let router = understood.router;
                assert_eq!(bootstrap(&router), bootstrap(&router));
                let files = ComposeFiles {
                    bootstrap: "./envoy.yaml".to_owned(),
                    modules: "./wasm".to_owned(),
                    ..ComposeFiles::default()
                };
                assert!(compose(&router, &files).ends_with('\n'));
                assert!(explain(&router, router.model.as_str(), None).is_some());
                let set = |_: &str| Some("set".repeat(16));
                assert!(GatewayConfig::parse(gateway_config(&router).as_bytes(), &set).is_ok());
                for text in provider_configs(&router) {
                    assert!(ProviderConfig::parse(text.as_bytes(), &set).is_ok(), "{text}");
                }
            }
        }
    }
    let cluster = Target::Kubernetes { version: GatewayVersion::V1_9, tls_secret: None };
    if let Ok(Understood { router, cluster, .. }) = read_for("fuzz", data, &cluster) {
        let infrastructure = Infrastructure::Kubernetes(cluster.pods("registry/provider:1".to_owned()));
        let gateway = GatewayApi { router, infrastructure, place: cluster.place, ..GatewayApi::example() };
        if gateway.check().is_ok() {
            let text = manifests(&gateway);
            assert_eq!(text, manifests(&gateway));
            // What is rendered may be warned of, and is never wrong.
            assert_eq!(linted(&text).problems, []);
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let Lint { problems, warnings } = linted(text);
        assert!(problems.iter().chain(&warnings).all(|finding| !finding.hint.is_empty()));
    }
    for imported in [litellm(data), envoy_ai_gateway(data)].into_iter().flatten() {
        // What could not be named as we name things is refused when it is read; it never breaks the YAML.
        let _ = read("imported", imported.yaml.as_bytes(), EnvoyVersion::default());
    }
});

fn linted(text: &str) -> Lint {
    lint(&[File { name: "fuzz", text }])
}
