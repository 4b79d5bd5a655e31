//! Events as supervisord writes them: kinds, subscriptions, payloads, envelopes.

use std::sync::Arc;

use engine::change::ProcessMoved;
use engine::view::supervisord::ProcessState;
use serde::{Deserialize, Serialize};
use units::UnitName;

/// The abstract kinds: who subscribes to one is told of every kind whose name begins with it.
const PARENTS: [&str; 7] = [
    "EVENT",
    "PROCESS_STATE",
    "PROCESS_COMMUNICATION",
    "PROCESS_LOG",
    "SUPERVISOR_STATE_CHANGE",
    "TICK",
    "PROCESS_GROUP",
];

/// The output an event tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Channel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Channel {
    const fn as_str(self) -> &'static str {
        match self {
            Channel::Stdout => "stdout",
            Channel::Stderr => "stderr",
        }
    }
}

/// How often a tick comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Period {
    /// Every five seconds.
    Five,
    /// Every minute.
    Minute,
    /// Every hour.
    Hour,
}

impl Period {
    /// All of them, in the order in which those of one moment are told.
    pub(super) const ALL: [Period; 3] = [Period::Five, Period::Minute, Period::Hour];

    /// How many seconds it is.
    pub(super) const fn seconds(self) -> u64 {
        match self {
            Period::Five => 5,
            Period::Minute => 60,
            Period::Hour => 3600,
        }
    }
}

/// What kind of thing an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// A process went to this state.
    ProcessState(ProcessState),
    /// A process wrote something.
    ProcessLog(Channel),
    /// A process wrote something between the tokens that make it a message.
    ProcessCommunication(Channel),
    /// A client sent a message (`sendRemoteCommEvent`).
    RemoteCommunication,
    /// Everything is about to be started.
    SupervisorRunning,
    /// Everything is about to be stopped.
    SupervisorStopping,
    /// Time went by.
    Tick(Period),
    /// There is a new group.
    GroupAdded,
    /// A group is gone.
    GroupRemoved,
}

impl Kind {
    /// supervisord's name for it.
    #[must_use]
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Kind::ProcessState(state) => match state {
                ProcessState::Stopped => "PROCESS_STATE_STOPPED",
                ProcessState::Starting => "PROCESS_STATE_STARTING",
                ProcessState::Running => "PROCESS_STATE_RUNNING",
                ProcessState::Backoff => "PROCESS_STATE_BACKOFF",
                ProcessState::Stopping => "PROCESS_STATE_STOPPING",
                ProcessState::Exited => "PROCESS_STATE_EXITED",
                ProcessState::Fatal => "PROCESS_STATE_FATAL",
            },
            Kind::ProcessLog(Channel::Stdout) => "PROCESS_LOG_STDOUT",
            Kind::ProcessLog(Channel::Stderr) => "PROCESS_LOG_STDERR",
            Kind::ProcessCommunication(Channel::Stdout) => "PROCESS_COMMUNICATION_STDOUT",
            Kind::ProcessCommunication(Channel::Stderr) => "PROCESS_COMMUNICATION_STDERR",
            Kind::RemoteCommunication => "REMOTE_COMMUNICATION",
            Kind::SupervisorRunning => "SUPERVISOR_STATE_CHANGE_RUNNING",
            Kind::SupervisorStopping => "SUPERVISOR_STATE_CHANGE_STOPPING",
            Kind::Tick(Period::Five) => "TICK_5",
            Kind::Tick(Period::Minute) => "TICK_60",
            Kind::Tick(Period::Hour) => "TICK_3600",
            Kind::GroupAdded => "PROCESS_GROUP_ADDED",
            Kind::GroupRemoved => "PROCESS_GROUP_REMOVED",
        }
    }

    /// Whether a subscription, in capital letters, is for it.
    #[must_use]
    pub(super) fn is(self, subscription: &str) -> bool {
        let name = self.as_str();
        let family = PARENTS.contains(&subscription)
            && name
                .strip_prefix(subscription)
                .is_some_and(|rest| rest.starts_with('_'));
        subscription == "EVENT" || name == subscription || family
    }
}

