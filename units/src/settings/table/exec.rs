//! How commands are run (systemd.exec(5)): who runs them, where, with which environment and
//! descriptors. Limits and scheduling are in [`limits`](super::limits).

use crate::value::{
    Assignment, Capabilities, EnvironmentFile, Facility, Input, KeyringMode, LoadedCredential,
    LogLevel, Mode, Output, OwnDirectory, Personality, Preserve, SecureBits, SetCredential, Span,
    WorkingDirectory,
};

settings! {
    after super::service::END;

    /// The directory the commands run in.
    ///
    /// `~` is the home directory of `user`, `inherit` the directory runnerd was started in, and
    /// `inherit:PATH` a path from there, taken as it stands. With `-` before it the directory may be
    /// missing. The default is `/`. It lies below `root-directory`, where that is set.
    WorkingDirectory: Exec "working-directory" = "WorkingDirectory",
        pub working_directory -> Option<&WorkingDirectory> as Directory, default "";

    /// The directory that is `/` for the commands.
    ///
    /// By chroot(2): everything they need has to be in there, the program itself, and `/proc` or
    /// `/dev` where it wants them.
    RootDirectory: Exec "root-directory" = "RootDirectory",
        pub root_directory -> Option<&str> as FilePath, default "";

    /// Whether only `exec-start` is confined to `root-directory`.
    ///
    /// The other commands then see the whole system, and `working-directory` in it.
    RootDirectoryStartOnly: Service "root-directory-start-only" = "RootDirectoryStartOnly",
        pub root_directory_start_only -> bool as Flag, default "false";

    /// Whether only `exec-start` runs with the rights of `user`.
    ///
    /// The other commands then run as if they all had `+` before the path, which says it of one alone.
    PermissionsStartOnly: Service "permissions-start-only" = "PermissionsStartOnly",
        pub permissions_start_only -> bool as Flag, default "false";

    /// The user the commands run as.
    ///
    /// By name or number; the default is the user runnerd runs as, and only root can choose another
    /// one. `HOME`, `USER`, `LOGNAME` and `SHELL` are set accordingly.
    User: Exec "user" = "User",
        pub user -> Option<&str> as Account, default "";

    /// The group the commands run as.
    ///
    /// By name or number; the default is the primary group of `user`.
    Group: Exec "group" = "Group",
        pub group -> Option<&str> as Account, default "";

    /// Groups the commands have besides.
    ///
    /// Those that `user` is a member of are added by themselves, unless the group is root's.
    SupplementaryGroups: Exec "supplementary-groups" = "SupplementaryGroups",
        pub supplementary_groups -> &[Box<str>] as Accounts, default "";

    /// Environment variables for the commands.
    ///
    /// A string of assignments (`"A=1 'B=two words'"`), an array with one each, or a table
    /// `[service.environment]`. A later one of the same name wins; `environment-file` wins over all.
    Environment: Exec "environment" = "Environment",
        pub environment -> &[Assignment] as Variables, default "";

    /// Files with environment variables for the commands.
    ///
    /// Read at each start, lines `NAME=value`; later files win. With `-` before it a file may be
    /// missing. `*`, `?` and `[…]` stand for all files whose names fit, of which there has to be one.
    EnvironmentFile: Exec "environment-file" = "EnvironmentFile",
        pub environment_file -> &[EnvironmentFile] as EnvironmentFiles, default "";

    /// Variables of runnerd's own environment that the commands get.
    ///
    /// By name; those that runnerd does not have are left out. `environment` wins over them.
    PassEnvironment: Exec "pass-environment" = "PassEnvironment",
        pub pass_environment -> &[Box<str>] as Texts, default "";

    /// Variables the commands do not get, wherever they come from.
    ///
    /// By name, or as `NAME=value`, which takes the variable away only when it has this value.
    UnsetEnvironment: Exec "unset-environment" = "UnsetEnvironment",
        pub unset_environment -> &[Box<str>] as QuotedWords, default "";

    /// Where programs are looked for that are named without a path.
    ///
    /// It is also the `PATH` of the commands, unless they are given another one. The default is
    /// `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`.
    ExecSearchPath: Exec "exec-search-path" = "ExecSearchPath",
        pub exec_search_path -> &[Box<str>] as SearchPath, default "";

    /// The file mode creation mask of the commands.
    ///
    /// In octal digits: the permission bits that files they create do not get.
    Umask: Exec "umask" = "UMask",
        pub umask -> Mode as AccessMode, default "0022";

    /// Directories in `/run` for the service.
    ///
    /// They are made before each command, owned by `user` and `group`, and removed when the service
    /// has ended, see `runtime-directory-preserve`. Their paths are in `RUNTIME_DIRECTORY`,
    /// separated by `:`. `NAME:LINK` makes a symbolic link to it as well.
    RuntimeDirectory: Exec "runtime-directory" = "RuntimeDirectory",
        pub runtime_directory -> &[OwnDirectory] as OwnDirectories, default "";

    /// The access mode of `runtime-directory`.
    ///
    /// Given to it at each start.
    RuntimeDirectoryMode: Exec "runtime-directory-mode" = "RuntimeDirectoryMode",
        pub runtime_directory_mode -> Mode as AccessMode, default "0755";

    /// When `runtime-directory` is removed.
    ///
    /// `no`: whenever the service ends. `restart`: only when it is not started again right away.
    /// `yes`: never.
    RuntimeDirectoryPreserve: Exec "runtime-directory-preserve" = "RuntimeDirectoryPreserve",
        pub runtime_directory_preserve -> Preserve as Preserved, default "no";

    /// Directories in `/var/lib` for the service.
    ///
    /// As `runtime-directory`, but they stay. Their paths are in `STATE_DIRECTORY`.
    StateDirectory: Exec "state-directory" = "StateDirectory",
        pub state_directory -> &[OwnDirectory] as OwnDirectories, default "";

    /// The access mode of `state-directory`.
    ///
    /// Given to it at each start.
    StateDirectoryMode: Exec "state-directory-mode" = "StateDirectoryMode",
        pub state_directory_mode -> Mode as AccessMode, default "0755";

    /// Directories in `/var/cache` for the service.
    ///
    /// As `runtime-directory`, but they stay. Their paths are in `CACHE_DIRECTORY`.
    CacheDirectory: Exec "cache-directory" = "CacheDirectory",
        pub cache_directory -> &[OwnDirectory] as OwnDirectories, default "";

    /// The access mode of `cache-directory`.
    ///
    /// Given to it at each start.
    CacheDirectoryMode: Exec "cache-directory-mode" = "CacheDirectoryMode",
        pub cache_directory_mode -> Mode as AccessMode, default "0755";

    /// Directories in `/var/log` for the service.
    ///
    /// As `runtime-directory`, but they stay. Their paths are in `LOGS_DIRECTORY`.
    LogsDirectory: Exec "logs-directory" = "LogsDirectory",
        pub logs_directory -> &[OwnDirectory] as OwnDirectories, default "";

    /// The access mode of `logs-directory`.
    ///
    /// Given to it at each start.
    LogsDirectoryMode: Exec "logs-directory-mode" = "LogsDirectoryMode",
        pub logs_directory_mode -> Mode as AccessMode, default "0755";

    /// Directories in `/etc` for the service.
    ///
    /// They are made where they are missing and otherwise left alone: neither owner nor mode of
    /// one that exists is changed. Their paths are in `CONFIGURATION_DIRECTORY`.
    ConfigurationDirectory: Exec "configuration-directory" = "ConfigurationDirectory",
        pub configuration_directory -> &[OwnDirectory] as OwnDirectories, default "";

    /// The access mode of `configuration-directory`, where it is made.
    ///
    /// One that exists keeps its own.
    ConfigurationDirectoryMode: Exec "configuration-directory-mode" = "ConfigurationDirectoryMode",
        pub configuration_directory_mode -> Mode as AccessMode, default "0755";

    /// Secrets for the service, read from files at each start.
    ///
    /// `NAME:PATH`: the file is copied to where only the service can read it; the directory is in
    /// `CREDENTIALS_DIRECTORY` and is `%d`. PATH may be a directory, each file of which is a credential
    /// `NAME_FILE`, or a listening socket to read it from. `NAME` alone is one that runnerd itself
    /// was given under this name, or that lies in a `credstore` directory (`/etc/credstore`,
    /// `/run/credstore`, …). They are gone when the service has ended.
    LoadCredential: Exec "load-credential" = "LoadCredential",
        pub load_credential -> &[LoadedCredential] as LoadedCredentials, default "";

    /// Secrets for the service that stand in the unit file.
    ///
    /// `NAME:content`, where everybody who can read the file can read them; also what is used when
    /// the file of a `load-credential` of this name is missing.
    SetCredential: Exec "set-credential" = "SetCredential",
        pub set_credential -> &[SetCredential] as SetCredentials, default "";

    /// Where standard input comes from.
    ///
    /// `null`: nowhere. `socket`: the connection, for a service started for one (`accept = true`).
    /// `file:PATH`: a file. `data`: what `standard-input-text` and `standard-input-data` say, which is
    /// the default where they are set. `tty`, `tty-fail`: the terminal `tty-path`, which becomes the
    /// program's own; the start fails where somebody else has it. `tty-force`: takes it away from
    /// them. `fd:NAME`: a descriptor of one of `sockets`. `pipe`: a pipe that clients can write to
    /// (`supervisorctl fg`), and that stays open meanwhile.
    StandardInput: Exec "standard-input" = "StandardInput",
        pub(crate) written_standard_input -> &Input as InputSource, default "null";

    /// Text for standard input.
    ///
    /// Each item is a line; C escapes work.
    StandardInputText: Exec "standard-input-text" = "StandardInputText",
        pub standard_input_text -> &[u8] as Lines, default "";

    /// Bytes for standard input, in Base64.
    ///
    /// They come after `standard-input-text`.
    StandardInputData: Exec "standard-input-data" = "StandardInputData",
        pub standard_input_data -> &[u8] as Base64, default "";

    /// Where standard output goes.
    ///
    /// `log`: the file `log-file`, rotated. `journal`, `console`: the journal, or runnerd's own
    /// output with the unit's name before each line. `kmsg`: the kernel's log. `ring`: the memory ring only, which
    /// `runnerctl logs` reads and which gets a copy of the others as well. `file:PATH`,
    /// `append:PATH`, `truncate:PATH`: the file itself, opened by the program. `null`: nowhere.
    /// `tty`: the terminal `tty-path`. `socket`: the connection the service was started for.
    /// `fd:NAME`: a descriptor of one of `sockets`. `inherit`: where standard input
    /// leads. The default is `log` where `log-file` is set, `inherit` where standard input is a
    /// connection, terminal or descriptor, else what `--log-target` says.
    StandardOutput: Exec "standard-output" = "StandardOutput",
        pub standard_output -> Option<&Output> as OutputTarget, default "";

    /// Where standard error goes.
    ///
    /// As `standard-output`; `inherit`, the default, is where standard output goes. Where
    /// `error-log-file` is set the default is `log`.
    StandardError: Exec "standard-error" = "StandardError",
        pub standard_error -> Option<&Output> as OutputTarget, default "";

    /// The terminal that `tty` means.
    ///
    /// A device; the default is `/dev/console`.
    TtyPath: Exec "tty-path" = "TTYPath",
        pub tty_path -> &str as Text, default "/dev/console";

    /// Whether the terminal is set to sane ways before each command.
    ///
    /// Echo, line editing and the rest, as `stty sane` does.
    TtyReset: Exec "tty-reset" = "TTYReset",
        pub tty_reset -> bool as Flag, default "false";

    /// Whether everybody who has the terminal open is cut off from it before each command.
    ///
    /// Needs to be root.
    TtyVhangup: Exec "tty-vhangup" = "TTYVHangup",
        pub tty_vhangup -> bool as Flag, default "false";

    /// Whether the virtual console is emptied before each command, so that nobody can scroll back.
    ///
    /// Other terminals are cleared as far as they understand the usual sequences.
    TtyVtDisallocate: Exec "tty-vt-disallocate" = "TTYVTDisallocate",
        pub tty_vt_disallocate -> bool as Flag, default "false";

    /// How many rows the terminal has.
    ///
    /// Told to it before the commands.
    TtyRows: Exec "tty-rows" = "TTYRows",
        pub tty_rows -> Option<u32> as OptionalCount, default "";

    /// How many columns the terminal has.
    ///
    /// Told to it before the commands.
    TtyColumns: Exec "tty-columns" = "TTYColumns",
        pub tty_columns -> Option<u32> as OptionalCount, default "";

    /// What the service's lines are marked with in the journal.
    ///
    /// The default is the name of the unit without its suffix.
    SyslogIdentifier: Exec "syslog-identifier" = "SyslogIdentifier",
        pub syslog_identifier -> Option<&str> as OptionalText, default "";

    /// The facility of the service's lines in the journal.
    ///
    /// One of syslog(3).
    SyslogFacility: Exec "syslog-facility" = "SyslogFacility",
        pub syslog_facility -> Facility as SyslogFacility, default "daemon";

    /// The level of the service's lines.
    ///
    /// For lines that do not say it themselves, see `syslog-level-prefix`.
    SyslogLevel: Exec "syslog-level" = "SyslogLevel",
        pub syslog_level -> LogLevel as SyslogLevel, default "info";

    /// Whether a line that begins with `<N>` is taken to say its own level.
    ///
    /// As sd-daemon(3) has it; the prefix is then left out.
    SyslogLevelPrefix: Exec "syslog-level-prefix" = "SyslogLevelPrefix",
        pub syslog_level_prefix -> bool as Flag, default "true";

    /// The least important level that is logged.
    ///
    /// In the journal and on the console; lines that matter less are thrown away.
    LogLevelMax: Exec "log-level-max" = "LogLevelMax",
        pub log_level_max -> LogLevel as SyslogLevel, default "debug";

    /// Fields that each of the service's lines has in the journal.
    ///
    /// `FIELD=value`, quoted where there are spaces.
    LogExtraFields: Exec "log-extra-fields" = "LogExtraFields",
        pub log_extra_fields -> &[Box<str>] as JournalFields, default "";

    /// The time over which the service's lines are counted.
    ///
    /// When there are more than `log-rate-limit-burst` within it the rest of them is thrown away,
    /// and how many is said. In the journal and on the console. `0` turns the limit off.
    LogRateLimitIntervalSec: Exec "log-rate-limit-interval-sec" = "LogRateLimitIntervalSec",
        pub log_rate_limit_interval_sec -> Span as Duration, default "0";

    /// How many lines are logged within `log-rate-limit-interval-sec`.
    ///
    /// `0` turns the limit off.
    LogRateLimitBurst: Exec "log-rate-limit-burst" = "LogRateLimitBurst",
        pub log_rate_limit_burst -> u32 as Count, default "0";

    /// Whether the commands ignore SIGPIPE.
    ///
    /// Writing to a closed pipe is then an error they see; otherwise it ends them, which is what
    /// pipelines in a shell expect.
    IgnoreSigpipe: Exec "ignore-sigpipe" = "IgnoreSIGPIPE",
        pub ignore_sigpipe -> bool as Flag, default "true";

    /// Capabilities the commands can have at all.
    ///
    /// Others are lost for good, also to root. `~` before the names takes these away; the empty
    /// text takes all away.
    CapabilityBoundingSet: Exec "capability-bounding-set" = "CapabilityBoundingSet",
        pub capability_bounding_set -> Capabilities as BoundingSet, default "";

    /// Capabilities the commands have although they do not run as root.
    ///
    /// `CAP_NET_BIND_SERVICE` lets an ordinary user listen below port 1024.
    AmbientCapabilities: Exec "ambient-capabilities" = "AmbientCapabilities",
        pub ambient_capabilities -> Capabilities as AmbientSet, default "";

    /// Whether the commands can never gain privileges.
    ///
    /// No set-uid program and no file capabilities help them then (prctl(2), PR_SET_NO_NEW_PRIVS).
    NoNewPrivileges: Exec "no-new-privileges" = "NoNewPrivileges",
        pub no_new_privileges -> bool as Flag, default "false";

    /// How capabilities and user numbers go together (capabilities(7)).
    ///
    /// Several assignments add up.
    SecureBits: Exec "secure-bits" = "SecureBits",
        pub secure_bits -> SecureBits as SecureBitSet, default "";

    /// Whose kernel keyring the commands see.
    ///
    /// The default is `private`, and `inherit` together with `inherit-environment`.
    KeyringMode: Exec "keyring-mode" = "KeyringMode",
        pub keyring_mode -> Option<KeyringMode> as Keyring, default "";

    /// Which machine the commands are told they run on.
    ///
    /// This machine's own name or that of its narrow sibling, such as `x86` on `x86-64`.
    Personality: Exec "personality" = "Personality",
        pub personality -> Option<Personality> as Machine, default "";

    /// Whether the commands get all of runnerd's own environment.
    ///
    /// Below whatever else is set; and `user` does not change `HOME`, `USER`, `LOGNAME` and `SHELL`
    /// then. Otherwise a program gets only what is declared for it.
    InheritEnvironment: Exec "inherit-environment" = ours,
        pub inherit_environment -> bool as Flag, default "false";
}
