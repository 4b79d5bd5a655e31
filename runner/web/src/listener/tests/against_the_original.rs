//! The same steps for our machine and for supervisord's own code: both write and log the same.
//!
//! Where we are stricter or kinder on purpose (`listener`'s own documentation) is left out: results
//! of length 0 and below, which the original looks at only when more comes, and results beyond the
//! bounds. Pauses are over before the next step.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use control::Happening;
use engine::clock::Monotonic;
use engine::view::supervisord::ProcessState;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};
use units::UnitName;

use super::{moved, pool_set};
use crate::listener::machine::{Deed, Level, Machine};

const SCENARIOS: usize = 400;

#[derive(Debug, Clone)]
struct PoolShape {
    size: u32,
    types: Vec<&'static str>,
    members: usize,
}

#[derive(Debug, Clone)]
enum Step {
    Start(usize, usize),
    Up(usize, usize),
    Exit(usize, usize),
    Out(usize, usize, Vec<u8>),
    Remote(String),
    Group(String),
}

fn shapes() -> impl Strategy<Value = Vec<PoolShape>> {
    let types = proptest::sample::subsequence(
        vec![
            "EVENT",
            "PROCESS_GROUP",
            "PROCESS_GROUP_ADDED",
            "REMOTE_COMMUNICATION",
        ],
        1..=4,
    );
    let shape = (1..5_u32, types, 1..4_usize).prop_map(|(size, types, members)| PoolShape {
        size,
        types,
        members,
    });
    proptest::collection::vec(shape, 1..3)
}

/// What listeners say: mostly right, now and then not, in pieces.
fn output() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => Just(b"READY\n".to_vec()),
        6 => Just(b"RESULT 2\nOK".to_vec()),
        6 => Just(b"RESULT 2\nOKREADY\n".to_vec()),
        3 => Just(b"RESULT 4\nFAIL".to_vec()),
        3 => Just(b"RESULT 4\nFAILREADY\n".to_vec()),
        2 => Just(b"RESU".to_vec()),
        2 => Just(b"LT 2\nO".to_vec()),
        2 => Just(b"K".to_vec()),
        2 => Just(b"REA".to_vec()),
        2 => Just(b"DY\n".to_vec()),
        1 => Just(b"READY\nREADY\n".to_vec()),
        1 => Just(b"RESULT x\n".to_vec()),
        1 => Just(b"RESULT \xff\n".to_vec()),
        1 => Just(b"garbage\n".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"gar 1 3 \nabcd".to_vec()),
        1 => Just(b"123456 +1_0\r\n0123456789READY\n".to_vec()),
    ]
}

fn steps(shapes: &[PoolShape]) -> impl Strategy<Value = Vec<Step>> + use<> {
    let members: Vec<(usize, usize)> = shapes
        .iter()
        .enumerate()
        .flat_map(|(pool, shape)| (0..shape.members).map(move |member| (pool, member)))
        .collect();
    let member = proptest::sample::select(members);
    let step = prop_oneof![
        2 => member.clone().prop_map(|(pool, member)| Step::Start(pool, member)),
        2 => member.clone().prop_map(|(pool, member)| Step::Up(pool, member)),
        1 => member.clone().prop_map(|(pool, member)| Step::Exit(pool, member)),
        9 => (member, output()).prop_map(|((pool, member), bytes)| Step::Out(pool, member, bytes)),
        3 => "[a-zé]{0,3}".prop_map(Step::Remote),
        2 => "[a-z]{1,2}".prop_map(Step::Group),
    ];
    proptest::collection::vec(step, 1..60)
}

fn scenario() -> impl Strategy<Value = (Vec<PoolShape>, Vec<Step>)> {
    shapes().prop_flat_map(|shapes| {
        let steps = steps(&shapes);
        (Just(shapes), steps)
    })
}

/// Leaves out what no process could do: speak or end while it is not there, start twice.
fn sensible(shapes: &[PoolShape], steps: Vec<Step>) -> Vec<Step> {
    use ProcessState::{Running, Starting, Stopped};
    let mut states: Vec<Vec<ProcessState>> = shapes
        .iter()
        .map(|shape| vec![Stopped; shape.members])
        .collect();
    let mut go = |pool: usize, member: usize, from: &[ProcessState], to| {
        let state = &mut states[pool][member];
        let may = from.contains(state);
        if may {
            *state = to;
        }
        may
    };
    steps
        .into_iter()
        .filter(|step| match step {
            Step::Start(pool, member) => go(*pool, *member, &[Stopped], Starting),
            Step::Up(pool, member) => go(*pool, *member, &[Starting], Running),
            Step::Exit(pool, member) => go(*pool, *member, &[Running], Stopped),
            Step::Out(pool, member, _) => {
                go(*pool, *member, &[Starting], Starting) || go(*pool, *member, &[Running], Running)
            }
            Step::Remote(_) | Step::Group(_) => true,
        })
        .collect()
}

