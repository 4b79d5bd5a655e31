//! How a process ended, in the words of `systemctl status`.

use units::value::Signal;

/// What wait(2) tells of an ended process (`ExecMainCode`, siginfo's `si_code`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It exited by itself.
    Exited(i32),
    /// A signal ended it.
    Killed(i32),
    /// A signal ended it, and it left a core file.
    Dumped(i32),
}

/// The exit statuses of a process that never became the program, with the step that failed
/// (systemd.exec(5), "Process exit codes").
const STEPS: [(i32, &str); 41] = [
    (200, "CHDIR"),
    (201, "NICE"),
    (202, "FDS"),
    (203, "EXEC"),
    (204, "MEMORY"),
    (205, "LIMITS"),
    (206, "OOM_ADJUST"),
    (207, "SIGNAL_MASK"),
    (208, "STDIN"),
    (209, "STDOUT"),
    (210, "CHROOT"),
    (211, "IOPRIO"),
    (212, "TIMERSLACK"),
    (213, "SECUREBITS"),
    (214, "SETSCHEDULER"),
    (215, "CPUAFFINITY"),
    (216, "GROUP"),
    (217, "USER"),
    (218, "CAPABILITIES"),
    (219, "CGROUP"),
    (220, "SETSID"),
    (221, "CONFIRM"),
    (222, "STDERR"),
    (224, "PAM"),
    (225, "NETWORK"),
    (226, "NAMESPACE"),
    (227, "NO_NEW_PRIVILEGES"),
    (228, "SECCOMP"),
    (229, "SELINUX_CONTEXT"),
    (230, "PERSONALITY"),
    (231, "APPARMOR"),
    (232, "ADDRESS_FAMILIES"),
    (233, "RUNTIME_DIRECTORY"),
    (235, "CHOWN"),
    (236, "SMACK_PROCESS_LABEL"),
    (237, "KEYRING"),
    (238, "STATE_DIRECTORY"),
    (239, "CACHE_DIRECTORY"),
    (240, "LOGS_DIRECTORY"),
    (241, "CONFIGURATION_DIRECTORY"),
    (243, "CREDENTIALS"),
];

/// The word for `si_code` of siginfo(5); `None` before the first end.
pub(crate) fn code_word(code: i64) -> Option<&'static str> {
    match code {
        1 => Some("exited"),
        2 => Some("killed"),
        3 => Some("dumped"),
        4 => Some("trapped"),
        5 => Some("stopped"),
        6 => Some("continued"),
        _ => None,
    }
}

impl Ending {
    /// From the properties `ExecMainCode` and `ExecMainStatus`; `None` before the first end.
    pub(crate) fn new(code: i32, status: i32) -> Option<Ending> {
        // CLD_EXITED, CLD_KILLED and CLD_DUMPED of siginfo(5).
        match code {
            1 => Some(Ending::Exited(status)),
            2 => Some(Ending::Killed(status)),
            3 => Some(Ending::Dumped(status)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Ending {
    /// `exited, status=203/EXEC` or `killed, signal=TERM`, as after `code=`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let signal = |number: i32| match Signal::from_number(number) {
            Some(signal) => signal.to_string().trim_start_matches("SIG").to_owned(),
            None => number.to_string(),
        };
        match *self {
            Ending::Exited(0) => f.write_str("exited, status=0/SUCCESS"),
            Ending::Exited(status) => {
                write!(f, "exited, status={status}")?;
                match STEPS.iter().find(|(number, _)| *number == status) {
                    Some((_, step)) => write!(f, "/{step}"),
                    None if status == 1 => f.write_str("/FAILURE"),
                    None => Ok(()),
                }
            }
            Ending::Killed(number) => write!(f, "killed, signal={}", signal(number)),
            Ending::Dumped(number) => write!(f, "dumped, signal={}", signal(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (code, status, text) in [
            (1, 0, "exited, status=0/SUCCESS"),
            (1, 203, "exited, status=203/EXEC"),
            (1, 42, "exited, status=42"),
            (2, 15, "killed, signal=TERM"),
            (3, 11, "dumped, signal=SEGV"),
        ] {
            assert_eq!(Ending::new(code, status).unwrap().to_string(), text);
        }
        assert_eq!(Ending::new(0, 0), None);
    }
}
