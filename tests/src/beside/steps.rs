//! The steps of a case, performed inside a machine. [`STEPS`] is the list of those that are no
//! verbs of the init's client.

use std::fmt;
use std::process::Child;
use std::time::{Duration, Instant};

use super::case::Case;
use crate::machine::{Machine, finished};

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The step.
    pub step: String,
    /// What is to be the same under both inits.
    pub lines: Vec<String>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "> {}", self.step)?;
        for line in &self.lines {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

/// How long a step may wait for what is to happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long units must not have changed for them to have settled.
const STILL: Duration = Duration::from_millis(200);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(40);

type Step = fn(&mut Play<'_>, &[&str]) -> Vec<String>;

/// Step, what it does.
const STEPS: &[(&str, Step)] = &[
    ("show", show),           // show UNIT… PROPERTY…: a line for each unit
    ("await", await_),        // await UNIT… PROPERTY=VALUE…: until all have it
    ("await-log", await_log), // await-log TEXT: until the log has the line
    ("settle", settle),       // settle [UNIT…]: until nothing is on its way and nothing changes
    ("still", still),         // still MILLISECONDS: time for what must not happen
    ("log", log),             // log: the lines of the log; log sorted
    ("sh", sh),               // sh COMMAND: output and exit status
    ("put", put),             // put NAME: writes the file that `-- later NAME` has
    ("join", join),           // join: the exit statuses of the verbs that ended with &
];

/// Verbs of the client whose output is compared too.
const TELLING: &[&str] = &["is-active", "is-failed", "is-enabled"];

struct Play<'a> {
    machine: &'a Machine,
    case: &'a Case,
    /// What was begun and not waited for.
    begun: Vec<(String, Child)>,
}

/// Performs all steps.
pub(super) fn play(machine: &Machine, case: &Case) -> Vec<Answer> {
    case.set_up(machine);
    let mut play = Play {
        machine,
        case,
        begun: Vec::new(),
    };
    let answers = case
        .steps
        .iter()
        .map(|step| Answer {
            step: step.clone(),
            lines: play.perform(step),
        })
        .collect();
    join(&mut play, &[]);
    answers
}

impl Play<'_> {
    fn perform(&mut self, step: &str) -> Vec<String> {
        let words: Vec<&str> = step.split(' ').filter(|word| !word.is_empty()).collect();
        let Some((verb, words)) = words.split_first() else {
            return Vec::new();
        };
        match STEPS.iter().find(|(known, _)| known == verb) {
            Some((_, perform)) => perform(self, words),
            None => self.verb(verb, words),
        }
    }

    /// A verb of the client, and its exit status.
    fn verb(&mut self, verb: &str, words: &[&str]) -> Vec<String> {
        let (background, words) = match words.split_last() {
            Some((&"&", words)) => (true, words),
            _ => (false, words),
        };
        let is_plain = |word: &str| word.starts_with('-') || word.starts_with(char::is_uppercase);
        let mut all = vec![verb.to_owned()];
        all.extend(words.iter().map(|word| match is_plain(word) {
            true => (*word).to_owned(),
            false => self.case.unit(word),
        }));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let child = self.machine.begin_ctl(&all);
        if background {
            self.begun
                .push((format!("{verb} {}", words.join(" ")), child));
            return Vec::new();
        }
        let outcome = finished(child);
        let mut lines = vec![outcome.code.to_string()];
        if TELLING.contains(&verb) {
            lines.extend(self.clean(&outcome.stdout));
        }
        lines
    }

    /// Foreign output without the names that are only ours.
    fn clean(&self, text: &str) -> Vec<String> {
        let directory = self.case.directory();
        let text = text
            .replace(&directory, "DIR")
            .replace(&self.case.prefix, "");
        text.lines().map(str::to_owned).collect()
    }

    /// Properties of units, in the order of both.
    fn properties(&self, units: &[String], properties: &[&str]) -> Vec<Vec<String>> {
        let wanted = properties.join(",");
        let mut words = vec!["show", "--property", &wanted];
        words.extend(units.iter().map(String::as_str));
        let outcome = self.machine.ctl(&words);
        let mut blocks: Vec<Vec<String>> = outcome
            .stdout
            .split("\n\n")
            .map(|block| {
                let value = |name: &&str| {
                    let found = block
                        .lines()
                        .find_map(|line| line.strip_prefix(*name)?.strip_prefix('='));
                    found.map_or("(none)".to_owned(), |value| value.to_owned())
                };
                properties.iter().map(value).collect()
            })
            .collect();
        blocks.resize(units.len(), vec!["(none)".to_owned(); properties.len()]);
        blocks
    }

    fn split<'w>(&self, words: &'w [&'w str]) -> (&'w [&'w str], &'w [&'w str]) {
        let units = words
            .iter()
            .take_while(|word| !word.starts_with(char::is_uppercase))
            .count();
        words.split_at(units)
    }

    fn units(&self, words: &[&str]) -> Vec<String> {
        words.iter().map(|word| self.case.unit(word)).collect()
    }
}

/// What a property's value is to be the same in: numbers that nobody chooses become words.
fn comparable(name: &str, value: &str) -> String {
    let word = match of_one_run(name, value) {
        Some(word) => word,
        None if name.contains("Timestamp") && !matches!(value, "" | "0") => "TIME",
        None => value,
    };
    word.to_owned()
}

/// What stands for the value of a property that is another one in each run: `PID` and `ID`.
#[must_use]
pub fn of_one_run(name: &str, value: &str) -> Option<&'static str> {
    match name {
        "MainPID" | "ExecMainPID" | "ControlPID" if value != "0" => Some("PID"),
        "InvocationID" if !value.is_empty() => Some("ID"),
        _ => None,
    }
}

/// A text with `…` for what is another one in each run: behind each word, found in this order, up to
/// its end. That there is none stays as it is said.
#[must_use]
pub fn of_no_run(text: &str, words: &[(&str, &str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    for (word, end, none) in words {
        if let Some((before, after)) = rest.split_once(word) {
            let (value, after) = after.split_at(after.find(*end).unwrap_or(after.len()));
            let value = if value == *none { none } else { "…" };
            out.push_str(&format!("{before}{word}{value}"));
            rest = after;
        }
    }
    out + rest
}

fn show(play: &mut Play<'_>, words: &[&str]) -> Vec<String> {
    let (units, names) = play.split(words);
    let all = play.properties(&play.units(units), names);
    units
        .iter()
        .zip(all)
        .map(|(unit, values)| {
            let pairs = names
                .iter()
                .zip(values)
                .map(|(name, value)| format!("{name}={}", comparable(name, &value)));
            let line = format!("{unit} {}", pairs.collect::<Vec<_>>().join(" "));
            play.clean(&line).join(" ")
        })
        .collect()
}

fn await_(play: &mut Play<'_>, words: &[&str]) -> Vec<String> {
    let (units, wanted) = play.split(words);
    let (names, values): (Vec<&str>, Vec<&str>) = wanted
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .unzip();
    let names_of_units = play.units(units);
    let began = Instant::now();
    loop {
        let found = play.properties(&names_of_units, &names);
        let missing: Vec<String> = units
            .iter()
            .zip(&found)
            .filter(|(_, found)| **found != values)
            .map(|(unit, found)| format!("{unit} is {}", found.join(" ")))
            .collect();
        if missing.is_empty() {
            return Vec::new();
        }
        if began.elapsed() > PATIENCE {
            return missing;
        }
        std::thread::sleep(PAUSE);
    }
}

fn settle(play: &mut Play<'_>, words: &[&str]) -> Vec<String> {
    const LOOKED_AT: &[&str] = &[
        "Job",
        "ActiveState",
        "SubState",
        "InvocationID",
        "NRestarts",
        "MainPID",
    ];
    let units = match words {
        [] => play.case.plain_units(),
        words => play.units(words),
    };
    let began = Instant::now();
    let mut last = Vec::new();
    let mut since = began;
    loop {
        let found = play.properties(&units, LOOKED_AT);
        let busy: Vec<String> = units
            .iter()
            .zip(&found)
            .filter(|(_, found)| {
                let has_job = !matches!(found[0].as_str(), "" | "(none)");
                has_job
                    || matches!(
                        found[1].as_str(),
                        "activating" | "deactivating" | "reloading"
                    )
            })
            .map(|(unit, found)| format!("{unit} is {} {}", found[1], found[2]))
            .collect();
        if found != last {
            last = found;
            since = Instant::now();
        } else if busy.is_empty() && since.elapsed() > STILL {
            return Vec::new();
        }
        if began.elapsed() > PATIENCE {
            return play.clean(&busy.join("\n"));
        }
        std::thread::sleep(PAUSE);
    }
}

fn still(_: &mut Play<'_>, words: &[&str]) -> Vec<String> {
    let milliseconds = words.first().and_then(|word| word.parse().ok());
    std::thread::sleep(Duration::from_millis(milliseconds.expect("milliseconds")));
    Vec::new()
}

fn log_lines(play: &Play<'_>) -> Vec<String> {
    let path = play.machine.file(&format!("{}/log", play.case.directory()));
    play.clean(&std::fs::read_to_string(path).unwrap_or_default())
}

fn log(play: &mut Play<'_>, words: &[&str]) -> Vec<String> {
    let mut lines = log_lines(play);
    if words == ["sorted"] {
        lines.sort();
    }
    lines
}

fn await_log(play: &mut Play<'_>, words: &[&str]) -> Vec<String> {
    let wanted = words.join(" ");
    let began = Instant::now();
    loop {
        let lines = log_lines(play);
        if lines.contains(&wanted) {
            return Vec::new();
        }
        if began.elapsed() > PATIENCE {
            return lines;
        }
        std::thread::sleep(PAUSE);
    }
}

fn sh(play: &mut Play<'_>, words: &[&str]) -> Vec<String> {
    let command = play.case.filled(&words.join(" "));
    let outcome = play.machine.run(&["sh", "-c", &command]);
    let mut lines = play.clean(&outcome.stdout);
    lines.extend(play.clean(&outcome.stderr));
    if outcome.code != 0 {
        lines.push(format!("exit status {}", outcome.code));
    }
    lines
}

fn put(play: &mut Play<'_>, words: &[&str]) -> Vec<String> {
    for name in words {
        play.case.put(play.machine, name);
    }
    Vec::new()
}

fn join(play: &mut Play<'_>, _: &[&str]) -> Vec<String> {
    let begun = std::mem::take(&mut play.begun);
    begun
        .into_iter()
        .map(|(step, child)| format!("{step}: {}", finished(child).code))
        .collect()
}
