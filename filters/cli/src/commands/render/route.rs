//! `ai-filters render route`: a deployment from one AIGatewayRoute file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ai_filters::render::{
    ComposeFiles, EnvoyVersion, GatewayApi, GatewayVersion, Infrastructure, LlmRouter, bootstrap, compose,
    counts_beside, example_env, in_container, manifests, on_scripted_providers, service_config,
    service_taken,
};
use ai_filters::route::{Cluster, SECRET_NAME, Target, explain, is_secret_name, read_for};
use clap::ValueEnum;

use super::super::{Failure, print, read as read_file};
use super::write;

/// Where the statistics are where nothing is said.
const METRICS_PORT: u16 = 9902;

/// `ai-filters render route FILE`
#[derive(clap::Args)]
pub(in crate::commands) struct RouteOptions {
    /// The file; `-` is stdin.
    file: PathBuf,
    /// What to make of it.
    #[arg(long, value_name = "WHAT", default_value = "envoy")]
    to: What,
    /// Where to write it; stdout without. With `--to compose` the bootstrap is written beside it, as `envoy.yaml`, and
    /// `.env.example`.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The Envoy 1.x that will read it, as `1.40` or `1.40.0`; 1.40 without. Before 1.40 one cluster has a priority for each provider.
    #[arg(long, value_name = "VERSION", value_parser = envoy_version)]
    envoy_version: Option<EnvoyVersion>,
    /// With `--to compose`: the directory of the filters' modules, as the compose file sees it; ./wasm without.
    #[arg(long, value_name = "DIRECTORY")]
    modules: Option<String>,
    /// With `--to compose`: Prometheus and Grafana too, in the profile `monitoring`. The directory of what they read, as the compose file
    /// sees it: this project's `envoy-configs/monitoring`.
    #[arg(long, value_name = "DIRECTORY")]
    monitoring: Option<String>,
    /// With `--to compose`: scripted providers in the place of the real ones. The checkout of this project that they are built from, as the
    /// compose file sees it.
    #[arg(long, value_name = "DIRECTORY")]
    mock: Option<String>,
    /// Where Envoy's statistics can be scraped, and nothing else of its admin interface. With `--monitoring` that is 0.0.0.0:9902.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// Where to write the rate limit service's own file, where the file has a `sharedBudget`. With `--to compose` it is written beside the
    /// output, as `ratelimit.yaml`.
    #[arg(long, value_name = "FILE")]
    service_config: Option<PathBuf>,
    /// With `--to kubernetes`: the Envoy Gateway that will read it; 1.9 without.
    #[arg(long, value_name = "VERSION")]
    gateway_version: Option<GatewayVersion>,
    /// With `--to kubernetes`: ai-gateway's image, which the control plane fetches; this project's own without.
    #[arg(long, value_name = "IMAGE")]
    gateway_image: Option<String>,
    /// With `--to kubernetes`: ai-provider's image, which the kubelet mounts into Envoy's pods; this project's own without.
    #[arg(long, value_name = "IMAGE")]
    provider_image: Option<String>,
    /// With `--to kubernetes`: the Secret of the certificate that clients are shown, where the file does not say it.
    #[arg(long, value_name = "NAME", value_parser = secret_name)]
    tls_secret: Option<String>,
    /// Check it and render nothing: problems and warnings, and an exit code for a pipeline.
    #[arg(long, conflicts_with_all = ["output", "explain"])]
    validate_only: bool,
    /// With `--validate-only`: a warning is a problem.
    #[arg(long, requires = "validate_only")]
    deny_warnings: bool,
    /// Render nothing, and tell a request's way for this model instead.
    #[arg(long, value_name = "MODEL", conflicts_with = "output")]
    explain: Option<String>,
    /// With `--explain`: who is calling.
    #[arg(long, value_name = "USER", requires = "explain")]
    caller: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// An Envoy bootstrap.
    Envoy,
    /// A file for docker compose, and that bootstrap.
    Compose,
    /// Manifests for Envoy Gateway.
    Kubernetes,
}

