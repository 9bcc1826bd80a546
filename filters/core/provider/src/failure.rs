//! An attempt that failed: what the client would be told, and the status from which Envoy retries exactly when it should.

use llm_api::ApiError;
use llm_api::ErrorKind;
use seam::EarlierFailure;
use translate::Unsupported;

use crate::attempt::Attempt;

/// The statuses on which the routes retry (`retriable_status_codes` in every configuration of this project).
///
/// A failure that another target may mend leaves the filter with one of these, every other one without.
const ROUTES_RETRY: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// What stands for a final failure whose own status would be retried.
const FINAL: u16 = 424;

/// What stands for a failure to be retried whose own status would not be.
const RETRIED: u16 = 503;

/// A failed attempt's status as the router sees it, and as the client should where that is another one: ai-gateway puts it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) routed: u16,
    pub(crate) original: Option<u16>,
}

/// The status for an error after which another target should, or should not, be tried. `seen` is the provider's own status, or the one that
/// the error stands for.
pub(crate) fn status(attempt: &Attempt, seen: u16, error: &ApiError) -> Status {
    let retry = attempt.upstream.provider.retry_statuses.contains(seen);
    route_status(retry, error.status())
}

fn route_status(retry: bool, shown: u16) -> Status {
    match (retry, ROUTES_RETRY.contains(&shown)) {
        (true, true) | (false, false) => Status { routed: shown, original: None },
        (true, false) => Status { routed: RETRIED, original: Some(shown) },
        (false, true) => Status { routed: FINAL, original: Some(shown) },
    }
}

/// The error for a request that fell back to a provider that cannot express it: the earlier failure, and why it was not mended.
pub(crate) fn cannot_express(
    attempt: &Attempt,
    fields: &[Unsupported],
    earlier: Option<EarlierFailure>,
) -> ApiError {
    let named: Vec<String> = fields.iter().take(8).map(|f| format!("`{}` ({})", f.path, f.reason)).collect();
    let note = format!("provider `{}` cannot express {}", attempt.name(), named.join(", "));
    match earlier {
        Some(EarlierFailure { provider, error }) => ApiError {
            message: format!(
                "{} (From provider `{provider}`; {note}, so it could not take over.)",
                error.message
            ),
            ..error
        },
        None if attempt.number > 1 => ApiError::new(
            ErrorKind::Overloaded,
            format!("The provider tried first gave no answer; {note}, so it could not take over."),
        ),
        None => {
            let error = ApiError::new(ErrorKind::InvalidRequest, format!("The {note}."));
            let error = error.with_code("unsupported_by_provider");
            match fields.first() {
                Some(field) => error.with_param(field.path.clone()),
                None => error,
            }
        }
    }
}
