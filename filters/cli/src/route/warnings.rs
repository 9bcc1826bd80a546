//! What experience warns of: nothing of it is wrong by itself, and each has cost somebody dearly.

use std::net::{IpAddr, Ipv4Addr};

use config::route::RouteFile;

use super::{Documents, Finding};
use crate::render::{Auth, LlmRouter, Scheme};

/// The warnings, in the order of the file where they have a place in it.
pub(super) fn of(name: &str, file: &RouteFile, router: &LlmRouter, documents: &Documents) -> Vec<Finding> {
    let finding = |order: Option<u32>, path: &str, message: String, hint: &str| {
        let line = order.and_then(|order| documents.line(order));
        Finding::new(name, line, path.to_owned(), message, hint.to_owned())
    };
    let mut warnings = Vec::new();
    if let Some(budget) = &file.budget_by_default_header {
        warnings.push(finding(
            Some(budget.order),
            &budget.path,
            "users are told apart by the header `x-user-id`, which whoever can connect may write".to_owned(),
            "say in `spec.identity` who is calling: API keys, virtual keys or tokens; or let what stands in front set the header",
        ));
    }
    for backend in
        file.routes.iter().flat_map(|route| &route.models).flat_map(|model| model.attempts.iter().flatten())
    {
        let provider = router.every_provider().map(|(_, provider)| provider);
        let mut provider = provider.filter(|provider| provider.name.as_str() == backend.name.value);
        if let (Some(url), Some(provider)) = (&backend.base_url, provider.next())
            && provider.base_url.scheme() == Scheme::Http
            && matches!(provider.auth, Auth::ApiKey(_))
            && !is_loopback(provider.base_url.host())
        {
            let message = format!("the key of `{}` goes over the network in the clear", backend.name.value);
            warnings.push(finding(Some(url.order), &url.path, message, "use `https://`"));
        }
    }
    if router.tls.is_none() && !router.listen.ip().is_loopback() {
        let given = file.listener.address.as_ref();
        warnings.push(finding(
            given.map(|given| given.order),
            "spec.listener.address",
            format!(
                "{} is served without TLS: prompts and callers' keys can be read on the way",
                router.listen
            ),
            "set `spec.listener.tls`, or listen on 127.0.0.1 behind something that has TLS",
        ));
    }
    warnings
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback() || address == Ipv4Addr::UNSPECIFIED)
}
