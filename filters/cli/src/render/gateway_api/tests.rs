//! What is refused, and how names and durations come out. That Envoy Gateway takes the manifests is seen in the lab.

use super::*;
use crate::render::Limit;

fn host(providers: &[(&str, &str)]) -> GatewayApi {
    let mut router = LlmRouter::default();
    for (provider, (name, url)) in router.providers.iter_mut().zip(providers) {
        provider.name = name.parse().unwrap();
        provider.base_url = url.parse().unwrap();
    }
    GatewayApi {
        router,
        gateway_image: "127.0.0.1:5000/ai-gateway:1".to_owned(),
        infrastructure: Infrastructure::Host { envoy: "1.40.0".to_owned() },
        place: Place::default(),
    }
}

#[test]
fn an_address_gets_a_name_where_nothing_speaks_against_it() {
    let gateway = host(&[("openai", "http://127.0.0.1:8000/v1"), ("anthropic", "https://api.anthropic.com")]);
    assert_eq!(gateway.check(), Ok(()));
    let address = IpAddr::from([127, 0, 0, 1]);
    assert_eq!(gateway.names(), [(address, "openai.ai-filters.internal".to_owned())]);
    let text = manifests(&gateway);
    assert!(text.contains("fqdn: {hostname: openai.ai-filters.internal, port: 8000}"), "{text}");
    // What the provider itself is told stays what was given.
    assert!(text.contains("\"authority\": \"127.0.0.1:8000\""), "{text}");
}

#[test]
fn what_a_cluster_cannot_hold_is_refused() {
    let problems = |gateway: &GatewayApi| gateway.check().unwrap_err().to_string();
    let tls = host(&[("openai", "https://127.0.0.1:8000/v1")]);
    assert!(problems(&tls).contains("`openai`"), "{}", problems(&tls));
    let infrastructure = Infrastructure::Kubernetes(Pods::with_image("ghcr.io/a/b:1".to_owned()));
    let pods = GatewayApi { infrastructure, ..host(&[("openai", "http://127.0.0.1:8000/v1")]) };
    assert!(problems(&pods).contains("`openai`"), "{}", problems(&pods));
    let mut third = host(&[]);
    third.router.providers.push(crate::render::Provider {
        name: "third".parse().unwrap(),
        ..crate::render::Provider::openai()
    });
    assert!(problems(&third).contains("two ranks"), "{}", problems(&third));
    let named = host(&[("open_ai", "https://api.openai.com/v1")]);
    assert!(problems(&named).contains("`open_ai`"), "{}", problems(&named));
}

#[test]
fn durations_are_whole_numbers_with_units() {
    let text = |text: &str| duration(text.parse::<Limit>().unwrap().duration());
    assert_eq!([text("25ms"), text("15m"), text("70500ms")], ["25ms", "900s", "70s500ms"]);
}

#[test]
fn nothing_is_patched_where_nothing_needs_it() {
    let mut gateway = host(&[]);
    assert!(manifests(&gateway).contains("kind: EnvoyPatchPolicy"));
    gateway.router.filters = super::super::Filters::GatewayOnly;
    gateway.router.headers_held = HeadersHeld::No;
    let text = manifests(&gateway);
    assert!(text.contains("kind: EnvoyExtensionPolicy") && !text.contains("EnvoyPatchPolicy"), "{text}");
}
