//! What ai-gateway knows of a request and ai-provider needs: kept in filter state, versioned by its key, written by no client.

use llm_api::{ApiError, Dialect, ErrorKind, Usage};

use crate::fields::{Reader, Writer};

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

/// What a provider has reported of an answer that ai-provider translates. The last one published counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageReport(pub Usage);

/// Filter state that this version did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter state holds a value that is not of this version")]
pub struct ContextError;

impl RequestContext {
    /// The model that this provider was planned to serve the request with.
    pub fn target_model(&self, provider: &str) -> Option<&str> {
        self.targets
            .iter()
            .find(|target| target.provider == provider)
            .and_then(|target| target.model.as_deref())
    }

    /// The value for filter state.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(160);
        out.text(self.dialect.name());
        out.flag(self.stream);
        out.flag(self.include_usage);
        out.flag(self.gateway);
        out.text(&self.requested_model);
        out.text(&self.body_model);
        for target in &self.targets {
            out.text(&target.provider);
            out.optional(target.model.as_deref());
        }
        out.into_bytes()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(value: &[u8]) -> Result<Self, ContextError> {
        let mut fields = Reader::new(value);
        let dialect = Dialect::from_name(&fields.text()?).ok_or(ContextError)?;
        let (stream, include_usage, gateway) = (fields.flag()?, fields.flag()?, fields.flag()?);
        let (requested_model, body_model) = (fields.text()?, fields.text()?);
        let mut targets = Vec::new();
        while !fields.is_empty() {
            targets.push(Target { provider: fields.text()?, model: fields.optional()? });
        }
        Ok(Self { dialect, stream, include_usage, gateway, requested_model, body_model, targets })
    }
}

impl UsageReport {
    /// The value for filter state.
    pub fn encode(&self) -> Vec<u8> {
        let Usage { input, cache_read, cache_write_5m, cache_write_1h, output, reasoning } = self.0;
        let mut out = Writer::with_capacity(48);
        for tokens in [input, cache_read, cache_write_5m, cache_write_1h, output, reasoning] {
            out.text(&tokens.to_string());
        }
        out.into_bytes()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(value: &[u8]) -> Result<Self, ContextError> {
        let mut fields = Reader::new(value);
        let mut tokens = || fields.text()?.parse::<u64>().map_err(|_| ContextError);
        let usage = Usage {
            input: tokens()?,
            cache_read: tokens()?,
            cache_write_5m: tokens()?,
            cache_write_1h: tokens()?,
            output: tokens()?,
            reasoning: tokens()?,
        };
        if fields.is_empty() { Ok(Self(usage)) } else { Err(ContextError) }
    }
}

impl EarlierFailure {
    /// The value for filter state.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(160);
        out.text(&self.provider);
        out.text(&self.error.status().to_string());
        out.text(&self.error.message);
        out.optional(self.error.param.as_deref());
        out.optional(self.error.code.as_deref());
        out.into_bytes()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(value: &[u8]) -> Result<Self, ContextError> {
        let mut fields = Reader::new(value);
        let provider = fields.text()?;
        let kind = ErrorKind::of_status(fields.text()?.parse().map_err(|_| ContextError)?);
        let error =
            ApiError { kind, message: fields.text()?, param: fields.optional()?, code: fields.optional()? };
        Ok(Self { provider, error })
    }
}
