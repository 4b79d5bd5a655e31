//! Settings whose value is one of a few words.

super::words! {
    /// When a start counts as done, and which process is the main one (systemd.service(5), `Type=`).
    pub enum ServiceType {
        /// started as soon as the process exists
        Simple = "simple",
        /// as `simple`, and the program is executed when no job is left to do, or after 5 s
        Idle = "idle",
        /// started when the program itself was executed
        Exec = "exec",
        /// started when the program, which puts itself in the background, has returned
        Forking = "forking",
        /// started when the program has finished
        Oneshot = "oneshot",
        /// started when the program says `READY=1` (sd_notify(3))
        Notify = "notify",
        /// started when its name on the message bus, `bus-name`, has an owner
        Dbus = "dbus",
        /// as `notify`, and a signal makes it reload, of which it tells too
        NotifyReload = "notify-reload",
    }
}

impl ServiceType {
    /// Whether the service itself says when it is started.
    pub fn says_ready(self) -> bool {
        matches!(self, ServiceType::Notify | ServiceType::NotifyReload)
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

#[expect(
    clippy::derivable_impls,
    reason = "the list of words has no place for it"
)]
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

super::words! {
    /// Whose keyring a program sees (keyrings(7)).
    pub enum KeyringMode {
        /// ours
        Inherit = "inherit",
        /// a new one of its own
        Private = "private",
        /// a new one of its own, with that of its user linked into it
        Shared = "shared",
    }
}

super::words! {
    /// Which machine a program is told it runs on (personality(2)).
    pub enum Personality {
        /// 64 bits, Intel
        X86_64 = "x86-64",
        /// 32 bits, Intel
        X86 = "x86",
        /// 64 bits, Arm
        Arm64 = "arm64",
        /// 32 bits, Arm
        Arm = "arm",
        /// 64 bits, PowerPC
        Ppc64 = "ppc64",
        /// 64 bits, PowerPC, low byte first
        Ppc64Le = "ppc64-le",
        /// 32 bits, PowerPC
        Ppc = "ppc",
        /// 64 bits, mainframes
        S390x = "s390x",
        /// 31 bits, mainframes
        S390 = "s390",
    }
}

impl Personality {
    /// Whether it is the narrow one of a machine that has two.
    pub const fn is_narrow(self) -> bool {
        matches!(
            self,
            Personality::X86 | Personality::Arm | Personality::Ppc | Personality::S390
        )
    }

    /// The wide one of the same machine.
    #[must_use]
    pub const fn wide(self) -> Personality {
        match self {
            Personality::X86_64 | Personality::X86 => Personality::X86_64,
            Personality::Arm64 | Personality::Arm => Personality::Arm64,
            Personality::Ppc64 | Personality::Ppc => Personality::Ppc64,
            Personality::Ppc64Le => Personality::Ppc64Le,
            Personality::S390x | Personality::S390 => Personality::S390x,
        }
    }
}

super::words! {
    /// Which part of a system a message is from (syslog(3)).
    pub enum Facility {
        /// the kernel
        Kern = "kern",
        /// programs of users
        User = "user",
        /// mail
        Mail = "mail",
        /// services
        Daemon = "daemon",
        /// log-ins
        Auth = "auth",
        /// syslog itself
        Syslog = "syslog",
        /// printers
        Lpr = "lpr",
        /// news
        News = "news",
        /// UUCP
        Uucp = "uucp",
        /// the clock
        Cron = "cron",
        /// log-ins, for few eyes
        Authpriv = "authpriv",
        /// file transfer
        Ftp = "ftp",
        /// the site's own
        Local0 = "local0",
        /// the site's own
        Local1 = "local1",
        /// the site's own
        Local2 = "local2",
        /// the site's own
        Local3 = "local3",
        /// the site's own
        Local4 = "local4",
        /// the site's own
        Local5 = "local5",
        /// the site's own
        Local6 = "local6",
        /// the site's own
        Local7 = "local7",
    }
}

impl Facility {
    /// Its number, not shifted.
    pub fn number(self) -> u8 {
        let place = Facility::ALL
            .iter()
            .position(|one| *one == self)
            .unwrap_or_default();
        // The last ones are numbered from 16 on; twenty places fit.
        let place = place as u8;
        if place >= 12 { place + 4 } else { place }
    }
}

super::words! {
    /// How much a message matters (syslog(3)).
    pub enum LogLevel {
        /// nothing works any more
        Emerg = "emerg",
        /// somebody has to act at once
        Alert = "alert",
        /// something important has failed
        Crit = "crit",
        /// something has failed
        Err = "err",
        /// something may go wrong
        Warning = "warning",
        /// worth knowing
        Notice = "notice",
        /// what happens
        Info = "info",
        /// for those who look for a fault
        Debug = "debug",
    }
}

impl LogLevel {
    /// Its number: 0 matters most.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

super::words! {
    /// Through which states a service comes back (systemd.service(5), `RestartMode=`).
    pub enum RestartMode {
        /// through `failed` or `inactive`, so that others see it go down
        Normal = "normal",
        /// straight to `auto-restart`: nobody who depends on it is disturbed
        Direct = "direct",
        /// as `normal`, and it is told to say more (`DEBUG_INVOCATION=1`)
        Debug = "debug",
    }
}

super::words! {
    /// What ends a service (systemd.service(5), `ExitType=`).
    pub enum ExitType {
        /// the end of its main process
        Main = "main",
        /// the end of its last process
        Cgroup = "cgroup",
    }
}

super::words! {
    /// What is done to a service that took too long (systemd.service(5),
    /// `TimeoutStartFailureMode=`).
    pub enum TimeoutFailureMode {
        /// it is asked to stop: `kill-signal`, and later the kill
        Terminate = "terminate",
        /// it is aborted, so that it leaves a core dump, and later killed
        Abort = "abort",
        /// it is killed at once
        Kill = "kill",
    }
}

super::words! {
    /// What follows when the kernel kills a process of a service for want of memory
    /// (systemd.service(5), `OOMPolicy=`).
    pub enum OomPolicy {
        /// nothing: the service goes on as well as it can
        Continue = "continue",
        /// the service is stopped
        Stop = "stop",
        /// what is left of it is killed at once
        Kill = "kill",
    }
}
