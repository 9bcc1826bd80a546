//! One registry, spoken to: HTTP, TLS, and who is asking.
//!
//! A request is sent as it is; where the registry refuses it with a challenge, the challenge is met and the request sent once more. What meets it is kept for the requests that
//! follow. Credentials go to the registry and to the token service that it names, by TLS or within this machine, and to nobody else: an upload that is continued at
//! another host goes there without them.

use serde::Deserialize;
use ureq::http::{HeaderMap, Method, Request, StatusCode};

use crate::challenge::Challenge;
use crate::credentials::Credentials;
use crate::reference::{Reference, is_loopback};
use crate::transport::{agent, authorities};

/// The most of an answer that is read: a registry takes manifests of up to 4 MiB.
const LONGEST_ANSWER: u64 = 4 << 20;
/// Why a registry was not asked, or did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is nobody to trust.
    #[error(
        "no certificate authorities were found\n  hint: install your system's ca-certificates package, or name a PEM file: SSL_CERT_FILE=/path/to/ca.pem"
    )]
    NoAuthorities,
    /// It cannot be reached, or ends the exchange.
    #[error(
        "{url}: {source}\n  hint: is that the registry's host? Only one on this machine is spoken to without TLS"
    )]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// It wants to know who is asking, and is not satisfied.
    #[error(
        "{registry}: not allowed: {reason}\n  hint: `docker login`, or set REGISTRY_USERNAME and REGISTRY_PASSWORD"
    )]
    Unauthorized {
        /// Which registry, or which token service.
        registry: String,
        /// What it says.
        reason: String,
    },
    /// It refuses.
    #[error("{url}: {status}: {reason}")]
    Refused {
        /// What was asked for.
        url: String,
        /// The answer's status.
        status: u16,
        /// What it says.
        reason: String,
    },
    /// It answers with something else.
    #[error("{url}: {reason}")]
    Unexpected {
        /// What was asked for.
        url: String,
        /// What is wrong with the answer.
        reason: &'static str,
    },
}

/// A registry, and what it knows us by.
pub(crate) struct Client {
    agent: ureq::Agent,
    origin: String,
    repository: String,
    registry: String,
    credentials: Option<Credentials>,
    /// What the last challenge was met with.
    authorization: Option<String>,
}

/// What is asked of it.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    /// An address, or a path in the repository.
    pub(crate) to: &'a str,
    pub(crate) headers: &'a [(&'static str, &'a str)],
    pub(crate) body: &'a [u8],
}

/// What it answers.
pub(crate) struct Answer {
    pub(crate) url: String,
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A token service's answer: one of the two names is used.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// A registry's refusal.
#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    code: Option<String>,
    message: Option<String>,
}

impl Client {
    pub(crate) fn new(reference: &Reference, credentials: Option<Credentials>) -> Result<Self, ClientError> {
        let origin = reference.origin();
        // Nobody's authorities are needed, and so none have to be there, where there is no TLS.
        let authorities = if origin.starts_with("https:") {
            Some(authorities().ok_or(ClientError::NoAuthorities)?)
        } else {
            None
        };
        Ok(Self {
            agent: agent(authorities),
            origin,
            repository: reference.repository().to_owned(),
            registry: reference.registry().to_owned(),
            credentials,
            authorization: None,
        })
    }

