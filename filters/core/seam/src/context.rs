//! What ai-gateway knows of a request and ai-provider needs: kept in filter state, versioned by its key, written by no client.

use llm_api::{ApiError, Dialect, ErrorKind};

/// One place where a request may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The provider's name, as both filters' configurations have it.
    pub provider: String,
    /// The model's name there; where there is none, the name that the body carries.
    pub model: Option<String>,
}

/// The request as the client meant it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// The API that the client speaks.
    pub dialect: Dialect,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Whether the client asked for usage at the end of a stream. Always true for Anthropic's dialect.
    pub include_usage: bool,
    /// Whether ai-gateway sees the answer, so that model names in it are its work.
    pub gateway: bool,
    /// The model's name as the client asked for it and sees it in the answer.
    pub requested_model: String,
    /// The model's name that stands in the body now.
    pub body_model: String,
    /// The length of the body as every attempt gets it; none where nobody said.
    pub content_length: Option<u64>,
    /// The planned targets, in the order of the attempts.
    pub targets: Vec<Target>,
}

/// What an earlier attempt at another provider came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierFailure {
    /// The provider that failed.
    pub provider: String,
    /// The error as the client would have got it.
    pub error: ApiError,
}

/// Filter state that this version did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter state holds a value that is not of this version")]
pub struct ContextError;

impl RequestContext {
    /// The model that this provider was planned to serve the request with.
    pub fn target_model(&self, provider: &str) -> Option<&str> {
        self.targets.iter().find(|target| target.provider == provider).and_then(|target| target.model.as_deref())
    }

    /// The value for filter state.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.text(self.dialect.name());
        out.flag(self.stream);
        out.flag(self.include_usage);
        out.flag(self.gateway);
        out.text(&self.requested_model);
        out.text(&self.body_model);
        out.optional(self.content_length.map(|length| length.to_string()).as_deref());
        for target in &self.targets {
            out.text(&target.provider);
            out.optional(target.model.as_deref());
        }
        out.0
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(value: &[u8]) -> Result<Self, ContextError> {
        let mut fields = Reader(value);
        let dialect = Dialect::from_name(&fields.text()?).ok_or(ContextError)?;
        let (stream, include_usage, gateway) = (fields.flag()?, fields.flag()?, fields.flag()?);
        let (requested_model, body_model) = (fields.text()?, fields.text()?);
        let content_length = fields.optional()?.map(|length| length.parse().map_err(|_| ContextError)).transpose()?;
        let mut targets = Vec::new();
        while !fields.0.is_empty() {
            targets.push(Target { provider: fields.text()?, model: fields.optional()? });
        }
        Ok(Self { dialect, stream, include_usage, gateway, requested_model, body_model, content_length, targets })
    }
}

impl EarlierFailure {
    /// The value for filter state.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.text(&self.provider);
        out.text(&self.error.status().to_string());
        out.text(&self.error.message);
        out.optional(self.error.param.as_deref());
        out.optional(self.error.code.as_deref());
        out.0
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(value: &[u8]) -> Result<Self, ContextError> {
        let mut fields = Reader(value);
        let provider = fields.text()?;
        let kind = ErrorKind::of_status(fields.text()?.parse().map_err(|_| ContextError)?);
        let error =
            ApiError { kind, message: fields.text()?, param: fields.optional()?, code: fields.optional()? };
        Ok(Self { provider, error })
    }
}

/// Fields one after the other, each as `length:bytes`; `-` stands for a field that is absent.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn text(&mut self, text: &str) {
        self.0.extend_from_slice(text.len().to_string().as_bytes());
        self.0.push(b':');
        self.0.extend_from_slice(text.as_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.text(if flag { "1" } else { "0" });
    }

    fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.0.push(b'-'),
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn text(&mut self) -> Result<String, ContextError> {
        let colon = self.0.iter().position(|byte| *byte == b':').ok_or(ContextError)?;
        let (length, rest) = self.0.split_at_checked(colon).ok_or(ContextError)?;
        let length: usize = std::str::from_utf8(length).ok().and_then(|n| n.parse().ok()).ok_or(ContextError)?;
        let rest = rest.get(1..).ok_or(ContextError)?;
        let (text, rest) = rest.split_at_checked(length).ok_or(ContextError)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|_| ContextError)
    }

    fn flag(&mut self) -> Result<bool, ContextError> {
        match self.text()?.as_str() {
            "1" => Ok(true),
            "0" => Ok(false),
            _ => Err(ContextError),
        }
    }

    fn optional(&mut self) -> Result<Option<String>, ContextError> {
        match self.0.split_first() {
            Some((b'-', rest)) => {
                self.0 = rest;
                Ok(None)
            }
            _ => self.text().map(Some),
        }
    }
}
