//! Prometheus and Grafana beside the gateway, in the profile `monitoring`: reached from this machine alone, and sending nothing anywhere.

use super::{confined, ending, healthcheck};
use crate::yaml::{List, Map};

/// The volumes of both.
pub(super) const VOLUMES: [&str; 2] = ["prometheus", "grafana"];
/// The image's own user `nobody`.
const PROMETHEUS_USER: &str = "65534:65534";
/// The image's own user `grafana`.
const GRAFANA_USER: &str = "472:0";

/// Scrapes the gateway and evaluates the rules.
pub(super) fn prometheus(directory: &str) -> Map {
    let command: List = [
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/prometheus",
        "--storage.tsdb.retention.time=15d",
        "--storage.tsdb.retention.size=2GB",
    ]
    .into_iter()
    .collect();
    let service = Map::new()
        .with("image", "prom/prometheus:v3.5.0")
        .with("profiles", List::new().item("monitoring").inline())
        .with("command", command)
        .with("user", PROMETHEUS_USER);
    let service = confined(service)
        .with("mem_limit", "512m")
        .why("It has no password, so it is for this machine alone.")
        .with("ports", List::new().item("127.0.0.1:9090:9090").inline())
        .with(
            "volumes",
            List::new()
                .item(format!("{directory}/prometheus.yml:/etc/prometheus/prometheus.yml:ro"))
                .item(format!("{directory}/rules.yml:/etc/prometheus/rules.yml:ro"))
                .item("prometheus:/prometheus"),
        )
        .with("healthcheck", healthcheck(wget("http://127.0.0.1:9090/-/ready")));
    ending(service)
}

/// Shows the dashboard to whoever is on this machine; nobody can change it there.
pub(super) fn grafana(directory: &str) -> Map {
    let environment = Map::new()
        .why("Everybody who reaches it may look, nobody can log in, and there is no administrator.")
        .with("GF_AUTH_ANONYMOUS_ENABLED", "true")
        .with("GF_AUTH_ANONYMOUS_ORG_ROLE", "Viewer")
        .with("GF_AUTH_BASIC_ENABLED", "false")
        .with("GF_AUTH_DISABLE_LOGIN_FORM", "true")
        .with("GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION", "true")
        .why("It asks nobody for news.")
        .with("GF_ANALYTICS_REPORTING_ENABLED", "false")
        .with("GF_ANALYTICS_CHECK_FOR_UPDATES", "false")
        .with("GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES", "false")
        .with("GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH", "/etc/grafana/dashboards/ai-gateway.json");
    let service = Map::new()
        .with("image", "grafana/grafana:12.1.1")
        .with("profiles", List::new().item("monitoring").inline())
        .with("user", GRAFANA_USER);
    let service = confined(service)
        .with("tmpfs", List::new().item("/tmp").inline())
        .with("mem_limit", "512m")
        .with("environment", environment)
        .with(
            "depends_on",
            Map::new().with("prometheus", Map::new().with("condition", "service_healthy").inline()),
        )
        .with("ports", List::new().item("127.0.0.1:3000:3000").inline())
        .with(
            "volumes",
            List::new()
                .item(format!("{directory}/grafana/provisioning:/etc/grafana/provisioning:ro"))
                .item(format!("{directory}/grafana/dashboards:/etc/grafana/dashboards:ro"))
                .item("grafana:/var/lib/grafana"),
        )
        .with("healthcheck", healthcheck(wget("http://127.0.0.1:3000/api/health")));
    ending(service)
}

/// A test in an image that has wget.
fn wget(url: &str) -> List {
    ["CMD", "wget", "-q", "-O", "/dev/null", url].into_iter().collect()
}
