//! The machine by itself: what goes in, what comes out.

mod against_the_original;

use std::collections::BTreeMap;
use std::sync::Arc;

use control::Happening;
use engine::change::ProcessMoved;
use engine::clock::Monotonic;
use engine::view::supervisord::ProcessState;
use units::value::EventResults;
use units::{UnitName, UnitSet};

use super::event::Channel;
use super::machine::{Deed, Level, Machine, Unwritten};
use super::note::{self, Heard, Note};

const SECOND: u64 = 1_000_000;

/// Definitions with these pools: members, subscriptions, buffer.
pub(super) fn pool_set(pools: &[(Vec<UnitName>, Vec<&str>, u32)], patience: &str) -> Arc<UnitSet> {
    let mut text = String::new();
    for (members, types, size) in pools {
        for (position, member) in members.iter().enumerate() {
            text.push_str(&format!(
                "[service.\"{}\"]\nexec-start = \"/bin/a\"\nstandard-input = \"pipe\"\nstandard-error = \"null\"\n\
                 event-types = {types:?}\nevent-buffer-size = {size}\n\
                 event-timeout-sec = \"{patience}\"\ngroup-position = {position}\n",
                member.stem()
            ));
        }
    }
    let source = units::Source::text("/etc/all.toml", &text);
    let (set, diagnostics) = units::load(&[source], &units::Surroundings::default());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    Arc::new(set)
}

pub(super) fn moved(unit: &UnitName, from: ProcessState, to: ProcessState, pid: u32) -> Happening {
    Happening::Moved {
        unit: unit.clone(),
        process: ProcessMoved {
            from,
            to,
            tries: 0,
            pid,
            status: None,
            expected: true,
            error: String::new(),
        },
    }
}

fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

/// One machine in one world.
struct Stage {
    machine: Machine,
    set: Arc<UnitSet>,
    now: u64,
}

impl Stage {
    /// Booted, with a pool `p` of these members.
    fn new(members: &[&str], types: &[&str], size: u32) -> Stage {
        let members = members.iter().map(|name| unit(name)).collect();
        let mut stage = Stage {
            machine: Machine::new("me"),
            set: pool_set(&[(members, types.to_vec(), size)], "10s"),
            now: 0,
        };
        stage.happened(&Happening::Reloaded);
        stage.machine.take_deeds();
        stage
    }

    fn happened(&mut self, happening: &Happening) {
        self.machine
            .happened(Monotonic(self.now), happening, &self.set);
    }

    /// The listener runs as this process and is ready.
    fn up(&mut self, name: &str, pid: u32) {
        self.go(name, ProcessState::Starting, 0);
        self.out(name, pid, "READY\n");
        self.go(name, ProcessState::Running, pid);
    }

    fn go(&mut self, name: &str, to: ProcessState, pid: u32) {
        self.happened(&moved(&unit(name), ProcessState::Stopped, to, pid));
    }

    fn out(&mut self, name: &str, pid: u32, text: &str) {
        let now = Monotonic(self.now);
        self.machine.output(now, &unit(name), pid, text.as_bytes());
    }

    fn remote(&mut self, data: &str) {
        self.machine.remote(Monotonic(self.now), "t", data);
    }

    fn pass(&mut self, seconds: u64) {
        self.now += seconds * SECOND;
        self.machine.expire(Monotonic(self.now));
    }

    /// Who was written which serial, and what was said that matters.
    fn deeds(&mut self) -> Vec<String> {
        let mut deeds = Vec::new();
        for deed in self.machine.take_deeds() {
            match deed {
                Deed::Say(Level::Debug, _) => {}
                Deed::Say(_, text) => deeds.push(text),
                Deed::Write { unit, serial } => deeds.push(format!("{unit} <- {serial}")),
            }
        }
        deeds
    }

    /// The envelopes written.
    fn written(&mut self) -> Vec<String> {
        let deeds = self.machine.take_deeds();
        let written = deeds.into_iter().filter_map(|deed| match deed {
            Deed::Write { unit, serial } => {
                let envelope = self.machine.envelope(&unit, serial).unwrap();
                Some(String::from_utf8(envelope).unwrap())
            }
            Deed::Say(..) => None,
        });
        written.collect()
    }

