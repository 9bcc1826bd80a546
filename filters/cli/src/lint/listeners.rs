//! What clients connect to.

use super::Found;
use super::tree::Spot;
use super::world::{Resource, World};

pub(super) fn check(world: &World<'_>, found: &mut Found) {
    for gateway in world.of("Gateway").filter(|it| it.group == "gateway.networking.k8s.io") {
        let listeners = gateway.spec().map_or_else(Vec::new, |spec| spec.each("listeners"));
        for listener in listeners {
            if listener.text_of("protocol") == Some("HTTP") && !only_redirects(world, gateway, &listener) {
                let message = "is served without TLS: prompts and callers' keys can be read on the way";
                let hint = "`protocol: HTTPS` with `tls.certificateRefs`, or routes that do nothing but redirect there";
                found.warn(&listener.get("protocol").unwrap_or_else(|| listener.clone()), message, hint);
            }
            let from = listener.find(&["allowedRoutes", "namespaces", "from"]);
            if let Some(from) = from.filter(|from| from.text() == Some("All")) {
                let message = "routes of every namespace are served here, with these keys and budgets";
                found.warn(&from, message, "`Same`, or a selector of the namespaces that may");
            }
        }
    }
}

/// Whether there are routes for that listener, and all of them do nothing but redirect.
fn only_redirects(world: &World<'_>, gateway: &Resource<'_>, listener: &Spot<'_>) -> bool {
    let name = listener.text_of("name");
    let mut rules = Vec::new();
    for route in world.of("HTTPRoute") {
        let parents = route.spec().map_or_else(Vec::new, |spec| spec.each("parentRefs"));
        let attached = parents.iter().any(|parent| {
            let section = parent.text_of("sectionName");
            parent.text_of("name") == Some(gateway.name)
                && parent.text_of("namespace").unwrap_or(route.namespace) == gateway.namespace
                && (section.is_none() || section == name)
        });
        if attached {
            rules.extend(route.spec().map_or_else(Vec::new, |spec| spec.each("rules")));
        }
    }
    let redirects = |rule: &Spot<'_>| {
        rule.each("filters").iter().any(|filter| filter.text_of("type") == Some("RequestRedirect"))
    };
    !rules.is_empty() && rules.iter().all(redirects)
}
