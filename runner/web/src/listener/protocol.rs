//! What a listener says on its standard output, as supervisord understands it.
//!
//! | state | what may come |
//! |---|---|
//! | ACKNOWLEDGED | `READY\n` makes it READY; anything else is a violation |
//! | READY | nothing: any output is a violation |
//! | BUSY | `RESULT n\n` and n bytes: `OK`, or the event is rejected; then it is ACKNOWLEDGED |
//! | UNKNOWN | whatever it likes; nobody listens until the process is started anew |
//!
//! Unlike the original it is bounded: a result line and a result may be only so long.

use serde::{Deserialize, Serialize};

const READY: &[u8] = b"READY\n";
/// `RESULT `: the original looks at the length of this only, and so do we.
const RESULT_START: usize = 7;
/// No line that says how long a result is needs more.
const LONGEST_LINE: usize = 1024;
/// A result is `OK` or `FAIL` and the like; a listener that announces more is mistaken.
const LONGEST_RESULT: usize = 64 * 1024;

/// Where a listener is in its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum ListenerState {
    /// It has yet to say that it is ready.
    Acknowledged,
    /// It waits for an event.
    Ready,
    /// It has an event.
    Busy,
    /// It violated the protocol, or did not answer in time.
    Unknown,
}

impl ListenerState {
    /// supervisord's word for it.
    #[must_use]
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            ListenerState::Acknowledged => "ACKNOWLEDGED",
            ListenerState::Ready => "READY",
            ListenerState::Busy => "BUSY",
            ListenerState::Unknown => "UNKNOWN",
        }
    }
}

/// What a listener's output amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// It is ready for an event.
    Ready,
    /// It dealt with its event.
    Processed,
    /// It wants the event to be told again.
    Rejected,
    /// It violated the protocol.
    Violated,
    /// It violated the protocol by this result line; the event was not dealt with.
    BadResult(Vec<u8>),
}

/// One listener's side of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Protocol {
    pub(super) state: ListenerState,
    /// What came and is not decided yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pending: Vec<u8>,
    /// How long the result is that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<usize>,
}

impl Default for Protocol {
    fn default() -> Self {
        Protocol {
            state: ListenerState::Acknowledged,
            pending: Vec::new(),
            result: None,
        }
    }
}

impl Protocol {
    /// It was given an event.
    pub(super) fn busy(&mut self) {
        self.state = ListenerState::Busy;
        self.result = None;
    }

    /// It is given up.
    pub(super) fn give_up(&mut self) {
        self.state = ListenerState::Unknown;
        self.pending = Vec::new();
        self.result = None;
    }

    /// Takes output in, in whatever pieces.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        if self.state == ListenerState::Unknown {
            return said;
        }
        self.pending.extend_from_slice(bytes);
        while !self.pending.is_empty() {
            match self.step() {
                Step::Wait => break,
                Step::On => {}
                Step::Said(one) => said.push(one),
            }
            if self.state == ListenerState::Unknown {
                break;
            }
        }
        // Not a byte is kept that is not waited for.
        if self.pending.is_empty() {
            self.pending = Vec::new();
        }
        said
    }

    fn step(&mut self) -> Step {
        match self.state {
            ListenerState::Unknown => Step::Wait,
            ListenerState::Ready => {
                self.give_up();
                Step::Said(Said::Violated)
            }
            ListenerState::Acknowledged if self.pending.len() < READY.len() => Step::Wait,
            ListenerState::Acknowledged if self.pending.starts_with(READY) => {
                self.pending.drain(..READY.len());
                self.state = ListenerState::Ready;
                Step::Said(Said::Ready)
            }
            ListenerState::Acknowledged => {
                self.give_up();
                Step::Said(Said::Violated)
            }
            ListenerState::Busy => match self.result {
                None => self.result_line(),
                Some(length) => self.result_text(length),
            },
        }
    }

    fn result_line(&mut self) -> Step {
        let end = self.pending.iter().position(|byte| *byte == b'\n');
        let line = match end {
            Some(end) => self.pending.drain(..=end).take(end).collect(),
            None if self.pending.len() > LONGEST_LINE => std::mem::take(&mut self.pending),
            None => return Step::Wait,
        };
        let length = python_int(line.get(RESULT_START..).unwrap_or_default());
        match length.filter(|length| end.is_some() && *length <= LONGEST_RESULT) {
            Some(0) => self.result_text(0),
            Some(length) => {
                self.result = Some(length);
                Step::On
            }
            None => {
                self.give_up();
                Step::Said(Said::BadResult(line))
            }
        }
    }

    fn result_text(&mut self, length: usize) -> Step {
        if self.pending.len() < length {
            return Step::Wait;
        }
        let result: Vec<u8> = self.pending.drain(..length).collect();
        self.result = None;
        self.state = ListenerState::Acknowledged;
        Step::Said(if result == b"OK" {
            Said::Processed
        } else {
            Said::Rejected
        })
    }
}

