//! The transaction builder against an oracle: for up to five units, what must come out is found
//! by trying everything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::command::{Command, Verb};
use engine::job::{JobKind, JobMode};
use engine::ticket::RequestId;
use engine::{Action, Answer, Change, Engine, Event, Found, Now, Refusal};
use proptest::prelude::*;
use units::{Dependency, Surroundings, UnitName, load_texts};

const UNITS: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Requires,
    Wants,
    BindsTo,
    PartOf,
    Conflicts,
    After,
}

/// A world: who says what of whom, who is up, and what is asked for.
#[derive(Debug, Clone)]
struct Case {
    edges: BTreeSet<(usize, usize, Word)>,
    up: [bool; UNITS],
    anchor: usize,
    verb: Verb,
}

fn case() -> impl Strategy<Value = Case> {
    let word = prop_oneof![
        Just(Word::Requires),
        Just(Word::Wants),
        Just(Word::BindsTo),
        Just(Word::PartOf),
        Just(Word::Conflicts),
        Just(Word::After),
        Just(Word::After),
    ];
    let edges = proptest::collection::btree_set((0..UNITS, 0..UNITS, word), 0..9);
    let verb = prop_oneof![Just(Verb::Start), Just(Verb::Stop), Just(Verb::Restart)];
    (edges, any::<[bool; UNITS]>(), 0..UNITS, verb).prop_map(|(edges, up, anchor, verb)| Case {
        edges: edges
            .into_iter()
            .filter(|(from, to, _)| from != to)
            .collect(),
        up,
        anchor,
        verb,
    })
}

fn name(unit: usize) -> UnitName {
    UnitName::parse(&format!("u{unit}.target")).unwrap()
}

/// Targets, since they are up and down at once.
fn engine(case: &Case) -> Engine {
    let texts: Vec<(String, String)> = (0..UNITS)
        .map(|unit| {
            let mut text = "[target]\n".to_owned();
            for (key, word) in [
                ("requires", Word::Requires),
                ("wants", Word::Wants),
                ("binds-to", Word::BindsTo),
                ("part-of", Word::PartOf),
                ("conflicts", Word::Conflicts),
                ("after", Word::After),
            ] {
                let others: Vec<String> = case
                    .edges
                    .iter()
                    .filter(|(from, _, said)| *from == unit && *said == word)
                    .map(|(_, to, _)| format!("'u{to}.target'"))
                    .collect();
                if !others.is_empty() {
                    text.push_str(&format!("{key} = [{}]\n", others.join(", ")));
                }
            }
            (format!("u{unit}.toml"), text)
        })
        .collect();
    let borrowed: Vec<(&str, &str)> = texts
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let (units, diagnostics) = load_texts(&borrowed, &Surroundings::example());
    let (mut engine, _) = Engine::resume(
        Now::default(),
        Arc::new(units),
        Arc::new(diagnostics),
        Found::default(),
    );
    for unit in (0..UNITS).filter(|unit| case.up[*unit]) {
        submit(&mut engine, unit, Verb::Start, JobMode::IgnoreDependencies).unwrap();
    }
    engine
}

/// Submits; gives back the jobs it made.
fn submit(
    engine: &mut Engine,
    unit: usize,
    verb: Verb,
    mode: JobMode,
) -> Result<BTreeMap<usize, JobKind>, Refusal> {
    let command = Command::Submit {
        unit: name(unit),
        verb,
        mode,
        token: None,
    };
    let actions = engine.handle(
        Now::default(),
        Event::Requested {
            by: None,
            request: RequestId(1),
            command,
        },
    );
    let mut jobs = BTreeMap::new();
    let mut answer = None;
    for action in actions {
        match action {
            Action::Publish(Change::JobNew { unit, kind, .. }) => {
                if let Some(number) = (0..UNITS).find(|number| name(*number) == unit) {
                    jobs.insert(number, kind);
                }
            }
            Action::Reply { answer: given, .. } => answer = Some(given),
            _ => {}
        }
    }
    match answer.expect("an answer") {
        Ok(Answer::Job(_)) => Ok(jobs),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal),
    }
}

/// What one job calls for: the other unit, the kind, and whether it is needed.
fn calls_for(
    case: &Case,
    up: &[bool; UNITS],
    unit: usize,
    kind: JobKind,
) -> Vec<(usize, JobKind, bool)> {
    let mut calls = Vec::new();
    for &(from, to, word) in &case.edges {
        let starts = matches!(kind, JobKind::Start | JobKind::Restart);
        match word {
            Word::Requires | Word::BindsTo if from == unit && starts => {
                calls.push((to, JobKind::Start, true))
            }
            Word::Wants if from == unit && starts => calls.push((to, JobKind::Start, false)),
            Word::Conflicts if from == unit && starts => calls.push((to, JobKind::Stop, true)),
            Word::Conflicts if to == unit && starts => calls.push((from, JobKind::Stop, false)),
            _ => {}
        }
        if matches!(word, Word::Requires | Word::BindsTo | Word::PartOf) && to == unit {
            match kind {
                JobKind::Stop => calls.push((from, JobKind::Stop, true)),
                JobKind::Restart if up[from] => calls.push((from, JobKind::Restart, true)),
                _ => {}
            }
        }
    }
    calls
}

/// Whether the unit is where the job wants it.
fn is_so(up: &[bool; UNITS], unit: usize, kind: JobKind) -> bool {
    match kind {
        JobKind::Start => up[unit],
        JobKind::Stop => !up[unit],
        _ => false,
    }
}

