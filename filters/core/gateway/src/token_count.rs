//! `POST /v1/messages/count_tokens` and `POST /v1/responses/input_tokens`, answered from here.

use std::borrow::Cow;

use config::GatewayConfig;
use llm_api::{ApiError, Dialect, ErrorKind};
use metering::{Calibration, Surface};
use seam::{Effect, Output, Page, names};
use serde_json::json;

use crate::accounting::Count;
use crate::admission::{Metered, prompt};
use crate::meter::Meter;
use crate::models;
use crate::refusal::Refusal;
use crate::request::Asked;

/// A count on its way to the client that asked for it.
#[derive(Debug)]
pub(crate) struct Telling {
    dialect: Dialect,
    count: Count,
}

/// Counts a prompt as a request to that model would be counted, for its first target. The page has what its estimate is corrected by.
///
/// A model that is not configured is refused as it would be there. Targets are not narrowed to those that can express the request: nothing
/// is sent anywhere, and what an answer would need besides the prompt is not said in such a request.
pub(crate) fn count(
    config: &GatewayConfig,
    meter: &Meter,
    asked: &Asked,
    surface: Surface,
    body: &[u8],
) -> Result<(Telling, Option<Page>), Refusal> {
    let dialect = asked.dialect;
    let refused = |error| Refusal::new(dialect, error);
    let model: Cow<'_, str> = translate::peek(dialect, body).map_err(refused)?.model;
    let Some(resolved) = config.models.resolve(&model).filter(|_| asked.caller.may_use(&model)) else {
        return Err(models::unknown_model(dialect, &model));
    };
    let metered =
        Metered { target: 0, able: vec![0], stream: false, ..Metered::of(dialect, surface, &resolved) };
    let (count, page) = prompt::count_for_client(meter, &metered, body)
        .map_err(|error| refused(ApiError::new(ErrorKind::InvalidRequest, format!("{error}."))))?;
    Ok((Telling { dialect, count }, page))
}

impl Telling {
    pub(crate) const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The count, corrected by what stands on its page.
    pub(crate) fn corrected(mut self, page: Option<&[u8]>) -> Self {
        self.count.correct(&Calibration::decode(page.unwrap_or_default()));
        self
    }

    /// Answers the client. How the number was found stands in a header, because neither API has a field for it.
    pub(crate) fn tell(&self, out: &mut dyn Output) {
        let tokens = self.count.tokens;
        let body = match self.dialect {
            Dialect::OpenAi => json!({"object": "response.input_tokens", "input_tokens": tokens}),
            Dialect::Anthropic => json!({"input_tokens": tokens}),
        };
        out.emit(Effect::Publish(names::DECISION_KEY, b"counted"));
        self.count.publish(out);
        out.emit(Effect::Respond {
            status: 200,
            headers: &[
                ("content-type", "application/json"),
                (names::INPUT_TOKENS_SOURCE_HEADER, self.count.source.name()),
            ],
            body: body.to_string().as_bytes(),
        });
    }
}
