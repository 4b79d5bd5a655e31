//! TOML values to the texts a setting reads, by the shape its type allows.

use toml::Spanned;
use toml::de::DeValue;

use super::Positions;
use crate::definition::Item;
use crate::diagnostic::Diagnostic;
use crate::settings::{Setting, SettingId, Shape};
use crate::value::quote;

/// The items of a value. An empty list is one empty item: both start the setting over.
pub(super) fn items(
    row: &Setting,
    value: &Spanned<DeValue<'_>>,
    positions: &Positions<'_>,
) -> Result<Vec<Item>, Diagnostic> {
    let shaper = Shaper { row, positions };
    let items = match (row.value.shape, value.get_ref()) {
        (Shape::Commands, DeValue::Array(array)) => shaper.commands(value, array)?,
        (Shape::Assignments, DeValue::Table(table)) => {
            let mut items = Vec::new();
            for (key, value) in super::in_order(table) {
                let text = shaper.text(value, false)?;
                items.push(shaper.item(value, quote(&format!("{}={text}", key.get_ref()))));
            }
            items
        }
        (Shape::Assignments, DeValue::Array(array)) => {
            let quoted = |value| Ok(shaper.item(value, quote(&shaper.text(value, false)?)));
            array
                .iter()
                .map(quoted)
                .collect::<Result<_, Diagnostic>>()?
        }
        (Shape::List | Shape::ListOrNumber, DeValue::Array(array)) => {
            let numbers = row.value.shape == Shape::ListOrNumber;
            let plain = |value| Ok(shaper.item(value, shaper.text(value, numbers)?));
            array.iter().map(plain).collect::<Result<_, Diagnostic>>()?
        }
        (Shape::Flag, DeValue::Boolean(flag)) => vec![shaper.item(value, flag.to_string())],
        (Shape::Flag, _) => return Err(shaper.wrong_type(value)),
        (Shape::Number, DeValue::Integer(_)) => vec![shaper.item(value, shaper.text(value, true)?)],
        (Shape::Number, _) => return Err(shaper.wrong_type(value)),
        (Shape::TextOrNumber | Shape::ListOrNumber, _) => {
            vec![shaper.item(value, shaper.text(value, true)?)]
        }
        (Shape::Text | Shape::List | Shape::Commands | Shape::Assignments, _) => {
            vec![shaper.item(value, shaper.text(value, false)?)]
        }
    };
    if items.is_empty() {
        return Ok(vec![shaper.item(value, String::new())]);
    }
    Ok(items)
}

/// A value as one line of systemd's would have it, as far as it takes to see whether it asks for
/// anything.
pub(super) fn line(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Array(array) if array.is_empty() => String::new(),
        _ => "something".to_owned(),
    }
}

struct Shaper<'a> {
    row: &'a Setting,
    positions: &'a Positions<'a>,
}

impl Shaper<'_> {
    fn item(&self, value: &Spanned<DeValue<'_>>, text: String) -> Item {
        Item {
            text: text.into(),
            place: self.positions.place(value.span().start),
        }
    }

    /// A string, or where `numbers` are fine a number, as text.
    fn text(&self, value: &Spanned<DeValue<'_>>, numbers: bool) -> Result<String, Diagnostic> {
        match value.get_ref() {
            DeValue::String(text) => {
                if text.contains('\0') {
                    let place = self.positions.place(value.span().start);
                    let message = format!("`{}` contains a NUL character", self.row.key);
                    return Err(Diagnostic::error(place, message));
                }
                Ok(text.to_string())
            }
            DeValue::Integer(number) if numbers => {
                let parsed = i64::from_str_radix(number.as_str(), number.radix());
                match parsed {
                    // An access mode is read as octal digits, whatever radix TOML has it in.
                    Ok(bits) if is_mode(self.row.id) => Ok(format!("{bits:04o}")),
                    Ok(number) => Ok(number.to_string()),
                    Err(_) => Err(self.wrong_type(value)),
                }
            }
            DeValue::Float(number) if numbers => Ok(number.as_str().to_owned()),
            _ => Err(self.wrong_type(value)),
        }
    }

    /// An array of words is one command; with an array in it, each element is a command.
    fn commands(
        &self,
        whole: &Spanned<DeValue<'_>>,
        array: &[Spanned<DeValue<'_>>],
    ) -> Result<Vec<Item>, Diagnostic> {
        if array.is_empty() {
            return Ok(Vec::new());
        }
        if !array.iter().any(|element| element.get_ref().is_array()) {
            return Ok(vec![self.item(whole, self.words(array)?)]);
        }
        let command = |element: &Spanned<DeValue<'_>>| match element.get_ref() {
            DeValue::Array(words) if words.is_empty() => Err(self.wrong_type(element)),
            DeValue::Array(words) => Ok(self.item(element, self.words(words)?)),
            _ => Ok(self.item(element, self.text(element, false)?)),
        };
        array.iter().map(command).collect()
    }

    fn words(&self, array: &[Spanned<DeValue<'_>>]) -> Result<String, Diagnostic> {
        let words: Result<Vec<String>, Diagnostic> = array
            .iter()
            .map(|word| Ok(quote(&self.text(word, false)?)))
            .collect();
        Ok(words?.join(" "))
    }

    fn wrong_type(&self, value: &Spanned<DeValue<'_>>) -> Diagnostic {
        let place = self.positions.place(value.span().start);
        let wanted = match self.row.value.shape {
            Shape::Flag => "`true` or `false`",
            Shape::Number => "a number",
            Shape::Text => "a string",
            Shape::TextOrNumber => "a string or a number",
            Shape::List => "a string or an array of strings",
            Shape::ListOrNumber => "a string, a number, or an array of them",
            Shape::Commands => "a command line, an array of words, or an array of commands",
            Shape::Assignments => "a string, an array of strings, or a table",
        };
        let found = match value.get_ref() {
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Boolean(flag) => format!("`{flag}`"),
            DeValue::String(text) => format!("the string {text:?}"),
            other => format!("this {}", other.type_str()),
        };
        let message = format!("`{}` takes {wanted}, not {found}", self.row.key);
        let problem = Diagnostic::error(place, message);
        match (self.row.value.shape, value.get_ref()) {
            (Shape::Flag, DeValue::String(text)) => match text.as_ref() {
                "yes" | "on" | "true" | "1" => problem.with_hint("write `true`, without quotes"),
                "no" | "off" | "false" | "0" => problem.with_hint("write `false`, without quotes"),
                _ => problem,
            },
            (Shape::Number, DeValue::String(text)) if text.parse::<u32>().is_ok() => {
                problem.with_hint(format!("write {text} without quotes"))
            }
            _ => problem,
        }
    }
}

fn is_mode(id: SettingId) -> bool {
    use SettingId as S;
    matches!(
        id,
        S::Umask | S::SocketMode | S::DirectoryMode | S::LogMode | S::ErrorLogMode
    )
}
