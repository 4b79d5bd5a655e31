//! `halt`, `poweroff`, `reboot`, `shutdown`, `telinit` and `init`: the names by which programs and
//! people end a machine, and its runlevels. Each command line is one of runnerctl's in other words.
//!
//! What of them concerns logins, messages to terminals and the records of boots is accepted and has
//! nothing to be done for, as in any container.

/// One of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Halt,
    PowerOff,
    Reboot,
    Shutdown,
    Telinit,
}

/// What a command line comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The words for runnerctl, without its name.
    Words(Vec<String>),
    /// This text, and nothing is done.
    Text(&'static str),
    /// Nothing is done.
    Nothing,
}

/// The exit status that says that everything is to start anew.
const ANEW: &str = "133";
const OFF: &str = "0";

/// The unit that waits for its time to end everything.
const SCHEDULED: &str = "scheduled-shutdown";

const HELP_OF_END: &str = "\
Usage: halt, poweroff or reboot [OPTION]...

Stops all units in order and ends runnerd, and with it the container or the machine.

      --halt         end it, whatever this is called
  -p, --poweroff     the same
      --reboot       start it anew: exit status 133 in a container
  -f, --force        nobody gets more than a moment to stop
  -w, --wtmp-only    do nothing: there is no record of boots
  -d, --no-wtmp, -n, --no-sync, --no-wall
                     as always
      --help         print this
";

const HELP_OF_SHUTDOWN: &str = "\
Usage: shutdown [OPTION]... [TIME] [MESSAGE]...

Stops all units in order and ends runnerd, and with it the container or the machine.
TIME is now, +MINUTES or HH:MM; without it, in a minute. Nobody is sent the message.

  -H, --halt, -P, --poweroff, -h
                     end it (the default)
  -r, --reboot       start it anew: exit status 133 in a container
  -c                 take back what was asked for a later time
  -k                 do nothing: there is nobody to be warned
      --show         show what was asked for a later time
      --no-wall      as always
      --help         print this
";

const HELP_OF_TELINIT: &str = "\
Usage: telinit COMMAND

  0         end everything
  6         end everything, to start it anew: exit status 133 in a container
  2 to 5    start multi-user.target, and stop what it does not need
  1, s, S   start rescue.target, and stop what it does not need
  q, Q      read all unit files again
  u, U      replace the running runnerd by its present program file
";

impl Name {
    /// Reads a command line after the name. `own` is the path of this program.
    ///
    /// # Errors
    /// A sentence with the word that cannot be used.
    pub(crate) fn read(self, words: &[String], own: &str) -> Result<Meaning, String> {
        match self {
            Name::Halt | Name::PowerOff => end(OFF, words),
            Name::Reboot => end(ANEW, words),
            Name::Shutdown => shutdown(words, own),
            Name::Telinit => telinit(words),
        }
    }
}

fn says(words: &[&str]) -> Meaning {
    Meaning::Words(words.iter().map(|word| (*word).to_owned()).collect())
}

/// The words with `-pf` as `-p`, `-f`.
fn apart(words: &[String]) -> impl Iterator<Item = String> + '_ {
    words.iter().flat_map(|word| match word.strip_prefix('-') {
        Some(letters) if !letters.is_empty() && !letters.starts_with('-') => {
            letters.chars().map(|letter| format!("-{letter}")).collect()
        }
        _ => vec![word.clone()],
    })
}

fn end(status: &'static str, words: &[String]) -> Result<Meaning, String> {
    let (mut status, mut force, mut only_noted) = (status, false, false);
    for word in apart(words) {
        match word.as_str() {
            "--help" => return Ok(Meaning::Text(HELP_OF_END)),
            "--halt" | "-p" | "--poweroff" => status = OFF,
            "--reboot" => status = ANEW,
            "-f" | "--force" => force = true,
            "-w" | "--wtmp-only" => only_noted = true,
            "-d" | "--no-wtmp" | "-n" | "--no-sync" | "--no-wall" => {}
            other if other.starts_with('-') => {
                return Err(format!("there is no option {other}; --help lists them"));
            }
            other => {
                return Err(format!(
                    "nobody could be told {other}: no argument is needed"
                ));
            }
        }
    }
    Ok(match only_noted {
        true => Meaning::Nothing,
        false if force => says(&["exit", "--force", status]),
        false => says(&["exit", status]),
    })
}

