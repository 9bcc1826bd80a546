//! AIGatewayRoute, the renderer's input: several models, who serves them, and what callers may spend, in one file.
//!
//! The sections that are ai-gateway's own are checked as ai-gateway checks them, together with the models that the file describes, so that
//! a problem is told where it stands in this file and not where it would stand in what is rendered. What only the renderer knows how to
//! judge (URLs, time limits, paths of files) is handed on with its place.

use llm_api::Dialect;

use crate::problem::Findings;
use crate::{Problem, check, json, place, raw, read};

/// A value of the file that the renderer judges, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<T> {
    /// The number of its place in the order of the document, by which problems are sorted and lines found.
    pub order: u32,
    /// Where it stands: `spec.backends[0].baseUrl`.
    pub path: String,
    /// What it is.
    pub value: T,
}

/// What was understood of a file, and every problem that was found.
#[derive(Debug)]
pub struct Reading {
    /// Its routes, without what was not understood.
    pub file: RouteFile,
    /// What is wrong, each with the number of its place, in the order of the document.
    pub problems: Vec<(u32, Problem)>,
}

/// A file: routes that share an endpoint, and what holds for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteFile {
    /// The routes, in their order.
    pub routes: Vec<Route>,
    /// `identity` of ai-gateway, as JSON.
    pub identity: Option<String>,
    /// `budgets` of ai-gateway, as JSON: those of the section, then the routes' own token budgets.
    pub budgets: Option<String>,
    /// `prices` of ai-gateway, as JSON.
    pub prices: Option<String>,
    /// `counting` of ai-gateway, as JSON.
    pub counting: Option<String>,
    /// Where clients connect.
    pub listener: Listener,
    /// Labels of everything that is rendered for Kubernetes.
    pub labels: Vec<(String, String)>,
    /// Annotations of everything that is rendered for Kubernetes.
    pub annotations: Vec<(String, String)>,
    /// The budget that all gateways share.
    pub shared_budget: Option<SharedBudget>,
    /// When a provider's address is left out.
    pub outlier_detection: Option<OutlierDetection>,
    /// How many gateways there are.
    pub replicas: Option<Given<u64>>,
    /// Where the first budget stands that is not shared.
    pub own_budget: Option<Given<()>>,
    /// Where callers are told apart without anybody having said who they are; the first budget that does.
    pub budget_by_default_header: Option<Given<()>>,
}

/// Models that share limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: Given<String>,
    /// The namespace that it is for.
    pub namespace: Option<Given<String>>,
    /// Its models, in the order of their first backends.
    pub models: Vec<Model>,
    /// Further names: the name or pattern, and the model.
    pub aliases: Vec<(Given<String>, String)>,
    /// How long anything may take.
    pub timeouts: Timeouts,
}

/// A model as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name.
    pub name: Given<String>,
    /// Who serves it: a list for each attempt, of those that share it by their weights. No list is empty.
    pub attempts: Vec<Vec<Backend>>,
    /// How its tokens are counted, where it differs.
    pub counting: Option<&'static str>,
    /// The most tokens that a prompt may have.
    pub max_input_tokens: Option<u64>,
}

/// A model at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Its name.
    pub name: Given<String>,
    /// The API that it speaks.
    pub api: Dialect,
    /// The model's name there.
    pub model: Given<String>,
    /// Its share of the attempt; above zero.
    pub weight: u32,
    /// Where its API begins, where that is not the provider's own.
    pub base_url: Option<Given<String>>,
    /// The environment variable of its key, where it has one.
    pub key: Option<Given<String>>,
    /// `max_tokens` where the client gave none.
    pub default_max_tokens: Option<u64>,
    /// The Secret of its key, and the entry in it.
    pub secret: Option<(String, String)>,
    /// Headers that are set on requests to it.
    pub headers: Vec<(String, String)>,
    /// Client headers that may go to it.
    pub pass_request_headers: Vec<String>,
    /// Its headers that may go to clients.
    pub pass_response_headers: Vec<String>,
}

/// When a provider's address is left out, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlierDetection {
    /// Where it stands.
    pub place: Given<()>,
    /// How many failures one after the other.
    pub failures: u32,
    /// For how long.
    pub ejection_time: Option<Given<String>>,
}

/// A budget that all gateways share, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedBudget {
    /// Where it stands.
    pub place: Given<()>,
    /// Tokens in a minute, an hour and a day.
    pub windows: [Option<u32>; 3],
    /// Where the rate limit service is.
    pub service: Option<Given<String>>,
    /// How long it may take.
    pub timeout: Option<Given<String>>,
    /// Whether requests are refused while it does not answer.
    pub refuse: bool,
}

/// Time limits as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the first content of a stream.
    pub first_byte: Option<Given<String>>,
    /// Between two pieces of a stream.
    pub idle: Option<Given<String>>,
    /// An answer in one piece.
    pub answer: Option<Given<String>>,
    /// The whole request.
    pub total: Option<Given<String>>,
}

/// Where clients connect, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listener {
    /// `ADDRESS:PORT`
    pub address: Option<Given<String>>,
    /// `ADDRESS:PORT` of Envoy's admin interface.
    pub admin: Option<Given<String>>,
    /// Where its certificate is said.
    pub tls: Option<Given<()>>,
    /// Certificate and key, files.
    pub tls_files: Option<(Given<String>, Given<String>)>,
    /// The Secret with both.
    pub tls_secret: Option<Given<String>>,
    /// The largest body, in bytes.
    pub max_body_bytes: Option<Given<u64>>,
    /// The certificate authorities of providers, a file.
    pub ca_bundle: Option<Given<String>>,
    /// Whether requests are logged.
    pub access_log: Option<bool>,
}

/// Reads and checks documents: a JSON list with an AIGatewayRoute in each item. Paths are those within a document, numbers of places run on
/// over all of them. `env` says what an environment variable holds. Never fails as a whole: what is wrong is among the problems.
pub fn read(documents: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Reading {
    let mut findings = Findings::default();
    let routes = match json::parse(documents) {
        Ok(json::Node { value: json::Value::List(documents), .. }) => documents
            .into_iter()
            .filter_map(|node| {
                let place = place::Place::document(node.order);
                read::Read::read(node, &place, &mut findings)
            })
            .collect::<Vec<raw::route::RawRoute>>(),
        Ok(other) => {
            let _: Option<()> =
                read::mismatch(read::Expected::List, &other.value, &place::Place::root(), &mut findings);
            Vec::new()
        }
        Err(fault) => {
            findings.report(&place::Place::root(), fault);
            Vec::new()
        }
    };
    let file = check::route::file(routes, env, &mut findings);
    Reading { file, problems: findings.in_order() }
}
