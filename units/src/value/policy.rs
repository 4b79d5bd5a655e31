//! Settings whose value is one of a few words.

super::words! {
    /// When a start counts as done, and which process is the main one (systemd.service(5), `Type=`).
    pub enum ServiceType {
        /// started as soon as the process exists
        Simple = "simple",
        /// started when the program itself was executed
        Exec = "exec",
        /// started when the program, which puts itself in the background, has returned
        Forking = "forking",
        /// started when the program has finished
        Oneshot = "oneshot",
        /// started when the program says `READY=1` (sd_notify(3))
        Notify = "notify",
    }
}

super::words! {
    /// After which ends a service is started again (systemd.service(5), `Restart=`).
    pub enum Restart {
        /// never
        No = "no",
        /// after every end that was not asked for
        Always = "always",
        /// after a clean exit or a clean signal
        OnSuccess = "on-success",
        /// after an unclean exit code or signal, a time-out or a missed watchdog
        OnFailure = "on-failure",
        /// after an unclean signal, a time-out or a missed watchdog
        OnAbnormal = "on-abnormal",
        /// after an unclean signal
        OnAbort = "on-abort",
        /// after a missed watchdog
        OnWatchdog = "on-watchdog",
    }
}

super::words! {
    /// Which processes of a unit a stop reaches (systemd.kill(5), `KillMode=`).
    pub enum KillMode {
        /// all processes of the unit
        ControlGroup = "control-group",
        /// the stop signal to the main process, the kill to all that are left
        Mixed = "mixed",
        /// the main process only
        Process = "process",
        /// none: only the stop commands run
        None = "none",
    }
}

super::words! {
    /// Whose notify messages are believed (systemd.service(5), `NotifyAccess=`).
    pub enum NotifyAccess {
        /// nobody's
        None = "none",
        /// the main process's
        Main = "main",
        /// the main process's and those of the start, stop and reload commands
        Exec = "exec",
        /// those of every process of the unit
        All = "all",
    }
}

super::words! {
    /// Which answers of an event listener accept the event.
    pub enum EventResults {
        /// only `OK`; any other result rejects the event, which is told again
        Ok = "ok",
        /// every result, whatever it is
        Any = "any",
    }
}
