//! AIGatewayRoute files: one file in, the inputs of a rendering out, or every problem with its line, its path and a hint.
//!
//! [`document`] reads YAML, `config::route` reads what it says and checks it as the filters would, [`meaning`] makes a [`LlmRouter`] of it.

mod document;
mod explain;
mod finding;
mod kubernetes;
mod meaning;
mod warnings;

use std::collections::BTreeMap;

pub use document::{Documents, Unreadable};
pub use explain::explain;
pub(crate) use finding::visible;
pub use finding::{Finding, Findings};
pub use kubernetes::{Cluster, SECRET_NAME, is_secret_name};

use crate::render::{EnvoyVersion, Fallback, GatewayVersion, LlmRouter};

/// What will run what is rendered of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An Envoy of that version, which reads a bootstrap.
    Envoy(EnvoyVersion),
    /// Envoy Gateway of that version, on Kubernetes.
    Kubernetes {
        /// Envoy Gateway's version.
        version: GatewayVersion,
        /// The Secret of the certificate that clients are shown, where the file does not say it.
        tls_secret: Option<String>,
    },
}

/// A file that is understood.
#[derive(Debug)]
pub struct Understood {
    /// What is rendered of it.
    pub router: LlmRouter,
    /// What is rendered beside it for Kubernetes.
    pub cluster: Cluster,
    /// What experience warns of.
    pub warnings: Vec<Finding>,
}

/// Reads a file of that name and text, for that Envoy. The name is for messages and for the heading of what is rendered.
///
/// # Errors
/// With every problem that there is.
pub fn read(name: &str, text: &[u8], envoy: EnvoyVersion) -> Result<Understood, Findings> {
    read_for(name, text, &Target::Envoy(envoy))
}

/// The same, for that target.
///
/// # Errors
/// With every problem that there is, and with everything that the target has no way to say.
pub fn read_for(name: &str, text: &[u8], target: &Target) -> Result<Understood, Findings> {
    let whole = |line, message: String, hint: &str| {
        Findings::of(vec![Finding::new(name, Some(line), "file".to_owned(), message, hint.to_owned())])
    };
    let text = std::str::from_utf8(text)
        .map_err(|_| whole(1, "is no UTF-8".to_owned(), "save it as UTF-8, without a byte order mark"))?;
    let documents = Documents::read(text).map_err(|error| whole(error.line, error.message, error.hint))?;
    let reading = config::route::read(documents.json.as_bytes(), &|_| Some("set".repeat(16)));
    if reading.file.routes.is_empty() && reading.problems.is_empty() {
        let hint = "write an AIGatewayRoute: docs/route.md begins with one";
        return Err(whole(1, "there is no route in it".to_owned(), hint));
    }
    let mut found = finding::Found::new(name, &documents);
    for (order, problem) in reading.problems {
        found.push(order, problem.path, problem.message, problem.hint);
    }
    let (envoy, tls_secret) = match target {
        Target::Envoy(version) => (*version, None),
        Target::Kubernetes { version: GatewayVersion::V1_9, tls_secret } => {
            (EnvoyVersion::default(), tls_secret.as_deref())
        }
    };
    let mut router = meaning::router(name, &reading.file, envoy, &mut found);
    let cluster = kubernetes::of(&reading.file, tls_secret);
    match target {
        Target::Envoy(_) => {
            files_of_tls(&reading.file, &mut found);
            keys_of_one_variable(&reading.file, &mut found);
        }
        Target::Kubernetes { .. } => {
            // Envoy Gateway has one cluster with two priorities for each rule.
            router.fallback = Fallback::PreviousPriorities;
            router.tls = None;
            kubernetes::check(&reading.file, &cluster, &mut found);
        }
    }
    let problems = found.finish();
    if !problems.is_empty() {
        return Err(Findings::of(problems));
    }
    if let Err(problems) = router.check() {
        let finding = |(place, problem): (&str, &crate::render::Problem)| {
            Finding::new(name, None, place_in_file(place).to_owned(), problem.to_string(), problem.hint())
        };
        return Err(Findings::of(problems.iter().map(finding).collect()));
    }
    let warnings = warnings::of(&warnings::Seen {
        name,
        file: &reading.file,
        router: &router,
        cluster: &cluster,
        target,
        documents: &documents,
    });
    Ok(Understood { router, cluster, warnings })
}

/// Envoy reads a certificate from files, wherever a Secret is said, too.
fn files_of_tls(file: &config::route::RouteFile, found: &mut finding::Found<'_>) {
    if let Some(given) = &file.listener.tls
        && file.listener.tls_files.is_none()
    {
        let hint =
            "add `certificate` and `key`, two files as Envoy sees them; `secretName` is for Kubernetes";
        found.push(given.order, given.path.clone(), "names no files".to_owned(), hint.to_owned());
    }
}

/// `openai-key` and `openai-api-key` are one variable by their names: of two keys, one would be shown to the other's provider.
fn keys_of_one_variable(file: &config::route::RouteFile, found: &mut finding::Found<'_>) {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for backend in kubernetes::backends(file) {
        let (Some(key), Some((name, _))) = (&backend.key, &backend.secret) else { continue };
        // Who says `env` means it.
        if variable_of_key(name) != key.value {
            continue;
        }
        let first = names.entry(key.value.as_str()).or_insert(name);
        if first != name {
            let message = format!("{} is the variable of `{first}` already", key.value);
            let hint = "call both alike where it is one key, or give one another variable with `env`";
            found.push(key.order, key.path.clone(), message, hint.to_owned());
        }
    }
}

/// The variable that a key is in by its name alone.
pub(crate) fn variable_of_key(name: &str) -> String {
    let upper = |text: &str| text.to_ascii_uppercase().replace('-', "_");
    let owner = name.strip_suffix("-api-key").or_else(|| name.strip_suffix("-key"));
    owner.map_or_else(|| upper(name), |owner| format!("{}_API_KEY", upper(owner)))
}

/// Where in a file stands what the renderer's inputs call so.
fn place_in_file(place: &str) -> &str {
    match place {
        "providers" | "models" => "spec.backends",
        "counting" => "spec.counting",
        "budgets" => "spec.sharedBudget",
        "limits" => "spec.timeouts",
        "admin-port" => "spec.listener.admin",
        "envoy" => "--envoy-version",
        other => other,
    }
}
