//! The one question: who is calling?

use std::rc::Rc;

use crate::cache::Cache;
use crate::caller::Verified;
use crate::credential::{self, Credential};
use crate::jws::looks_like_a_token;
use crate::virtual_key::PREFIX;
use crate::{
    ApiKey, Caller, Denied, FetchFailure, FetchFrom, Jwt, KeyDigest, TrustedHeaders, UnixSeconds,
    VirtualKeys, api_key,
};

/// What is believed, and what becomes of everybody else.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The sources in the order in which they are asked.
    pub sources: Vec<SourceSettings>,
    /// What becomes of a request of which no source knows anything.
    pub anonymous: Anonymous,
    /// What becomes of a credential that no source knows, where keys or tokens are configured.
    pub unknown_credentials: UnknownCredentials,
}

/// A source and what it needs.
#[derive(Clone, Debug)]
pub enum SourceSettings {
    /// Headers that Envoy or a proxy before it sets.
    Header(TrustedHeaders),
    /// Keys by their hashes.
    ApiKeys(Vec<ApiKey>),
    /// Keys that the command-line tool signs.
    VirtualKeys(VirtualKeys),
    /// Tokens of an identity provider.
    Jwt(Jwt),
}

/// What becomes of a request of which no source knows anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// It is the anonymous caller's.
    Allowed,
    /// 401.
    Refused,
}

/// What becomes of a credential that no source knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownCredentials {
    /// 401: whoever shows a key means to be known by it.
    Refused,
    /// As if it were not there.
    Ignored,
}

/// Who is calling, asked for each request. One in each worker.
#[derive(Clone, Debug)]
pub struct Identity {
    settings: Settings,
    cache: Cache,
}

impl Default for Identity {
    /// Everybody is anonymous.
    fn default() -> Self {
        Self::new(Settings {
            sources: Vec::new(),
            anonymous: Anonymous::Allowed,
            unknown_credentials: UnknownCredentials::Refused,
        })
    }
}

impl Identity {
    /// An identity with these sources.
    pub fn new(settings: Settings) -> Self {
        Self { settings, cache: Cache::default() }
    }

    /// What it was made of.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who sends a request with these headers, names in lower case.
    ///
    /// The sources are asked in their order; the first that finds something decides, also to refuse. A credential that none of them
    /// knows is refused where keys or tokens are configured, unless unknown ones are ignored; where only headers are, it is the
    /// client's own affair.
    pub fn identify<'a>(
        &self,
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
        now: UnixSeconds,
    ) -> Result<Rc<Caller>, Denied> {
        let values = |name: &str| {
            let name = name.as_bytes().to_vec();
            headers.clone().filter(move |(other, _)| *other == name).map(|(_, value)| value)
        };
        // Read when the first source asks: behind a header that decides, nobody looks at it.
        let mut shown: Option<Shown<'a>> = None;
        for source in &self.settings.sources {
            if let SourceSettings::Header(trusted) = source {
                match trusted.caller(values) {
                    Some(found) => return found.map(Rc::new),
                    None => continue,
                }
            }
            let shown = match shown {
                Some(shown) => shown,
                None => *shown.insert(Shown::of(credential::of(values)?)),
            };
            if let Some(found) = self.ask(source, &shown, now) {
                return found;
            }
        }
        let unknown = shown.is_some_and(|shown| shown.anything);
        if unknown && self.settings.unknown_credentials == UnknownCredentials::Refused {
            return Err(Denied::UnknownCredential);
        }
        match self.settings.anonymous {
            Anonymous::Allowed => Ok(Rc::new(Caller::anonymous())),
            Anonymous::Refused => Err(Denied::NoCredential),
        }
    }

    /// What that source makes of the credential; none where it is not of its kind.
    fn ask(
        &self,
        source: &SourceSettings,
        shown: &Shown<'_>,
        now: UnixSeconds,
    ) -> Option<Result<Rc<Caller>, Denied>> {
        let (key, digest) = shown.key?;
        match source {
            SourceSettings::Header(_) => None,
            SourceSettings::ApiKeys(keys) => api_key::find(keys, &digest).map(Ok),
            SourceSettings::VirtualKeys(virtual_keys) => {
                let token = key.strip_prefix(PREFIX)?;
                Some(self.verified(digest, now, || virtual_keys.verify(token, now)))
            }
            SourceSettings::Jwt(jwt) => {
                looks_like_a_token(key).then(|| self.verified(digest, now, || jwt.verify(key, now)))
            }
        }
    }

    /// The caller of a token, from the cache where it is known.
    fn verified(
        &self,
        digest: KeyDigest,
        now: UnixSeconds,
        verify: impl FnOnce() -> Result<Verified, Denied>,
    ) -> Result<Rc<Caller>, Denied> {
        if let Some(known) = self.cache.find(&digest, now) {
            return Ok(known.caller);
        }
        let verified = verify()?;
        let caller = Rc::clone(&verified.caller);
        self.cache.add(digest, verified);
        Ok(caller)
    }

    /// Request headers, in lower case, that look like an identity and are not believed here: to be removed, so that no route and no
    /// rate limit behind the filter believes them either.
    pub fn untrusted_headers(&self) -> impl Iterator<Item = &'static str> {
        let is_trusted = |name: &str| {
            self.settings.sources.iter().any(|source| match source {
                SourceSettings::Header(trusted) => {
                    trusted.user == name || trusted.team.as_deref() == Some(name)
                }
                _ => false,
            })
        };
        [TrustedHeaders::USER, TrustedHeaders::TEAM].into_iter().filter(move |name| !is_trusted(name))
    }

    /// Whether a key set is fetched, so that the host has to ask what is due.
    pub fn fetches(&self) -> bool {
        self.jwt().is_some_and(|jwt| jwt.keys.is_fetched())
    }

    /// The fetch that is to be made now, if one is due. It has begun with this call; [`fetched`](Self::fetched) takes what it brings.
    pub fn begin_fetch(&self, now: UnixSeconds) -> Option<&FetchFrom> {
        self.jwt()?.keys.begin_if_due(now)
    }

    /// Takes what a fetch brought: the body of an answer with status 200. The error is for the host's log; the earlier keys stay.
    pub fn fetched(&self, now: UnixSeconds, answer: Result<&[u8], FetchFailure>) -> Result<(), FetchFailure> {
        let Some(jwt) = self.jwt() else { return Ok(()) };
        jwt.keys.finished(now, answer)?;
        self.cache.clear();
        Ok(())
    }

    fn jwt(&self) -> Option<&Jwt> {
        self.settings.sources.iter().find_map(|source| match source {
            SourceSettings::Jwt(jwt) => Some(jwt),
            _ => None,
        })
    }
}

/// What a client showed.
#[derive(Clone, Copy)]
struct Shown<'a> {
    /// A key or token and its hash.
    key: Option<(&'a str, KeyDigest)>,
    /// Whether there was anything, a key or not.
    anything: bool,
}

impl<'a> Shown<'a> {
    fn of(credential: Option<Credential<'a>>) -> Self {
        let key = match credential {
            Some(Credential::Key(key)) => Some((key, KeyDigest::of(key.as_bytes()))),
            _ => None,
        };
        Self { key, anything: credential.is_some() }
    }
}
