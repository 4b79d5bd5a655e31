//! Property values without D-Bus types: what a command line prints.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use zbus::{OwnedVariant, Signature, Variant};

/// A property value. Serializes as the JSON value a person expects.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number below zero or of a signed type.
    Signed(i64),
    /// A number. `u64::MAX` stands for infinity or "not known".
    Number(u64),
    /// A number with a fraction.
    Real(f64),
    /// Text, object paths and signatures.
    Text(String),
    /// Arrays and structures.
    List(Vec<Value>),
    /// Dictionaries, keys as text.
    Map(BTreeMap<String, Value>),
}

impl std::fmt::Display for Value {
    /// As `systemctl show` prints values: `yes`, words with spaces between, structures in braces.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Flag(true) => f.write_str("yes"),
            Value::Flag(false) => f.write_str("no"),
            Value::Signed(number) => write!(f, "{number}"),
            Value::Number(u64::MAX) => f.write_str("infinity"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Real(number) => write!(f, "{number}"),
            Value::Text(text) => f.write_str(text),
            Value::List(list) => {
                for (at, value) in list.iter().enumerate() {
                    if at > 0 {
                        f.write_str(" ")?;
                    }
                    match value {
                        Value::List(_) | Value::Map(_) => write!(f, "{{ {value} }}")?,
                        value => write!(f, "{value}")?,
                    }
                }
                Ok(())
            }
            Value::Map(map) => {
                for (at, (key, value)) in map.iter().enumerate() {
                    if at > 0 {
                        f.write_str(" ")?;
                    }
                    write!(f, "{key}={value}")?;
                }
                Ok(())
            }
        }
    }
}

impl From<&Variant<'_>> for Value {
    fn from(variant: &Variant<'_>) -> Value {
        match variant {
            Variant::U8(number) => Value::Number(u64::from(*number)),
            Variant::U16(number) => Value::Number(u64::from(*number)),
            Variant::U32(number) => Value::Number(u64::from(*number)),
            Variant::U64(number) => Value::Number(*number),
            Variant::I16(number) => Value::Signed(i64::from(*number)),
            Variant::I32(number) => Value::Signed(i64::from(*number)),
            Variant::I64(number) => Value::Signed(*number),
            Variant::F64(number) => Value::Real(*number),
            Variant::Bool(flag) => Value::Flag(*flag),
            Variant::Str(text) => Value::Text(text.to_string()),
            Variant::ObjectPath(path) => Value::Text(path.to_string()),
            Variant::Signature(signature) => Value::Text(signature.to_string()),
            Variant::Variant(inner) => Value::from(&**inner),
            // Bytes are an id, such as `InvocationID`: in hexadecimal, as systemctl prints it.
            Variant::Array(array) if *array.element_signature() == Signature::U8 => {
                let digits = |byte: &Variant<'_>| match byte {
                    Variant::U8(byte) => format!("{byte:02x}"),
                    _ => String::new(),
                };
                Value::Text(array.inner().iter().map(digits).collect())
            }
            Variant::Array(array) => Value::List(array.inner().iter().map(Value::from).collect()),
            Variant::Structure(structure) => {
                Value::List(structure.fields().iter().map(Value::from).collect())
            }
            Variant::Dict(dict) => Value::Map(
                dict.iter()
                    .map(|(key, value)| (Value::from(key).to_string(), Value::from(value)))
                    .collect(),
            ),
            // A descriptor's number means nothing outside; no property has one.
            Variant::Fd(_) => Value::Text(String::new()),
        }
    }
}

/// The properties of an object, in order of name.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Properties {
    values: BTreeMap<String, Value>,
}

impl Properties {
    pub(super) fn from_map(map: HashMap<String, OwnedVariant>) -> Properties {
        let values = map
            .into_iter()
            .map(|(name, value)| (name, Value::from(&Variant::from(value))));
        Properties {
            values: values.collect(),
        }
    }

    /// A property by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// A text; empty if there is none of that name.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// A number; `None` if there is none of that name, or it stands for "not known" or infinity.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.get(name) {
            Some(Value::Number(number)) if *number != u64::MAX => Some(*number),
            Some(Value::Signed(number)) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// A flag; no if there is none of that name.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Flag(true)))
    }

    /// A list of texts; empty if there is none of that name.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<&str> {
        match self.get(name) {
            Some(Value::List(list)) => list
                .iter()
                .filter_map(|value| match value {
                    Value::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Name and value of each, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_as_show_does() {
        let list = |values: Vec<Value>| Value::List(values);
        let text = |text: &str| Value::Text(text.to_owned());
        for (value, expected) in [
            (Value::Flag(true), "yes"),
            (Value::Number(u64::MAX), "infinity"),
            (Value::Signed(-1), "-1"),
            (
                list(vec![text("a.service"), text("b.service")]),
                "a.service b.service",
            ),
            (
                list(vec![list(vec![text("Stream"), text("/s")])]),
                "{ Stream /s }",
            ),
            (list(vec![]), ""),
        ] {
            assert_eq!(value.to_string(), expected);
        }
    }

    #[test]
    fn ids_are_hexadecimal() {
        let id = Variant::new(vec![0x0fu8, 0xa0]);
        assert_eq!(Value::from(&id), Value::Text("0fa0".to_owned()));
        assert_eq!(
            Value::from(&Variant::new(Vec::<u8>::new())),
            Value::Text(String::new())
        );
    }

    #[test]
    fn json_is_plain() {
        let variant = Variant::new(vec![("a", 1u32, true)]);
        let json = serde_json::to_string(&Value::from(&variant)).unwrap();
        assert_eq!(json, r#"[["a",1,true]]"#);
    }
}
