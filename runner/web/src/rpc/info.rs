//! Processes as supervisord's structs and sentences. Pure, but for the local time.

use control::ProcessDetail;
use engine::clock::Realtime;
use engine::view::supervisord::{ProcessState, ProcessView};
use xmlrpc::Value;

use super::local_time;

/// supervisord's number of a state.
pub(crate) const fn code(state: ProcessState) -> i64 {
    match state {
        ProcessState::Stopped => 0,
        ProcessState::Starting => 10,
        ProcessState::Running => 20,
        ProcessState::Backoff => 30,
        ProcessState::Stopping => 40,
        ProcessState::Exited => 100,
        ProcessState::Fatal => 200,
    }
}

/// Whether a start would be refused, and a stop would not.
pub(crate) const fn is_running(state: ProcessState) -> bool {
    matches!(
        state,
        ProcessState::Starting | ProcessState::Running | ProcessState::Backoff
    )
}

/// Whether a signal can be sent.
pub(crate) const fn is_signallable(state: ProcessState) -> bool {
    matches!(
        state,
        ProcessState::Starting | ProcessState::Running | ProcessState::Stopping
    )
}

/// Seconds since 1970; 0 for never.
fn seconds(at: Option<Realtime>) -> i64 {
    at.map_or(0, |at| i64::try_from(at.0 / 1_000_000).unwrap_or(i64::MAX))
}

/// A process as `getProcessInfo` gives it.
pub(crate) fn process(detail: &ProcessDetail, now: Realtime) -> Value {
    let view = &detail.view;
    let path = |path: &Option<std::path::PathBuf>| {
        let text = path
            .as_ref()
            .map(|path| path.to_string_lossy().into_owned());
        Value::Str(text.unwrap_or_default())
    };
    let members = [
        ("name", view.name.as_str().into()),
        ("group", view.group.as_str().into()),
        ("start", Value::Int(seconds(view.start))),
        ("stop", Value::Int(seconds(view.stop))),
        ("now", Value::Int(seconds(Some(now)))),
        ("state", Value::Int(code(view.state))),
        ("statename", view.state.as_str().into()),
        ("spawnerr", view.spawn_error.as_str().into()),
        ("exitstatus", Value::Int(i64::from(view.exit_status))),
        ("logfile", path(&detail.log_file)),
        ("stdout_logfile", path(&detail.log_file)),
        ("stderr_logfile", path(&detail.error_log_file)),
        ("pid", Value::Int(i64::from(view.pid))),
        ("description", description(view, now).into()),
    ];
    structure(members)
}

/// What `supervisorctl status` shows in its last column.
pub(crate) fn description(view: &ProcessView, now: Realtime) -> String {
    match view.state {
        ProcessState::Running => {
            let up = seconds(Some(now)) - seconds(view.start);
            // Never negative, also when the clock was set back.
            let up = u64::try_from(up).unwrap_or_default();
            format!("pid {}, uptime {}", view.pid, uptime(up))
        }
        ProcessState::Fatal | ProcessState::Backoff if view.spawn_error.is_empty() => {
            format!("unknown error (try \"tail {}\")", view.name)
        }
        ProcessState::Fatal | ProcessState::Backoff => view.spawn_error.clone(),
        ProcessState::Stopped | ProcessState::Exited if view.start.is_none() => {
            "Not started".to_owned()
        }
        ProcessState::Stopped | ProcessState::Exited => local_time::short(seconds(view.stop)),
        ProcessState::Starting | ProcessState::Stopping => String::new(),
    }
}

/// A length of time as Python prints it: `0:00:05`, `1 day, 3:04:05`.
pub(crate) fn uptime(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        _ => format!("{days} days, {clock}"),
    }
}

/// An element of the arrays that methods on several processes give.
pub(crate) fn status(name: &str, group: &str, code: i32, text: &str) -> Value {
    structure([
        ("name", name.into()),
        ("group", group.into()),
        ("status", Value::Int(i64::from(code))),
        ("description", text.into()),
    ])
}

/// A struct.
pub(crate) fn structure(members: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Struct(
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use units::{Surroundings, UnitName};

    use super::*;

    fn view(state: ProcessState) -> ProcessView {
        let unit = UnitName::parse("grp:a.service").unwrap();
        let (set, _) = units::load_texts(
            &[(
                "/u/a.toml",
                "[service.\"grp:a\"]\nexec-start = \"/bin/true\"",
            )],
            &Surroundings::example(),
        );
        ProcessView {
            unit: unit.clone(),
            group: "grp".to_owned(),
            name: "a".to_owned(),
            state,
            start: Some(Realtime(1_700_000_000_900_000)),
            stop: Some(Realtime(1_699_999_000_000_000)),
            pid: 123,
            tries: 0,
            restarts: 0,
            exit_status: 7,
            spawn_error: String::new(),
            definition: Arc::clone(set.get(&unit).unwrap()),
        }
    }

    const NOW: Realtime = Realtime(1_700_000_005_000_000);

    #[test]
    fn descriptions_are_supervisords() {
        let of = |state| description(&view(state), NOW);
        assert_eq!(of(ProcessState::Running), "pid 123, uptime 0:00:05");
        let before = Realtime(1_699_999_995_000_000);
        let set_back = description(&view(ProcessState::Running), before);
        assert_eq!(set_back, "pid 123, uptime 0:00:00");
        assert_eq!(of(ProcessState::Starting), "");
        assert_eq!(of(ProcessState::Stopping), "");
        assert_eq!(of(ProcessState::Fatal), "unknown error (try \"tail a\")");
        assert_eq!(of(ProcessState::Exited), local_time::short(1_699_999_000));
        let failed = ProcessView {
            spawn_error: "Exited too quickly (process log may have details)".to_owned(),
            ..view(ProcessState::Backoff)
        };
        assert_eq!(description(&failed, NOW), failed.spawn_error);
        let never = ProcessView {
            start: None,
            stop: None,
            ..view(ProcessState::Stopped)
        };
        assert_eq!(description(&never, NOW), "Not started");
    }

    #[test]
    fn uptimes_are_pythons() {
        for (seconds, text) in [
            (0, "0:00:00"),
            (3_599, "0:59:59"),
            (3_725, "1:02:05"),
            (36_000, "10:00:00"),
            (86_400, "1 day, 0:00:00"),
            (2 * 86_400 + 11_045, "2 days, 3:04:05"),
        ] {
            assert_eq!(uptime(seconds), text);
        }
    }

    #[test]
    fn the_struct_has_the_members_of_the_original_in_its_order() {
        let detail = ProcessDetail {
            view: view(ProcessState::Running),
            log_file: Some("/var/log/a.log".into()),
            error_log_file: None,
        };
        let Value::Struct(members) = process(&detail, NOW) else {
            panic!("no struct");
        };
        let text: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        assert_eq!(
            text.join(" "),
            "name=Str(\"a\") group=Str(\"grp\") start=Int(1700000000) stop=Int(1699999000) \
             now=Int(1700000005) state=Int(20) statename=Str(\"RUNNING\") spawnerr=Str(\"\") \
             exitstatus=Int(7) logfile=Str(\"/var/log/a.log\") \
             stdout_logfile=Str(\"/var/log/a.log\") stderr_logfile=Str(\"\") pid=Int(123) \
             description=Str(\"pid 123, uptime 0:00:05\")"
        );
    }
}