fn shutdown(words: &[String], own: &str) -> Result<Meaning, String> {
    let (mut status, mut cancel, mut show, mut only_warns) = (OFF, false, false, false);
    let mut time = None;
    for word in apart(words) {
        match word.as_str() {
            "--help" => return Ok(Meaning::Text(HELP_OF_SHUTDOWN)),
            "-H" | "--halt" | "-P" | "--poweroff" | "-h" => status = OFF,
            "-r" | "--reboot" => status = ANEW,
            "-c" => cancel = true,
            "-k" => only_warns = true,
            "--show" => show = true,
            "--no-wall" => {}
            other if other.starts_with('-') => {
                return Err(format!("there is no option {other}; --help lists them"));
            }
            // What follows the time is for people.
            other => time = time.or_else(|| Some(other.to_owned())),
        }
    }
    let timer = format!("{SCHEDULED}.timer");
    Ok(match when(time.as_deref().unwrap_or("+1"))? {
        _ if show => says(&["list-timers", &timer]),
        _ if cancel => says(&["stop", &timer]),
        _ if only_warns => Meaning::Nothing,
        None => says(&["exit", status]),
        Some(moment) => {
            let unit = format!("--unit={SCHEDULED}");
            let place = "--setenv=RUNNER_RUNTIME_DIR";
            says(&[
                "run",
                &unit,
                "--collect",
                place,
                &moment,
                "--",
                own,
                "exit",
                status,
            ])
        }
    })
}

/// The option of `run` for a time; `None` is now.
fn when(time: &str) -> Result<Option<String>, String> {
    let wrong = || format!("{time} is no time: write now, +MINUTES or HH:MM");
    if time == "now" {
        return Ok(None);
    }
    if let Some(minutes) = time.strip_prefix('+') {
        let minutes: u32 = minutes.parse().map_err(|_| wrong())?;
        return Ok((minutes > 0).then(|| format!("--on-active={minutes}min")));
    }
    let (hour, minute) = time.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u8>().ok().filter(|_| text.len() <= 2);
    match (number(hour), number(minute)) {
        (Some(0..24), Some(0..60)) => Ok(Some(format!("--on-calendar={hour}:{minute}"))),
        _ => Err(wrong()),
    }
}

fn telinit(words: &[String]) -> Result<Meaning, String> {
    let [level] = words else {
        return match words.first().map(String::as_str) {
            Some("--help") => Ok(Meaning::Text(HELP_OF_TELINIT)),
            _ => Err("one runlevel is needed; --help lists them".to_owned()),
        };
    };
    Ok(match level.as_str() {
        "--help" => Meaning::Text(HELP_OF_TELINIT),
        "0" => says(&["exit", OFF]),
        "6" => says(&["exit", ANEW]),
        "1" | "s" | "S" => says(&["isolate", "rescue.target"]),
        "2" | "3" | "4" | "5" => says(&["isolate", "multi-user.target"]),
        "q" | "Q" => says(&["daemon-reload"]),
        "u" | "U" => says(&["daemon-reexec"]),
        other => return Err(format!("{other} is no runlevel; --help lists them")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: Name, line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match name.read(&words, "/bin/runnerctl") {
            Ok(Meaning::Words(words)) => words.join(" "),
            Ok(Meaning::Text(_)) => "help".to_owned(),
            Ok(Meaning::Nothing) => "nothing".to_owned(),
            Err(sentence) => format!("error: {sentence}"),
        }
    }

    #[test]
    fn ends_in_other_words() {
        for (name, line, expected) in [
            (Name::Halt, "", "exit 0"),
            (Name::PowerOff, "--no-wall", "exit 0"),
            (Name::Reboot, "", "exit 133"),
            (Name::Halt, "--reboot", "exit 133"),
            (Name::Reboot, "-pf", "exit --force 0"),
            (Name::Reboot, "-w", "nothing"),
            (Name::PowerOff, "--help", "help"),
            (Name::Shutdown, "-h now", "exit 0"),
            (Name::Shutdown, "-rP +0", "exit 0"),
            (Name::Shutdown, "-r now going down", "exit 133"),
            (Name::Shutdown, "-k", "nothing"),
            (Name::Shutdown, "-c", "stop scheduled-shutdown.timer"),
            (
                Name::Shutdown,
                "-r",
                "run --unit=scheduled-shutdown --collect --setenv=RUNNER_RUNTIME_DIR --on-active=1min -- /bin/runnerctl exit 133",
            ),
            (
                Name::Shutdown,
                "23:05 see you",
                "run --unit=scheduled-shutdown --collect --setenv=RUNNER_RUNTIME_DIR --on-calendar=23:05 -- /bin/runnerctl exit 0",
            ),
            (Name::Telinit, "6", "exit 133"),
            (Name::Telinit, "S", "isolate rescue.target"),
            (Name::Telinit, "3", "isolate multi-user.target"),
            (Name::Telinit, "q", "daemon-reload"),
        ] {
            assert_eq!(read(name, line), expected, "{name:?} {line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (name, line, part) in [
            (Name::Reboot, "--now", "--now"),
            (Name::Reboot, "recovery", "recovery"),
            (Name::Shutdown, "soon", "soon is no time"),
            (Name::Shutdown, "24:00", "24:00 is no time"),
            (Name::Shutdown, "+x", "+x is no time"),
            (Name::Telinit, "9", "9 is no runlevel"),
            (Name::Telinit, "", "one runlevel"),
        ] {
            let said = read(name, line);
            assert!(said.starts_with("error: ") && said.contains(part), "{said}");
        }
    }
}