    /// The manager is killed; another one goes on.
    fn kill(&mut self) {
        let heard = Heard {
            seen: 7,
            ..Heard::default()
        };
        let mut records = BTreeMap::new();
        let mut note = Note::default();
        // In two steps, as notes are taken: the second writes only what is new.
        for _ in 0..2 {
            let changes = note.changes(&self.machine, &heard);
            for (key, text) in &changes.records {
                match text {
                    Some(text) => records.insert(key.clone(), text.clone()),
                    None => records.remove(key),
                };
            }
            note.written(changes);
        }
        assert!(note.changes(&self.machine, &heard).records.is_empty());
        let recalled = note::recall(records.into_iter().collect(), "me", Monotonic(self.now));
        assert_eq!((recalled.problem, recalled.heard.seen), (None, 7));
        // What is found again is what was noted.
        assert!(
            recalled
                .note
                .changes(&recalled.machine, &heard)
                .records
                .is_empty()
        );
        self.machine = recalled.machine;
    }
}

#[test]
fn a_boot_is_told_in_the_originals_order() {
    let listeners = vec![unit("b:l.service")];
    let mut stage = Stage {
        machine: Machine::new("me"),
        set: pool_set(&[(listeners, vec!["EVENT"], 10)], "10s"),
        now: 0,
    };
    // A group before the pool itself is not heard of.
    for group in ["a", "b", "c"] {
        stage.happened(&Happening::GroupAdded(group.to_owned()));
    }
    stage.up("b:l.service", 5);
    let mut all = Vec::new();
    while let [written] = stage.written().as_slice() {
        all.push(written.clone());
        stage.out("b:l.service", 5, "RESULT 2\nOKREADY\n");
    }
    let expected = [
        "serial:0 pool:b poolserial:0 eventname:PROCESS_GROUP_ADDED len:12\ngroupname:b\n",
        "serial:1 pool:b poolserial:1 eventname:PROCESS_GROUP_ADDED len:12\ngroupname:c\n",
        "serial:2 pool:b poolserial:2 eventname:SUPERVISOR_STATE_CHANGE_RUNNING len:0\n",
        "serial:3 pool:b poolserial:3 eventname:PROCESS_STATE_STARTING len:53\n\
         processname:l groupname:b from_state:STOPPED tries:0",
        "serial:4 pool:b poolserial:4 eventname:PROCESS_STATE_RUNNING len:51\n\
         processname:l groupname:b from_state:STOPPED pid:5",
    ];
    let expected: Vec<String> = expected
        .iter()
        .map(|it| format!("ver:3.0 server:me {it}"))
        .collect();
    let counted = |text: &String| text.split_once(" len:").map(|(head, _)| head.to_owned());
    assert_eq!(
        all.iter().map(counted).collect::<Vec<_>>(),
        expected.iter().map(counted).collect::<Vec<_>>()
    );
    let payload = |text: &String| text.split_once('\n').map(|(_, payload)| payload.to_owned());
    assert_eq!(
        all.iter().map(payload).collect::<Vec<_>>(),
        expected.iter().map(payload).collect::<Vec<_>>()
    );
}

#[test]
fn a_listener_that_does_not_answer_loses_its_event_to_another() {
    let mut stage = Stage::new(
        &["p:a.service", "p:b.service"],
        &["REMOTE_COMMUNICATION"],
        10,
    );
    stage.up("p:a.service", 5);
    stage.remote("x");
    assert_eq!(stage.deeds(), ["p:a.service <- 0"]);
    stage.up("p:b.service", 6);
    stage.pass(9);
    assert_eq!(stage.deeds(), Vec::<String>::new());
    let deadline = stage.machine.deadline();
    assert_eq!(deadline, Some(Monotonic(10 * SECOND)));
    stage.pass(1);
    assert_eq!(
        stage.deeds(),
        [
            "a: has not answered event 0 for 10s (event-timeout-sec)",
            "a: has entered the UNKNOWN state and will no longer receive events, this usually \
             indicates the process violated the eventlistener protocol",
            "p:b.service <- 0",
        ]
    );
    // Its late answer changes nothing.
    stage.out("p:a.service", 5, "RESULT 2\nOKREADY\n");
    stage.remote("y");
    assert_eq!(stage.deeds(), Vec::<String>::new());
    stage.out("p:b.service", 6, "RESULT 2\nOKREADY\n");
    assert_eq!(stage.deeds(), ["p:b.service <- 1"]);
}

