//! The JSON Schemas of the two files, generated from the raw types: for editors, and for the reference documentation.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::place::Field;
use crate::raw::gateway::RawGateway;
use crate::raw::provider::RawProviders;
use crate::read::{List, Map, Verbatim};

/// The JSON Schema (draft 2020-12) of ai-gateway's configuration.
pub fn gateway_schema() -> serde_json::Value {
    schema_of::<RawGateway>()
}

/// The JSON Schema (draft 2020-12) of ai-provider's configuration.
pub fn provider_schema() -> serde_json::Value {
    schema_of::<RawProviders>()
}

/// The JSON Schema (draft 2020-12) of an AIGatewayRoute file.
#[cfg(feature = "route")]
pub fn route_schema() -> serde_json::Value {
    schema_of::<crate::raw::route::RawRoute>()
}

fn schema_of<T: JsonSchema>() -> serde_json::Value {
    SchemaSettings::draft2020_12()
        .with_transform(RecursiveTransform(one_line))
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// A doc comment is wrapped where the source is; a description is not.
fn one_line(schema: &mut Schema) {
    if let Some(serde_json::Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}

/// A wrapper has the schema of what it wraps.
macro_rules! transparent {
    ($($wrapper:ident => $wrapped:ty),+ $(,)?) => {
        $(impl<T: JsonSchema> JsonSchema for $wrapper<T> {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                <$wrapped>::schema_name()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                generator.subschema_for::<$wrapped>()
            }
        })+
    };
}

transparent! {
    Field => T,
    List => Vec<T>,
    Map => BTreeMap<String, T>,
}

#[cfg(feature = "route")]
use crate::raw::route::Kept;

#[cfg(feature = "route")]
transparent! { Kept => T }

/// Any object: what may stand in it is defined elsewhere.
impl JsonSchema for Verbatim {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Verbatim".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": "object"})
    }
}
