//! What event listeners are told about, kept with the state until they say that they have it.
//!
//! It is written in the same frame as the engine's records, so a manager that is killed leaves
//! either both or neither: no event is lost over a recovery, and none is told of a state that never
//! was. While no service has `event-types` nothing is kept.

use std::collections::VecDeque;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use control::{Answerer, Happening, Refusal, Reply};
use engine::{Action, json};
use units::UnitSet;

use super::Manager;
use crate::store::Written;

/// Before the number of something that happened.
const HAPPENED: &str = "happened:";
/// The number up to which nothing needs to be kept.
const SEEN: &str = "happened-seen";
/// Before the keys of a front end's own memory.
const NOTE: &str = "note:";

/// As much is kept at most when nobody asks for it: more than the start of some thousand programs.
const MOST: usize = 16_384;

/// What happened and was not seen yet.
#[derive(Debug, Default)]
pub(super) struct Happenings {
    /// The definitions that were looked at last.
    set: Option<Arc<UnitSet>>,
    /// Whether they have an event listener.
    listened: bool,
    /// The highest number there was.
    last: u64,
    kept: VecDeque<(u64, Happening)>,
    /// Not in the state yet.
    unwritten: Vec<(String, Option<String>)>,
    /// Who asked for what comes after a number, before there was anything.
    waiting: Option<(u64, Answerer)>,
}

impl Happenings {
    /// Goes on from the records of a state.
    pub(super) fn recover(records: &[(String, String)]) -> Happenings {
        let mut happenings = Happenings::default();
        for (key, text) in records {
            if key == SEEN {
                happenings.last = happenings.last.max(text.parse().unwrap_or_default());
            }
            let number = key.strip_prefix(HAPPENED).and_then(|it| it.parse().ok());
            // One that cannot be read was written by a later program: it is passed over.
            if let (Some(number), Ok(happening)) = (number, json::from_str(text)) {
                happenings.kept.push_back((number, happening));
            }
        }
        units::sort::by_key(happenings.kept.make_contiguous(), |(number, _)| *number);
        if let Some((number, _)) = happenings.kept.back() {
            happenings.last = happenings.last.max(*number);
        }
        happenings
    }

    /// Notes what actions are about to publish, given the definitions that are in force now.
    fn take_in(&mut self, set: &Arc<UnitSet>, actions: &[Action]) {
        let before = self.listened;
        if !self.set.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, set)) {
            self.set = Some(Arc::clone(set));
            self.listened = set.iter().any(|unit| !unit.event_types().is_empty());
        }
        // The last listener's own going is the last thing that is kept.
        if !before && !self.listened {
            return;
        }
        for action in actions {
            if let Action::Publish(change) = action
                && let Some(happening) = Happening::of(change)
            {
                self.push(happening);
            }
        }
    }

    fn push(&mut self, happening: Happening) {
        let Ok(text) = serde_json::to_string(&happening) else {
            return;
        };
        self.last += 1;
        self.unwritten
            .push((format!("{HAPPENED}{}", self.last), Some(text)));
        self.kept.push_back((self.last, happening));
        while self.kept.len() > MOST {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((number, _)) = self.kept.pop_front() {
            self.unwritten.push((format!("{HAPPENED}{number}"), None));
        }
    }

    /// Forgets what was seen.
    fn seen(&mut self, number: u64) {
        while self.kept.front().is_some_and(|(first, _)| *first <= number) {
            self.forget_first();
        }
        self.unwritten
            .push((SEEN.to_owned(), Some(self.last.to_string())));
    }

    fn after(&self, number: u64) -> Vec<(u64, Happening)> {
        let wanted = self.kept.iter().filter(|(kept, _)| *kept > number);
        wanted.cloned().collect()
    }

    /// Answers at once or as soon as there is something. A second asker takes the first one's place.
    pub(super) fn ask(&mut self, after: u64, answerer: Answerer) {
        self.waiting = Some((after, answerer));
        self.answer();
    }

    fn answer(&mut self) {
        let Some((after, _)) = self.waiting else {
            return;
        };
        let happened = self.after(after);
        if happened.is_empty() {
            return;
        }
        if let Some((_, answerer)) = self.waiting.take() {
            answerer.answer(Ok(Reply::Happened(happened)));
        }
    }
}

impl Manager {
    /// Writes what the engine wants kept, and what these actions will tell event listeners. It is a
    /// write to memory: when it fails there is none left, and all we can do is say so.
    pub(super) fn write_records(&mut self, actions: &[Action]) {
        self.happenings.take_in(self.engine.definitions(), actions);
        let mut records = self.engine.take_records();
        records.append(&mut self.happenings.unwritten);
        self.write_state(&records);
    }

    /// Tells who waits for it what happened, once it is told to everybody else.
    pub(super) fn tell_what_happened(&mut self) {
        self.happenings.answer();
    }

