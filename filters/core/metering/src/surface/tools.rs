//! Tool definitions, the choice among them, and the schema of an answer.

use serde::de::SeqAccess;
use serde_json::value::RawValue;

use super::item::{is_harmless, member};
use crate::{
    Part,
    framing::{
        ENUMERATION_DISCOUNT, ENUMERATION_ITEM, FUNCTIONS_END, PROPERTIES, PROPERTY, TOOL_CHOICE_NAMED,
        TOOL_CHOICE_NONE, ToolFraming,
    },
    json::{self, Place},
    meter::Meter,
};

/// `tools` or `functions`.
pub(super) struct Tools<'m> {
    pub(super) meter: &'m mut Meter,
    /// Whether there is a tool.
    pub(super) found: &'m mut bool,
}

impl<'de> Place<'de> for Tools<'_> {
    fn meter(&mut self) -> &mut Meter {
        self.meter
    }

    fn array<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(tool) = seq.next_element::<&'de RawValue>()? {
            *self.found |= Tool::read(tool).charge(self.meter, tool);
            self.meter.go_on()?;
        }
        Ok(())
    }
}

/// A definition, in whichever API: OpenAI's Chat wraps it into `function`, Anthropic calls the parameters `input_schema`.
#[derive(Default)]
struct Tool<'a> {
    kind: Option<&'a RawValue>,
    function: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
    description: Option<&'a RawValue>,
    parameters: Option<&'a RawValue>,
}

impl<'a> Tool<'a> {
    fn read(json: &'a RawValue) -> Self {
        let mut tool = Self::default();
        json::members(json, |key, value| match key {
            "type" => tool.kind = Some(value),
            "function" => tool.function = Some(value),
            "name" => tool.name = Some(value),
            "description" => tool.description = Some(value),
            "parameters" | "input_schema" | "format" => tool.parameters = Some(value),
            _ => {}
        });
        tool
    }

    /// Adds the definition; says whether it is one.
    fn charge(self, meter: &mut Meter, json: &RawValue) -> bool {
        let kind = self.kind.and_then(json::string);
        match kind.as_deref() {
            None => {}
            Some(kind) if is_harmless(kind.as_bytes()) => {}
            Some(kind) => {
                match built_in(kind) {
                    Some(tokens) => meter.frame(tokens),
                    None => meter.unknown(Part::HostedTool),
                }
                meter.estimate();
                return true;
            }
        }
        let (definition, json) = match self.function.filter(|function| json::is_object(function)) {
            Some(function) => (Self::read(function), function),
            None => (self, json),
        };
        match (meter.framing.tools, definition.name) {
            (ToolFraming::Functions { function }, Some(name)) => {
                meter.frame(function);
                definition.function_text(meter, name);
            }
            _ => {
                meter.estimate();
                meter.json(json.get());
            }
        }
        definition.name.is_some()
    }

    /// \[cookbook\] `num_tokens_for_tools`. It knows properties with a type, a description and an enumeration; whatever else a schema
    /// says is counted as the JSON that it is.
    fn function_text(&self, meter: &mut Meter, name: &RawValue) {
        line(meter, &text(name), None, self.description);
        let Some(parameters) = self.parameters else {
            return;
        };
        if !json::is_object(parameters) {
            meter.estimate();
            return meter.json(parameters.get());
        }
        json::members(parameters, |key, value| match key {
            "properties" if json::is_object(value) => properties(meter, value),
            "type" | "required" | "additionalProperties" | "$schema" | "strict" => {}
            _ => other(meter, key, value),
        });
    }
}

fn properties(meter: &mut Meter, json: &RawValue) {
    let mut first = true;
    json::members(json, |name, schema| {
        if std::mem::take(&mut first) {
            meter.frame(PROPERTIES);
        }
        meter.frame(PROPERTY);
        let (mut kind, mut description) = (None, None);
        json::members(schema, |key, value| match key {
            "type" => kind = Some(value),
            "description" => description = Some(value),
            "enum" => enumeration(meter, value),
            _ => other(meter, key, value),
        });
        if json::is_object(schema) {
            line(meter, name, Some(kind), description);
        } else {
            line(meter, name, None, Some(schema));
        }
    });
}

