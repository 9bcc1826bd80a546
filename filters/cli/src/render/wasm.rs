//! A filter in a chain: Envoy's Wasm filter around one of the project's modules.

use super::{FilePath, typed};
use crate::yaml::{List, Map, Yaml};

/// One for both filters: shared data is keyed by it. Their code differs, so their VMs are still separate.
const VM_ID: &str = "ai-filters";

/// A filter of the project's.
pub(super) struct Filter<'a> {
    /// Its name, in Envoy's statistics and log.
    pub(super) name: &'static str,
    /// Its module.
    pub(super) module: &'a FilePath,
    /// Whether it may hold headers while body callbacks go on.
    pub(super) holds_headers: bool,
    /// The environment variables that it may read, and no other.
    pub(super) env: Vec<&'a str>,
    /// Its configuration, as JSON.
    pub(super) configuration: String,
}

impl Filter<'_> {
    /// Its entry in `http_filters`.
    pub(super) fn render(self) -> Map {
        let mut config = Map::new().with("name", self.name);
        if self.holds_headers {
            config = config
                .why("Headers wait until the filter has read the body; without it Envoy would stop the body too.")
                .with("allow_on_headers_stop_iteration", true);
        }
        let config = config
            .why("A trap takes this worker's VM down; by default every later request would be answered 503, for ever.")
            .with("failure_policy", "FAIL_RELOAD")
            .with("vm_config", self.vm())
            .with(
                "configuration",
                typed("google.protobuf.StringValue").with("value", Yaml::Block(self.configuration)),
            );
        Map::new()
            .with("name", self.name)
            .with("typed_config", typed("envoy.extensions.filters.http.wasm.v3.Wasm").with("config", config))
    }

    fn vm(&self) -> Map {
        let local =
            Map::new().with("local", Map::new().with("filename", self.module.as_str()).inline()).inline();
        let mut vm =
            Map::new().with("vm_id", VM_ID).with("runtime", "envoy.wasm.runtime.v8").with("code", local);
        if !self.env.is_empty() {
            let keys: List = self.env.iter().copied().collect();
            vm = vm
                .why("The filter sees these variables of Envoy's environment and no other.")
                .with("environment_variables", Map::new().with("host_env_keys", keys.inline()).inline());
        }
        vm
    }
}
