//! Groups: written ones, single programs, event listeners and FastCGI programs, in the order the
//! real program reads them, so that of two errors the same is told.

use std::collections::HashSet;

use super::config::{FcgiSocket, Group, GroupKind, Process, SocketOwner, User};
use super::daemon::is_entry_point;
use super::options::{Notes, Options, Trouble};
use super::program::{after_colon, processes};
use super::python::{normalize, repr};
use super::values::{self, SocketText};

/// The event types of supervisord.
const EVENTS: &[&str] = &[
    "EVENT",
    "PROCESS_STATE",
    "PROCESS_STATE_STOPPED",
    "PROCESS_STATE_EXITED",
    "PROCESS_STATE_STARTING",
    "PROCESS_STATE_STOPPING",
    "PROCESS_STATE_BACKOFF",
    "PROCESS_STATE_FATAL",
    "PROCESS_STATE_RUNNING",
    "PROCESS_STATE_UNKNOWN",
    "PROCESS_COMMUNICATION",
    "PROCESS_COMMUNICATION_STDOUT",
    "PROCESS_COMMUNICATION_STDERR",
    "PROCESS_LOG",
    "PROCESS_LOG_STDOUT",
    "PROCESS_LOG_STDERR",
    "REMOTE_COMMUNICATION",
    "SUPERVISOR_STATE_CHANGE",
    "SUPERVISOR_STATE_CHANGE_RUNNING",
    "SUPERVISOR_STATE_CHANGE_STOPPING",
    "TICK",
    "TICK_5",
    "TICK_60",
    "TICK_3600",
    "PROCESS_GROUP",
    "PROCESS_GROUP_ADDED",
    "PROCESS_GROUP_REMOVED",
];

/// supervisord's own result handler: `OK` accepts.
const RESULT_HANDLER: &str = "supervisor.dispatchers:default_handler";

/// Reads all groups, sorted by priority and name.
pub(super) fn read_all(options: &Options<'_>, notes: &mut Notes) -> Result<Vec<Group>, Trouble> {
    let mut reading = Reading {
        options,
        notes,
        in_groups: HashSet::new(),
        made: 0,
        groups: Vec::new(),
    };
    reading.written_groups()?;
    reading.programs()?;
    reading.listeners()?;
    reading.fcgi_programs()?;
    let mut groups = reading.groups;
    crate::sort::by(&mut groups, |a, b| {
        (a.priority, &a.name).cmp(&(b.priority, &b.name))
    });
    Ok(groups)
}

struct Reading<'a, 'n> {
    options: &'a Options<'a>,
    notes: &'n mut Notes,
    /// Sections of programs that are in a written group.
    in_groups: HashSet<String>,
    made: usize,
    groups: Vec<Group>,
}

