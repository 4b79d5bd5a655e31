//! The verbs of runnerctl beside those of systemctl: the same units, the same steps, and the same
//! output and exit status of each.
//!
//! `verbs_beside_systemd/units.txt` has the unit files, `script.txt` the steps; it says how they are
//! written. What is said to people on standard error is in words of our own and not compared, except
//! for what was done to which file.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tests::beside::of_one_run;
use tests::{Init, Machine};

const UNITS: &str = include_str!("verbs_beside_systemd/units.txt");
const SCRIPT: &str = include_str!("verbs_beside_systemd/script.txt");

/// Properties that systemd lists in no order.
const UNORDERED: &[&str] = &[
    "After",
    "Before",
    "Names",
    "Requires",
    "TriggeredBy",
    "Triggers",
    "WantedBy",
    "Wants",
];

/// A line of the script, and in what it is known to differ, with the reason.
struct Step {
    words: &'static str,
    differs: BTreeMap<&'static str, &'static str>,
}

/// The script: the steps, and the properties that are known to differ wherever they are shown.
struct Script {
    steps: Vec<Step>,
    everywhere: BTreeMap<&'static str, &'static str>,
}

/// What came of a step, by the parts that are compared: `code`, `output`, or names of properties.
type Answer = BTreeMap<String, Vec<String>>;

fn script() -> Script {
    let mut found: Vec<Step> = Vec::new();
    let mut everywhere = BTreeMap::new();
    for line in SCRIPT.lines() {
        if let Some(known) = line.strip_prefix("~ ") {
            let (property, reason) = known.split_once(": ").expect("a property and a reason");
            assert!(everywhere.insert(property, reason).is_none(), "{line}");
        } else if let Some(known) = line.strip_prefix("! ") {
            let (part, reason) = known.split_once(": ").expect("a part and a reason");
            let last = found.last_mut().expect("a step before it");
            assert!(last.differs.insert(part, reason).is_none(), "{line}");
        } else if !line.is_empty() && !line.starts_with('#') {
            found.push(Step {
                words: line,
                differs: BTreeMap::new(),
            });
        }
    }
    Script {
        steps: found,
        everywhere,
    }
}

fn install(directory: &Path) {
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    let mut name = "";
    for line in UNITS.lines() {
        match line.strip_prefix("== ") {
            Some(next) => name = next,
            None => files
                .entry(name)
                .or_default()
                .push_str(&format!("{line}\n")),
        }
    }
    for (name, text) in files {
        match text.strip_prefix("-> ") {
            Some(target) => {
                std::os::unix::fs::symlink(target.trim_end(), directory.join(name)).unwrap();
            }
            None => std::fs::write(directory.join(name), text).unwrap(),
        }
    }
}

/// What is not the same twice, or named after whoever did it.
fn normalised(line: &str) -> String {
    let line = line.replace("/run/systemd/system", "RUNTIME");
    let line = line.replace("/run/runner/units", "RUNTIME");
    let words: Vec<&str> = line.split(' ').collect();
    let is_day = |word: &str| {
        let word = word.trim_start_matches(['[', '=']);
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
            .iter()
            .any(|day| {
                word == *day
                    || word.ends_with(&format!("={day}"))
                    || word.ends_with(&format!("[{day}"))
            })
    };
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let word = words[at];
        // `Sat 2026-11-21 23:20:10 UTC`
        if is_day(word) && words.get(at + 1).is_some_and(|date| date.starts_with("20")) {
            let before = &word[..word.len() - 3];
            let after = words
                .get(at + 3)
                .map_or("", |zone| zone.trim_start_matches("UTC"));
            out.push(format!("{before}TIME{after}"));
            at += 4;
            continue;
        }
        let word = match word.strip_prefix("pid=") {
            Some(pid) if pid != "0" => "pid=PID",
            _ => word,
        };
        out.push(word.to_owned());
        at += 1;
    }
    out.join(" ")
}

/// A value of a property that nobody chooses becomes a word.
fn comparable(name: &str, value: &str) -> String {
    if let Some(word) = of_one_run(name, value) {
        return word.to_owned();
    }
    let word = match name {
        _ if name.ends_with("Monotonic") && value != "0" => "SPAN",
        "CPUUsageNSec" if value.parse::<u64>().is_ok() => "USAGE",
        _ if UNORDERED.contains(&name) => {
            let mut words: Vec<&str> = value.split(' ').collect();
            words.sort_unstable();
            return words.join(" ");
        }
        "TimersMonotonic" => return value.split("next_elapse=").next().unwrap().to_owned(),
        _ => return normalised(value),
    };
    word.to_owned()
}

struct Play {
    machine: Machine,
}

