//! Reads the raw configuration out of a tree, noting every problem and going on.
//!
//! A field that is wrong is noted and left [`Field::Wrong`], so that everything beside it is still read and checked, and nothing is
//! reported twice. `section!` and `choice!` declare a raw type, its reader and, under the `schema` feature, its JSON Schema from one
//! list of documented fields, so that the three cannot disagree.

use crate::json::{self, Node, Value};
use crate::place::{At, Field, Place};
use crate::problem::{Fault, Findings, Problems, quoted};
use crate::suggest::did_you_mean;

/// What can be read from a node. `None` means that a problem was noted.
pub(crate) trait Read: Sized {
    fn read(node: Node, place: &Place, findings: &mut Findings) -> Option<Self>;
}

/// Reads a whole document. What is no JSON at all is an error at once: there is nothing to go on with.
pub(crate) fn document<T: Read>(json: &[u8]) -> Result<(Option<T>, Findings), Problems> {
    let mut findings = Findings::default();
    let root = json::parse(json).map_err(Problems::whole)?;
    let value = T::read(root, &Place::root(), &mut findings);
    Ok((value, findings))
}

/// The type that a reader wants.
#[derive(Clone, Copy)]
pub(crate) enum Expected {
    Text,
    Boolean,
    Whole,
    Dollars,
    Amount,
    List,
    Object,
}

impl Expected {
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Boolean => "a boolean",
            Self::Whole => "a whole number",
            Self::Amount => "a number",
            Self::Dollars => "an amount of dollars",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }

    /// What to do about that value, which is of another type.
    const fn hint(self, given: &Value) -> &'static str {
        match (self, given) {
            (_, Value::Null) => "leave it out instead of writing null",
            (Self::Text, Value::Number(_) | Value::Bool(_)) => "put it in quotes",
            (Self::Boolean | Self::Whole, Value::Text(_)) => "write it without quotes",
            (Self::Text, _) => "write one text in quotes",
            (Self::Boolean, _) => "write true or false",
            (Self::Whole, _) => "write digits",
            (Self::Amount, _) => "write a number, such as 100000",
            (Self::Dollars, _) => "write a number, in quotes or without: 2.50",
            (Self::List, _) => "put it in brackets: […]",
            (Self::Object, _) => "write an object: {…}",
        }
    }
}

/// Notes that a node is of the wrong type. Only its type is said: where one expects a name, a key may have been pasted.
pub(crate) fn mismatch<T>(
    expected: Expected,
    given: &Value,
    place: &Place,
    findings: &mut Findings,
) -> Option<T> {
    let message = format!("expected {}, got {}", expected.name(), given.kind());
    findings.report(place, Fault::new(message, expected.hint(given)));
    None
}

impl Read for String {
    fn read(node: Node, place: &Place, findings: &mut Findings) -> Option<Self> {
        match node.value {
            Value::Text(text) => Some(text),
            other => mismatch(Expected::Text, &other, place, findings),
        }
    }
}

impl Read for bool {
    fn read(node: Node, place: &Place, findings: &mut Findings) -> Option<Self> {
        match node.value {
            Value::Bool(value) => Some(value),
            other => mismatch(Expected::Boolean, &other, place, findings),
        }
    }
}

impl Read for u64 {
    /// A whole number, also as `4096.0`: Envoy writes the numbers of a google.protobuf.Struct, which are all doubles.
    fn read(node: Node, place: &Place, findings: &mut Findings) -> Option<Self> {
        /// Above it a double skips whole numbers.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let number = match node.value {
            Value::Number(numeral) => numeral.number,
            other => return mismatch(Expected::Whole, &other, place, findings),
        };
        let whole = number.as_u64().or_else(|| {
            let double =
                number.as_f64().filter(|double| double.fract() == 0.0 && (0.0..=EXACT).contains(double))?;
            Some(double as Self)
        });
        if whole.is_none() {
            findings.report(
                place,
                Fault::new(
                    format!("expected a whole number, got {number}"),
                    "write digits alone, without a sign or a fraction",
                ),
            );
        }
        whole
    }
}

/// JSON that somebody else has defined, as text.
pub(crate) struct Verbatim(pub(crate) String);

impl Read for Verbatim {
    fn read(node: Node, place: &Place, findings: &mut Findings) -> Option<Self> {
        match node.value {
            Value::Object(_) => Some(Self(node.value.to_json())),
            other => mismatch(Expected::Object, &other, place, findings),
        }
    }
}

