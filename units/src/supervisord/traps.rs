//! What the real program does without a word, and nobody means: told here, and done all the same.

use super::command;
use super::config::{Config, Group, GroupKind, Process};
use super::ini::{Entry, Section};
use super::options::{Notes, Options};
use crate::diagnostic::Place;

const DAEMON: &[&str] = &[
    "logfile",
    "logfile_maxbytes",
    "logfile_backups",
    "loglevel",
    "pidfile",
    "nodaemon",
    "silent",
    "minfds",
    "minprocs",
    "umask",
    "directory",
    "user",
    "identifier",
    "childlogdir",
    "nocleanup",
    "strip_ansi",
    "environment",
];
const CLIENT: &[&str] = &[
    "serverurl",
    "username",
    "password",
    "prompt",
    "history_file",
];
const INET: &[&str] = &["port", "username", "password"];
const UNIX: &[&str] = &["file", "chmod", "chown", "username", "password"];
const GROUP: &[&str] = &["programs", "priority"];
const PROGRAM: &[&str] = &[
    "command",
    "process_name",
    "numprocs",
    "numprocs_start",
    "priority",
    "autostart",
    "autorestart",
    "startsecs",
    "startretries",
    "exitcodes",
    "stopsignal",
    "stopwaitsecs",
    "stopasgroup",
    "killasgroup",
    "user",
    "redirect_stderr",
    "stdout_logfile",
    "stdout_logfile_maxbytes",
    "stdout_logfile_backups",
    "stdout_capture_maxbytes",
    "stdout_events_enabled",
    "stdout_syslog",
    "stderr_logfile",
    "stderr_logfile_maxbytes",
    "stderr_logfile_backups",
    "stderr_capture_maxbytes",
    "stderr_events_enabled",
    "stderr_syslog",
    "environment",
    "directory",
    "umask",
    "serverurl",
    "depends_on",
];
const LISTENER: &[&str] = &["events", "buffer_size", "result_handler"];
const FCGI: &[&str] = &["socket", "socket_owner", "socket_mode", "socket_backlog"];

/// Beginnings of names of sections, as they are shown to somebody who mistyped one.
const SECTIONS: &[&str] = &[
    "supervisord",
    "supervisorctl",
    "unix_http_server",
    "inet_http_server",
    "include",
    "program:",
    "group:",
    "eventlistener:",
    "fcgi-program:",
    "rpcinterface:",
    "ctlplugin:",
];

/// The options a section may have; `None` when it is no section of supervisord, and an empty table
/// in it when anything goes.
fn known_options(section: &str) -> Option<Vec<&'static str>> {
    let kind = section.split_once(':').map_or(section, |(kind, _)| kind);
    let tables: &[&[&str]] = match kind {
        "supervisord" if kind == section => &[DAEMON],
        "supervisorctl" if kind == section => &[CLIENT],
        "include" if kind == section => &[&["files"]],
        "program" if kind != section => &[PROGRAM],
        "group" if kind != section => &[GROUP],
        "eventlistener" if kind != section => &[PROGRAM, LISTENER],
        "fcgi-program" if kind != section => &[PROGRAM, FCGI],
        "rpcinterface" | "ctlplugin" if kind != section => &[],
        _ if section.starts_with("inet_http_server") => &[INET],
        _ if section.starts_with("unix_http_server") => &[UNIX],
        _ => return None,
    };
    Some(tables.concat())
}

