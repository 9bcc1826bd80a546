//! A message, an item, or a part of one's content: objects that the APIs build conversations of.
//!
//! The APIs name their members so alike that one reader takes them all. A `type` says what else there is to charge: an object without
//! one, or with one of text, is no more than its text; that is what lets [`bound`](crate::bound()) leave most bodies unread.

use llm_api::Text;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use crate::{
    Part,
    image::{self, Detail, Payload},
    json::{self, At, Place},
    meter::{Kind, Meter},
};

/// How deep content may be within content (a message, a tool's result, a document, its parts): what is deeper is counted as JSON.
const DEPTH: u8 = 8;

/// What the `type` of an object says about its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemKind {
    /// Its text.
    Text,
    /// Its text, which is thought.
    Thought,
    /// Its text, and the frame of a tool call.
    Call,
    /// Its JSON.
    Json,
    Image,
    Audio,
    File,
    /// Something that the provider holds.
    Stored,
    /// Nobody knows.
    Unknown,
}

/// The kind of a `type`.
pub(crate) fn item_kind(name: &str) -> ItemKind {
    match name {
        "custom_tool_call_output" | "computer_call_output" => ItemKind::Text,
        "search_result" | "web_search_tool_result" | "web_search_result" | "compaction" => ItemKind::Text,
        "thinking" | "redacted_thinking" | "reasoning" | "reasoning_text" | "summary_text" => {
            ItemKind::Thought
        }
        "function_call" | "custom_tool_call" | "tool_use" | "server_tool_use" | "mcp_tool_use" => {
            ItemKind::Call
        }
        "computer_call"
        | "web_search_call"
        | "file_search_call"
        | "code_interpreter_call"
        | "local_shell_call"
        | "local_shell_call_output"
        | "shell_call"
        | "shell_call_output"
        | "apply_patch_call"
        | "apply_patch_call_output"
        | "mcp_call"
        | "mcp_list_tools"
        | "mcp_approval_request"
        | "mcp_approval_response" => ItemKind::Json,
        "image_url" | "input_image" | "image" | "computer_screenshot" => ItemKind::Image,
        "input_audio" => ItemKind::Audio,
        "file" | "input_file" | "document" => ItemKind::File,
        "item_reference" | "container_upload" => ItemKind::Stored,
        _ if is_harmless(name.as_bytes()) => ItemKind::Text,
        _ => ItemKind::Unknown,
    }
}

/// Whether nothing of that `type` costs more than its text and framing, wherever it stands: parts, items and tools; types of schemas;
/// and settings, which are not charged. Every other type is looked at.
pub(crate) fn is_harmless(name: &[u8]) -> bool {
    HARMLESS.contains(&name)
}

#[rustfmt::skip]
const HARMLESS: &[&[u8]] = &[
    b"text", b"function", b"input_text", b"output_text", b"message", b"tool_use", b"tool_result", b"function_call",
    b"function_call_output", b"thinking", b"reasoning", b"summary_text", b"reasoning_text", b"refusal", b"custom",
    b"string", b"object", b"array", b"integer", b"number", b"boolean", b"null",
    b"ephemeral", b"auto", b"any", b"tool", b"none", b"enabled", b"adaptive", b"disabled", b"json_schema", b"json_object",
];

/// Text, or an array of items and parts.
pub(crate) struct Content<'m> {
    meter: &'m mut Meter,
    kind: Kind,
    depth: u8,
}

impl<'m> Content<'m> {
    pub(crate) fn new(meter: &'m mut Meter) -> Self {
        Self { meter, kind: Kind::Said, depth: 0 }
    }
}

impl<'de> Place<'de> for Content<'_> {
    fn meter(&mut self) -> &mut Meter {
        self.meter
    }

    fn string(self, text: &str) {
        self.meter.text_of(self.kind, text);
    }

    fn object<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Item { meter: self.meter, kind: self.kind, depth: self.depth }.object(map)
    }

    fn array<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { meter, kind, depth } = self;
        if depth >= DEPTH {
            return json::array_text(meter, seq);
        }
        while seq.next_element_seed(At(Item { meter: &mut *meter, kind, depth }))?.is_some() {
            meter.go_on()?;
        }
        Ok(())
    }
}

