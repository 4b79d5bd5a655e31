//! One section of a program to its processes.

use std::sync::Arc;

use super::config::{AutoRestart, Dependency, Extension, LogFile, Process, Stream, User, Written};
use super::expand::{Names, Value};
use super::options::{Notes, Options, Trouble};
use super::python::{repr, strip};
use super::values::{self, LogFileText};
use super::{environment, traps};

/// The most processes of a whole configuration. The real one goes on until its memory ends.
const MOST_PROCESSES: usize = 10_000;

/// Reads the processes of a section, sorted by name. `made` counts those of the whole file.
pub(super) fn processes(
    options: &Options<'_>,
    section: &str,
    group: &str,
    made: &mut usize,
    notes: &mut Notes,
) -> Result<Vec<Process>, Trouble> {
    let read = read(options, section, group, made, notes);
    read.map_err(|mut trouble| {
        let file = options.section_files.get(section).unwrap_or(&options.file);
        trouble.message = format!(
            "{} in section {} (file: {})",
            trouble.message,
            repr(section),
            repr(file)
        );
        let header = options.document.section(section);
        trouble.at(header.and_then(|section| section.place.as_ref()))
    })
}

/// What is the same for all processes of a section.
struct Shared {
    priority: i64,
    autostart: bool,
    autorestart: AutoRestart,
    startsecs: i64,
    startretries: i64,
    stopsignal: i32,
    stopwaitsecs: i64,
    stopasgroup: bool,
    killasgroup: bool,
    exitcodes: Vec<i64>,
    redirect_stderr: bool,
    numprocs: i64,
    numprocs_start: i64,
    stdout: (i64, bool),
    stderr: (i64, bool),
    serverurl: Option<String>,
    user: Option<User>,
    umask: Option<i64>,
    process_name: String,
    written: Arc<Written>,
}

fn read(
    options: &Options<'_>,
    section: &str,
    group: &str,
    made: &mut usize,
    notes: &mut Notes,
) -> Result<Vec<Process>, Trouble> {
    let program = after_colon(section);
    let program = values::name(program).map_err(Trouble::new)?;
    let mut names = options
        .names()
        .with("program_name", &program)
        .with("host_node_name", &options.around.host_name)
        .with("group_name", group);
    let shared = shared(options, section, &names)?;
    if shared.numprocs > 1 && !shared.process_name.contains("%(process_num)") {
        let message = "%(process_num) must be present within process_name when numprocs > 1";
        return Err(options
            .refuse(section, "process_name", message)
            .with_hint("write process_name=%(program_name)s_%(process_num)02d"));
    }
    if shared.stopasgroup && !shared.killasgroup {
        let message = "Cannot set stopasgroup=true and killasgroup=false";
        return Err(options.refuse(section, "killasgroup", message));
    }
    let end = shared.numprocs.saturating_add(shared.numprocs_start);
    let mut processes: Vec<Process> = Vec::new();
    for process_num in shared.numprocs_start..end {
        *made += 1;
        if *made > MOST_PROCESSES {
            let message = format!("there are more than {MOST_PROCESSES} processes");
            return Err(options.refuse(section, "numprocs", message));
        }
        let one = One {
            options,
            section,
            shared: &shared,
            is_first: processes.is_empty(),
        };
        processes.push(one.read(&program, process_num, &mut names, notes)?);
    }
    // The priority is the same for all of them.
    crate::sort::by(&mut processes, |a, b| a.name.cmp(&b.name));
    Ok(processes)
}

/// What stands after the first colon of a section's name.
pub(super) fn after_colon(section: &str) -> &str {
    section.split_once(':').map_or("", |(_, name)| name)
}

