//! Checks of one string: names, hosts, paths, environment variables.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::problem::{Fault, quoted};

/// The longest name of a model or owner, in bytes.
const LONGEST_NAME: usize = 256;
/// The longest name of a provider, in bytes: it goes into headers and statistics.
const LONGEST_PROVIDER: usize = 128;

/// A name as people choose them: not empty, no control characters, no space around it.
pub(super) fn name(text: &str) -> Result<String, Fault> {
    let fault = if text.is_empty() {
        Fault::new("is empty", "write a name, or leave it out where it is optional")
    } else if text.len() > LONGEST_NAME {
        Fault::new(
            format!("is longer than {LONGEST_NAME} bytes"),
            "a name of this length is usually another text",
        )
    } else if text.chars().any(char::is_control) {
        Fault::new(
            format!("{} has a control character", quoted(text)),
            "remove line breaks, tabs and the like",
        )
    } else if text.trim() != text {
        Fault::new(
            format!("{} has a space at its beginning or end", quoted(text)),
            format!("write {}", quoted(text.trim())),
        )
    } else {
        return Ok(text.to_owned());
    };
    Err(fault)
}

/// A model's name, or a prefix of some followed by `*`.
pub(super) fn pattern(text: &str) -> Result<String, Fault> {
    let name = name(text)?;
    match name.find('*') {
        Some(star) if star.saturating_add(1) < name.len() => Err(Fault::new(
            format!("{} has a `*` that is not at its end", quoted(text)),
            "only prefixes are matched, for example `gpt-4o*`",
        )),
        _ => Ok(name),
    }
}

/// One model's own name.
pub(super) fn model(text: &str) -> Result<String, Fault> {
    let name = name(text)?;
    if name.contains('*') {
        return Err(Fault::new(
            format!("{} is a pattern where one model's name belongs", quoted(text)),
            "name one model, without `*`; a target without `model` is sent the name that was asked for",
        ));
    }
    Ok(name)
}

/// A provider's name: it stands in comma-separated headers, in metadata and in statistics.
pub(super) fn provider(text: &str) -> Result<String, Fault> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'/' | b'-');
    if text.is_empty() || text.len() > LONGEST_PROVIDER || !text.bytes().all(allowed) {
        return Err(Fault::new(
            format!("{} is no name for a provider", quoted(text)),
            format!("use 1 to {LONGEST_PROVIDER} letters, digits and `.`, `_`, `:`, `/`, `-`"),
        ));
    }
    Ok(text.to_owned())
}

/// `host` or `host:port`. What is wrong is not repeated: a URL may carry a password.
pub(super) fn authority(text: &str) -> Result<String, Fault> {
    let fault = |hint: &str| Fault::new("is no host or host:port", hint);
    if text.contains("://") {
        return Err(fault(
            "leave out the scheme and the path: TLS is configured on Envoy's cluster, the path in `base_path`",
        ));
    }
    if text.contains('/') {
        return Err(fault("the path goes into `base_path`"));
    }
    if text.contains('@') {
        return Err(fault("leave out user and password; a key comes from the environment through `auth`"));
    }
    let example = "write for example `api.openai.com`, `llm.internal:8443` or `[2001:db8::1]:443`";
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    if port.is_some_and(|port| !is_port(port)) {
        return Err(fault("the port is a number from 1 to 65535; an IPv6 address stands in brackets"));
    }
    if is_host(host) { Ok(text.to_owned()) } else { Err(fault(example)) }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// An address, or a name of labels. An underscore is no letter of a host name, but Docker and Kubernetes users have it in theirs.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if numeric {
        host.parse::<Ipv4Addr>().is_ok()
    } else {
        host.len() <= 253 && host.split('.').all(is_label)
    }
}

/// What stands before the API's endpoint in a path: empty, or `/…` without `/` at its end.
pub(super) fn base_path(text: &str) -> Result<String, Fault> {
    let fault = |message: &str, hint: &str| Err(Fault::new(format!("{} {message}", quoted(text)), hint));
    if text.is_empty() {
        return Ok(String::new());
    }
    if text == "/" {
        return fault("is a path by itself", "write an empty string for no path");
    }
    if text.contains("://") {
        return fault("is a URL", "the host goes into `authority`; write the path alone");
    }
    if !text.starts_with('/') {
        return fault("does not begin with `/`", "write for example `/v1`");
    }
    if text.ends_with('/') {
        return fault("ends with `/`", "the endpoint that follows begins with one: remove it");
    }
    if text.bytes().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'?' | b'#' | b'\\')) {
        return fault(
            "has a character that no path has",
            "percent-encode it; a query or fragment does not belong here",
        );
    }
    if text.split('/').skip(1).any(|segment| matches!(segment, "" | "." | "..")) {
        return fault("has an empty, `.` or `..` segment", "write the path that is meant");
    }
    Ok(text.to_owned())
}

/// The name of an environment variable. What is none is not repeated: it may be the key itself.
pub(super) fn variable(text: &str) -> Result<String, Fault> {
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if begins && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        "is no name of an environment variable",
        "name the variable that holds the key, for example `OPENAI_API_KEY`; the key itself never stands in this file",
    ))
}
