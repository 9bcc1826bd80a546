//! Values that must not turn up where they do not belong: every prompt and every key of a run holds one.

use std::process;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::identities;

/// What differs from run to run, so that an old log never looks like this one's.
static RUN: LazyLock<String> = LazyLock::new(|| {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    format!("{:x}{nanos:x}", process::id())
});

/// Part of every prompt.
pub static PROMPT: LazyLock<String> = LazyLock::new(|| format!("canary{}prompt", *RUN));

/// The key that OpenAI expects, in the form of a real one.
pub static OPENAI_KEY: LazyLock<String> = LazyLock::new(|| format!("sk-proj-canary{}openai", *RUN));

/// The key that Anthropic expects, in the form of a real one.
pub static ANTHROPIC_KEY: LazyLock<String> = LazyLock::new(|| format!("sk-ant-canary{}anthropic", *RUN));

/// What clients send as credentials, wherever they send any.
pub static CLIENT_KEY: LazyLock<String> = LazyLock::new(|| format!("canary{}client", *RUN));

/// The providers' keys: no client ever sees one.
pub fn provider_keys() -> [(&'static str, &'static str); 2] {
    [("OpenAI's key", &OPENAI_KEY), ("Anthropic's key", &ANTHROPIC_KEY)]
}

/// Everything that no log line may hold, with a name that a report may hold.
pub fn unloggable() -> Vec<(&'static str, &'static str)> {
    let known: [(&str, &str); 2] = [("a prompt", &PROMPT), ("a client's key", &CLIENT_KEY)];
    known.into_iter().chain(provider_keys()).chain(identities::credentials()).collect()
}
