//! `status`: everything a person wants to know first, of units or of the whole.

use std::time::{SystemTime, UNIX_EPOCH};

use dbus::client::{Client, LogLine, ProcessLine, Properties, Value};
use serde_json::json;

use super::lists::{dot, plural};
use super::{expand, jobs, logs};
use crate::cli::StatusArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::render::ending::Ending;
use crate::render::time;
use crate::terminal::{Style, Terminal};

/// `status`
pub(super) async fn status(client: &Client, terminal: &mut Terminal, args: &StatusArgs) -> Outcome {
    if args.units.units.is_empty() {
        return whole(client, terminal).await;
    }
    let mut exit = Exit::Done;
    let mut all = Vec::new();
    for unit in expand(client, &args.units.units).await? {
        let unit = Unit::ask(client, unit, args.lines).await?;
        exit = exit.max(unit.exit());
        all.push(unit);
    }
    if terminal.json() {
        let all: Vec<_> = all
            .iter()
            .map(|unit| {
                json!({
                    "unit": unit.name,
                    "properties": unit.properties,
                    "processes": unit
                        .processes
                        .iter()
                        .map(|process| json!({ "pid": process.pid, "command": process.command }))
                        .collect::<Vec<_>>(),
                    "log": unit.log.iter().map(logs::record).collect::<Vec<_>>(),
                })
            })
            .collect();
        terminal.value(&all)?;
        return Ok(exit);
    }
    for (at, unit) in all.iter().enumerate() {
        if at > 0 {
            terminal.line("")?;
        }
        unit.print(terminal, now())?;
    }
    Ok(exit)
}

/// All that is shown of one unit.
struct Unit {
    name: String,
    properties: Properties,
    processes: Vec<ProcessLine>,
    log: Vec<LogLine>,
    /// Its triggers, with their active states.
    triggers: Vec<(String, String)>,
}

impl Unit {
    /// Asks for everything. Who may not see processes or the log sees the rest.
    async fn ask(client: &Client, name: String, lines: u32) -> Result<Unit, Failure> {
        let properties = client.unit(&name).await?;
        let mut triggers = Vec::new();
        for trigger in properties.texts("TriggeredBy") {
            let state = client.unit(trigger).await?.text("ActiveState").to_owned();
            triggers.push((trigger.to_owned(), state));
        }
        let processes = client.processes(&name).await.unwrap_or_default();
        let mut log = Vec::new();
        if lines > 0
            && let Ok(mut reader) = client
                .read_log(std::slice::from_ref(&name), lines, false)
                .await
        {
            while let Ok(Some(line)) = reader.next().await {
                log.push(line);
            }
        }
        let name = match properties.text("Id") {
            "" => name,
            id => id.to_owned(),
        };
        Ok(Unit {
            name,
            properties,
            processes,
            log,
            triggers,
        })
    }

    fn exit(&self) -> Exit {
        let active = self.properties.text("ActiveState");
        match (self.properties.text("LoadState"), active) {
            ("not-found", "inactive") => Exit::Unknown,
            (_, "inactive" | "failed") => Exit::NotActive,
            _ => Exit::Done,
        }
    }

    fn print(&self, terminal: &mut Terminal, now: u64) -> Result<(), Failure> {
        let properties = &self.properties;
        let active = properties.text("ActiveState");
        let sign = terminal.paint(Style::of_active(active), dot(active));
        let mut heading = format!("{sign} {}", terminal.foreign(&self.name));
        match properties.text("Description") {
            "" => {}
            description if description == self.name => {}
            description => heading.push_str(&format!(" - {}", terminal.foreign(description))),
        }
        terminal.line(&heading)?;
        for (label, text) in self.facts(terminal, now) {
            let mut lines = text.lines();
            terminal.line(&format!(
                "{label:>12}: {}",
                lines.next().unwrap_or_default()
            ))?;
            for line in lines {
                terminal.line(&format!("{:14}{line}", ""))?;
            }
        }
        if !self.log.is_empty() {
            terminal.line("")?;
        }
        for line in &self.log {
            logs::print(terminal, line, false)?;
        }
        if properties.flag("NeedDaemonReload") {
            terminal.remark(&format!(
                "warning: the files of {} changed since they were read: `runnerctl daemon-reload`",
                self.name
            ));
        }
        Ok(())
    }

