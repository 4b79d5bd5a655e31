//! Settings as people would write them in a unit file.

use std::fmt::Write as _;

use crate::definition::Item;
use crate::settings::{SettingId, Shape};
use crate::value::split_words;

/// The value of a setting, made of its items.
pub(crate) fn value(id: SettingId, items: &[Item]) -> String {
    let texts: Vec<&str> = items.iter().map(|item| &*item.text).collect();
    match (id.row().value.shape, texts.as_slice()) {
        (_, []) => "\"\"".to_owned(),
        (Shape::Flag, [text, ..]) => flag(text).to_owned(),
        (Shape::Number, [text, ..]) => (*text).to_owned(),
        (Shape::Text, [text, ..]) => string(text),
        (Shape::TextOrNumber, [text, ..]) => scalar(text),
        (Shape::List, texts) => array(texts, string),
        (Shape::ListOrNumber, texts) => array(texts, scalar),
        (Shape::Commands, [text]) => string(text),
        (Shape::Commands, texts) => commands(texts),
        (Shape::Assignments, texts) => assignments(texts),
    }
}

fn flag(text: &str) -> &'static str {
    let yes = ["true", "yes", "on", "1", "y", "t"];
    if yes.contains(&text.trim().to_ascii_lowercase().as_str()) {
        "true"
    } else {
        "false"
    }
}

/// A number where it is one in every reading of it.
fn scalar(text: &str) -> String {
    let is_number = text.parse::<u32>().is_ok_and(|n| n.to_string() == text);
    match is_number {
        true => text.to_owned(),
        false => string(text),
    }
}

fn array(texts: &[&str], one: impl Fn(&str) -> String) -> String {
    let texts: Vec<String> = texts.iter().map(|text| one(text)).collect();
    match texts.as_slice() {
        [single] => single.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// An array of commands, each an array of its words.
fn commands(texts: &[&str]) -> String {
    let words = |text: &&str| match split_words(text) {
        Ok(words) => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let words: Vec<String> = words.iter().map(|word| string(word)).collect();
            format!("[{}]", words.join(", "))
        }
        Err(_) => string(text),
    };
    let commands: Vec<String> = texts.iter().map(words).collect();
    format!("[{}]", commands.join(", "))
}

/// An inline table, the last one of a name; a line of text where something is no assignment.
fn assignments(texts: &[&str]) -> String {
    let words: Result<Vec<Vec<String>>, _> = texts.iter().map(|text| split_words(text)).collect();
    let pairs: Option<Vec<(&str, &str)>> = words.as_ref().ok().and_then(|words| {
        let words = words.iter().flatten();
        words.map(|word| word.split_once('=')).collect()
    });
    let Some(pairs) = pairs else {
        return array(texts, string);
    };
    let mut last: Vec<(&str, &str)> = Vec::new();
    for (name, value) in pairs {
        last.retain(|(held, _)| *held != name);
        last.push((name, value));
    }
    let entries: Vec<String> = last
        .iter()
        .map(|(name, value)| format!("{} = {}", key(name), string(value)))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A key, bare where it can be.
pub(crate) fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    match bare {
        true => name.to_owned(),
        false => string(name),
    }
}

/// A string in the quotes that need the fewest escapes.
pub(crate) fn string(text: &str) -> String {
    let controlled = text.chars().any(|c| c.is_control() && c != '\n');
    if text.contains('\n') && !controlled && !text.contains("'''") && !text.ends_with('\'') {
        return format!("'''\n{text}'''");
    }
    if text.contains(['"', '\\']) && !text.contains(['\'', '\n']) && !controlled {
        return format!("'{text}'");
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            letter if letter.is_control() => {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// A comment, a line for each of its lines.
pub(crate) fn comment(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line: String = line
            .chars()
            .filter(|c| !c.is_control() || *c == '\t')
            .collect();
        let line = line.trim();
        out.push_str(if line.is_empty() { "#" } else { "# " });
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_that_need_the_fewest_escapes() {
        for (text, written) in [
            ("plain", "\"plain\""),
            ("say \"x\"", "'say \"x\"'"),
            ("it's \"x\"", "\"it's \\\"x\\\"\""),
            ("a\nb", "'''\na\nb'''"),
            ("a\u{1b}b", "\"a\\u001Bb\""),
            ("", "\"\""),
        ] {
            assert_eq!(string(text), written);
        }
        assert_eq!(scalar("10"), "10");
        assert_eq!(scalar("0644"), "\"0644\"");
        assert_eq!(key("a:b"), "\"a:b\"");
        assert_eq!(comment("a\n\nb"), "# a\n#\n# b\n");
    }

    #[test]
    fn assignments_become_a_table_or_stay_a_line() {
        assert_eq!(
            assignments(&["A=1", "\"B=x y\"", "A=2"]),
            "{ B = \"x y\", A = \"2\" }"
        );
        assert_eq!(assignments(&["nothing"]), "\"nothing\"");
    }

    proptest! {
        #[test]
        fn strings_and_comments_come_back(text in "[^\r]*", note in any::<String>()) {
            let file = format!("{}a = {}\n", comment(&note), string(&text));
            let (table, problems) = toml::de::DeTable::parse_recoverable(&file);
            prop_assert!(problems.is_empty(), "{file}");
            let read = table.get_ref().get("a").and_then(|value| value.get_ref().as_str());
            prop_assert_eq!(read, Some(text.as_str()));
        }
    }
}
