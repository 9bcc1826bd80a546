//! What a platform engineer may write and hardly anybody does, and what somebody writes who means harm.

use super::*;

#[test]
fn no_password_of_an_address_is_repeated() {
    for url in ["https://user:hunter2@host/v1", "https://host/v1?key=hunter2", "hunter2@host"] {
        let text =
            EXAMPLE.replace("    model: gpt-4\n", &format!("    model: gpt-4\n    baseUrl: \"{url}\"\n"));
        let said = problems(&text);
        assert!(said.contains("spec.backends[0].baseUrl: ") && !said.contains("hunter2"), "{said}");
    }
    let said =
        problems(&format!("{EXAMPLE}  sharedBudget: {{perDay: 5, service: \"user:hunter2@host:1\"}}\n"));
    assert!(said.contains("spec.sharedBudget.service: ") && !said.contains("hunter2"), "{said}");
}

#[test]
fn one_alias_may_be_every_other_name() {
    let router = understood(&format!("{EXAMPLE}  aliases: [{{match: \"*\", model: gpt-4}}]\n"));
    let way = explain(&router, "anything", None).unwrap();
    assert!(way.contains("anything, which is gpt-4"), "{way}");
}

#[test]
fn a_requests_way_tells_every_budget_and_what_it_does() {
    let text = EXAMPLE.split("  rateLimit").next().unwrap().to_owned()
        + "  - {name: small, provider: openai, model: gpt-4-mini, auth: {type: APIKey, apiKeyRef: {name: openai-key}}}\n"
        + "  budgets:\n    limits:\n"
        + "    - {name: seen, mode: shadow, quota: {amount: 5, window: day}}\n"
        + "    - {name: less, models: [gpt-4], downgrade: {to: gpt-4-mini}, quota: {amount: 7, window: day}}\n"
        + "  sharedBudget: {perMinute: 9, onFailure: refuse}\n";
    let way = explain(&understood(&text), "gpt-4", None).unwrap();
    for expected in [
        "budget     seen: 5 tokens a day for all callers together, and nothing is refused\n",
        "budget     less: 7 tokens a day for all callers together; gpt-4-mini instead where less than 10% of it is left\n",
        "budget     shared: 9 tokens a minute for each user, by the service at ratelimit:8081; refused where it does not answer\n",
    ] {
        assert!(way.contains(expected), "{way}");
    }
}

/// Envoy's `::` would leave out IPv4, and nobody who writes it means that.
#[test]
fn every_address_is_every_address() {
    let listener = |address: &str| -> Value {
        let text = format!("{EXAMPLE}  listener: {{address: \"{address}\"}}\n");
        let root: Value = serde_yaml_ng::from_str(&bootstrap(&understood(&text))).unwrap();
        root["static_resources"]["listeners"][0]["address"]["socket_address"].clone()
    };
    assert_eq!(listener("[::]:1"), json!({"address": "::", "port_value": 1, "ipv4_compat": true}));
    assert_eq!(listener("[::1]:1"), json!({"address": "::1", "port_value": 1}));
    assert_eq!(listener("0.0.0.0:1"), json!({"address": "0.0.0.0", "port_value": 1}));
}

#[test]
fn a_routes_budgets_have_names_whatever_its_own_is() {
    let route = |name: &str, model: &str| {
        format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: AIGatewayRoute\nmetadata: {{name: \"{name}\"}}\nspec:\n  backends: [{{name: {model}, provider: openai, model: {model}, auth: {{type: APIKey, apiKeyRef: {{name: openai-key}}}}}}]\n  rateLimit: {{tokenBudget: {{perUser: 5}}}}\n"
        )
    };
    let long = "a".repeat(63);
    let names = ["Team B", "team-b", &long, &format!("{}b", "a".repeat(62)), "é"];
    let file: Vec<String> =
        names.iter().enumerate().map(|(number, name)| route(name, &format!("m{number}"))).collect();
    let config: Value = serde_json::from_str(&gateway_config(&understood(&file.join("---\n")))).unwrap();
    let limits = config["budgets"]["limits"].as_array().unwrap();
    let names: Vec<_> = limits.iter().map(|limit| limit["name"].as_str().unwrap()).collect();
    let cut = "a".repeat(48);
    let cut = [format!("{cut}-user-day"), format!("{cut}-2-user-day")];
    assert_eq!(names, ["team-b-user-day", "team-b-2-user-day", &cut[0], &cut[1], "route-user-day"]);
}

#[test]
fn no_value_of_a_file_moves_the_cursor() {
    for more in [
        "  sharedBudget: {perDay: 5, service: \"a\\e[2Jb\"}\n",
        "  listener: {address: \"\\e[2J\"}\n",
        "  timeouts: {total: \"1\\n\\e[2J\"}\n",
    ] {
        let said = problems(&format!("{EXAMPLE}{more}"));
        assert!(said.contains("\\u{1b}[2J") && !said.contains('\u{1b}'), "{said}");
        assert_eq!(said.lines().count(), 2, "a problem and its hint: {said}");
    }
}

#[test]
fn where_nobody_is_next_it_is_said() {
    let alone = EXAMPLE.replace("modelNameOverride: gpt-4", "modelNameOverride: other");
    for (model, attempts) in [("gpt-4", 1), ("other", 1)] {
        let way = explain(&understood(&alone), model, None).unwrap();
        assert_eq!(way.matches("\nattempt ").count(), attempts, "{way}");
        assert!(way.contains("\nnext       nobody: ") && !way.contains("after no connection"), "{way}");
    }
    assert!(
        explain(&understood(EXAMPLE), "gpt-4", None).unwrap().contains("\nnext       after no connection")
    );
}

/// The key of one provider would be shown to the other.
#[test]
fn two_keys_are_not_one_variable() {
    let alike = EXAMPLE.replace("{name: anthropic-key}", "{name: openai-api-key}");
    let said = problems(&alike);
    let expected =
        "spec.backends[1].auth.apiKeyRef.name: OPENAI_API_KEY is the variable of `openai-key` already";
    assert!(said.contains(expected), "{said}");
    for meant in
        ["{name: openai-key}", "{name: openai-api-key, env: OTHER}", "{name: other, env: OPENAI_API_KEY}"]
    {
        understood(&EXAMPLE.replace("{name: anthropic-key}", meant));
    }
}
