//! Callers that Envoy's own `jwt_authn` names, in front of the filter.

use mock_llm::Reply;
use serde_json::{Value, json};

use super::identity::{asks, logged};
use crate::client;
use crate::gateways::change_gateway;
use crate::identities::{AUDIENCE, ISSUER, TEAM, TOKEN, TOKEN_USER, Tokens};
use crate::problems::Problems;
use crate::request::Request;
use crate::row::Row;
use crate::run;
use crate::shape::Shape;
use crate::stand::{Equipment, Stand};

pub(super) fn rows() -> Vec<Row> {
    vec![Row::own("identity/behind-envoys-own-jwt-authn", |equipment| Box::pin(behind(equipment)))]
}

/// Requires a token on one path alone, and writes its claims into the headers that the filter believes.
fn arranged(bootstrap: &str) -> String {
    let mut bootstrap: Value = serde_yaml_ng::from_str(bootstrap).expect("a rendered bootstrap is YAML");
    let listener = &mut bootstrap["static_resources"]["listeners"][0];
    change_gateway(listener, |gateway| {
        gateway["identity"] = json!({"header": {"user": "x-user-id", "team": "x-team-id"}});
    });
    let filters = listener.pointer_mut("/filter_chains/0/filters/0/typed_config/http_filters");
    let filters = filters.and_then(Value::as_array_mut).expect("filters");
    let claim = |header: &str, claim: &str| json!({"header_name": header, "claim_name": claim});
    let provider = json!({
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": Tokens::new("one").key_set().to_string()},
        "claim_to_headers": [claim("x-user-id", "sub"), claim("x-team-id", "team")],
    });
    let filter = json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"login": provider},
            "rules": [{"match": {"prefix": "/v1/messages"}, "requires": {"provider_name": "login"}}],
        },
    });
    filters.insert(0, filter);
    bootstrap.to_string()
}

/// With a name that a client has no right to.
fn spoofed(request: Request) -> Request {
    request.header("x-user-id", "mallory").header("x-team-id", "management")
}

async fn behind(equipment: &Equipment) -> Problems {
    let started = Stand::arranged(
        Shape::Budgets,
        equipment,
        1,
        |router| router.budgets.clear(),
        |bootstrap, _| arranged(&bootstrap),
    );
    run::on_own(started, shown).await
}

async fn shown(stand: &Stand, problems: &mut Problems) {
    stand.openai.set_default(Reply::text("hello"));
    let messages = |alias: &str| {
        let message =
            json!({"model": alias, "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]});
        Request::new("POST", "/v1/messages").header("anthropic-version", "2023-06-01").json(&message)
    };

    let named = messages("team-named").header("authorization", format!("Bearer {}", *TOKEN));
    problems.same("with a token", &client::send(stand.address, &spoofed(named)).await.status, &200);
    let line = logged(stand, "team-named").await;
    problems.same("who the token names", &line["user"], &json!(TOKEN_USER));
    problems.same("whose team the token names", &line["team"], &json!(TEAM));

    let refused = client::send(stand.address, &spoofed(messages("team-refused"))).await;
    problems.same("without the token that this path requires", &refused.status, &401);

    // No token is required here; and nobody becomes somebody by a header that a token's claims are written into.
    let nobody = client::send(stand.address, &spoofed(asks("team-nobody"))).await;
    problems.same("where none is required", &nobody.status, &200);
    let line = logged(stand, "team-nobody").await;
    problems.same("who sent a header alone", &line["user"], &Value::Null);
    problems.same("whose team it is", &line["team"], &Value::Null);
    problems.same("requests at the provider", &stand.openai.requests().len(), &2);
}
