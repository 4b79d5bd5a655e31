//! `tail`, `maintail`: the ends of logs, or logs as they grow.

use std::rc::Rc;

use xmlrpc::Value;

use crate::supervisorctl::address::Address;
use crate::supervisorctl::controller::Controller;
use crate::supervisorctl::exit;
use crate::supervisorctl::failure::{Failure, Outcome, fault};
use crate::supervisorctl::interrupt::Interrupt;
use crate::supervisorctl::log_stream::{LogStream, Progress};
use crate::supervisorctl::python;
use crate::supervisorctl::supervisor::shown;

/// How much of a log is shown unless something else is asked for.
const BYTES: i64 = 1600;

/// The lines around a log that is followed.
pub(super) const BANNER: &str = "==> Press Ctrl-C to exit <==";

/// How much of a log is wanted.
#[derive(Debug, PartialEq, Eq)]
enum Extent {
    /// The last bytes.
    Last(i64),
    /// The end, and what comes.
    Follow,
}

/// What `-f` or `-100` asks for.
fn extent(word: &str) -> Option<Extent> {
    match word.strip_prefix('-')? {
        "f" => Some(Extent::Follow),
        number => python::int(number).map(Extent::Last),
    }
}

/// What `tail` was asked for, or what is wrong with it.
fn read<'a>(words: &[&'a str]) -> Result<(Extent, &'a str, String), (String, bool)> {
    let (modifier, rest) = match words {
        [] => return Err(("Error: too few arguments".to_owned(), true)),
        [_, _, _, _, ..] => return Err(("Error: too many arguments".to_owned(), true)),
        [modifier, rest @ ..] if modifier.starts_with('-') => (Some(*modifier), rest),
        rest => (None, rest),
    };
    let (name, channel) = match rest {
        [] => return Err(("Error: tail requires process name".to_owned(), false)),
        [name] => (*name, "stdout".to_owned()),
        [name, .., channel] => (*name, channel.to_lowercase()),
    };
    if !matches!(channel.as_str(), "stdout" | "stderr") {
        let channel = python::repr(&channel);
        return Err((format!("Error: bad channel {channel}"), false));
    }
    let extent = match modifier {
        None => Extent::Last(BYTES),
        Some(word) => extent(word).ok_or_else(|| (format!("Error: bad argument {word}"), false))?,
    };
    Ok((extent, name, channel))
}

/// `tail`
pub(super) fn tail(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !controller.is_up()? {
        return Ok(());
    }
    let words: Vec<&str> = argument.split_whitespace().collect();
    let (extent, name, channel) = match read(&words) {
        Ok(asked) => asked,
        Err((message, true)) => return controller.refuse(&message, "tail", exit::GENERIC),
        Err((message, false)) => {
            controller.exit = exit::GENERIC;
            return controller.say(&message);
        }
    };
    let Extent::Last(bytes) = extent else {
        return follow(controller, &format!("/logtail/{name}/{channel}"));
    };
    let method = match channel.as_str() {
        "stdout" => "readProcessStdoutLog",
        _ => "readProcessStderrLog",
    };
    let parameters = [Value::from(name), offset(bytes)?, Value::Int(0)];
    match controller.supervisor()?.call(method, &parameters) {
        Ok(log) => controller.say(&shown(&log)),
        Err(failure) => {
            let problem = match failure.fault_code() {
                Some(fault::NO_FILE) => "no log file",
                Some(fault::FAILED) => "unknown error reading log",
                Some(fault::BAD_NAME) => "no such process name",
                _ => return Err(failure),
            };
            controller.exit = exit::GENERIC;
            controller.say(&format!("{name}: ERROR ({problem})"))
        }
    }
}