#[test]
fn a_listener_that_is_never_ready_is_reported_once_and_welcome_later() {
    let mut stage = Stage::new(&["p:a.service"], &["REMOTE_COMMUNICATION"], 2);
    stage.go("p:a.service", ProcessState::Starting, 0);
    stage.go("p:a.service", ProcessState::Running, 5);
    // While nothing waits nobody is owed anything, and nothing wakes us.
    assert_eq!(stage.machine.deadline(), None);
    stage.pass(20);
    stage.remote("x");
    stage.pass(0);
    assert_eq!(
        stage.deeds(),
        ["a: has not said READY for 10s (event-timeout-sec), and events wait"]
    );
    assert_eq!(stage.machine.deadline(), None);
    stage.remote("y");
    stage.remote("z");
    assert_eq!(
        stage.deeds(),
        ["pool p event buffer overflowed, discarding event 0"]
    );
    stage.out("p:a.service", 5, "READY\n");
    assert_eq!(stage.deeds(), ["p:a.service <- 1"]);
}

#[test]
fn an_event_that_is_rejected_again_and_again_is_told_more_and_more_rarely() {
    let mut stage = Stage::new(&["p:a.service"], &["REMOTE_COMMUNICATION"], 10);
    stage.up("p:a.service", 5);
    stage.remote("poison");
    for _ in 0..5 {
        assert_eq!(stage.written().len(), 1);
        stage.out("p:a.service", 5, "RESULT 4\nFAILREADY\n");
    }
    let mut wait = 1;
    for _ in 0..10 {
        assert_eq!(stage.written().len(), 1);
        stage.out("p:a.service", 5, "RESULT 4\nFAILREADY\n");
        assert!(stage.written().is_empty());
        let until = Monotonic(stage.now + wait * SECOND);
        assert_eq!(stage.machine.deadline(), Some(until));
        stage.pass(wait);
        wait = (wait * 2).min(60);
    }
    // It is not lost, and no other event waits for ever once it is accepted.
    stage.remote("good");
    stage.machine.take_deeds();
    stage.out("p:a.service", 5, "RESULT 2\nOKREADY\n");
    assert_eq!(stage.deeds(), ["p:a.service <- 1"]);
}

#[test]
fn an_event_survives_its_listener_and_is_told_again_with_its_serial() {
    let mut stage = Stage::new(&["p:a.service"], &["REMOTE_COMMUNICATION"], 10);
    stage.up("p:a.service", 5);
    stage.remote("x");
    assert_eq!(stage.deeds(), ["p:a.service <- 0"]);
    stage.out("p:a.service", 5, "RESULT 2\nO");
    stage.go("p:a.service", ProcessState::Exited, 5);
    assert_eq!(stage.deeds(), Vec::<String>::new());
    stage.up("p:a.service", 6);
    assert_eq!(stage.deeds(), ["p:a.service <- 0"]);
}

#[test]
fn a_new_process_may_speak_before_we_are_told_of_it() {
    let mut stage = Stage::new(&["p:a.service"], &["REMOTE_COMMUNICATION"], 10);
    stage.up("p:a.service", 5);
    stage.remote("x");
    assert_eq!(stage.deeds(), ["p:a.service <- 0"]);
    // The old one ended without an answer, the new one is ready, and only then we hear of it.
    stage.out("p:a.service", 6, "READY\n");
    stage.go("p:a.service", ProcessState::Exited, 5);
    assert_eq!(stage.deeds(), Vec::<String>::new());
    // A straggler of a process that ended is not its successor's word.
    stage.go("p:a.service", ProcessState::Starting, 0);
    stage.go("p:a.service", ProcessState::Running, 6);
    assert_eq!(stage.deeds(), ["p:a.service <- 0"]);
    stage.out("p:a.service", 6, "RESULT 2\nOKREADY\n");
    stage.go("p:a.service", ProcessState::Exited, 6);
    stage.out("p:a.service", 6, "late");
    stage.up("p:a.service", 7);
    stage.remote("y");
    assert_eq!(stage.deeds(), ["p:a.service <- 1"]);
}

