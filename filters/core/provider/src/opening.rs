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
    /// Which attempt this is.
    Number,
    /// The headers before the first attempt changed them; asked from the second attempt on.
    Originals,
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
    originals: Option<Headers>,
    provider: Option<String>,
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
    /// As they stand now: on a later attempt, as its predecessor left them.
    pub(crate) current: Headers,
    /// As the client sent them, without credentials, where this is a later attempt.
    pub(crate) originals: Option<Headers>,
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
        Self { headers, end_of_stream, context: None, number: 1, originals: None, provider: None }
    }

    /// The question after that one.
    pub(crate) fn question_after(&self, last: Question, upstreams: &Upstreams) -> Option<Question> {
        let provider = upstreams.selecting_attribute().map(|_| Question::Provider);
        match last {
            Question::Context => Some(Question::Number),
            Question::Number if self.number > 1 => Some(Question::Originals),
            Question::Number | Question::Originals => provider,
            Question::Provider => None,
        }
    }

    pub(crate) fn answered(mut self, question: Question, value: Option<&[u8]>) -> Self {
        let text = || value.and_then(|value| std::str::from_utf8(value).ok());
        match question {
            Question::Context => self.context = value.and_then(|value| RequestContext::decode(value).ok()),
            Question::Number => self.number = text().and_then(|number| number.parse().ok()).unwrap_or(1),
            Question::Originals => self.originals = value.and_then(|value| Headers::decode(value).ok()),
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
        Ok(Opened {
            sources: Sources { current: self.headers, originals: self.originals },
            request: match self.context {
                Some(context) => Request::Described(chosen.attempt(context)),
                None => Request::Undescribed(chosen),
            },
            end_of_stream: self.end_of_stream,
        })
    }
}

impl Sources {
    /// Keeps what a later attempt may need and this one takes away. Credentials are not kept: no attempt ever needs a client's.
    pub(crate) fn keep(&self, number: u32, out: &mut dyn Output) {
        if number == 1 {
            out.emit(Effect::Publish(
                names::ORIGINAL_HEADERS_KEY,
                &request_headers::keepable(&self.current).encode(),
            ));
        }
    }

    /// A header as the client sent it.
    pub(crate) fn client(&self, name: &str) -> Option<&[u8]> {
        self.originals.as_ref().unwrap_or(&self.current).bytes(name)
    }
}

impl Request {
    pub(crate) fn number(&self) -> u32 {
        match self {
            Self::Described(attempt) => attempt.number,
            Self::Undescribed(chosen) => chosen.number,
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Described(attempt) => attempt.dialect(),
            Self::Undescribed(chosen) => chosen.dialect,
        }
    }
}
