//! `GET /v1/models`, answered from the configuration in either dialect.

use config::Models;
use identity::Caller;
use llm_api::{ApiError, Dialect, ErrorKind};
use seam::{Effect, Output};
use serde_json::{Value, json};

use crate::refusal::{self, Refusal};

/// The configured models that the caller may use. Patterns are left out: they are not names that a client could send.
pub(crate) fn list(models: &Models, caller: &Caller, dialect: Dialect, out: &mut dyn Output) {
    let listed = models.listed().filter(|(id, _)| caller.may_use(id));
    let data: Vec<Value> = listed.map(|(id, owned_by)| entry(id, owned_by, dialect)).collect();
    let first = data.first().and_then(|model| model.get("id")).cloned();
    let last = data.last().and_then(|model| model.get("id")).cloned();
    answer(
        &match dialect {
            Dialect::OpenAi => json!({"object": "list", "data": data}),
            Dialect::Anthropic => {
                json!({"data": data, "has_more": false, "first_id": first, "last_id": last})
            }
        },
        out,
    );
}

/// One model, or 404. A name that only a pattern covers exists too.
pub(crate) fn one(models: &Models, caller: &Caller, dialect: Dialect, id: &str, out: &mut dyn Output) {
    match models.resolve(id).filter(|_| caller.may_use(id)) {
        Some(resolved) => answer(&entry(id, &resolved.route.owned_by, dialect), out),
        None => refusal::respond(&unknown_model(dialect, id), out),
    }
}

/// The refusal of a model that is not configured. Says nothing about those that are.
pub(crate) fn unknown_model(dialect: Dialect, asked: &str) -> Refusal {
    const SHOWN: usize = 128;
    let shown: String = asked.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    let error = ApiError::new(
        ErrorKind::NotFound,
        format!("The model `{shown}` does not exist or you do not have access to it."),
    );
    Refusal::new(dialect, error.with_param("model").with_code("model_not_found"))
}

/// A model in the dialect's list, with what the types of the SDKs require (`openai` 3.54, `anthropic` 2.12). When a configured model was made
/// is not known: the epoch stands for that. That it is configured is what makes it active.
fn entry(id: &str, owned_by: &str, dialect: Dialect) -> Value {
    match dialect {
        Dialect::OpenAi => json!({"id": id, "object": "model", "created": 0, "owned_by": owned_by}),
        Dialect::Anthropic => {
            json!({
                "type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z",
                "lifecycle": "active",
            })
        }
    }
}

fn answer(body: &Value, out: &mut dyn Output) {
    out.emit(Effect::Respond {
        status: 200,
        headers: &[("content-type", "application/json")],
        body: body.to_string().as_bytes(),
    });
}
