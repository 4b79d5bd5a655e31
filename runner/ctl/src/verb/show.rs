//! `show` and `cat`: what is known of a unit, and what is written about it.

use std::collections::BTreeMap;

use dbus::client::{Client, Properties, Value};
use serde_json::json;

use units::disk::zoneinfo::ZoneInfo;
use units::value::Zones;

use super::{calendar, expand};
use crate::cli::{ShowArgs, UnitsArgs};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::render::property;
use crate::terminal::{Style, Terminal};

/// `show`
pub(super) async fn show(client: &Client, terminal: &mut Terminal, args: &ShowArgs) -> Outcome {
    let form = Form::new(args);
    if args.units.units.is_empty() {
        let properties = client.properties().await?;
        if terminal.json() {
            terminal.value(&form.chosen(&properties))?;
        } else {
            form.print(terminal, &properties)?;
        }
        return Ok(Exit::Done);
    }
    let units = expand(client, &args.units.units).await?;
    let all = client.units(&units, form.wanted).await?;
    if terminal.json() {
        let all: Vec<_> = all
            .iter()
            .map(|properties| form.chosen(properties))
            .collect();
        terminal.value(&all)?;
        return Ok(Exit::Done);
    }
    for (at, properties) in all.iter().enumerate() {
        if at > 0 {
            terminal.line("")?;
        }
        form.print(terminal, properties)?;
    }
    Ok(Exit::Done)
}

/// How properties are shown, and which.
struct Form<'a> {
    /// Empty for all.
    wanted: &'a [String],
    values_only: bool,
    with_empty: bool,
    /// Whose clock dates are told by.
    zones: ZoneInfo,
}

impl Form<'_> {
    fn new(args: &ShowArgs) -> Form<'_> {
        let wanted = match args.values_of.as_slice() {
            [] => &args.properties,
            wanted => wanted,
        };
        Form {
            wanted,
            values_only: args.value || !args.values_of.is_empty(),
            // Who asks for a property wants to see that it is empty.
            with_empty: args.all || !wanted.is_empty(),
            zones: calendar::zones(calendar::now()),
        }
    }

    fn chosen<'p>(&self, properties: &'p Properties) -> BTreeMap<&'p str, &'p Value> {
        let is_wanted =
            |name: &str| self.wanted.is_empty() || self.wanted.iter().any(|wanted| wanted == name);
        properties
            .iter()
            .filter(|(name, _)| is_wanted(name))
            .collect()
    }

    fn print(&self, terminal: &mut Terminal, properties: &Properties) -> Result<(), Failure> {
        if self.wanted.is_empty() {
            for (name, value) in properties.iter() {
                self.print_one(terminal, name, value)?;
            }
        }
        // In the order they were asked for: a script reads the values line by line.
        for name in self.wanted {
            if let Some(value) = properties.get(name) {
                self.print_one(terminal, name, value)?;
            }
        }
        Ok(())
    }

    fn print_one(&self, terminal: &mut Terminal, name: &str, value: &Value) -> Result<(), Failure> {
        for text in property::lines(name, value, self.zones.local()) {
            if text.is_empty() && !self.with_empty {
                continue;
            }
            let text = terminal.foreign(&text).into_owned();
            terminal.line(&match self.values_only {
                true => text,
                false => format!("{name}={text}"),
            })?;
        }
        Ok(())
    }
}

/// `cat`
pub(super) async fn cat(client: &Client, terminal: &mut Terminal, args: &UnitsArgs) -> Outcome {
    // Of a masked unit there is no file, and that is an answer.
    let mut all = Vec::new();
    for unit in args.names(client).await? {
        let files = client.cat(&unit).await?;
        if files.is_empty() {
            if client.unit(&unit).await?.text("LoadState") != "masked" {
                return Err(Failure::because(format!(
                    "{unit} is built in: no file defines it"
                )));
            }
            all.push((unit, None));
        } else {
            all.extend(files.into_iter().map(|file| (unit.clone(), Some(file))));
        }
    }
    if terminal.json() {
        let files: Vec<_> = all
            .iter()
            .filter_map(|(unit, file)| {
                let file = file.as_ref()?;
                Some(json!({ "unit": unit, "path": file.path, "text": file.text }))
            })
            .collect();
        terminal.value(&files)?;
        return Ok(Exit::Done);
    }
    for (at, (unit, file)) in all.iter().enumerate() {
        if at > 0 {
            terminal.line("")?;
        }
        let head = match file {
            Some(file) => format!("# {}", file.path),
            None => format!("# Unit {unit} is masked."),
        };
        let head = terminal.foreign(&head).into_owned();
        let heading = terminal.paint(Style::Heading, &head);
        terminal.line(&heading)?;
        if let Some(file) = file {
            let text = terminal.foreign(&file.text).into_owned();
            terminal.line(text.strip_suffix('\n').unwrap_or(&text))?;
        }
    }
    Ok(Exit::Done)
}
