//! One command after another: which verb a line means, what its failure looks like, and the exit
//! status they leave.

use std::io;
use std::rc::Rc;

use super::address::Address;
use super::exit;
use super::failure::{Failure, Outcome, fault};
use super::http::{Credentials, Requests};
use super::input::Input;
use super::interrupt::Interrupt;
use super::options::Options;
use super::screen::Screen;
use super::supervisor::{Supervisor, shown};
use super::verb;

/// The version of supervisor's methods this client speaks.
const API_VERSION: &str = "3.0";

/// The client between two commands.
pub(super) struct Controller {
    options: Options,
    /// Where output goes.
    pub(super) screen: Screen,
    /// Where answers come from.
    pub(super) input: Input,
    /// The exit status so far: the last one that was set.
    pub(super) exit: u8,
    /// Whether there is to be no further command.
    pub(super) over: bool,
    interrupt: Rc<Interrupt>,
}

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// Nothing.
    Empty,
    /// Something that begins with no word.
    Nonsense(&'a str),
    /// A word, and what stands behind it.
    Command(&'a str, &'a str),
}

impl<'a> Line<'a> {
    /// A word of letters, digits and `_`; blanks need not follow it. `?` is short for `help`.
    fn read(line: &'a str) -> Line<'a> {
        let line = line.trim();
        if line.is_empty() {
            return Line::Empty;
        }
        if let Some(argument) = line.strip_prefix('?') {
            return Line::Command("help", argument.trim());
        }
        let end = line
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(line.len());
        match line.split_at(end) {
            ("", _) => Line::Nonsense(line),
            (word, argument) => Line::Command(word, argument.trim()),
        }
    }
}

impl Controller {
    /// One that has done nothing yet.
    pub(super) fn new(options: Options) -> Controller {
        Controller {
            options,
            screen: Screen::new(),
            input: Input::default(),
            exit: 0,
            over: false,
            interrupt: Rc::default(),
        }
    }

    /// What the command line and the configuration said.
    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// The daemon's URL, as it was given.
    pub(super) fn url(&self) -> &str {
        &self.options.url
    }

    /// How we prove who we are.
    pub(super) fn credentials(&self) -> &Credentials {
        &self.options.credentials
    }

    /// Whether ctrl-C is noticed between commands, and how.
    pub(super) fn interrupt(&self) -> &Rc<Interrupt> {
        &self.interrupt
    }

    /// Speaks to another daemon from now on.
    pub(super) fn connect_to(&mut self, url: &str) {
        url.clone_into(&mut self.options.url);
    }

    /// From now on ctrl-C ends a command, not the program.
    ///
    /// # Errors
    /// When the kernel has no descriptor left.
    pub(super) fn notice_interrupts(&mut self) -> Outcome<()> {
        self.interrupt = self.noticing_interrupts()?;
        Ok(())
    }

    /// Something that notices ctrl-C, for one command.
    ///
    /// # Errors
    /// As [`notice_interrupts`](Controller::notice_interrupts).
    pub(super) fn noticing_interrupts(&self) -> Outcome<Rc<Interrupt>> {
        if self.interrupt.watches() {
            return Ok(Rc::clone(&self.interrupt));
        }
        Ok(Rc::new(Interrupt::watch()?))
    }

    /// A line of output.
    ///
    /// # Errors
    /// When nobody reads it.
    pub(super) fn say(&mut self, text: &str) -> Outcome<()> {
        self.screen.line(text)
    }

    /// A complaint about the arguments of a verb, and its help.
    ///
    /// # Errors
    /// As [`say`](Controller::say).
    pub(super) fn refuse(&mut self, message: &str, verb: &str, exit: u8) -> Outcome<()> {
        self.exit = exit;
        self.say(message)?;
        verb::help(self, verb)
    }

    /// A question before something that cannot be taken back; only a person is asked.
    ///
    /// # Errors
    /// When there is no answer.
    pub(super) fn confirm(&mut self, question: &str) -> Outcome<bool> {
        if !self.options.interactive {
            return Ok(true);
        }
        let answer = self
            .input
            .answer(question, &mut self.screen, &self.interrupt)?;
        Ok(answer.to_lowercase().starts_with('y'))
    }

    /// The daemon, on a new connection.
    ///
    /// # Errors
    /// When its URL is none.
    pub(super) fn supervisor(&self) -> Outcome<Supervisor> {
        let address = Address::of_url(&self.options.url)?;
        let credentials = self.options.credentials.clone();
        let requests = Requests::new(address, credentials, Rc::clone(&self.interrupt));
        Ok(Supervisor::new(requests))
    }

