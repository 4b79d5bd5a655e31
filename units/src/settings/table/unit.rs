//! `[Unit]` of systemd.unit(5): what every kind of unit can say.

use crate::name::UnitName;
use crate::value::Span;

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
