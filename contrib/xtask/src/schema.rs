//! The JSON schema of unit files, for editors: names, types, words and documentation while typing.

use serde_json::{Map, Value, json};
use units::UnitKind;
use units::settings::{self, Setting, Shape};

/// The schema as text.
///
/// # Errors
/// Never with the tables as they are; says what could not be written.
pub(crate) fn json() -> Result<String, String> {
    let mut text = serde_json::to_string_pretty(&schema())
        .map_err(|error| format!("the schema cannot be written: {error}"))?;
    text.push('\n');
    Ok(text)
}

fn schema() -> Value {
    let mut properties = Map::new();
    let mut definitions = Map::new();
    for row in settings::all() {
        // At the top level of a file these two stand as defaults for all of its units.
        if matches!(row.key, "description" | "documentation") {
            properties.insert(row.key.to_owned(), reference(row));
        }
        definitions.insert(name(row), setting(row));
    }
    for kind in UnitKind::ALL.iter().filter(|kind| kind.is_supported()) {
        let name = format!("named-{kind}");
        let own: Map<String, Value> = settings::of_kind(*kind)
            .map(|row| (row.key.to_owned(), reference(row)))
            .collect();
        properties.insert(
            kind.to_string(),
            json!({
                "description": format!("settings of one {kind}, or a table for each of several"),
                "type": "object",
                "properties": own,
                "additionalProperties": { "$ref": format!("#/$defs/{name}") },
            }),
        );
        let mut named = own;
        named.insert("install".to_owned(), json!({ "$ref": "#/$defs/install" }));
        definitions.insert(name, table(&format!("settings of one {kind}"), named));
    }
    let install = settings::of_install()
        .map(|row| (row.key.to_owned(), reference(row)))
        .collect();
    definitions.insert("install".to_owned(), table("what starts the unit", install));
    properties.insert("install".to_owned(), json!({ "$ref": "#/$defs/install" }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "runner.unit(5)",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": definitions,
    })
}

/// What the definition of a setting is called: its key, with a kind before it where an earlier row
/// has that key for another kind.
fn name(row: &Setting) -> String {
    let first = settings::named(row.key).next();
    if first.is_some_and(|first| first.id == row.id) {
        return row.key.to_owned();
    }
    let mut kinds = UnitKind::ALL
        .iter()
        .filter(|kind| row.is_in_table_of(**kind));
    kinds.next().map_or_else(
        || format!("install-{}", row.key),
        |kind| format!("{kind}-{}", row.key),
    )
}

fn reference(row: &Setting) -> Value {
    json!({ "$ref": format!("#/$defs/{}", name(row)) })
}

fn table(description: &str, properties: Map<String, Value>) -> Value {
    json!({
        "description": description,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn setting(row: &Setting) -> Value {
    let mut value = match row.value.shape {
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Number if row.value.name == "whole number" => json!({ "type": "integer" }),
        Shape::Number => json!({ "type": "integer", "minimum": 0 }),
        Shape::Text if !row.value.words.is_empty() => json!({ "enum": row.value.words }),
        Shape::Text => json!({ "type": "string" }),
        Shape::TextOrNumber => json!({ "type": ["string", "integer"] }),
        Shape::List => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Shape::ListOrNumber => json!({
            "type": ["string", "integer", "array"],
            "items": { "type": ["string", "integer"] },
        }),
        Shape::Commands => json!({
            "type": ["string", "array"],
            "items": { "type": ["string", "array"], "items": { "type": "string" } },
        }),
        Shape::Assignments => json!({
            "type": ["string", "array", "object"],
            "items": { "type": "string" },
            "additionalProperties": { "type": ["string", "integer", "boolean"] },
        }),
    };
    value["description"] = json!(row.documentation());
    if !row.default.is_empty() {
        value["default"] = match row.value.shape {
            Shape::Flag => json!(row.default == "true"),
            Shape::Number => row
                .default
                .parse::<u64>()
                .map_or(json!(row.default), |n| json!(n)),
            _ => json!(row.default),
        };
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_in_the_schema() {
        let schema = schema();
        for row in settings::all() {
            let definition = &schema["$defs"][name(row)];
            assert_eq!(
                definition["description"],
                json!(row.documentation()),
                "{}",
                row.key
            );
            let tables = UnitKind::ALL
                .iter()
                .filter(|kind| kind.is_supported() && row.is_in_table_of(**kind));
            let mut places: Vec<&Value> = tables
                .map(|kind| &schema["properties"][kind.as_str()]["properties"][row.key])
                .collect();
            if row.is_install() {
                places.push(&schema["$defs"]["install"]["properties"][row.key]);
            }
            assert!(!places.is_empty());
            for place in places {
                assert_eq!(*place, reference(row), "{}", row.key);
            }
        }
    }
}
