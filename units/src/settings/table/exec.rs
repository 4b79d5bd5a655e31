//! How commands are run (systemd.exec(5)).

use crate::value::{Assignment, EnvironmentFile, Input, Limit, Mode, Output, WorkingDirectory};

settings! {
    after super::service::END;

    /// The directory the commands run in.
    ///
    /// `~` is the home directory of `user`, `inherit` the directory runnerd was started in, and
    /// `inherit:PATH` a path from there, taken as it stands. With `-` before it the directory may be
    /// missing. The default is `/`.
    WorkingDirectory: Exec "working-directory" = "WorkingDirectory",
        pub working_directory -> Option<&WorkingDirectory> as Directory, default "";

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

    /// Environment variables for the commands.
    ///
    /// A string of assignments (`"A=1 'B=two words'"`), an array with one each, or a table
    /// `[service.environment]`. A later one of the same name wins; `environment-file` wins over all.
    Environment: Exec "environment" = "Environment",
        pub environment -> &[Assignment] as Variables, default "";

    /// Files with environment variables for the commands.
    ///
    /// Read at each start, lines `NAME=value`; later files win. With `-` before it a file may be
    /// missing.
    EnvironmentFile: Exec "environment-file" = "EnvironmentFile",
        pub environment_file -> &[EnvironmentFile] as EnvironmentFiles, default "";

    /// The file mode creation mask of the commands.
    ///
    /// In octal digits: the permission bits that files they create do not get.
    Umask: Exec "umask" = "UMask",
        pub umask -> Mode as AccessMode, default "0022";

    /// Where standard input comes from.
    ///
    /// `null`: nowhere. `socket`: the connection, for a service started for one (`accept = true`).
    /// `file:PATH`: a file. `pipe`: a pipe that clients can write to (`supervisorctl fg`), and that
    /// stays open meanwhile.
    StandardInput: Exec "standard-input" = "StandardInput",
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
    StandardOutput: Exec "standard-output" = "StandardOutput",
        pub standard_output -> Option<&Output> as OutputTarget, default "";

    /// Where standard error goes.
    ///
    /// As `standard-output`; `inherit`, the default, is where standard output goes. Where
    /// `error-log-file` is set the default is `log`.
    StandardError: Exec "standard-error" = "StandardError",
        pub standard_error -> Option<&Output> as OutputTarget, default "";

    /// How many files the service may have open.
    ///
    /// A number for both limits, or `soft:hard`. The default is what runnerd was started with.
    LimitNofile: Exec "limit-nofile" = "LimitNOFILE",
        pub limit_nofile -> Option<Limit> as ResourceLimit, default "";

    /// Whether the commands get all of runnerd's own environment.
    ///
    /// Below whatever else is set; and `user` does not change `HOME`, `USER`, `LOGNAME` and `SHELL`
    /// then. Otherwise a program gets only what is declared for it.
    InheritEnvironment: Exec "inherit-environment" = ours,
        pub inherit_environment -> bool as Flag, default "false";
}
