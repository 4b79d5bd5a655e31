//! `fg`: a process as if it had been started here. What is typed goes to it, what it writes is shown.

use std::os::fd::AsFd;
use std::rc::Rc;

use rustix::event::PollFlags;
use xmlrpc::Value;

use super::tail::BANNER;
use crate::supervisorctl::address::Address;
use crate::supervisorctl::controller::Controller;
use crate::supervisorctl::exit;
use crate::supervisorctl::failure::{Failure, Outcome, fault};
use crate::supervisorctl::interrupt::Interrupt;
use crate::supervisorctl::log_stream::{LogStream, Progress};
use crate::supervisorctl::python;
use crate::supervisorctl::supervisor::{Supervisor, int};

/// The state of a process that runs.
const RUNNING: i64 = 20;

/// `fg`
pub(super) fn fg(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !controller.is_up()? {
        return Ok(());
    }
    let names: Vec<&str> = argument.split_whitespace().collect();
    let name = match names.as_slice() {
        [name] => *name,
        [] => {
            let message = "ERROR: no process name supplied";
            return controller.refuse(message, "fg", exit::GENERIC);
        }
        _ => {
            controller.exit = exit::GENERIC;
            return controller.say("ERROR: too many process names supplied");
        }
    };
    let mut supervisor = controller.supervisor()?;
    let runs = match runs(&mut supervisor, name) {
        Ok(runs) => runs,
        Err(Failure::Fault { code, .. }) if code == fault::BAD_NAME => {
            controller.exit = exit::GENERIC;
            return controller.say("ERROR: bad process name supplied");
        }
        Err(Failure::Fault { code, text }) => return controller.say(&error_line(code, &text)),
        Err(failure) => return Err(failure),
    };
    if !runs {
        controller.exit = exit::GENERIC;
        return controller.say("ERROR: process not running");
    }
    controller.say(BANNER)?;
    controller.screen.flush()?;
    let interrupt = controller.noticing_interrupts()?;
    let outcome = Foreground::open(controller, name, supervisor, Rc::clone(&interrupt))
        .and_then(|mut foreground| foreground.talk(controller));
    match outcome {
        Ok(()) | Err(Failure::Interrupted) => controller.say("Exiting foreground"),
        Err(failure) => Err(failure),
    }
}

fn runs(supervisor: &mut Supervisor, name: &str) -> Outcome<bool> {
    let process = supervisor.call("getProcessInfo", &[Value::from(name)])?;
    Ok(int(&process, "state")? == RUNNING)
}

fn error_line(code: i64, text: &str) -> String {
    format!("ERROR: <Fault {code}: {}>", python::repr(text))
}

/// A process in the foreground.
struct Foreground<'a> {
    name: &'a str,
    supervisor: Supervisor,
    interrupt: Rc<Interrupt>,
    /// Its outputs that are still open, and their paths.
    outputs: Vec<(String, LogStream)>,
}

impl<'a> Foreground<'a> {
    fn open(
        controller: &Controller,
        name: &'a str,
        supervisor: Supervisor,
        interrupt: Rc<Interrupt>,
    ) -> Outcome<Foreground<'a>> {
        let address = Address::of_url(controller.url())?;
        let mut outputs = Vec::new();
        for channel in ["stdout", "stderr"] {
            let path = format!("/logtail/{name}/{channel}");
            let stream = LogStream::open(&address, &path, controller.credentials(), &interrupt)?;
            outputs.push((path, stream));
        }
        Ok(Foreground {
            name,
            supervisor,
            interrupt,
            outputs,
        })
    }

    /// Until the input ends, or the process does.
    fn talk(&mut self, controller: &mut Controller) -> Outcome<()> {
        loop {
            if let Some(line) = controller.input.line_at_hand() {
                if !self.hand_over(controller, line)? {
                    return Ok(());
                }
                continue;
            }
            if controller.input.has_ended() {
                return Ok(());
            }
            let stdin = std::io::stdin();
            let mut waiting = vec![(stdin.as_fd(), PollFlags::IN)];
            waiting.extend(self.outputs.iter().map(|(_, stream)| stream.readable()));
            let ready = self.interrupt.wait(&waiting)?;
            for at in (0..self.outputs.len()).rev() {
                if ready.get(at + 1) == Some(&true) {
                    self.show(controller, at)?;
                }
            }
            if ready.first() == Some(&true) {
                controller.input.take_in()?;
            }
        }
    }

    /// Shows what one output has.
    fn show(&mut self, controller: &mut Controller, at: usize) -> Outcome<()> {
        let Some((path, stream)) = self.outputs.get_mut(at) else {
            return Ok(());
        };
        match stream.advance(&mut |bytes| controller.screen.log(bytes))? {
            Progress::Open => return Ok(()),
            Progress::Ended => {}
            Progress::Refused(why) => {
                let url = controller.url().to_owned();
                controller.screen.complain(&format!("{url}{path} {why}"));
            }
        }
        self.outputs.remove(at);
        Ok(())
    }

    /// Gives a line to the process; false when it has ended.
    fn hand_over(&mut self, controller: &mut Controller, line: String) -> Outcome<bool> {
        let parameters = [Value::from(self.name), Value::from(line + "\n")];
        match self.supervisor.call("sendProcessStdin", &parameters) {
            Ok(_) if runs(&mut self.supervisor, self.name)? => return Ok(true),
            Ok(_) => controller.say("Process got killed")?,
            Err(Failure::Fault { code, .. }) if code == fault::NOT_RUNNING => {
                controller.say("Process got killed")?;
            }
            Err(Failure::Fault { code, text }) => controller.say(&error_line(code, &text))?,
            Err(failure) => return Err(failure),
        }
        Ok(false)
    }
}