/// One of them.
pub(crate) struct Item<'m> {
    meter: &'m mut Meter,
    /// What its text is, unless its type says otherwise.
    kind: Kind,
    depth: u8,
}

impl<'m> Item<'m> {
    pub(crate) fn new(meter: &'m mut Meter) -> Self {
        Self { meter, kind: Kind::Said, depth: 0 }
    }
}

/// What of an item is charged when all of it was seen.
#[derive(Default)]
struct Pieces<'de> {
    kind: Option<ItemKind>,
    is_message: bool,
    is_named: bool,
    is_call: bool,
    detail: Detail,
    /// `image_url`: a URL, or an object with one.
    image_url: Option<&'de RawValue>,
    /// `source`: where an image or a document comes from, or a search result's address.
    source: Option<&'de RawValue>,
    input_audio: Option<&'de RawValue>,
    /// Members without a meaning of their own.
    others: Vec<(Text<'de>, &'de RawValue)>,
}

impl<'de> Place<'de> for Item<'_> {
    fn meter(&mut self) -> &mut Meter {
        self.meter
    }

    fn string(self, text: &str) {
        self.meter.text_of(self.kind, text);
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { meter, kind, depth } = self;
        if depth >= DEPTH {
            return json::object_text(meter, map);
        }
        let mut pieces = Pieces::default();
        let depth = depth.saturating_add(1);
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let kind = if pieces.kind == Some(ItemKind::Thought) { Kind::Thought } else { kind };
            let content = |meter, kind| At(Content { meter, kind, depth });
            match &*key {
                "type" => pieces.is_of(map.next_value()?),
                "role" => {
                    pieces.is_message = true;
                    map.next_value_seed(At(Role(&mut *meter)))?;
                }
                "content" | "text" | "output" | "refusal" | "arguments" | "title" | "context" => {
                    map.next_value_seed(content(&mut *meter, kind))?;
                }
                "thinking" | "summary" | "reasoning" | "reasoning_content" => {
                    map.next_value_seed(content(&mut *meter, Kind::Thought))?;
                }
                "name" => {
                    pieces.is_named = true;
                    map.next_value_seed(content(&mut *meter, Kind::Said))?;
                }
                "tool_calls" => map.next_value_seed(content(&mut *meter, Kind::Said))?,
                "function" | "function_call" => {
                    pieces.is_call = true;
                    map.next_value_seed(content(&mut *meter, Kind::Said))?;
                }
                "input" => value(meter, map.next_value()?),
                "data" | "encrypted_content" => opaque(meter, map.next_value()?),
                "image_url" => pieces.image_url = Some(map.next_value()?),
                "source" => pieces.source = Some(map.next_value()?),
                "input_audio" => pieces.input_audio = Some(map.next_value()?),
                "detail" => pieces.detail = detail(map.next_value()?),
                "audio" => audio_reference(meter, map.next_value()?),
                "id" | "call_id" | "tool_call_id" | "tool_use_id" | "cache_control" | "status"
                | "signature" => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    let value = map.next_value()?;
                    pieces.others.push((key, value));
                }
            }
            meter.go_on()?;
        }
        pieces.charge(meter, depth);
        Ok(())
    }
}

impl<'de> Pieces<'de> {
    /// The first type that is charged for counts: readers differ in which of two they take.
    fn is_of(&mut self, name: &RawValue) {
        let kind = json::string(name).map(|name| item_kind(&name));
        if matches!(self.kind, None | Some(ItemKind::Text | ItemKind::Thought)) {
            self.kind = kind.or(self.kind);
        }
    }

