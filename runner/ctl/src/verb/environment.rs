//! The variables every program's environment starts from: shown, set, taken away.

use std::env;

use dbus::client::Client;
use serde_json::{Map, Value, json};

use crate::cli::{AssignmentsArgs, UnsetArgs, VariablesArgs};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::terminal::Terminal;

/// `show-environment`
pub(super) async fn show(client: &Client, terminal: &mut Terminal, (): &()) -> Outcome {
    let properties = client.properties().await?;
    if properties.get("Environment").is_none() {
        return Err(Failure::new(
            Exit::Refused,
            "environments are shown to administrators only",
        ));
    }
    let block: Vec<(&str, &str)> = properties
        .texts("Environment")
        .into_iter()
        .filter_map(|text| text.split_once('='))
        .collect();
    if terminal.json() {
        let block: Map<_, _> = block
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect();
        terminal.value(&block)?;
        return Ok(Exit::Done);
    }
    for (name, value) in block {
        terminal.line(&format!("{name}={}", for_a_shell(value)))?;
    }
    Ok(Exit::Done)
}

/// `set-environment`
pub(super) async fn set(
    client: &Client,
    terminal: &mut Terminal,
    args: &AssignmentsArgs,
) -> Outcome {
    client.change_environment(&[], &args.assignments).await?;
    told(terminal, &names(&args.assignments), &[])
}

/// `unset-environment`
pub(super) async fn unset(client: &Client, terminal: &mut Terminal, args: &UnsetArgs) -> Outcome {
    client.change_environment(&args.names, &[]).await?;
    told(terminal, &[], &names(&args.names))
}

/// `import-environment`
pub(super) async fn import(
    client: &Client,
    terminal: &mut Terminal,
    args: &VariablesArgs,
) -> Outcome {
    let mut found = Vec::new();
    for name in &args.names {
        match env::var_os(name).map(std::ffi::OsString::into_string) {
            Some(Ok(value)) => found.push(format!("{name}={value}")),
            Some(Err(_)) => {
                let message = format!("the value of {name} is not valid UTF-8");
                return Err(Failure::because(message));
            }
            None => terminal.remark(&format!("{name} is not set here; passed over")),
        }
    }
    if !found.is_empty() {
        client.change_environment(&[], &found).await?;
    }
    told(terminal, &names(&found), &[])
}

fn names(texts: &[String]) -> Vec<&str> {
    texts
        .iter()
        .map(|text| text.split_once('=').map_or(text.as_str(), |(name, _)| name))
        .collect()
}

fn told(terminal: &mut Terminal, set: &[&str], unset: &[&str]) -> Outcome {
    if terminal.json() {
        terminal.value(&json!({ "set": set, "unset": unset }))?;
    }
    Ok(Exit::Done)
}

/// A value as a shell takes it, quoted only where it has to be (systemctl's `$'…'`).
fn for_a_shell(value: &str) -> String {
    let plain = |letter: char| {
        letter.is_alphanumeric()
            || matches!(
                letter,
                '_' | '-' | '.' | ',' | ':' | '/' | '+' | '@' | '=' | '%'
            )
    };
    if value.chars().all(plain) {
        return value.to_owned();
    }
    let mut out = String::from("$'");
    for letter in value.chars() {
        match letter {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            letter if letter.is_ascii_control() => {
                out.push_str(&format!("\\{:03o}", u32::from(letter)));
            }
            // Above ASCII there are no octal escapes that mean one letter.
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_only_where_a_shell_needs_it() {
        for (value, text) in [
            ("", ""),
            ("C.UTF-8", "C.UTF-8"),
            ("/usr/bin:/bin", "/usr/bin:/bin"),
            ("a b", "$'a b'"),
            ("it's", "$'it\\'s'"),
            ("a\nb\\", "$'a\\nb\\\\'"),
            ("\u{1b}[1m", "$'\\033[1m'"),
            ("$HOME", "$'$HOME'"),
            ("grün", "grün"),
        ] {
            assert_eq!(for_a_shell(value), text);
        }
    }
}
