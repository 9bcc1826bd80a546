//! "Did you mean": the known name that is nearest to the one that was given.

/// Longer than any name that this configuration knows; above it nothing is compared, since distance costs length × length.
const COMPARED: usize = 64;

/// The known name within a third of its length in edits (one transposition counts as one), whatever the case; the first of the nearest.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.len() > COMPARED {
        return None;
    }
    let given = given.to_lowercase();
    known
        .into_iter()
        .filter(|name| name.len() <= COMPARED)
        .map(|name| (strsim::osa_distance(&given, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The hint for a name that is not known: the nearest one, or else that advice.
pub(crate) fn did_you_mean<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    match nearest(given, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => otherwise.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["openai", "anthropic", "auth", "route"];
        for (given, expected) in [
            ("anthropc", Some("anthropic")),
            ("OpenAI", Some("openai")),
            ("opanei", Some("openai")),
            ("ruote", Some("route")),
            ("autz", Some("auth")),
            ("gemini", None),
            ("", None),
            (&"a".repeat(65), None),
        ] {
            assert_eq!(nearest(given, known), expected, "{given}");
        }
    }
}
