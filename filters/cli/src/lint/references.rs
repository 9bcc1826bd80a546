//! References into other namespaces, which the owner of what is there has to allow.

use super::Found;
use super::tree::Spot;
use super::world::{Resource, World};

/// Members with references, and the kind of what they refer to where they do not say it.
const LISTS: [(&str, &str); 3] =
    [("backendRefs", "Service"), ("certificateRefs", "Secret"), ("caCertificateRefs", "Secret")];
/// The same with one.
const SINGLE: [(&str, &str); 5] = [
    ("backendRef", "Service"),
    ("extensionRef", "Service"),
    ("pullSecretRef", "Secret"),
    ("clientCertificateRef", "Secret"),
    ("caCertificateRef", "Secret"),
];

pub(super) fn check(world: &World<'_>, found: &mut Found) {
    for resource in &world.resources {
        let Some(spec) = resource.spec() else { continue };
        for spot in spec.all() {
            for (list, kind) in LISTS {
                for reference in spot.each(list) {
                    of(world, resource, (&reference, kind), found);
                }
            }
            for (name, kind) in SINGLE {
                if let Some(reference) = spot.get(name) {
                    of(world, resource, (&reference, kind), found);
                }
            }
        }
    }
}

fn of<'a>(
    world: &World<'a>,
    from: &Resource<'a>,
    (reference, default_kind): (&Spot<'a>, &str),
    found: &mut Found,
) {
    let Some(namespace) = reference.text_of("namespace").filter(|namespace| *namespace != from.namespace)
    else {
        return;
    };
    let group = reference.text_of("group").unwrap_or("");
    let kind = reference.text_of("kind").unwrap_or(default_kind);
    let name = reference.text_of("name").unwrap_or_default();
    let allows = |grant: &Resource<'a>| {
        let Some(spec) = grant.spec() else { return false };
        let from_here = spec.each("from").iter().any(|it| {
            it.text_of("group").unwrap_or("") == from.group
                && it.text_of("kind") == Some(from.kind)
                && it.text_of("namespace") == Some(from.namespace)
        });
        let to_there = spec.each("to").iter().any(|it| {
            it.text_of("group").unwrap_or("") == group
                && it.text_of("kind") == Some(kind)
                && it.text_of("name").is_none_or(|only| only == name)
        });
        grant.namespace == namespace && from_here && to_there
    };
    if !world.of("ReferenceGrant").any(allows) {
        let message = format!(
            "`{name}` is in namespace `{namespace}`, and no ReferenceGrant of it is among these files"
        );
        let hint = format!(
            "add one in `{namespace}`, from {} in `{}` to {kind}; without it the reference is not followed",
            from.kind, from.namespace
        );
        found.problem(reference, message, hint);
    }
}