fn enumeration(meter: &mut Meter, json: &RawValue) {
    let items = json::elements(json);
    let strings = items.iter().filter(|item| json::inside(item).is_some()).count() as u64;
    meter.frame(strings.saturating_mul(ENUMERATION_ITEM).saturating_sub(ENUMERATION_DISCOUNT));
    for item in items {
        meter.text(&text(item));
    }
}

/// `name:description`, or `name:type:description`.
fn line(meter: &mut Meter, name: &str, kind: Option<Option<&RawValue>>, description: Option<&RawValue>) {
    let mut line = name.to_owned();
    if let Some(kind) = kind {
        line.push(':');
        line.push_str(&kind.map(text).unwrap_or_default());
    }
    line.push(':');
    let description = description.map(text).unwrap_or_default();
    line.push_str(description.strip_suffix('.').unwrap_or(&description));
    meter.text(&line);
}

/// A string's text, or the text of any other JSON.
fn text(json: &RawValue) -> String {
    match json::string(json) {
        Some(text) => text.into_owned(),
        None => json::compact(json.get()).into_owned(),
    }
}

/// What the cookbook's rule does not know.
fn other(meter: &mut Meter, key: &str, value: &RawValue) {
    meter.estimate();
    meter.text(key);
    meter.json(value.get());
}

/// Anthropic's client tools, whose definitions are the provider's: input tokens for each, from its pages on those tools as of November
/// 2026. `computer` adds a system prompt of up to 499 tokens.
fn built_in(kind: &str) -> Option<u64> {
    const BUILT_IN: &[(&str, u64)] = &[("bash_", 245), ("text_editor_", 700), ("computer_", 735 + 499)];
    BUILT_IN.iter().find(|(prefix, _)| kind.starts_with(prefix)).map(|(_, tokens)| *tokens)
}

/// Adds what comes once for all tools, and for the choice among them.
pub(super) fn tool_choice(meter: &mut Meter, tools: bool, choice: Option<&RawValue>) {
    let choice = choice.map(Choice::read).unwrap_or_default();
    match meter.framing.tools {
        ToolFraming::Functions { .. } => {
            if tools {
                meter.frame(FUNCTIONS_END);
            }
            match &choice {
                Choice::Free | Choice::Any => {}
                Choice::Nothing => {
                    meter.estimate();
                    meter.frame(TOOL_CHOICE_NONE);
                }
                Choice::Named(name) => {
                    meter.estimate();
                    meter.frame(TOOL_CHOICE_NAMED);
                    meter.text(name);
                }
            }
        }
        ToolFraming::Json { auto, forced } if tools => match choice {
            Choice::Free | Choice::Nothing => meter.frame(auto),
            Choice::Any | Choice::Named(_) => meter.frame(forced),
        },
        ToolFraming::Json { .. } => {}
    }
}

#[derive(Default)]
enum Choice {
    #[default]
    Free,
    Nothing,
    Any,
    Named(String),
}

impl Choice {
    fn read(json: &RawValue) -> Self {
        let kind = json::string(json).or_else(|| member(json, "type").and_then(json::string));
        let function = member(json, "function").unwrap_or(json);
        match (kind.as_deref(), member(function, "name").and_then(json::string)) {
            (Some("none"), _) => Self::Nothing,
            (Some("any" | "required"), _) => Self::Any,
            (_, Some(name)) => Self::Named(name.into_owned()),
            _ => Self::Free,
        }
    }
}

/// Adds the JSON schema that an answer is to follow: `json_schema` of Chat's `response_format`, `format.schema` of the other APIs. How
/// it is shown to a model is not published.
pub(super) fn schema(meter: &mut Meter, json: &RawValue) {
    let format = member(json, "format").unwrap_or(json);
    if let Some(schema) = member(format, "json_schema").or_else(|| member(format, "schema")) {
        meter.estimate();
        meter.json(schema.get());
    }
}
