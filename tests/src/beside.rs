//! The real systemd and runnerd side by side: the same unit files and the same steps, and every
//! answer has to be the same.
//!
//! A *case* is a few small units and what is done to them. Case files hold many, see
//! [`case`] for how they are written; [`compare`] boots each init once for a whole file and
//! performs its cases side by side, each with names, a directory and a log of its own.

pub mod case;
mod steps;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use units::Deviation;
use units::systemd::deviations::DEVIATIONS;
use units::systemd::running::RUNNING_DEVIATIONS;

use crate::machine::{Init, Machine};
pub use case::{Case, Difference, parse};
pub use steps::{Answer, of_no_run, of_one_run};

/// How many cases are performed at a time, mostly they wait: first all of them, then what differed,
/// alone. On a busy computer either init may come to two events in another order than they happened
/// in, and the spans of the cases are short; what differs every time differs.
const PLAYS: [usize; 3] = [6, 1, 1];

/// What both inits answered to the steps of a case.
#[derive(Debug)]
pub struct Answers {
    /// The real one's.
    pub systemd: Vec<Answer>,
    /// Ours.
    pub runnerd: Vec<Answer>,
}

/// Runs every case of a file under both inits and fails with all that is different every time it is
/// played, except for what a case says and explains. `CASE=words` in the environment runs only the
/// cases whose title contains the words, and `SHOW_ANSWERS=1` shows what systemd answers.
#[track_caller]
pub fn compare(path: &Path) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut cases = parse(&text).unwrap_or_else(|problem| panic!("{name}:{problem}"));
    if let Some(wanted) = std::env::var("CASE")
        .ok()
        .filter(|wanted| !wanted.is_empty())
    {
        cases.retain(|case| case.title.contains(&wanted));
    }
    let mut differing: Vec<&Case> = cases.iter().collect();
    let mut report = String::new();
    for at_a_time in PLAYS {
        (differing, report) = differences(differing, at_a_time);
        if differing.is_empty() {
            return;
        }
        eprintln!("{name}, {at_a_time} cases at a time:\n{report}");
    }
    panic!("{name}, each case alone:\n{report}");
}

/// The cases in which the inits differ without an explanation, and what is to be said about them.
fn differences(cases: Vec<&Case>, at_a_time: usize) -> (Vec<&Case>, String) {
    let (systemd, runnerd) = std::thread::scope(|scope| {
        let real = scope.spawn(|| perform(Init::Systemd, &cases, at_a_time));
        let ours = perform(Init::Runnerd, &cases, at_a_time);
        (real.join().expect("systemd's part"), ours)
    });
    let mut differing = Vec::new();
    let mut report = String::new();
    for ((case, systemd), runnerd) in cases.into_iter().zip(systemd.answers).zip(runnerd.answers) {
        let answers = Answers { systemd, runnerd };
        if std::env::var_os("SHOW_ANSWERS").is_some() {
            eprintln!("== {}", case.title);
            for answer in &answers.systemd {
                eprintln!("{answer}");
            }
        }
        let said = judge(case, &answers);
        if !said.is_empty() {
            differing.push(case);
            report.push_str(&said);
        }
    }
    if !differing.is_empty() {
        report.push_str("--- runnerd's console ---\n");
        report.push_str(&runnerd.console);
    }
    (differing, report)
}

/// What one init made of a file.
struct Performance {
    answers: Vec<Vec<Answer>>,
    console: String,
}

/// One boot, all cases.
fn perform(init: Init, cases: &[&Case], at_a_time: usize) -> Performance {
    let units = tempfile::tempdir().expect("a directory for unit files");
    for case in cases {
        case.install(units.path());
    }
    std::fs::write(units.path().join("hold.target"), hold(cases)).expect("a unit file");
    let machine = Machine::boot(init, units.path());
    machine.ctl(&["start", "hold.target"]);
    let next = AtomicUsize::new(0);
    let mut answers: Vec<(usize, Vec<Answer>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_a_time)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(case) = cases.get(at) else {
                            return done;
                        };
                        done.push((at, steps::play(&machine, case)));
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("the steps of a case"))
            .collect()
    });
    answers.sort_by_key(|(at, _)| *at);
    Performance {
        answers: answers.into_iter().map(|(_, answers)| answers).collect(),
        console: machine.console(),
    }
}

/// The unit file of the target that names the units of the cases. It is up already when they
/// start, so that to be ordered after them means nothing.
fn hold(cases: &[&Case]) -> String {
    let mut text = "[Unit]\nDefaultDependencies=no\n".to_owned();
    for case in cases.iter().filter(|case| !case.forgets) {
        for unit in case.plain_units() {
            text.push_str(&format!("After={unit}\n"));
        }
    }
    text
}

/// What is to be said about a case: the differences it does not explain, and those it explains
/// that are not there any more.
fn judge(case: &Case, answers: &Answers) -> String {
    let found: Vec<Difference> = answers
        .systemd
        .iter()
        .zip(&answers.runnerd)
        .filter(|(systemd, runnerd)| systemd.lines != runnerd.lines)
        .map(|(systemd, runnerd)| difference(systemd, runnerd))
        .collect();
    let mut report = format!("== {}\n", case.title);
    let is_a_row = |row: &Deviation| row.name == case.reason;
    if found == case.differs {
        let mut rows = DEVIATIONS.iter().chain(RUNNING_DEVIATIONS);
        if case.differs.is_empty() || rows.any(is_a_row) {
            return String::new();
        }
        report.push_str(&format!("there is no deviation named {:?}\n", case.reason));
        return report;
    }
    for difference in &found {
        if !case.differs.contains(difference) {
            report.push_str(&difference.to_string());
        }
    }
    for difference in &case.differs {
        if !found.contains(difference) {
            report.push_str(&format!("said to differ, and does not so:\n{difference}"));
        }
    }
    report
}

/// Of answers with as many lines only the lines that are not the same.
fn difference(systemd: &Answer, runnerd: &Answer) -> Difference {
    let (mut theirs, mut ours) = (systemd.lines.clone(), runnerd.lines.clone());
    if theirs.len() == ours.len() {
        let pairs = theirs.into_iter().zip(ours);
        (theirs, ours) = pairs.filter(|(theirs, ours)| theirs != ours).unzip();
    }
    Difference {
        step: systemd.step.clone(),
        systemd: theirs,
        runnerd: ours,
    }
}
