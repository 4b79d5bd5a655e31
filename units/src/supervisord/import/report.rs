//! What became of every option, a line each.

use std::collections::BTreeMap;

use super::super::config::{Config, GroupKind, LogFile, LogLevel, Process, ServerAddress};
use super::super::ini::{Document, Entry, Section};
use super::super::meaning::OPTIONS;
use super::super::read::Sources;
use super::super::translate::GroupUnits;
use super::super::values;
use super::super::world::{Around, Known};
use super::files::{UnitFile, settings_of};
use super::{Rewritten, toml};
use crate::diagnostic::{Diagnostic, Place};
use crate::resolve::Merged;

/// What became of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The unit files say the same.
    Mapped,
    /// Nearly: the text says how it differs, or what else has to be done.
    Approximated,
    /// It is lost; the text says why.
    Dropped,
    /// Somebody has to decide; the text says what about.
    Decide,
}

impl Verdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Mapped => "mapped",
            Verdict::Approximated => "approximated",
            Verdict::Dropped => "dropped",
            Verdict::Decide => "to decide",
        }
    }
}

/// One option of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands.
    pub place: Place,
    /// Its section.
    pub section: String,
    /// Its name, as it is written there.
    pub option: String,
    /// What became of it.
    pub verdict: Verdict,
    /// How, or why.
    pub text: String,
}

/// What is said of one option.
struct Said(Verdict, String);

fn said(verdict: Verdict, text: impl Into<String>) -> Said {
    Said(verdict, text.into())
}

/// Everything a report is made of.
pub(super) struct Reporter<'a> {
    pub(super) sources: &'a Sources,
    pub(super) config: &'a Config,
    pub(super) groups: &'a [GroupUnits<'a>],
    pub(super) files: &'a [UnitFile],
    pub(super) missing: &'a BTreeMap<String, String>,
    pub(super) rewritten: &'a Rewritten,
    pub(super) around: &'a Around<'a>,
}

const HOLDS_ANYWAY: &str = "this is so anyway";