impl RouteOptions {
    pub(super) fn run(self) -> Result<(), Failure> {
        let problems = |problems: String| Failure::Problems(problems);
        self.check_target().map_err(problems)?;
        let (path, text) = read_file(&self.file)?;
        // The heading of what is rendered must not depend on where the command runs.
        let name =
            self.file.file_name().map_or_else(|| path.clone(), |name| name.to_string_lossy().into_owned());
        let name = if path == "-" { "stdin".to_owned() } else { name };
        let understood =
            read_for(&name, &text, &self.target()).map_err(|found| problems(found.to_string()))?;
        let warnings: Vec<String> =
            understood.warnings.iter().map(|warning| format!("warning: {warning}")).collect();
        let (mut router, cluster) = (understood.router, understood.cluster);
        let metrics = self.monitoring.as_ref().map(|_| SocketAddr::from(([0, 0, 0, 0], METRICS_PORT)));
        router.metrics = self.metrics.or(metrics);
        self.check(&router).map_err(problems)?;
        if let Some(model) = &self.explain {
            let way = explain(&router, model, self.caller.as_deref());
            return print(&way.ok_or_else(|| {
                problems(format!("{name}: no model `{model}` is served: it would be answered 404"))
            })?);
        }
        if self.deny_warnings && !warnings.is_empty() {
            return Err(problems(warnings.join("\n")));
        }
        tell(&warnings);
        if self.validate_only {
            return print(&format!("{name}: valid\n"));
        }
        if let (Some(path), Some(budget)) = (&self.service_config, &router.global_budget) {
            write(Some(path), &service_config(budget))?;
        }
        match self.to {
            What::Envoy => write(self.output.as_deref(), &bootstrap(&router)),
            What::Compose => self.compose(&router),
            What::Kubernetes => self.kubernetes(router, cluster),
        }
    }

    fn target(&self) -> Target {
        match self.to {
            What::Envoy | What::Compose => Target::Envoy(self.envoy_version.unwrap_or_default()),
            What::Kubernetes => Target::Kubernetes {
                version: self.gateway_version.unwrap_or_default(),
                tls_secret: self.tls_secret.clone(),
            },
        }
    }

    fn kubernetes(&self, router: LlmRouter, cluster: Cluster) -> Result<(), Failure> {
        let provider_image = self.provider_image.clone().unwrap_or_else(GatewayApi::example_provider_image);
        let gateway = GatewayApi {
            router,
            gateway_image: self.gateway_image.clone().unwrap_or_else(|| GatewayApi::example().gateway_image),
            infrastructure: Infrastructure::Kubernetes(cluster.pods(provider_image)),
            place: cluster.place,
        };
        gateway.check().map_err(|problems| Failure::Problems(problems.to_string()))?;
        write(self.output.as_deref(), &manifests(&gateway))
    }

    fn compose(&self, router: &LlmRouter) -> Result<(), Failure> {
        let scripted;
        let (router, file) = match &self.mock {
            None => (router, "envoy.yaml"),
            Some(_) => {
                scripted = on_scripted_providers(router);
                (&scripted, "envoy.mock.yaml")
            }
        };
        let files = ComposeFiles {
            bootstrap: format!("./{file}"),
            modules: self.modules.clone().unwrap_or_else(|| "./wasm".to_owned()),
            monitoring: self.monitoring.clone(),
            scripted: self.mock.clone(),
            limits: Some("./ratelimit.yaml".to_owned()),
        };
        if let Some(budget) = router.global_budget.as_ref().filter(|budget| !counts_beside(budget)) {
            let (host, port) = (budget.service.host(), budget.service.port());
            tell(&[format!(
                "warning: spec.sharedBudget.service: the rate limit service is none of this file's, and the gateway asks for it at {host}:{port}\n  hint: leave `service` out, or give it a name of one word, and it is rendered with its Redis"
            )]);
        }
        if let Some(output) = &self.output {
            let beside = |name: &str| output.parent().unwrap_or(Path::new("")).join(name);
            write(Some(&beside(file)), &bootstrap(&in_container(router)))?;
            if let (None, Some(budget)) = (&self.service_config, &router.global_budget) {
                write(Some(&beside("ratelimit.yaml")), &service_config(budget))?;
            }
            if self.mock.is_none() {
                write(Some(&beside(".env.example")), &example_env(router))?;
            }
        }
        write(self.output.as_deref(), &compose(router, &files))
    }

