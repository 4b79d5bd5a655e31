//! Log files and what is done with what a service says: our own words.

use crate::value::{LogFile, Mode, Owner, Size};

settings! {
    after super::resource::END;

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
}
