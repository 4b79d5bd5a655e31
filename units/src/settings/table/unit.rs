//! `[Unit]` of systemd.unit(5): what every kind of unit can say.

use crate::name::UnitName;
use crate::value::{CollectMode, EmergencyAction, JobMode, Span};

settings! {
    after 0;

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

    /// Units that must be up already.
    ///
    /// Starting this unit does not start them: where one of them is not active, the start fails at
    /// once. They are stopped or restarted on request, and so is this unit. Order this unit `after`
    /// them, else it may look before they are up.
    Requisite: Unit "requisite" = "Requisite",
        pub requisite -> &[UnitName] as Units, default "";

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

    /// Units that are kept up as long as this one is.
    ///
    /// As `wants`, and whenever one of them is found down while this unit is up, it is started
    /// again, unless that happened 16 times within ten seconds.
    Upholds: Unit "upholds" = "Upholds",
        pub upholds -> &[UnitName] as Units, default "";

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

    /// Units to start when this one ends well.
    ///
    /// They are started when this unit goes down without having failed, on request too, but not
    /// while it is about to be started again by itself.
    OnSuccess: Unit "on-success" = "OnSuccess",
        pub on_success -> &[UnitName] as Units, default "";

    /// How the units of `on-failure` are queued.
    ///
    /// With `isolate` everything else is stopped, as for a rescue.
    OnFailureJobMode: Unit "on-failure-job-mode" = "OnFailureJobMode",
        pub on_failure_job_mode -> JobMode as Queueing, default "replace";

    /// How the units of `on-success` are queued.
    ///
    /// As systemd has it, they do not replace a job that is in their way.
    OnSuccessJobMode: Unit "on-success-job-mode" = "OnSuccessJobMode",
        pub on_success_job_mode -> JobMode as Queueing, default "fail";

    /// Units that are reloaded with this one.
    ///
    /// Where they cannot reload, or are not up, nothing happens to them.
    PropagatesReloadTo: Unit "propagates-reload-to" = "PropagatesReloadTo",
        pub propagates_reload_to -> &[UnitName] as Units, default "";

    /// Units with which this one is reloaded.
    ///
    /// The reverse of `propagates-reload-to`, for whoever cannot change the other unit's file.
    ReloadPropagatedFrom: Unit "reload-propagated-from" = "ReloadPropagatedFrom",
        pub reload_propagated_from -> &[UnitName] as Units, default "";

    /// Units that are stopped with this one.
    ///
    /// On request, and also when this unit ends by itself.
    PropagatesStopTo: Unit "propagates-stop-to" = "PropagatesStopTo",
        pub propagates_stop_to -> &[UnitName] as Units, default "";

    /// Units with which this one is stopped.
    ///
    /// The reverse of `propagates-stop-to`, for whoever cannot change the other unit's file.
    StopPropagatedFrom: Unit "stop-propagated-from" = "StopPropagatedFrom",
        pub stop_propagated_from -> &[UnitName] as Units, default "";

    /// Units whose private directories and networks this one shares.
    ///
    /// It neither pulls in nor orders anything, and means something only where units have a
    /// private `/tmp` or network of their own.
    JoinsNamespaceOf: Unit "joins-namespace-of" = "JoinsNamespaceOf",
        pub joins_namespace_of -> &[UnitName] as Units, default "";

    /// Paths whose file systems have to be there.
    ///
    /// Whatever is mounted was mounted before this program was started, so there is nothing to
    /// wait for and nothing to require: it is kept for those who read it.
    RequiresMountsFor: Unit "requires-mounts-for" = "RequiresMountsFor",
        pub requires_mounts_for -> &[Box<str>] as Paths, default "";

    /// Paths whose file systems should be there.
    ///
    /// As `requires-mounts-for`, and for the same reason nothing comes of it.
    WantsMountsFor: Unit "wants-mounts-for" = "WantsMountsFor",
        pub wants_mounts_for -> &[Box<str>] as Paths, default "";

    /// Whether the unit has the dependencies that nearly all units need.
    ///
    /// A service comes after `basic.target`; a socket, timer or path comes before `sockets.target`,
    /// `timers.target` or `paths.target`; all of them require `sysinit.target` and come after it,
    /// and conflict with `shutdown.target`, which comes after their end. A target comes after the
    /// units that it wants or requires.
    DefaultDependencies: Unit "default-dependencies" = "DefaultDependencies",
        pub default_dependencies -> bool as Flag, default "true";

    /// Whether the unit is stopped when no other needs it any more.
    ///
    /// It is needed by those that want, require, bind to or uphold it, while they are up, on their
    /// way or about to be restarted.
    StopWhenUnneeded: Unit "stop-when-unneeded" = "StopWhenUnneeded",
        pub stop_when_unneeded -> bool as Flag, default "false";

    /// Whether a start on request is refused.
    ///
    /// Only another unit can start it then, as one of its dependencies.
    RefuseManualStart: Unit "refuse-manual-start" = "RefuseManualStart",
        pub refuse_manual_start -> bool as Flag, default "false";

    /// Whether a stop on request is refused.
    ///
    /// Only another unit can stop it then. At the end of everything it is stopped all the same.
    RefuseManualStop: Unit "refuse-manual-stop" = "RefuseManualStop",
        pub refuse_manual_stop -> bool as Flag, default "false";

    /// Whether `isolate` is possible with this unit.
    ///
    /// That is: start it and what it needs, and stop everything else.
    AllowIsolate: Unit "allow-isolate" = "AllowIsolate",
        pub allow_isolate -> bool as Flag, default "false";

    /// Whether the unit stays up when another one is isolated.
    ///
    /// See `allow-isolate`.
    IgnoreOnIsolate: Unit "ignore-on-isolate" = "IgnoreOnIsolate",
        pub ignore_on_isolate -> bool as Flag, default "false";

    /// How long a job of the unit may take, from the moment it is queued.
    ///
    /// When the time is over the job ends with the result `timeout`; what it began goes on.
    JobTimeoutSec: Unit "job-timeout-sec" = "JobTimeoutSec",
        pub(crate) written_job_timeout_sec -> Span as Duration, default "infinity";

    /// How long a job of the unit may take, from the moment it runs.
    ///
    /// Where only `job-timeout-sec` is set, that is the limit here as well.
    JobRunningTimeoutSec: Unit "job-running-timeout-sec" = "JobRunningTimeoutSec",
        pub(crate) written_job_running_timeout_sec -> Span as Duration, default "infinity";

    /// What is done when a job of the unit took too long.
    ///
    /// See `job-timeout-sec` and, for the words, `failure-action`.
    JobTimeoutAction: Unit "job-timeout-action" = "JobTimeoutAction",
        pub job_timeout_action -> EmergencyAction as Action, default "none";

    /// When what is known of a unit that nobody refers to is forgotten.
    ///
    /// A unit that came to a good end loses its count of starts, and its run stays to be looked at.
    /// With `inactive-or-failed` a failure is forgotten as well, at once: the unit is inactive then,
    /// as after `reset-failed`.
    CollectMode: Unit "collect-mode" = "CollectMode",
        pub collect_mode -> CollectMode as Collection, default "inactive";

    /// What is done when the unit fails.
    ///
    /// Also where it would be restarted by itself; `start-limit-action` waits until that was in
    /// vain. The right word for the one service that a container is for: `exit` ends the container
    /// with the service's exit status.
    FailureAction: Unit "failure-action" = "FailureAction",
        pub failure_action -> EmergencyAction as Action, default "none";

    /// What is done when the unit goes down without having failed.
    ///
    /// On request, too. See `failure-action`.
    SuccessAction: Unit "success-action" = "SuccessAction",
        pub success_action -> EmergencyAction as Action, default "none";

    /// The exit status of the program when `failure-action` ends it.
    ///
    /// Where it is not set: that of the service's main process, or 255 if a signal ended it.
    FailureActionExitStatus: Unit "failure-action-exit-status" = "FailureActionExitStatus",
        pub failure_action_exit_status -> Option<u8> as ExitCode, default "";

    /// The exit status of the program when `success-action` ends it.
    ///
    /// Where it is not set: that of the service's main process, or 255 if a signal ended it.
    SuccessActionExitStatus: Unit "success-action-exit-status" = "SuccessActionExitStatus",
        pub success_action_exit_status -> Option<u8> as ExitCode, default "";

    /// Whether everything ends when the unit does.
    ///
    /// For the one unit that a container is there for. When it has ended and nothing starts it again,
    /// everything is stopped in order, and its exit status is that of runnerd: as a shell says it, so
    /// 128 and the number of a signal that ended it; 1 where it never ran. `restart` goes first: what
    /// is restarted has not ended. The first such unit to end decides. Where `failure-action` or
    /// `success-action` says more, that is done instead.
    Essential: Unit "essential" = ours,
        pub essential -> bool as Flag, default "false";

    /// What is done when the unit was started too often.
    ///
    /// That is, more than `start-limit-burst` times within `start-limit-interval-sec`.
    StartLimitAction: Unit "start-limit-action" = "StartLimitAction",
        pub start_limit_action -> EmergencyAction as Action, default "none";

    /// The file this unit file was made from.
    ///
    /// Written by whoever generates unit files, and read by people only.
    SourcePath: Unit "source-path" = "SourcePath",
        pub source_path -> Option<&str> as FilePath, default "";

    /// Whether the unit is started at boot.
    ///
    /// A service or socket is, unless this is `false`, it has `wanted-by`, or, being a service,
    /// a socket starts it on demand. `enable` and `disable` write this setting.
    Autostart: Unit "autostart" = ours,
        pub autostart -> bool as Flag, default "true";

    /// Whether the unit is loaded without what runner does not support.
    ///
    /// Settings of systemd that runner knows and does not do (runner-systemd(7)) are then left out,
    /// with a warning for each; otherwise the unit cannot be loaded, so that nobody trusts in a
    /// protection that is not there. `runnerd --ignore-unsupported` says the same for all units.
    IgnoreUnsupported: Unit "ignore-unsupported" = ours,
        pub ignore_unsupported -> bool as Flag, default "false";

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
}