    /// Every option that is given and says something about another target than this one.
    fn check_target(&self) -> Result<(), String> {
        let (bootstraps, compose, kubernetes): (&[What], &[What], &[What]) =
            (&[What::Envoy, What::Compose], &[What::Compose], &[What::Kubernetes]);
        let options = [
            (
                "--envoy-version",
                self.envoy_version.is_some(),
                bootstraps,
                "`--gateway-version` says which Envoy it is there",
            ),
            (
                "--metrics",
                self.metrics.is_some(),
                bootstraps,
                "Envoy Gateway's Envoys have such a listener anyway: docs/observability.md",
            ),
            ("--modules", self.modules.is_some(), compose, "--to compose"),
            ("--monitoring", self.monitoring.is_some(), compose, "--to compose"),
            ("--mock", self.mock.is_some(), compose, "--to compose"),
            ("--gateway-version", self.gateway_version.is_some(), kubernetes, "--to kubernetes"),
            ("--gateway-image", self.gateway_image.is_some(), kubernetes, "--to kubernetes"),
            ("--provider-image", self.provider_image.is_some(), kubernetes, "--to kubernetes"),
            ("--tls-secret", self.tls_secret.is_some(), kubernetes, "--to kubernetes"),
        ];
        let name = |what: &What| {
            what.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
        };
        let foreign: Vec<String> = options
            .into_iter()
            .filter(|(_, given, targets, _)| *given && !targets.contains(&self.to))
            .map(|(option, _, targets, hint)| {
                let targets: Vec<String> = targets.iter().map(name).collect();
                format!("{option}: is for {} alone\n  hint: {hint}", targets.join(" and "))
            })
            .collect();
        if foreign.is_empty() { Ok(()) } else { Err(foreign.join("\n")) }
    }

    /// What the options have to do with each other and with the file.
    fn check(&self, router: &LlmRouter) -> Result<(), String> {
        let counted =
            matches!(self.to, What::Compose) && router.global_budget.as_ref().is_some_and(counts_beside);
        let what = match (self.monitoring.is_some() || self.mock.is_some(), counted) {
            (true, _) => Some("--monitoring and --mock need"),
            (false, true) => Some("spec.sharedBudget needs"),
            (false, false) => None,
        };
        if let Some(what) = what.filter(|_| router.listen.ip().is_loopback()) {
            return Err(format!(
                "{what} services that reach each other by name, and a gateway on loopback has the host's network\n\
                 hint: let `spec.listener.address` be 0.0.0.0"
            ));
        }
        let taken = router.global_budget.as_ref().and_then(service_taken);
        if let (What::Compose, Some(name)) = (self.to, taken) {
            return Err(format!(
                "spec.sharedBudget.service: `{name}` is the name of another service of the compose file\n\
                 hint: leave `service` out, or call it `ratelimit`"
            ));
        }
        router.check().map_err(|problems| problems.to_string())
    }
}

/// Says them on stderr, where they do not get into what is rendered.
fn tell(warnings: &[String]) {
    use std::io::Write as _;
    for warning in warnings {
        // Nobody is left to tell where stderr is gone.
        let _ = writeln!(std::io::stderr(), "{warning}");
    }
}

fn secret_name(text: &str) -> Result<String, String> {
    if is_secret_name(text) { Ok(text.to_owned()) } else { Err(SECRET_NAME.to_owned()) }
}

/// `1.40`, `1.40.0`, `v1.40.0`
fn envoy_version(text: &str) -> Result<EnvoyVersion, String> {
    let mut parts = text.trim_start_matches('v').split('.');
    let (major, minor, patch) = (parts.next(), parts.next(), parts.next());
    let is_patch = patch.is_none_or(|patch| patch.parse::<u16>().is_ok());
    match (major, minor.and_then(|minor| minor.parse().ok()), parts.next()) {
        (Some("1"), Some(minor), None) if is_patch => Ok(EnvoyVersion(minor)),
        _ => Err("write it as 1.40 or 1.40.0".to_owned()),
    }
}
