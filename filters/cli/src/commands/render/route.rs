//! `ai-filters render route`: a deployment from one AIGatewayRoute file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ai_filters::render::{
    ComposeFiles, EnvoyVersion, LlmRouter, bootstrap, compose, example_env, on_scripted_providers,
};
use ai_filters::route::{explain, read};
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
    to: Target,
    /// Where to write it; stdout without. With `--to compose` the bootstrap is written beside it, as `envoy.yaml`, and
    /// `.env.example`.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The Envoy 1.x that will read it, as `1.40` or `1.40.0`. Before 1.40 one cluster has a priority for each provider.
    #[arg(long, value_name = "VERSION", default_value = "1.40", value_parser = envoy_version)]
    envoy_version: EnvoyVersion,
    /// With `--to compose`: the directory of the filters' modules, as the compose file sees it.
    #[arg(long, value_name = "DIRECTORY", default_value = "./wasm")]
    modules: String,
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

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// An Envoy bootstrap.
    Envoy,
    /// A file for docker compose, and that bootstrap.
    Compose,
}

impl RouteOptions {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (path, text) = read_file(&self.file)?;
        let problems = |problems: String| Failure::Problems(problems);
        // The heading of what is rendered must not depend on where the command runs.
        let name =
            self.file.file_name().map_or_else(|| path.clone(), |name| name.to_string_lossy().into_owned());
        let name = if path == "-" { "stdin".to_owned() } else { name };
        let understood =
            read(&name, &text, self.envoy_version).map_err(|found| problems(found.to_string()))?;
        let warnings: Vec<String> =
            understood.warnings.iter().map(|warning| format!("warning: {warning}")).collect();
        let mut router = understood.router;
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
        match self.to {
            Target::Envoy => write(self.output.as_deref(), &bootstrap(&router)),
            Target::Compose => self.compose(&router),
        }
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
            modules: self.modules.clone(),
            monitoring: self.monitoring.clone(),
            scripted: self.mock.clone(),
        };
        if let Some(output) = &self.output {
            let beside = |name: &str| output.parent().unwrap_or(Path::new("")).join(name);
            write(Some(&beside(file)), &bootstrap(router))?;
            if self.mock.is_none() {
                write(Some(&beside(".env.example")), &example_env(router))?;
            }
        }
        write(self.output.as_deref(), &compose(router, &files))
    }

    /// What the options have to do with each other and with the file.
    fn check(&self, router: &LlmRouter) -> Result<(), String> {
        let alone = matches!(self.to, Target::Envoy) && (self.monitoring.is_some() || self.mock.is_some());
        if alone {
            return Err("--monitoring and --mock are for compose\nhint: --to compose".to_owned());
        }
        if router.listen.ip().is_loopback() && (self.monitoring.is_some() || self.mock.is_some()) {
            return Err("--monitoring and --mock need services that reach each other by name, and a gateway on loopback has the \
                        host's network\nhint: let `spec.listener.address` be 0.0.0.0"
                .to_owned());
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
