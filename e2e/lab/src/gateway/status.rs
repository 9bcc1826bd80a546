//! What the control plane says of each resource: without a cluster to write it to, it writes every new status into its log.

use std::collections::BTreeMap;

use serde_json::Value;

/// What stands in front of a status in the log.
const BEFORE: &str = "Got new status for ";

/// A resource: its kind, which is `Unknown` for some, and `namespace/name`; without a namespace `/name`.
pub type Resource = (String, String);

/// The last status of each resource in that log.
pub fn statuses(log: &str) -> BTreeMap<Resource, Value> {
    let mut statuses = BTreeMap::new();
    let mut lines = log.lines();
    while let Some(line) = lines.next() {
        let Some((_, kind)) = line.split_once(BEFORE) else { continue };
        // YAML, line by line, until a line of JSON that tells whose it is.
        let mut text = String::new();
        for line in lines.by_ref() {
            if let Some(context) = line.strip_prefix("\t{") {
                let context: Value = serde_json::from_str(&format!("{{{context}")).unwrap_or_default();
                let key = context.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
                let status = serde_yaml_ng::from_str(&text).unwrap_or_default();
                statuses.insert((kind.trim().to_owned(), key), status);
                break;
            }
            text.push_str(line);
            text.push('\n');
        }
    }
    statuses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_status_of_each_resource_counts() {
        let said = |kind: &str, name: &str, status: &str| {
            format!(
                "2026-11-25T23:37:11.197Z\tinfo\tprovider\tfile/status.go:87\tGot new status for {kind}\n\
                 conditions:\n- status: \"{status}\"\n  type: Accepted\n\t{{\"runner\": \"provider\", \"key\": \"{name}\"}}\n\
                 something else\n"
            )
        };
        let log = [
            said("Gateway", "default/ai", "False"),
            said("GatewayClass", "/ai", "True"),
            said("Gateway", "default/ai", "True"),
        ];
        let statuses = statuses(&log.concat());
        let of = |kind: &str, name: &str| {
            let status = statuses.get(&(kind.to_owned(), name.to_owned()));
            status.map(|status| status["conditions"][0]["status"].clone())
        };
        assert_eq!(of("Gateway", "default/ai"), Some("True".into()));
        assert_eq!(of("GatewayClass", "/ai"), Some("True".into()));
        assert_eq!(of("Gateway", "default/other"), None);
    }
}