impl<'a> Reading<'a, '_> {
    fn sections(&self, prefix: &'static str) -> impl Iterator<Item = &'a str> + use<'a> {
        let sections = self.options.document.sections.iter();
        sections
            .map(|section| section.name.as_str())
            .filter(move |name| name.starts_with(prefix))
    }

    fn name(&self, section: &str) -> Result<String, Trouble> {
        let header = self.options.document.section(section);
        let place = header.and_then(|section| section.place.as_ref());
        values::name(after_colon(section)).map_err(|message| Trouble::new(message).at(place))
    }

    fn integer(&self, section: &str, key: &str, default: i64) -> Result<i64, Trouble> {
        let names = self.options.names();
        self.options
            .value(section, key, &names, default, values::integer)
    }

    fn push(
        &mut self,
        section: &str,
        name: String,
        priority: i64,
        kind: GroupKind,
        all: Vec<Process>,
    ) -> Result<(), Trouble> {
        self.groups.push(Group {
            name,
            priority,
            kind,
            processes: all,
            written: self.options.written(section)?,
        });
        Ok(())
    }

    fn processes(&mut self, section: &str, group: &str) -> Result<Vec<Process>, Trouble> {
        processes(self.options, section, group, &mut self.made, self.notes)
    }

    fn written_groups(&mut self) -> Result<(), Trouble> {
        const KEY: &str = "programs";
        for section in self.sections("group:") {
            let name = self.name(section)?;
            let programs = self.options.text(section, KEY, &self.options.names())?;
            let priority = self.integer(section, "priority", 999)?;
            let mut all = Vec::new();
            // The real one forgets the group's section once it has found a program, and names
            // that program's in what it says of the next.
            let mut told_section = section.to_owned();
            for program in values::list(&programs.unwrap_or_default()) {
                let plain = format!("program:{program}");
                let fcgi = format!("fcgi-program:{program}");
                let exists = |name: &str| self.options.document.section(name).is_some();
                let found = match (exists(&plain), exists(&fcgi)) {
                    (true, false) => plain,
                    (false, true) => fcgi,
                    (false, false) => {
                        let message = format!(
                            "[{told_section}] names unknown program or fcgi-program {program}"
                        );
                        return Err(self.options.refuse(section, KEY, message));
                    }
                    (true, true) => {
                        let message = format!(
                            "[{told_section}] name {program} is ambiguous (exists as program and \
                             fcgi-program)"
                        );
                        return Err(self.options.refuse(section, KEY, message));
                    }
                };
                if found.starts_with("fcgi-") {
                    self.notes.warn(
                        self.options.place(section, KEY),
                        format!("in a group `{program}` runs without its socket"),
                        "leave an fcgi-program out of `programs`",
                    );
                }
                all.extend(self.processes(&found, &name)?);
                self.in_groups.insert(found.clone());
                told_section = found;
            }
            self.push(section, name, priority, GroupKind::Group, all)?;
        }
        Ok(())
    }

    fn programs(&mut self) -> Result<(), Trouble> {
        for section in self.sections("program:") {
            if self.in_groups.contains(section) {
                continue;
            }
            let name = self.name(section)?;
            let priority = self.integer(section, "priority", 999)?;
            let all = self.processes(section, &name)?;
            self.push(section, name, priority, GroupKind::Homogeneous, all)?;
        }
        Ok(())
    }

    fn listeners(&mut self) -> Result<(), Trouble> {
        for section in self.sections("eventlistener:") {
            let name = after_colon(section).to_owned();
            let priority = self.integer(section, "priority", -1)?;
            let buffer_size = self.integer(section, "buffer_size", 10)?;
            let refuse = |key, message| self.options.refuse(section, key, message);
            if buffer_size < 1 {
                let message =
                    format!("[{section}] section sets invalid buffer_size ({buffer_size})");
                return Err(refuse("buffer_size", message));
            }
            let names = self.options.names();
            let handler = self.options.text(section, "result_handler", &names)?;
            let result_handler = handler.filter(|handler| !is_entry_point(handler, RESULT_HANDLER));
            if let Some(handler) = &result_handler {
                self.notes.warn(
                    self.options.place(section, "result_handler"),
                    format!("the Python plug-in {handler} cannot be loaded here"),
                    "every result of the listener accepts the event (`event-results = \"any\"`)",
                );
            }
            let events = self.events(section)?;
            let redirects =
                self.options
                    .value(section, "redirect_stderr", &names, false, values::boolean)?;
            if redirects {
                let message = format!(
                    "[{section}] section sets redirect_stderr=true but this is not allowed \
                     because it will interfere with the eventlistener protocol"
                );
                return Err(refuse("redirect_stderr", message));
            }
            let all = self.processes(section, &name)?;
            let kind = GroupKind::EventPool {
                events,
                buffer_size,
                result_handler,
            };
            self.push(section, name, priority, kind, all)?;
        }
        Ok(())
    }

    fn events(&self, section: &str) -> Result<Vec<String>, Trouble> {
        const KEY: &str = "events";
        let text = self.options.text(section, KEY, &self.options.names())?;
        let mut events: Vec<String> = Vec::new();
        for name in values::list(&text.unwrap_or_default()) {
            let name = name.to_uppercase();
            if !EVENTS.contains(&name.as_str()) {
                let message = format!("Unknown event type {name} in [{section}] events");
                let trouble = self.options.refuse(section, KEY, message);
                return Err(match super::traps::nearest(&name, EVENTS) {
                    Some(near) => trouble.with_hint(format!("did you mean {near}?")),
                    None => trouble,
                });
            }
            if !events.contains(&name) {
                events.push(name);
            }
        }
        if events.is_empty() {
            let message = format!("[{section}] section requires an \"events\" line");
            return Err(self.options.refuse(section, KEY, message));
        }
        Ok(events)
    }

    fn fcgi_programs(&mut self) -> Result<(), Trouble> {
        for section in self.sections("fcgi-program:") {
            if self.in_groups.contains(section) {
                continue;
            }
            let name = self.name(section)?;
            let priority = self.integer(section, "priority", 999)?;
            let socket = self.fcgi_socket(section, &name)?;
            let all = self.processes(section, &name)?;
            self.push(section, name, priority, GroupKind::Fcgi(socket), all)?;
        }
        Ok(())
    }

    fn fcgi_socket(&self, section: &str, program: &str) -> Result<FcgiSocket, Trouble> {
        const KEY: &str = "socket";
        let options = self.options;
        let names = options.names();
        let refuse = |key, message| options.refuse(section, key, message);
        let user = options.value(section, "user", &names, None, |text| {
            values::user(text, options.around).map(Some)
        })?;
        let backlog = options.value(section, "socket_backlog", &names, None, |text| {
            values::integer(text).map(Some)
        })?;
        if let Some(backlog) = backlog.filter(|backlog| !(1..=65535).contains(backlog)) {
            let message = format!("Invalid socket_backlog value {backlog}");
            return Err(refuse("socket_backlog", message));
        }
        let owner = match options.text(section, "socket_owner", &names)? {
            None => None,
            Some(text) => match values::socket_owner(&text, options.around) {
                Some(owner) => Some(owner),
                None => {
                    let message = format!("Invalid socket_owner value {text}");
                    return Err(refuse("socket_owner", message));
                }
            },
        };
        let mode = options.value(section, "socket_mode", &names, None, |text| {
            let mode = values::octal(text);
            mode.map(Some)
                .map_err(|_| format!("Invalid socket_mode value {text}"))
        })?;
        let names = names.with("program_name", program);
        let text = options.text(section, KEY, &names)?.unwrap_or_default();
        if text.is_empty() {
            let message = format!("[{section}] section requires a \"socket\" line");
            return Err(refuse(KEY, message));
        }
        let bad = |message: String| refuse(KEY, format!("{message} in [{section}] socket"));
        match values::socket_text(&text) {
            SocketText::Unix(path) if !path.starts_with('/') => Err(bad(format!(
                "('Unix socket path %s is not an absolute path', {})",
                repr(path)
            ))),
            SocketText::Unix(path) => Ok(FcgiSocket::Unix {
                path: normalize(path, options.around),
                owner: owner.unwrap_or_else(|| owner_by_user(user, options.around.uid)),
                mode: mode.unwrap_or(0o700),
                backlog,
            }),
            SocketText::Tcp(_) if owner.is_some() || mode.is_some() => Err(bad(
                "socket_owner and socket_mode params should only be used with a Unix domain socket"
                    .to_owned(),
            )),
            SocketText::Tcp(None) => Err(bad(format!("('Bad socket format %s', {})", repr(&text)))),
            SocketText::Tcp(Some((host, port))) => {
                let (host, port) = values::tcp_address(host, port).map_err(bad)?;
                Ok(FcgiSocket::Tcp {
                    host,
                    port,
                    backlog,
                })
            }
        }
    }
}

/// The socket belongs to whom the program runs as, when that is not us.
fn owner_by_user(user: Option<User>, our_uid: u32) -> SocketOwner {
    match user {
        Some(user) if user.uid != Some(our_uid) => SocketOwner {
            text: None,
            uid: user.uid,
            gid: user.gid,
        },
        _ => SocketOwner::default(),
    }
}
