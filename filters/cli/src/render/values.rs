//! The values that a rendering is made of: each can only be had by parsing, and none can mean anything but itself.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use super::Problem;

/// The longest name, of anything.
const MAX_NAME: usize = 128;
/// The longest time limit: a day.
const MAX_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// The smallest body limit that a chat request is likely to fit in.
const MIN_BODY: u32 = 1024;
/// The largest body limit: a filter's memory holds the body, its parsed form and its translation, and ends at 1 GiB.
const MAX_BODY: u32 = 128 * 1024 * 1024;

/// A provider's name: in metadata, in `x-ai-provider`, and part of a cluster's name. `[a-z0-9][a-z0-9_-]*`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName(String);

/// A model's name, as clients or a provider say it: visible ASCII without commas, quotes and `*`; or a prefix of such names followed by `*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelName(String);

/// The name of an environment variable: `[A-Za-z_][A-Za-z0-9_]*`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvName(String);

/// An absolute path of a file, as the machine that runs Envoy has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath(String);

/// A time limit: above zero, at most a day. Written `500ms`, `4s`, `2m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit(Duration);

/// The largest body that the filters read or write, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BodyLimit(u32);

/// Where a provider's API begins, as its SDKs take it: `https://api.openai.com/v1`, `https://api.anthropic.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    host: String,
    port: u16,
    path: String,
}

/// Where a service is reached inside the operator's network: `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAddress {
    host: String,
    port: u16,
}

/// Whether a provider is reached over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP: a server on this machine or in a trusted network.
    Http,
    /// TLS, verified.
    Https,
}

impl ProviderName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of_example(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl ModelName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of_example(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl ModelName {
    /// A name, or a prefix of names followed by `*`.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn pattern(text: &str) -> Result<Self, Problem> {
        match text.strip_suffix('*') {
            Some("") => Ok(Self(text.to_owned())),
            Some(prefix) => prefix.parse::<Self>().map(|_| Self(text.to_owned())),
            None => text.parse(),
        }
    }

    /// Whether it stands for every name with that beginning.
    pub fn is_pattern(&self) -> bool {
        self.0.ends_with('*')
    }
}

impl EnvName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of_example(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl FilePath {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of_example(path: &str) -> Self {
        Self(path.to_owned())
    }
}

impl Limit {
    /// A limit of that many whole seconds.
    pub const fn seconds(seconds: u32) -> Self {
        Self(Duration::from_secs(seconds as u64))
    }

    /// A limit of that many milliseconds.
    pub const fn millis(millis: u32) -> Self {
        Self(Duration::from_millis(millis as u64))
    }

    /// The limit as a duration.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl BodyLimit {
    pub(super) const EXAMPLE: Self = Self(8 * 1024 * 1024);

    /// A limit of that many bytes.
    ///
    /// # Errors
    /// Where it is below 1 KiB or above 128 MiB.
    pub fn new(bytes: u64) -> Result<Self, Problem> {
        match u32::try_from(bytes) {
            Ok(bytes) if (MIN_BODY..=MAX_BODY).contains(&bytes) => Ok(Self(bytes)),
            _ => Err(Problem::BodyLimit { given: bytes.to_string(), min: MIN_BODY, max: MAX_BODY }),
        }
    }

    /// Bytes that the filters allow.
    pub const fn bytes(self) -> u32 {
        self.0
    }

    /// Bytes that Envoy may buffer: twice as many.
    ///
    /// Envoy's own limit must never be what a request meets first. Above it Envoy answers 413 in plain text, silently gives up retries,
    /// and a filter that writes a body above it is entered again while it runs, which kills its VM. Envoy compares only after a whole
    /// read was added to the buffer, and a translation may be longer than what it was made from, so "a little more" is not enough.
    pub const fn envoy_bytes(self) -> u32 {
        self.0.saturating_mul(2)
    }
}

impl BaseUrl {
    pub(super) fn of_example(host: &str, path: &str) -> Self {
        Self { scheme: Scheme::Https, host: host.to_owned(), port: 443, path: path.to_owned() }
    }

    /// TLS to another service of a compose file.
    pub(super) fn of_service(host: &str, port: u16, path: &str) -> Self {
        Self { scheme: Scheme::Https, host: host.to_owned(), port, path: path.to_owned() }
    }

    /// Whether it is reached over TLS.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host to connect to: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What stands before the API's endpoint: begins with `/` and does not end with one, or is empty.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the host is an address rather than a name.
    pub fn is_address(&self) -> bool {
        self.host.parse::<std::net::IpAddr>().is_ok()
    }

    /// The `:authority` of requests to it; a scheme's own port is left out.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl ServiceAddress {
    pub(super) fn of_example(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }

    /// The host to connect to: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Scheme {
    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl FromStr for ProviderName {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let ok = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text.len() <= MAX_NAME
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
        if ok { Ok(Self(text.to_owned())) } else { Err(Problem::ProviderName { given: text.to_owned() }) }
    }
}

impl FromStr for ModelName {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let ok = !text.is_empty()
            && text.len() <= MAX_NAME
            && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, ',' | '"' | '\'' | '\\' | '*'));
        if ok { Ok(Self(text.to_owned())) } else { Err(Problem::ModelName { given: text.to_owned() }) }
    }
}