    /// What is known, as label and text; what is not known or empty is left out.
    fn facts(&self, terminal: &Terminal, now: u64) -> Vec<(&'static str, String)> {
        let properties = &self.properties;
        let mut facts = vec![("Loaded", self.loaded(terminal))];
        let lines = |name| properties.texts(name).join("\n");
        facts.push(("Drop-in", lines("DropInPaths")));
        facts.push(("Active", self.active(terminal, now)));
        facts.push((
            "Job",
            job_of(properties)
                .map(|job| job.to_string())
                .unwrap_or_default(),
        ));
        facts.push(("Triggered by", signed(terminal, &self.triggers)));
        facts.push(("Triggers", lines("Triggers")));
        facts.push(("Docs", lines("Documentation")));
        facts.push(("Listen", listen(properties)));
        facts.push(("Connections", connections(properties)));
        facts.push(("Process", ended_commands(properties)));
        facts.push(("Main PID", self.main_pid()));
        facts.push(("Status", properties.text("StatusText").replace('\n', " ")));
        facts.push((
            "Waiting for",
            properties.text("ReadyProbeResult").to_owned(),
        ));
        facts.push(("Restarts", self.restarts()));
        facts.push(("Failure", self.failure()));
        facts.push(("Stored fds", stored(properties)));
        facts.push(("Tasks", number(properties, "TasksCurrent")));
        facts.push(("Memory", memory(properties)));
        facts.push(("Cgroup", properties.text("ControlGroup").to_owned()));
        facts.push(("Processes", self.processes()));
        facts.retain(|(_, text)| !text.is_empty());
        facts
            .into_iter()
            .map(|(label, text)| match label {
                // These have colours in them, and were cleaned before they got them.
                "Active" | "Loaded" | "Triggered by" => (label, text),
                _ => (label, terminal.foreign(&text).into_owned()),
            })
            .collect()
    }

    fn loaded(&self, terminal: &Terminal) -> String {
        let state = self.properties.text("LoadState");
        let style = if state == "loaded" {
            Style::Plain
        } else {
            Style::Bad
        };
        let mut text = terminal.paint(style, state);
        match self.properties.text("FragmentPath") {
            "" => {}
            path => text.push_str(&format!(" ({})", terminal.foreign(path))),
        }
        // (error name, message)
        if let Some(Value::List(error)) = self.properties.get("LoadError")
            && let Some(Value::Text(message)) = error.get(1)
            && !message.is_empty()
        {
            text.push_str(&format!("\n{}", terminal.foreign(message)));
        }
        text
    }

    fn active(&self, terminal: &Terminal, now: u64) -> String {
        let properties = &self.properties;
        let (active, sub) = (properties.text("ActiveState"), properties.text("SubState"));
        let mut text = terminal.paint(Style::of_active(active), &format!("{active} ({sub})"));
        let since = match active {
            "active" | "reloading" => "ActiveEnterTimestamp",
            "activating" => "InactiveExitTimestamp",
            "deactivating" => "ActiveExitTimestamp",
            _ => "InactiveEnterTimestamp",
        };
        if let Some(since) = properties.number(since).filter(|since| *since > 0) {
            text.push_str(&format!(
                " since {}; {}",
                time::moment(since),
                time::ago(since, now)
            ));
        }
        text
    }

