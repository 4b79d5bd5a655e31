//! How processes are stopped (systemd.kill(5)).

use crate::value::{KillMode, Signal};

settings! {
    after super::limits::END;

    /// Which processes a stop reaches.
    ///
    /// `control-group`: all of the unit. `mixed`: `kill-signal` to the main process only, then
    /// SIGKILL to all that are left. `process`: only the main process. `none`: only `exec-stop` runs.
    KillMode: Kill "kill-mode" = "KillMode",
        pub kill_mode -> KillMode as Killing, default "control-group";

    /// The signal that asks the service to stop.
    ///
    /// SIGCONT follows it, so that a stopped process gets it as well.
    KillSignal: Kill "kill-signal" = "KillSignal",
        pub kill_signal -> Signal as SignalName, default "SIGTERM";

    /// The signal that asks the service to stop when it is to be started again right away.
    ///
    /// For services that can end faster, or keep something, when they know that they come back. The
    /// default is `kill-signal`.
    RestartKillSignal: Kill "restart-kill-signal" = "RestartKillSignal",
        pub(crate) written_restart_kill_signal -> Option<Signal> as OptionalSignal, default "";

    /// The signal for what has not stopped in time.
    ///
    /// Sent when `timeout-stop-sec` is over, unless `send-sigkill` is `false`.
    FinalKillSignal: Kill "final-kill-signal" = "FinalKillSignal",
        pub final_kill_signal -> Signal as SignalName, default "SIGKILL";

    /// The signal for a service that has missed its watchdog.
    ///
    /// Also for one whose time to start or stop is over, where it is to be aborted then.
    WatchdogSignal: Kill "watchdog-signal" = "WatchdogSignal",
        pub watchdog_signal -> Signal as SignalName, default "SIGABRT";

    /// Whether SIGHUP follows the stop signal.
    ///
    /// For shells and the like, which take it as the end of their terminal.
    SendSighup: Kill "send-sighup" = "SendSIGHUP",
        pub send_sighup -> bool as Flag, default "false";

    /// Whether `final-kill-signal` is sent to what has not stopped in time.
    ///
    /// Otherwise such processes are left alone, and reported.
    SendSigkill: Kill "send-sigkill" = "SendSIGKILL",
        pub send_sigkill -> bool as Flag, default "true";
}
