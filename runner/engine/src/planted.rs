//! Bugs to be planted, to see whether the simulator finds them: each is like one that a real program
//! of this kind has had. Nothing of this is in a build without the feature `planted-bugs`, which
//! nobody but the test `planted` asks for.

use std::cell::Cell;

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Jobs that are queued while unit files are read again never run (systemd PR 8803).
    JobsLostByReload,
    /// Who waits for a job is not told that it was canceled (systemd issue 2136).
    CanceledUntold,
    /// A one-shot that becomes a notify service while it starts waits for ever (systemd issue 4444).
    TypeChangeUnlimited,
    /// A reload forgets the definition of what runs and is in no file any more (systemd issue 14026).
    OrphanForgotten,
    /// A reload forgets instances that nobody names (systemd issue 24577).
    InstanceForgotten,
    /// A stop does nothing while the service reloads (systemd issue 7324).
    StopDuringReloadIgnored,
    /// Starts are not limited: a restart storm (supervisor, whose back-off ends at `startsecs`).
    StartsUnlimited,
    /// A shortage of the machine counts as a failure of the service (supervisor issue 1521).
    ShortageIsFailure,
    /// A manager that takes over starts what lives a second time (pm2 issue 2530).
    StartedTwice,
    /// The end of a process of an earlier run is taken for that of the present one, as with numbers
    /// that are used again (containerd PR 9218).
    EndOfAnother,
    /// A signal is sent before there is a program that could hear it (supervisor, start and stop).
    SignalBeforeProgram,
    /// A circle of orderings is not broken: boot waits for itself (systemd's "loopy" units).
    CircleKept,
    /// What was stopped on request is restarted (supervisor issue 281).
    RestartAfterStop,
    /// The end comes while services still stop, and leaves them behind (supervisor).
    HaltedEarly,
    /// Nobody waits for what is ordered before (systemd issue 5328).
    OrderForgotten,
    /// Timers are not looked at when the clock is set (supervisor issue 1043).
    ClockIgnored,
    /// What must not start by its conditions starts (systemd issue 3167).
    ConditionIgnored,
    /// After a recovery nobody asks whether processes are left (systemd's lost cgroup notifications).
    EmptinessForgotten,
    /// A socket whose service has ended is not looked at any more (systemd issue 2467).
    SocketDeaf,
    /// What is noted of processes that were let go stays for ever (supervisor issue 1440).
    FormerKept,
    /// Every start of a unit is passed over when the manager of an earlier one was killed in its
    /// middle (systemd issue 9751).
    WaitingStartLost,
    /// A manager that takes over does not ask who owns names on the bus (systemd PR 2202).
    NamesForgotten,
    /// A name that nobody owns any more counts as owned (systemd PR 6175).
    ReleaseIgnored,
    /// A scope stays active after all its processes have ended (systemd issue 1351).
    ScopeLeaked,
    /// A scope is over while processes are in it (systemd issue 36781).
    ScopeOverEarly,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 25] = [
        Bug::JobsLostByReload,
        Bug::CanceledUntold,
        Bug::TypeChangeUnlimited,
        Bug::OrphanForgotten,
        Bug::InstanceForgotten,
        Bug::StopDuringReloadIgnored,
        Bug::StartsUnlimited,
        Bug::ShortageIsFailure,
        Bug::StartedTwice,
        Bug::EndOfAnother,
        Bug::SignalBeforeProgram,
        Bug::CircleKept,
        Bug::RestartAfterStop,
        Bug::HaltedEarly,
        Bug::OrderForgotten,
        Bug::ClockIgnored,
        Bug::ConditionIgnored,
        Bug::EmptinessForgotten,
        Bug::SocketDeaf,
        Bug::FormerKept,
        Bug::WaitingStartLost,
        Bug::NamesForgotten,
        Bug::ReleaseIgnored,
        Bug::ScopeLeaked,
        Bug::ScopeOverEarly,
    ];
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// From now on the engines of this thread have this bug, or none.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether the engine has it.
pub(crate) fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}