impl FromStr for EnvName {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let ok = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.len() <= MAX_NAME
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if ok { Ok(Self(text.to_owned())) } else { Err(Problem::EnvName) }
    }
}

impl FromStr for FilePath {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let ok = text.starts_with('/') && !text.ends_with('/') && !text.chars().any(char::is_control);
        if ok { Ok(Self(text.to_owned())) } else { Err(Problem::FilePath { given: text.to_owned() }) }
    }
}

impl FromStr for Limit {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
        let problem = || Problem::Limit { given: text.to_owned() };
        let (digits, unit) = UNITS
            .into_iter()
            .find_map(|(unit, millis)| Some((text.strip_suffix(unit)?, millis)))
            .ok_or_else(problem)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(problem());
        }
        let count: u64 = digits.parse().map_err(|_| problem())?;
        let limit = count.checked_mul(unit).map(Duration::from_millis).ok_or_else(problem)?;
        if limit.is_zero() || limit > MAX_LIMIT { Err(problem()) } else { Ok(Self(limit)) }
    }
}

impl FromStr for BodyLimit {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        text.parse()
            .map_err(|_| Problem::BodyLimit { given: text.to_owned(), min: MIN_BODY, max: MAX_BODY })
            .and_then(Self::new)
    }
}

impl FromStr for BaseUrl {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let problem = |reason| Problem::BaseUrl { given: repeatable(text), reason };
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            _ => return Err(problem("it begins with neither `http://` nor `https://`")),
        };
        let (authority, path) = match rest.find('/').and_then(|slash| rest.split_at_checked(slash)) {
            Some(parts) => parts,
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(problem("credentials do not belong in a URL"));
        }
        let (host, port) =
            host_and_port(authority).ok_or_else(|| problem("its host or port is malformed"))?;
        let path = path.trim_end_matches('/');
        if !path.bytes().all(is_path_byte) || path.contains("//") || path.split('/').any(|part| part == "..")
        {
            return Err(problem("its path is malformed; a query or fragment has no place in a base URL"));
        }
        let port = port.unwrap_or_else(|| scheme.port());
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port, path: path.to_owned() })
    }
}

impl FromStr for ServiceAddress {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        match host_and_port(text) {
            Some((host, Some(port))) => Ok(Self { host: host.to_ascii_lowercase(), port }),
            _ => Err(Problem::ServiceAddress { given: repeatable(text) }),
        }
    }
}

/// What of an address may be said again. A password stands before an `@`, and keys stand in queries.
fn repeatable(text: &str) -> String {
    if !text.contains(['@', '?', '#']) {
        return text.to_owned();
    }
    let scheme = ["https://", "http://"].into_iter().find(|scheme| text.starts_with(scheme));
    format!("{}…", scheme.unwrap_or_default())
}

/// `name`, `1.2.3.4` or `[::1]`, each with or without `:port`.
fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            (address, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(port.parse().ok().filter(|p| *p != 0)?)
        }
        Some(_) => return None,
        None => None,
    };
    let is_name = |host: &str| {
        host.len() <= 253
            && host.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            })
    };
    // What looks like an address must be one: `1.2.3` and `999.1.1.1` would otherwise pass for names.
    let looks_numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let valid =
        host.contains(':') || if looks_numeric { host.parse::<Ipv4Addr>().is_ok() } else { is_name(host) };
    valid.then_some((host, port))
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&byte)
}
