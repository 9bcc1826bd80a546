//! One attempt: which provider, for which request, under which model name.

use std::rc::Rc;

use llm_api::{ApiError, Dialect};
use seam::RequestContext;
use translate::RequestOptions;

use crate::upstream::Upstream;

/// A provider and the number of the attempt at it; the request may not be known yet.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) upstream: Rc<Upstream>,
    pub(crate) number: u32,
    /// The API that the client speaks.
    pub(crate) dialect: Dialect,
}

/// An attempt whose request is known.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) upstream: Rc<Upstream>,
    pub(crate) number: u32,
    pub(crate) context: RequestContext,
    /// The model's name at this provider.
    pub(crate) model: String,
}

/// Whether this attempt needs another body than the one that Envoy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// API and model name already fit.
    AsItIs,
    /// It must be read and replaced.
    Changed,
}

impl Chosen {
    /// The attempt at this provider for that request.
    pub(crate) fn attempt(self, context: RequestContext) -> Attempt {
        let provider = &self.upstream.provider;
        let model = context
            .target_model(&provider.name)
            .or(provider.model.as_deref())
            .unwrap_or(&context.body_model)
            .to_owned();
        Attempt { upstream: self.upstream, number: self.number, context, model }
    }

    /// The attempt for a request that nobody described: without ai-gateway, the first attempt reads it.
    pub(crate) fn attempt_by_body(self, body: &[u8]) -> Result<Attempt, ApiError> {
        let dialect = self.dialect;
        let peek = translate::peek(dialect, body)?;
        let model = peek.model.into_owned();
        Ok(self.attempt(RequestContext {
            dialect,
            stream: peek.stream,
            include_usage: peek.include_usage,
            gateway: false,
            requested_model: model.clone(),
            body_model: model,
            targets: Vec::new(),
        }))
    }
}

impl Attempt {
    pub(crate) fn api(&self) -> Dialect {
        self.upstream.provider.api
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        self.context.dialect
    }

    pub(crate) fn name(&self) -> &str {
        &self.upstream.provider.name
    }

    /// Whether the provider's API is another than the client's.
    pub(crate) fn translates(&self) -> bool {
        self.api() != self.dialect()
    }

    pub(crate) fn body(&self) -> Body {
        if !self.translates() && self.model == self.context.body_model { Body::AsItIs } else { Body::Changed }
    }

    /// The model's name as the client sees it: what was asked for, or what the configuration shows instead where ai-gateway is absent.
    pub(crate) fn shown_model(&self) -> &str {
        match &self.upstream.provider.model_name_override {
            Some(shown) if !self.context.gateway => shown,
            _ => &self.context.requested_model,
        }
    }

    pub(crate) fn request_options(&self, max_output_bytes: usize) -> RequestOptions<'_> {
        let provider = &self.upstream.provider;
        RequestOptions {
            model: &self.model,
            default_max_tokens: provider.default_max_tokens,
            anthropic_version: &provider.anthropic_version,
            max_output_bytes,
        }
    }
}
