//! `calendar` and `timespan`: what a text in a timer means.

use std::env;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use units::civil::TimeZone;
use units::disk::zoneinfo::{self, ZoneInfo};
use units::value::{CalendarSpec, Span, ValueProblem, Zones, format_timestamp, parse_timestamp};

use crate::cli::{CalendarArgs, TimespanArgs};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::render::time::ago;
use crate::terminal::{Style, Terminal};

/// `calendar`
pub(super) fn calendar(args: &CalendarArgs, terminal: &mut Terminal) -> Outcome {
    let now = now();
    // The names of local time are those of the moment that is looked from.
    let base = parse_timestamp(&args.base_time, now, &zones(now)).map_err(usage)?;
    let view = View {
        zones: zones(base),
        iterations: args.iterations,
        base,
        now,
    };
    let read = |text: &String| CalendarSpec::parse(text, &view.zones);
    each(&args.expressions, terminal, read, |terminal, text, spec| {
        view.show(terminal, text, spec)
    })
}

/// `timespan`
pub(super) fn timespan(args: &TimespanArgs, terminal: &mut Terminal) -> Outcome {
    let read = |text: &String| Span::parse(text);
    each(&args.spans, terminal, read, |terminal, text, span| {
        let micros = span.as_micros();
        if terminal.json() {
            let human = span.to_string();
            return Ok(json!({ "span": text, "usec": micros, "human": human }));
        }
        let shown = terminal.foreign(text).into_owned();
        field(terminal, "Original", &shown)?;
        field(terminal, "μs", &micros.to_string())?;
        field(terminal, "Human", &span.to_string())?;
        Ok(Value::Null)
    })
}

/// Reads every text and shows it, and says at the end whether all were right.
fn each<T>(
    texts: &[String],
    terminal: &mut Terminal,
    read: impl Fn(&String) -> Result<T, ValueProblem>,
    show: impl Fn(&mut Terminal, &str, &T) -> Result<Value, Failure>,
) -> Outcome {
    let (mut exit, mut values) = (Exit::Done, Vec::new());
    for (at, text) in texts.iter().enumerate() {
        match read(text) {
            Ok(value) => {
                if at > 0 && !terminal.json() {
                    terminal.line("")?;
                }
                values.push(show(terminal, text, &value)?);
            }
            Err(problem) => {
                exit = Exit::Failed;
                let ValueProblem { message, hint } = problem;
                if terminal.json() {
                    values.push(json!({ "text": text, "error": message, "hint": hint }));
                } else {
                    terminal.error(&message, hint.as_deref(), exit.code());
                }
            }
        }
    }
    if terminal.json() {
        terminal.value(&values)?;
    }
    Ok(exit)
}

fn usage(problem: ValueProblem) -> Failure {
    let failure = Failure::new(Exit::Usage, format!("--base-time: {}", problem.message));
    match problem.hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// One line, the names of all under each other.
fn field(terminal: &mut Terminal, name: &str, value: &str) -> std::io::Result<()> {
    let name = format!("{name:>15}:");
    let name = terminal.paint(Style::Heading, &name);
    terminal.line(&format!("{name} {value}"))
}

/// The present moment, in microseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

/// The time zones of this host, looked at from a moment in microseconds since 1970.
pub(super) fn zones(moment: u64) -> ZoneInfo {
    ZoneInfo::new(
        Path::new(zoneinfo::DIRECTORY),
        Path::new(zoneinfo::LOCAL),
        env::var("TZ").ok().as_deref(),
        i64::try_from(moment / 1_000_000).unwrap_or(i64::MAX),
    )
}

/// From where calendars are looked at.
struct View {
    zones: ZoneInfo,
    iterations: u32,
    /// Moments after this one count, in microseconds since 1970.
    base: u64,
    now: u64,
}

impl View {
    fn elapses(&self, spec: &CalendarSpec) -> impl Iterator<Item = u64> {
        let mut last = self.base;
        (0..self.iterations).map_while(move |_| {
            last = spec.next_after(last, self.zones.local())?;
            Some(last)
        })
    }

    fn show(
        &self,
        terminal: &mut Terminal,
        text: &str,
        spec: &CalendarSpec,
    ) -> Result<Value, Failure> {
        let (local, utc) = (self.zones.local(), &TimeZone::UTC);
        let normalized = spec.to_string();
        if terminal.json() {
            let elapses: Vec<Value> = self
                .elapses(spec)
                .map(|at| {
                    json!({
                        "usec": at,
                        "local": format_timestamp(at, local),
                        "utc": format_timestamp(at, utc),
                    })
                })
                .collect();
            return Ok(json!({ "expression": text, "normalized": normalized, "elapses": elapses }));
        }
        let shown = terminal.foreign(text).into_owned();
        field(terminal, "Original form", &shown)?;
        field(terminal, "Normalized form", &normalized)?;
        let mut count = 0;
        for at in self.elapses(spec) {
            count += 1;
            let name = match count {
                1 => "Next elapse".to_owned(),
                count => format!("Iter. #{count}"),
            };
            let (here, there) = (format_timestamp(at, local), format_timestamp(at, utc));
            field(terminal, &name, &here)?;
            if here != there {
                field(terminal, "(in UTC)", &there)?;
            }
            field(terminal, "From now", &ago(at, self.now))?;
        }
        if count == 0 && self.iterations > 0 {
            field(terminal, "Next elapse", "never")?;
        }
        Ok(Value::Null)
    }
}
