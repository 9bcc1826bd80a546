//! What the environment asks of a stand: every variable that `make run` reads, and every problem with them at once.
//!
//! Nothing here is started or opened. A key's value is never part of a message. How a URL, a time limit or a model's name is written is
//! the renderer's business: the same parsers read its command line.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

use ai_filters::render::{BaseUrl, Limit, Limits, ModelName, Problem, Provider};
use config::Redacted;

use crate::Failure;

/// What the environment asks for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `PORT`: where clients connect; 0 is any free port.
    pub port: u16,
    /// `ADMIN_PORT`: Envoy's admin interface; 0 is any free port.
    pub admin_port: u16,
    /// Who answers.
    pub providers: Providers,
    /// `FIRST_BYTE_TIMEOUT`, `IDLE_TIMEOUT`, `ANSWER_TIMEOUT`, `TOTAL_TIMEOUT`, each with the example's value where it was not given.
    pub limits: Limits,
    /// `TOKENS_PER_DAY`, `TOKENS_PER_MINUTE`: what each user may spend; none is any number.
    pub tokens: Tokens,
    /// `SSL_CERT_FILE`: the certificate authorities that real providers are verified against.
    pub ca_bundle: Option<String>,
}

/// What each user may spend, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// In a day.
    pub per_day: Option<u64>,
    /// In a minute.
    pub per_minute: Option<u64>,
}

/// Who answers, in the order of the attempts.
#[derive(Clone, Debug)]
pub enum Providers {
    /// No key was given: scripted ones. The models may have been chosen all the same.
    Scripted {
        /// The first.
        openai: Box<Provider>,
        /// The second.
        anthropic: Box<Provider>,
    },
    /// One or two real ones.
    Real(Vec<Real>),
}

/// A real provider and its key.
#[derive(Clone, Debug)]
pub struct Real {
    /// As the renderer takes it. It names the key's variable, not the key.
    pub provider: Provider,
    /// The variable of that name, and the key in it, which reaches Envoy's environment and nothing else.
    pub key: (&'static str, Redacted<String>),
}

/// Everything that is wrong with the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Failure>);

/// The example's ports.
const PORT: u16 = 10_000;
const ADMIN_PORT: u16 = 9901;

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_env() -> Result<Self, Problems> {
        Self::from_lookup(|name| std::env::var_os(name))
    }

    /// Reads variables from `lookup`. An empty variable is an absent one, as `make run PORT=` means it.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, Problems> {
        let mut reader = Reader { lookup, problems: Vec::new() };
        let port = reader.port("PORT").unwrap_or(PORT);
        let admin_port = reader.port("ADMIN_PORT").unwrap_or(ADMIN_PORT);
        if port == admin_port && port != 0 {
            reader.problem(
                format!("PORT and ADMIN_PORT are both {port}"),
                "Envoy needs two ports: PORT is where clients connect, ADMIN_PORT is its own interface",
            );
        }
        let limits = reader.limits();
        let openai = reader.provider(Provider::openai(), "OPENAI_MODEL", "OPENAI_BASE_URL");
        let anthropic = reader.provider(Provider::anthropic(), "ANTHROPIC_MODEL", "ANTHROPIC_BASE_URL");
        let openai_key = reader.key("OPENAI_API_KEY", "OPENAI_BASE_URL");
        let anthropic_key = reader.key("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL");
        let tokens = Tokens {
            per_day: reader.tokens("TOKENS_PER_DAY", 100_000),
            per_minute: reader.tokens("TOKENS_PER_MINUTE", 10_000),
        };
        let ca_bundle = reader.text("SSL_CERT_FILE");
        if !reader.problems.is_empty() {
            return Err(Problems(reader.problems));
        }
        let providers = if openai_key.is_none() && anthropic_key.is_none() {
            Providers::Scripted { openai: Box::new(openai), anthropic: Box::new(anthropic) }
        } else {
            let openai = openai_key.map(|key| Real { provider: openai, key: ("OPENAI_API_KEY", key) });
            let anthropic =
                anthropic_key.map(|key| Real { provider: anthropic, key: ("ANTHROPIC_API_KEY", key) });
            Providers::Real(openai.into_iter().chain(anthropic).collect())
        };
        Ok(Self { port, admin_port, providers, limits, tokens, ca_bundle })
    }
}

