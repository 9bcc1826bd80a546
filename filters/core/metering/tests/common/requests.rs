//! Arbitrary requests: well-formed ones of every API, and ones with values of wrong types in every place.

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

/// Text of every kind, most of it short.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ,.]{0,40}",
        "[ -~]{0,30}",
        "\\PC{0,12}",
        "[一-龥ぁ-ん。]{0,12}",
        "[а-яé ]{0,20}",
        "[\\n\\t\"\\\\{}:;<|>]{0,12}",
        Just(String::new()),
        Just("<|endoftext|>".to_owned()),
        Just("data:image/png;base64,AAAA".to_owned()),
    ]
}

/// Any JSON.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((name(), inner), 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Names of members: those that mean something, and others.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "type",
            "role",
            "content",
            "text",
            "name",
            "input",
            "output",
            "messages",
            "tools",
            "function",
            "functions",
            "parameters",
            "properties",
            "enum",
            "description",
            "image_url",
            "url",
            "detail",
            "source",
            "data",
            "input_audio",
            "audio",
            "file",
            "tool_calls",
            "function_call",
            "arguments",
            "tool_choice",
            "instructions",
            "system",
            "thinking",
            "summary",
            "response_format",
            "format",
            "schema",
            "json_schema",
            "input_schema",
            "previous_response_id",
            "conversation",
            "mcp_servers",
            "container",
            "encrypted_content",
        ])
        .prop_map(str::to_owned),
        "[a-z]{0,3}",
    ]
}

/// The value of a `type`, known or not.
fn kind() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "text", "input_text", "output_text", "image_url", "input_image", "image", "input_audio", "file", "input_file",
            "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "function", "function_call",
            "function_call_output", "message", "reasoning", "item_reference", "computer_call", "web_search", "string",
            "object", "video_url", "bash_20250124", "custom", "base64", "url", "ephemeral",
        ])
        .prop_map(Value::from),
        1 => any_json(),
    ]
}

fn image() -> impl Strategy<Value = Value> {
    let png = |(width, height): (u32, u32)| {
        let header = [
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(),
            &width.to_be_bytes(),
            &height.to_be_bytes(),
            &[8, 6],
        ];
        format!("data:image/png;base64,{}", super::base64(&header.concat()))
    };
    let url = prop_oneof![
        (1_u32..10_000, 1_u32..10_000).prop_map(png),
        any::<(u32, u32)>().prop_map(png),
        Just("https://example.com/a.png".to_owned()),
        text(),
    ];
    let detail = prop_oneof![Just("low"), Just("high"), Just("auto"), Just("original")];
    (url, detail, 0..4).prop_map(|(url, detail, shape)| match shape {
        0 => json!({"type": "image_url", "image_url": {"url": url, "detail": detail}}),
        1 => json!({"type": "input_image", "image_url": url, "detail": detail}),
        2 => {
            let data = url.strip_prefix("data:image/png;base64,").unwrap_or(&url);
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
        }
        _ => json!({"type": "image", "source": {"type": "url", "url": url}}),
    })
}

fn part() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => text().prop_map(|text| json!({"type": "text", "text": text})),
        2 => text().prop_map(|text| json!({"type": "input_text", "text": text})),
        2 => image(),
        1 => text().prop_map(|text| json!({"type": "document", "source": {"type": "text", "data": text}})),
        1 => (text(), any_json()).prop_map(|(name, input)| json!({"type": "tool_use", "id": "t", "name": name, "input": input})),
        1 => text().prop_map(|text| json!({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": text}]})),
        1 => text().prop_map(|text| json!({"type": "thinking", "thinking": text, "signature": "c2ln"})),
        1 => (kind(), any_json()).prop_map(|(kind, value)| json!({"type": kind, "text": value, "source": value, "data": "AAAA"})),
        1 => any_json(),
    ]
}

fn content() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => text().prop_map(Value::from),
        2 => vec(part(), 0..4).prop_map(Value::from),
        1 => any_json(),
    ]
}