#[test]
fn a_closed_standard_input_is_passed_over() {
    let mut stage = Stage::new(
        &["p:a.service", "p:b.service"],
        &["REMOTE_COMMUNICATION"],
        10,
    );
    stage.up("p:a.service", 5);
    stage.up("p:b.service", 6);
    stage.remote("x");
    assert_eq!(stage.deeds(), ["p:a.service <- 0"]);
    let name = unit("p:a.service");
    stage
        .machine
        .unwritten(Monotonic(0), &name, 0, Unwritten::Closed);
    assert_eq!(
        stage.deeds(),
        [
            "a: has closed its standard input and receives no events until it is started again",
            "p:b.service <- 0"
        ]
    );
    // What is too long for one is too long for all.
    stage.remote("y");
    stage.out("p:b.service", 6, "RESULT 2\nOKREADY\n");
    assert_eq!(stage.deeds(), ["p:b.service <- 1"]);
    let name = unit("p:b.service");
    stage
        .machine
        .unwritten(Monotonic(0), &name, 1, Unwritten::TooLong);
    assert_eq!(
        stage.deeds(),
        ["b: event 1 has 8 bytes, too many for its standard input: discarding it"]
    );
    stage.remote("z");
    assert_eq!(stage.deeds(), ["p:b.service <- 2"]);
}

#[test]
fn a_killed_manager_forgets_nothing() {
    let mut stage = Stage::new(
        &["p:a.service", "p:b.service"],
        &["REMOTE_COMMUNICATION", "EVENT"],
        3,
    );
    stage.up("p:a.service", 5);
    stage.machine.take_deeds();
    stage.out("p:a.service", 5, "RESULT 2\nO");
    stage.remote("x");
    stage.remote("y");
    stage.kill();
    stage.out("p:a.service", 5, "KREADY\n");
    let told = stage.deeds();
    assert_eq!(told.len(), 1, "{told:?}");
    stage.kill();
    // Its patience goes on, from now.
    assert_eq!(
        stage.machine.deadline(),
        Some(Monotonic(stage.now + 10 * SECOND))
    );
    let serial = stage.machine.next;
    stage.remote("z");
    assert_eq!(stage.machine.next, serial + 1);
    // Nothing is left of events that were dealt with.
    for _ in 0..8 {
        stage.out("p:a.service", 5, "RESULT 2\nOKREADY\n");
    }
    let changes = Note::default().changes(&stage.machine, &Heard::default());
    assert_eq!(changes.records.len(), 1, "{changes:?}");
}

#[test]
fn a_long_queue_makes_no_longer_notes_and_is_found_again() {
    let mut stage = Stage::new(&["p:l.service"], &["REMOTE_COMMUNICATION"], 10_000);
    stage.up("p:l.service", 5);
    let mut note = Note::default();
    let heard = Heard::default();
    let mut longest = 0;
    for number in 0..5_000 {
        stage.remote(&number.to_string());
        let changes = note.changes(&stage.machine, &heard);
        let length: usize = changes
            .records
            .iter()
            .map(|(key, text)| key.len() + text.as_ref().map_or(0, String::len))
            .sum();
        longest = longest.max(length);
        note.written(changes);
    }
    assert!(longest < 2_000, "a note of {longest} bytes");
    stage.kill();
    // One comes back and is told first; all others keep their order.
    stage.out("p:l.service", 5, "RESULT 4\nFAILREADY\n");
    assert_eq!(stage.written().len(), 1);
    stage.kill();
    for number in 1..5_000 {
        stage.out("p:l.service", 5, "RESULT 2\nOKREADY\n");
        let written = stage.written();
        assert_eq!(written.len(), 1, "{number}");
        let last = written[0].rsplit('\n').next().unwrap();
        assert!(last.ends_with(&number.to_string()), "{last} at {number}");
    }
}

#[test]
fn a_note_of_another_time_is_forgotten_and_said_so() {
    let records = vec![("listeners".to_owned(), "{}".to_owned())];
    let recalled = note::recall(records, "me", Monotonic(0));
    assert!(recalled.problem.is_some());
    assert!(recalled.machine.pools.is_empty());
}