fn shared(options: &Options<'_>, section: &str, names: &Names<'_>) -> Result<Shared, Trouble> {
    let integer = |key, default| options.value(section, key, names, default, values::integer);
    let boolean = |key, default| options.value(section, key, names, default, values::boolean);
    let size = |key| options.value(section, key, names, 0, values::byte_size);

    let priority = integer("priority", 999)?;
    let autostart = boolean("autostart", true)?;
    let unexpected = AutoRestart::Unexpected;
    let autorestart = options.value(
        section,
        "autorestart",
        names,
        unexpected,
        values::auto_restart,
    )?;
    let startsecs = integer("startsecs", 1)?;
    let startretries = integer("startretries", 3)?;
    let stopsignal = options.value(section, "stopsignal", names, 15, values::signal)?;
    let stopwaitsecs = integer("stopwaitsecs", 10)?;
    let stopasgroup = boolean("stopasgroup", false)?;
    let killasgroup = boolean("killasgroup", stopasgroup)?;
    let exitcodes = options.value(section, "exitcodes", names, vec![0], values::exit_codes)?;
    let redirect_stderr = boolean("redirect_stderr", false)?;
    let numprocs = integer("numprocs", 1)?;
    let numprocs_start = integer("numprocs_start", 0)?;
    let stdout = (
        size("stdout_capture_maxbytes")?,
        boolean("stdout_events_enabled", false)?,
    );
    let stderr = (
        size("stderr_capture_maxbytes")?,
        boolean("stderr_events_enabled", false)?,
    );
    let serverurl = options.text(section, "serverurl", names)?;
    let serverurl = serverurl.filter(|url| !strip(url).eq_ignore_ascii_case("auto"));
    let user = options.value(section, "user", names, None, |text| {
        values::user(text, options.around).map(Some)
    })?;
    let umask = options.value(section, "umask", names, None, |text| {
        values::octal(text).map(Some)
    })?;
    let process_name = options.entry(section, "process_name");
    let process_name = process_name.map_or("%(program_name)s", |entry| entry.value.as_str());
    let process_name = values::name(process_name)
        .map_err(|message| options.refuse(section, "process_name", message))?;
    Ok(Shared {
        priority,
        autostart,
        autorestart,
        startsecs,
        startretries,
        stopsignal,
        stopwaitsecs,
        stopasgroup,
        killasgroup,
        exitcodes,
        redirect_stderr,
        numprocs,
        numprocs_start,
        stdout,
        stderr,
        serverurl,
        user,
        umask,
        process_name,
        written: options.written(section)?,
    })
}

/// Reads what differs between the processes of a section.
struct One<'a> {
    options: &'a Options<'a>,
    section: &'a str,
    shared: &'a Shared,
    /// What is to be said about a section is said once.
    is_first: bool,
}

