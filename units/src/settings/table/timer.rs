//! `[timer]` (systemd.timer(5)).

use crate::name::UnitName;
use crate::value::{CalendarSpec, Span};

settings! {
    after super::socket::END;

    /// How long after the timer itself was started it elapses.
    ///
    /// Several spans, here and in the other settings that begin with `on-`, are several moments:
    /// the timer elapses at the earliest of them, and then waits for the next.
    OnActiveSec: Timer "on-active-sec" = "OnActiveSec",
        pub on_active_sec -> &[Span] as Spans, default "";

    /// How long after the machine was booted it elapses.
    ///
    /// In a container the time counts from the start of runnerd, as with `on-startup-sec`.
    OnBootSec: Timer "on-boot-sec" = "OnBootSec",
        pub on_boot_sec -> &[Span] as Spans, default "";

    /// How long after the start of runnerd it elapses.
    ///
    /// A manager that takes over from another one goes on counting from the first.
    OnStartupSec: Timer "on-startup-sec" = "OnStartupSec",
        pub on_startup_sec -> &[Span] as Spans, default "";

    /// How long after the triggered unit was last started it elapses.
    ///
    /// Together with `on-active-sec` or `on-boot-sec` for the first time, this is a service that
    /// runs again and again.
    OnUnitActiveSec: Timer "on-unit-active-sec" = "OnUnitActiveSec",
        pub on_unit_active_sec -> &[Span] as Spans, default "";

    /// How long after the triggered unit last ended it elapses.
    ///
    /// As `on-unit-active-sec`, with a pause of this length between two runs.
    OnUnitInactiveSec: Timer "on-unit-inactive-sec" = "OnUnitInactiveSec",
        pub on_unit_inactive_sec -> &[Span] as Spans, default "";

    /// Dates and times of day at which it elapses, again and again.
    ///
    /// Such as `daily`, `Mon..Fri 08:30` or `*-*-01 04:00:00 Europe/Berlin` (systemd.time(7)).
    /// `runnerctl calendar` shows what an expression means and when it elapses next. When the
    /// clock is set, the next moment is computed anew.
    OnCalendar: Timer "on-calendar" = "OnCalendar",
        pub on_calendar -> &[CalendarSpec] as Calendars, default "";

    /// Whether it also elapses when the clock is set.
    ///
    /// That is when real time makes a jump against monotonic time.
    OnClockChange: Timer "on-clock-change" = "OnClockChange",
        pub on_clock_change -> bool as Flag, default "false";

    /// Whether it also elapses when the local time zone changes.
    ///
    /// The zone is what `/etc/localtime` says.
    OnTimezoneChange: Timer "on-timezone-change" = "OnTimezoneChange",
        pub on_timezone_change -> bool as Flag, default "false";

    /// How much later than written it may elapse.
    ///
    /// Within this span timers of one machine elapse together, at a moment that is another one on
    /// each machine, so that an idle machine is woken less often. `1us` is as exact as can be.
    AccuracySec: Timer "accuracy-sec" = "AccuracySec",
        pub accuracy_sec -> Span as Duration, default "1min";

    /// How much is added to each moment at most, by chance.
    ///
    /// Spreads what many machines, or many timers, would do at the same moment.
    RandomizedDelaySec: Timer "randomized-delay-sec" = "RandomizedDelaySec",
        pub randomized_delay_sec -> Span as Duration, default "0";

    /// Whether that is always as much.
    ///
    /// The delay then depends on the machine and the timer's name only.
    FixedRandomDelay: Timer "fixed-random-delay" = "FixedRandomDelay",
        pub fixed_random_delay -> bool as Flag, default "false";

    /// Whether an `on-calendar` counts from the end of the triggered unit's last run.
    ///
    /// Moments that pass while it runs are then left out. Otherwise the next moment after the last
    /// elapse counts, which may have passed when the unit ends, and then it starts again at once.
    DeferReactivation: Timer "defer-reactivation" = "DeferReactivation",
        pub defer_reactivation -> bool as Flag, default "false";

    /// Whether what was missed while runnerd did not run is made up for.
    ///
    /// For `on-calendar` only. When it last elapsed is kept as the time of a file `stamp-NAME.timer`
    /// in `timers` below the state directory; if a moment has passed since, the timer elapses
    /// as soon as it is started.
    Persistent: Timer "persistent" = "Persistent",
        pub persistent -> bool as Flag, default "false";

    /// Whether it wakes the machine from suspend.
    ///
    /// This takes a privilege (`CAP_WAKE_ALARM`). Without it the timer elapses when the machine is
    /// woken by something else, and a warning says so.
    WakeSystem: Timer "wake-system" = "WakeSystem",
        pub wake_system -> bool as Flag, default "false";

    /// Whether it stays active when it will not elapse again.
    ///
    /// Otherwise it is down then, and can be started once more. One with `on-unit-active-sec` or
    /// `on-unit-inactive-sec` stays active in any case.
    RemainAfterElapse: Timer "remain-after-elapse" = "RemainAfterElapse",
        pub remain_after_elapse -> bool as Flag, default "true";

    /// The unit to start.
    ///
    /// The default is the unnamed service of the same file, else the one with the unit's own name.
    /// A service that is started by a timer or path does not start at boot by itself. While it runs
    /// the timer or path waits. It is told in `TRIGGER_UNIT` who started it, and when
    /// (`TRIGGER_TIMER_REALTIME_USEC`, `TRIGGER_TIMER_MONOTONIC_USEC`) or for which path
    /// (`TRIGGER_PATH`).
    Unit: Timer | Path "unit" = "Unit",
        pub(crate) written_unit -> Option<&UnitName> as Unit, default "";
}
