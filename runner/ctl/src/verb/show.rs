//! `show` and `cat`: what is known of a unit, and what is written about it.

use std::collections::BTreeMap;

use dbus::client::{Client, Properties, Value};
use serde_json::json;

use super::expand;
use crate::cli::{ShowArgs, UnitsArgs};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::terminal::{Style, Terminal};

/// `show`
pub(super) async fn show(client: &Client, terminal: &mut Terminal, args: &ShowArgs) -> Outcome {
    if args.units.units.is_empty() {
        let properties = client.properties().await?;
        if terminal.json() {
            terminal.value(&chosen(&properties, args))?;
        } else {
            print(terminal, &properties, args)?;
        }
        return Ok(Exit::Done);
    }
    let mut all = Vec::new();
    for unit in expand(client, &args.units.units).await? {
        all.push(client.unit(&unit).await?);
    }
    if terminal.json() {
        let all: Vec<_> = all
            .iter()
            .map(|properties| chosen(properties, args))
            .collect();
        terminal.value(&all)?;
        return Ok(Exit::Done);
    }
    for (at, properties) in all.iter().enumerate() {
        if at > 0 {
            terminal.line("")?;
        }
        print(terminal, properties, args)?;
    }
    Ok(Exit::Done)
}

fn is_wanted(name: &str, args: &ShowArgs) -> bool {
    args.properties.is_empty() || args.properties.iter().any(|wanted| wanted == name)
}

fn chosen<'a>(properties: &'a Properties, args: &ShowArgs) -> BTreeMap<&'a str, &'a Value> {
    properties
        .iter()
        .filter(|(name, _)| is_wanted(name, args))
        .collect()
}

fn print(terminal: &mut Terminal, properties: &Properties, args: &ShowArgs) -> Result<(), Failure> {
    let line = |terminal: &mut Terminal, name: &str, value: &Value| {
        let value = value.to_string();
        let value = terminal.foreign(&value);
        let text = if args.value {
            value.into_owned()
        } else {
            format!("{name}={value}")
        };
        terminal.line(&text)
    };
    if args.properties.is_empty() {
        for (name, value) in properties.iter() {
            line(terminal, name, value)?;
        }
    }
    // In the order they were asked for: a script reads the values line by line.
    for name in &args.properties {
        if let Some(value) = properties.get(name) {
            line(terminal, name, value)?;
        }
    }
    Ok(())
}

/// `cat`
pub(super) async fn cat(client: &Client, terminal: &mut Terminal, args: &UnitsArgs) -> Outcome {
    let mut all = Vec::new();
    for unit in args.names(client).await? {
        let files = client.cat(&unit).await?;
        if files.is_empty() {
            return Err(Failure::because(format!(
                "{unit} is built in: no file defines it"
            )));
        }
        all.extend(files.into_iter().map(|file| (unit.clone(), file)));
    }
    if terminal.json() {
        let files: Vec<_> = all
            .iter()
            .map(|(unit, file)| json!({ "unit": unit, "path": file.path, "text": file.text }))
            .collect();
        terminal.value(&files)?;
        return Ok(Exit::Done);
    }
    for (at, (_, file)) in all.iter().enumerate() {
        if at > 0 {
            terminal.line("")?;
        }
        let path = terminal.foreign(&file.path).into_owned();
        let heading = terminal.paint(Style::Heading, &format!("# {path}"));
        terminal.line(&heading)?;
        let text = terminal.foreign(&file.text).into_owned();
        terminal.line(text.strip_suffix('\n').unwrap_or(&text))?;
    }
    Ok(Exit::Done)
}