/// Everything reachable from the anchor, by needed calls alone or by all of them. What is so already
/// calls for nothing.
fn closure(
    case: &Case,
    up: &[bool; UNITS],
    kind: JobKind,
    only_needed: bool,
) -> BTreeSet<(usize, JobKind)> {
    let mut found = BTreeSet::from([(case.anchor, kind)]);
    loop {
        let more: BTreeSet<(usize, JobKind)> = found
            .iter()
            .filter(|(unit, kind)| *unit == case.anchor || !is_so(up, *unit, *kind))
            .flat_map(|(unit, kind)| calls_for(case, up, *unit, *kind))
            .filter(|(_, _, needed)| *needed || !only_needed)
            .map(|(unit, kind, _)| (unit, kind))
            .collect();
        let before = found.len();
        found.extend(more);
        if found.len() == before {
            return found;
        }
    }
}

fn contradicts(jobs: &BTreeSet<(usize, JobKind)>) -> bool {
    (0..UNITS).any(|unit| {
        let stops = jobs.contains(&(unit, JobKind::Stop));
        stops
            && jobs
                .iter()
                .any(|(other, kind)| *other == unit && *kind != JobKind::Stop)
    })
}

fn merged(jobs: &BTreeSet<(usize, JobKind)>) -> BTreeMap<usize, JobKind> {
    let mut merged = BTreeMap::new();
    for (unit, kind) in jobs {
        let slot = merged.entry(*unit).or_insert(*kind);
        if *kind == JobKind::Restart {
            *slot = JobKind::Restart;
        }
    }
    merged
}

/// Who comes after whom: what was written, and what follows for targets.
fn orders(engine: &Engine) -> Vec<(usize, usize)> {
    let number = |unit: &UnitName| (0..UNITS).find(|number| name(*number) == *unit);
    (0..UNITS)
        .flat_map(|late| {
            let unit = name(late);
            let after = engine
                .definitions()
                .dependencies(&unit)
                .filter(|(word, _)| *word == Dependency::After);
            after
                .filter_map(|(_, early)| Some((late, number(early)?)))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Whether some order of the jobs respects all that is said, by trying every one.
fn has_an_order(orders: &[(usize, usize)], jobs: &BTreeMap<usize, JobKind>) -> bool {
    let mut units: Vec<usize> = jobs.keys().copied().collect();
    permutations(&mut units, 0, &mut |order| {
        let place = |unit: usize| order.iter().position(|other| *other == unit);
        orders.iter().all(|&(late, early)| {
            let (Some(first), Some(second)) = (place(early), place(late)) else {
                return true;
            };
            let stops = |unit: usize| matches!(jobs[&unit], JobKind::Stop | JobKind::Restart);
            // The later one goes first if it stops.
            if stops(late) {
                second < first
            } else {
                first < second
            }
        })
    })
}

fn permutations(
    items: &mut Vec<usize>,
    from: usize,
    found: &mut dyn FnMut(&[usize]) -> bool,
) -> bool {
    if from == items.len() {
        return found(items);
    }
    for at in from..items.len() {
        items.swap(from, at);
        if permutations(items, from + 1, found) {
            return true;
        }
        items.swap(from, at);
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_builder_agrees_with_trying_everything(case in case()) {
        let mut engine = engine(&case);
        let orders = orders(&engine);
        let is_up = |engine: &Engine, unit: usize| {
            engine.unit(&name(unit)).unwrap().active == engine::view::systemd::ActiveState::Active
        };
        // Whom `binds-to` took down again.
        let mut up = [false; UNITS];
        for (unit, up) in up.iter_mut().enumerate() {
            *up = is_up(&engine, unit);
        }
        let kind = match case.verb {
            Verb::Start => JobKind::Start,
            Verb::Stop => JobKind::Stop,
            _ => JobKind::Restart,
        };
        let needed = closure(&case, &up, kind, true);
        let all = closure(&case, &up, kind, false);
        let answer = submit(&mut engine, case.anchor, case.verb, JobMode::Replace);
        let redundant = |unit: usize, kind: JobKind| is_so(&up, unit, kind);
        match answer {
            Err(Refusal::Conflicting(_)) => prop_assert!(contradicts(&needed), "refused without a reason"),
            Err(Refusal::Cyclic(_)) => {
                let mut jobs = merged(&needed);
                jobs.retain(|unit, kind| *unit == case.anchor || !redundant(*unit, *kind));
                prop_assert!(!has_an_order(&orders, &jobs), "there is an order");
            }
            Err(other) => prop_assert!(false, "{other:?}"),
            Ok(jobs) => {
                prop_assert!(!contradicts(&needed), "the anchor needs two things at once");
                prop_assert_eq!(jobs.get(&case.anchor), Some(&kind));
                // Nothing comes out that nobody calls for, and nothing needed is missing.
                let (most, least) = (merged(&all), merged(&needed));
                for (unit, kind) in &jobs {
                    prop_assert!(all.contains(&(*unit, *kind)) || most.get(unit) == Some(kind), "nobody called for {unit} {kind:?}");
                    prop_assert!(*unit == case.anchor || !redundant(*unit, *kind));
                }
                if !contradicts(&all) {
                    for (unit, kind) in &least {
                        if !redundant(*unit, *kind) && *unit != case.anchor {
                            prop_assert!(jobs.contains_key(unit), "{unit} {kind:?} is missing from {jobs:?}");
                        }
                    }
                }
                // It can be done in some order.
                prop_assert!(has_an_order(&orders, &jobs), "{jobs:?} has no order");
            }
        }
        // Whatever was asked for, it came to an end: targets do not dawdle.
        prop_assert!(engine.jobs().is_empty(), "{:?}", engine.jobs());
    }
}
