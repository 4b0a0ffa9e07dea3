//! A plain reading of JSON, to compare the gateway's with: every member in its order, twice if it is
//! there twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The members of an object.
pub(crate) struct Members(pub(crate) Vec<(String, Value)>);

impl Members {
    pub(crate) fn of(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The only member of that name; `None` if there is none. Panics if there are two: strict readers
    /// accept no such object.
    pub(crate) fn only(&self, name: &str) -> Option<&Value> {
        let mut found = self.0.iter().filter(|(member, _)| member == name);
        let first = found.next();
        assert!(found.next().is_none(), "accepted with two members {name}");
        first.map(|(_, value)| value)
    }

    /// The only member of that name, which must be a string if it is there.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.only(name).map(|value| {
            value
                .as_str()
                .unwrap_or_else(|| panic!("accepted with {name} = {value}"))
        })
    }

    /// A string or a list of strings.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<&str>> {
        self.only(name).map(|value| match value {
            Value::String(one) => vec![one.as_str()],
            Value::Array(many) => {
                let texts = many.iter().map(Value::as_str).collect::<Option<_>>();
                texts.unwrap_or_else(|| panic!("accepted with {name} = {value}"))
            }
            _ => panic!("accepted with {name} = {value}"),
        })
    }

    /// A number, in whole seconds.
    pub(crate) fn seconds(&self, name: &str) -> Option<f64> {
        self.only(name).map(|value| {
            let number = value.as_f64();
            number
                .unwrap_or_else(|| panic!("accepted with {name} = {value}"))
                .floor()
        })
    }
}

/// Whether this is the name of a variant, as serde reads one: `"EdDSA"`, `{"EdDSA":null}` or `{"EdDSA":{}}`.
pub(crate) fn names(value: &Value, variant: &str) -> bool {
    let members = value.as_object();
    let is_only = members.is_some_and(|members| members.len() == 1);
    let is_unit =
        |value: &Value| value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    value == variant || is_only && value.get(variant).is_some_and(is_unit)
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Read)
    }
}