/// A list, without the items that are wrong.
pub(crate) struct List<T> {
    pub(crate) items: Vec<At<T>>,
    /// False where a wrong item was left out, so that nobody concludes from what is absent.
    pub(crate) complete: bool,
}

impl<T: Read> Read for List<T> {
    fn read(node: Node, place: &Place, findings: &mut Findings) -> Option<Self> {
        let nodes = match node.value {
            Value::List(nodes) => nodes,
            other => return mismatch(Expected::List, &other, place, findings),
        };
        let mut list = Self { items: Vec::with_capacity(nodes.len()), complete: true };
        for (index, node) in nodes.into_iter().enumerate() {
            let place = place.index(index, node.order);
            match T::read(node, &place, findings) {
                Some(value) => list.items.push(At { place, value }),
                None => list.complete = false,
            }
        }
        Some(list)
    }
}

/// An object whose keys are the user's own names.
pub(crate) struct Map<T>(pub(crate) Vec<Entry<T>>);

/// A name and what it stands for.
pub(crate) struct Entry<T> {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// `None` where it is wrong and noted; the name is known all the same.
    pub(crate) value: Option<T>,
}

impl<T: Read> Read for Map<T> {
    fn read(node: Node, place: &Place, findings: &mut Findings) -> Option<Self> {
        let entries = match node.value {
            Value::Object(entries) => entries,
            other => return mismatch(Expected::Object, &other, place, findings),
        };
        let mut seen = std::collections::BTreeSet::new();
        let mut map = Vec::with_capacity(entries.len());
        for (name, node) in entries {
            let place = place.key(&name, node.order);
            if !seen.insert(name.clone()) {
                findings.report(&place, duplicate());
            }
            let value = T::read(node, &place, findings);
            map.push(Entry { name, place, value });
        }
        Some(Self(map))
    }
}

fn duplicate() -> Fault {
    Fault::new("given twice", "keep one of the two: JSON readers would silently take the last")
}

/// The fields of a section while it is read.
pub(crate) struct Fields<'a> {
    place: &'a Place,
    entries: Vec<(String, Node)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(node: Node, place: &'a Place, findings: &mut Findings) -> Option<Self> {
        match node.value {
            Value::Object(entries) => Some(Self { place, entries, known: Vec::new() }),
            other => mismatch(Expected::Object, &other, place, findings),
        }
    }

    /// Takes an optional field.
    pub(crate) fn optional<T: Read>(
        &mut self,
        name: &'static str,
        _about: &str,
        findings: &mut Findings,
    ) -> Field<T> {
        let Some((place, node)) = self.take(name, findings) else { return Field::Missing };
        match T::read(node, &place, findings) {
            Some(value) => Field::Given(At { place, value }),
            None => Field::Wrong,
        }
    }

    /// Takes a required field; its description becomes the hint where it is missing.
    pub(crate) fn required<T: Read>(
        &mut self,
        name: &'static str,
        about: &str,
        findings: &mut Findings,
    ) -> Field<T> {
        let field = self.optional(name, about, findings);
        if field.is_missing() {
            self.report_missing(name, about, findings);
            return Field::Wrong;
        }
        field
    }

    /// The first value under that name; any further one is noted.
    fn take(&mut self, name: &'static str, findings: &mut Findings) -> Option<(Place, Node)> {
        self.known.push(name);
        let mut first = None;
        for (_, node) in self.entries.extract_if(.., |(key, _)| key == name) {
            let place = self.place.key(name, node.order);
            match first {
                None => first = Some((place, node)),
                Some(_) => findings.report(&place, duplicate()),
            }
        }
        first
    }

    fn report_missing(&self, name: &str, about: &str, findings: &mut Findings) {
        let hint = format!("add `{name}`: {}", about.trim());
        findings.report(&self.place.missing(name), Fault::new("missing field", hint));
    }

    /// Refuses what nobody took. `instead` has advice for names that people try.
    pub(crate) fn finish(self, instead: &[(&str, &str)], findings: &mut Findings) {
        for (name, node) in self.entries {
            let advice = instead.iter().find(|(tried, _)| *tried == name);
            let hint = advice.map_or_else(
                || did_you_mean(&name, self.known.iter().copied(), "remove it, or look up what it is called"),
                |(_, advice)| (*advice).to_owned(),
            );
            let known: Vec<_> = self.known.iter().map(|name| quoted(name)).collect();
            let message = format!("unknown field (known: {})", known.join(", "));
            findings.report(&self.place.key(&name, node.order), Fault::new(message, hint));
        }
    }
}

