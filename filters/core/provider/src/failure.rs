//! An attempt that failed: what the client would be told, and the status from which Envoy retries exactly when it should.

use llm_api::ApiError;
use llm_api::ErrorKind;
use seam::{EarlierFailure, names};
use translate::Unsupported;

use crate::attempt::Attempt;

/// What stands for a failure to be retried whose own status would not be.
const RETRIED: u16 = 503;

/// What becomes of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The client gets its error now. Envoy does not retry what an upstream filter answers itself.
    Final,
    /// The router sees a status on which it retries. If it does not (no attempt is left, or a budget of Envoy's is spent) the client is to
    /// see `original`, where that is another one: ai-gateway puts it back.
    Retried { routed: u16, original: Option<u16> },
}

/// Whether another target should be tried. `seen` is the provider's own status, or the one that the error stands for.
pub(crate) fn verdict(attempt: &Attempt, seen: u16, error: &ApiError) -> Verdict {
    let planned = attempt.context.targets.len();
    let last = planned > 0 && usize::try_from(attempt.number).is_ok_and(|number| number >= planned);
    if last || !attempt.upstream.provider.retry_statuses.contains(seen) {
        return Verdict::Final;
    }
    let shown = error.status();
    if names::RETRIED_STATUSES.contains(&shown) {
        Verdict::Retried { routed: shown, original: None }
    } else {
        Verdict::Retried { routed: RETRIED, original: Some(shown) }
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
