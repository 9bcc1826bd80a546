//! What can be wrong with a rendering's inputs: every problem at once, each with its place and a hint.

use crate::route::visible;
use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not a provider's name.
    #[error("`{given}` is no name for a provider")]
    ProviderName {
        /// What was given.
        given: String,
    },
    /// Not a model's name.
    #[error("`{given}` is no name for a model")]
    ModelName {
        /// What was given.
        given: String,
    },
    /// Not an alias.
    #[error("`{given}` is no alias")]
    Alias {
        /// What was given.
        given: String,
    },
    /// Not the name of an environment variable. What was given is not repeated: people paste keys there.
    #[error("that is no name for an environment variable")]
    EnvName,
    /// Not an absolute path of a file.
    #[error("`{given}` is no absolute path of a file")]
    FilePath {
        /// What was given.
        given: String,
    },
    /// Not a time limit.
    #[error("`{given}` is no time limit")]
    Limit {
        /// What was given.
        given: String,
    },
    /// Not a possible body limit.
    #[error("`{given}` bytes cannot be the largest body")]
    BodyLimit {
        /// What was given.
        given: String,
        /// The smallest that is possible, in bytes.
        min: u32,
        /// The largest that is possible, in bytes.
        max: u32,
    },
    /// Not a base URL.
    #[error("`{given}` is no base URL: {reason}")]
    BaseUrl {
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not where to listen.
    #[error("`{given}` is nothing to listen on")]
    Listen {
        /// What was given.
        given: String,
    },
    /// Not where a service is reached.
    #[error("`{given}` is no address of a service")]
    ServiceAddress {
        /// What was given.
        given: String,
    },
    /// A resource cannot have a provider's name.
    #[error("provider `{provider}` cannot be the name of a Backend")]
    BackendName {
        /// The provider's name.
        provider: String,
    },
    /// A base URL whose host is an address, where that cannot be.
    #[error("provider `{provider}` is reached by an address")]
    Address {
        /// The provider's name.
        provider: String,
    },
    /// Not a budget.
    #[error("`{given}` is no budget")]
    Budget {
        /// What was given.
        given: String,
    },
    /// No budget at all, or two of one window.
    #[error("there has to be one budget or more, each of another window")]
    BudgetWindows,
    /// A longer window is asked before a shorter one.
    #[error("the budgets are not in the order of their windows")]
    BudgetOrder,
    /// Prompts that nobody counts before they are sent.
    #[error("a shared budget has to know a prompt's tokens before it is sent")]
    BudgetNeedsCounting,
    /// Nobody who counts, or not in time.
    #[error("a shared budget needs ai-gateway, with headers held")]
    BudgetNeedsGateway,
    /// An Envoy that the shared budget is not tested with.
    #[error("Envoy 1.{given} is too old for a shared budget")]
    BudgetEnvoyTooOld {
        /// Envoy's minor version.
        given: u16,
        /// The first minor version that will do.
        needed: u16,
    },
    /// A provider with the name of a cluster that is rendered.
    #[error("a provider is named `{name}`, as the cluster of the rate limit service is")]
    ClusterTaken {
        /// The name.
        name: &'static str,
    },
    /// Not an API that a provider can speak.
    #[error("`{given}` is no API")]
    Api {
        /// What was given.
        given: String,
    },
    /// A part of a provider's description that is not there.
    #[error("`{key}` is missing")]
    Missing {
        /// The part's key.
        key: &'static str,
    },
    /// A part of a provider's description that means nothing.
    #[error("`{given}` is no part of a provider's description")]
    UnknownKey {
        /// What was given.
        given: String,
    },
    /// What ai-gateway would refuse.
    #[error("{path}: {message}")]
    Configuration {
        /// Where in its configuration.
        path: String,
        /// What is wrong there.
        message: String,
        /// What would be right.
        hint: String,
    },
    /// A file that holds no section of ai-gateway's configuration.
    #[error("{file}: {reason}")]
    Section {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing to send requests to.
    #[error("there is no provider")]
    NoProvider,
    /// Two providers of one name.
    #[error("two providers are named `{name}`")]
    DuplicateProvider {
        /// Their name.
        name: String,
    },
    /// A member of a provider's object that is said twice.
    #[error("`{key}` of `{provider}` is rendered from the other inputs")]
    RenderedAnyway {
        /// The provider.
        provider: String,
        /// The member.
        key: &'static str,
    },
    /// More providers than retries can reach.
    #[error("{count} providers are more than one request can try")]
    TooManyProviders {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// More ranks than Envoy Gateway's backends have.
    #[error("{count} providers one after the other are more than Envoy Gateway's two ranks of a Backend")]
    TooManyRanks {
        /// How many there are.
        count: usize,
    },
    /// Several models where nothing tells routes apart.
    #[error("several models cannot be told apart without ai-gateway and held headers")]
    ModelsNeedHeaders,
    /// A limit on a part that is longer than the limit on the whole.
    #[error("{part} is longer than the total time limit")]
    LimitAboveTotal {
        /// Which limit.
        part: &'static str,
    },
    /// One port for two listeners.
    #[error("port {port} is both the listener's and the admin's")]
    SamePort {
        /// The port.
        port: u16,
    },
    /// A port for statistics that has another use.
    #[error("port {port} is the listener's or the admin's")]
    MetricsPort {
        /// The port.
        port: u16,
    },
    /// An Envoy that does not have what this fallback needs.
    #[error("Envoy 1.{given} cannot fall back by {fallback}")]
    EnvoyTooOld {
        /// Envoy's minor version.
        given: u16,
        /// What was asked for.
        fallback: &'static str,
        /// The first minor version that can.
        needed: u16,
    },
}

impl Problem {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::ProviderName { .. } => {
                "lower-case letters, digits, `-` and `_`, beginning with a letter or digit".into()
            }
            Self::ModelName { .. } => "visible ASCII without spaces, commas, quotes, `\\` and `*`".into(),
            Self::Alias { .. } => {
                "`NAME=MODEL`, where NAME is a model's name or a prefix followed by `*`".into()
            }
            Self::Configuration { hint, .. } => hint.clone(),
            Self::Section { .. } => "the section's value as JSON, as docs/configuration.md has it".into(),
            Self::EnvName => "letters, digits and `_`, such as `OPENAI_API_KEY`; never the key itself".into(),
            Self::FilePath { .. } => "begins with `/`, as in `/etc/ssl/certs/ca-certificates.crt`".into(),
            Self::Limit { .. } => {
                "a whole number and a unit, above zero and at most a day: `500ms`, `4s`, `2m`, `1h`".into()
            }
            Self::BodyLimit { min, max, .. } => format!("a whole number of bytes from {min} to {max}"),
            Self::BaseUrl { .. } => "as the provider's SDK takes it: `https://api.openai.com/v1`".into(),
            Self::Listen { .. } => "`ADDRESS:PORT`, as in `0.0.0.0:10000` or `127.0.0.1:10000`".into(),
            Self::ServiceAddress { .. } => "`HOST:PORT`, as in `ratelimit:8081`".into(),
            Self::BackendName { .. } => {
                "lower-case letters, digits and `-`, as in `openai`; at most 63 of them".into()
            }
            Self::Address { .. } => {
                "name its host: Envoy Gateway gives names and addresses clusters of their own, between which there is no fallback"
                    .into()
            }
            Self::Budget { .. } => {
                format!("`WINDOW=TOKENS` with minute, hour or day, and from 1 to {} tokens", u32::MAX)
            }
            Self::BudgetWindows => "name each window once".into(),
            Self::BudgetOrder => {
                "the shortest first: what it refuses is not charged to the longer ones".into()
            }
            Self::BudgetNeedsCounting => "count with `exact` or `estimate`".into(),
            Self::BudgetNeedsGateway => "install it, and let it hold headers".into(),
            Self::BudgetEnvoyTooOld { needed, .. } => format!("use Envoy 1.{needed} or newer"),
            Self::ClusterTaken { .. } => "give the provider another name; it is only a label".into(),
            Self::Api { .. } => {
                let names: Vec<_> = llm_api::Dialect::ALL.iter().map(|api| format!("`{api}`")).collect();
                format!("one of {}", names.join(", "))
            }
            Self::Missing { key } => format!("add `{key}=…`"),
            Self::UnknownKey { .. } => {
                "`KEY=VALUE` with one of the keys name, api, url, model, key-env".into()
            }
            Self::NoProvider => "name at least one".into(),
            Self::DuplicateProvider { .. } => "give one of them another name; it is only a label".into(),
            Self::RenderedAnyway { .. } => "leave it out of the extra members".into(),
            Self::TooManyProviders { max, .. } => format!("at most {max}"),
            Self::TooManyRanks { .. } => "leave some out, or let them share an attempt by weights: `render route`".into(),
            Self::ModelsNeedHeaders => "install it, let it hold headers, or serve one model".into(),
            Self::LimitAboveTotal { .. } => "raise the total or lower the part".into(),
            Self::SamePort { .. } | Self::MetricsPort { .. } => "choose another for one of them".into(),
            Self::EnvoyTooOld { needed, .. } => {
                format!("use Envoy 1.{needed} or newer, or the fallback `previous-priorities`")
            }
        }
    }
}

/// Every problem, each with the place where it is. Never empty where it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<(String, Problem)>);

impl Problems {
    /// Notes a problem at that place.
    pub fn push(&mut self, place: impl Into<String>, problem: Problem) {
        self.0.push((place.into(), problem));
    }

    /// Notes the problem, where that is what it is, and else hands back the value.
    pub fn take<T>(&mut self, place: &str, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.push(place, problem)).ok()
    }

    /// The places and problems, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Problem)> {
        self.0.iter().map(|(place, problem)| (place.as_str(), problem))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value, where there is no problem.
    ///
    /// # Errors
    /// Where there is one.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (place, problem)) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let (problem, hint) = (problem.to_string(), problem.hint());
            write!(f, "{place}: {}\n  hint: {}", visible(&problem), visible(&hint))?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