    /// Sends it, and once more with what the registry wants to know.
    pub(crate) fn send(&mut self, ask: &Ask<'_>) -> Result<Answer, ClientError> {
        let url = self.address(ask.to);
        let own = url.starts_with(&format!("{}/", self.origin));
        let authorization = self.authorization.clone().filter(|_| own);
        let answer = self.exchange(ask, &url, authorization.as_deref())?;
        if answer.status != StatusCode::UNAUTHORIZED || !own {
            return Ok(answer);
        }
        let authorization = self.authorize(&answer)?;
        let answer = self.exchange(ask, &url, Some(&authorization))?;
        if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(self.unauthorized(&answer));
        }
        self.authorization = Some(authorization);
        Ok(answer)
    }

    /// The address of a path in the repository, or in the registry, or anywhere.
    fn address(&self, to: &str) -> String {
        if to.contains("://") {
            to.to_owned()
        } else if to.starts_with('/') {
            format!("{}{to}", self.origin)
        } else {
            format!("{}/v2/{}/{to}", self.origin, self.repository)
        }
    }

    fn exchange(&self, ask: &Ask<'_>, url: &str, authorization: Option<&str>) -> Result<Answer, ClientError> {
        let unreachable = |source| ClientError::Unreachable { url: url.to_owned(), source: Box::new(source) };
        let mut request = Request::builder().method(ask.method.clone()).uri(url);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let sent = if matches!(ask.method, Method::GET | Method::HEAD) {
            request.body(()).map_err(ureq::Error::from).and_then(|request| self.agent.run(request))
        } else {
            request.body(ask.body).map_err(ureq::Error::from).and_then(|request| self.agent.run(request))
        };
        let (parts, body) = sent.map_err(unreachable)?.into_parts();
        let body = body.into_with_config().limit(LONGEST_ANSWER).read_to_vec().map_err(unreachable)?;
        Ok(Answer { url: url.to_owned(), status: parts.status, headers: parts.headers, body })
    }

    /// Meets the challenge of a refusal.
    fn authorize(&self, refusal: &Answer) -> Result<String, ClientError> {
        let challenges = refusal.headers.get_all("www-authenticate").iter();
        let challenge = challenges.filter_map(|value| Challenge::parse(value.to_str().ok()?)).next();
        let refused = || self.unauthorized(refusal);
        match challenge.ok_or_else(refused)? {
            Challenge::Basic => self.credentials.as_ref().and_then(Credentials::basic).ok_or_else(refused),
            Challenge::Bearer { realm, service } => self.token(&realm, service.as_deref()),
        }
    }

    fn unauthorized(&self, answer: &Answer) -> ClientError {
        let otherwise = if self.credentials.is_some() {
            "the credentials are refused"
        } else {
            "no credentials are known for it"
        };
        let reason = answer.said().unwrap_or_else(|| otherwise.to_owned());
        ClientError::Unauthorized { registry: self.registry.clone(), reason }
    }

    /// A token for this repository, to read and to write it.
    fn token(&self, realm: &str, service: Option<&str>) -> Result<String, ClientError> {
        let unexpected = |reason| ClientError::Unexpected { url: realm.to_owned(), reason };
        if !may_be_told(realm) {
            return Err(unexpected("the token service is spoken to without TLS: no credentials go there"));
        }
        let scope = format!("repository:{}:pull,push", self.repository);
        let mut parameters = vec![("scope", scope.as_str())];
        parameters.extend(service.map(|service| ("service", service)));
        let answer = match &self.credentials {
            Some(Credentials::IdentityToken(token)) => {
                parameters.extend([
                    ("grant_type", "refresh_token"),
                    ("client_id", "ai-filters"),
                    ("refresh_token", token.as_str()),
                ]);
                let form = encoded(&parameters);
                let headers = [("content-type", "application/x-www-form-urlencoded")];
                let ask = Ask { method: Method::POST, to: realm, headers: &headers, body: form.as_bytes() };
                self.exchange(&ask, realm, None)?
            }
            credentials => {
                let separator = if realm.contains('?') { '&' } else { '?' };
                let url = format!("{realm}{separator}{}", encoded(&parameters));
                let ask = Ask { method: Method::GET, to: &url, headers: &[], body: b"" };
                let basic = credentials.as_ref().and_then(Credentials::basic);
                self.exchange(&ask, &url, basic.as_deref())?
            }
        };
        if !answer.status.is_success() {
            return Err(ClientError::Unauthorized { registry: realm.to_owned(), reason: answer.reason() });
        }
        let token: Token =
            serde_json::from_slice(&answer.body).map_err(|_| unexpected("the answer has no token"))?;
        let token = token.token.or(token.access_token).filter(|token| !token.is_empty());
        token.map(|token| format!("Bearer {token}")).ok_or_else(|| unexpected("the answer has no token"))
    }
}

impl Answer {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// That it is not what was hoped for.
    pub(crate) fn refused(&self) -> ClientError {
        ClientError::Refused { url: self.url.clone(), status: self.status.as_u16(), reason: self.reason() }
    }

    pub(crate) fn unexpected(&self, reason: &'static str) -> ClientError {
        ClientError::Unexpected { url: self.url.clone(), reason }
    }

    /// What a registry gives as its reason, and if it is none, that.
    fn reason(&self) -> String {
        self.said().unwrap_or_else(|| "it gives no reason".to_owned())
    }

    /// What a registry gives as its reason, on one line.
    fn said(&self) -> Option<String> {
        const SAID: usize = 200;
        let refusal: Refusal = serde_json::from_slice(&self.body).ok()?;
        let reasons = refusal.errors.iter().map(|reason| {
            let parts = [reason.code.as_deref(), reason.message.as_deref()];
            parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
        });
        let said = reasons.collect::<Vec<_>>().join("; ");
        let said: String = said.chars().filter(|character| !character.is_control()).take(SAID).collect();
        (!said.is_empty()).then_some(said)
    }
}

/// Whether credentials may go to that address.
fn may_be_told(url: &str) -> bool {
    match url.split_once("://") {
        Some(("https", _)) => true,
        Some(("http", rest)) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            !host.contains('@') && is_loopback(host)
        }
        _ => false,
    }
}

/// As in a query, and as in a form.
fn encoded(parameters: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        text.bytes()
            .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::{encoded, may_be_told};

    #[test]
    fn credentials_do_not_leave_the_machine_in_the_clear() {
        for url in
            ["https://auth.docker.io/token", "http://127.0.0.1:5001/token", "http://localhost/token?a=b"]
        {
            assert!(may_be_told(url), "{url}");
        }
        for url in [
            "http://auth.docker.io/token",
            "http://127.0.0.1.example/token",
            "http://localhost@example.com/",
            "http://example.com#localhost",
            "ftp://127.0.0.1/",
            "127.0.0.1/token",
            "",
        ] {
            assert!(!may_be_told(url), "{url}");
        }
    }

    #[test]
    fn parameters_are_encoded() {
        let text = encoded(&[("scope", "repository:a/b:pull,push"), ("x", "é &=")]);
        assert_eq!(text, "scope=repository%3Aa%2Fb%3Apull%2Cpush&x=%C3%A9%20%26%3D");
    }
}
