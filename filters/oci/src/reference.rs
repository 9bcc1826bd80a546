//! The names of images: `ghcr.io/someone/ai-gateway`, and a tag.

use std::fmt;
use std::str::FromStr;

/// A repository in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
}

/// A name of one image in a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(String);

/// Why a text is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// There is no registry in front.
    #[error(
        "names no registry\n  hint: write the registry's host first: `ghcr.io/someone/ai-gateway`, `localhost:5000/ai-gateway`"
    )]
    NoRegistry,
    /// The host is none.
    #[error("has no host of a registry in front\n  hint: write `host` or `host:port`, without `https://`")]
    Registry,
    /// The path is none.
    #[error(
        "is no repository\n  hint: use lower-case letters, digits and `.`, `_`, `-` between them, in parts separated by `/`; the tags come from the images"
    )]
    Repository,
    /// The tag is none.
    #[error(
        "is no tag\n  hint: use 1 to 128 letters, digits and `.`, `_`, `-`, and neither `.` nor `-` in front"
    )]
    Tag,
}

impl Reference {
    /// Where its API is: a scheme and a host. Only a registry on this machine is spoken to without TLS.
    pub(crate) fn origin(&self) -> String {
        // Docker Hub's API is not where its name says.
        let host = if self.registry == "docker.io" { "registry-1.docker.io" } else { &self.registry };
        let scheme = if is_loopback(host) { "http" } else { "https" };
        format!("{scheme}://{host}")
    }

    /// The registry's host, and its port where there is one.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository's path in it.
    pub fn repository(&self) -> &str {
        &self.repository
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (registry, repository) = text.split_once('/').ok_or(ReferenceError::NoRegistry)?;
        let is_host_byte =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
        if registry.is_empty() || !registry.bytes().all(is_host_byte) || registry.ends_with(':') {
            return Err(ReferenceError::Registry);
        }
        if !registry.contains(['.', ':']) && registry != "localhost" {
            return Err(ReferenceError::NoRegistry);
        }
        if repository.len() > 255 || !repository.split('/').all(is_part) {
            return Err(ReferenceError::Repository);
        }
        Ok(Self { registry: registry.to_owned(), repository: repository.to_owned() })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)
    }
}

impl Tag {
    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = text.len() <= 128
            && text.bytes().next().is_some_and(is_word)
            && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err(ReferenceError::Tag) }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether that host, with or without a port, is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_part(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [part.bytes().next(), part.bytes().next_back()];
    ends.iter().all(|end| end.is_some_and(is_word))
        && part.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::{Reference, ReferenceError, Tag, is_loopback};

    #[test]
    fn repositories_are_read() {
        for (text, origin, repository) in [
            ("ghcr.io/someone/ai-gateway", "https://ghcr.io", "someone/ai-gateway"),
            ("docker.io/someone/ai-gateway", "https://registry-1.docker.io", "someone/ai-gateway"),
            ("localhost/a", "http://localhost", "a"),
            ("127.0.0.1:5000/ai/a", "http://127.0.0.1:5000", "ai/a"),
            ("[::1]:5000/a", "http://[::1]:5000", "a"),
            ("registry:5000/a", "https://registry:5000", "a"),
            ("127.0.0.1.evil.example/a", "https://127.0.0.1.evil.example", "a"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!((reference.origin().as_str(), reference.repository()), (origin, repository));
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_repository_says_why() {
        for (text, error) in [
            ("ai-gateway", ReferenceError::NoRegistry),
            ("someone/ai-gateway", ReferenceError::NoRegistry),
            ("https://ghcr.io/someone", ReferenceError::Registry),
            ("/a", ReferenceError::Registry),
            ("user@ghcr.io/a", ReferenceError::Registry),
            ("ghcr.io/", ReferenceError::Repository),
            ("ghcr.io/A", ReferenceError::Repository),
            ("ghcr.io/a:1.0", ReferenceError::Repository),
            ("ghcr.io/a//b", ReferenceError::Repository),
            ("ghcr.io/../b", ReferenceError::Repository),
            ("ghcr.io/a?b", ReferenceError::Repository),
        ] {
            assert_eq!(text.parse::<Reference>(), Err(error), "{text}");
        }
        for text in ["", "-a", ".a", "a/b", "a b", "é"] {
            assert_eq!(text.parse::<Tag>(), Err(ReferenceError::Tag), "{text}");
        }
        assert!("0.1.0-wasm_x".parse::<Tag>().is_ok());
    }

    #[test]
    fn only_this_machine_is_this_machine() {
        for host in ["localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:80"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "localhost.example", "10.0.0.1", "127.0.0.1.example:5000", "[::2]", "::1.example", "0.0.0.0"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
