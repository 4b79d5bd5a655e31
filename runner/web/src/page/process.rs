//! The page of one process: how it is and why, what it depends on, its logs.

use control::{UnitDetail, Usage};
use engine::view::supervisord::{ProcessState, ProcessView};
use units::{Dependency, UnitKind};

use super::frame::{Frame, Message};
use super::list::actions;
use super::markup::Markup;
use super::row::{Row, bytes, class_of, ending};
use crate::http::Response;
use crate::rpc::info::uptime;

/// What the page is made of.
pub(super) struct Process<'a> {
    /// Its row in the list.
    pub(super) row: &'a Row,
    /// What the engine says of it as a process.
    pub(super) view: &'a ProcessView,
    /// What it says of it as a unit.
    pub(super) detail: Option<&'a UnitDetail>,
    /// What it uses.
    pub(super) usage: Option<&'a Usage>,
    /// Which of its logs is shown.
    pub(super) log: Log,
    /// The end of that log, or why there is none.
    pub(super) text: Result<&'a str, &'a str>,
    /// What has been done.
    pub(super) message: Option<&'a Message>,
    /// What the daemon is called.
    pub(super) identifier: &'a str,
    /// What actions have to know.
    pub(super) token: &'a str,
    /// Seconds since 1970.
    pub(super) now: u64,
}

/// One of two logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    /// Of standard output.
    Out,
    /// Of standard error.
    Error,
}

impl Log {
    /// Its word in addresses.
    pub(super) fn word(self) -> &'static str {
        match self {
            Log::Out => "stdout",
            Log::Error => "stderr",
        }
    }
}

/// The dependencies that are shown, and how they are put.
const SHOWN: [(Dependency, &str); 10] = [
    (Dependency::Requires, "requires"),
    (Dependency::BindsTo, "binds to"),
    (Dependency::Wants, "wants"),
    (Dependency::After, "starts after"),
    (Dependency::Before, "starts before"),
    (Dependency::Conflicts, "conflicts with"),
    (Dependency::PartOf, "part of"),
    (Dependency::TriggeredBy, "started by"),
    (Dependency::RequiredBy, "required by"),
    (Dependency::BoundBy, "bound by"),
];

