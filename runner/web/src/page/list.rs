//! The list of all processes, by groups.

use super::action::Action;
use super::frame::{Frame, Message};
use super::markup::Markup;
use super::row::{Row, bytes, class_of};
use crate::http::Response;
use crate::rpc::info::uptime;
use engine::view::supervisord::ProcessState;

/// What the list is made of.
pub(super) struct List<'a> {
    /// All processes, sorted by group and name.
    pub(super) rows: &'a [Row],
    /// Only those whose name, group or state contains this are shown.
    pub(super) filter: &'a str,
    /// What has been done.
    pub(super) message: Option<&'a Message>,
    /// What the daemon is called.
    pub(super) identifier: &'a str,
    /// What actions have to know.
    pub(super) token: &'a str,
    /// Seconds since 1970.
    pub(super) now: u64,
}

impl List<'_> {
    /// The page.
    pub(super) fn page(&self) -> Response {
        let mut body = Markup::default();
        self.bar(&mut body);
        body.raw(
            "<table>\n<thead><tr><th>Process</th><th>State</th>\
             <th class=\"number\">Uptime</th><th class=\"number\">Memory</th>\
             <th class=\"number\">Restarts</th><th>Last end</th><th></th></tr></thead>\n\
             <tbody data-live=\"rows\">\n",
        );
        let mut group = None;
        let shown: Vec<&Row> = self.rows.iter().filter(|row| self.takes(row)).collect();
        for row in &shown {
            let alone = row.group == row.namespec;
            if !alone && group != Some(&row.group) {
                body.raw("<tr class=\"group\"><th colspan=\"7\" scope=\"rowgroup\">")
                    .text(&row.group)
                    .raw("</th></tr>\n");
            }
            group = (!alone).then_some(&row.group);
            self.row(&mut body, row);
        }
        body.raw("</tbody>\n</table>\n");
        if self.rows.is_empty() {
            body.raw("<p>No programs to manage</p>\n");
        } else if shown.is_empty() {
            body.raw("<p>No process matches the filter. <a href=\"./\">Show all</a></p>\n");
        }
        Frame {
            title: "Processes",
            summary: &self.summary(),
            below_list: false,
            message: self.message,
            identifier: self.identifier,
            now: self.now,
        }
        .around(&body)
    }

    fn takes(&self, row: &Row) -> bool {
        words(row).contains(&self.filter.trim().to_lowercase())
    }

    fn summary(&self) -> String {
        let count = |states: &[ProcessState]| {
            self.rows
                .iter()
                .filter(|row| states.contains(&row.state))
                .count()
        };
        let running = count(&[ProcessState::Running]);
        let failed = count(&[ProcessState::Fatal, ProcessState::Backoff]);
        let mut summary = format!("{running} of {} running", self.rows.len());
        if failed > 0 {
            summary.push_str(&format!(", {failed} failing"));
        }
        summary
    }

    fn bar(&self, body: &mut Markup) {
        body.raw(
            "<div class=\"bar\">\n<form class=\"filter\" method=\"get\" action=\"./\" role=\"search\">\
             <input type=\"search\" name=\"filter\" placeholder=\"Filter by name, group or state\" \
             aria-label=\"Filter\" value=\"",
        )
        .text(self.filter)
        .raw("\"></form>\n<form method=\"post\" action=\"./\">");
        token(body, self.token);
        for action in [Action::StartAll, Action::RestartAll, Action::StopAll] {
            button(body, action);
        }
        body.raw("</form>\n</div>\n");
    }

    fn row(&self, body: &mut Markup, row: &Row) {
        body.raw("<tr data-words=\"")
            .text(&words(row))
            .raw("\"><td class=\"name\"><a href=\"tail.html?processname=")
            .encoded(&row.namespec)
            .raw("\">")
            .text(&row.namespec)
            .raw("</a></td><td><span class=\"state ")
            .raw(class_of(row.state))
            .raw("\">")
            .text(&row.state.as_str().to_lowercase())
            .raw("</span></td><td class=\"number\" data-label=\"up\"");
        match row.since {
            Some(since) => body
                .raw(" data-since=\"")
                .text(&since.to_string())
                .raw("\">")
                .text(&uptime(self.now.saturating_sub(since))),
            None => body.raw(">"),
        };
        body.raw("</td><td class=\"number\" data-label=\"memory\">")
            .text(&row.memory.map(bytes).unwrap_or_default())
            .raw("</td><td class=\"number\" data-label=\"restarts\">")
            .text(&match row.restarts {
                0 => String::new(),
                count => count.to_string(),
            })
            .raw("</td><td class=\"about\">")
            .text(&row.last_end)
            .raw("</td><td class=\"actions\">");
        actions(body, row, self.token);
        body.raw("</td></tr>\n");
    }
}

/// What a row is found by.
fn words(row: &Row) -> String {
    format!("{} {} {}", row.group, row.namespec, row.state.as_str()).to_lowercase()
}

/// The buttons of one process.
pub(super) fn actions(body: &mut Markup, row: &Row, secret: &str) {
    body.raw("<form method=\"post\" action=\"./\">");
    token(body, secret);
    body.raw("<input type=\"hidden\" name=\"processname\" value=\"")
        .text(&row.namespec)
        .raw("\">");
    let change: &[Action] = if row.state.is_down() {
        &[Action::Start]
    } else {
        &[Action::Restart, Action::Stop]
    };
    for action in change {
        button(body, *action);
    }
    button(body, Action::ClearLog);
    body.raw("</form>");
}

fn token(body: &mut Markup, token: &str) {
    body.raw("<input type=\"hidden\" name=\"token\" value=\"")
        .text(token)
        .raw("\">");
}

fn button(body: &mut Markup, action: Action) {
    body.raw("<button name=\"action\" value=\"")
        .raw(action.word())
        .raw("\">")
        .raw(action.label())
        .raw("</button>");
}

/// The page that asks before it does what an old bookmark says: an address alone changes nothing.
pub(super) fn ask(
    action: Action,
    process: Option<&str>,
    secret: &str,
    identifier: &str,
    now: u64,
) -> Response {
    let mut body = Markup::default();
    body.raw("<p>")
        .raw(action.label())
        .raw(" ")
        .text(process.unwrap_or_default())
        .raw("?</p>\n<form method=\"post\" action=\"./\">");
    token(&mut body, secret);
    if let Some(process) = process {
        body.raw("<input type=\"hidden\" name=\"processname\" value=\"")
            .text(process)
            .raw("\">");
    }
    button(&mut body, action);
    body.raw("</form>\n");
    Frame {
        title: "Really?",
        summary: "An address alone changes nothing.",
        below_list: true,
        message: None,
        identifier,
        now,
    }
    .around(&body)
}
