//! How processes are stopped (systemd.kill(5)).

use crate::value::{KillMode, Signal};

settings! {
    after super::exec::END;

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

    /// Whether SIGKILL is sent to what has not stopped in time.
    ///
    /// Otherwise such processes are left alone, and reported.
    SendSigkill: Kill "send-sigkill" = "SendSIGKILL",
        pub send_sigkill -> bool as Flag, default "true";
}
