//! Who pushes: from the environment, or from where `docker login` and its like keep it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

/// The variables that come before any file.
const USERNAME: &str = "REGISTRY_USERNAME";
const PASSWORD: &str = "REGISTRY_PASSWORD";
/// The name under which files keep Docker Hub's.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// The user name by which helpers say that the secret is a token.
const TOKEN_USER: &str = "<token>";

/// What a registry knows somebody by. Never shown, not even for debugging.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password, or what stands for one.
    Password {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// A token that other tokens are given out for.
    IdentityToken(String),
}

/// Why credentials cannot be read. Never says what they are.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// One of the two variables is not set.
    #[error("{USERNAME} and {PASSWORD} belong together, and one of them is not set")]
    Half,
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: cannot be understood: {reason}\n  hint: `docker login` or `skopeo login` writes it anew", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// The program that keeps them does not work.
    #[error(
        "docker-credential-{helper}: {reason}\n  hint: the file names it in `credHelpers` or `credsStore`; {USERNAME} and {PASSWORD} go before it"
    )]
    Helper {
        /// Its name.
        helper: String,
        /// Why not.
        reason: String,
    },
}

/// `config.json`, as far as it is read here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
    identitytoken: Option<String>,
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    username: String,
    secret: String,
}

impl Credentials {
    /// What is known for that registry: from `REGISTRY_USERNAME` and `REGISTRY_PASSWORD`, else from `config.json` in `DOCKER_CONFIG` or in `.docker` at home, else
    /// nothing.
    ///
    /// # Errors
    ///
    /// Where something is said that cannot be used.
    pub fn find(
        registry: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, CredentialsError> {
        let set = |name| environment(name).filter(|value| !value.is_empty());
        match (set(USERNAME), set(PASSWORD)) {
            (Some(username), Some(password)) => return Ok(Some(Self::Password { username, password })),
            (None, None) => {}
            _ => return Err(CredentialsError::Half),
        }
        let directory = set("DOCKER_CONFIG").map(PathBuf::from);
        let directory = directory.or_else(|| Some(PathBuf::from(set("HOME")?).join(".docker")));
        let Some(path) = directory.map(|directory| directory.join("config.json")) else { return Ok(None) };
        match std::fs::read(&path) {
            Ok(bytes) => Self::in_file(&path, &bytes, registry),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(CredentialsError::File { path, source }),
        }
    }

    fn in_file(path: &Path, bytes: &[u8], registry: &str) -> Result<Option<Self>, CredentialsError> {
        let malformed = |reason| CredentialsError::Malformed { path: path.to_owned(), reason };
        let file: File =
            serde_json::from_slice(bytes).map_err(|_| malformed("it is no JSON of that kind"))?;
        let key = if registry == "docker.io" { DOCKER_HUB } else { registry };
        if let Some(helper) = file.cred_helpers.get(key) {
            return kept(helper, key);
        }
        let entry = file.auths.get(key).or_else(|| file.auths.get(&format!("https://{key}")));
        if let Some(token) =
            entry.and_then(|entry| entry.identitytoken.clone()).filter(|token| !token.is_empty())
        {
            return Ok(Some(Self::IdentityToken(token)));
        }
        if let Some(auth) = entry.and_then(|entry| entry.auth.as_deref()).filter(|auth| !auth.is_empty()) {
            let decoded = BASE64_STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let decoded = decoded.ok_or_else(|| malformed("an `auth` is no base64"))?;
            let (username, password) =
                decoded.split_once(':').ok_or_else(|| malformed("an `auth` is no `name:password`"))?;
            return Ok(Some(Self::Password {
                username: username.to_owned(),
                password: password.trim_end_matches('\0').to_owned(),
            }));
        }
        match &file.creds_store {
            Some(helper) => kept(helper, key),
            None => Ok(None),
        }
    }

    /// The value of a header that says who this is; none for a token that is only good for others.
    pub(crate) fn basic(&self) -> Option<String> {
        match self {
            Self::Password { username, password } => {
                Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}"))))
            }
            Self::IdentityToken(_) => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Asks the program that keeps credentials; one that has none for a registry says so by failing.
fn kept(helper: &str, key: &str) -> Result<Option<Credentials>, CredentialsError> {
    let failed =
        |reason: String| CredentialsError::Helper { helper: helper.chars().take(40).collect(), reason };
    if !helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        return Err(failed("is no name of a program".to_owned()));
    }
    let ask = || -> io::Result<std::process::Output> {
        let mut child = Command::new(format!("docker-credential-{helper}"))
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(key.as_bytes())?;
        }
        child.wait_with_output()
    };
    let output = ask().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Ok(None);
    }
    let kept: Kept = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed("answers with something else".to_owned()))?;
    Ok(Some(if kept.username == TOKEN_USER {
        Credentials::IdentityToken(kept.secret)
    } else {
        Credentials::Password { username: kept.username, password: kept.secret }
    }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Credentials, CredentialsError};

    fn in_file(json: &str, registry: &str) -> Result<Option<Credentials>, CredentialsError> {
        Credentials::in_file(Path::new("config.json"), json.as_bytes(), registry)
    }

    fn password(username: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Password { username: username.to_owned(), password: password.to_owned() })
    }

    #[test]
    fn the_registrys_own_entry_is_found() {
        let json = r#"{"auths": {
            "ghcr.io": {"auth": "bWU6c2VjcmV0OndpdGg6Y29sb25z"},
            "https://quay.io": {"auth": "eW91OnB3AAA="},
            "https://index.docker.io/v1/": {"identitytoken": "a token", "auth": ""},
            "empty.example": {}
        }, "HttpHeaders": {}}"#;
        for (registry, expected) in [
            ("ghcr.io", password("me", "secret:with:colons")),
            ("quay.io", password("you", "pw")),
            ("docker.io", Some(Credentials::IdentityToken("a token".to_owned()))),
            ("empty.example", None),
            ("other.example", None),
        ] {
            assert_eq!(in_file(json, registry).unwrap(), expected, "{registry}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_the_secret() {
        for json in [
            "canary",
            r#"{"auths": {"r": {"auth": "canary!"}}}"#,
            r#"{"auths": {"r": {"auth": "Y2FuYXJ5"}}}"#,
            r#"{"credHelpers": {"r": "../canary"}}"#,
        ] {
            let error = in_file(json, "r").unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(json.contains("../") || !said.contains("canary"), "{said}");
        }
        assert!(!format!("{:?}", password("me", "canary")).contains("canary"));
    }

    #[test]
    fn a_helper_that_is_not_there_is_named() {
        let error = in_file(r#"{"credsStore": "not-installed-anywhere"}"#, "r").unwrap_err();
        assert!(error.to_string().starts_with("docker-credential-not-installed-anywhere: "), "{error}");
    }

    #[test]
    fn the_environment_comes_first() {
        let both = |name: &str| match name {
            "REGISTRY_USERNAME" => Some("me".to_owned()),
            "REGISTRY_PASSWORD" => Some("secret".to_owned()),
            _ => None,
        };
        assert_eq!(Credentials::find("r", &both).unwrap(), password("me", "secret"));
        let half = |name: &str| both(name).filter(|_| name == "REGISTRY_USERNAME");
        assert!(matches!(Credentials::find("r", &half), Err(CredentialsError::Half)));
        let nowhere = |name: &str| (name == "DOCKER_CONFIG").then(|| "/no/such/directory".to_owned());
        assert_eq!(Credentials::find("r", &nowhere).unwrap(), None);
        assert_eq!(Credentials::find("r", &|_| None).unwrap(), None);
    }
}