#[test]
fn everything_starts_anew_with_empty_pools_and_serials_that_go_on() {
    let mut stage = Stage::new(&["p:l.service"], &["SUPERVISOR_STATE_CHANGE"], 10);
    stage.up("p:l.service", 5);
    stage.happened(&Happening::Closing { restarting: true });
    assert_eq!(stage.written().len(), 1);
    stage.go("p:l.service", ProcessState::Stopped, 5);
    stage.happened(&Happening::GroupAdded("p".to_owned()));
    stage.up("p:l.service", 6);
    assert_eq!(
        stage.written(),
        ["ver:3.0 server:me serial:1 pool:p poolserial:0 \
          eventname:SUPERVISOR_STATE_CHANGE_RUNNING len:0\n"]
    );
}

#[test]
fn a_removed_pool_hears_nothing_more() {
    let mut stage = Stage::new(&["p:l.service"], &["EVENT"], 10);
    stage.up("p:l.service", 5);
    stage.machine.take_deeds();
    stage.happened(&Happening::GroupRemoved("p".to_owned()));
    stage.out("p:l.service", 5, "RESULT 2\nOKREADY\n");
    assert!(stage.machine.pools.is_empty());
    assert!(stage.deeds().is_empty());
}

#[test]
fn ticks_are_told_at_their_boundaries_only_and_only_if_wanted() {
    let mut stage = Stage::new(&["p:l.service"], &["TICK_5", "TICK_3600"], 10);
    stage.up("p:l.service", 5);
    assert_eq!(stage.machine.next_tick(3_601), Some(3_605));
    let mut ticks = Vec::new();
    for second in [3_599, 3_600, 3_601, 3_604, 3_605, 3_605] {
        stage.machine.tick(Monotonic(0), second);
        while let [written] = stage.written().as_slice() {
            let (_, tick) = written.split_once("eventname:").unwrap();
            ticks.push(tick.to_owned());
            stage.out("p:l.service", 5, "RESULT 2\nOKREADY\n");
        }
    }
    assert_eq!(
        ticks,
        [
            "TICK_5 len:9\nwhen:3600",
            "TICK_3600 len:9\nwhen:3600",
            "TICK_5 len:9\nwhen:3605"
        ]
    );
    let mut idle = Stage::new(&["p:l.service"], &["PROCESS_STATE"], 10);
    idle.machine.tick(Monotonic(0), 5);
    assert_eq!(idle.machine.next_tick(5), None);
    assert_eq!(idle.machine.deadline(), None);
}

#[test]
fn long_output_is_told_in_pieces_that_are_text() {
    let mut stage = Stage::new(&["p:l.service"], &["PROCESS_LOG"], 100);
    stage.up("p:l.service", 5);
    let text = format!("x{}", "é".repeat(40_000));
    let name = unit("q.service");
    stage
        .machine
        .log(Monotonic(0), &name, 9, Channel::Stdout, text.as_bytes());
    let mut heard = String::new();
    while let [written] = stage.written().as_slice() {
        let (_, payload) = written.split_once('\n').unwrap();
        let (head, piece) = payload.split_once('\n').unwrap();
        assert_eq!(head, "processname:q groupname:q pid:9 channel:stdout");
        assert!(piece.len() <= 32 * 1024);
        heard.push_str(piece);
        stage.out("p:l.service", 5, "RESULT 2\nOKREADY\n");
    }
    assert!(heard == text);
}

#[test]
fn a_listener_may_have_every_result_accepted() {
    let mut stage = Stage::new(&["p:a.service"], &["REMOTE_COMMUNICATION"], 10);
    let member = &mut stage.machine.pools[0].members[0];
    assert_eq!(member.definition.results, EventResults::Ok);
    member.definition.results = EventResults::Any;
    stage.up("p:a.service", 5);
    stage.remote("x");
    assert_eq!(stage.deeds(), ["p:a.service <- 0"]);
    // What supervisor_stdout's listener answers is what is to be printed.
    stage.out("p:a.service", 5, "RESULT 5\nx | yREADY\n");
    stage.remote("y");
    assert_eq!(stage.deeds(), ["p:a.service <- 1"]);
    stage.kill();
    stage.out("p:a.service", 5, "RESULT 4\nFAILREADY\n");
    assert_eq!(stage.deeds(), [""; 0]);
    // A violation of the protocol stays one.
    stage.remote("z");
    stage.machine.take_deeds();
    stage.out("p:a.service", 5, "nonsense\n");
    assert_eq!(stage.deeds().len(), 2);
}
