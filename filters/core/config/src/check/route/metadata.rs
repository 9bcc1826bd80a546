//! `metadata`: a route's name, and what Kubernetes is told about everything that is rendered.

use crate::place::{At, Field};
use crate::problem::{Fault, Findings, quoted};
use crate::raw::route::RawMetadata;
use crate::read::{Entry, Map};
use crate::route::{Given, RouteFile};

/// The longest label and name of a namespace.
const LONGEST: usize = 63;
/// The longest prefix of a label's name.
const LONGEST_PREFIX: usize = 253;

/// A route's name, and the namespace that it is for.
pub(super) struct Metadata {
    pub(super) name: Given<String>,
    pub(super) namespace: Option<Given<String>>,
}

/// What it says. Labels and annotations are the file's, whichever route has them; of two values for one name the file means neither.
pub(super) fn of(raw: RawMetadata, file: &mut RouteFile, findings: &mut Findings) -> Option<Metadata> {
    let namespace = raw.namespace.into_given().map(Given::from);
    if let Some(given) = &namespace {
        namespace_of(given, file, findings);
    }
    pairs(raw.labels, &mut file.labels, Some(is_label_value), findings);
    pairs(raw.annotations, &mut file.annotations, None, findings);
    Some(Metadata { name: raw.name.into_given().map(Given::from)?, namespace })
}

fn namespace_of(given: &Given<String>, file: &RouteFile, findings: &mut Findings) {
    if !is_namespace(&given.value) {
        let message = format!("{} is no name of a namespace", quoted(&given.value));
        let fault = Fault::new(message, "lower-case letters, digits and `-`, at most 63 of them");
        findings.report_at(given.order, &given.path, fault);
    }
    let other = file.routes.iter().filter_map(|route| route.namespace.as_ref());
    if let Some(other) = other.map(|other| &other.value).find(|other| **other != given.value) {
        let message = format!("another route of this file is for {}", quoted(other));
        let hint = "the routes of a file are one endpoint, in one namespace: part them into two files";
        findings.report_at(given.order, &given.path, Fault::new(message, hint));
    }
}

fn pairs(
    field: Field<Map<String>>,
    known: &mut Vec<(String, String)>,
    value_is_good: Option<fn(&str) -> bool>,
    findings: &mut Findings,
) {
    let Field::Given(At { value: Map(entries), .. }) = field else { return };
    for Entry { name, place, value } in entries {
        if !is_label_name(&name) {
            let hint =
                "letters, digits, `-`, `_` and `.`, and a domain and `/` in front where it has an owner";
            findings.report(&place, Fault::new(format!("{} is no name of a label", quoted(&name)), hint));
            continue;
        }
        let Some(value) = value else { continue };
        if value_is_good.is_some_and(|is_good| !is_good(&value)) {
            let hint = "at most 63 letters, digits, `-`, `_` and `.`; anything else goes into `annotations`";
            findings.report(&place, Fault::new("that is no value of a label", hint));
            continue;
        }
        match known.iter().find(|(other, _)| *other == name) {
            Some((_, other)) if *other != value => {
                let hint = "it holds for everything that is rendered of the file: keep one of the two";
                findings.report(&place, Fault::new("another route of this file says another value", hint));
            }
            Some(_) => {}
            None => known.push((name, value)),
        }
    }
}

fn is_namespace(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=LONGEST).contains(&name.len())
        && name.bytes().all(|byte| inner(byte) || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// `app`, `app.kubernetes.io/part-of`
fn is_label_name(name: &str) -> bool {
    let (prefix, name) = name.rsplit_once('/').unwrap_or(("a", name));
    let is_domain = |text: &str| {
        text.len() <= LONGEST_PREFIX
            && text.split('.').all(|part| part.len() <= LONGEST && is_namespace(part))
    };
    is_domain(prefix) && !name.is_empty() && is_label_value(name)
}

fn is_label_value(value: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    value.is_empty()
        || (value.len() <= LONGEST
            && value.starts_with(ends)
            && value.ends_with(ends)
            && value.chars().all(|c| ends(c) || matches!(c, '-' | '_' | '.')))
}
