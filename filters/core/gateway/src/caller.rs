//! Who is calling: asked of the configured identity, told to rate limits and logs, refused in the client's dialect.

use std::rc::Rc;

use config::GatewayConfig;
use identity::{Caller, Denied, UnixSeconds};
use llm_api::{ApiError, Dialect, ErrorKind};
use seam::{Clock, Effect, Headers, Output, names};

use crate::meter::Meter;
use crate::refusal::Refusal;

/// Finds out who sends a request with these headers, and takes away what looks like an identity and is not believed.
pub(crate) fn identify(
    config: &GatewayConfig,
    meter: &Meter,
    headers: &Headers,
    clock: &dyn Clock,
    out: &mut dyn Output,
) -> Result<Rc<Caller>, Denied> {
    for name in config.identity.untrusted_headers() {
        if headers.bytes(name).is_some() {
            out.emit(Effect::RemoveRequestHeader(name));
        }
    }
    let caller = config.identity.identify(headers.raw(), UnixSeconds(clock.now().seconds()));
    match &caller {
        Ok(caller) => publish(caller, out),
        Err(denied) => meter.count_denied(*denied, out),
    }
    caller
}

/// Tells rate limits and access logs. Who is nobody is not mentioned.
fn publish(caller: &Caller, out: &mut dyn Output) {
    for (key, name) in [
        (names::USER_KEY, caller.user.as_ref().map(|user| user.as_str())),
        (names::TEAM_KEY, caller.team.as_ref().map(|team| team.as_str())),
        (names::KEY_KEY, caller.key.as_ref().map(|key| key.as_str())),
    ] {
        if let Some(name) = name {
            out.emit(Effect::Publish(key, name.as_bytes()));
        }
    }
}

/// The refusal of who may not call.
pub(crate) fn denied(dialect: Dialect, denied: Denied) -> Refusal {
    let kind = if denied.status() == 401 { ErrorKind::Authentication } else { ErrorKind::Overloaded };
    let error = ApiError::new(kind, denied.message()).with_code(denied.code());
    let headers = match denied.retry_after() {
        Some(seconds) => vec![("retry-after", seconds.to_string())],
        // A challenge belongs to every 401 (RFC 9110 section 11.6.1).
        None => vec![("www-authenticate", "Bearer".to_owned())],
    };
    Refusal { headers, ..Refusal::new(dialect, error) }
}
