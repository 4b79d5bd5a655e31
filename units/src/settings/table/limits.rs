//! Limits and scheduling of commands (systemd.exec(5), "Process Properties" and "Scheduling").

use crate::value::{CoredumpFilter, CpuPolicy, CpuSet, IoClass, Limit, Nanoseconds, NumaPolicy};

settings! {
    after super::exec::END;

    /// How much processor time a process may use.
    ///
    /// A time, rounded up to seconds: SIGXCPU at the soft limit, SIGKILL at the hard one.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitCpu: Exec "limit-cpu" = "LimitCPU",
        pub limit_cpu -> Option<Limit> as SecondsLimit, default "";

    /// How long a file may become.
    ///
    /// A size.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitFsize: Exec "limit-fsize" = "LimitFSIZE",
        pub limit_fsize -> Option<Limit> as BytesLimit, default "";

    /// How much memory for data a process may have.
    ///
    /// A size.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitData: Exec "limit-data" = "LimitDATA",
        pub limit_data -> Option<Limit> as BytesLimit, default "";

    /// How large the stack of a process may become.
    ///
    /// A size.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitStack: Exec "limit-stack" = "LimitSTACK",
        pub limit_stack -> Option<Limit> as BytesLimit, default "";

    /// How large a core dump may become.
    ///
    /// A size; `0` makes none.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitCore: Exec "limit-core" = "LimitCORE",
        pub limit_core -> Option<Limit> as BytesLimit, default "";

    /// How much of a process may be in memory.
    ///
    /// A size. Linux does not look at it.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitRss: Exec "limit-rss" = "LimitRSS",
        pub limit_rss -> Option<Limit> as BytesLimit, default "";

    /// How many files the service may have open.
    ///
    /// A number for both limits, or `soft:hard`. The default is what runnerd was started with.
    LimitNofile: Exec "limit-nofile" = "LimitNOFILE",
        pub limit_nofile -> Option<Limit> as ResourceLimit, default "";

    /// How much address space a process may have.
    ///
    /// A size.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitAs: Exec "limit-as" = "LimitAS",
        pub limit_as -> Option<Limit> as BytesLimit, default "";

    /// How many processes the user may have.
    ///
    /// A number, over everything this user runs.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitNproc: Exec "limit-nproc" = "LimitNPROC",
        pub limit_nproc -> Option<Limit> as ResourceLimit, default "";

    /// How much memory a process may keep from being swapped.
    ///
    /// A size.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitMemlock: Exec "limit-memlock" = "LimitMEMLOCK",
        pub limit_memlock -> Option<Limit> as BytesLimit, default "";

    /// How many file locks a process may have.
    ///
    /// A number. Linux does not look at it.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitLocks: Exec "limit-locks" = "LimitLOCKS",
        pub limit_locks -> Option<Limit> as ResourceLimit, default "";

    /// How many signals may wait for the user's processes.
    ///
    /// A number.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitSigpending: Exec "limit-sigpending" = "LimitSIGPENDING",
        pub limit_sigpending -> Option<Limit> as ResourceLimit, default "";

    /// How much the user's message queues may hold.
    ///
    /// A size.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitMsgqueue: Exec "limit-msgqueue" = "LimitMSGQUEUE",
        pub limit_msgqueue -> Option<Limit> as BytesLimit, default "";

    /// How far the nice level may be lowered.
    ///
    /// A level with its sign (`-5`), or the kernel's number for it.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitNice: Exec "limit-nice" = "LimitNICE",
        pub limit_nice -> Option<Limit> as NiceLimit, default "";

    /// The highest real-time priority a process may take.
    ///
    /// A number.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitRtprio: Exec "limit-rtprio" = "LimitRTPRIO",
        pub limit_rtprio -> Option<Limit> as ResourceLimit, default "";

    /// How long a real-time process may run without waiting.
    ///
    /// A number of microseconds, or a time.
    /// One value for both limits, or `soft:hard`; `infinity` is none.
    LimitRttime: Exec "limit-rttime" = "LimitRTTIME",
        pub limit_rttime -> Option<Limit> as MicrosecondsLimit, default "";

    /// The nice level of the commands.
    ///
    /// From -20, most of the processor, to 19, least.
    Nice: Exec "nice" = "Nice",
        pub nice -> Option<i32> as NiceLevel, default "";

    /// How the commands compete for processors.
    ///
    /// See sched(7). `fifo` and `rr` need `cpu-scheduling-priority` of 1 at least.
    CpuSchedulingPolicy: Exec "cpu-scheduling-policy" = "CPUSchedulingPolicy",
        pub cpu_scheduling_policy -> Option<CpuPolicy> as CpuSchedulingWord, default "";

    /// The priority among real-time processes.
    ///
    /// From 1 to 99, the highest, with `cpu-scheduling-policy` of `fifo` or `rr`; otherwise 0.
    CpuSchedulingPriority: Exec "cpu-scheduling-priority" = "CPUSchedulingPriority",
        pub cpu_scheduling_priority -> Option<i32> as CpuPriority, default "";

    /// Whether children of the commands go back to the usual scheduling.
    ///
    /// So that what a real-time program starts is not one itself.
    CpuSchedulingResetOnFork: Exec "cpu-scheduling-reset-on-fork" = "CPUSchedulingResetOnFork",
        pub cpu_scheduling_reset_on_fork -> bool as Flag, default "false";

    /// The processors the commands may run on.
    ///
    /// Several assignments add up. `numa` stands for the processors of the nodes of `numa-mask`.
    CpuAffinity: Exec "cpu-affinity" = "CPUAffinity",
        pub cpu_affinity -> Option<&CpuSet> as CpuList, default "";

    /// From which memory nodes the commands take their memory.
    ///
    /// See set_mempolicy(2).
    NumaPolicy: Exec "numa-policy" = "NUMAPolicy",
        pub numa_policy -> Option<NumaPolicy> as MemoryPolicy, default "";

    /// The memory nodes that `numa-policy` is about.
    ///
    /// Several assignments add up.
    NumaMask: Exec "numa-mask" = "NUMAMask",
        pub numa_mask -> Option<&CpuSet> as NodeList, default "";

    /// How the commands compete for disks.
    ///
    /// Only some schedulers look at it. The default is `best-effort` where `io-scheduling-priority` is set.
    IoSchedulingClass: Exec "io-scheduling-class" = "IOSchedulingClass",
        pub io_scheduling_class -> Option<IoClass> as IoSchedulingWord, default "";

    /// The priority among those who compete for disks.
    ///
    /// From 0, the highest, to 7; 4 where only `io-scheduling-class` is set.
    IoSchedulingPriority: Exec "io-scheduling-priority" = "IOSchedulingPriority",
        pub io_scheduling_priority -> Option<i32> as IoPriority, default "";

    /// How soon the kernel ends the commands when memory runs out.
    ///
    /// From -1000, never, to 1000, first. Where lowering it is not allowed, as in many containers, it stays as it is.
    OomScoreAdjust: Exec "oom-score-adjust" = "OOMScoreAdjust",
        pub oom_score_adjust -> Option<i32> as OomScore, default "";

    /// By how much timers of the commands may be late.
    ///
    /// So that the machine wakes up less often. A bare number is nanoseconds.
    TimerSlackNsec: Exec "timer-slack-nsec" = "TimerSlackNSec",
        pub timer_slack_nsec -> Option<Nanoseconds> as ShortTime, default "";

    /// Which memory a core dump of the commands has.
    ///
    /// Several assignments add up.
    CoredumpFilter: Exec "coredump-filter" = "CoredumpFilter",
        pub coredump_filter -> Option<CoredumpFilter> as DumpFilter, default "";
}
