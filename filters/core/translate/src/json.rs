//! Walking a JSON document without building it: members come as raw, borrowed values, in one pass.
//!
//! Two dangers shape it. A derived `Deserialize` takes an array for a struct and tells no one about unknown members, so
//! objects are walked by hand. And a request may be nested as deep as it is long: values are skipped by `RawValue`,
//! whose scanner does not recurse, and only levels that have a type of ours (three) cost stack.

mod limited;

use std::{borrow::Cow, fmt};

use llm_api::{ApiError, ErrorKind, Text};
use serde::{
    Deserializer,
    de::{self, DeserializeSeed, Error as _, MapAccess, SeqAccess},
};
use serde_json::value::RawValue;

pub(crate) use self::limited::Limited;

/// What walks an array of objects.
pub(crate) trait Objects<'a> {
    /// What the array is called in errors, such as `messages`.
    fn path(&self) -> Cow<'_, str>;

    /// A member of the object at that place in the array.
    fn member(&mut self, index: usize, key: &str, value: &'a RawValue) -> Result<(), ApiError>;

    /// That object is complete.
    fn end(&mut self, index: usize) -> Result<(), ApiError>;
}

/// What walks a request: an object of which one member is an array of objects, and by far the largest.
pub(crate) trait Document<'a>: Objects<'a> {
    /// Any other member.
    fn field(&mut self, key: &str, value: &'a RawValue) -> Result<(), ApiError>;
}

/// The body as text.
pub(crate) fn utf8(body: &[u8]) -> Result<&str, ApiError> {
    std::str::from_utf8(body).map_err(|error| {
        invalid(format!("The request body is not valid UTF-8 (at byte {}).", error.valid_up_to()))
    })
}

/// Walks a request, whose array of objects is `messages`.
pub(crate) fn document<'a>(body: &'a str, walker: &mut impl Document<'a>) -> Result<(), ApiError> {
    let mut failure = Failure { expected: BODY_IS_AN_OBJECT.into(), ..Failure::default() };
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let visitor = DocumentVisitor { walker, failure: &mut failure };
    let outcome = deserializer.deserialize_map(visitor).and_then(|()| deserializer.end());
    outcome.map_err(|error| failure.explain(&error))
}

/// Walks an array of objects.
pub(crate) fn objects<'a>(json: &'a RawValue, walker: &mut impl Objects<'a>) -> Result<(), ApiError> {
    let mut failure = Failure::default();
    let mut deserializer = serde_json::Deserializer::from_str(json.get());
    let outcome = ObjectsSeed { walker, failure: &mut failure }.deserialize(&mut deserializer);
    outcome.map_err(|error| failure.explain(&error))
}

/// Walks one object of which nothing is kept but what `visit` keeps.
pub(crate) fn object<'a>(
    json: &'a str,
    path: &str,
    visit: impl FnMut(&str, &'a RawValue) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let mut failure = if path.is_empty() {
        Failure { expected: BODY_IS_AN_OBJECT.into(), ..Failure::default() }
    } else {
        Failure {
            expected: format!("`{path}` must be an object.").into(),
            path: Some(path.into()),
            error: None,
        }
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let visitor = ObjectVisitor { visit, failure: &mut failure };
    let outcome = deserializer.deserialize_map(visitor).and_then(|()| deserializer.end());
    outcome.map_err(|error| failure.explain(&error))
}

/// The elements of an array; none where it is no array.
pub(crate) fn array(json: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json.get()).ok()
}

/// The string; none where it is no string, or one with half a surrogate pair.
pub(crate) fn string<'a>(json: &'a RawValue) -> Option<Cow<'a, str>> {
    serde_json::from_str::<Text<'a>>(json.get()).ok().map(Text::into_cow)
}

/// Whether it is a string, of whatever characters.
pub(crate) fn is_string(json: &RawValue) -> bool {
    json.get().starts_with('"')
}

/// Whether it is `null`, which every API here takes for absent.
pub(crate) fn is_null(json: &RawValue) -> bool {
    json.get() == "null"
}