impl Process<'_> {
    /// The page.
    pub(super) fn page(&self) -> Response {
        let mut body = Markup::default();
        body.raw("<div class=\"bar\" data-live=\"actions\">");
        actions(&mut body, self.row, self.token);
        body.raw("</div>\n<dl data-live=\"state\">\n");
        self.facts(&mut body);
        body.raw("</dl>\n");
        self.dependencies(&mut body);
        self.log(&mut body);
        Frame {
            title: &self.row.namespec,
            summary: self.description(),
            below_list: true,
            message: self.message,
            identifier: self.identifier,
            now: self.now,
        }
        .around(&body)
    }

    fn description(&self) -> &str {
        self.view.definition.description()
    }

    fn facts(&self, body: &mut Markup) {
        body.raw("<dt>State</dt><dd><span class=\"state ")
            .raw(class_of(self.row.state))
            .raw("\">")
            .text(&self.row.state.as_str().to_lowercase())
            .raw("</span> ")
            .text(&why(self.view, self.detail))
            .raw("</dd>\n");
        if let Some(since) = self.row.since {
            body.raw("<dt>Uptime</dt><dd data-since=\"")
                .text(&since.to_string())
                .raw("\">")
                .text(&uptime(self.now.saturating_sub(since)))
                .raw("</dd>\n");
        }
        let service = self.detail.and_then(|detail| detail.view.service.as_ref());
        let mut facts: Vec<(&'static str, String)> = Vec::new();
        if self.row.pid != 0 {
            facts.push(("Main process", self.row.pid.to_string()));
        }
        if let Some(status) = service.map(|service| &service.status_text)
            && !status.is_empty()
        {
            facts.push(("It says", status.clone()));
        }
        facts.push(("Restarts", self.row.restarts.to_string()));
        if let Some((at, status)) = service.and_then(|service| service.main_exit) {
            let ago = self.now.saturating_sub(at.realtime.0 / 1_000_000);
            facts.push((
                "Last end",
                format!("{}, {} ago", ending(status), uptime(ago)),
            ));
        }
        let whole = self.usage.and_then(|usage| usage.memory_current);
        if let Some(memory) = whole.or(self.row.memory) {
            let whose = match whole {
                Some(_) => "",
                None => " (main process)",
            };
            facts.push(("Memory", format!("{}{whose}", bytes(memory))));
        }
        if let Some(cpu) = self.usage.and_then(|usage| usage.cpu_usage_nsec) {
            facts.push(("Processor time", format!("{:.1} s", cpu as f64 / 1e9)));
        }
        if let Some(command) = self.view.definition.exec_start().first() {
            let line = command.to_string();
            facts.push(("Command", line.trim_start_matches('=').to_owned()));
        }
        if let Some(user) = self.view.definition.user() {
            facts.push(("User", user.to_owned()));
        }
        if let Some(origin) = &self.view.definition.origin().fragment {
            facts.push(("Defined in", origin.to_string()));
        }
        for (name, value) in facts {
            body.raw("<dt>")
                .raw(name)
                .raw("</dt><dd>")
                .text(&value)
                .raw("</dd>\n");
        }
        let others = self.usage.map_or(&[][..], |usage| &usage.processes[..]);
        if others.len() > 1 {
            body.raw("<dt>Processes</dt><dd>");
            for process in others.iter().take(50) {
                body.text(&format!("{} {}", process.pid, process.command))
                    .raw("<br>");
            }
            body.raw("</dd>\n");
        }
    }

    fn dependencies(&self, body: &mut Markup) {
        let Some(detail) = self.detail else {
            return;
        };
        let of_kind = |word: Dependency| {
            detail
                .dependencies
                .iter()
                // That targets come after what they are made of goes without saying.
                .filter(move |(found, unit)| {
                    *found == word
                        && !(word == Dependency::Before && unit.kind() == UnitKind::Target)
                })
                .map(|(_, unit)| unit)
        };
        let any = SHOWN
            .iter()
            .any(|(word, _)| of_kind(*word).next().is_some());
        if !any {
            return;
        }
        body.raw("<h2>Dependencies</h2>\n<dl>\n");
        for (word, label) in SHOWN {
            let mut units = of_kind(word).peekable();
            if units.peek().is_none() {
                continue;
            }
            body.raw("<dt>").raw(label).raw("</dt><dd>");
            let mut first = true;
            for unit in units {
                if !std::mem::take(&mut first) {
                    body.raw(", ");
                }
                match units::group::group_and_process(unit) {
                    Some((group, name)) if unit.kind() == UnitKind::Service => {
                        let namespec = units::group::namespec(&group, &name);
                        body.raw("<a href=\"tail.html?processname=")
                            .encoded(&namespec)
                            .raw("\">")
                            .text(&namespec)
                            .raw("</a>");
                    }
                    _ => {
                        body.text(unit.as_str());
                    }
                }
            }
            body.raw("</dd>\n");
        }
        body.raw("</dl>\n");
    }

    fn log(&self, body: &mut Markup) {
        body.raw("<h2>Log</h2>\n<div class=\"bar\">");
        for log in [Log::Out, Log::Error] {
            let label = match log {
                Log::Out => "Standard output",
                Log::Error => "Standard error",
            };
            if log == self.log {
                body.raw("<strong>").raw(label).raw("</strong>");
            } else {
                body.raw("<a href=\"tail.html?processname=")
                    .encoded(&self.row.namespec)
                    .raw("&amp;stream=")
                    .raw(log.word())
                    .raw("\">")
                    .raw(label)
                    .raw("</a>");
            }
        }
        match self.text {
            Ok(text) => {
                body.raw("<a data-follow href=\"logtail/")
                    .encoded(&self.row.namespec)
                    .raw("/")
                    .raw(self.log.word())
                    .raw("\">Follow</a></div>\n<pre data-log=\"logtail/")
                    .encoded(&self.row.namespec)
                    .raw("/")
                    .raw(self.log.word())
                    .raw("\">")
                    .text(text)
                    .raw("</pre>\n");
            }
            Err(why) => {
                body.raw("</div>\n<p>").text(why).raw("</p>\n");
            }
        }
    }
}

/// Why a process is in its state, in a sentence; empty where there is nothing to explain.
pub(super) fn why(view: &ProcessView, detail: Option<&UnitDetail>) -> String {
    let unit = detail.map(|detail| &detail.view);
    let failure = unit
        .and_then(|unit| unit.service.as_ref())
        .map(|service| service.failure.as_str())
        .filter(|failure| !failure.is_empty());
    let reason = match (view.spawn_error.as_str(), failure) {
        ("", None) => String::new(),
        ("", Some(failure)) => format!(": {failure}"),
        (error, None) => format!(": {error}"),
        (error, Some(failure)) if error == failure => format!(": {error}"),
        (error, Some(failure)) => format!(": {error} ({failure})"),
    };
    match view.state {
        ProcessState::Fatal => match view.definition.start_retries() {
            Some(retries) => format!(
                "given up after {} failed starts{reason}. Mend what is wrong and start it again.",
                retries.saturating_add(1)
            ),
            None => format!("its start failed{reason}. Mend what is wrong and start it again."),
        },
        ProcessState::Backoff => format!(
            "its start failed{reason}; {} of {} retries so far, the next one comes by itself",
            view.tries.saturating_sub(1),
            view.definition.start_retries().unwrap_or_default()
        ),
        ProcessState::Starting => match view.definition.ready_after() {
            span if span.is_zero() => "on its way up".to_owned(),
            span => format!("counts as started when it has been up for {span}"),
        },
        ProcessState::Stopping => format!(
            "told to stop with {}, killed if it takes longer than {}",
            view.definition.kill_signal(),
            view.definition.timeout_stop_sec()
        ),
        ProcessState::Exited if view.spawn_error.is_empty() => {
            "it has ended by itself, as it may".to_owned()
        }
        ProcessState::Exited => format!("it has ended by itself{reason}"),
        ProcessState::Stopped if view.start.is_none() && !view.definition.autostart() => {
            "not started yet; it does not start by itself".to_owned()
        }
        ProcessState::Stopped if view.start.is_none() => "not started yet".to_owned(),
        ProcessState::Stopped => "stopped on request".to_owned(),
        ProcessState::Running => String::new(),
    }
}
