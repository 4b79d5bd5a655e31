//! Properties only services have.

use control::{Usage, Word};
use engine::event::ExitStatus;
use engine::view::systemd::ServiceView;
use units::Definition;
use zbus::Variant;

use super::{Access, Emits, Getter, Property, UnitFacts, monotonic, realtime, row, text};
use crate::names::interface::SERVICE;

type Get = fn(&UnitFacts) -> Variant<'static>;

/// As `siginfo_t` codes them (sigaction(2)).
const CLD_EXITED: i32 = 1;
const CLD_KILLED: i32 = 2;
const CLD_DUMPED: i32 = 3;

pub(super) fn add(table: &mut Vec<Property>) {
    use Access::{Detail, State};
    use Emits::{Change, Silent};

    let mut add = |name_and_type, access, emits, doc, get: Get| {
        table.push(row(
            SERVICE,
            name_and_type,
            (access, emits),
            doc,
            Getter::Unit(get),
        ));
    };
    add(
        ("MainPID", "u"),
        State,
        Change,
        "Its main process; 0 for none",
        |u| service(u).and_then(|s| s.main_pid).unwrap_or(0).into(),
    );
    add(
        ("ControlPID", "u"),
        State,
        Change,
        "The process of a start-pre, reload, stop, … command; 0 for none",
        |u| service(u).and_then(|s| s.control_pid).unwrap_or(0).into(),
    );
    add(
        ("StatusText", "s"),
        Detail,
        Change,
        "What it last said about itself (`STATUS=` of sd_notify)",
        |u| text(service(u).map_or("", |s| &s.status_text)),
    );
    add(
        ("StatusErrno", "i"),
        State,
        Change,
        "The error number it last gave (`ERRNO=` of sd_notify)",
        |u| service(u).map_or(0, |s| s.status_errno).into(),
    );
    add(
        ("StatusBusError", "s"),
        Detail,
        Change,
        "The D-Bus error it last gave (`BUSERROR=` of sd_notify)",
        |u| text(service(u).map_or("", |s| &s.bus_error)),
    );
    add(
        ("StatusVarlinkError", "s"),
        Detail,
        Change,
        "The Varlink error it last gave (`VARLINKERROR=` of sd_notify)",
        |u| text(service(u).map_or("", |s| &s.varlink_error)),
    );
    add(
        ("Result", "s"),
        State,
        Change,
        "How the last run went: `success`, `exit-code`, `signal`, `timeout`, `start-limit-hit`, …",
        |u| text(u.detail.view.result.word()),
    );
    add(
        ("ReloadResult", "s"),
        State,
        Change,
        "How its last reload went, in the words of `Result`",
        |u| text(service(u).map_or("", |s| s.reload_result.word())),
    );
    add(
        ("WatchdogTimestamp", "t"),
        State,
        Silent,
        "The last sign of life that its watchdog saw, or when that began to watch, in microseconds since \
         the epoch; 0 where there is none",
        |u| realtime(service(u).and_then(|s| s.watchdog_ping)),
    );
    add(
        ("WatchdogTimestampMonotonic", "t"),
        State,
        Silent,
        "The same in microseconds on the monotonic clock",
        |u| monotonic(service(u).and_then(|s| s.watchdog_ping)),
    );
    add(
        ("Failure", "s"),
        Detail,
        Change,
        "A sentence about the last failure, where the word of `Result` says too little",
        |u| text(service(u).map_or("", |s| &s.failure)),
    );
    add(
        ("ReadyProbeResult", "s"),
        Detail,
        Change,
        "While it starts and `ready-probe` is tried: the probe, and what the last attempt said",
        |u| {
            text(
                service(u)
                    .and_then(|s| s.probing.as_deref())
                    .unwrap_or_default(),
            )
        },
    );
    add(
        ("NRestarts", "u"),
        State,
        Change,
        "How often it was started again by itself since it was last started on request",
        |u| service(u).map_or(0, |s| s.restarts).into(),
    );
    add(
        ("NextRestartUSecMonotonic", "t"),
        State,
        Change,
        "When it will be started again, in microseconds on the monotonic clock; infinity if it \
         does not wait for that",
        |u| {
            service(u)
                .and_then(|s| s.restart_at)
                .unwrap_or(u64::MAX)
                .into()
        },
    );
    add(
        ("ExecMainStartTimestamp", "t"),
        State,
        Change,
        "When its main process started, in microseconds since the epoch; 0 for never",
        |u| realtime(service(u).and_then(|s| s.main_start)),
    );
    add(
        ("ExecMainStartTimestampMonotonic", "t"),
        State,
        Change,
        "The same in microseconds on the monotonic clock",
        |u| monotonic(service(u).and_then(|s| s.main_start)),
    );
    add(
        ("ExecMainExitTimestamp", "t"),
        State,
        Change,
        "When its main process last ended, in microseconds since the epoch; 0 for never",
        |u| realtime(main_exit(u).map(|(at, _)| at)),
    );
    add(
        ("ExecMainExitTimestampMonotonic", "t"),
        State,
        Change,
        "The same in microseconds on the monotonic clock",
        |u| monotonic(main_exit(u).map(|(at, _)| at)),
    );
    add(
        ("ExecMainPID", "u"),
        State,
        Change,
        "As `MainPID`; after its end still the process it had last",
        |u| {
            let pid = service(u).and_then(|s| s.main_pid.or(s.ended_pid));
            pid.unwrap_or(0).into()
        },
    );
    add(
        ("ExecMainCode", "i"),
        State,
        Change,
        "How its main process last ended: 1 by exiting, 2 by a signal, 3 by a signal with a core \
         dump, 0 not at all or nobody knows",
        |u| code_and_status(u).0.into(),
    );
    add(
        ("ExecMainStatus", "i"),
        State,
        Change,
        "The exit status or signal number that goes with `ExecMainCode`",
        |u| code_and_status(u).1.into(),
    );
    add(
        ("NFileDescriptorStore", "u"),
        State,
        Change,
        "How many descriptors are kept for it between runs",
        |u| service(u).map_or(0, |s| s.stored_fds).into(),
    );
    add(
        ("ControlGroup", "s"),
        State,
        Silent,
        "Its cgroup, as in /proc/PID/cgroup; empty without one",
        |u| text(u.detail.control_group.as_deref().unwrap_or_default()),
    );
    add(
        ("NotifySocket", "s"),
        Detail,
        Silent,
        "Where its sd_notify messages go; empty if it may send none",
        |u| {
            text(
                u.detail
                    .notify_socket
                    .as_ref()
                    .map(|path| path.to_string_lossy())
                    .unwrap_or_default(),
            )
        },
    );

    let mut usage = |name, doc, get: fn(&Usage) -> Variant<'static>| {
        table.push(row(
            SERVICE,
            (name, "t"),
            (Detail, Silent),
            doc,
            Getter::Usage(get),
        ));
    };
    usage(
        "MemoryCurrent",
        "Memory it uses, in bytes; infinity if not known",
        |usage| usage.memory_current.unwrap_or(u64::MAX).into(),
    );
    usage(
        "MemoryMax",
        "The most memory it may use (`memory-max`), in bytes; infinity for no limit",
        |usage| usage.memory_max.unwrap_or(u64::MAX).into(),
    );
    usage(
        "TasksCurrent",
        "Its processes and threads; infinity if not known",
        |usage| usage.tasks_current.unwrap_or(u64::MAX).into(),
    );
    usage(
        "CPUUsageNSec",
        "CPU time it used, in nanoseconds; infinity if not known",
        |usage| usage.cpu_usage_nsec.unwrap_or(u64::MAX).into(),
    );

    // Settings whose value in force is not always the one written.
    let mut setting = |name_and_type, doc, get: Get| {
        table.push(row(
            SERVICE,
            name_and_type,
            (Detail, Silent),
            doc,
            Getter::Unit(get),
        ));
    };
    setting(
        ("Type", "s"),
        "When it counts as started: `simple`, `exec`, `notify`, …",
        |u| text(definition(u).map_or("", |d| d.service_type().as_str())),
    );
    setting(
        ("TimeoutStartUSec", "t"),
        "How long each part of a start may take, in microseconds; infinity for no limit",
        |u| {
            definition(u)
                .map_or(u64::MAX, |d| super::setting::micros(d.timeout_start_sec()))
                .into()
        },
    );
    setting(
        ("TimeoutStopUSec", "t"),
        "How long each part of a stop may take, in microseconds; infinity for no limit",
        |u| {
            definition(u)
                .map_or(u64::MAX, |d| super::setting::micros(d.timeout_stop_sec()))
                .into()
        },
    );
    setting(
        ("TimeoutAbortUSec", "t"),
        "How long it may take to end when it is aborted, in microseconds; infinity for no limit",
        |u| {
            definition(u)
                .map_or(u64::MAX, |d| super::setting::micros(d.timeout_abort_sec()))
                .into()
        },
    );
    setting(
        ("RuntimeMaxUSec", "t"),
        "How long it may run, in microseconds; infinity for no limit",
        |u| {
            definition(u)
                .map_or(u64::MAX, |d| super::setting::micros(d.runtime_max_sec()))
                .into()
        },
    );
    setting(
        ("WatchdogUSec", "t"),
        "How often it has to say that it is alive, in microseconds; 0 for never",
        |u| {
            definition(u)
                .and_then(Definition::watchdog_sec)
                .map_or(0, super::setting::micros)
                .into()
        },
    );
    setting(
        ("NotifyAccess", "s"),
        "Whose sd_notify messages are believed: `none`, `main`, `exec` or `all`",
        |u| {
            let own = service(u).and_then(|s| s.notify_access);
            let access = own.or_else(|| definition(u).map(Definition::notify_access));
            text(access.map_or("", |access| access.as_str()))
        },
    );
}

fn service(facts: &UnitFacts) -> Option<&ServiceView> {
    facts.detail.view.service.as_ref()
}

fn definition(facts: &UnitFacts) -> Option<&Definition> {
    facts.detail.view.definition.as_deref()
}

fn main_exit(facts: &UnitFacts) -> Option<(engine::clock::Now, ExitStatus)> {
    service(facts)?.main_exit
}

fn code_and_status(facts: &UnitFacts) -> (i32, i32) {
    exit_code_and_status(main_exit(facts).map(|(_, status)| status))
}

/// As `ExecMainCode` and `ExecMainStatus`.
pub(in crate::server) fn exit_code_and_status(status: Option<ExitStatus>) -> (i32, i32) {
    match status {
        Some(ExitStatus::Code(code)) => (CLD_EXITED, i32::from(code)),
        Some(ExitStatus::Signal(signal)) => (CLD_KILLED, i32::from(signal)),
        Some(ExitStatus::Dumped(signal)) => (CLD_DUMPED, i32::from(signal)),
        Some(ExitStatus::Unknown) | None => (0, 0),
    }
}
