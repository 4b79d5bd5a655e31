//! What the client prints. Text that processes wrote reaches a terminal with its control characters
//! made visible, since they could rewrite the screen; a pipe gets it as it is.

use std::io::{self, IsTerminal, Write};

use super::failure::{Failure, Outcome};
use crate::terminal::visible;

/// Standard output and error.
pub(super) struct Screen {
    out: Box<dyn Write>,
    person_reads: bool,
    /// The beginning of a character whose end has not come yet.
    torn: Vec<u8>,
}

impl Screen {
    /// On the process' own standard output.
    pub(super) fn new() -> Screen {
        let out = io::stdout();
        Screen {
            person_reads: out.is_terminal(),
            out: Box::new(out.lock()),
            torn: Vec::new(),
        }
    }

    /// A line.
    ///
    /// # Errors
    /// When nobody reads any more, or the disk is full.
    pub(super) fn line(&mut self, text: &str) -> Outcome<()> {
        self.text(text)?;
        self.text("\n")
    }

    /// Text without an end of line.
    ///
    /// # Errors
    /// As [`line`](Screen::line).
    pub(super) fn text(&mut self, text: &str) -> Outcome<()> {
        let shown = if self.person_reads {
            visible(text)
        } else {
            text.into()
        };
        self.out.write_all(shown.as_bytes()).map_err(lost)
    }

    /// A question, shown before its answer is read.
    ///
    /// # Errors
    /// As [`line`](Screen::line).
    pub(super) fn prompt(&mut self, text: &str) -> Outcome<()> {
        self.text(text)?;
        self.flush()
    }

    /// A piece of a log, shown at once.
    ///
    /// # Errors
    /// As [`line`](Screen::line).
    pub(super) fn log(&mut self, bytes: &[u8]) -> Outcome<()> {
        if self.person_reads {
            let whole = [self.torn.as_slice(), bytes].concat();
            let end = whole_characters(&whole);
            let text = String::from_utf8_lossy(&whole[..end]).into_owned();
            self.torn = whole[end..].to_vec();
            self.text(&text)?;
        } else {
            self.out.write_all(bytes).map_err(lost)?;
        }
        self.flush()
    }

    /// Everything printed so far becomes visible.
    ///
    /// # Errors
    /// As [`line`](Screen::line).
    pub(super) fn flush(&mut self) -> Outcome<()> {
        self.out.flush().map_err(lost)
    }

    /// A line on standard error, after what was printed before. Whether anybody reads it cannot be
    /// helped.
    pub(super) fn complain(&mut self, text: &str) {
        let _ = self.out.flush();
        let _ = writeln!(io::stderr(), "{}", visible(text));
    }
}

fn lost(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::NobodyReads,
        _ => error.into(),
    }
}

/// How many of `bytes` to show now: all, but for a character at the end that may still be completed.
fn whole_characters(bytes: &[u8]) -> usize {
    let start = bytes.len().saturating_sub(3);
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        let length = match byte {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        if at + length > bytes.len() {
            return at;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_character_waits_for_its_rest() {
        assert_eq!(whole_characters("aä".as_bytes()), 3);
        assert_eq!(whole_characters(b"a\xc3"), 1);
        assert_eq!(whole_characters(b"a\xf0\x9f\x98"), 1);
        assert_eq!(whole_characters("€".as_bytes()), 3);
        assert_eq!(whole_characters(b"\xff\x80"), 2);
        assert_eq!(whole_characters(b""), 0);
    }

    #[test]
    fn a_terminal_sees_no_control_characters_and_a_pipe_sees_all() {
        use std::sync::{Arc, Mutex};
        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for (person_reads, shown) in [
            (true, "\\x1b[2J€\n".as_bytes()),
            (false, b"\x1b[2J\xe2\x82\xac\n"),
        ] {
            let kept = Kept::default();
            let mut screen = Screen {
                out: Box::new(kept.clone()),
                person_reads,
                torn: Vec::new(),
            };
            screen.log(b"\x1b[2J\xe2\x82").unwrap();
            screen.log(b"\xac\n").unwrap();
            assert_eq!(*kept.0.lock().unwrap(), shown);
        }
    }
}