    fn charge(self, meter: &mut Meter, depth: u8) {
        if self.is_message && self.is_named {
            meter.frame(meter.framing.name);
        }
        if self.is_call || self.kind == Some(ItemKind::Call) {
            meter.estimate();
            meter.frame(meter.framing.tool_call);
        }
        let kind = self.kind.unwrap_or(ItemKind::Text);
        if kind != ItemKind::Image {
            // Where there is no image, this is not one either: nobody reads it, and it is not text.
            if let Some(url) = self.image_url {
                meter.opaque(url.get().len());
            }
        }
        match kind {
            ItemKind::Image => self.image(meter),
            ItemKind::File => self.file(meter, depth),
            ItemKind::Audio => {
                let millis = self.input_audio.and_then(|audio| member(audio, "data")).and_then(json::inside);
                meter.audio(millis.and_then(|data| Payload::new(data).wav_millis()));
            }
            ItemKind::Stored => meter.unknown(Part::Stored),
            ItemKind::Unknown => meter.unknown(Part::Other),
            ItemKind::Json => {
                meter.estimate();
                for (name, value) in self.others {
                    meter.text(&name);
                    meter.json(value.get());
                }
            }
            ItemKind::Text | ItemKind::Thought | ItemKind::Call => {
                if let Some(source) = self.source {
                    value(meter, source);
                }
            }
        }
    }

    /// `image_url` of OpenAI, `source` of Anthropic. An image that is neither in it (a stored one) has no size.
    fn image(&self, meter: &mut Meter) {
        let mut detail = self.detail;
        let mut url = self.image_url;
        if let Some(object) = self.image_url.filter(|url| json::is_object(url)) {
            url = member(object, "url");
            if let Some(name) = member(object, "detail") {
                detail = self::detail(name);
            }
        }
        let of_url = url.and_then(json::inside).and_then(Payload::of_data_url);
        let of_source =
            || self.source.and_then(|it| member(it, "data")).and_then(json::inside).map(Payload::new);
        meter.image(of_url.or_else(of_source).and_then(|payload| image::size(&payload)), detail);
    }

    /// A document that is text is its text, one that is content its content.
    fn file(&self, meter: &mut Meter, depth: u8) {
        let Some(source) = self.source else {
            return meter.unknown(Part::File);
        };
        let (mut kind, mut data, mut content) = (None, None, None);
        json::members(source, |key, value| match key {
            "type" => kind = json::string(value),
            "data" => data = Some(value),
            "content" => content = Some(value),
            _ => {}
        });
        match (kind.as_deref(), data, content) {
            (Some("text"), Some(data), _) => value(meter, data),
            (Some("content"), _, Some(content)) => {
                // Its content is text and images, not documents with content of their own: no level is read more than twice.
                let depth = depth.max(DEPTH.saturating_sub(1));
                let place = At(Content { meter: &mut *meter, kind: Kind::Said, depth });
                let mut deserializer = serde_json::Deserializer::from_str(content.get());
                // It was read once already, as a slice: only a limit that is exceeded ends it, and whoever set it looks for that.
                let _ = serde::de::DeserializeSeed::deserialize(place, &mut deserializer);
            }
            _ => meter.unknown(Part::File),
        }
    }
}

/// A role: with it, an object is a message.
struct Role<'m>(&'m mut Meter);

impl Place<'_> for Role<'_> {
    fn meter(&mut self) -> &mut Meter {
        self.0
    }

    fn string(self, text: &str) {
        self.0.message(text);
    }
}

/// Text that is a string, or else the JSON that it is.
fn value(meter: &mut Meter, value: &RawValue) {
    match json::string(value) {
        Some(text) => meter.text(&text),
        None if json::is_null(value) => {}
        None => meter.json(value.get()),
    }
}

fn opaque(meter: &mut Meter, value: &RawValue) {
    if !json::is_null(value) {
        meter.opaque(value.get().len());
    }
}

/// `audio.id` of an assistant's message stands for what it said.
fn audio_reference(meter: &mut Meter, value: &RawValue) {
    if json::is_object(value) {
        meter.unknown(Part::Audio);
    }
}

fn detail(name: &RawValue) -> Detail {
    json::string(name).map_or(Detail::Auto, |name| Detail::of(&name))
}

/// The last member of that name, as most readers take it.
pub(super) fn member<'a>(object: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    let mut found = None;
    json::members(object, |key, value| {
        if key == name {
            found = Some(value);
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmless_is_charged_by_its_text() {
        for name in HARMLESS {
            let kind = item_kind(std::str::from_utf8(name).unwrap());
            assert!(matches!(kind, ItemKind::Text | ItemKind::Thought | ItemKind::Call), "{kind:?}");
        }
    }
}
