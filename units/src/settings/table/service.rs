//! `[service]` (systemd.service(5)): what runs, when it counts as started, what follows its end.

use crate::name::UnitName;
use crate::value::{
    ExecLine, ExitSet, ExitType, NotifyAccess, OomPolicy, OpenFile, Preserve, Probe, Restart,
    RestartMode, ServiceType, Signal, Span, TimeoutFailureMode,
};

settings! {
    after super::condition::END;

    /// When the service counts as started.
    ///
    /// `simple`: as soon as its process exists. `idle`: at once, and it runs when no other job is
    /// waiting, at the latest after 5 s, so that it does not talk into the others' messages. `exec`: when the program was executed. `notify`:
    /// when it says `READY=1` to the socket in `NOTIFY_SOCKET`. `notify-reload`: the same, and a
    /// reload is `reload-signal`, which it answers with `RELOADING=1`, `MONOTONIC_USEC=` and then
    /// `READY=1`. `dbus`: when somebody owns its `bus-name`. `forking`: when it has put itself in the background. `oneshot`: when it has
    /// finished, which is also the default where there is no `exec-start`.
    Type: Service "type" = "Type",
        pub(crate) written_type -> ServiceType as Type, default "simple";

    /// Commands that say whether the service is to run at all.
    ///
    /// They run before everything else. The first that exits with a code from 1 to 254 ends the start:
    /// nothing else runs but `exec-stop-post`, and the service is down without having failed. Exit code
    /// 255, a signal or a time-out is a failure.
    ExecCondition: Service "exec-condition" = "ExecCondition",
        pub exec_condition -> &[ExecLine] as Commands, default "";

    /// Commands to run before the service.
    ///
    /// One after the other; if one fails (and has no `-` before it), the start has failed. Of a socket
    /// unit: before its sockets are made.
    ExecStartPre: Service | Socket "exec-start-pre" = "ExecStartPre",
        pub exec_start_pre -> &[ExecLine] as Commands, default "";

    /// The service itself.
    ///
    /// A command line (quotes, escapes, `$VARIABLES` and the prefixes `@ - : + !` as
    /// systemd.service(5)), or an array of words that are not split any further. No shell is
    /// involved. Exactly one command, except that a `oneshot` may have several, which run in turn.
    /// With `=` before it the rest of the line is split at its start into words as a POSIX shell
    /// does, without specifiers and variables, and the program is looked for in the `PATH` of the
    /// service's own environment: supervisord's way.
    ExecStart: Service "exec-start" = "ExecStart",
        pub exec_start -> &[ExecLine] as Commands, default "";

    /// Commands to run once the service has started.
    ///
    /// If one fails (and has no `-` before it), the start has failed and the service is stopped. Of a
    /// socket unit: once it listens.
    ExecStartPost: Service | Socket "exec-start-post" = "ExecStartPost",
        pub exec_start_post -> &[ExecLine] as Commands, default "";

    /// Commands that make the service read its configuration again.
    ///
    /// `$MAINPID` is the main process: `kill -HUP $MAINPID`. A unit without this setting cannot
    /// be reloaded, unless its `type` is `notify-reload`: then they run after `reload-signal`.
    ExecReload: Service "exec-reload" = "ExecReload",
        pub exec_reload -> &[ExecLine] as Commands, default "";

    /// The signal that makes a service of type `notify-reload` read its configuration again.
    ///
    /// The service answers with `RELOADING=1` and `MONOTONIC_USEC=` (the present moment of
    /// CLOCK_MONOTONIC) in one message, and with `READY=1` once it is done.
    ReloadSignal: Service "reload-signal" = "ReloadSignal",
        pub reload_signal -> Signal as SignalName, default "SIGHUP";

    /// Commands that stop the service.
    ///
    /// They should return when it has stopped; what is left then is stopped by signals as
    /// `kill-mode` says. Without this setting that is all that happens.
    ExecStop: Service "exec-stop" = "ExecStop",
        pub exec_stop -> &[ExecLine] as Commands, default "";

    /// Commands to run when the service has ended, however it ended.
    ///
    /// `$SERVICE_RESULT`, `$EXIT_CODE` and `$EXIT_STATUS` say how. They also run after a start that
    /// failed.
    ExecStopPost: Service | Socket "exec-stop-post" = "ExecStopPost",
        pub exec_stop_post -> &[ExecLine] as Commands, default "";

    /// After which ends the service is started again.
    ///
    /// An end that was asked for never counts. `on-failure` is the usual choice for daemons,
    /// `always` for those that must not end at all.
    Restart: Service "restart" = "Restart",
        pub restart -> Restart as RestartPolicy, default "no";

    /// Through which states the service is restarted.
    ///
    /// `normal`: it is `failed` or `inactive` for a moment, and what depends on it is restarted with
    /// it. `direct`: it goes straight to `auto-restart`; what depends on it stays as it is, a start that
    /// waits for it goes on waiting, and neither `on-failure` nor `on-success` is started. `debug`: as
    /// `normal`, with `DEBUG_INVOCATION=1` in the environment of a run that is a restart.
    RestartMode: Service "restart-mode" = "RestartMode",
        pub restart_mode -> RestartMode as RestartWay, default "normal";

    /// Ends of the main process that are not followed by a restart, whatever `restart` says.
    ///
    /// Exit codes and signals, written as in `success-exit-status`.
    RestartPreventExitStatus: Service "restart-prevent-exit-status" = "RestartPreventExitStatus",
        pub restart_prevent_exit_status -> &ExitSet as Exits, default "";

    /// Ends of the main process that are followed by a restart, whatever `restart` says.
    ///
    /// `restart-prevent-exit-status` goes before it, and so does a stop that was asked for.
    RestartForceExitStatus: Service "restart-force-exit-status" = "RestartForceExitStatus",
        pub restart_force_exit_status -> &ExitSet as Exits, default "";

    /// How long to wait before a restart.
    ///
    /// With `restart-steps` this is the wait before the first restart, and later ones grow.
    RestartSec: Service "restart-sec" = "RestartSec",
        pub restart_sec -> Span as Duration, default "100ms";

    /// In how many steps the wait grows from `restart-sec` to `restart-max-delay-sec`.
    ///
    /// The growth is geometric. `0` keeps the wait the same.
    RestartSteps: Service "restart-steps" = "RestartSteps",
        pub restart_steps -> u32 as Count, default "0";

    /// The longest wait before a restart.
    ///
    /// Reached after `restart-steps` restarts, and only used together with it.
    RestartMaxDelaySec: Service "restart-max-delay-sec" = "RestartMaxDelaySec",
        pub restart_max_delay_sec -> Span as Duration, default "infinity";

    /// How long the service must stay up to count as started.
    ///
    /// For services that say nothing themselves (`type` is `simple` or `exec`): one that ends sooner
    /// has failed to start. `0`: it counts at once.
    ReadyAfter: Service "ready-after" = ours,
        pub ready_after -> Span as Duration, default "0";

    /// What is tried from outside until the service counts as started.
    ///
    /// `tcp:PORT` or `tcp:HOST:PORT`: somebody accepts a connection. `unix:/path`: somebody listens on
    /// that socket. `http:PORT/path` or `http://HOST:PORT/path`: a GET is answered with a status from
    /// 200 to 399. `exec:COMMAND`: the command exits with 0; it is written and run as those of
    /// `exec-start-post`, with the unit's user and environment. Without a host this machine is
    /// asked (127.0.0.1); hosts are addresses or `localhost`, other names are not looked up.
    ///
    /// The probe begins when the service would count as started otherwise: when its process runs,
    /// has stayed up for `ready-after`, has said `READY=1` or has gone into the background, whatever
    /// its `type` asks for. Only a `oneshot` can have none. Until the probe succeeds the service is
    /// still starting, which `timeout-start-sec` limits and which its end makes a failed start.
    ReadyProbe: Service "ready-probe" = ours,
        pub ready_probe -> Option<&Probe> as ReadyProbe, default "";

    /// The longest wait between two attempts of `ready-probe`.
    ///
    /// The first attempts come quickly one after the other, since most services are ready soon.
    ReadyProbeIntervalSec: Service "ready-probe-interval-sec" = ours,
        pub ready_probe_interval_sec -> Span as Duration, default "1s";

    /// How long one attempt of `ready-probe` may take.
    ///
    /// A command that takes longer is killed. `infinity` lets an attempt take as long as the start.
    ReadyProbeTimeoutSec: Service "ready-probe-timeout-sec" = ours,
        pub ready_probe_timeout_sec -> Span as Duration, default "5s";

    /// How many times a start that failed is tried again.
    ///
    /// Only failures before the service counted as started are meant, and they are tried again
    /// whatever `restart` says; when all tries have failed so has the service. Without this setting
    /// such failures are answered as `restart` says.
    StartRetries: Service "start-retries" = ours,
        pub start_retries -> Option<u32> as OptionalCount, default "";

    /// How much longer each of the `start-retries` is waited for.
    ///
    /// The first comes after this time, the second after twice this time, and so on.
    StartRetrySec: Service "start-retry-sec" = ours,
        pub start_retry_sec -> Span as Duration, default "1s";

    /// How long a start may take.
    ///
    /// Each of `exec-start-pre`, the start itself and `exec-start-post` has this long; then the
    /// start has failed and the service is stopped. `0` and `infinity` wait for ever, which is also
    /// the default of a `oneshot`.
    TimeoutStartSec: Service "timeout-start-sec" = "TimeoutStartSec",
        pub(crate) written_timeout_start_sec -> Span as Duration, default "90s";

    /// How long a stop may take.
    ///
    /// Each stop command has this long, then the stop signal, then the kill. `0` and `infinity`
    /// wait for ever.
    TimeoutStopSec: Service "timeout-stop-sec" = "TimeoutStopSec",
        pub(crate) written_timeout_stop_sec -> Span as Duration, default "90s";

    /// How long a service may take to leave its core dump when it is aborted.
    ///
    /// After a missed watchdog, and where a time-out is answered with `abort`; then it is killed. The
    /// default is `timeout-stop-sec`.
    TimeoutAbortSec: Service "timeout-abort-sec" = "TimeoutAbortSec",
        pub(crate) written_timeout_abort_sec -> Option<Span> as OptionalDuration, default "";

    /// What is done to a service whose start takes too long.
    ///
    /// `terminate`: it is stopped by signals. `abort`: it gets SIGABRT first, and has
    /// `timeout-abort-sec`. `kill`: SIGKILL at once.
    TimeoutStartFailureMode: Service "timeout-start-failure-mode" = "TimeoutStartFailureMode",
        pub timeout_start_failure_mode -> TimeoutFailureMode as TimeoutAnswer, default "terminate";

    /// What is done to a service whose stop takes too long.
    ///
    /// As `timeout-start-failure-mode`. `terminate` goes from the stop commands to the stop signal and
    /// from there to the kill; `abort` puts SIGABRT before the kill.
    TimeoutStopFailureMode: Service "timeout-stop-failure-mode" = "TimeoutStopFailureMode",
        pub timeout_stop_failure_mode -> TimeoutFailureMode as TimeoutAnswer, default "terminate";

    /// How long the service may run.
    ///
    /// Counted from the moment it counts as started. Then it is stopped and has failed with the result
    /// `timeout`. A `oneshot`, which has ended by then, has no use for it.
    RuntimeMaxSec: Service "runtime-max-sec" = "RuntimeMaxSec",
        pub(crate) written_runtime_max_sec -> Span as Duration, default "infinity";

    /// The most that is added to `runtime-max-sec`.
    ///
    /// Each run gets a random part of it, so that services that were started together do not end
    /// together.
    RuntimeRandomizedExtraSec: Service "runtime-randomized-extra-sec" = "RuntimeRandomizedExtraSec",
        pub runtime_randomized_extra_sec -> Span as Duration, default "0";

    /// Ends that count as success besides the usual ones.
    ///
    /// Exit codes by number or name (`TEMPFAIL`), and signals (`SIGUSR1`). Exit code 0 always is
    /// a success, and for a service that is no `oneshot` so are SIGHUP, SIGINT, SIGTERM and SIGPIPE.
    SuccessExitStatus: Service "success-exit-status" = "SuccessExitStatus",
        pub success_exit_status -> &ExitSet as Exits, default "";

    /// Whether `success-exit-status` lists all ends that count as success.
    ///
    /// Then nothing else does: not exit code 0, and no signal that is not listed.
    SuccessExitStatusOnly: Service "success-exit-status-only" = ours,
        pub success_exit_status_only -> bool as Flag, default "false";

    /// Whether the service stays active when its processes have ended well.
    ///
    /// For a `oneshot` that sets something up which `exec-stop` takes down again.
    RemainAfterExit: Service "remain-after-exit" = "RemainAfterExit",
        pub remain_after_exit -> bool as Flag, default "false";

    /// What ends the service.
    ///
    /// `main`: the end of its main process. `cgroup`: the end of its last process, unless the main
    /// process has failed; not for a `oneshot`.
    ExitType: Service "exit-type" = "ExitType",
        pub exit_type -> ExitType as ExitMeaning, default "main";

    /// Whether the main process of a `forking` service without a `pid-file` is guessed.
    ///
    /// It is the one process that is left when the start command has returned. Without it, or where
    /// there are several, the service lives as long as any process of it.
    GuessMainPid: Service "guess-main-pid" = "GuessMainPID",
        pub guess_main_pid -> bool as Flag, default "true";

    /// What follows when the kernel kills a process of the service for want of memory.
    ///
    /// `continue`: nothing, unless it was the main process. `stop`: the service is stopped, and has
    /// failed with the result `oom-kill`. `kill`: what is left of it is killed at once. The kernel tells
    /// of it only where the unit has a cgroup with a memory controller, as with `memory-max`.
    OomPolicy: Service "oom-policy" = "OOMPolicy",
        pub oom_policy -> OomPolicy as OomAnswer, default "stop";

    /// The service's name on the message bus.
    ///
    /// A service of type `dbus` has started when the name has an owner, and is stopped when it has none
    /// any more. Of other services whose main process nobody knows, the owner is it. The bus is the
    /// system's (`DBUS_SYSTEM_BUS_ADDRESS`), without root's rights the session's, or what `--bus`
    /// names; without one the start of a `dbus` service fails. When the bus is started anew, the
    /// service has 10 s to take its name again.
    BusName: Service "bus-name" = "BusName",
        pub bus_name -> Option<&str> as BusName, default "";

    /// The file a `forking` service writes its main process number to.
    ///
    /// Read when the start command has returned, and waited for if it is not there yet; removed
    /// when the service has ended.
    PidFile: Service "pid-file" = "PIDFile",
        pub pid_file -> Option<&str> as FilePath, default "";

    /// Whether the sockets a service gets are in non-blocking mode.
    ///
    /// Otherwise they wait, whatever mode they were in.
    NonBlocking: Service "non-blocking" = "NonBlocking",
        pub non_blocking -> bool as Flag, default "false";

    /// Files that are opened for the service, with our rights.
    ///
    /// `PATH:NAME:OPTIONS`: the service finds them after the sockets and stored descriptors among its
    /// `LISTEN_FDS`, under this name (the file's own by default). Options are `read-only`, `append` and
    /// `truncate`, of which one may be given, and `graceful`: what cannot be opened is left out, where it
    /// is a failed start otherwise. Without the first three a file is open for reading and writing. A
    /// file is not made; a stream socket is connected to. A colon in the path is written `\\x3a`.
    OpenFile: Service "open-file" = "OpenFile",
        pub open_file -> &[OpenFile] as OpenFiles, default "";

    /// How often the service must show that it is alive.
    ///
    /// It says `WATCHDOG=1` to the socket in `NOTIFY_SOCKET`, best every half of this time; when it
    /// misses one it is aborted (SIGABRT) and has failed. `0` and `infinity` turn it off.
    WatchdogSec: Service "watchdog-sec" = "WatchdogSec",
        pub(crate) written_watchdog_sec -> Span as Duration, default "0";

    /// Whose notify messages are believed.
    ///
    /// `main`: the main process's. `exec`: also those of the start, stop and reload commands. `all`:
    /// those of every process of the unit. `none`: nobody's. Where readiness, the watchdog or the
    /// descriptor store need messages the default is `main`.
    NotifyAccess: Service "notify-access" = "NotifyAccess",
        pub(crate) written_notify_access -> NotifyAccess as Notifiers, default "none";

    /// How many descriptors the service may leave with us over a restart.
    ///
    /// It sends them with `FDSTORE=1` (sd_notify(3)) and finds them among its `LISTEN_FDS` at the next
    /// start. `0` keeps none.
    FileDescriptorStoreMax: Service "file-descriptor-store-max" = "FileDescriptorStoreMax",
        pub file_descriptor_store_max -> u32 as Count, default "0";

    /// How long the descriptors are kept that the service left with us.
    ///
    /// `no`: until it has ended, so that only a service that is still running has any. `restart`: over
    /// restarts, by itself or on request. `yes`: also while it is stopped, and is said to be
    /// `dead-resources-pinned` unless it has failed.
    FileDescriptorStorePreserve: Service "file-descriptor-store-preserve" = "FileDescriptorStorePreserve",
        pub file_descriptor_store_preserve -> Preserve as Preserved, default "restart";

    /// Sockets whose listeners the service gets, besides those that start it.
    ///
    /// They are started with it (`wants` and `after` follow from it). Several services may name one
    /// socket.
    Sockets: Service "sockets" = "Sockets",
        pub sockets -> &[UnitName] as Units, default "";
}
