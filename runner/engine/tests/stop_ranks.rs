//! The rank a process is registered with: a keeper without a manager stops higher ranks first, and
//! that has to be the order in which the engine stops everything itself.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use engine::{Action, Engine, Event, Found, Now};
use units::{Surroundings, load_texts};

/// Boots these unit files and gives the rank each service was started with.
fn ranks(texts: &[(&str, &str)]) -> BTreeMap<String, u32> {
    let (units, diagnostics) = load_texts(texts, &Surroundings::example());
    assert!(diagnostics.iter().all(|diagnostic| !diagnostic.is_error()));
    let found = Found::default();
    let (mut engine, actions) =
        Engine::resume(Now::default(), Arc::new(units), Arc::default(), found);
    let mut ranks = BTreeMap::new();
    let mut queue: VecDeque<Action> = actions.into();
    while let Some(action) = queue.pop_front() {
        if let Action::Spawn(spawn) = action {
            let pid = 100 + u32::try_from(ranks.len()).unwrap();
            ranks.insert(spawn.unit.to_string(), spawn.stop.rank);
            let ticket = spawn.ticket;
            queue.extend(engine.handle(Now::default(), Event::Spawned { ticket, pid }));
        }
    }
    ranks
}

#[test]
fn groups_of_higher_priority_rank_higher() {
    let ranks = ranks(&[
        (
            "first.toml",
            "[service]\nexec-start = '/bin/s'\ngroup-priority = 1\n",
        ),
        (
            "web.toml",
            "[service.'web:a']\nexec-start = '/bin/s'\ngroup-priority = 5\npriority = 900\n\
             [service.'web:b']\nexec-start = '/bin/s'\ngroup-priority = 5\npriority = 1\n",
        ),
        (
            "last.toml",
            "[service]\nexec-start = '/bin/s'\ngroup-priority = 999\n",
        ),
    ]);
    assert!(ranks["last.service"] > ranks["web:a.service"], "{ranks:?}");
    assert!(ranks["web:a.service"] > ranks["first.service"], "{ranks:?}");
    // A group is stopped as one, whatever the priorities within it.
    assert_eq!(ranks["web:a.service"], ranks["web:b.service"]);
}

#[test]
fn who_is_ordered_after_a_unit_ranks_higher_whatever_the_groups_say() {
    let ranks = ranks(&[
        (
            "base.toml",
            "[service]\nexec-start = '/bin/s'\ngroup-priority = 999\n",
        ),
        (
            "user.toml",
            "[service]\nexec-start = '/bin/s'\ngroup-priority = 1\nafter = ['base.service']\n",
        ),
    ]);
    assert!(ranks["user.service"] > ranks["base.service"], "{ranks:?}");
}