impl Reporter<'_> {
    /// The lines, in the order of the files. `diagnostics` are about the same files.
    pub(super) fn lines(&self, diagnostics: &[Diagnostic]) -> Vec<Line> {
        let mut lines = self.rewritten.said.clone();
        let document = self.document();
        for entry in &document.defaults.entries {
            let said = said(
                Verdict::Mapped,
                "for each section that does not say it itself",
            );
            lines.push(self.line("DEFAULT", entry, said, diagnostics));
        }
        for section in &document.sections {
            let entries = section.entries.iter();
            for entry in entries.filter(|entry| !entry.is_default && !self.is_ours(&entry.place)) {
                let said = self.option(section, entry);
                lines.push(self.line(&section.name, entry, said, diagnostics));
            }
        }
        let first = |path: &str| path != &*self.sources.main.path;
        crate::sort::by(&mut lines, |a, b| {
            (first(&a.place.path), &a.place).cmp(&(first(&b.place.path), &b.place))
        });
        lines
    }

    /// What the reader read, before it understood it. It has been read once without a problem.
    fn document(&self) -> Document {
        let mut document = Document::default();
        let mut read = |path: &std::sync::Arc<str>, bytes: &[u8]| {
            let _ = document.read(path, &String::from_utf8_lossy(bytes));
        };
        read(&self.sources.main.path, &self.sources.main.bytes);
        for file in self.sources.includes.iter().flat_map(|found| &found.files) {
            if let Ok(bytes) = &file.content {
                read(&file.path, bytes);
            }
        }
        document
    }

    /// Whether a line was added by the rewriting of an older file.
    fn is_ours(&self, place: &Place) -> bool {
        let last = self.rewritten.last_line.unwrap_or(u32::MAX);
        place.path == self.sources.main.path && place.line > last
    }

    fn line(&self, section: &str, entry: &Entry, said: Said, diagnostics: &[Diagnostic]) -> Line {
        let Said(mut verdict, mut text) = self.with_variables(entry, said);
        let here = |found: &&Diagnostic| found.place == entry.place;
        if let Some(problem) = diagnostics
            .iter()
            .filter(here)
            .find(|found| found.is_error())
        {
            verdict = Verdict::Decide;
            text = format!("{text}; {}", problem.message);
        }
        let main = entry.place.path == self.sources.main.path;
        let renamed = self.rewritten.renamed.get(&entry.place.line);
        let mut option = entry.key.clone();
        if let Some((name, difference)) = renamed.filter(|_| main) {
            name.clone_into(&mut option);
            if let Some(difference) = difference {
                verdict = verdict.max(Verdict::Approximated);
                text = format!("{text}; {difference}");
            }
        }
        Line {
            place: entry.place.clone(),
            section: section.to_owned(),
            option,
            verdict,
            text,
        }
    }

    /// Variables of the environment are written with the values they have now.
    fn with_variables(&self, entry: &Entry, said: Said) -> Said {
        let Said(verdict, text) = said;
        if matches!(verdict, Verdict::Dropped | Verdict::Decide) {
            return Said(verdict, text);
        }
        let names = entry.value.split("%(ENV_").skip(1);
        let names: Vec<&str> = names
            .filter_map(|rest| rest.split_once(')').map(|(name, _)| name))
            .collect();
        if let Some((name, stand_in)) = names
            .iter()
            .find_map(|name| self.missing.get_key_value(*name))
        {
            let note = format!("the variable {name} is not set here, so `{stand_in}` stands there");
            return Said(Verdict::Decide, format!("{text}; {note}"));
        }
        if let Some(name) = names.first() {
            let note = format!("with the value {name} has now");
            return Said(Verdict::Approximated, format!("{text}; {note}"));
        }
        if entry.value.contains("%(host_node_name)") {
            let note = "with the name this host has now";
            return Said(Verdict::Approximated, format!("{text}; {note}"));
        }
        Said(verdict, text)
    }

    fn option(&self, section: &Section, entry: &Entry) -> Said {
        let name = section.name.as_str();
        let kind = name.split_once(':').map_or(name, |(kind, _)| kind);
        match kind {
            "supervisord" => self.daemon(entry),
            "inet_http_server" if entry.key == "port" => self.port(section),
            "unix_http_server" if entry.key == "file" => self.socket(section),
            "unix_http_server" | "inet_http_server" => server(kind, section, entry),
            "supervisorctl" => said(
                Verdict::Approximated,
                "runnerctl finds runnerd by its runtime directory and needs none of this; called as supervisorctl it still reads the section",
            ),
            "include" if entry.key == "files" => {
                let files = self.sources.includes.iter().map(|found| found.files.len());
                let count: usize = files.sum();
                said(Verdict::Mapped, format!("{count} more files are read"))
            }
            "rpcinterface" if self.config.rpc_interface && name == "rpcinterface:supervisor" => {
                said(Verdict::Mapped, "always served")
            }
            "rpcinterface" | "ctlplugin" => said(
                Verdict::Dropped,
                "this is Python code, and no Python runs in runnerd",
            ),
            "program" | "fcgi-program" | "eventlistener" => self.program(section, entry),
            "group" => self.group(section, entry),
            _ => said(Verdict::Dropped, "supervisord knows no such section"),
        }
    }

    fn daemon(&self, entry: &Entry) -> Said {
        use Verdict::{Approximated, Dropped, Mapped};
        let daemon = &self.config.daemon;
        let each = |setting: &str| said(Mapped, format!("`{setting}` of each program"));
        match entry.key.as_str() {
            "logfile" => said(
                Approximated,
                format!("`runnerd --log-target file:{}`", daemon.logfile),
            ),
            "logfile_maxbytes" | "logfile_backups" => said(
                Dropped,
                "runnerd's own log is not rotated: logrotate(8) can",
            ),
            "loglevel" if daemon.loglevel == LogLevel::Info => said(Mapped, HOLDS_ANYWAY),
            "loglevel" => said(Dropped, "runnerd logs the normal course, as `info` did"),
            "pidfile" => said(
                Approximated,
                format!("`runnerd --pidfile {}`", daemon.pidfile),
            ),
            "nodaemon" if daemon.nodaemon => said(Mapped, HOLDS_ANYWAY),
            "nodaemon" => said(
                Approximated,
                "runnerd stays in the foreground, for systemd or a container to start",
            ),
            "silent" if !daemon.silent => said(Mapped, HOLDS_ANYWAY),
            "silent" => said(Approximated, "`runnerd --log-target file:PATH`"),
            "minfds" => said(
                Approximated,
                "runnerd takes as many descriptors as it may have: start it with enough (ulimit -n)",
            ),
            "minprocs" => said(
                Approximated,
                "not checked: start runnerd with a limit that is high enough (ulimit -u)",
            ),
            "umask" => each("umask"),
            "childlogdir" => each("log-file"),
            "strip_ansi" => each("log-strip-ansi"),
            "environment" => each("environment"),
            "directory" => said(
                Approximated,
                format!(
                    "start runnerd in {}",
                    daemon.directory.as_deref().unwrap_or("it")
                ),
            ),
            "user" => {
                let user = daemon.user.as_ref().map_or("", |user| user.text.as_str());
                said(Approximated, format!("start runnerd as {user}"))
            }
            "identifier" => said(
                Approximated,
                format!("`runnerd --identifier {}`", daemon.identifier),
            ),
            "nocleanup" if !daemon.nocleanup => said(Mapped, HOLDS_ANYWAY),
            "nocleanup" => said(Dropped, "log files of `auto` go when runnerd starts again"),
            _ => said(Dropped, "supervisord knows no such option"),
        }
    }

    fn address(&self, section: &Section) -> Option<&ServerAddress> {
        let mut servers = self.config.servers.iter();
        let server = servers.find(|server| server.written.place == section.place);
        server.map(|server| &server.address)
    }

    /// Without a password a port is only served to this machine.
    fn port(&self, section: &Section) -> Said {
        let Some(ServerAddress::Inet { host, port }) = self.address(section) else {
            return said(Verdict::Dropped, "this server is not used");
        };
        let is_loopback = host == "localhost"
            || host
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|address| address.is_loopback());
        match is_loopback {
            true => said(
                Verdict::Approximated,
                format!("`runnerd --http {host}:{port}`"),
            ),
            false => said(
                Verdict::Decide,
                format!(
                    "other machines are let in only by a server with a password, which this section is with `runnerd -c`; `runnerd --http 127.0.0.1:{port}` serves this machine"
                ),
            ),
        }
    }

    fn socket(&self, section: &Section) -> Said {
        match self.address(section) {
            Some(ServerAddress::Unix { file, .. }) => {
                said(Verdict::Approximated, format!("`runnerd --http {file}`"))
            }
            _ => said(Verdict::Dropped, "this server is not used"),
        }
    }

    fn units(&self) -> impl Iterator<Item = &Merged> {
        self.groups.iter().flat_map(|group| &group.units)
    }

    fn program(&self, section: &Section, entry: &Entry) -> Said {
        let known = OPTIONS.iter().any(|row| row.option == entry.key);
        let ours = entry.key.starts_with("runner.");
        if !known && !ours {
            return said(Verdict::Dropped, "supervisord knows no such option");
        }
        let mut units = self
            .units()
            .filter(|unit| Some(&unit.place) == section.place.as_ref())
            .peekable();
        if units.peek().is_none() {
            return said(Verdict::Dropped, "no process comes of this section");
        }
        let mut names = Vec::new();
        let mut settings: Vec<String> = Vec::new();
        for unit in units {
            names.push(unit.name.to_string());
            for (id, items) in settings_of(unit, &entry.place) {
                let shown = format!("{} = {}", id.key(), toml::value(id, items));
                // Other processes of the section differ in their numbers only.
                if !settings
                    .iter()
                    .any(|held| held.starts_with(&format!("{} = ", id.key())))
                {
                    settings.push(shown);
                }
            }
        }
        if ours && settings.is_empty() {
            return said(Verdict::Dropped, "runner.unit(5) has no such setting");
        }
        match entry.key.as_str() {
            "process_name" | "numprocs" | "numprocs_start" => {
                let first: Vec<String> = names.iter().take(3).cloned().collect();
                let more = match names.len().saturating_sub(3) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                return said(Verdict::Mapped, format!("{}{more}", first.join(", ")));
            }
            "result_handler" if self.has_handler(section) => {
                let text = "event-results = \"any\"; this is Python code, and no Python runs in \
                            runnerd: every result of the listener accepts the event";
                return said(Verdict::Approximated, text);
            }
            "environment" => {
                if let Some(name) = self.lost_variable(section) {
                    let text = format!("a unit file cannot set the variable {name:?}");
                    return said(Verdict::Dropped, text);
                }
            }
            _ => {}
        }
        let text = match settings.is_empty() {
            true => HOLDS_ANYWAY.to_owned(),
            false => settings.join(", "),
        };
        self.with_notes(section, entry, text)
    }

    /// What differs, and what is not there on this machine.
    fn with_notes(&self, section: &Section, entry: &Entry, text: String) -> Said {
        let approximated = |note: &str| said(Verdict::Approximated, format!("{text}; {note}"));
        let Some(process) = self.process(section) else {
            return said(Verdict::Mapped, text);
        };
        let is_directory = |path: &str| self.around.world.is_directory(path);
        match entry.key.as_str() {
            "stopsignal" if process.stopsignal == 0 => {
                return approximated("signal 0 would stop nothing, and SIGKILL follows");
            }
            "stopwaitsecs" if process.stopwaitsecs <= 0 => {
                return approximated("SIGKILL follows after a millisecond, not at once");
            }
            "startsecs" | "startretries" if entry.value.trim().starts_with('-') => {
                return approximated("there is no less than 0");
            }
            "user" => {
                let absent = process.user.as_ref().is_some_and(|user| {
                    matches!(self.around.world.user(&user.text), Known::No)
                        && user.text.parse::<u32>().is_err()
                });
                if absent {
                    return said(
                        Verdict::Mapped,
                        format!("{text}; no such user is on this machine"),
                    );
                }
            }
            "directory" => {
                let path = process.directory.as_deref().unwrap_or("/");
                if path.starts_with('/') && !is_directory(path) {
                    let note = "no such directory is on this machine";
                    return said(Verdict::Mapped, format!("{text}; {note}"));
                }
            }
            "stdout_logfile" | "stderr_logfile" => {
                let stream = match entry.key.as_str() {
                    "stdout_logfile" => &process.stdout,
                    _ => &process.stderr,
                };
                if let LogFile::Path(path) = &stream.logfile
                    && let Some((directory, _)) = path.rsplit_once('/')
                    && directory.starts_with('/')
                    && !is_directory(directory)
                {
                    let note = format!("the directory {directory} is not on this machine");
                    return said(Verdict::Mapped, format!("{text}; {note}"));
                }
            }
            _ => {}
        }
        said(Verdict::Mapped, text)
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        self.groups.iter().flat_map(|group| &group.group.processes)
    }

    fn process(&self, section: &Section) -> Option<&Process> {
        self.processes()
            .find(|process| process.written.place == section.place)
    }

    fn has_handler(&self, section: &Section) -> bool {
        let mut groups = self.groups.iter().map(|group| group.group);
        let group = groups.find(|group| group.written.place == section.place);
        let kind = group.map(|group| &group.kind);
        matches!(
            kind,
            Some(GroupKind::EventPool {
                result_handler: Some(_),
                ..
            })
        )
    }

    fn lost_variable(&self, section: &Section) -> Option<&str> {
        let process = self.process(section)?;
        let names = process.environment.iter().map(|(name, _)| name.as_str());
        names
            .into_iter()
            .find(|name| !super::super::mapping::is_variable_name(name))
    }

    fn group(&self, section: &Section, entry: &Entry) -> Said {
        let group = self
            .groups
            .iter()
            .find(|group| group.group.written.place == section.place);
        match (entry.key.as_str(), group) {
            ("programs", Some(group)) => {
                let files = self.files.iter();
                let files = files.filter(|file| {
                    let first = group.units.first();
                    first.is_some_and(|unit| file.units.contains(&unit.name))
                });
                let names: Vec<&str> = files.map(|file| file.name.as_str()).collect();
                let count = group.units.len();
                said(
                    Verdict::Mapped,
                    format!("{count} units in {}", names.join(", ")),
                )
            }
            ("priority", Some(group)) => said(
                Verdict::Mapped,
                format!("group-priority = {}", group.group.priority),
            ),
            ("programs" | "priority", None) => said(
                Verdict::Dropped,
                "another group has the same name and comes first",
            ),
            _ => said(Verdict::Dropped, "supervisord knows no such option"),
        }
    }
}

/// An option of a server. Nothing of a password is repeated.
fn server(kind: &str, section: &Section, entry: &Entry) -> Said {
    use Verdict::{Approximated, Decide, Dropped, Mapped};
    match (kind, entry.key.as_str()) {
        ("unix_http_server", "chmod") if values::octal(&entry.value) == Ok(0o700) => {
            said(Mapped, HOLDS_ANYWAY)
        }
        ("unix_http_server", "chmod" | "chown") => said(
            Decide,
            "the socket of `--http` is its owner's alone; keep this section and use `runnerd -c` where others need it",
        ),
        (_, "username" | "password") => {
            let both = section.entry("username").is_some() && section.entry("password").is_some();
            let text = match both {
                true => {
                    "a server of `--http` asks for no password; keep this section and use `runnerd -c` where one is needed"
                }
                false => "a name and a password come together",
            };
            said(Decide, text)
        }
        (_, key) if key.starts_with("runner.") => said(
            Approximated,
            "only where the section itself is used, with `runnerd -c`",
        ),
        _ => said(Dropped, "supervisord knows no such option"),
    }
}
