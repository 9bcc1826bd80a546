//! The credential that a client sent, in whichever header its SDK puts one.

use crate::Denied;

/// The headers in which SDKs send a key: OpenAI's, Anthropic's, Azure's.
const HEADERS: [&str; 3] = ["authorization", "x-api-key", "api-key"];

/// What was sent.
#[derive(Clone, Copy)]
pub(crate) enum Credential<'a> {
    /// A key or a token.
    Key(&'a str),
    /// Something that is neither, such as `Basic …` or bytes that are no text.
    Other,
}

/// The one credential of a request. Two headers may carry it, as some SDKs send both; two that differ are refused, because whoever reads
/// the request after us may believe the other.
pub(crate) fn of<'a, V: Iterator<Item = &'a [u8]>>(
    values: impl Fn(&str) -> V,
) -> Result<Option<Credential<'a>>, Denied> {
    let mut found: Option<Credential<'a>> = None;
    for name in HEADERS {
        for value in values(name) {
            let Some(credential) = read(name, value) else { continue };
            match (found, credential) {
                (None, _) => found = Some(credential),
                (Some(Credential::Key(first)), Credential::Key(next)) if first == next => {}
                _ => return Err(Denied::AmbiguousCredential),
            }
        }
    }
    Ok(found)
}

/// A header's credential. Nothing is sent where the value is empty: an SDK without a key sends `Bearer` alone.
fn read<'a>(name: &str, value: &'a [u8]) -> Option<Credential<'a>> {
    let Ok(text) = std::str::from_utf8(value) else { return Some(Credential::Other) };
    let text = text.trim_matches([' ', '\t']);
    if name != "authorization" {
        return (!text.is_empty()).then_some(Credential::Key(text));
    }
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let token = token.trim_start_matches(' ');
    match (scheme.eq_ignore_ascii_case("bearer"), token) {
        (_, "") if scheme.is_empty() => None,
        (true, "") => None,
        (true, token) => Some(Credential::Key(token)),
        (false, _) => Some(Credential::Other),
    }
}
