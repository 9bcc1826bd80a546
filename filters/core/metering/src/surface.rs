//! Which members of a body reach the model, in each API.
//!
//! One pass, in the order of the body. What is counted where it stands are strings; definitions, images and choices are kept as borrowed
//! slices until their object ends, since what they cost depends on their neighbours.
//!
//! Sources: the types of the packages `openai` 3.54 and `anthropic` 2.12.

mod item;
mod tools;

use std::{borrow::Cow, fmt};

use llm_api::Text;
use serde::{
    Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess},
};
use serde_json::value::RawValue;

pub(crate) use self::item::is_harmless;
use self::{
    item::{Content, Item},
    tools::{Tools, schema, tool_choice},
};
use crate::{
    Family, NotCountable, Part,
    framing::Framing,
    json::{self, At, Place, Plain, is_null},
    meter::Meter,
};

/// An API, as it matters to a count: which of a body's members reach the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// OpenAI `POST /v1/chat/completions`.
    ChatCompletions,
    /// OpenAI `POST /v1/responses`.
    Responses,
    /// OpenAI `POST /v1/embeddings`.
    Embeddings,
    /// Anthropic `POST /v1/messages`.
    Messages,
}

impl Surface {
    /// What requests of this API are framed with for models of that family.
    pub(crate) const fn framing(self, family: &Family) -> Framing {
        match self {
            Self::Embeddings => Framing::NONE,
            Self::ChatCompletions | Self::Responses | Self::Messages => family.framing(),
        }
    }
}

/// A body that is text, with what serde would not read replaced.
pub(crate) struct Document<'a>(Cow<'a, str>);

impl<'a> Document<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Result<Self, NotCountable> {
        let text = std::str::from_utf8(body)
            .map_err(|error| NotCountable::NotUtf8 { valid_up_to: error.valid_up_to() })?;
        Ok(Self(json::without_lone_surrogates(text).map_or(Cow::Borrowed(text), Cow::Owned)))
    }

    /// Adds a request up. Stops without an error when there is nothing left to find out.
    pub(crate) fn request(&self, surface: Surface, meter: &mut Meter) -> Result<(), NotCountable> {
        self.read(Request { surface, meter, turns: false, tools: false, tool_choice: None }, |it| {
            it.meter.is_decided()
        })
    }

    /// Adds a whole answer up.
    pub(crate) fn answer(&self, surface: Surface, meter: &mut Meter) -> Result<(), NotCountable> {
        self.read(Answer { surface, meter }, |_| false)
    }

    fn read<'s, T: TopLevel<'s>>(
        &'s self,
        mut top: T,
        is_decided: impl Fn(&T) -> bool,
    ) -> Result<(), NotCountable> {
        let mut deserializer = serde_json::Deserializer::from_str(&self.0);
        let outcome = deserializer.deserialize_map(Members(&mut top)).and_then(|()| deserializer.end());
        match outcome {
            Ok(()) => Ok(()),
            Err(_) if is_decided(&top) => Ok(()),
            Err(error) if error.is_data() => Err(NotCountable::NotAnObject),
            Err(error) => Err(NotCountable::NotJson { line: error.line(), column: error.column() }),
        }
    }
}

/// The members of a body.
trait TopLevel<'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;

    fn end(&mut self) {}
}

struct Members<'t, T>(&'t mut T);

impl<'de, T: TopLevel<'de>> de::Visitor<'de> for Members<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            self.0.member(&key, &mut map)?;
        }
        self.0.end();
        Ok(())
    }
}

struct Request<'m, 'de> {
    surface: Surface,
    meter: &'m mut Meter,
    /// Whether there is a conversation to answer.
    turns: bool,
    tools: bool,
    tool_choice: Option<&'de RawValue>,
}

