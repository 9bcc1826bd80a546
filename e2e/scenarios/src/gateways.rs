//! Several gateways in one Envoy: a listener for each, with an ai-gateway that is configured in another way.

use std::net::SocketAddr;

use ai_filters::render::LlmRouter;
use lab::Failure;
use serde_json::{Value, json};

use crate::shape::Shape;
use crate::stand::{Equipment, Stand};

/// What a gateway is called, and what of its configuration is another.
pub type Variant = (&'static str, fn(&mut Value));

/// The Envoy.
pub struct Gateways {
    /// Its providers, and its first gateway, which is as it was rendered.
    pub stand: Stand,
}

impl Gateways {
    /// Starts that shape with a further gateway for each variant.
    ///
    /// # Errors
    /// When Envoy refuses its configuration or does not come up.
    pub async fn start(
        equipment: &Equipment,
        change: impl FnOnce(&mut LlmRouter),
        variants: &[Variant],
    ) -> Result<Self, Failure> {
        let arrange = |bootstrap: String, _: &std::path::Path| arranged(&bootstrap, variants);
        let stand = Stand::arranged(Shape::Budgets, equipment, 1, change, arrange).await?;
        Ok(Self { stand })
    }

    /// Where the gateway of that name is.
    pub fn address(&self, name: &str) -> SocketAddr {
        self.stand.envoy.listener(name).unwrap_or_else(|| panic!("no gateway is called {name}"))
    }
}

fn arranged(bootstrap: &str, variants: &[Variant]) -> String {
    let mut bootstrap: Value = serde_yaml_ng::from_str(bootstrap).expect("a rendered bootstrap is YAML");
    let listeners = bootstrap["static_resources"]["listeners"].as_array_mut().expect("listeners");
    let first = listeners.first().cloned().expect("a listener");
    for (name, change) in variants {
        let mut listener = first.clone();
        listener["name"] = json!(name);
        change_gateway(&mut listener, change);
        listeners.push(listener);
    }
    bootstrap.to_string()
}

/// Changes the JSON that a listener configures ai-gateway with. A model that is added there gets the routes that the first one has.
pub fn change_gateway(listener: &mut Value, change: impl FnOnce(&mut Value)) {
    let manager =
        listener.pointer_mut("/filter_chains/0/filters/0/typed_config").expect("a connection manager");
    let filters = manager["http_filters"].as_array_mut().expect("filters");
    let gateway = filters.iter_mut().find(|filter| filter["name"] == "ai-gateway").expect("ai-gateway");
    let text = gateway.pointer_mut("/typed_config/config/configuration/value").expect("its configuration");
    let mut configuration: Value = text
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .expect("a rendered configuration is JSON");
    change(&mut configuration);
    *text = configuration.to_string().into();
    for model in configuration["models"].as_array().into_iter().flatten().skip(1) {
        add_routes(manager, model["name"].as_str().unwrap_or_default());
    }
}

fn add_routes(manager: &mut Value, model: &str) {
    let routes = manager.pointer_mut("/route_config/virtual_hosts/0/routes").and_then(Value::as_array_mut);
    let routes = routes.expect("rendered routes");
    let mut added = routes.clone();
    for route in &mut added {
        for header in route.pointer_mut("/match/headers").and_then(Value::as_array_mut).into_iter().flatten()
        {
            if header["name"] == "x-ai-model" {
                header["string_match"] = json!({"exact": model});
            }
        }
    }
    // What matches everything stays behind what matches a model.
    added.retain(|route| route.pointer("/match/headers").is_some());
    routes.splice(0..0, added);
}
