//! The words front ends use for the engine's closed enums: systemd's, each way.

use engine::command::{Verb, Whom};
use engine::job::{JobKind, JobMode, JobResult};
use engine::view::systemd::{ActiveState, SubState, SystemState, UnitResult, UnitView};

use crate::dependency::Direction;
use crate::request::OwnLogTarget;

/// A value that has a word.
pub trait Word: Copy + 'static {
    /// Every value with its word.
    fn words() -> impl Iterator<Item = (&'static str, Self)>;

    /// The word for this value.
    fn word(self) -> &'static str;

    /// The value of a word.
    #[must_use]
    fn of_word(word: &str) -> Option<Self> {
        Self::words()
            .find(|(known, _)| *known == word)
            .map(|(_, value)| value)
    }
}

macro_rules! words {
    ($($kind:ident { $($variant:ident = $word:literal,)+ })+) => { $(
        impl Word for $kind {
            fn words() -> impl Iterator<Item = (&'static str, Self)> {
                [$(($word, $kind::$variant)),+].into_iter()
            }

            fn word(self) -> &'static str {
                match self { $($kind::$variant => $word),+ }
            }
        }
    )+ };
}

words! {
    OwnLogTarget {
        AsStarted = "auto",
        Console = "console",
        Journal = "journal",
    }
    ActiveState {
        Active = "active",
        Reloading = "reloading",
        Inactive = "inactive",
        Failed = "failed",
        Activating = "activating",
        Deactivating = "deactivating",
    }
    SubState {
        Dead = "dead",
        DeadResourcesPinned = "dead-resources-pinned",
        Condition = "condition",
        StartPre = "start-pre",
        Start = "start",
        StartChown = "start-chown",
        StartPost = "start-post",
        Running = "running",
        Exited = "exited",
        Reload = "reload",
        ReloadSignal = "reload-signal",
        ReloadNotify = "reload-notify",
        Stop = "stop",
        StopWatchdog = "stop-watchdog",
        StopSigterm = "stop-sigterm",
        StopSigkill = "stop-sigkill",
        StopPre = "stop-pre",
        StopPreSigterm = "stop-pre-sigterm",
        StopPreSigkill = "stop-pre-sigkill",
        StopPost = "stop-post",
        FinalWatchdog = "final-watchdog",
        FinalSigterm = "final-sigterm",
        FinalSigkill = "final-sigkill",
        Failed = "failed",
        AutoRestart = "auto-restart",
        Listening = "listening",
        Waiting = "waiting",
        Elapsed = "elapsed",
        Abandoned = "abandoned",
        Active = "active",
    }
    UnitResult {
        Success = "success",
        Resources = "resources",
        Protocol = "protocol",
        Timeout = "timeout",
        ExitCode = "exit-code",
        Signal = "signal",
        CoreDump = "core-dump",
        Watchdog = "watchdog",
        OomKill = "oom-kill",
        ExecCondition = "exec-condition",
        StartLimitHit = "start-limit-hit",
        ServiceStartLimitHit = "service-start-limit-hit",
        TriggerLimitHit = "trigger-limit-hit",
        UnitStartLimitHit = "unit-start-limit-hit",
    }
    SystemState {
        Starting = "starting",
        Running = "running",
        Degraded = "degraded",
        Stopping = "stopping",
    }
    JobKind {
        Start = "start",
        VerifyActive = "verify-active",
        Stop = "stop",
        Reload = "reload",
        ReloadOrStart = "reload-or-start",
        Restart = "restart",
        TryRestart = "try-restart",
        TryReload = "try-reload",
        Nop = "nop",
    }
    JobResult {
        Done = "done",
        Canceled = "canceled",
        Timeout = "timeout",
        Failed = "failed",
        Dependency = "dependency",
        Skipped = "skipped",
        Assert = "assert",
        Invalid = "invalid",
    }
    Verb {
        Start = "start",
        Stop = "stop",
        Restart = "restart",
        TryRestart = "try-restart",
        Reload = "reload",
        ReloadOrRestart = "reload-or-restart",
        TryReloadOrRestart = "try-reload-or-restart",
    }
    Whom {
        All = "all",
        Main = "main",
        Control = "control",
    }
    Direction {
        Requirements = "requirements",
        Reverse = "reverse",
        After = "after",
        Before = "before",
    }
}

// A unit file has these words as well, so they are its own.
impl Word for JobMode {
    fn words() -> impl Iterator<Item = (&'static str, Self)> {
        JobMode::ALL.iter().map(|mode| (mode.as_str(), *mode))
    }

    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// systemd's word for whether the unit's definition can be used; `not-found` without one.
#[must_use]
pub fn load_state(view: &UnitView) -> &'static str {
    view.definition
        .as_ref()
        .map_or("not-found", |definition| definition.load_state().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both_ways<W: Word + PartialEq + std::fmt::Debug>() {
        for (word, value) in W::words() {
            assert_eq!(value.word(), word);
            assert_eq!(W::of_word(word), Some(value));
        }
        assert_eq!(W::of_word(""), None);
    }

    #[test]
    fn words_and_values_are_one_to_one() {
        both_ways::<ActiveState>();
        both_ways::<SubState>();
        both_ways::<UnitResult>();
        both_ways::<SystemState>();
        both_ways::<JobKind>();
        both_ways::<JobMode>();
        both_ways::<JobResult>();
        both_ways::<Verb>();
        both_ways::<Whom>();
        both_ways::<Direction>();
    }
}