impl<'de> TopLevel<'de> for Request<'_, 'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        use Surface::{ChatCompletions, Embeddings, Messages, Responses};

        let meter = &mut *self.meter;
        match (self.surface, key) {
            (Embeddings, "input") => map.next_value_seed(At(Embedded { meter, depth: 0 }))?,
            (ChatCompletions | Messages, "messages") => {
                self.turns = true;
                map.next_value_seed(At(Content::new(meter)))?;
            }
            (Responses, "input") => {
                self.turns = true;
                map.next_value_seed(At(Turn { meter, role: "user" }))?;
            }
            (Responses, "instructions") => map.next_value_seed(At(Turn { meter, role: "system" }))?,
            (Messages, "system") => map.next_value_seed(At(System(meter)))?,
            (ChatCompletions | Responses | Messages, "tools") | (ChatCompletions, "functions") => {
                map.next_value_seed(At(Tools { meter, found: &mut self.tools }))?;
            }
            (ChatCompletions | Responses | Messages, "tool_choice") | (ChatCompletions, "function_call") => {
                self.tool_choice = Some(map.next_value()?);
            }
            (ChatCompletions, "response_format")
            | (Responses, "text")
            | (Messages, "output_config" | "output_format") => schema(meter, map.next_value()?),
            (Responses, "previous_response_id" | "conversation" | "prompt") | (Messages, "container") => {
                unknown(meter, map.next_value()?, Part::Stored);
            }
            (Messages, "mcp_servers") => unknown(meter, map.next_value()?, Part::HostedTool),
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        self.meter.go_on()
    }

    fn end(&mut self) {
        if self.turns {
            self.meter.frame(self.meter.framing.priming);
        }
        tool_choice(self.meter, self.tools, self.tool_choice);
    }
}

/// Adds something that the provider holds, unless it is not given.
fn unknown(meter: &mut Meter, value: &RawValue, part: Part) {
    let is_empty =
        matches!(value.get().as_bytes(), [b'[', inside @ .., b']'] if inside.trim_ascii().is_empty());
    if !is_null(value) && !is_empty {
        meter.unknown(part);
    }
}

/// A string that is a message by itself, or items that are.
struct Turn<'m> {
    meter: &'m mut Meter,
    role: &'static str,
}

impl<'de> Place<'de> for Turn<'_> {
    fn meter(&mut self) -> &mut Meter {
        self.meter
    }

    fn string(self, text: &str) {
        self.meter.message(self.role);
        self.meter.text(text);
    }

    fn object<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Content::new(self.meter).object(map)
    }

    fn array<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        Content::new(self.meter).array(seq)
    }
}

/// Anthropic's `system`: a string or blocks, which are one message.
struct System<'m>(&'m mut Meter);

impl<'de> Place<'de> for System<'_> {
    fn meter(&mut self) -> &mut Meter {
        self.0
    }

    fn string(self, text: &str) {
        Turn { meter: self.0, role: "system" }.string(text);
    }

    fn array<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        self.0.message("system");
        Content::new(self.0).array(seq)
    }
}

/// The input of embeddings: a string, strings, tokens, or arrays of tokens.
struct Embedded<'m> {
    meter: &'m mut Meter,
    depth: u8,
}

impl<'de> Place<'de> for Embedded<'_> {
    fn meter(&mut self) -> &mut Meter {
        self.meter
    }

    fn scalar(self, _: &str) {
        self.meter.frame(1);
    }

    fn array<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.depth > 1 {
            return json::array_text(self.meter, seq);
        }
        let depth = self.depth.saturating_add(1);
        while seq.next_element_seed(At(Embedded { meter: &mut *self.meter, depth }))?.is_some() {
            self.meter.go_on()?;
        }
        Ok(())
    }
}

struct Answer<'m> {
    surface: Surface,
    meter: &'m mut Meter,
}

impl<'de> TopLevel<'de> for Answer<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let meter = &mut *self.meter;
        match (self.surface, key) {
            (Surface::ChatCompletions, "choices") => map.next_value_seed(At(Choices(meter))),
            (Surface::Responses, "output") | (Surface::Messages, "content") => {
                map.next_value_seed(At(Content::new(meter)))
            }
            _ => map.next_value::<IgnoredAny>().map(|_| ()),
        }
    }
}

struct Choices<'m>(&'m mut Meter);

impl<'de> Place<'de> for Choices<'_> {
    fn meter(&mut self) -> &mut Meter {
        self.0
    }

    fn array<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(At(Choice(&mut *self.0)))?.is_some() {}
        Ok(())
    }
}

struct Choice<'m>(&'m mut Meter);

impl<'de> Place<'de> for Choice<'_> {
    fn meter(&mut self) -> &mut Meter {
        self.0
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "message" => map.next_value_seed(At(Item::new(&mut *self.0)))?,
                "text" => map.next_value_seed(At(Plain(&mut *self.0)))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}
