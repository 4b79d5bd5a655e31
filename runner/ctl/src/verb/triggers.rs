//! Lists of timers and paths, and the units they start.

use dbus::client::{Client, Properties, Value};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use super::lists::{matches, or_dash};
use crate::cli::PatternArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::render::columns::{self, Cell};
use crate::render::time::{ago, moment};
use crate::terminal::{Style, Terminal};

/// One unit of the kind that is listed.
struct Listed {
    unit: String,
    active: String,
    properties: Properties,
}

impl Listed {
    /// A number of microseconds; `None` for never.
    fn micros(&self, name: &str) -> Option<u64> {
        match self.properties.get(name) {
            Some(Value::Number(0 | u64::MAX)) => None,
            Some(Value::Number(micros)) => Some(*micros),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> String {
        let value = self.properties.get(name);
        value.map(ToString::to_string).unwrap_or_default()
    }
}

/// The loaded units whose names end in `suffix`, in order of name.
async fn of_kind(
    client: &Client,
    args: &PatternArgs,
    suffix: &str,
) -> Result<Vec<Listed>, Failure> {
    let mut listed = Vec::new();
    for line in client.list_units(&[], &[format!("*{suffix}")]).await? {
        if matches(&args.patterns, &line.name) {
            listed.push(Listed {
                properties: client.unit(&line.name).await?,
                unit: line.name,
                active: line.active_state,
            });
        }
    }
    listed.sort_by(|a, b| a.unit.cmp(&b.unit));
    Ok(listed)
}

/// `list-timers`
pub(super) async fn timers(
    client: &Client,
    terminal: &mut Terminal,
    args: &PatternArgs,
) -> Outcome {
    let (now, since_boot) = (clock(ClockId::Realtime), clock(ClockId::Monotonic));
    let next_of = |timer: &Listed| {
        let monotonic = timer.micros("NextElapseUSecMonotonic");
        // What counts from something that happened, in real time.
        let monotonic = monotonic.map(|at| (now + at).saturating_sub(since_boot));
        let realtime = timer.micros("NextElapseUSecRealtime");
        [realtime, monotonic].into_iter().flatten().min()
    };
    let mut timers: Vec<(Option<u64>, Listed)> = of_kind(client, args, ".timer")
        .await?
        .into_iter()
        .map(|timer| (next_of(&timer), timer))
        .collect();
    // The next one first, those that wait for nothing last.
    timers.sort_by_key(|(next, _)| next.unwrap_or(u64::MAX));
    if terminal.json() {
        let lines: Vec<_> = timers
            .iter()
            .map(|(next, timer)| {
                json!({
                    "unit": timer.unit,
                    "active": timer.active,
                    "activates": timer.text("Unit"),
                    "next": next,
                    "last": timer.micros("LastTriggerUSec"),
                })
            })
            .collect();
        terminal.value(&lines)?;
        return Ok(Exit::Done);
    }
    let when = |at: Option<u64>| {
        let (moment, ago) = match at {
            Some(at) => (moment(at), ago(at, now)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        (Cell::from(moment), Cell::from(ago))
    };
    let rows = timers.into_iter().map(|(next, timer)| {
        let style = Style::of_active(&timer.active);
        let (next, left) = when(next);
        let (last, passed) = when(timer.micros("LastTriggerUSec"));
        let activates = or_dash(timer.text("Unit"));
        [
            next,
            left,
            last,
            passed,
            Cell::styled(timer.unit, style),
            Cell::from(activates),
        ]
    });
    columns::print(
        terminal,
        ["NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES"],
        rows.collect(),
    )?;
    Ok(Exit::Done)
}

/// `list-paths`
pub(super) async fn paths(client: &Client, terminal: &mut Terminal, args: &PatternArgs) -> Outcome {
    let mut lines: Vec<(String, String, Listed)> = Vec::new();
    for unit in of_kind(client, args, ".path").await? {
        let paths = match unit.properties.get("Paths") {
            Some(Value::List(paths)) => paths.clone(),
            _ => Vec::new(),
        };
        for path in paths {
            if let Value::List(parts) = path
                && let [check, path] = parts.as_slice()
            {
                let listed = Listed {
                    unit: unit.unit.clone(),
                    active: unit.active.clone(),
                    properties: unit.properties.clone(),
                };
                lines.push((path.to_string(), check.to_string(), listed));
            }
        }
    }
    lines.sort_by(|a, b| (&a.0, &a.2.unit).cmp(&(&b.0, &b.2.unit)));
    if terminal.json() {
        let lines: Vec<_> = lines
            .iter()
            .map(|(path, check, unit)| {
                json!({
                    "path": path,
                    "condition": check,
                    "unit": unit.unit,
                    "active": unit.active,
                    "activates": unit.text("Unit"),
                })
            })
            .collect();
        terminal.value(&lines)?;
        return Ok(Exit::Done);
    }
    let rows = lines.into_iter().map(|(path, check, unit)| {
        let style = Style::of_active(&unit.active);
        let activates = or_dash(unit.text("Unit"));
        [
            Cell::from(path),
            Cell::from(check),
            Cell::from(unit.unit),
            Cell::styled(unit.active, style),
            Cell::from(activates),
        ]
    });
    columns::print(
        terminal,
        ["PATH", "CONDITION", "UNIT", "ACTIVE", "ACTIVATES"],
        rows.collect(),
    )?;
    Ok(Exit::Done)
}

/// Microseconds on a clock.
fn clock(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000
}