/// An event, not told to anybody yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    /// What kind it is.
    pub(super) kind: Kind,
    /// What it says.
    pub(super) payload: Arc<str>,
}

impl Event {
    fn new(kind: Kind, payload: String) -> Event {
        Event {
            kind,
            payload: payload.into(),
        }
    }

    /// A process went from one state to another.
    pub(super) fn moved(unit: &UnitName, moved: &ProcessMoved) -> Event {
        let mut payload = format!("{} from_state:{}", names(unit), moved.from.as_str());
        let pid = moved.pid;
        match moved.to {
            ProcessState::Starting | ProcessState::Backoff => {
                payload.push_str(&format!(" tries:{}", moved.tries));
            }
            ProcessState::Running | ProcessState::Stopping | ProcessState::Stopped => {
                payload.push_str(&format!(" pid:{pid}"));
            }
            ProcessState::Exited => {
                let expected = u8::from(moved.expected);
                payload.push_str(&format!(" expected:{expected} pid:{pid}"));
            }
            ProcessState::Fatal => {}
        }
        Event::new(Kind::ProcessState(moved.to), payload)
    }

    /// A process wrote something.
    pub(super) fn log(unit: &UnitName, pid: u32, channel: Channel, bytes: &[u8]) -> Event {
        let payload = format!(
            "{} pid:{pid} channel:{}\n{}",
            names(unit),
            channel.as_str(),
            text(bytes)
        );
        Event::new(Kind::ProcessLog(channel), payload)
    }

    /// A process sent a message.
    pub(super) fn communication(
        unit: &UnitName,
        pid: u32,
        channel: Channel,
        bytes: &[u8],
    ) -> Event {
        let payload = format!("{} pid:{pid}\n{}", names(unit), text(bytes));
        Event::new(Kind::ProcessCommunication(channel), payload)
    }

    /// A client sent a message.
    pub(super) fn remote(kind: &str, data: &str) -> Event {
        Event::new(Kind::RemoteCommunication, format!("type:{kind}\n{data}"))
    }

    /// The whole began or ends.
    pub(super) fn supervisor(kind: Kind) -> Event {
        Event::new(kind, String::new())
    }

    /// A group came or went.
    pub(super) fn group(kind: Kind, group: &str) -> Event {
        Event::new(kind, format!("groupname:{group}\n"))
    }

    /// Time went by: `when` is seconds since the epoch, a multiple of the period.
    pub(super) fn tick(period: Period, when: u64) -> Event {
        Event::new(Kind::Tick(period), format!("when:{when}"))
    }

    /// The bytes a listener is given. The length counts characters and not bytes, as the original's
    /// does: its own library for listeners reads text.
    pub(super) fn envelope(&self, server: &str, serial: u64, pool: &str, in_pool: u64) -> Vec<u8> {
        let (name, length) = (self.kind.as_str(), self.payload.chars().count());
        format!(
            "ver:3.0 server:{server} serial:{serial} pool:{pool} poolserial:{in_pool} \
             eventname:{name} len:{length}\n{}",
            self.payload
        )
        .into_bytes()
    }
}

fn names(unit: &UnitName) -> String {
    // Only services come here, and each has a group.
    let (group, process) = units::group::group_and_process(unit).unwrap_or_default();
    format!("processname:{process} groupname:{group}")
}

/// Output as text; what is not UTF-8 in the form that Python shows bytes in, as the original does.
pub(super) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("Undecodable: {}", python_bytes(bytes)),
    }
}

