//! Lists of units, sockets, jobs and dependencies.

use dbus::client::{Client, DependencyLine};
use serde::Serialize;
use serde_json::json;

use super::expand;
use crate::cli::{DependenciesArgs, ListUnitsArgs, PatternArgs};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::names::UnitArg;
use crate::render::columns::{self, Cell};
use crate::render::dependency_tree::{self, Shape};
use crate::terminal::{Style, Terminal};

/// `list-units`
pub(super) async fn units(
    client: &Client,
    terminal: &mut Terminal,
    args: &ListUnitsArgs,
) -> Outcome {
    #[derive(Serialize)]
    struct Line {
        unit: String,
        load: String,
        active: String,
        sub: String,
        description: String,
        job: Option<u32>,
        job_type: Option<String>,
    }
    let mut states = args.state.clone();
    if args.failed {
        states.push("failed".to_owned());
    }
    let patterns: Vec<String> = args
        .patterns
        .patterns
        .iter()
        .map(|pattern| pattern.as_str().to_owned())
        .collect();
    let everything = args.all || !states.is_empty() || !patterns.is_empty();
    let mut lines: Vec<Line> = client
        .list_units(&states, &patterns)
        .await?
        .into_iter()
        .filter(|line| everything || line.job != 0 || line.active_state != "inactive")
        .filter(|line| {
            let kind = line.name.rsplit_once('.').map_or("", |(_, kind)| kind);
            args.kind.is_empty() || args.kind.iter().any(|wanted| wanted.as_str() == kind)
        })
        .map(|line| Line {
            unit: line.name,
            load: line.load_state,
            active: line.active_state,
            sub: line.sub_state,
            description: line.description,
            job: (line.job != 0).then_some(line.job),
            job_type: (line.job != 0).then_some(line.job_type),
        })
        .collect();
    lines.sort_by(|a, b| a.unit.cmp(&b.unit));
    if terminal.json() {
        terminal.value(&lines)?;
        return Ok(Exit::Done);
    }
    let count = lines.len();
    let rows = lines.into_iter().map(|line| {
        let load = if line.load == "loaded" {
            Style::Plain
        } else {
            Style::Bad
        };
        let active = Style::of_active(&line.active);
        [
            Cell::from(line.unit),
            Cell::styled(line.load, load),
            Cell::styled(line.active, active),
            Cell::styled(line.sub, active),
            Cell::from(line.description),
        ]
    });
    columns::print(
        terminal,
        ["UNIT", "LOAD", "ACTIVE", "SUB", "DESCRIPTION"],
        rows.collect(),
    )?;
    if terminal.person_reads() {
        let rest = if everything {
            ""
        } else {
            "; --all shows those at rest too"
        };
        terminal.remark(&format!("{}{rest}", plural(count, "unit")));
    }
    Ok(Exit::Done)
}

/// `list-sockets`
pub(super) async fn sockets(
    client: &Client,
    terminal: &mut Terminal,
    args: &PatternArgs,
) -> Outcome {
    let mut lines = client.list_sockets().await?;
    lines.retain(|line| matches(&args.patterns, &line.unit));
    lines.sort_by(|a, b| (&a.unit, &a.address).cmp(&(&b.unit, &b.address)));
    if terminal.json() {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| {
                json!({
                    "listen": line.address,
                    "type": line.kind,
                    "unit": line.unit,
                    "active": line.active_state,
                    "activates": line.triggers,
                })
            })
            .collect();
        terminal.value(&lines)?;
        return Ok(Exit::Done);
    }
    let rows = lines.into_iter().map(|line| {
        let style = Style::of_active(&line.active_state);
        [
            Cell::from(line.address),
            Cell::from(line.kind),
            Cell::from(line.unit),
            Cell::styled(line.active_state, style),
            Cell::from(or_dash(line.triggers.join(","))),
        ]
    });
    columns::print(
        terminal,
        ["LISTEN", "TYPE", "UNIT", "ACTIVE", "ACTIVATES"],
        rows.collect(),
    )?;
    Ok(Exit::Done)
}

