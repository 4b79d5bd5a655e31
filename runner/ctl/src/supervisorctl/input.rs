//! Standard input, line by line, where no line editor reads it.

use std::io;
use std::os::fd::AsFd;

use rustix::event::PollFlags;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::failure::{Failure, Outcome};
use super::interrupt::Interrupt;
use super::screen::Screen;

/// A line that gets longer than this is taken as it is.
const LONGEST: usize = 1024 * 1024;

/// Standard input and what has been read of it.
#[derive(Debug, Default)]
pub(super) struct Input {
    read: Vec<u8>,
    ended: bool,
}

impl Input {
    /// A line that has been read already, or the rest of the last one.
    pub(super) fn line_at_hand(&mut self) -> Option<String> {
        let end = self.read.iter().position(|byte| *byte == b'\n');
        let line: Vec<u8> = match end {
            Some(end) => self.read.drain(..=end).collect(),
            None if self.read.is_empty() => return None,
            None if self.ended || self.read.len() >= LONGEST => std::mem::take(&mut self.read),
            None => return None,
        };
        let line = String::from_utf8_lossy(&line);
        Some(line.trim_end_matches(['\n', '\r']).to_owned())
    }

    /// Whether all has been read; a terminal can go on after that.
    pub(super) fn has_ended(&mut self) -> bool {
        std::mem::take(&mut self.ended)
    }

    /// Reads what is there. It must be known that something is.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn take_in(&mut self) -> Outcome<()> {
        let mut chunk = [0; 4096];
        match rustix::io::read(io::stdin(), &mut chunk) {
            Ok(0) => self.ended = true,
            Ok(length) => self
                .read
                .extend_from_slice(chunk.get(..length).unwrap_or_default()),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            // A terminal that has hung up.
            Err(rustix::io::Errno::IO) => self.ended = true,
            Err(error) => return Err(io::Error::from(error).into()),
        }
        Ok(())
    }

    /// The next line without its end; `None` at the end of the input.
    ///
    /// # Errors
    /// When the input cannot be read, or ctrl-C came first.
    pub(super) fn line(&mut self, interrupt: &Interrupt) -> Outcome<Option<String>> {
        loop {
            if let Some(line) = self.line_at_hand() {
                return Ok(Some(line));
            }
            if self.has_ended() {
                return Ok(None);
            }
            interrupt.wait_for(io::stdin().as_fd(), PollFlags::IN)?;
            self.take_in()?;
        }
    }

    /// The answer to a question.
    ///
    /// # Errors
    /// As [`line`](Input::line), and at the end of the input.
    pub(super) fn answer(
        &mut self,
        question: &str,
        screen: &mut Screen,
        interrupt: &Interrupt,
    ) -> Outcome<String> {
        screen.prompt(question)?;
        self.line(interrupt)?
            .ok_or_else(|| Failure::raised("EOFError", "EOF when reading a line"))
    }

    /// The answer to a question, not to be seen: from the terminal wherever the input comes from,
    /// else from the input.
    ///
    /// # Errors
    /// As [`answer`](Input::answer).
    pub(super) fn secret(
        &mut self,
        question: &str,
        screen: &mut Screen,
        interrupt: &Interrupt,
    ) -> Outcome<String> {
        screen.flush()?;
        match Hidden::open() {
            Ok(terminal) => terminal.ask(question, interrupt),
            Err(_) => {
                screen.complain("Warning: Password input may be echoed.");
                eprint!("{question}");
                self.line(interrupt)?
                    .ok_or_else(|| Failure::raised("EOFError", "EOF when reading a line"))
            }
        }
    }
}

/// The process' terminal, showing nothing of what is typed. Dropped, it shows it again.
struct Hidden {
    terminal: std::fs::File,
    before: rustix::termios::Termios,
}

impl Hidden {
    fn open() -> io::Result<Hidden> {
        let terminal = std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Hidden { terminal, before })
    }

    fn ask(self, question: &str, interrupt: &Interrupt) -> Outcome<String> {
        use std::io::{Read, Write};
        let mut terminal = &self.terminal;
        terminal.write_all(question.as_bytes())?;
        let mut typed = Vec::new();
        while !typed.ends_with(b"\n") && typed.len() < LONGEST {
            interrupt.wait_for(terminal.as_fd(), PollFlags::IN)?;
            let mut chunk = [0; 256];
            let length = terminal.read(&mut chunk)?;
            if length == 0 {
                break;
            }
            typed.extend_from_slice(chunk.get(..length).unwrap_or_default());
        }
        terminal.write_all(b"\n")?;
        let typed = String::from_utf8_lossy(&typed);
        Ok(typed.trim_end_matches(['\n', '\r']).to_owned())
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_the_rest_of_the_last() {
        let mut input = Input {
            read: b"one\r\n\ntw".to_vec(),
            ended: false,
        };
        assert_eq!(input.line_at_hand().as_deref(), Some("one"));
        assert_eq!(input.line_at_hand().as_deref(), Some(""));
        assert_eq!(input.line_at_hand(), None);
        input.ended = true;
        assert_eq!(input.line_at_hand().as_deref(), Some("tw"));
        assert_eq!(input.line_at_hand(), None);
        assert!(input.has_ended());
    }
}
