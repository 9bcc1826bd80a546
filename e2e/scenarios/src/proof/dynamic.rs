//! An Envoy whose listeners come from a file, so that their configuration can be replaced while it runs, as a control plane would.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{self, Instant};

use crate::gateways::change_gateway;
use crate::stand::Stand;

const UPDATED_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// The file with the listeners. Envoy watches for files that are moved into its place.
#[derive(Debug)]
pub struct Listeners {
    file: PathBuf,
    current: Value,
}

impl Listeners {
    /// Takes the listeners out of a bootstrap and puts them into a file in that directory.
    pub fn taken_from(bootstrap: &str, directory: &Path) -> (String, Self) {
        let mut bootstrap: Value = serde_yaml_ng::from_str(bootstrap).expect("a rendered bootstrap is YAML");
        let listeners = bootstrap["static_resources"]["listeners"].take();
        let file = directory.join("listeners.json");
        let source = json!({"path_config_source": {"path": file}, "resource_api_version": "V3"});
        bootstrap["static_resources"].as_object_mut().expect("an object").remove("listeners");
        bootstrap["dynamic_resources"] = json!({"lds_config": source});
        // Envoy asks everybody for it who has resources from elsewhere.
        bootstrap["node"] = json!({"id": "scenario", "cluster": "scenarios"});
        let this = Self { file, current: listeners };
        this.write();
        (bootstrap.to_string(), this)
    }

    /// Changes ai-gateway's own configuration, and waits until every worker has it.
    ///
    /// # Errors
    /// Where Envoy refuses it, or does not take it in time.
    pub async fn configure(&mut self, stand: &Stand, change: impl FnOnce(&mut Value)) -> Result<(), String> {
        const UPDATED: &str = "listener_manager.lds.update_success";
        const WARMING: &str = "listener_manager.total_listeners_warming";
        let admin = stand.envoy.admin();
        let before = admin.stat(UPDATED).await.map_err(|error| error.to_string())?;
        change_gateway(&mut self.current[0], change);
        self.write();
        let deadline = Instant::now() + UPDATED_WITHIN;
        loop {
            let (now, warming) = (admin.stat(UPDATED).await, admin.stat(WARMING).await);
            if now.is_ok_and(|now| now > before) && warming.is_ok_and(|warming| warming == 0) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(format!("Envoy does not take the new listener: {}", stand.envoy.last_words()));
            }
            time::sleep(POLL).await;
        }
    }

    fn write(&self) {
        const TYPE: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
        let mut listeners = self.current.as_array().cloned().unwrap_or_default();
        for listener in &mut listeners {
            listener["@type"] = TYPE.into();
        }
        let resources = json!({"resources": listeners});
        let moved = self.file.with_extension("new");
        fs::write(&moved, resources.to_string()).expect("a file in the scratch directory");
        fs::rename(&moved, &self.file).expect("a file in the scratch directory");
    }
}
