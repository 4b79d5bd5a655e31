//! Many units: no recursion, and nothing that grows with the square.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use engine::view::systemd::{ActiveState, SystemState};
use engine::{Action, Engine, Event, Found, Now, Ticket};
use units::{Surroundings, UnitName, load_texts};

const MANY: usize = 10_000;

fn load(texts: &[(String, String)]) -> Arc<units::UnitSet> {
    let borrowed: Vec<(&str, &str)> = texts
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let (units, diagnostics) = load_texts(&borrowed, &Surroundings::example());
    assert!(diagnostics.iter().all(|diagnostic| !diagnostic.is_error()));
    Arc::new(units)
}

/// Runs until nothing is asked for any more: every process starts, ends on a signal, and leaves
/// nobody behind.
fn play(engine: &mut Engine, last: &mut BTreeMap<UnitName, Ticket>, actions: Vec<Action>) -> usize {
    let mut pid = 1;
    let mut events = 0;
    let mut queue: VecDeque<Action> = actions.into();
    while let Some(action) = queue.pop_front() {
        let event = match action {
            Action::Spawn(spawn) => {
                pid += 1;
                last.insert(spawn.unit.clone(), spawn.ticket);
                Event::Spawned {
                    ticket: spawn.ticket,
                    pid,
                }
            }
            Action::Signal { unit, .. } => match last.remove(&unit) {
                Some(ticket) => Event::Exited {
                    ticket,
                    status: engine::event::ExitStatus::Signal(15),
                    at: engine::clock::Monotonic(1),
                },
                None => continue,
            },
            Action::WatchEmpty { ticket, .. } => Event::Emptied { ticket },
            _ => continue,
        };
        events += 1;
        queue.extend(engine.handle(Now::default(), event));
        engine.take_records();
    }
    events
}

fn up_and_down(units: Arc<units::UnitSet>, what: &str) {
    let started = Instant::now();
    let mut last = BTreeMap::new();
    let (mut engine, actions) =
        Engine::resume(Now::default(), units, Arc::default(), Found::default());
    engine.take_records();
    let booted = started.elapsed();
    let events = play(&mut engine, &mut last, actions);
    assert_eq!(engine.system_state(), SystemState::Running);
    let up = engine
        .units()
        .iter()
        .filter(|unit| unit.active == ActiveState::Active)
        .count();
    assert!(up >= MANY, "{up} are up");
    let ran = started.elapsed();
    let actions = engine.handle(Now::default(), Event::ShutdownRequested { status: Some(0) });
    play(&mut engine, &mut last, actions);
    assert_eq!(engine.system_state(), SystemState::Stopping);
    assert!(engine.jobs().is_empty());
    println!(
        "{what}: queued in {booted:?}, up after {events} events in {ran:?}, down in {:?}",
        started.elapsed()
    );
}

#[test]
fn ten_thousand_independent_services() {
    let texts: Vec<(String, String)> = (0..MANY)
        .map(|number| {
            (
                format!("s{number}.toml"),
                "[service]\nexec-start = '/bin/s'\n".to_owned(),
            )
        })
        .collect();
    up_and_down(load(&texts), "side by side");
}

#[test]
fn a_chain_of_ten_thousand_services() {
    let texts: Vec<(String, String)> = (0..MANY)
        .map(|number| {
            let mut text = "[service]\nexec-start = '/bin/s'\n".to_owned();
            if number > 0 {
                let before = number - 1;
                text.push_str(&format!(
                    "requires = ['s{before}.service']\nafter = ['s{before}.service']\n"
                ));
            }
            (format!("s{number}.toml"), text)
        })
        .collect();
    up_and_down(load(&texts), "in a row");
}

/// A unit that never did anything costs nothing but its definition.
#[test]
fn idle_units_have_no_records() {
    let texts: Vec<(String, String)> = (0..100)
        .map(|number| {
            (
                format!("idle{number}.toml"),
                "[service]\nexec-start = '/bin/s'\nautostart = false\n".to_owned(),
            )
        })
        .collect();
    let (mut engine, _) = Engine::resume(
        Now::default(),
        load(&texts),
        Arc::default(),
        Found::default(),
    );
    let records = engine.take_records();
    assert!(
        records.iter().all(|(key, _)| !key.starts_with("unit:idle")),
        "{records:?}"
    );
    assert!(
        engine
            .unit(&UnitName::parse("idle1.service").unwrap())
            .is_some()
    );
}