/// `list-jobs`
pub(super) async fn jobs(client: &Client, terminal: &mut Terminal, args: &PatternArgs) -> Outcome {
    let mut lines = client.list_jobs().await?;
    lines.retain(|line| matches(&args.patterns, &line.unit));
    lines.sort_by_key(|line| line.id);
    if terminal.json() {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| {
                json!({
                    "job": line.id,
                    "unit": line.unit,
                    "type": line.kind,
                    "state": line.state,
                })
            })
            .collect();
        terminal.value(&lines)?;
        return Ok(Exit::Done);
    }
    if lines.is_empty() && terminal.person_reads() {
        terminal.remark("no jobs");
        return Ok(Exit::Done);
    }
    let rows = lines.into_iter().map(|line| {
        let style = if line.state == "running" {
            Style::Passing
        } else {
            Style::Plain
        };
        [
            Cell::from(line.id.to_string()),
            Cell::from(line.unit),
            Cell::from(line.kind),
            Cell::styled(line.state, style),
        ]
    });
    columns::print(terminal, ["JOB", "UNIT", "TYPE", "STATE"], rows.collect())?;
    Ok(Exit::Done)
}

/// `list-dependencies`
pub(super) async fn dependencies(
    client: &Client,
    terminal: &mut Terminal,
    args: &DependenciesArgs,
) -> Outcome {
    let direction = match (args.reverse, args.after, args.before) {
        (true, _, _) => "reverse",
        (_, true, _) => "after",
        (_, _, true) => "before",
        _ => "requirements",
    };
    let mut units = expand(client, &args.units.units).await?;
    if units.is_empty() {
        units.push("default.target".to_owned());
    }
    let shape = Shape {
        all: args.all,
        plain: args.plain,
    };
    let mut trees = Vec::new();
    for unit in &units {
        trees.push(client.list_dependencies(unit, direction).await?);
    }
    if terminal.json() {
        let line = |line: &DependencyLine| {
            json!({
                "depth": line.depth,
                "unit": line.unit,
                "active": line.active_state,
                "repeated": line.repeated,
            })
        };
        let trees: Vec<Vec<_>> = trees
            .iter()
            .map(|tree| tree.iter().map(line).collect())
            .collect();
        terminal.value(&trees)?;
        return Ok(Exit::Done);
    }
    for (at, tree) in trees.iter().enumerate() {
        if at > 0 {
            terminal.line("")?;
        }
        print_tree(terminal, tree, shape)?;
    }
    Ok(Exit::Done)
}

fn print_tree(
    terminal: &mut Terminal,
    tree: &[DependencyLine],
    shape: Shape,
) -> Result<(), Failure> {
    if let Some(root) = tree.first() {
        let name = terminal.foreign(&root.unit).into_owned();
        terminal.line(&name)?;
    }
    dependency_tree::each(tree, shape, |line| {
        let name = terminal.foreign(line.name).into_owned();
        if shape.plain {
            terminal.line(&format!("  {name}"))?;
            return Ok(());
        }
        let dot = match line.active {
            Some(state) => terminal.paint(Style::of_active(state), dot(state)),
            None => " ".to_owned(),
        };
        terminal.line(&format!("{dot} {}{name}", line.branches))?;
        Ok(())
    })
}

/// The sign before a unit's name: systemctl's.
pub(super) fn dot(active_state: &str) -> &'static str {
    match active_state {
        "active" | "activating" | "deactivating" => "●",
        "reloading" => "↻",
        "failed" => "×",
        _ => "○",
    }
}

/// `1 unit`, `2 units`
pub(super) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

pub(super) fn matches(patterns: &[UnitArg], unit: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(unit))
}

/// An empty cell in the middle of a line would make the next one look like it.
pub(super) fn or_dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}
