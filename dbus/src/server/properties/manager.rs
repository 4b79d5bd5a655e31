//! Properties of the manager.

use control::{Manager, Word};
use engine::view::systemd::Startup;
use zbus::Variant;

use super::{Access, Emits, Getter, Property, monotonic, realtime, row, text, texts};
use crate::names::interface::MANAGER;

/// The part of all jobs that are over, until everything that starts at boot has been tried.
fn progress(manager: &Manager) -> f64 {
    let Startup {
        finished,
        installed_jobs,
        ..
    } = manager.startup;
    if finished.is_some() || installed_jobs == 0 {
        return 1.0;
    }
    1.0 - f64::from(manager.jobs) / f64::from(installed_jobs.max(manager.jobs))
}

pub(super) fn add(table: &mut Vec<Property>) {
    let mut add = |name_and_type, emits, doc, get: fn(&Manager) -> Variant<'static>| {
        table.push(row(
            MANAGER,
            name_and_type,
            (Access::State, emits),
            doc,
            Getter::Manager(get),
        ));
    };
    add(
        ("Version", "s"),
        Emits::Silent,
        "Version of the running manager",
        |m| text(m.version),
    );
    add(
        ("SystemState", "s"),
        Emits::Silent,
        "State of the whole: `starting` until everything that starts at boot has been tried, then \
         `running`, or `degraded` while some unit is failed; `stopping` at the end",
        |m| text(m.state.word()),
    );
    add(
        ("NotReady", "s"),
        Emits::Silent,
        "Why the target that boot starts, or a unit that it pulls in, is not up; empty when all of \
         it is",
        |m| text(m.not_ready.as_deref().unwrap_or_default()),
    );
    add(
        ("NNames", "u"),
        Emits::Silent,
        "How many units are loaded",
        |m| m.units.into(),
    );
    add(
        ("NJobs", "u"),
        Emits::Silent,
        "How many jobs are queued or running",
        |m| m.jobs.into(),
    );
    add(
        ("NFailedUnits", "u"),
        Emits::Silent,
        "How many units are failed",
        |m| m.failed_units.into(),
    );
    add(
        ("UserspaceTimestamp", "t"),
        Emits::Const,
        "When the first manager began to start units, in microseconds since the epoch",
        |m| realtime(Some(m.started)),
    );
    add(
        ("UserspaceTimestampMonotonic", "t"),
        Emits::Const,
        "The same in microseconds on the monotonic clock",
        |m| monotonic(Some(m.started)),
    );
    add(
        ("FinishTimestamp", "t"),
        Emits::Silent,
        "When everything that starts at boot had been tried, in microseconds since the epoch; 0 \
         until then",
        |m| realtime(m.startup.finished),
    );
    add(
        ("FinishTimestampMonotonic", "t"),
        Emits::Silent,
        "The same in microseconds on the monotonic clock",
        |m| monotonic(m.startup.finished),
    );
    add(
        ("ControlGroup", "s"),
        Emits::Const,
        "The cgroup below which units have theirs; empty without cgroups",
        |m| text(m.control_group.as_deref().unwrap_or_default()),
    );
    add(
        ("UnitPath", "as"),
        Emits::Const,
        "Where unit files are looked for, in order",
        |m| texts(m.unit_path.iter().map(|path| path.display())),
    );
    add(
        ("LogTarget", "s"),
        Emits::Silent,
        "Where the daemon's own lines go: journal, console, or file: and a path; can be set to the \
         first two, and to auto for what was said when it was started. Until then units that say \
         nothing else have their output there too, and keep it there",
        |m| text(&m.log_target),
    );
    add(
        ("LogLevel", "s"),
        Emits::Silent,
        "From which level on the daemon's own events are looked at: err, warning, info or debug; can \
         be set, also to systemd's other levels, which mean the next graver one of these",
        |m| text(m.log_level),
    );
    add(
        ("Virtualization", "s"),
        Emits::Const,
        "The container or virtual machine we run in, by the name systemd-detect-virt(1) has for it; \
         empty on bare metal",
        |m| text(m.virtualization),
    );
    add(
        ("NInstalledJobs", "u"),
        Emits::Silent,
        "How many jobs were queued since the first manager came",
        |m| m.startup.installed_jobs.into(),
    );
    add(
        ("NFailedJobs", "u"),
        Emits::Silent,
        "How many of those have failed",
        |m| m.startup.failed_jobs.into(),
    );
    add(
        ("ServiceWatchdogs", "b"),
        Emits::Silent,
        "Whether services that miss their watchdog are ended, or only reported; can be set",
        |m| m.startup.service_watchdogs.into(),
    );
    add(
        ("Progress", "d"),
        Emits::Silent,
        "How much of what starts at boot has been tried, from 0 to 1",
        |m| progress(m).into(),
    );
    add(
        ("RuntimeDirectory", "s"),
        Emits::Const,
        "The directory of sockets and locks; the private D-Bus socket is `bus` in it",
        |m| text(m.runtime_dir.to_string_lossy()),
    );
    add(
        ("KeeperPID", "u"),
        Emits::Const,
        "The process that holds what must not be lost; the pid the world knows",
        |m| m.keeper_pid.into(),
    );
    add(
        ("ManagerPID", "u"),
        Emits::Silent,
        "The process that answers; another one after each recovery",
        |m| m.manager_pid.into(),
    );
    add(
        ("Recoveries", "u"),
        Emits::Silent,
        "How many managers this keeper had before the one that answers",
        |m| m.recoveries.into(),
    );
    add(
        ("SafeMode", "b"),
        Emits::Silent,
        "Whether the manager was started in safe mode, after others had ended too often",
        |m| m.safe_mode.into(),
    );
    table.push(row(
        MANAGER,
        ("Environment", "as"),
        (Access::Detail, Emits::Silent),
        "The variables every program's environment starts from, as NAME=value",
        Getter::Manager(|m| {
            texts(
                m.environment
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            )
        }),
    ));
}