/// The boolean; none where it is none.
pub(crate) fn boolean(json: &RawValue) -> Option<bool> {
    match json.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Whether a JSON string holds nothing but white space.
pub(crate) fn is_blank(json: &RawValue) -> bool {
    let text = json.get().trim_matches('"').trim_start();
    // Text that starts with an escape may still be white space: only then is it worth decoding.
    text.is_empty() || (text.starts_with('\\') && string(json).is_some_and(|text| text.trim().is_empty()))
}

const BODY_IS_AN_OBJECT: &str = "The request body must be a JSON object.";

/// Why a walk stopped: the walker's own error, or a value that is not of the type that stands here.
///
/// serde's message for the latter quotes the value, which may be a prompt; this one says what was expected instead.
#[derive(Default)]
struct Failure {
    /// What stands at the place where the walk is.
    expected: Cow<'static, str>,
    /// The path of that place, but for the body's own.
    path: Option<String>,
    error: Option<ApiError>,
}

impl Failure {
    fn explain(self, error: &serde_json::Error) -> ApiError {
        if let Some(error) = self.error {
            return error;
        }
        if error.is_data() {
            return match self.path {
                Some(path) => invalid(self.expected.into_owned()).with_param(path),
                None => invalid(self.expected.into_owned()),
            };
        }
        malformed(error)
    }

    fn keep<E: de::Error>(&mut self, outcome: Result<(), ApiError>) -> Result<(), E> {
        outcome.map_err(|error| {
            self.error = Some(error);
            E::custom("refused")
        })
    }
}

struct DocumentVisitor<'s, W> {
    walker: &'s mut W,
    failure: &'s mut Failure,
}

impl<'de, W: Document<'de>> de::Visitor<'de> for DocumentVisitor<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = false;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if &*key != "messages" {
                let outcome = self.walker.field(&key, map.next_value()?);
                self.failure.keep::<A::Error>(outcome)?;
                continue;
            }
            if std::mem::replace(&mut seen, true) {
                self.failure.error = Some(duplicate("messages"));
                return Err(A::Error::custom("refused"));
            }
            map.next_value_seed(ObjectsSeed { walker: &mut *self.walker, failure: &mut *self.failure })?;
        }
        Ok(())
    }
}

struct ObjectsSeed<'s, W> {
    walker: &'s mut W,
    failure: &'s mut Failure,
}

impl<'de, W: Objects<'de>> DeserializeSeed<'de> for ObjectsSeed<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let path = self.walker.path().into_owned();
        self.failure.expected = format!("`{path}` must be an array.").into();
        self.failure.path = Some(path);
        deserializer.deserialize_seq(self)
    }
}

impl<'de, W: Objects<'de>> de::Visitor<'de> for ObjectsSeed<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.failure.expected = format!("Each element of `{}` must be an object.", self.walker.path()).into();
        for index in 0.. {
            let walker = &mut *self.walker;
            let element = ObjectVisitor {
                visit: |key: &str, value| walker.member(index, key, value),
                failure: &mut *self.failure,
            };
            if seq.next_element_seed(element)?.is_none() {
                break;
            }
            let outcome = self.walker.end(index);
            self.failure.keep::<A::Error>(outcome)?;
        }
        Ok(())
    }
}

struct ObjectVisitor<'s, F> {
    visit: F,
    failure: &'s mut Failure,
}

impl<'de, F: FnMut(&str, &'de RawValue) -> Result<(), ApiError>> DeserializeSeed<'de>
    for ObjectVisitor<'_, F>
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&str, &'de RawValue) -> Result<(), ApiError>> de::Visitor<'de> for ObjectVisitor<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let outcome = (self.visit)(&key, map.next_value()?);
            self.failure.keep::<A::Error>(outcome)?;
        }
        Ok(())
    }
}

/// The error of a request that is wrong in itself.
pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::InvalidRequest, message)
}

/// The error of a body that is no JSON, or no object.
pub(crate) fn malformed(error: &serde_json::Error) -> ApiError {
    if error.is_data() {
        return invalid(BODY_IS_AN_OBJECT);
    }
    invalid(format!("The request body is not valid JSON: {error}."))
}

/// The error of a member that is there twice: two readers of such a request may each see another value, so none shall.
pub(crate) fn duplicate(path: &str) -> ApiError {
    invalid(format!("`{path}` is given more than once.")).with_param(path)
}

/// Puts a value into its place, once.
pub(crate) fn once<'a>(
    slot: &mut Option<&'a RawValue>,
    value: &'a RawValue,
    path: impl FnOnce() -> String,
) -> Result<(), ApiError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(duplicate(&path())),
    }
}