/// A string that is one of a few.
pub(crate) trait Choice: Copy + 'static {
    /// What is chosen, for messages.
    const WHAT: &'static str;
    /// Every choice under its name.
    const ALL: &'static [(&'static str, Self)];
}

/// Reads a choice. An unknown one is said in the message if it is short: what is longer than any choice may be a pasted key.
pub(crate) fn choice<T: Choice>(node: Node, place: &Place, findings: &mut Findings) -> Option<T> {
    const SAID: usize = 24;
    let given = String::read(node, place, findings)?;
    if let Some((_, value)) = T::ALL.iter().find(|(name, _)| *name == given) {
        return Some(*value);
    }
    let known: Vec<_> = T::ALL.iter().map(|(name, _)| quoted(name)).collect();
    let said = if given.len() <= SAID { format!(" {}", quoted(&given)) } else { String::new() };
    let message = format!("unknown {}{said} (known: {})", T::WHAT, known.join(", "));
    let hint = did_you_mean(&given, T::ALL.iter().map(|(name, _)| *name), "use one of the known ones");
    findings.report(place, Fault::new(message, hint));
    None
}

/// A field's name in the file: its own, or the one after `as`.
macro_rules! wire_name {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $wire:literal) => {
        $wire
    };
}

/// Declares an object of the configuration: its struct of [`Field`]s, its reader, its schema. `#[schema(…)]` is schemars' attribute.
/// `instead` has advice for unknown fields that people try.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $(#[schema($($about_schema:tt)+)])?
        struct $section:ident;
        required {
            $($(#[doc = $required_doc:literal])+ $(#[schema($($required_schema:tt)+)])?
            $required:ident $(as $required_wire:literal)?: $required_type:ty,)*
        }
        optional {
            $($(#[doc = $optional_doc:literal])+ $(#[schema($($optional_schema:tt)+)])?
            $optional:ident $(as $optional_wire:literal)?: $optional_type:ty,)*
        }
        $(instead { $($tried:literal => $advice:expr,)+ })?
    ) => {
        $(#[doc = $about])+
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
        $(#[cfg_attr(feature = "schema", schemars($($about_schema)+))])?
        pub(crate) struct $section {
            $(
                $(#[doc = $required_doc])+
                $(#[cfg_attr(feature = "schema", schemars(rename = $required_wire))])?
                $(#[cfg_attr(feature = "schema", schemars($($required_schema)+))])?
                pub(crate) $required: $crate::place::Field<$required_type>,
            )*
            $(
                $(#[doc = $optional_doc])+
                #[cfg_attr(feature = "schema", schemars(default))]
                $(#[cfg_attr(feature = "schema", schemars(rename = $optional_wire))])?
                $(#[cfg_attr(feature = "schema", schemars($($optional_schema)+))])?
                pub(crate) $optional: $crate::place::Field<$optional_type>,
            )*
        }

        impl $crate::read::Read for $section {
            fn read(
                node: $crate::json::Node,
                place: &$crate::place::Place,
                findings: &mut $crate::problem::Findings,
            ) -> Option<Self> {
                let mut fields = $crate::read::Fields::of(node, place, findings)?;
                let section = Self {
                    $($required: fields.required(
                        wire_name!($required $($required_wire)?), concat!($($required_doc),+), findings,
                    ),)*
                    $($optional: fields.optional(wire_name!($optional $($optional_wire)?), "", findings),)*
                };
                fields.finish(&[$($(($tried, $advice)),+)?], findings);
                Some(section)
            }
        }
    };
}

/// Declares a string that is one of a few: its enum, its reader, its schema.
macro_rules! choice {
    (
        $(#[doc = $about:literal])+
        $(#[schema($($about_schema:tt)+)])?
        enum $choice:ident: $what:literal {
            $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        $(#[cfg_attr(feature = "schema", schemars($($about_schema)+))])?
        pub(crate) enum $choice {
            $(
                $(#[doc = $doc])+
                #[cfg_attr(feature = "schema", schemars(rename = $name))]
                $variant,
            )+
        }

        impl $crate::read::Choice for $choice {
            const WHAT: &'static str = $what;
            const ALL: &'static [(&'static str, Self)] = &[$(($name, Self::$variant)),+];
        }

        impl $crate::read::Read for $choice {
            fn read(
                node: $crate::json::Node,
                place: &$crate::place::Place,
                findings: &mut $crate::problem::Findings,
            ) -> Option<Self> {
                $crate::read::choice(node, place, findings)
            }
        }
    };
}