    /// Whether a daemon answers that speaks our version; says so where not.
    ///
    /// # Errors
    /// What is wrong with it otherwise.
    pub(super) fn is_up(&mut self) -> Outcome<bool> {
        let failure = match self.supervisor()?.call("getVersion", &[]) {
            Ok(version) if version.as_str() == Some(API_VERSION) => return Ok(true),
            Ok(version) => {
                self.exit = exit::NOT_INSTALLED;
                self.say(&format!(
                    "Sorry, this version of supervisorctl expects to talk to a server with API \
                     version {API_VERSION}, but the remote version is {}.",
                    shown(&version)
                ))?;
                return Ok(false);
            }
            Err(failure) => failure,
        };
        let (exit, message) = match &failure {
            Failure::Fault { code, .. } if *code == fault::UNKNOWN_METHOD => (
                exit::UNIMPLEMENTED,
                "Sorry, supervisord responded but did not recognize the supervisor namespace \
                 commands that supervisorctl uses to control it.  Please check that the \
                 [rpcinterface:supervisor] section is enabled in the configuration file (see \
                 sample.conf)."
                    .to_owned(),
            ),
            Failure::Socket(error) if error.kind() == io::ErrorKind::ConnectionRefused => (
                exit::INSUFFICIENT_PRIVILEGES,
                format!("{} refused connection", self.options.url),
            ),
            Failure::Socket(error) if error.kind() == io::ErrorKind::NotFound => (
                exit::NOT_RUNNING,
                format!("{} no such file", self.options.url),
            ),
            _ => return Err(failure),
        };
        self.exit = exit;
        self.say(&message)?;
        Ok(false)
    }

    /// What the result of one call does to the exit status.
    pub(super) fn note_fault(&mut self, code: i64, harmless: Option<i64>) {
        match code {
            code if Some(code) == harmless || code == fault::SUCCESS => {}
            fault::SPAWN_ERROR | fault::ABNORMAL_TERMINATION | fault::NOT_RUNNING => {
                self.exit = exit::NOT_RUNNING;
            }
            _ => self.exit = exit::GENERIC,
        }
    }

    /// Does what a line says. A command that fails is a line of output.
    ///
    /// # Errors
    /// Ctrl-C, and a reader that has gone.
    pub(super) fn command(&mut self, line: &str) -> Outcome<()> {
        let (word, argument) = match Line::read(line) {
            Line::Empty => return Ok(()),
            Line::Nonsense(line) => return self.unknown(line),
            Line::Command(word, argument) => (word, argument),
        };
        let perform = match word {
            "help" => verb::help,
            "EOF" => verb::END_OF_INPUT,
            word => match verb::find(word) {
                Some(verb) => verb.perform,
                None => return self.unknown(line.trim()),
            },
        };
        match self.with_credentials(perform, argument) {
            Ok(()) => Ok(()),
            Err(failure @ (Failure::Interrupted | Failure::NobodyReads)) => Err(failure),
            Err(failure) => {
                self.exit = exit::GENERIC;
                // Where the original names the line of its source, which we do not have.
                self.say(&format!("error: {failure}: file: supervisorctl line: 0"))
            }
        }
    }

    /// Does it; where the daemon wants to know who we are, asks a person and does it again.
    fn with_credentials(
        &mut self,
        perform: fn(&mut Controller, &str) -> Outcome<()>,
        argument: &str,
    ) -> Outcome<()> {
        loop {
            match perform(self, argument) {
                Err(Failure::Status { status: 401, .. }) => {}
                outcome => return outcome,
            }
            self.say("Server requires authentication")?;
            if !self.options.interactive {
                // Without anybody to ask, the second answer is what is shown.
                self.exit = exit::GENERIC;
                return perform(self, argument);
            }
            let (screen, interrupt) = (&mut self.screen, &self.interrupt);
            let username = self.input.answer("Username:", screen, interrupt)?;
            let password = self.input.secret("Password:", screen, interrupt)?;
            self.say("")?;
            self.options.credentials = Credentials {
                username: Some(username),
                password: Some(password),
            };
        }
    }

    fn unknown(&mut self, line: &str) -> Outcome<()> {
        self.exit = exit::GENERIC;
        self.say(&format!("*** Unknown syntax: {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_they_are_typed() {
        for (line, read) in [
            ("", Line::Empty),
            (" \t", Line::Empty),
            ("status", Line::Command("status", "")),
            ("  start  a b ", Line::Command("start", "a b")),
            ("start-all", Line::Command("start", "-all")),
            ("?tail", Line::Command("help", "tail")),
            ("?", Line::Command("help", "")),
            ("!ls", Line::Nonsense("!ls")),
            ("täg", Line::Command("t", "äg")),
            ("-f", Line::Nonsense("-f")),
        ] {
            assert_eq!(Line::read(line), read, "{line:?}");
        }
    }
}