fn name(pool: usize, member: usize) -> String {
    format!("p{pool}_{member}")
}

fn unit(pool: usize, member: usize) -> UnitName {
    UnitName::parse(&format!("p{pool}:{}.service", name(pool, member))).unwrap()
}

/// The scenario for the original.
fn written(shapes: &[PoolShape], steps: &[Step]) -> Value {
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| match step {
            Step::Start(pool, member) => json!(["start", name(*pool, *member)]),
            Step::Up(pool, member) => json!(["up", name(*pool, *member)]),
            Step::Exit(pool, member) => json!(["exit", name(*pool, *member)]),
            Step::Out(pool, member, bytes) => {
                let bytes: String = bytes.iter().map(|byte| char::from(*byte)).collect();
                json!(["out", name(*pool, *member), bytes])
            }
            Step::Remote(data) => json!(["remote", "kind", data]),
            Step::Group(group) => json!(["group", group]),
        })
        .collect();
    let pools: Vec<Value> = shapes
        .iter()
        .map(|shape| json!({"size": shape.size, "types": shape.types, "members": shape.members}))
        .collect();
    json!({"pools": pools, "steps": steps})
}

/// What our machine writes and logs, step by step.
fn played(shapes: &[PoolShape], steps: &[Step]) -> Value {
    let pools: Vec<_> = shapes
        .iter()
        .enumerate()
        .map(|(pool, shape)| {
            let members = (0..shape.members).map(|member| unit(pool, member));
            (members.collect(), shape.types.clone(), shape.size)
        })
        .collect();
    let set = pool_set(&pools, "infinity");
    let mut machine = Machine::new("me");
    let go = |pool, member, from, to| moved(&unit(pool, member), from, to, 7);
    let mut clock = 0;
    machine.happened(Monotonic(0), &Happening::Reloaded, &set);
    machine.take_deeds();
    let mut answers = Vec::new();
    for step in steps {
        clock += 1_000_000;
        let now = Monotonic(clock);
        match step {
            Step::Start(pool, member) => {
                let moved = go(
                    *pool,
                    *member,
                    ProcessState::Stopped,
                    ProcessState::Starting,
                );
                machine.happened(now, &moved, &set);
            }
            Step::Up(pool, member) => {
                let moved = go(
                    *pool,
                    *member,
                    ProcessState::Starting,
                    ProcessState::Running,
                );
                machine.happened(now, &moved, &set);
            }
            Step::Exit(pool, member) => {
                let moved = go(*pool, *member, ProcessState::Running, ProcessState::Exited);
                machine.happened(now, &moved, &set);
            }
            Step::Out(pool, member, bytes) => machine.output(now, &unit(*pool, *member), 0, bytes),
            Step::Remote(data) => machine.remote(now, "kind", data),
            Step::Group(group) => {
                machine.happened(now, &Happening::GroupAdded(group.clone()), &set);
            }
        }
        clock += 100_000_000;
        machine.expire(Monotonic(clock));
        let deeds = machine.take_deeds();
        let said: Vec<Value> = deeds
            .into_iter()
            .filter_map(|deed| match deed {
                Deed::Say(Level::Debug, _) => None,
                Deed::Say(_, text) => Some(json!(["say", text])),
                Deed::Write { unit, serial } => {
                    let (_, process) = units::group::group_and_process(&unit)?;
                    let envelope = machine.envelope(&unit, serial).unwrap();
                    Some(json!([
                        "write",
                        process,
                        String::from_utf8(envelope).unwrap()
                    ]))
                }
            })
            .collect();
        answers.push(Value::Array(said));
    }
    Value::Array(answers)
}

#[test]
fn the_same_steps_have_the_same_effect() {
    let python = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/python");
    let mut original = Command::new(&python)
        .args(["-u", "-c", include_str!("original.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; run tests/run --set-up", python.display()));
    let mut asks = original.stdin.take().unwrap();
    let mut answers = BufReader::new(original.stdout.take().unwrap());
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = scenario();
    let mut told = 0;
    for _ in 0..SCENARIOS {
        let (shapes, steps) = strategy.new_tree(&mut runner).unwrap().current();
        let steps = sensible(&shapes, steps);
        writeln!(asks, "{}", written(&shapes, &steps)).unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let theirs: Value = serde_json::from_str(&line).unwrap();
        let ours = played(&shapes, &steps);
        for (step, (theirs, ours)) in theirs
            .as_array()
            .unwrap()
            .iter()
            .zip(ours.as_array().unwrap())
            .enumerate()
        {
            told += ours.as_array().unwrap().len();
            assert_eq!(
                ours, theirs,
                "step {step}, {:?}\nof {steps:#?}\nwith {shapes:?}",
                steps[step]
            );
        }
    }
    drop(asks);
    assert!(original.wait().unwrap().success());
    // That nothing at all happened would be the same effect, too.
    assert!(told > SCENARIOS * 5, "{told}");
}
