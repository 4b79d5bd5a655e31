//! `logs`: what units wrote.

use std::collections::{HashMap, VecDeque};

use dbus::client::{Client, LogLine, LogReader};
use futures_util::FutureExt;
use serde_json::json;

use super::{expand, next_manager};
use crate::cli::LogsArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::terminal::{Style, Terminal};

/// How many lines of each unit are remembered, to find them again in the log of the next manager.
const REMEMBERED: usize = 32;

/// How many lines of each unit the next manager is asked for.
const ASKED_AGAIN: u32 = 2_000;

/// `logs`
pub(super) async fn logs(client: &mut Client, terminal: &mut Terminal, args: &LogsArgs) -> Outcome {
    let mut units = expand(client, &args.units.units).await?;
    let named = units.len() != 1;
    if units.is_empty() {
        units = client
            .list_units(&[], &["*.service".to_owned()])
            .await?
            .into_iter()
            .map(|line| line.name)
            .collect();
    }
    let mut shown = Shown {
        named,
        from_empty: args.lines > 0,
        last: HashMap::new(),
    };
    let reader = client.read_log(&units, args.lines, args.follow).await?;
    shown.copy(reader, terminal, HashMap::new()).await?;
    // The end of a log that was to be followed is the end of a manager: the next one goes on.
    while args.follow
        && next_manager(client, "the manager has gone".to_owned())
            .await
            .is_ok()
    {
        let mut kept = client.read_log(&units, ASKED_AGAIN, false).await?;
        let mut lines = Vec::new();
        while let Some(line) = next(&mut kept).await? {
            lines.push(line);
        }
        let skip = shown.known(&lines);
        let reader = client.read_log(&units, ASKED_AGAIN, true).await?;
        shown.copy(reader, terminal, skip).await?;
    }
    Ok(Exit::Done)
}

/// What of a unit's log has been printed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Up to the n-th place where the lines printed last stand.
    UpTo(usize),
    /// All that there is now.
    All,
}

/// What has been printed.
struct Shown {
    /// Lines are printed with their unit.
    named: bool,
    /// A unit without a printed line had an empty log, since some lines were asked for.
    from_empty: bool,
    /// The last lines of each unit.
    last: HashMap<String, VecDeque<String>>,
}

impl Shown {
    /// Prints lines until there are no more, except those that are known.
    async fn copy(
        &mut self,
        mut reader: LogReader,
        terminal: &mut Terminal,
        mut known: HashMap<String, (Known, usize)>,
    ) -> Result<(), Failure> {
        let mut windows: HashMap<String, VecDeque<String>> = HashMap::new();
        loop {
            // What came in one go is printed in one go; before waiting, all of it must be visible.
            let line = match next(&mut reader).now_or_never() {
                Some(line) => line?,
                None => {
                    terminal.flush()?;
                    next(&mut reader).await?
                }
            };
            let Some(line) = line else { return Ok(()) };
            match known.get_mut(&line.unit) {
                Some((Known::All, left)) if *left > 0 => {
                    *left -= 1;
                    continue;
                }
                Some((Known::UpTo(times), _)) if *times > 0 => {
                    let window = windows.entry(line.unit.clone()).or_default();
                    push(window, &line.text);
                    if self
                        .last
                        .get(&line.unit)
                        .is_some_and(|last| ends_with(window, last))
                    {
                        *times -= 1;
                    }
                    continue;
                }
                _ => {}
            }
            push(self.last.entry(line.unit.clone()).or_default(), &line.text);
            print(terminal, &line, self.named)?;
        }
    }

    /// How much of each unit's log, which is `lines` now, has been printed.
    fn known(&self, lines: &[LogLine]) -> HashMap<String, (Known, usize)> {
        let mut known: HashMap<String, (Known, usize)> = HashMap::new();
        let mut windows: HashMap<&str, VecDeque<String>> = HashMap::new();
        for line in lines {
            let (state, count) =
                known
                    .entry(line.unit.clone())
                    .or_insert_with(|| match self.last.get(&line.unit) {
                        None if !self.from_empty => (Known::All, 0),
                        _ => (Known::UpTo(0), 0),
                    });
            *count += 1;
            let window = windows.entry(&line.unit).or_default();
            push(window, &line.text);
            if let Known::UpTo(times) = state
                && self
                    .last
                    .get(&line.unit)
                    .is_some_and(|last| ends_with(window, last))
            {
                *times += 1;
            }
        }
        known
    }
}

fn push(window: &mut VecDeque<String>, text: &str) {
    if window.len() == REMEMBERED {
        window.pop_front();
    }
    window.push_back(text.to_owned());
}

fn ends_with(window: &VecDeque<String>, last: &VecDeque<String>) -> bool {
    window.len() >= last.len()
        && window
            .iter()
            .rev()
            .zip(last.iter().rev())
            .all(|(a, b)| a == b)
}

async fn next(reader: &mut LogReader) -> Result<Option<LogLine>, Failure> {
    let line = reader.next().await;
    line.map_err(|error| Failure::because(format!("cannot read the log: {error}")))
}

/// A line for programs.
pub(super) fn record(line: &LogLine) -> serde_json::Value {
    json!({
        "unit": line.unit,
        "source": line.source,
        "realtime_usec": line.realtime_usec,
        "pid": line.pid,
        "message": line.text,
    })
}

/// One line, with its unit if `named`.
pub(super) fn print(terminal: &mut Terminal, line: &LogLine, named: bool) -> Result<(), Failure> {
    if terminal.json() {
        return terminal.record(&record(line));
    }
    let text = terminal.foreign(&line.text).into_owned();
    let text = match line.source.as_str() {
        "manager" => terminal.paint(Style::Faint, &format!("-- {text} --")),
        _ => text,
    };
    if named {
        let unit = terminal.foreign(&line.unit).into_owned();
        let unit = terminal.paint(Style::Faint, &format!("{unit}:"));
        terminal.line(&format!("{unit} {text}"))?;
    } else {
        terminal.line(&text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine {
            unit: "a.service".to_owned(),
            source: "out".to_owned(),
            realtime_usec: None,
            pid: None,
            text: text.to_owned(),
        }
    }

    fn shown(texts: &[&str]) -> Shown {
        let mut last: HashMap<String, VecDeque<String>> = HashMap::new();
        for text in texts {
            push(last.entry("a.service".to_owned()).or_default(), text);
        }
        Shown {
            named: false,
            from_empty: true,
            last,
        }
    }

    #[test]
    fn what_was_printed_is_found_again() {
        let lines: Vec<LogLine> = ["1", "2", "1", "2", "3"].into_iter().map(line).collect();
        let known = |texts: &[&str]| shown(texts).known(&lines)["a.service"].0;
        assert_eq!(
            known(&["1", "2"]),
            Known::UpTo(2),
            "the later place is meant"
        );
        assert_eq!(known(&["2", "1", "2"]), Known::UpTo(1));
        assert_eq!(known(&["gone"]), Known::UpTo(0), "all of it is new");
        assert_eq!(known(&[]), Known::UpTo(0), "the log was empty before");
        let none = Shown {
            from_empty: false,
            ..shown(&[])
        };
        assert_eq!(none.known(&lines)["a.service"], (Known::All, 5));
    }
}
