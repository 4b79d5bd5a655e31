//! Calendar expressions, time spans and escaped names beside systemd's: what `runnerctl calendar`,
//! `timespan` and `escape` make of thousands of them is what systemd-analyze and systemd-escape do.
//!
//! The short form always asks the same; `RUNNER_TESTS_LONG` asks others each time, and `SEED=n` the
//! same ones again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "calendar/grammar.rs"]
mod grammar;

use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::grammar::Chance;

/// How many expressions are compared, and how many of them in one call.
const EXPRESSIONS: usize = 10_000;
const AT_ONCE: usize = 125;

/// Where the clock hangs: zones with daylight time, without, with half an hour of it, with it in
/// winter, and with days that were left out.
const LOCAL: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Europe/Dublin",
    "Pacific/Apia",
];

fn seed() -> u64 {
    if let Some(seed) = std::env::var("SEED")
        .ok()
        .and_then(|text| text.parse().ok())
    {
        return seed;
    }
    if std::env::var_os("RUNNER_TESTS_LONG").is_none() {
        return 252;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::from(since.subsec_nanos())
}

fn run(program: &Path, zone: &str, words: &[&str], texts: &[String]) -> Output {
    Command::new(program)
        .env_clear()
        .env("TZ", zone)
        .env("LC_ALL", "C.UTF-8")
        .args(words)
        .arg("--")
        .args(texts)
        .output()
        .unwrap()
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// What somebody makes of a calendar expression.
#[derive(Debug, PartialEq)]
enum Reading {
    Refused,
    /// Its normalised form, and its next moments in UTC.
    Means(String, Vec<String>),
    /// systemd's search went in a circle.
    Circle,
}

fn systemd_calendar(zone: &str, words: &[&str], texts: &[String]) -> Vec<Reading> {
    let output = run(&tests::tool("systemd-analyze"), zone, words, texts);
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for line in lines(&output.stdout) {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        let value = value.trim().to_owned();
        match (name.trim(), found.last_mut()) {
            ("Normalized form", _) => found.push((value, Vec::new())),
            ("Next elapse", _) if value == "never" => {}
            ("(in UTC)", Some((_, moments))) => {
                moments.pop();
                moments.push(value);
            }
            (name, Some((_, moments))) if name == "Next elapse" || name.starts_with("Iter. #") => {
                moments.push(value);
            }
            _ => {}
        }
    }
    let complaints = lines(&output.stderr);
    let mut complaints = complaints
        .iter()
        .filter(|line| !line.starts_with("Hint:") && !line.starts_with("Infinite loop"))
        .peekable();
    let mut found = found.into_iter();
    let mut begins = |what: &str| complaints.next_if(|line| line.starts_with(what)).is_some();
    let readings: Vec<Reading> = texts
        .iter()
        .map(|text| {
            if begins(&format!("Failed to parse calendar specification '{text}':")) {
                return Reading::Refused;
            }
            if begins(&format!("Failed to determine next elapse for '{text}':")) {
                return Reading::Circle;
            }
            let (form, moments) = found.next().unwrap_or_else(|| panic!("no answer: {text}"));
            Reading::Means(form, moments)
        })
        .collect();
    assert_eq!((complaints.next(), found.next()), (None, None));
    readings
}

fn our_calendar(zone: &str, words: &[&str], texts: &[String]) -> Vec<Reading> {
    let words = [words, &["--json"]].concat();
    let output = run(&tests::program("runnerctl"), zone, &words, texts);
    let values: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(values.len(), texts.len());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let reading = |value: &Value| {
        if value.get("error").is_some() {
            return Reading::Refused;
        }
        let moments = value["elapses"].as_array().unwrap();
        let moments = moments.iter().map(|moment| text(&moment["utc"])).collect();
        Reading::Means(text(&value["normalized"]), moments)
    };
    values.iter().map(reading).collect()
}

/// One call of each, in one zone and after one moment.
fn compare_calendars(seed: u64) -> Vec<String> {
    let mut chance = Chance::new(seed);
    let zone = chance.pick(LOCAL);
    // Half of them near the end of a month in which clocks are changed.
    let year = chance.below(70) + 1985;
    let base = match chance.below(4) {
        0 => format!("@{}", chance.below(7_000_000_000)),
        1 => format!("{year}-03-{} 12:00:00 UTC", 7 + chance.below(24)),
        2 => format!("{year}-10-{} 12:00:00 UTC", 1 + chance.below(31)),
        _ => format!("{year}-0{}-01 00:00:00 UTC", 1 + chance.below(9)),
    };
    let texts: Vec<String> = (0..AT_ONCE)
        .map(|_| grammar::calendar(&mut chance))
        .collect();
    let base = format!("--base-time={base}");
    let words = ["calendar", "--iterations=5", &base];
    let real = systemd_calendar(zone, &words, &texts);
    let ours = our_calendar(zone, &words, &texts);
    let mut found = Vec::new();
    for ((text, real), ours) in texts.iter().zip(real).zip(ours) {
        let agree = match real {
            // There we go on.
            Reading::Circle => ours != Reading::Refused,
            ref real => *real == ours,
        };
        if !agree {
            found.push(format!(
                "TZ={zone} {base} {text:?}\n  real {real:?}\n  ours {ours:?}"
            ));
        }
    }
    found
}

#[test]
fn calendar_expressions_mean_what_they_mean_to_systemd() {
    let seed = seed();
    let calls = EXPRESSIONS / AT_ONCE;
    let found: Vec<String> = thread::scope(|scope| {
        let halves = [0, 1].map(|half| {
            let numbers = (0..calls as u64).filter(move |number| number % 2 == half);
            scope.spawn(move || {
                numbers
                    .flat_map(|number| compare_calendars(seed.wrapping_add(number << 32)))
                    .collect::<Vec<_>>()
            })
        });
        let halves = halves.map(|half| half.join().unwrap());
        halves.into_iter().flatten().collect()
    });
    let few: Vec<_> = found.iter().take(20).cloned().collect();
    assert!(
        found.is_empty(),
        "SEED={seed}: {} differ\n{}",
        found.len(),
        few.join("\n")
    );
}

/// What systemd makes of spans: microseconds, and its own form of them.
fn systemd_spans(texts: &[String]) -> Vec<Option<(String, String)>> {
    let analyze = tests::tool("systemd-analyze");
    let mut found = Vec::new();
    // It ends at the first one it refuses.
    while found.len() < texts.len() {
        let output = run(&analyze, "UTC", &["timespan"], &texts[found.len()..]);
        let mut micros = None;
        for line in lines(&output.stdout) {
            match line.split_once(": ") {
                Some((name, value)) if name.trim() == "μs" => micros = Some(value.to_owned()),
                Some((name, value)) if name.trim() == "Human" => {
                    found.push(Some((micros.take().unwrap(), value.to_owned())));
                }
                _ => {}
            }
        }
        if !output.status.success() {
            found.push(None);
        }
    }
    found
}

#[test]
fn time_spans_mean_what_they_mean_to_systemd() {
    let seed = seed();
    let mut chance = Chance::new(seed);
    let texts: Vec<String> = (0..2_000).map(|_| grammar::span(&mut chance)).collect();
    let output = run(
        &tests::program("runnerctl"),
        "UTC",
        &["timespan", "--json"],
        &texts,
    );
    let values: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    for ((text, real), ours) in texts.iter().zip(systemd_spans(&texts)).zip(values) {
        let ours = ours.get("error").is_none().then(|| {
            let human = ours["human"].as_str().unwrap().to_owned();
            (ours["usec"].to_string(), human)
        });
        assert_eq!(real, ours, "SEED={seed} {text:?}");
    }
}

#[test]
fn names_are_escaped_as_systemd_does() {
    let seed = seed();
    let mut chance = Chance::new(seed);
    let (real, ours) = (tests::tool("systemd-escape"), tests::program("runnerctl"));
    let ways: &[&[&str]] = &[
        &[],
        &["--path"],
        &["--suffix=mount", "--path"],
        &["--template=web@.service"],
        &["--mangle"],
        &["--unescape"],
        &["--unescape", "--path"],
        &["--unescape", "--instance"],
        &["--unescape", "--template=web@.service"],
    ];
    for number in 0..900 {
        let way = ways[number % ways.len()];
        let mut text = grammar::text(&mut chance);
        if way.len() == 2 && !way.contains(&"--path") && chance.below(2) == 0 {
            text = format!("web@{text}.service");
        }
        let texts = [text];
        let asked = run(&real, "UTC", way, &texts);
        let told = run(&ours, "UTC", &[&["escape"], way].concat(), &texts);
        let shown = |output: &Output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            output.status.success().then_some(text)
        };
        assert_eq!(shown(&asked), shown(&told), "SEED={seed} {way:?} {texts:?}");
    }
}