/// Looks variables up and gathers what is wrong with them.
struct Reader<L> {
    lookup: L,
    problems: Vec<Failure>,
}

impl<L: Fn(&str) -> Option<OsString>> Reader<L> {
    fn problem(&mut self, what: impl AsRef<str>, hint: impl AsRef<str>) {
        self.problems.push(Failure::new(what, hint));
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match (self.lookup)(name)?.into_string() {
            Ok(text) if text.is_empty() => None,
            Ok(text) => Some(text),
            Err(_) => {
                self.problem(
                    format!("{name} is not UTF-8"),
                    format!("set {name} to plain text, or unset it"),
                );
                None
            }
        }
    }

    fn port(&mut self, name: &str) -> Option<u16> {
        let text = self.text(name)?;
        let port = text.parse().ok();
        if port.is_none() {
            self.problem(
                format!("{name}: `{text}` is no port"),
                "a whole number up to 65535; 0 is any free port",
            );
        }
        port
    }

    /// The example's number where nothing is said; none for 0.
    fn tokens(&mut self, name: &str, example: u64) -> Option<u64> {
        let Some(text) = self.text(name) else { return Some(example) };
        match text.parse() {
            Ok(tokens) => Some(tokens).filter(|tokens| *tokens > 0),
            Err(_) => {
                self.problem(
                    format!("{name}: `{text}` is no number of tokens"),
                    "a whole number; 0 is any number",
                );
                None
            }
        }
    }

    fn parsed<T: FromStr<Err = Problem>>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|problem: Problem| self.problem(format!("{name}: {problem}"), problem.hint()))
            .ok()
    }

    /// A part that was given must fit into the whole; one that was not is shortened until it does, so that `TOTAL_TIMEOUT=10s` is enough.
    fn limits(&mut self) -> Limits {
        let example = Limits::default();
        let total = self.parsed("TOTAL_TIMEOUT").unwrap_or(example.total);
        let mut part = |name, usual: Limit| match self.parsed::<Limit>(name) {
            Some(given) if given > total => {
                self.problem(
                    format!(
                        "{name} is longer than the whole request may take ({} s)",
                        total.duration().as_secs_f64()
                    ),
                    format!("raise TOTAL_TIMEOUT or lower {name}"),
                );
                given
            }
            Some(given) => given,
            None => usual.min(total),
        };
        let first_byte = part("FIRST_BYTE_TIMEOUT", example.first_byte);
        let idle = part("IDLE_TIMEOUT", example.idle);
        let answer = part("ANSWER_TIMEOUT", example.answer);
        Limits { first_byte, idle, answer, total }
    }

    fn provider(&mut self, example: Provider, model: &str, url: &str) -> Provider {
        let model = self.parsed::<ModelName>(model).unwrap_or_else(|| example.model.clone());
        let base_url = self.base_url(url, &example.base_url).unwrap_or_else(|| example.base_url.clone());
        Provider { model, base_url, ..example }
    }

    /// A URL may carry a password, and then it is not quoted.
    fn base_url(&mut self, name: &str, example: &BaseUrl) -> Option<BaseUrl> {
        let text = self.text(name)?;
        if text.contains('@') {
            let hint = format!("the key goes into its own variable; the URL is like {name}={example}");
            self.problem(format!("{name} holds credentials"), hint);
            return None;
        }
        let parsed = text.parse();
        parsed
            .map_err(|problem: Problem| {
                self.problem(format!("{name}: {problem}"), format!("for example {name}={example}"))
            })
            .ok()
    }

    fn key(&mut self, name: &str, url: &str) -> Option<Redacted<String>> {
        let Some(key) = self.text(name) else {
            if self.text(url).is_some() {
                self.problem(
                    format!("{url} is set, {name} is not"),
                    format!("set {name} too (any text for a server that needs none), or unset {url}"),
                );
            }
            return None;
        };
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.problem(
                format!("{name} holds a space, a line break or another character that no key has"),
                "was it copied or read from a file with something around it?",
            );
            return None;
        }
        Some(Redacted::new(key))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Failure> for Problems {
    fn from(failure: Failure) -> Self {
        Self(vec![failure])
    }
}

#[cfg(test)]
mod tests;