/// `maintail`
pub(super) fn maintail(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !controller.is_up()? {
        return Ok(());
    }
    let words: Vec<&str> = argument.split_whitespace().collect();
    let asked = match words.as_slice() {
        [] => Some(Extent::Last(BYTES)),
        [word] => extent(word),
        _ => {
            let message = "Error: too many arguments";
            return controller.refuse(message, "maintail", exit::GENERIC);
        }
    };
    let bytes = match asked {
        Some(Extent::Follow) => return follow(controller, "/mainlogtail"),
        Some(Extent::Last(bytes)) => bytes,
        None => {
            controller.exit = exit::GENERIC;
            return controller.say(&format!("Error: bad argument {}", words.join(" ")));
        }
    };
    let parameters = [offset(bytes)?, Value::Int(0)];
    match controller.supervisor()?.call("readLog", &parameters) {
        Ok(log) => controller.say(&shown(&log)),
        Err(failure) => {
            let problem = match failure.fault_code() {
                Some(fault::NO_FILE) => "no log file",
                Some(fault::FAILED) => "unknown error reading log",
                _ => return Err(failure),
            };
            controller.exit = exit::GENERIC;
            controller.say(&format!("supervisord: ERROR ({problem})"))
        }
    }
}

/// The number that asks for the last `bytes`, if the protocol has it.
fn offset(bytes: i64) -> Outcome<Value> {
    i32::try_from(-bytes)
        .map(|offset| Value::Int(offset.into()))
        .map_err(|_| Failure::raised("OverflowError", "int exceeds XML-RPC limits"))
}

/// Shows a log until ctrl-C, or until the daemon ends it.
fn follow(controller: &mut Controller, path: &str) -> Outcome<()> {
    controller.say(BANNER)?;
    controller.screen.flush()?;
    let interrupt = controller.noticing_interrupts()?;
    match stream(controller, path, &interrupt) {
        Err(Failure::Interrupted) => controller.say(""),
        outcome => outcome,
    }
}

fn stream(controller: &mut Controller, path: &str, interrupt: &Rc<Interrupt>) -> Outcome<()> {
    let address = Address::of_url(controller.url())?;
    let mut stream = LogStream::open(&address, path, controller.credentials(), interrupt)?;
    loop {
        let (socket, flags) = stream.readable();
        interrupt.wait_for(socket, flags)?;
        match stream.advance(&mut |bytes| controller.screen.log(bytes))? {
            Progress::Open => {}
            Progress::Ended => return Ok(()),
            Progress::Refused(why) => {
                let url = controller.url().to_owned();
                controller.screen.complain(&format!("{url}{path} {why}"));
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for() {
        let stdout = || "stdout".to_owned();
        for (words, asked) in [
            (&["cat"][..], (Extent::Last(1600), "cat", stdout())),
            (&["-f", "cat"], (Extent::Follow, "cat", stdout())),
            (
                &["-100", "cat", "STDERR"],
                (Extent::Last(100), "cat", "stderr".to_owned()),
            ),
            (
                &["cat", "x", "stdout"],
                (Extent::Last(1600), "cat", stdout()),
            ),
            (&["--5", "cat"], (Extent::Last(-5), "cat", stdout())),
        ] {
            assert_eq!(read(words).unwrap(), asked, "{words:?}");
        }
        for (words, message) in [
            (&[][..], "Error: too few arguments"),
            (&["a", "b", "c", "d"], "Error: too many arguments"),
            (&["-f"], "Error: tail requires process name"),
            (&["cat", "Log"], "Error: bad channel 'log'"),
            (&["-x", "cat"], "Error: bad argument -x"),
            (&["-", "cat"], "Error: bad argument -"),
        ] {
            assert_eq!(read(words).unwrap_err().0, message);
        }
    }

    #[test]
    fn a_number_too_large_for_the_protocol() {
        assert_eq!(offset(1600).unwrap(), Value::Int(-1600));
        let said = offset(99_999_999_999).unwrap_err().to_string();
        assert!(said.ends_with("int exceeds XML-RPC limits"));
    }
}