    fn main_pid(&self) -> String {
        let properties = &self.properties;
        match properties.number("MainPID").unwrap_or_default() {
            0 => {
                let signed = |name| {
                    properties
                        .number(name)
                        .and_then(|number| i32::try_from(number).ok())
                        .unwrap_or_default()
                };
                let ending = Ending::new(signed("ExecMainCode"), signed("ExecMainStatus"));
                let pid = properties.number("ExecMainPID").unwrap_or_default();
                match (ending, pid) {
                    (None, _) => String::new(),
                    (Some(ending), 0) => format!("code={ending}"),
                    (Some(ending), pid) => format!("{pid} (code={ending})"),
                }
            }
            pid => pid.to_string(),
        }
    }

    fn restarts(&self) -> String {
        let count = self.properties.number("NRestarts").unwrap_or_default();
        // Infinity, which is no number here, when it does not wait for a restart.
        let Some(at) = self.properties.number("NextRestartUSecMonotonic") else {
            return if count == 0 {
                String::new()
            } else {
                count.to_string()
            };
        };
        match at.saturating_sub(monotonic()) {
            0 => format!("{count}; next is due"),
            left => format!("{count}; next in {}", time::rough(left)),
        }
    }

    fn failure(&self) -> String {
        match self.properties.text("Result") {
            "" | "success" => self.properties.text("Failure").to_owned(),
            result => format!("{} ({result})", jobs::why_failed(&self.properties)),
        }
    }

