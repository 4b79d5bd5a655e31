//! Exit statuses, all of them: systemctl's where it has the verb. Help and man page print this table.

use std::process::ExitCode;

/// How runnerctl ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exit {
    /// Done.
    Done,
    /// It did not work.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// `status`, `is-active`: not active.
    NotActive,
    /// The job makes no sense for the unit.
    NotApplicable,
    /// `import`: an option was dropped, or is to be decided.
    Lost,
    /// `status`: no such unit.
    Unknown,
    /// The manager refused.
    Refused,
    /// A job for a unit that does not exist.
    NoSuchUnit,
    /// The unit's file has an error.
    NotLoaded,
    /// `wait`: the time is over.
    TimedOut,
    /// `run`: as the program ended.
    OfProgram(u8),
}

/// Every exit, in the order of its number, and what it tells a script.
pub const TABLE: &[(Exit, &str)] = &[
    (
        Exit::Done,
        "done; status, why, is-active: active; is-enabled: enabled; is-failed: failed; wait: reached",
    ),
    (
        Exit::Failed,
        "a job failed, a file has errors, no runnerd, is-enabled or is-ready: no, any other failure",
    ),
    (
        Exit::Usage,
        "the command line makes no sense; import: supervisord refuses the file",
    ),
    (
        Exit::NotActive,
        "status, why, is-active: the unit is not active",
    ),
    (
        Exit::NotApplicable,
        "the unit cannot do such a job, such as reload without exec-reload",
    ),
    (
        Exit::Lost,
        "import: an option was dropped, or is to be decided",
    ),
    (Exit::Unknown, "status, why: there is no such unit"),
    (
        Exit::Refused,
        "not permitted, or another job that may not be replaced is in the way",
    ),
    (
        Exit::NoSuchUnit,
        "start, stop and other jobs: there is no such unit",
    ),
    (Exit::NotLoaded, "the unit's file has an error"),
    (Exit::TimedOut, "wait, is-ready: the time is over"),
];

impl Exit {
    /// The number the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotActive | Exit::NotApplicable | Exit::Lost => 3,
            Exit::Unknown | Exit::Refused => 4,
            Exit::NoSuchUnit => 5,
            Exit::NotLoaded => 6,
            Exit::TimedOut => 124,
            Exit::OfProgram(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// The table as the last chapter of `--help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Exit status:\n");
    for (exit, meaning) in TABLE {
        text.push_str(&format!("  {:>3}  {meaning}\n", exit.code()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_order() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(
            TABLE
                .windows(2)
                .all(|pair| pair[0].0.code() <= pair[1].0.code())
        );
    }
}
