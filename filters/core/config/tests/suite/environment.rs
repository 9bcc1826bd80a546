//! The environment variables that the tests see.

/// What no message and no `Debug` may hold.
pub(crate) const CANARY: &str = "sk-canary-0123456789abcdefghijklmnopqrstuvwxyz";

/// What an environment variable holds.
pub(crate) fn variable(name: &str) -> Option<String> {
    match name {
        "KEY" | "OPENAI_API_KEY" | "ANTHROPIC_API_KEY" => Some(CANARY.to_owned()),
        "WEAK" => Some(CANARY.chars().take(31).collect()),
        "EMPTY" => Some(String::new()),
        "LINE_BREAK" => Some(format!("{CANARY}\n")),
        _ => None,
    }
}
