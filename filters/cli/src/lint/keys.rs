//! Keys that are written down.

use super::Found;
use super::tree::{Spot, Value};
use super::world::World;

/// What keys of providers begin with, and how long they are at least.
const KEYS: [(&str, usize); 5] = [("sk-", 20), ("Bearer ", 24), ("AIza", 30), ("xai-", 24), ("gsk_", 24)];
/// What a variable with a secret has in its name.
const SECRET_NAMES: [&str; 5] = ["API_KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD"];

pub(super) fn check(world: &World<'_>, found: &mut Found) {
    for resource in &world.resources {
        let is_secret = resource.kind == "Secret" && resource.group.is_empty();
        if is_secret {
            for data in ["data", "stringData"].into_iter().filter_map(|name| resource.spot.get(name)) {
                for (_, entry) in data.members() {
                    let hint = "make the Secret from where the key is kept: `kubectl create secret generic … --from-file`, or an operator for external secrets";
                    found.problem(
                        &entry,
                        "a secret in a file, where everybody reads it who reads the file",
                        hint,
                    );
                }
            }
        }
        for spot in resource.spot.all() {
            if let Some(text) = spot.text()
                && !is_secret
                && is_key(text)
            {
                // What stands there is not repeated.
                found.problem(
                    &spot,
                    "looks like a key",
                    "name a Secret with `secretKeyRef`, and replace the key: it has been read",
                );
            }
            variable(&spot, found);
        }
    }
}

/// `{name: OPENAI_API_KEY, value: …}`
fn variable(spot: &Spot<'_>, found: &mut Found) {
    let (Some(name), Some(value)) = (spot.text_of("name"), spot.get("value")) else { return };
    let is_variable =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let is_secret = SECRET_NAMES.iter().any(|part| name.contains(part)) && !name.ends_with("_FILE");
    if is_variable
        && is_secret
        && matches!(&value.node.value, Value::Text(text) if !text.is_empty() && !is_key(text))
    {
        let hint = "take it from a Secret: `valueFrom: {secretKeyRef: {name: …, key: …}}`";
        found.problem(&value, format!("the value of {name} is written down"), hint);
    }
}

fn is_key(text: &str) -> bool {
    let inner = |rest: &str| rest.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    KEYS.iter().any(|(start, length)| text.len() >= *length && text.strip_prefix(start).is_some_and(inner))
}
