//! A process as the pages show it: words made of what is known. Pure.

use engine::event::ExitStatus;
use engine::view::supervisord::{ProcessState, ProcessView};

/// What the pages say of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Its group.
    pub(super) group: String,
    /// `group:name`, or the name where both are the same.
    pub(super) namespec: String,
    /// Its state.
    pub(super) state: ProcessState,
    /// Its main process; 0 without one.
    pub(super) pid: u32,
    /// When it was started, in seconds since 1970, while it runs.
    pub(super) since: Option<u64>,
    /// Automatic restarts since the last start on request.
    pub(super) restarts: u32,
    /// Bytes its main process has in memory.
    pub(super) memory: Option<u64>,
    /// How it last ended, or why it could not be started.
    pub(super) last_end: String,
}

impl Row {
    /// The row of a process with what its main process has in memory.
    pub(super) fn new(view: &ProcessView, memory: Option<u64>) -> Row {
        let runs = matches!(view.state, ProcessState::Running | ProcessState::Starting);
        Row {
            group: view.group.clone(),
            namespec: view.namespec(),
            state: view.state,
            pid: view.pid,
            since: view.start.filter(|_| runs).map(|start| start.0 / 1_000_000),
            restarts: view.restarts,
            memory,
            last_end: last_end(view),
        }
    }
}

fn last_end(view: &ProcessView) -> String {
    if !view.spawn_error.is_empty() {
        return view.spawn_error.clone();
    }
    match (view.stop, view.exit_status) {
        (None, _) => String::new(),
        // It has been started since, and then the status of the end before is not told any more.
        (stop, _) if view.start > stop => String::new(),
        (Some(_), -1) => "ended by a signal".to_owned(),
        (Some(_), code) => format!("exit status {code}"),
    }
}

/// The class a state is shown with; the first three are supervisord's own.
pub(super) fn class_of(state: ProcessState) -> &'static str {
    match state {
        ProcessState::Running => "statusrunning",
        ProcessState::Fatal | ProcessState::Backoff => "statuserror",
        ProcessState::Starting | ProcessState::Stopping => "statusbusy",
        ProcessState::Stopped | ProcessState::Exited => "statusnominal",
    }
}

/// An exit in words.
pub(super) fn ending(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("exit status {code}"),
        ExitStatus::Signal(number) => format!("ended by signal {number}"),
        ExitStatus::Dumped(number) => format!("ended by signal {number}, with a core dump"),
        ExitStatus::Unknown => "nobody can say how".to_owned(),
    }
}

/// A number of bytes for people.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["K", "M", "G", "T"];
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 10.0 {
        format!("{value:.1} {}", UNITS[unit])
    } else {
        format!("{value:.0} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (count, text) in [
            (0, "0.0 K"),
            (4_096, "4.0 K"),
            (25 * 1024 * 1024, "25 M"),
            (1_000 * 1024, "1.0 M"),
            (3 << 40, "3.0 T"),
            (5_000 << 40, "5000 T"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
