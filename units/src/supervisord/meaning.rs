//! Every option of a program and what it comes to, for people and for finding contradictions.

use crate::settings::SettingId as S;

/// The options of programs and what they come to, for people and for finding contradictions.
pub struct OptionMeaning {
    /// The option.
    pub option: &'static str,
    /// The settings it decides.
    pub settings: &'static [S],
    /// How, in Markdown.
    pub meaning: &'static str,
}

/// Every option of `[program:…]`, `[eventlistener:…]`, `[fcgi-program:…]` and `[group:…]`.
pub static OPTIONS: &[OptionMeaning] = &[
    OptionMeaning {
        option: "command",
        settings: &[S::ExecStart, S::StandardInput],
        meaning: "`exec-start`, with `=` before it unless a plain line means the same. Standard input is a pipe clients can write to: `standard-input = \"pipe\"`",
    },
    OptionMeaning {
        option: "process_name",
        settings: &[],
        meaning: "the unit is `NAME.service` where the group has the same name, else `GROUP:NAME.service`",
    },
    OptionMeaning {
        option: "numprocs",
        settings: &[S::GroupPosition],
        meaning: "that many units, in the order of `group-position`",
    },
    OptionMeaning {
        option: "numprocs_start",
        settings: &[],
        meaning: "the number of the first of them, in `%(process_num)d`",
    },
    OptionMeaning {
        option: "priority",
        settings: &[S::Priority, S::GroupPriority],
        meaning: "`priority`; of a group, a listener and a program in no group `group-priority` as well",
    },
    OptionMeaning {
        option: "autostart",
        settings: &[S::Autostart],
        meaning: "`autostart`",
    },
    OptionMeaning {
        option: "startsecs",
        settings: &[S::ReadyAfter, S::TimeoutStartSec],
        meaning: "`ready-after`",
    },
    OptionMeaning {
        option: "startretries",
        settings: &[S::StartRetries, S::StartRetrySec],
        meaning: "`start-retries`, each a second later than the one before (`start-retry-sec`)",
    },
    OptionMeaning {
        option: "autorestart",
        settings: &[S::Restart, S::RestartSec, S::StartLimitBurst],
        meaning: "`restart`: `false` is `no`, `unexpected` is `on-failure`, `true` is `always`; at once and without limit (`restart-sec = 0`, `start-limit-burst = 0`)",
    },
    OptionMeaning {
        option: "exitcodes",
        settings: &[S::SuccessExitStatus, S::SuccessExitStatusOnly],
        meaning: "`success-exit-status` with `success-exit-status-only = true`",
    },
    OptionMeaning {
        option: "stopsignal",
        settings: &[S::KillSignal],
        meaning: "`kill-signal`",
    },
    OptionMeaning {
        option: "stopwaitsecs",
        settings: &[S::TimeoutStopSec],
        meaning: "`timeout-stop-sec`; `0` is `1ms`",
    },
    OptionMeaning {
        option: "stopasgroup",
        settings: &[S::KillMode],
        meaning: "`kill-mode = \"control-group\"`; without it and `killasgroup` it is `process`",
    },
    OptionMeaning {
        option: "killasgroup",
        settings: &[S::KillMode],
        meaning: "`kill-mode = \"mixed\"`",
    },
    OptionMeaning {
        option: "user",
        settings: &[S::User],
        meaning: "`user`",
    },
    OptionMeaning {
        option: "redirect_stderr",
        settings: &[S::StandardError],
        meaning: "no `error-log-file`, so that standard error goes where standard output goes",
    },
    OptionMeaning {
        option: "stdout_logfile",
        settings: &[S::LogFile, S::StandardOutput, S::LogOwner, S::LogMode],
        meaning: "`log-file`: `AUTO` is `auto`, in `childlogdir` where one is set; `NONE` is `standard-output = \"ring\"`. Named files keep supervisord's mode and owner (`log-mode`, `log-owner`)",
    },
    OptionMeaning {
        option: "stdout_logfile_maxbytes",
        settings: &[S::LogMaxSize],
        meaning: "`log-max-size`",
    },
    OptionMeaning {
        option: "stdout_logfile_backups",
        settings: &[S::LogBackups],
        meaning: "`log-backups`",
    },
    OptionMeaning {
        option: "stdout_capture_maxbytes",
        settings: &[S::LogCaptureSize],
        meaning: "`log-capture-size`",
    },
    OptionMeaning {
        option: "stdout_events_enabled",
        settings: &[S::LogEvents],
        meaning: "`log-events`",
    },
    OptionMeaning {
        option: "stdout_syslog",
        settings: &[S::LogSyslog],
        meaning: "`log-syslog`",
    },
    OptionMeaning {
        option: "stderr_logfile",
        settings: &[
            S::ErrorLogFile,
            S::StandardError,
            S::ErrorLogOwner,
            S::ErrorLogMode,
        ],
        meaning: "`error-log-file`, as `stdout_logfile`; `NONE` is `standard-error = \"ring\"`",
    },
    OptionMeaning {
        option: "stderr_logfile_maxbytes",
        settings: &[S::ErrorLogMaxSize],
        meaning: "`error-log-max-size`",
    },
    OptionMeaning {
        option: "stderr_logfile_backups",
        settings: &[S::ErrorLogBackups],
        meaning: "`error-log-backups`",
    },
    OptionMeaning {
        option: "stderr_capture_maxbytes",
        settings: &[S::ErrorLogCaptureSize],
        meaning: "`error-log-capture-size`",
    },
    OptionMeaning {
        option: "stderr_events_enabled",
        settings: &[S::ErrorLogEvents],
        meaning: "`error-log-events`",
    },
    OptionMeaning {
        option: "stderr_syslog",
        settings: &[S::ErrorLogSyslog],
        meaning: "`error-log-syslog`",
    },
    OptionMeaning {
        option: "environment",
        settings: &[S::Environment, S::InheritEnvironment],
        meaning: "`environment`, that of `[supervisord]` included, above runnerd's own (`inherit-environment = true`)",
    },
    OptionMeaning {
        option: "directory",
        settings: &[S::WorkingDirectory],
        meaning: "`working-directory`; without it `inherit`, and a path that is not absolute is `inherit:PATH`",
    },
    OptionMeaning {
        option: "umask",
        settings: &[S::Umask],
        meaning: "`umask`, else that of `[supervisord]`",
    },
    OptionMeaning {
        option: "serverurl",
        settings: &[S::ServerUrl],
        meaning: "`server-url`; `AUTO` is `auto`",
    },
    OptionMeaning {
        option: "programs",
        settings: &[S::GroupPosition],
        meaning: "the units are called `GROUP:NAME.service`, in the order of `group-position`",
    },
    OptionMeaning {
        option: "socket",
        settings: &[S::Sockets],
        meaning: "a unit `NAME.socket` with `listen-stream` and `activates = false`, named in `sockets`; the programs have `standard-input = \"socket\"`",
    },
    OptionMeaning {
        option: "socket_owner",
        settings: &[],
        meaning: "`socket-user` and `socket-group` of `NAME.socket`",
    },
    OptionMeaning {
        option: "socket_mode",
        settings: &[],
        meaning: "`socket-mode` of `NAME.socket`",
    },
    OptionMeaning {
        option: "socket_backlog",
        settings: &[],
        meaning: "`backlog` of `NAME.socket`",
    },
    OptionMeaning {
        option: "events",
        settings: &[S::EventTypes],
        meaning: "`event-types`",
    },
    OptionMeaning {
        option: "buffer_size",
        settings: &[S::EventBufferSize],
        meaning: "`event-buffer-size`",
    },
    OptionMeaning {
        option: "result_handler",
        settings: &[S::EventResults],
        meaning: "`event-results`: supervisord's own handler is `ok`; any other is Python code, which nothing here can run, and makes it `any`: every result accepts the event",
    },
    OptionMeaning {
        option: "depends_on",
        settings: &[],
        meaning: "`requires` and `after`",
    },
];

/// The option that decides a setting.
pub(super) fn option_of(id: S) -> Option<&'static str> {
    let row = OPTIONS.iter().find(|row| row.settings.contains(&id));
    row.map(|row| row.option)
}
