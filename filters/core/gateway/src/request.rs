//! From a complete request body to a plan: the model's route, the targets that can express the request, the body that goes out.

use std::rc::Rc;

use config::{
    CountingMode, GatewayConfig, HeadersHeld, InputTokensHeader, PlannedTarget, Resolved, StreamUsage,
};
use identity::Caller;
use llm_api::{ApiError, Dialect, ErrorKind};
use metering::Surface;
use seam::{Effect, Headers, Output, RequestContext, Target, names};
use translate::{BodyEdit, CompletionLimit, Unsupported};

use crate::accounting::Accounting;
use crate::admission::Metered;
use crate::models;
use crate::refusal::Refusal;
use crate::told::Told;

/// A request with a body, by its headers.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) dialect: Dialect,
    pub(crate) what: What,
    pub(crate) caller: Rc<Caller>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// An answer.
    Answer,
    /// How many tokens a prompt of that API is.
    Tokens(Surface),
}

/// A request that was understood and goes to a provider.
#[derive(Debug)]
pub(crate) struct Plan {
    context: RequestContext,
    route: String,
    /// What makes of the client's body the one that goes out.
    edits: Vec<BodyEdit>,
    /// How long the answer may become.
    completion: CompletionLimit,
    /// Whether a stream was made to report its usage, of which the client is to see nothing.
    usage: Reported,
    /// The providers that can express the request, where not all planned ones can.
    narrowed: Option<String>,
    /// The providers whose answers are translated for this client.
    translating: Vec<String>,
    /// What it is counted as.
    metered: Metered,
}

/// For whom a stream reports its usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reported {
    /// For the client, who asked for it, or for nobody.
    AsAsked,
    /// For its account alone.
    ForUs,
}

/// What the answer's side needs to know of a request that went out. Only a [`Plan`] becomes one.
#[derive(Debug)]
pub(crate) struct Forwarded {
    pub(crate) dialect: Dialect,
    pub(crate) requested_model: String,
    pub(crate) translating: Vec<String>,
    pub(crate) usage: Reported,
    /// How the client's budgets stand.
    pub(crate) told: Told,
}

impl Forwarded {
    /// Whether ai-provider translated this answer for this client.
    pub(crate) fn is_translated(&self, headers: &Headers) -> bool {
        headers
            .text(names::ANSWERED_BY_HEADER)
            .is_some_and(|provider| self.translating.iter().any(|translating| translating == provider))
    }
}

/// Reads the request once and plans where it goes: to the model that it names, or to another one in its place.
pub(crate) fn plan(
    config: &GatewayConfig,
    dialect: Dialect,
    caller: &Caller,
    body: &[u8],
    instead: Option<&str>,
) -> Result<Plan, Refusal> {
    let refused = |error| Refusal::new(dialect, error);
    let peek = translate::peek(dialect, body).map_err(refused)?;
    if !caller.may_use(&peek.model) {
        return Err(models::unknown_model(dialect, &peek.model));
    }
    let Some(resolved) = config.models.resolve(instead.unwrap_or(&peek.model)) else {
        return Err(models::unknown_model(dialect, &peek.model));
    };
    let able = able_targets(&resolved.route.targets, dialect, body).map_err(refused)?;
    let narrowed = (able.len() < resolved.route.targets.len())
        .then(|| able.iter().map(|target| target.provider.as_str()).collect::<Vec<_>>().join(","));

    let body_model = first_model(&able, &resolved, dialect).unwrap_or(&peek.model);
    let mut edits = Vec::new();
    if body_model != peek.model {
        edits.push(BodyEdit::model(peek.model_span.clone(), body_model));
    }
    let usage = match peek.usage_edit {
        Some(edit) if reports_for_us(config, &resolved, &able) => {
            edits.push(edit);
            Reported::ForUs
        }
        _ => Reported::AsAsked,
    };
    let targets = &resolved.route.targets;
    let number = |able: &&PlannedTarget| targets.iter().position(|target| target.provider == able.provider);
    Ok(Plan {
        metered: Metered {
            dialect,
            surface: surface(dialect),
            route: resolved.number,
            target: able.first().and_then(number).unwrap_or_default(),
            able: able.iter().filter_map(number).collect(),
            model: resolved.model.to_owned(),
            stream: peek.stream,
        },
        context: RequestContext {
            dialect,
            stream: peek.stream,
            include_usage: peek.include_usage,
            gateway: true,
            requested_model: peek.model.clone().into_owned(),
            body_model: body_model.to_owned(),
            targets: targets.iter().map(|target| planned(target, resolved.model)).collect(),
        },
        route: resolved.route.route.clone(),
        edits,
        completion: peek.completion,
        usage,
        narrowed,
        translating: targets.iter().filter(|t| t.api != dialect).map(|t| t.provider.clone()).collect(),
    })
}

impl Plan {
    /// The model that it goes to, by the name that clients know.
    pub(crate) fn model(&self) -> &str {
        &self.metered.model
    }

    /// What it is counted as.
    pub(crate) const fn metered(&self) -> &Metered {
        &self.metered
    }

    /// How long its answer may become, as the client asks.
    pub(crate) const fn completion(&self) -> &CompletionLimit {
        &self.completion
    }

    /// Its answers become no longer than that, each.
    pub(crate) fn shorten(&mut self, tokens: u64) {
        self.edits.extend(self.completion.at_most(tokens));
    }