impl Play {
    fn client(&self) -> &'static str {
        match self.machine.init() {
            Init::Systemd => "systemctl",
            Init::Runnerd => "/run/bin/runnerctl",
        }
    }

    /// Runs a command line with `@ctl@` for the client.
    fn shell(&self, line: &str) -> (i32, Vec<String>) {
        let line = line.replace("@ctl@", self.client());
        let outcome = self.machine.run(&[
            "env",
            "LC_ALL=C.UTF-8",
            "SYSTEMD_COLORS=0",
            "TERM=vt100",
            "TZ=UTC",
            "sh",
            "-c",
            &line,
        ]);
        let done =
            |line: &&str| line.starts_with("Created symlink") || line.starts_with("Removed ");
        let told = outcome.stderr.lines().filter(done);
        let lines = outcome.stdout.lines().chain(told).map(normalised);
        (outcome.code, lines.collect())
    }

    fn perform(&self, words: &str) -> Answer {
        let (kind, rest) = words.split_once(' ').unwrap_or((words, ""));
        match kind {
            "sh" => {
                let (code, lines) = self.shell(rest);
                told(code, lines)
            }
            "table" => {
                let (columns, rest) = rest.split_once(' ').unwrap();
                self.table(columns.parse().unwrap(), rest)
            }
            "show" => self.show(rest),
            "until" => {
                self.until(rest);
                Answer::new()
            }
            _ => {
                let (code, lines) = self.shell(&format!("@ctl@ {words}"));
                told(code, lines)
            }
        }
    }

    /// The first columns of a list, without headings.
    fn table(&self, columns: usize, words: &str) -> Answer {
        let bare = match self.machine.init() {
            Init::Systemd => "--no-legend --plain --no-pager",
            Init::Runnerd => "--quiet",
        };
        let (code, lines) = self.shell(&format!("@ctl@ {words} {bare}"));
        let cut = |line: String| {
            let cells: Vec<&str> = line.split_whitespace().take(columns).collect();
            cells.join(" ")
        };
        told(code, lines.into_iter().map(cut).collect())
    }

    /// Properties by name; several lines of one name are told together.
    fn show(&self, words: &str) -> Answer {
        let words_and = format!("@ctl@ show {words}").replace("@ctl@", self.client());
        let outcome = self.machine.run(&["env", "TZ=UTC", "sh", "-c", &words_and]);
        let mut answer = told(outcome.code, Vec::new());
        for line in outcome.stdout.lines() {
            if let Some((name, value)) = line.split_once('=') {
                let values = answer.entry(name.to_owned()).or_default();
                values.push(comparable(name, value));
            }
        }
        answer.values_mut().for_each(|values| values.sort());
        answer
    }

    /// `UNIT PROPERTY=VALUE`
    fn until(&self, words: &str) {
        let (unit, wanted) = words.split_once(' ').unwrap();
        let (name, value) = wanted.split_once('=').unwrap();
        self.machine.until(words, || {
            let question = ["show", "--property", name, "--value", unit];
            self.machine.ctl(&question).stdout.trim_end() == value
        });
    }
}

fn told(code: i32, lines: Vec<String>) -> Answer {
    let code = ("code".to_owned(), vec![code.to_string()]);
    Answer::from([code, ("output".to_owned(), lines)])
}

fn run(init: Init, steps: &[Step]) -> Vec<Answer> {
    let units = tempfile::tempdir().unwrap();
    install(units.path());
    let machine = Machine::boot(init, units.path());
    let play = Play { machine };
    steps.iter().map(|step| play.perform(step.words)).collect()
}

/// What is to be said about a step.
fn judge(script: &Script, step: &Step, systemd: &Answer, runnerd: &Answer) -> Vec<String> {
    let mut report = Vec::new();
    let is_show = step.words.starts_with("show ");
    let parts: BTreeSet<&String> = systemd.keys().chain(runnerd.keys()).collect();
    for part in parts {
        let (theirs, ours) = (systemd.get(part), runnerd.get(part));
        // A property that one of them does not have is nothing that can be compared.
        let differ = match (theirs, ours) {
            (Some(theirs), Some(ours)) => theirs != ours,
            _ => !is_show,
        };
        let known = step.differs.contains_key(part.as_str());
        if is_show && script.everywhere.contains_key(part.as_str()) {
            continue;
        }
        if differ && !known {
            let text = |lines: Option<&Vec<String>>| {
                lines.map_or("none".to_owned(), |lines| lines.join("\n    "))
            };
            report.push(format!(
                "{part}\n  systemd:\n    {}\n  runnerd:\n    {}",
                text(theirs),
                text(ours)
            ));
        } else if !differ && known {
            report.push(format!("said to differ in {part}, and does not"));
        }
    }
    report
}

#[test]
fn verbs_say_the_same() {
    let script = script();
    let steps = &script.steps;
    let (systemd, runnerd) = std::thread::scope(|scope| {
        let real = scope.spawn(|| run(Init::Systemd, steps));
        let ours = run(Init::Runnerd, steps);
        (real.join().unwrap(), ours)
    });
    let mut report = String::new();
    for ((step, systemd), runnerd) in steps.iter().zip(&systemd).zip(&runnerd) {
        for line in judge(&script, step, systemd, runnerd) {
            report.push_str(&format!("== {}\n{line}\n", step.words));
        }
    }
    for property in script.everywhere.keys() {
        let differs = |(theirs, ours): (&Answer, &Answer)| {
            let (theirs, ours) = (theirs.get(*property), ours.get(*property));
            theirs.is_some() && ours.is_some() && theirs != ours
        };
        if !systemd.iter().zip(&runnerd).any(differs) {
            report.push_str(&format!("{property} is said to differ, and never does\n"));
        }
    }
    assert!(report.is_empty(), "\n{report}");
    let compared = steps.iter().filter(|step| step.differs.is_empty()).count();
    assert!(
        compared > 150,
        "only {compared} steps are compared as a whole"
    );
}

#[test]
fn moments_and_pids_are_nobodys_choice() {
    let line =
        "{ path=/x ; start_time=[Sat 2026-11-21 23:31:54 UTC] ; stop_time=[n/a] ; pid=98 ; }";
    assert_eq!(
        normalised(line),
        "{ path=/x ; start_time=[TIME] ; stop_time=[n/a] ; pid=PID ; }"
    );
    assert_eq!(normalised("Sun 2026-11-22 00:00:00 UTC"), "TIME");
    assert_eq!(normalised("Monday is a day"), "Monday is a day");
}