enum Step {
    /// More has to come first.
    Wait,
    /// Something was read that is nothing by itself.
    On,
    Said(Said),
}

/// What Python's `int` makes of these bytes: blanks around, a sign, underscores between digits.
/// `None` where it makes nothing of them, and for numbers no length can be.
fn python_int(bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?;
    // Python's blanks: the vertical tab is one, Rust's ASCII ones leave it out.
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let grouped = digits
        .split('_')
        .all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    let number: usize = grouped.then(|| digits.replace('_', "").parse().ok())??;
    (!negative || number == 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Protocol {
        let mut protocol = Protocol::default();
        assert_eq!(protocol.push(b"READY\n"), [Said::Ready]);
        protocol.busy();
        protocol
    }

    #[test]
    fn a_good_listener() {
        let mut protocol = busy();
        assert_eq!(
            protocol.push(b"RESULT 2\nOKREADY\n"),
            [Said::Processed, Said::Ready]
        );
        protocol.busy();
        assert_eq!(protocol.push(b"RESULT 4\nFAIL"), [Said::Rejected]);
        assert_eq!(protocol.state, ListenerState::Acknowledged);
        assert_eq!(protocol.push(b"READY\n"), [Said::Ready]);
    }

    #[test]
    fn pieces_make_no_difference() {
        let said = b"RESULT 2\nOKREADY\n";
        for cut in 0..said.len() {
            let mut protocol = busy();
            let mut all = protocol.push(&said[..cut]);
            all.extend(protocol.push(&said[cut..]));
            assert_eq!(all, [Said::Processed, Said::Ready], "cut at {cut}");
        }
    }

    #[test]
    fn violations_end_the_conversation() {
        let mut protocol = Protocol::default();
        assert_eq!(protocol.push(b"READ"), []);
        assert_eq!(protocol.push(b"y\n"), [Said::Violated]);
        assert_eq!(protocol.push(b"READY\n"), []);
        assert_eq!(protocol.state, ListenerState::Unknown);
        // More than the one line: what follows was not asked for.
        let mut protocol = Protocol::default();
        assert_eq!(protocol.push(b"READY\nx"), [Said::Ready, Said::Violated]);
        let mut protocol = busy();
        assert_eq!(
            protocol.push(b"garbage\n"),
            [Said::BadResult(b"garbage".to_vec())]
        );
    }

    #[test]
    fn nothing_grows_without_bound() {
        let mut protocol = busy();
        let flood = vec![b'x'; 4096];
        assert!(matches!(
            protocol.push(&flood).as_slice(),
            [Said::BadResult(_)]
        ));
        assert!(protocol.pending.is_empty());
        let mut protocol = busy();
        assert_eq!(
            protocol.push(b"RESULT 1000000000000\n"),
            [Said::BadResult(b"RESULT 1000000000000".to_vec())]
        );
        // Up to the bound it is read.
        let mut protocol = busy();
        assert_eq!(protocol.push(b"RESULT 65536\n"), []);
        assert_eq!(protocol.push(&vec![b'x'; 65536]), [Said::Rejected]);
        assert_eq!(protocol.pending.capacity(), 0);
    }

    #[test]
    fn lengths_are_what_python_reads() {
        for (text, number) in [
            ("2", Some(2)),
            (" 12\r", Some(12)),
            ("+3", Some(3)),
            ("1_0", Some(10)),
            ("0", Some(0)),
            ("-0", Some(0)),
            ("-1", None),
            ("1__0", None),
            ("_1", None),
            ("", None),
            ("0x2", None),
            ("+-1", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(python_int(text.as_bytes()), number, "{text:?}");
        }
    }
}
