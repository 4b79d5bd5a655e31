//! The rows. Adding a setting is adding one here: its doc comment is the manual, its default is
//! what anyone would write, its accessor appears on [`Definition`].
//!
//! `Id: section "key" = "SystemdName" (or `ours`), [pub] accessor -> type it lends as value type, default "text";`

use super::value_type::{Typed, types};
use super::{Section, Setting};
use crate::definition::Definition;
use crate::name::UnitName;
use crate::value::{
    Assignment, EnvironmentFile, EventResults, ExecLine, ExitSet, Input, KillMode, Limit,
    ListenAddress, LogFile, Mode, NotifyAccess, Output, Owner, Restart, ServiceType, Signal, Size,
    Span, WorkingDirectory,
};

settings! {
    /// What the unit is, for people.
    ///
    /// One short line, shown by `status`, in lists and in the log. At the top level of a file it
    /// is the default for every unit of the file.
    Description: Unit "description" = "Description",
        pub description -> &str as Text, default "";

    /// Where more is written about the unit.
    ///
    /// Addresses (`https://…`, `man:nginx(8)`, `file:/…`), shown by `status`. At the top level of a
    /// file they are the default for every unit of the file.
    Documentation: Unit "documentation" = "Documentation",
        pub documentation -> &[Box<str>] as Texts, default "";

    /// Units this one cannot do without.
    ///
    /// Starting this unit starts them too. If one of them cannot be started and this unit is
    /// ordered `after` it, this unit's start fails; if one of them is stopped or restarted on
    /// request, so is this one. One that ends by itself changes nothing: see `binds-to`.
    /// This is a requirement, not an order: without `after` both start at the same time.
    Requires: Unit "requires" = "Requires",
        pub requires -> &[UnitName] as Units, default "";

    /// Units this one would like to have.
    ///
    /// Starting this unit starts them too; whether they succeed makes no difference. This is the
    /// right word for most needs.
    Wants: Unit "wants" = "Wants",
        pub wants -> &[UnitName] as Units, default "";

    /// Units this one lives and dies with.
    ///
    /// As `requires`, and this unit is stopped as well when one of them ends by itself or fails.
    /// Together with `after` this unit is never active unless they are.
    BindsTo: Unit "binds-to" = "BindsTo",
        pub binds_to -> &[UnitName] as Units, default "";

    /// Units this one is a part of.
    ///
    /// Stopping or restarting one of them stops or restarts this unit. Starting them does not
    /// start it.
    PartOf: Unit "part-of" = "PartOf",
        pub part_of -> &[UnitName] as Units, default "";

    /// Units that cannot run beside this one.
    ///
    /// Starting this unit stops them, and starting one of them stops this unit. Order the two
    /// with `after` or `before` where the stop must be over before the start.
    Conflicts: Unit "conflicts" = "Conflicts",
        pub conflicts -> &[UnitName] as Units, default "";

    /// Units that wait for this one.
    ///
    /// When both are started together, they start only once this one's start is over, well or
    /// badly; stopping goes the other way round. Nothing is pulled in by it.
    Before: Unit "before" = "Before",
        pub before -> &[UnitName] as Units, default "";

    /// Units this one waits for.
    ///
    /// The reverse of `before`: when both are started together, this unit starts only once their
    /// start is over, and stops before they do.
    After: Unit "after" = "After",
        pub after -> &[UnitName] as Units, default "";

    /// Units to start when this one fails.
    ///
    /// They are started when this unit enters the failed state, not while it is still to be
    /// restarted.
    OnFailure: Unit "on-failure" = "OnFailure",
        pub on_failure -> &[UnitName] as Units, default "";

    /// Whether the unit is started at boot.
    ///
    /// A service or socket is, unless this is `false`, it has `wanted-by`, or, being a service,
    /// a socket starts it on demand. `enable` and `disable` write this setting.
    Autostart: Unit "autostart" = ours,
        pub autostart -> bool as Flag, default "true";

    /// The time over which starts are counted.
    ///
    /// More than `start-limit-burst` starts within this time, asked for or automatic, and the
    /// unit fails and is not restarted any more until `reset-failed` or the time is over. `0`
    /// turns the limit off.
    StartLimitIntervalSec: Unit "start-limit-interval-sec" = "StartLimitIntervalSec",
        pub start_limit_interval_sec -> Span as Duration, default "10s";

    /// How many starts are allowed within `start-limit-interval-sec`.
    ///
    /// `0` turns the limit off.
    StartLimitBurst: Unit "start-limit-burst" = "StartLimitBurst",
        pub start_limit_burst -> u32 as Count, default "5";

    /// When the service counts as started.
    ///
    /// `simple`: as soon as its process exists. `exec`: when the program was executed. `notify`:
    /// when it says `READY=1` to the socket in `NOTIFY_SOCKET`. `forking`: when it has put itself
    /// in the background. `oneshot`: when it has finished, which is also the default where there
    /// is no `exec-start`.
    Type: Service "type" = "Type",
        pub(crate) written_type -> ServiceType as Type, default "simple";

    /// Commands to run before the service.
    ///
    /// One after the other; if one fails (and has no `-` before it), the start has failed.
    ExecStartPre: Service "exec-start-pre" = "ExecStartPre",
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
    /// If one fails (and has no `-` before it), the start has failed and the service is stopped.
    ExecStartPost: Service "exec-start-post" = "ExecStartPost",
        pub exec_start_post -> &[ExecLine] as Commands, default "";

    /// Commands that make the service read its configuration again.
    ///
    /// `$MAINPID` is the main process: `kill -HUP $MAINPID`. A unit without this setting cannot
    /// be reloaded.
    ExecReload: Service "exec-reload" = "ExecReload",
        pub exec_reload -> &[ExecLine] as Commands, default "";

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
    ExecStopPost: Service "exec-stop-post" = "ExecStopPost",
        pub exec_stop_post -> &[ExecLine] as Commands, default "";

    /// The directory the commands run in.
    ///
    /// `~` is the home directory of `user`, `inherit` the directory runnerd was started in, and
    /// `inherit:PATH` a path from there, taken as it stands. With `-` before it the directory may be
    /// missing. The default is `/`.
    WorkingDirectory: Service "working-directory" = "WorkingDirectory",
        pub working_directory -> Option<&WorkingDirectory> as Directory, default "";

    /// The user the commands run as.
    ///
    /// By name or number; the default is the user runnerd runs as, and only root can choose another
    /// one. `HOME`, `USER`, `LOGNAME` and `SHELL` are set accordingly.
    User: Service "user" = "User",
        pub user -> Option<&str> as Account, default "";

    /// The group the commands run as.
    ///
    /// By name or number; the default is the primary group of `user`.
    Group: Service "group" = "Group",
        pub group -> Option<&str> as Account, default "";

    /// Environment variables for the commands.
    ///
    /// A string of assignments (`"A=1 'B=two words'"`), an array with one each, or a table
    /// `[service.environment]`. A later one of the same name wins; `environment-file` wins over all.
    Environment: Service "environment" = "Environment",
        pub environment -> &[Assignment] as Variables, default "";

    /// Files with environment variables for the commands.
    ///
    /// Read at each start, lines `NAME=value`; later files win. With `-` before it a file may be
    /// missing.
    EnvironmentFile: Service "environment-file" = "EnvironmentFile",
        pub environment_file -> &[EnvironmentFile] as EnvironmentFiles, default "";

    /// The file mode creation mask of the commands.
    ///
    /// In octal digits: the permission bits that files they create do not get.
    Umask: Service "umask" = "UMask",
        pub umask -> Mode as AccessMode, default "0022";

    /// Where standard input comes from.
    ///
    /// `null`: nowhere. `socket`: the connection, for a service started for one (`accept = true`).
    /// `file:PATH`: a file. `pipe`: a pipe that clients can write to (`supervisorctl fg`), and that
    /// stays open meanwhile.
    StandardInput: Service "standard-input" = "StandardInput",
        pub standard_input -> &Input as InputSource, default "null";

    /// Where standard output goes.
    ///
    /// `log`: the file `log-file`, rotated. `journal`, `console`: the journal, or runnerd's own
    /// output with the unit's name before each line. `ring`: the memory ring only, which
    /// `runnerctl logs` reads and which gets a copy of the others as well. `file:PATH`,
    /// `append:PATH`, `truncate:PATH`: the file itself, opened by the program. `null`: nowhere.
    /// `socket`: the connection the service was started for. `inherit`: where standard input
    /// leads. The default is `log` where `log-file` is set, `socket` where standard input is the
    /// connection, else what `--log-target` says.
    StandardOutput: Service "standard-output" = "StandardOutput",
        pub standard_output -> Option<&Output> as OutputTarget, default "";

    /// Where standard error goes.
    ///
    /// As `standard-output`; `inherit`, the default, is where standard output goes. Where
    /// `error-log-file` is set the default is `log`.
    StandardError: Service "standard-error" = "StandardError",
        pub standard_error -> Option<&Output> as OutputTarget, default "";

    /// The file standard output is logged to.
    ///
    /// Made when missing, rotated by size, never lost when runnerd is killed. Its directory must
    /// exist. A relative path begins at the directory runnerd was started in. `auto` makes a file of
    /// its own in the directory for temporary files, `auto:DIR` in that directory; such files go
    /// when runnerd starts the next time. A device or pipe (`/dev/stdout`) is written to as it is.
    LogFile: Service "log-file" = ours,
        pub log_file -> Option<&LogFile> as LogPath, default "";

    /// The size at which `log-file` is rotated.
    ///
    /// `infinity` or `0` never rotates.
    LogMaxSize: Service "log-max-size" = ours,
        pub log_max_size -> Size as Bytes, default "50M";

    /// How many rotated files of `log-file` are kept.
    ///
    /// They are named `FILE.1`, the newest, to `FILE.N`. `0` empties the file instead.
    LogBackups: Service "log-backups" = ours,
        pub log_backups -> u32 as Count, default "10";

    /// Who owns `log-file` and its rotated files.
    ///
    /// The default is the unit's `user` and `group`.
    LogOwner: Service "log-owner" = ours,
        pub log_owner -> Option<&Owner> as FileOwner, default "";

    /// The access mode of `log-file` and its rotated files.
    ///
    /// Given to files when they are made, whatever the umask.
    LogMode: Service "log-mode" = ours,
        pub log_mode -> Mode as AccessMode, default "0640";

    /// Whether standard output is copied to syslog as well.
    ///
    /// Each line is a message of its own, with the service's name before it.
    LogSyslog: Service "log-syslog" = ours,
        pub log_syslog -> bool as Flag, default "false";

    /// Whether standard output is told to event listeners.
    ///
    /// As `PROCESS_LOG_STDOUT` events.
    LogEvents: Service "log-events" = ours,
        pub log_events -> bool as Flag, default "false";

    /// How much captured standard output one event may hold.
    ///
    /// What stands between `<!--XSUPERVISOR:BEGIN-->` and `<!--XSUPERVISOR:END-->` is then not logged
    /// but told to event listeners (`PROCESS_COMMUNICATION_STDOUT`). `0`: nothing is captured.
    LogCaptureSize: Service "log-capture-size" = ours,
        pub log_capture_size -> Size as Bytes, default "0";

    /// Whether terminal escape sequences are taken out of what is logged.
    ///
    /// Out of both outputs, and out of what event listeners are told.
    LogStripAnsi: Service "log-strip-ansi" = ours,
        pub log_strip_ansi -> bool as Flag, default "false";

    /// The file standard error is logged to.
    ///
    /// As `log-file`, and apart from it. Without it standard error goes where standard output goes.
    ErrorLogFile: Service "error-log-file" = ours,
        pub error_log_file -> Option<&LogFile> as LogPath, default "";

    /// The size at which `error-log-file` is rotated.
    ///
    /// `infinity` or `0` never rotates.
    ErrorLogMaxSize: Service "error-log-max-size" = ours,
        pub error_log_max_size -> Size as Bytes, default "50M";

    /// How many rotated files of `error-log-file` are kept.
    ///
    /// They are named `FILE.1`, the newest, to `FILE.N`. `0` empties the file instead.
    ErrorLogBackups: Service "error-log-backups" = ours,
        pub error_log_backups -> u32 as Count, default "10";

    /// Who owns `error-log-file` and its rotated files.
    ///
    /// The default is the unit's `user` and `group`.
    ErrorLogOwner: Service "error-log-owner" = ours,
        pub error_log_owner -> Option<&Owner> as FileOwner, default "";

    /// The access mode of `error-log-file` and its rotated files.
    ///
    /// Given to files when they are made, whatever the umask.
    ErrorLogMode: Service "error-log-mode" = ours,
        pub error_log_mode -> Mode as AccessMode, default "0640";

    /// Whether standard error is copied to syslog as well.
    ///
    /// Each line is a message of its own, with the service's name before it.
    ErrorLogSyslog: Service "error-log-syslog" = ours,
        pub error_log_syslog -> bool as Flag, default "false";

    /// Whether standard error is told to event listeners.
    ///
    /// As `PROCESS_LOG_STDERR` events.
    ErrorLogEvents: Service "error-log-events" = ours,
        pub error_log_events -> bool as Flag, default "false";

    /// How much captured standard error one event may hold.
    ///
    /// As `log-capture-size`. `0`: nothing is captured.
    ErrorLogCaptureSize: Service "error-log-capture-size" = ours,
        pub error_log_capture_size -> Size as Bytes, default "0";

    /// After which ends the service is started again.
    ///
    /// An end that was asked for never counts. `on-failure` is the usual choice for daemons,
    /// `always` for those that must not end at all.
    Restart: Service "restart" = "Restart",
        pub restart -> Restart as RestartPolicy, default "no";

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

    /// Which processes a stop reaches.
    ///
    /// `control-group`: all of the unit. `mixed`: `kill-signal` to the main process only, then
    /// SIGKILL to all that are left. `process`: only the main process. `none`: only `exec-stop` runs.
    KillMode: Service "kill-mode" = "KillMode",
        pub kill_mode -> KillMode as Killing, default "control-group";

    /// The signal that asks the service to stop.
    ///
    /// SIGCONT follows it, so that a stopped process gets it as well.
    KillSignal: Service "kill-signal" = "KillSignal",
        pub kill_signal -> Signal as SignalName, default "SIGTERM";

    /// Whether SIGKILL is sent to what has not stopped in time.
    ///
    /// Otherwise such processes are left alone, and reported.
    SendSigkill: Service "send-sigkill" = "SendSIGKILL",
        pub send_sigkill -> bool as Flag, default "true";

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

    /// The file a `forking` service writes its main process number to.
    ///
    /// Read when the start command has returned, and waited for if it is not there yet; removed
    /// when the service has ended.
    PidFile: Service "pid-file" = "PIDFile",
        pub pid_file -> Option<&str> as FilePath, default "";

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

    /// How many files the service may have open.
    ///
    /// A number for both limits, or `soft:hard`. The default is what runnerd was started with.
    LimitNofile: Service "limit-nofile" = "LimitNOFILE",
        pub limit_nofile -> Option<Limit> as ResourceLimit, default "";

    /// The place of the service within its group, for clients that ask for the whole group.
    ///
    /// Lower numbers come first. A service named `GROUP:NAME` is in that group, any other one is
    /// in a group of its own.
    Priority: Service "priority" = ours,
        pub priority -> i32 as Integer, default "999";

    /// The place of the service's group among all groups.
    ///
    /// Groups with lower numbers are begun with at boot, without waiting for each other; at
    /// shutdown those with higher numbers are stopped first, and are waited for.
    GroupPriority: Service "group-priority" = ours,
        pub group_priority -> i32 as Integer, default "999";

    /// The place of the service within its group at boot.
    ///
    /// Services of one group are begun with in this order, without waiting for each other.
    GroupPosition: Service "group-position" = ours,
        pub group_position -> u32 as Count, default "0";

    /// The events the service is told about, which makes it an event listener.
    ///
    /// supervisord's names (`PROCESS_STATE`, `TICK_60`, `EVENT` …). It is told over standard input
    /// and answers on standard output, by supervisord's protocol; the listeners of one group share
    /// the events. `standard-input` has to be `pipe`.
    EventTypes: Service "event-types" = ours,
        pub event_types -> &[Box<str>] as Texts, default "";

    /// How many events may wait for the listeners of the group.
    ///
    /// When one more comes the oldest is dropped, and the log says so.
    EventBufferSize: Service "event-buffer-size" = ours,
        pub event_buffer_size -> u32 as Count, default "10";

    /// Which results of the service accept an event.
    ///
    /// A listener answers `RESULT`, a length and a text. `OK` accepts the event, and any other text
    /// rejects it: it is told again. With `any` every text accepts it, for listeners that were
    /// written for a result handler of their own.
    EventResults: Service "event-results" = ours,
        pub event_results -> EventResults as Results, default "ok";

    /// How long the service may take over an event.
    ///
    /// One that has not answered by then is told no more events until it is started again, and its
    /// event goes to another listener of the group.
    EventTimeoutSec: Service "event-timeout-sec" = ours,
        pub event_timeout_sec -> Span as Duration, default "1h";

    /// The address of the XML-RPC server, for the service's own use.
    ///
    /// It is in `SUPERVISOR_SERVER_URL`, beside `SUPERVISOR_ENABLED`, `SUPERVISOR_PROCESS_NAME` and
    /// `SUPERVISOR_GROUP_NAME`. `auto` is the first server runnerd has. Without this setting none of
    /// these variables is set.
    ServerUrl: Service "server-url" = ours,
        pub server_url -> &str as Text, default "";

    /// Whether the commands get all of runnerd's own environment.
    ///
    /// Below whatever else is set; and `user` does not change `HOME`, `USER`, `LOGNAME` and `SHELL`
    /// then. Otherwise a program gets only what is declared for it.
    InheritEnvironment: Service "inherit-environment" = ours,
        pub inherit_environment -> bool as Flag, default "false";

    /// Sockets whose listeners the service gets, besides those that start it.
    ///
    /// They are started with it (`wants` and `after` follow from it). Several services may name one
    /// socket.
    Sockets: Service "sockets" = "Sockets",
        pub sockets -> &[UnitName] as Units, default "";

    /// Addresses to listen on for streams.
    ///
    /// A bare port listens on all addresses, IPv6 and IPv4. Several are several sockets, passed to
    /// the service in the order written; those of `listen-stream` come first, then
    /// `listen-datagram`, `listen-sequential-packet` and `listen-fifo`.
    ListenStream: Socket "listen-stream" = "ListenStream",
        pub listen_stream -> &[ListenAddress] as Streams, default "";

    /// Addresses to receive datagrams on.
    ///
    /// Written as in `listen-stream`. The service is started when one arrives.
    ListenDatagram: Socket "listen-datagram" = "ListenDatagram",
        pub listen_datagram -> &[ListenAddress] as Datagrams, default "";

    /// Addresses to listen on for sequential packets.
    ///
    /// Only `/path` and `@abstract-name`: messages with their boundaries kept, over a connection.
    ListenSequentialPacket: Socket "listen-sequential-packet" = "ListenSequentialPacket",
        pub listen_sequential_packet -> &[ListenAddress] as Packets, default "";

    /// Named pipes to read from.
    ///
    /// Made when missing, with `socket-mode`; the service is started when somebody writes.
    ListenFifo: Socket "listen-fifo" = "ListenFIFO",
        pub listen_fifo -> &[ListenAddress] as Fifos, default "";

    /// Whether each connection gets a service of its own.
    ///
    /// We accept the connections, and each starts an instance of the template `NAME@.service`,
    /// which gets the connection and not the listening socket. Otherwise one service gets the
    /// listening sockets and accepts for itself.
    Accept: Socket "accept" = "Accept",
        pub accept -> bool as Flag, default "false";

    /// How many connections may wait to be accepted.
    ///
    /// The kernel caps it (`net.core.somaxconn`), so the default means as many as it allows.
    Backlog: Socket "backlog" = "Backlog",
        pub backlog -> u32 as Count, default "4294967295";

    /// Who owns sockets and pipes in the file system.
    ///
    /// By name or number; the default is the user runnerd runs as.
    SocketUser: Socket "socket-user" = "SocketUser",
        pub socket_user -> Option<&str> as Account, default "";

    /// The group of sockets and pipes in the file system.
    ///
    /// By name or number; the default is the primary group of `socket-user`.
    SocketGroup: Socket "socket-group" = "SocketGroup",
        pub socket_group -> Option<&str> as Account, default "";

    /// The access mode of sockets and pipes in the file system.
    ///
    /// Who may write may connect.
    SocketMode: Socket "socket-mode" = "SocketMode",
        pub socket_mode -> Mode as AccessMode, default "0666";

    /// How many connections may be served at once with `accept = true`.
    ///
    /// One more is accepted and closed at once, and counted as refused.
    MaxConnections: Socket "max-connections" = "MaxConnections",
        pub max_connections -> u32 as Count, default "64";

    /// What the service sees as the name of the descriptors.
    ///
    /// It is in `LISTEN_FDNAMES`. The default is the name of the sub-table (`[socket.http]` is
    /// `http`), else the name of the socket unit.
    FileDescriptorName: Socket "file-descriptor-name" = "FileDescriptorName",
        pub(crate) written_file_descriptor_name -> Option<&str> as DescriptorName, default "";

    /// Whether sockets and pipes in the file system go when the unit stops.
    ///
    /// A socket left behind refuses connections; a pipe left behind keeps what was written to it.
    RemoveOnStop: Socket "remove-on-stop" = "RemoveOnStop",
        pub remove_on_stop -> bool as Flag, default "false";

    /// The time over which activations are counted.
    ///
    /// More than `trigger-limit-burst` activations within this time and the socket fails, since
    /// the service evidently does not take what arrives. `0` turns the limit off.
    TriggerLimitIntervalSec: Socket "trigger-limit-interval-sec" = "TriggerLimitIntervalSec",
        pub trigger_limit_interval_sec -> Span as Duration, default "2s";

    /// How many activations are allowed within `trigger-limit-interval-sec`.
    ///
    /// The default is 200 with `accept = true`, else 20. `0` turns the limit off.
    TriggerLimitBurst: Socket "trigger-limit-burst" = "TriggerLimitBurst",
        pub(crate) written_trigger_limit_burst -> Option<u32> as OptionalCount, default "";

    /// The service to start.
    ///
    /// The default is the unnamed service of the same file, else the one with the socket's own
    /// name. Not with `accept = true`, which always starts `NAME@.service`.
    Service: Socket "service" = "Service",
        pub(crate) written_service -> Option<&UnitName> as Unit, default "";

    /// Whether a connection starts the service.
    ///
    /// Otherwise the socket only listens, for services that name it in `sockets`.
    Activates: Socket "activates" = ours,
        pub activates -> bool as Flag, default "true";

    /// Units that want this one once it is enabled.
    ///
    /// Only where the default, being started at boot, is not wanted: the unit is then started with
    /// these instead.
    WantedBy: Install "wanted-by" = "WantedBy",
        pub wanted_by -> &[UnitName] as Units, default "";

    /// Units that require this one.
    ///
    /// As `wanted-by`, with the meaning of `requires`.
    RequiredBy: Install "required-by" = "RequiredBy",
        pub required_by -> &[UnitName] as Units, default "";
}