/// `repr()` of Python's `bytes`.
fn python_bytes(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    let mut shown = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\\' => shown.push_str("\\\\"),
            b'\t' => shown.push_str("\\t"),
            b'\n' => shown.push_str("\\n"),
            b'\r' => shown.push_str("\\r"),
            b' '..=b'~' if char::from(byte) == quote => {
                shown.push('\\');
                shown.push(quote);
            }
            b' '..=b'~' => shown.push(char::from(byte)),
            _ => shown.push_str(&format!("\\x{byte:02x}")),
        }
    }
    shown.push(quote);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> UnitName {
        UnitName::parse(name).unwrap()
    }

    #[test]
    fn subscriptions_take_their_families() {
        let running = Kind::ProcessState(ProcessState::Running);
        for yes in ["EVENT", "PROCESS_STATE", "PROCESS_STATE_RUNNING"] {
            assert!(running.is(yes), "{yes}");
        }
        for no in ["PROCESS", "PROCESS_STATE_", "PROCESS_LOG", "TICK", ""] {
            assert!(!running.is(no), "{no}");
        }
        assert!(Kind::Tick(Period::Minute).is("TICK"));
        assert!(!Kind::Tick(Period::Minute).is("TICK_5"));
        assert!(Kind::RemoteCommunication.is("REMOTE_COMMUNICATION"));
        assert!(!Kind::RemoteCommunication.is("REMOTE"));
        assert!(Kind::GroupAdded.is("PROCESS_GROUP"));
        assert!(Kind::SupervisorStopping.is("SUPERVISOR_STATE_CHANGE"));
    }

    #[test]
    fn payloads_are_the_originals() {
        let moved = |to| ProcessMoved {
            from: ProcessState::Running,
            to,
            tries: 3,
            pid: 7,
            status: None,
            expected: false,
            error: String::new(),
        };
        let name = unit("g:a_00.service");
        let state = |to| Event::moved(&name, &moved(to)).payload.to_string();
        let stem = "processname:a_00 groupname:g from_state:RUNNING";
        assert_eq!(state(ProcessState::Starting), format!("{stem} tries:3"));
        assert_eq!(state(ProcessState::Backoff), format!("{stem} tries:3"));
        assert_eq!(state(ProcessState::Running), format!("{stem} pid:7"));
        assert_eq!(state(ProcessState::Stopping), format!("{stem} pid:7"));
        assert_eq!(state(ProcessState::Stopped), format!("{stem} pid:7"));
        assert_eq!(
            state(ProcessState::Exited),
            format!("{stem} expected:0 pid:7")
        );
        assert_eq!(state(ProcessState::Fatal), stem);
        let log = Event::log(&unit("a.service"), 7, Channel::Stderr, b"x\n");
        assert_eq!(
            &*log.payload,
            "processname:a groupname:a pid:7 channel:stderr\nx\n"
        );
        let said = Event::communication(&unit("a.service"), 7, Channel::Stdout, b"x");
        assert_eq!(&*said.payload, "processname:a groupname:a pid:7\nx");
        assert_eq!(&*Event::remote("t", "d").payload, "type:t\nd");
        let group = Event::group(Kind::GroupAdded, "g");
        assert_eq!(&*group.payload, "groupname:g\n");
        assert_eq!(&*Event::tick(Period::Five, 10).payload, "when:10");
    }

    #[test]
    fn an_envelope_counts_characters() {
        let event = Event::remote("é", "");
        let envelope = String::from_utf8(event.envelope("s", 3, "p", 1)).unwrap();
        assert_eq!(
            envelope,
            "ver:3.0 server:s serial:3 pool:p poolserial:1 eventname:REMOTE_COMMUNICATION \
             len:7\ntype:é\n"
        );
    }

    #[test]
    fn bytes_that_are_no_text_look_as_in_python() {
        assert_eq!(
            text(b"\xff a\\'\x01\n"),
            "Undecodable: b\"\\xff a\\\\'\\x01\\n\""
        );
        assert_eq!(text(b"'\"\xff"), "Undecodable: b'\\'\"\\xff'");
    }
}