fn message() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (content(), prop::sample::select(vec!["system", "user", "assistant", "developer", ""]))
            .prop_map(|(content, role)| json!({"role": role, "content": content})),
        1 => (text(), text(), content()).prop_map(|(role, name, content)| json!({"role": role, "name": name, "content": content})),
        1 => (text(), text()).prop_map(|(name, arguments)| json!({
            "role": "assistant", "content": null,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}],
        })),
        1 => (text(), text()).prop_map(|(name, arguments)| json!({"type": "function_call", "name": name, "arguments": arguments})),
        1 => Just(json!({"role": ""})),
        1 => Just(json!({})),
        1 => any_json(),
    ]
}

fn schema() -> impl Strategy<Value = Value> {
    let property = prop_oneof![
        (text(), vec(any_json(), 0..5))
            .prop_map(|(text, values)| json!({"type": "string", "description": text, "enum": values})),
        Just(json!({})),
        Just(json!({"type": ["string", "null"], "enum": ["", "", ""]})),
        any_json(),
    ];
    vec((prop_oneof![name(), Just(String::new())], property), 0..4).prop_map(|members| {
        let properties: Value = members.into_iter().collect();
        json!({"type": "object", "properties": properties, "required": []})
    })
}

fn tool() -> impl Strategy<Value = Value> {
    prop_oneof![
        (text(), text(), schema()).prop_map(|(name, description, parameters)| json!({
            "type": "function", "function": {"name": name, "description": description, "parameters": parameters},
        })),
        (text(), schema()).prop_map(|(name, schema)| json!({"name": name, "input_schema": schema})),
        Just(json!({"name": ""})),
        Just(json!({"function": {"name": ""}})),
        kind().prop_map(|kind| json!({"type": kind})),
        any_json(),
    ]
}

/// A request that has whatever members any API knows.
pub(crate) fn request() -> impl Strategy<Value = Value> {
    let tools = prop::option::of(vec(tool(), 0..4).prop_map(Value::from));
    let choice = prop::option::of(prop_oneof![
        Just(json!("none")),
        Just(json!("required")),
        Just(json!({"type": "any"})),
        text().prop_map(|name| json!({"type": "function", "function": {"name": name}})),
        Just(json!({"name": ""})),
    ]);
    let extra = prop::option::weighted(0.3, (name(), any_json()));
    let conversation = vec(message(), 0..5);
    (conversation, 0..4, prop::option::of(content()), tools, choice, extra).prop_map(
        |(conversation, shape, system, tools, choice, extra)| {
            let mut body = match shape {
                0 => json!({"messages": conversation}),
                1 => json!({"messages": conversation, "system": system}),
                2 => json!({"input": conversation, "instructions": system}),
                _ => json!({"input": system}),
            };
            if let Some(tools) = tools {
                body["tools"] = tools;
            }
            if let Some(choice) = choice {
                body["tool_choice"] = choice;
            }
            if let Some((name, value)) = extra {
                body[name] = value;
            }
            body
        },
    )
}

/// The same JSON, written with more space and more escapes.
pub(crate) fn respelled(json: &Value) -> String {
    let mut out = String::new();
    let mut is_string = false;
    let mut escaped = false;
    for character in json.to_string().chars() {
        match character {
            _ if escaped => {
                escaped = false;
                out.push(character);
            }
            '\\' => {
                escaped = true;
                out.push(character);
            }
            '"' => {
                is_string = !is_string;
                out.push(character);
            }
            '/' if is_string => out.push_str("\\/"),
            character if is_string && !character.is_ascii_digit() => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            ',' | ':' | '[' | '{' | ']' | '}' if !is_string => {
                out.push_str(" \n");
                out.push(character);
                out.push_str("\t ");
            }
            character => out.push(character),
        }
    }
    out
}