    /// Keeps a front end's own memory.
    pub(super) fn keep_note(
        &mut self,
        records: &[(String, Option<String>)],
        seen: u64,
    ) -> Result<Reply, Refusal> {
        self.happenings.seen(seen);
        let mut all = std::mem::take(&mut self.happenings.unwritten);
        let notes = records
            .iter()
            .map(|(key, text)| (format!("{NOTE}{key}"), text.clone()));
        all.extend(notes);
        if self.write_state(&all) {
            Ok(Reply::Done)
        } else {
            Err(Refusal::Invalid("there is no memory for it".to_owned()))
        }
    }

    /// What a front end wanted kept.
    pub(super) fn recall(&self) -> Result<Reply, Refusal> {
        let records = self
            .state
            .records()
            .map_err(|error| Refusal::Invalid(format!("cannot read the state: {error}")))?;
        let notes = records
            .into_iter()
            .filter_map(|(key, text)| Some((key.strip_prefix(NOTE)?.to_owned(), text)));
        Ok(Reply::Recalled(notes.collect()))
    }

    pub(super) fn write_state(&mut self, records: &[(String, Option<String>)]) -> bool {
        match self.state.write(records) {
            Ok(Written::Appended) => true,
            Ok(Written::Moved) => {
                self.hold(&crate::link::Key::State, self.state.as_fd());
                true
            }
            Err(error) => {
                tracing::error!("cannot write the state: {error}");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use control::{Caller, Knock, Policy, Request, Via};
    use engine::Change;

    use super::*;

    fn set(listens: bool) -> Arc<UnitSet> {
        let text = if listens {
            "[service]\nexec-start = \"/bin/a\"\nstandard-input = \"pipe\"\nevent-types = [\"EVENT\"]\n"
        } else {
            "[service]\nexec-start = \"/bin/a\"\n"
        };
        let source = units::Source::text("/a.toml", text);
        let (set, _) = units::load(&[source], &units::Surroundings::default());
        Arc::new(set)
    }

    fn added(group: &str) -> Action {
        Action::Publish(Change::GroupAdded(group.to_owned()))
    }

    fn happened(happenings: &Happenings, after: u64) -> Vec<(u64, Happening)> {
        happenings.after(after)
    }

    #[test]
    fn nothing_is_kept_without_listeners() {
        let mut happenings = Happenings::default();
        happenings.take_in(&set(false), &[added("a")]);
        assert!(happenings.kept.is_empty() && happenings.unwritten.is_empty());
        happenings.take_in(&set(true), &[added("b")]);
        // The set without it comes with the news that it is gone.
        happenings.take_in(&set(false), &[added("c")]);
        happenings.take_in(&set(false), &[added("d")]);
        assert_eq!(
            happened(&happenings, 0),
            [
                (1, Happening::GroupAdded("b".to_owned())),
                (2, Happening::GroupAdded("c".to_owned()))
            ]
        );
    }

    #[test]
    fn what_was_not_seen_is_there_again_after_a_recovery_and_numbers_go_on() {
        let set = set(true);
        let mut happenings = Happenings::default();
        happenings.take_in(&set, &[added("a"), added("b"), added("c")]);
        happenings.seen(2);
        let mut records = std::collections::BTreeMap::new();
        for (key, text) in std::mem::take(&mut happenings.unwritten) {
            match text {
                Some(text) => records.insert(key, text),
                None => records.remove(&key),
            };
        }
        let records: Vec<_> = records.into_iter().collect();
        let mut recovered = Happenings::recover(&records);
        assert_eq!(
            happened(&recovered, 2),
            [(3, Happening::GroupAdded("c".to_owned()))]
        );
        recovered.seen(3);
        recovered.take_in(&set, &[added("d")]);
        assert_eq!(
            happened(&recovered, 3),
            [(4, Happening::GroupAdded("d".to_owned()))]
        );
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let set = set(true);
        let mut happenings = Happenings::default();
        for _ in 0..=MOST {
            happenings.take_in(&set, &[added("a")]);
        }
        assert_eq!(happenings.kept.len(), MOST);
        assert_eq!(happenings.kept.front().map(|(number, _)| *number), Some(2));
    }

    #[tokio::test]
    async fn an_asker_is_answered_when_there_is_something() {
        let (handle, mut door) = control::open(Policy {
            own_uid: 0,
            admin_gid: None,
        });
        let caller = Caller {
            uid: 0,
            gid: None,
            groups: Vec::new(),
            pid: None,
            via: Via::Private,
        };
        let asking =
            tokio::spawn(async move { handle.ask(caller, Request::Happened { after: 0 }).await });
        let Some(Knock::Asked { answerer, .. }) = door.next().await else {
            panic!("nobody asked")
        };
        let mut happenings = Happenings::default();
        happenings.ask(0, answerer);
        assert!(happenings.waiting.is_some());
        happenings.take_in(&set(true), &[added("a")]);
        happenings.answer();
        let Ok(Reply::Happened(happened)) = asking.await.unwrap() else {
            panic!("no answer")
        };
        assert_eq!(happened.len(), 1);
    }
}
