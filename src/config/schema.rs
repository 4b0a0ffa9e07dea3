//! The JSON Schema of the configuration file.

use serde_json::{Map, Value, json};

use super::key::{Declared, Kind, Section};

type Schema = Map<String, Value>;

pub(super) fn json(sections: &[Section]) -> String {
    let tables = sections.iter().map(|section| {
        let properties = section.keys.iter().flat_map(properties);
        let properties = properties.collect();
        let table = if section.is_named() {
            tables(section.meaning, properties)
        } else {
            table(section.meaning, properties)
        };
        (section.name.to_owned(), Value::Object(table))
    });
    let mut schema = table("The configuration of cloakroom.", tables.collect());
    let draft = "https://json-schema.org/draft/2020-12/schema";
    schema.insert("$schema".to_owned(), draft.into());
    schema.insert("title".to_owned(), "cloakroom.toml".into());
    format!("{:#}\n", Value::Object(schema))
}

fn table(description: &str, properties: Schema) -> Schema {
    let mut schema = of_type("object");
    schema.insert("description".to_owned(), description.into());
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("additionalProperties".to_owned(), false.into());
    schema
}

/// A table of tables whose names the operator chooses.
fn tables(description: &str, properties: Schema) -> Schema {
    let mut schema = of_type("object");
    schema.insert("description".to_owned(), description.into());
    let names = json!({ "pattern": "^[a-z0-9-]{1,63}$" });
    schema.insert("propertyNames".to_owned(), names);
    let table = table(description, properties);
    schema.insert("additionalProperties".to_owned(), table.into());
    schema
}

/// The key, and the key that names its file.
fn properties(declared: &Declared) -> Vec<(String, Value)> {
    let key = declared.key;
    let name = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let mut schema = of(&declared.kind);
    schema.insert("description".to_owned(), key.meaning.into());
    if let Some(default) = key.constant() {
        schema.insert("default".to_owned(), value(&declared.kind, default));
    }
    let mut properties = vec![(name(key.name), schema.into())];
    if let Some(file_key) = declared.file_key() {
        let mut schema = of(&Kind::File);
        let description = format!("The path of the file that holds `{}`.", key.name);
        schema.insert("description".to_owned(), description.into());
        properties.push((name(&file_key), schema.into()));
    }
    properties
}

fn of(kind: &Kind) -> Schema {
    let (name, more) = match kind {
        Kind::Text | Kind::File => ("string", None),
        Kind::Flag => ("boolean", None),
        Kind::Number { minimum } => ("integer", Some(("minimum", json!(minimum)))),
        Kind::Duration => ("string", Some(("examples", json!(["10s", "5m", "1h"])))),
        Kind::Url => ("string", Some(("format", json!("uri")))),
        Kind::Choice(words) => ("string", Some(("enum", json!(words)))),
        Kind::List(kind) => ("array", Some(("items", of(kind).into()))),
        Kind::Tables(table) => ("array", Some(("items", table.clone()))),
    };
    let mut schema = of_type(name);
    schema.extend(more.map(|(name, value)| (name.to_owned(), value)));
    schema
}

fn of_type(name: &str) -> Schema {
    Schema::from_iter([("type".to_owned(), name.into())])
}

/// A default as TOML and JSON write it.
fn value(kind: &Kind, text: &str) -> Value {
    match kind {
        Kind::Flag | Kind::Number { .. } => serde_json::from_str(text).unwrap_or_default(),
        _ => text.into(),
    }
}
