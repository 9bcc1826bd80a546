//! The beginning of an attempt: what the host is asked before anything is decided.

use llm_api::{ApiError, Dialect, ErrorKind};
use seam::{Attribute, Effect, Headers, Output, RequestContext, names};

use crate::attempt::{Attempt, Chosen};
use crate::request_headers;
use crate::upstream::Upstreams;

/// A question to the host, in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// What ai-gateway, or the first attempt, knows of the request.
    Context,
    /// The headers before the first attempt changed them. Where there are none, this is the first. Not asked where the router says so.
    Originals,
    /// Which attempt this is; asked from the second on, because an answer costs more than a missing value does.
    Number,
    /// Whose attempt it is; asked where the configuration leaves that to metadata.
    Provider,
}

/// What is known so far.
#[derive(Debug)]
pub(crate) struct Opening {
    headers: Headers,
    end_of_stream: bool,
    context: Option<RequestContext>,
    number: u32,
    originals: Originals,
    provider: Option<String>,
}

/// The client's headers, without credentials.
#[derive(Debug)]
enum Originals {
    /// No attempt has touched them yet: they are the current ones.
    Current,
    /// An attempt before this one kept them.
    Kept(Headers),
}

/// Everything is known that the host can tell before the body.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) sources: Sources,
    pub(crate) request: Request,
    pub(crate) end_of_stream: bool,
}

/// The headers from which a provider's are built.
#[derive(Debug)]
pub(crate) struct Sources {
    /// `:scheme`, the one pseudo header that no attempt changes.
    pub(crate) scheme: Vec<u8>,
    /// As the client sent them, never as an earlier attempt left them. Of these only the keepable ones are anyone's to see.
    client: Headers,
    /// Whether they are still to be kept for later attempts.
    unkept: bool,
}

/// The request, described in filter state or not.
#[derive(Debug)]
pub(crate) enum Request {
    Described(Attempt),
    Undescribed(Chosen),
}

impl Question {
    pub(crate) const fn attribute(self) -> Attribute {
        match self {
            Self::Context => Attribute::State(names::CONTEXT_KEY),
            Self::Number => Attribute::Attempt,
            Self::Originals => Attribute::State(names::ORIGINAL_HEADERS_KEY),
            Self::Provider => Attribute::SelectedProvider,
        }
    }
}

impl Opening {
    pub(crate) const fn new(headers: Headers, end_of_stream: bool) -> Self {
        Self {
            headers,
            end_of_stream,
            context: None,
            number: 1,
            originals: Originals::Current,
            provider: None,
        }
    }

    /// The question after that one.
    pub(crate) fn question_after(&self, last: Question, upstreams: &Upstreams) -> Option<Question> {
        let provider = upstreams.selecting_attribute().map(|_| Question::Provider);
        match last {
            Question::Context if self.is_first() => provider,
            Question::Context => Some(Question::Originals),
            Question::Originals if matches!(self.originals, Originals::Kept(_)) => Some(Question::Number),
            Question::Originals | Question::Number => provider,
            Question::Provider => None,
        }
    }

    /// Whether the router says that this is the first attempt, so that nobody has kept any headers yet.
    ///
    /// A client may say it too, where the router does not count. In the first attempt that is true; no later one sees it, because the first
    /// replaced the headers.
    fn is_first(&self) -> bool {
        self.headers.bytes(names::ROUTERS_COUNT_HEADER) == Some(b"1")
    }

    pub(crate) fn answered(mut self, question: Question, value: Option<&[u8]>) -> Self {
        let text = || value.and_then(|value| std::str::from_utf8(value).ok());
        match question {
            Question::Context => self.context = value.and_then(|value| RequestContext::decode(value).ok()),
            // A host that does not count has at least come to a second one.
            Question::Number => self.number = text().and_then(|number| number.parse().ok()).unwrap_or(2),
            // What cannot be read is no reason to pass on what an earlier attempt left.
            Question::Originals => {
                self.originals = value.map_or(Originals::Current, |value| {
                    Originals::Kept(Headers::decode(value).unwrap_or_default())
                });
            }
            Question::Provider => self.provider = text().map(str::to_owned),
        }
        self
    }

    /// Chooses the provider. The error is for the client, in its dialect.
    pub(crate) fn open(self, upstreams: &Upstreams) -> Result<Opened, (Dialect, ApiError)> {
        let path = self.headers.bytes(":path").unwrap_or_default();
        let dialect = self.context.as_ref().map(|context| context.dialect).or_else(|| Dialect::of_path(path));
        // Every path would go out with our credentials: only those that are understood do.
        let Some(dialect) = dialect else {
            let message = "Nothing is served at this path.";
            let error = ApiError::new(ErrorKind::NotFound, message).with_code("unknown_endpoint");
            return Err((Dialect::OpenAi, error));
        };
        let Some(upstream) = upstreams.select(self.provider.as_deref()) else {
            let message = "The chosen upstream is not configured as a provider.";
            return Err((dialect, ApiError::new(ErrorKind::Internal, message).with_code("unknown_provider")));
        };
        let chosen = Chosen { upstream, number: self.number, dialect };
        let scheme = self.headers.bytes(":scheme").unwrap_or(b"https").to_vec();
        let (client, unkept) = match self.originals {
            Originals::Current => (self.headers, true),
            Originals::Kept(headers) => (headers, false),
        };
        Ok(Opened {
            sources: Sources { scheme, client, unkept },
            request: match self.context {
                Some(context) => Request::Described(chosen.attempt(context)),
                None => Request::Undescribed(chosen),
            },
            end_of_stream: self.end_of_stream,
        })
    }
}

impl Sources {
    /// Keeps what a later attempt may need and this one takes away.
    pub(crate) fn keep(&self, out: &mut dyn Output) {
        if self.unkept {
            let kept = self.client.encode(request_headers::is_keepable);
            out.emit(Effect::Publish(names::ORIGINAL_HEADERS_KEY, &kept));
        }
    }

    /// The lines of a header as the client sent them, if it is one that later attempts would know too.
    pub(crate) fn client<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.client.lines(name).filter(|_| request_headers::is_keepable(name.as_bytes()))
    }

    /// The length of the body as every attempt gets it, where it is known.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.client.number("content-length")
    }
}

impl Request {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Described(attempt) => attempt.dialect(),
            Self::Undescribed(chosen) => chosen.dialect,
        }
    }
}