impl One<'_> {
    /// `names` goes from process to process: a variable that only an earlier one set is still
    /// there, as in the real program.
    fn read(
        &self,
        program: &str,
        process_num: i64,
        names: &mut Names<'_>,
        notes: &mut Notes,
    ) -> Result<Process, Trouble> {
        let (options, section, shared) = (self.options, self.section, self.shared);
        names.set("process_num", Value::Number(process_num));
        names.set("numprocs", Value::Number(shared.numprocs));
        names.restore_environment();
        let environment = self.environment(names, notes)?;
        for (key, value) in &environment {
            names.set(&format!("ENV_{key}"), Value::Text(value.clone()));
        }
        let names = &*names;
        let directory = options.text(section, "directory", names)?;
        let stdout = self.stream("stdout", shared.stdout, names, notes)?;
        let mut stderr = self.stream("stderr", shared.stderr, names, notes)?;
        if shared.redirect_stderr {
            if matches!(stderr.logfile, LogFile::Path(_)) {
                self.tell(
                    notes,
                    "stderr_logfile",
                    format!(
                        "For [{section}], redirect_stderr=true but stderr_logfile has also been \
                         set to a filename, the filename has been ignored"
                    ),
                );
            }
            stderr.logfile = LogFile::None;
        }
        let Some(command) = options.text(section, "command", names)? else {
            return Err(Trouble::new(format!(
                "program section {section} does not specify a command"
            )));
        };
        let name = options
            .expand(&shared.process_name, names, "process_name")
            .map_err(|trouble| trouble.at(options.place(section, "process_name")))?;
        let process = Process {
            name,
            program: program.to_owned(),
            process_num,
            command,
            directory,
            umask: shared.umask,
            priority: shared.priority,
            autostart: shared.autostart,
            autorestart: shared.autorestart,
            startsecs: shared.startsecs,
            startretries: shared.startretries,
            user: shared.user.clone(),
            exitcodes: shared.exitcodes.clone(),
            stopsignal: shared.stopsignal,
            stopwaitsecs: shared.stopwaitsecs,
            stopasgroup: shared.stopasgroup,
            killasgroup: shared.killasgroup,
            redirect_stderr: shared.redirect_stderr,
            stdout,
            stderr,
            environment,
            serverurl: shared.serverurl.clone(),
            depends_on: self.depends_on(names)?,
            extensions: self.extensions(names)?,
            written: shared.written.clone(),
        };
        if self.is_first {
            traps::process(&process, notes);
        }
        Ok(process)
    }

    fn environment(
        &self,
        names: &Names<'_>,
        notes: &mut Notes,
    ) -> Result<Vec<(String, String)>, Trouble> {
        const KEY: &str = "environment";
        let Some(entry) = self.options.entry(self.section, KEY) else {
            return Ok(Vec::new());
        };
        let place = Some(&entry.place);
        let text = self
            .options
            .expand(&entry.value, names, KEY)
            .map_err(|trouble| trouble.at(place))?;
        match environment::parse(&text) {
            Ok(read) => {
                if self.is_first {
                    for surprise in environment::surprises(&text) {
                        notes.warn(place, surprise.message, &surprise.hint);
                    }
                }
                Ok(read)
            }
            Err(message) => {
                let trouble = Trouble::new(message).at(place);
                Err(match environment::surprises(&text).into_iter().next() {
                    Some(surprise) => trouble.with_hint(surprise.hint),
                    None => trouble,
                })
            }
        }
    }

    fn stream(
        &self,
        stream: &str,
        (capture_maxbytes, events_enabled): (i64, bool),
        names: &Names<'_>,
        notes: &mut Notes,
    ) -> Result<Stream, Trouble> {
        let (options, section) = (self.options, self.section);
        let key = |end: &str| format!("{stream}_{end}");
        let log_key = key("logfile");
        let mut is_syslog = false;
        let logfile = match options.text(section, &log_key, names)? {
            None => LogFile::Auto,
            Some(once) => {
                // Twice, so `%%` in a path has to be `%%%%`.
                let place = options.place(section, &log_key);
                let twice = options.expand(&once, names, &log_key);
                let twice = twice.map_err(|trouble| trouble.at(place))?;
                let read = values::log_file(&twice, options.around);
                match read.map_err(|message| options.refuse(section, &log_key, message))? {
                    LogFileText::File(file) => file,
                    LogFileText::Syslog => {
                        is_syslog = true;
                        LogFile::None
                    }
                }
            }
        };
        let logfile_backups =
            options.value(section, &key("logfile_backups"), names, 10, values::integer)?;
        let logfile_maxbytes = options.value(
            section,
            &key("logfile_maxbytes"),
            names,
            50 << 20,
            values::byte_size,
        )?;
        let syslog_key = key("syslog");
        let syslog = options.value(section, &syslog_key, names, false, values::boolean)?;
        if is_syslog {
            self.tell(
                notes,
                &log_key,
                format!(
                    "For [{section}], {log_key}=syslog but this is deprecated and will be \
                     removed.  Use {syslog_key}=true to enable syslog instead."
                ),
            );
        }
        if logfile == LogFile::Auto && logfile_maxbytes == 0 {
            self.tell(
                notes,
                &log_key,
                format!(
                    "For [{section}], AUTO logging used for {log_key} without rollover, set \
                     maxbytes > 0 to avoid filling up filesystem unintentionally"
                ),
            );
        }
        Ok(Stream {
            logfile,
            logfile_maxbytes,
            logfile_backups,
            capture_maxbytes,
            events_enabled,
            syslog: syslog || is_syslog,
        })
    }

    /// A line of the real one's main log, once per process there; as a finding once per section.
    fn tell(&self, notes: &mut Notes, key: &str, line: String) {
        if self.is_first {
            let place = self.options.place(self.section, key);
            notes.warn(place, line.clone(), "");
        }
        notes.warnings.push(line);
    }

    fn depends_on(&self, names: &Names<'_>) -> Result<Vec<Dependency>, Trouble> {
        const KEY: &str = "depends_on";
        let Some(entry) = self.options.entry(self.section, KEY) else {
            return Ok(Vec::new());
        };
        let text = self.options.text(self.section, KEY, names)?;
        let text = text.unwrap_or_default();
        let words = text.split(|letter: char| letter == ',' || letter.is_whitespace());
        Ok(words
            .filter(|word| !word.is_empty())
            .map(|word| Dependency {
                name: word.to_owned(),
                place: entry.place.clone(),
            })
            .collect())
    }

    fn extensions(&self, names: &Names<'_>) -> Result<Vec<Extension>, Trouble> {
        let mut extensions = Vec::new();
        for option in &self.shared.written.options {
            let Some(key) = option.key.strip_prefix("runner.") else {
                continue;
            };
            let text = self.options.text(self.section, &option.key, names)?;
            extensions.push(Extension {
                key: key.to_owned(),
                text: text.unwrap_or_default(),
                place: option.place.clone(),
            });
        }
        Ok(extensions)
    }
}
