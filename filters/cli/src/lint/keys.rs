//! Keys that are written down.

use super::Found;
use super::tree::{Spot, Value};
use super::world::World;

/// What keys of providers begin with, and how long they are at least.
const KEYS: [(&str, usize); 4] = [("sk-", 20), ("AIza", 30), ("xai-", 24), ("gsk_", 24)];
/// What a key stands behind in the header `authorization`, and how long it is at least.
const BEARER: (&str, usize) = ("bearer ", 17);
/// As many letters and digits in a row, with a digit among them, are no words.
const RANDOM: usize = 8;
/// What a variable with a secret has among the words of its name.
const SECRET_WORDS: [&str; 5] = ["APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD"];
/// Last words of names that say something about a secret, and not what it is.
const ABOUT: [&str; 14] = [
    "DIR",
    "ENABLED",
    "ENDPOINT",
    "EXPIRY",
    "FILE",
    "HEADER",
    "ID",
    "NAME",
    "NAMESPACE",
    "PATH",
    "REF",
    "TTL",
    "URI",
    "URL",
];

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
    if has_secret(name)
        && matches!(&value.node.value, Value::Text(text) if !text.is_empty() && !is_reference(text) && !is_key(text))
    {
        let hint = "take it from a Secret: `valueFrom: {secretKeyRef: {name: …, key: …}}`";
        found.problem(&value, format!("the value of {name} is written down"), hint);
    }
}

/// Whether a variable of that name holds a secret.
fn has_secret(name: &str) -> bool {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return false;
    }
    let name = name.to_ascii_uppercase();
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    let is_secret = words.iter().any(|word| SECRET_WORDS.contains(word))
        || words.windows(2).any(|two| matches!(two, ["API" | "ACCESS" | "PRIVATE", "KEY"]));
    is_secret && !words.last().is_some_and(|last| ABOUT.contains(last))
}

/// `$(NAME)`: the value of another variable.
fn is_reference(text: &str) -> bool {
    text.strip_prefix("$(").is_some_and(|rest| rest.find(')') == Some(rest.len().saturating_sub(1)))
}

/// Whether a key stands in that text, alone or among others.
fn is_key(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut words = text.split(|c: char| !is_inner(c));
    let is_of_provider = |word: &str| {
        KEYS.iter().any(|(start, least)| word.len() >= *least && word.starts_with(start) && is_random(word))
    };
    let (bearer, least) = BEARER;
    let lower = text.to_ascii_lowercase();
    let behind =
        lower.match_indices(bearer).filter_map(|(at, found)| lower.get(at.saturating_add(found.len())..));
    let mut borne = behind.filter_map(|rest| rest.split(|c: char| !is_inner(c)).next());
    words.any(is_of_provider) || borne.any(|word| word.len() >= least && is_random(word))
}

/// Whether something in it is no word of a name: `sk-telecom-gateway` is no key.
fn is_random(word: &str) -> bool {
    word.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|part| part.len() >= RANDOM && part.contains(|c: char| c.is_ascii_digit()))
}