    fn processes(&self) -> String {
        let lines = self.processes.iter().map(|process| {
            format!(
                "{} {}",
                process.pid,
                process.command.replace(['\n', '\t'], " ")
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The number of a unit's job, if it has one.
pub(super) fn job_of(properties: &Properties) -> Option<u64> {
    match properties.get("Job") {
        // (number, object path); number 0 stands for no job.
        Some(Value::List(job)) => match job.first() {
            Some(Value::Number(number)) if *number > 0 => Some(*number),
            _ => None,
        },
        _ => None,
    }
}

fn signed(terminal: &Terminal, units: &[(String, String)]) -> String {
    let lines = units.iter().map(|(unit, active)| {
        let sign = terminal.paint(Style::of_active(active), dot(active));
        format!("{sign} {}", terminal.foreign(unit))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `/run/web.sock (Stream)`, one line for each address.
fn listen(properties: &Properties) -> String {
    let Some(Value::List(addresses)) = properties.get("Listen") else {
        return String::new();
    };
    let lines = addresses.iter().filter_map(|address| match address {
        Value::List(pair) => match pair.as_slice() {
            [Value::Text(kind), Value::Text(address)] => Some(format!("{address} ({kind})")),
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `96 ExecStartPre=/bin/x (code=exited, status=0/SUCCESS)`, one line for each command that has ended
/// since the unit was last started.
fn ended_commands(properties: &Properties) -> String {
    const NAMES: [&str; 8] = [
        "ExecCondition",
        "ExecStartPre",
        "ExecStart",
        "ExecStartPost",
        "ExecReload",
        "ExecStop",
        "ExecStopPre",
        "ExecStopPost",
    ];
    let mut lines = Vec::new();
    for name in NAMES {
        let Some(Value::List(commands)) = properties.get(name) else {
            continue;
        };
        lines.extend(commands.iter().filter_map(|command| ended(name, command)));
    }
    lines.join("\n")
}

/// The line of one command, from the fields of systemd's `a(sasbttttuii)`; nothing for one that did
/// not end.
fn ended(name: &str, command: &Value) -> Option<String> {
    let Value::List(fields) = command else {
        return None;
    };
    let [
        _,
        Value::List(argv),
        ..,
        Value::Number(pid),
        Value::Signed(code),
        Value::Signed(status),
    ] = fields.as_slice()
    else {
        return None;
    };
    let ending = Ending::new(i32::try_from(*code).ok()?, i32::try_from(*status).ok()?)?;
    let words: Vec<String> = argv.iter().map(ToString::to_string).collect();
    let words = words.join(" ").replace('\n', " ");
    Some(format!("{pid} {name}={words} (code={ending})"))
}

fn connections(properties: &Properties) -> String {
    if !properties.flag("Accept") {
        return String::new();
    }
    let count = |name| properties.number(name).unwrap_or_default();
    format!(
        "{} open, {} accepted, {} refused",
        count("NConnections"),
        count("NAccepted"),
        count("NRefused")
    )
}

fn number(properties: &Properties, name: &str) -> String {
    properties
        .number(name)
        .map(|number| number.to_string())
        .unwrap_or_default()
}

fn stored(properties: &Properties) -> String {
    match properties.number("NFileDescriptorStore") {
        None | Some(0) => String::new(),
        Some(count) => count.to_string(),
    }
}

fn memory(properties: &Properties) -> String {
    match properties.number("MemoryCurrent") {
        None => String::new(),
        Some(bytes) => match properties.number("MemoryMax") {
            None => size(bytes),
            Some(most) => format!("{} (max: {})", size(bytes), size(most)),
        },
    }
}

/// `12.3M`, in powers of 1024.
fn size(bytes: u64) -> String {
    let mut rest = bytes;
    let mut tenths = 0;
    let mut units = ["B", "K", "M", "G", "T", "P", "E"].iter();
    let mut unit = units.next();
    while rest >= 1024
        && let Some(next) = units.next()
    {
        tenths = rest % 1024 * 10 / 1024;
        rest /= 1024;
        unit = Some(next);
    }
    let unit = unit.copied().unwrap_or_default();
    if unit == "B" {
        format!("{rest}{unit}")
    } else {
        format!("{rest}.{tenths}{unit}")
    }
}

fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The monotonic clock, which the manager's is too.
fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = now
        .tv_sec
        .saturating_mul(1_000_000)
        .saturating_add(now.tv_nsec / 1_000);
    u64::try_from(micros).unwrap_or_default()
}

/// `status` without units: the manager, then what is up or failed.
async fn whole(client: &Client, terminal: &mut Terminal) -> Outcome {
    let manager = client.properties().await?;
    let mut lines = client.list_units(&[], &[]).await?;
    lines.sort_by(|a, b| a.name.cmp(&b.name));
    if terminal.json() {
        let units: Vec<_> = lines
            .iter()
            .map(|line| json!({ "unit": line.name, "active": line.active_state, "sub": line.sub_state }))
            .collect();
        terminal.value(&json!({ "manager": manager, "units": units }))?;
        return Ok(Exit::Done);
    }
    let state = manager.text("SystemState");
    let style = match state {
        "running" => Style::Good,
        "degraded" => Style::Bad,
        _ => Style::Passing,
    };
    let sign = terminal.paint(style, "●");
    let place = client
        .socket()
        .parent()
        .unwrap_or(client.socket())
        .display()
        .to_string();
    terminal.line(&format!(
        "{sign} runner {} at {place}",
        manager.text("Version")
    ))?;
    let failed = lines
        .iter()
        .filter(|line| line.active_state == "failed")
        .count();
    let jobs = lines.iter().filter(|line| line.job != 0).count();
    let mut facts = vec![
        ("State", terminal.paint(style, state)),
        ("Units", format!("{} loaded", lines.len())),
        ("Jobs", format!("{jobs} queued")),
        ("Failed", plural(failed, "unit")),
    ];
    if let Some(since) = manager
        .number("UserspaceTimestamp")
        .filter(|since| *since > 0)
    {
        let text = format!("{}; {}", time::moment(since), time::ago(since, now()));
        facts.push(("Since", text));
    }
    for (label, text) in facts {
        terminal.line(&format!("{label:>12}: {text}"))?;
    }
    let mut first = true;
    for line in lines
        .iter()
        .filter(|line| line.active_state != "inactive" || line.job != 0)
    {
        if std::mem::take(&mut first) {
            terminal.line("")?;
        }
        let sign = terminal.paint(
            Style::of_active(&line.active_state),
            dot(&line.active_state),
        );
        let name = terminal.foreign(&line.name).into_owned();
        terminal.line(&format!("{sign} {name} ({})", line.sub_state))?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1536, "1.5K"),
            (5 << 30, "5.0G"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