    /// Tells Envoy's routes and the provider filter.
    pub(crate) fn announce(
        &self,
        config: &GatewayConfig,
        body: &[u8],
        accounting: &Accounting,
        out: &mut dyn Output,
    ) {
        let edited = (!self.edits.is_empty()).then(|| translate::edit(body, &self.edits));
        if let Some(body) = &edited {
            out.emit(Effect::ReplaceRequestBody(body));
        }
        out.emit(Effect::Publish(names::CONTEXT_KEY, &self.context.encode()));
        out.emit(Effect::Publish(names::REQUESTED_MODEL_KEY, self.context.requested_model.as_bytes()));
        out.emit(Effect::Publish(names::DECISION_KEY, b"forwarded"));
        if config.headers_held == HeadersHeld::No {
            return;
        }
        if let Some(body) = &edited {
            out.emit(Effect::SetRequestHeader("content-length", body.len().to_string().as_bytes()));
        }
        out.emit(Effect::SetRequestHeader(names::MODEL_HEADER, self.route.as_bytes()));
        if self.context.stream {
            out.emit(Effect::SetRequestHeader(names::STREAM_HEADER, b"true"));
        }
        if let (InputTokensHeader::Shown, Some(count)) = (config.counting.header, accounting.prompt()) {
            let tokens = count.tokens.to_string();
            out.emit(Effect::SetRequestHeader(names::INPUT_TOKENS_HEADER, tokens.as_bytes()));
        }
        if let Some(providers) = &self.narrowed {
            out.emit(Effect::SetRequestHeader(names::PLAN_HEADER, providers.as_bytes()));
        }
        out.emit(Effect::ClearRouteCache);
    }

    pub(crate) fn into_forwarded(self, told: Told) -> Forwarded {
        let Self { context, translating, usage, .. } = self;
        let RequestContext { dialect, requested_model, .. } = context;
        Forwarded { dialect, requested_model, translating, usage, told }
    }
}

/// What a client's API is to a count.
const fn surface(dialect: Dialect) -> Surface {
    match dialect {
        Dialect::OpenAi => Surface::ChatCompletions,
        Dialect::Anthropic => Surface::Messages,
    }
}

/// Whether a stream is to report its usage though its client did not ask: if the route counts, and a target may get the client's own body.
fn reports_for_us(config: &GatewayConfig, resolved: &Resolved<'_>, able: &[&PlannedTarget]) -> bool {
    let asked =
        resolved.route.counting != CountingMode::Off && config.counting.stream_usage == StreamUsage::Always;
    asked && (able.is_empty() || able.iter().any(|target| target.api == Dialect::OpenAi))
}

/// The targets that can express the request: all of those that speak the client's API, and the others where nothing would be lost.
///
/// Refused is only what no target can express; what the plan has left out goes to the routes as a header. A request that we cannot make
/// sense of, and that some target gets as it is, is for that target to judge: it may know more of its own API than we do.
fn able_targets<'a>(
    targets: &'a [PlannedTarget],
    dialect: Dialect,
    body: &[u8],
) -> Result<Vec<&'a PlannedTarget>, ApiError> {
    let mut able = Vec::with_capacity(targets.len());
    let mut losses = Ok(Vec::new());
    // Targets of one API and version lose the same, and usually all foreign ones are of one: the request is walked once for them.
    let mut judged: Option<(Dialect, &str, bool)> = None;
    for target in targets {
        let version = target.anthropic_version.as_str();
        let expressible = match judged {
            _ if target.api == dialect => true,
            Some((api, same, expressible)) if (api, same) == (target.api, version) => expressible,
            _ => {
                let lost = translate::unsupported_in_version(dialect, target.api, version, body);
                let expressible = lost.as_ref().is_ok_and(Vec::is_empty);
                judged = Some((target.api, version, expressible));
                losses = lost;
                expressible
            }
        };
        if expressible {
            able.push(target);
        }
    }
    match losses {
        _ if !able.is_empty() || targets.is_empty() => Ok(able),
        Ok(lost) => Err(inexpressible(&lost)),
        Err(invalid) => Err(invalid),
    }
}

fn inexpressible(lost: &[Unsupported]) -> ApiError {
    const SHOWN: usize = 8;
    let named: Vec<String> =
        lost.iter().take(SHOWN).map(|field| format!("`{}` ({})", field.path, field.reason)).collect();
    let more = lost.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!("No provider of this model can express the request: {}{more}.", named.join(", "));
    let error = ApiError::new(ErrorKind::InvalidRequest, message).with_code("unsupported_by_provider");
    match lost.first() {
        Some(field) => error.with_param(field.path.clone()),
        None => error,
    }
}

/// The model name to put into the body: the one that the first attempt needs, so that its provider filter need not touch the body.
///
/// A target that speaks another API translates the body anyway, and takes the name from the plan.
fn first_model<'a>(able: &[&'a PlannedTarget], resolved: &Resolved<'a>, dialect: Dialect) -> Option<&'a str> {
    match able.first() {
        Some(first) if first.api == dialect => Some(first.model.as_deref().unwrap_or(resolved.model)),
        Some(_) => None,
        None => Some(resolved.model),
    }
}

fn planned(target: &PlannedTarget, model: &str) -> Target {
    let model = target.model.clone().unwrap_or_else(|| model.to_owned());
    Target { provider: target.provider.clone(), model: Some(model) }
}