/// The known name most like `written`, if one is near.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    if written.len() > 64 {
        return None;
    }
    let lower = written.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&lower, &name.to_lowercase());
    let likely = known.iter().map(|name| (likeness(name), *name));
    likely
        .filter(|(likeness, _)| *likeness >= 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// What can be seen without knowing values: names, repetition, comments and continuations.
pub(super) fn document(options: &Options<'_>, notes: &mut Notes) {
    for section in &options.document.sections {
        let known = known_options(&section.name);
        if known.is_none() {
            unknown_section(section, notes);
            continue;
        }
        let known = known.unwrap_or_default();
        for entry in section.entries.iter().filter(|entry| !entry.is_default) {
            if !known.is_empty() && !known.contains(&entry.key.as_str()) {
                unknown_option(section, entry, &known, notes);
            }
            one_entry(section, entry, notes);
        }
    }
    for entry in &options.document.defaults.entries {
        one_entry(&options.document.defaults, entry, notes);
    }
}

fn unknown_section(section: &Section, notes: &mut Notes) {
    let name = &section.name;
    let kind = name.split(':').next().unwrap_or(name);
    let kinds: Vec<&str> = SECTIONS
        .iter()
        .map(|kind| kind.trim_end_matches(':'))
        .collect();
    let hint = match nearest(kind, &kinds) {
        Some(near) => {
            let colon = SECTIONS
                .iter()
                .any(|kind| kind.strip_suffix(':') == Some(near));
            let rest = match (name.strip_prefix(kind).unwrap_or_default(), colon) {
                ("", true) => ":NAME",
                (rest, _) => rest,
            };
            format!("did you mean [{near}{rest}]? Names of sections are in lower case")
        }
        None => "take it out if nothing else reads it".to_owned(),
    };
    let message = format!("[{name}] is no section of supervisord, and nothing in it counts");
    notes.warn(section.place.as_ref(), message, &hint);
}

fn unknown_option(section: &Section, entry: &Entry, known: &[&str], notes: &mut Notes) {
    let is_program = known.contains(&"command");
    if is_program
        && entry
            .key
            .strip_prefix("runner.")
            .is_some_and(|key| !key.is_empty())
    {
        return;
    }
    let hint = match nearest(&entry.key, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if is_program => {
            "a setting of ours in a program's section begins with `runner.`".to_owned()
        }
        None => String::new(),
    };
    let message = format!(
        "`{}` is no option of [{}], and does nothing",
        entry.key, section.name
    );
    notes.warn(Some(&entry.place), message, &hint);
}

fn one_entry(section: &Section, entry: &Entry, notes: &mut Notes) {
    if let Some(before) = &entry.replaces
        && before.path == entry.place.path
    {
        let message = format!(
            "`{}` was set in line {} already; this one counts",
            entry.key, before.line
        );
        notes.warn(Some(&entry.place), message, "take one of them out");
    }
    let mut quote = None;
    for (index, piece) in entry.pieces.iter().enumerate() {
        quote = open_quote(quote, &piece.text);
        if let (Some(open), Some(cut)) = (quote, &piece.cut)
            && cut.contains(open)
        {
            let sign = cut.chars().next().unwrap_or(';');
            let message = format!(
                "` {sign}` begins a comment even inside quotes: the value ends at {}",
                piece.text
            );
            let hint = format!("leave out the blank before `{sign}`, or move the text to a script");
            notes.warn(Some(&piece.place), message, &hint);
        }
        if index > 0 && !piece.text.is_empty() {
            continued(section, entry, index, notes);
        }
    }
}

/// The quote that is open behind `text`. A letter before it makes `'` an apostrophe.
fn open_quote(mut open: Option<char>, text: &str) -> Option<char> {
    let mut before = ' ';
    for letter in text.chars() {
        match open {
            Some(quote) if quote == letter => open = None,
            None if letter == '"' || (letter == '\'' && !before.is_alphanumeric()) => {
                open = Some(letter);
            }
            _ => {}
        }
        before = letter;
    }
    open
}

/// A line that became part of the value before it, and does not look as if it should have.
fn continued(section: &Section, entry: &Entry, index: usize, notes: &mut Notes) {
    let Some(piece) = entry.pieces.get(index) else {
        return;
    };
    let is_after_blank = index > 1
        && entry
            .pieces
            .get(index - 1)
            .is_some_and(|before| before.text.is_empty());
    let key = piece.text.split(['=', ':']).next().unwrap_or_default();
    let key = key.trim().to_lowercase();
    let known = known_options(&section.name).unwrap_or_default();
    let is_option = key.len() < piece.text.len() && known.contains(&key.as_str());
    let is_header = piece.text.starts_with('[') && piece.text.ends_with(']');
    if !(is_after_blank || is_option || is_header) {
        return;
    }
    let message = if is_after_blank {
        format!(
            "this line still belongs to `{}` of line {}: a blank line does not end a value",
            entry.key, entry.place.line
        )
    } else {
        format!(
            "this line belongs to `{}` of line {}, since it is indented",
            entry.key, entry.place.line
        )
    };
    notes.warn(Some(&piece.place), message, "begin it at the left margin");
}

/// What a process is started with.
pub(super) fn process(process: &Process, notes: &mut Notes) {
    let place = |key: &str| {
        process
            .written
            .place_of(key)
            .or(process.written.place.as_ref())
    };
    match command::split(&process.command) {
        Err(problem) => {
            let message = format!("this command cannot be started: {problem}");
            notes.warn(place("command"), message, "close the quote");
        }
        Ok(words) if words.is_empty() => {
            let message = "this command cannot be started: it is empty".to_owned();
            notes.warn(place("command"), message, "");
        }
        Ok(words) => shell_words(&words, place("command"), notes),
    }
    if let Some(directory) = &process.directory
        && directory.starts_with('~')
    {
        let message = format!("`~` means nothing here: the directory is {directory}");
        notes.warn(place("directory"), message, "write the whole path");
    }
    if process.stopsignal == 0 {
        let message = "signal 0 stops nothing: only SIGKILL will".to_owned();
        notes.warn(place("stopsignal"), message, "write TERM");
    }
    if process.program.is_empty() {
        let message = "this program has no name".to_owned();
        notes.warn(
            process.written.place.as_ref(),
            message,
            "write [program:NAME]",
        );
    }
}

/// Words that mean something to a shell only, which nobody runs here.
fn shell_words(words: &[String], place: Option<&Place>, notes: &mut Notes) {
    const OPERATORS: &[&str] = &["&&", "||", "|", ">", ">>", "<", "2>&1", "&"];
    let is_variable = |word: &str| {
        let name = word.strip_prefix('$').unwrap_or_default();
        name.starts_with(|c: char| c == '{' || c == '_' || c.is_ascii_alphabetic())
    };
    let found = words
        .iter()
        .find(|word| OPERATORS.contains(&word.as_str()) || is_variable(word));
    let Some(word) = found else {
        return;
    };
    let message = format!("`{word}` reaches the program as it stands: no shell reads a command");
    notes.warn(place, message, "write command=/bin/sh -c 'exec …'");
}

/// What can be seen only when everything is read.
pub(super) fn config(config: &Config, notes: &mut Notes) {
    let mut before: Option<&Group> = None;
    let mut groups: Vec<&Group> = config.groups.iter().collect();
    crate::sort::by(&mut groups, |a, b| a.name.cmp(&b.name));
    for group in groups {
        if let Some(first) = before.filter(|before| before.name == group.name) {
            let message = format!(
                "there is another group `{}` at {}; only that one runs",
                group.name,
                first
                    .written
                    .place
                    .as_ref()
                    .map_or_else(String::new, Place::to_string)
            );
            notes.warn(group.written.place.as_ref(), message, "rename one of them");
        } else {
            before = Some(group);
        }
        if group.processes.is_empty() && group.kind == GroupKind::Group {
            let message = format!("group `{}` has no programs", group.name);
            notes.warn(
                group.written.place.as_ref(),
                message,
                "name them in `programs`",
            );
        }
        same_names(group, notes);
    }
}

fn same_names(group: &Group, notes: &mut Notes) {
    let mut names: Vec<&Process> = group.processes.iter().collect();
    crate::sort::by(&mut names, |a, b| a.name.cmp(&b.name));
    for pair in names.windows(2) {
        if let [one, other] = pair
            && one.name == other.name
        {
            let place = other.written.place_of("process_name");
            let message = format!(
                "two processes of group `{}` are called `{}`, and the last one counts",
                group.name, one.name
            );
            let place = place.or(other.written.place.as_ref());
            notes.warn(place, message, "give each its own `process_name`");
            return;
        }
    }
}
