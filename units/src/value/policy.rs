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

super::words! {
    /// How a transaction deals with jobs in its way (`systemctl --job-mode=`).
    pub enum JobMode {
        /// refuse if a queued job would have to be replaced
        Fail = "fail",
        /// replace queued jobs
        Replace = "replace",
        /// replace, and let nothing replace the result
        ReplaceIrreversibly = "replace-irreversibly",
        /// start this unit and what it needs, and stop everything else
        Isolate = "isolate",
        /// replace, and take back every queued job that is not part of this
        Flush = "flush",
        /// only this job: requirements and orderings are left aside
        IgnoreDependencies = "ignore-dependencies",
        /// orderings count, requirements do not
        IgnoreRequirements = "ignore-requirements",
        /// stop this unit and those that would start it again
        Triggering = "triggering",
        /// start this unit, and restart those that depend on it
        RestartDependencies = "restart-dependencies",
    }
}

impl Default for JobMode {
    fn default() -> JobMode {
        JobMode::Replace
    }
}

super::words! {
    /// What is done to everything when something happens to one unit (systemd.unit(5),
    /// `FailureAction=`).
    pub enum EmergencyAction {
        /// nothing
        None = "none",
        /// everything is stopped in order, and the program ends with the exit status
        Exit = "exit",
        /// as `exit`, but nobody gets more than a moment
        ExitForce = "exit-force",
        /// everything is stopped in order, and the program ends with status 0
        Poweroff = "poweroff",
        /// as `poweroff`, but nobody gets more than a moment
        PoweroffForce = "poweroff-force",
        /// the same as `poweroff-force`
        PoweroffImmediate = "poweroff-immediate",
        /// the same as `poweroff`
        Halt = "halt",
        /// the same as `poweroff-force`
        HaltForce = "halt-force",
        /// the same as `poweroff-force`
        HaltImmediate = "halt-immediate",
        /// everything is stopped in order, and the program ends with status 133
        Reboot = "reboot",
        /// as `reboot`, but nobody gets more than a moment
        RebootForce = "reboot-force",
        /// the same as `reboot-force`
        RebootImmediate = "reboot-immediate",
        /// the same as `reboot`
        Kexec = "kexec",
        /// the same as `reboot-force`
        KexecForce = "kexec-force",
        /// the same as `reboot`
        SoftReboot = "soft-reboot",
        /// the same as `reboot-force`
        SoftRebootForce = "soft-reboot-force",
    }
}

super::words! {
    /// When what is known of a unit that nobody refers to is forgotten (systemd.unit(5),
    /// `CollectMode=`).
    pub enum CollectMode {
        /// when it is down and did not fail
        Inactive = "inactive",
        /// when it is down, even if it failed
        InactiveOrFailed = "inactive-or-failed",
    }
}
