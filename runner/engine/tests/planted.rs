//! Tests of the tests: bugs like those of real programs are planted in the engine, one at a time,
//! and each must be found by the simulator or by a scenario.
//!
//! `cargo test -p engine --features planted-bugs --test planted -- --nocapture` tells who found what,
//! and after how many schedules; `SCHEDULES=n` lets the simulator try so many.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    reason = "tests"
)]

mod stage;
mod world {
    pub(crate) mod bus;
    pub(crate) mod deeds;
    pub(crate) mod dice;
    pub(crate) mod invariants;
    pub(crate) mod kernel;
    pub(crate) mod processes;
    pub(crate) mod schedule;
    pub(crate) mod sets;
    pub(crate) mod strangers;
    pub(crate) mod talkers;
    pub(crate) mod triggers;
}

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::planted::{Bug, plant};
use stage::story::{first_difference, play};
use world::kernel::World;
use world::sets::Sets;

/// So many schedules the simulator has to find a bug.
const SCHEDULES: u64 = 3_000;

/// Who found a bug.
#[derive(Debug)]
enum Finder {
    Simulator { schedules: u64, why: String },
    Scenario(String),
}

#[test]
fn every_planted_bug_is_found() {
    let sets = Sets::load();
    let stories = stories();
    let schedules = std::env::var("SCHEDULES").ok();
    let schedules = schedules.and_then(|number| number.parse().ok());
    let schedules = schedules.unwrap_or(SCHEDULES);
    std::panic::set_hook(Box::new(|_| {}));
    let sound = find(None, &sets, &stories, schedules.min(200));
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(bug) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let finder = find(Some(*bug), &sets, &stories, schedules);
                    found.lock().unwrap().push((*bug, finder));
                }
            });
        }
    });
    let _ = std::panic::take_hook();
    assert!(sound.is_none(), "without any bug: {sound:?}");
    let mut unfound = Vec::new();
    for (bug, finder) in found.into_inner().unwrap() {
        match finder {
            Some(Finder::Simulator { schedules, why }) => {
                println!("{bug:?}: simulator, {schedules} schedules: {why}");
            }
            Some(Finder::Scenario(name)) => println!("{bug:?}: {name}"),
            None => unfound.push(bug),
        }
    }
    assert!(unfound.is_empty(), "nobody finds {unfound:?}");
}

fn find(
    bug: Option<Bug>,
    sets: &Sets,
    stories: &[(String, String)],
    schedules: u64,
) -> Option<Finder> {
    plant(bug);
    for seed in 0..schedules {
        let mut world = World::new(sets, seed);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| world.run())) {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or(panic.downcast_ref::<&str>().copied()).unwrap_or("");
            let why = said.chars().take(100).collect();
            let schedules = seed + 1;
            return Some(Finder::Simulator { schedules, why });
        }
    }
    stories.iter().find_map(|(name, written)| {
        let goes = catch_unwind(|| first_difference(written, &play(written)).is_none());
        (!goes.unwrap_or(false)).then(|| Finder::Scenario(name.clone()))
    })
}

/// The scenarios, by name.
fn stories() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut stories: Vec<(String, String)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    stories.sort();
    stories
}
