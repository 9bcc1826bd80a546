//! The doors: plain HTTP that leads to HTTPS, HTTPS with the certificate of a Secret, and the router on both.

use serde_json::json;

use super::super::Stack;
use super::super::client::Call;
use super::Row;
use crate::problems::Problems;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "entry/every-resource-is-accepted",
            proves: &[],
            story: |stack| Box::pin(accepted(stack)),
        },
        Row {
            name: "entry/the-router-answers-on-https",
            proves: &["stack/gateway.yaml"],
            story: |stack| Box::pin(router(stack)),
        },
    ]
}

async fn accepted(stack: &Stack) -> Problems {
    stack.unaccepted()
}

async fn router(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    let body = json!({"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]});
    let call = Call::post("llm.example.com", "/v1/chat/completions", &body).header("x-user-id", "entry");
    for _ in 0..20 {
        let answer = stack.https(&call).await;
        problems.same("status", &answer.status, &200);
    }
    problems
}
