//! `getAllConfigInfo`: definitions in the words of a `supervisord.conf`.

use std::collections::HashMap;

use control::{ProcessDetail, Sets};
use units::value::{KillMode, LogFile, Output, Span, WorkingDirectory};
use units::{Definition, UnitName};
use xmlrpc::Value;

use super::process::details;
use super::{Context, Fault, info};

/// What is not set.
const NONE: &str = "none";

/// A log file whose name is not chosen yet.
const AUTO: &str = "auto";

/// The settings of all processes as they were read last, in order of name.
pub(super) async fn all(context: Context<'_>, sets: &Sets) -> Result<Value, Fault> {
    let live: HashMap<UnitName, ProcessDetail> = details(context, None)
        .await?
        .into_iter()
        .map(|detail| (detail.view.unit.clone(), detail))
        .collect();
    let groups = sets.candidate.groups();
    let in_force: std::collections::HashSet<String> = sets
        .active
        .groups()
        .into_iter()
        .map(|group| group.name)
        .collect();
    let services: Vec<_> = groups
        .iter()
        .flat_map(|group| group.services.iter().map(move |unit| (group, unit)))
        .filter_map(|(group, unit)| Some((group, sets.candidate.get(unit)?)))
        .collect();
    let users = services
        .iter()
        .filter_map(|(_, definition)| definition.user())
        .collect();
    let accounts = accounts(users).await;
    let mut all: Vec<(String, Value)> = services
        .into_iter()
        .filter_map(|(group, definition)| {
            let (_, name) = units::group::group_and_process(definition.name())?;
            let process = Configured {
                definition,
                name: &name,
                group: &group.name,
                group_priority: group.priority,
                in_use: in_force.contains(&group.name),
                live: live.get(definition.name()),
                uid: definition
                    .user()
                    .and_then(|user| accounts.get(user).copied()),
            };
            let settings = process.settings();
            Some((name, settings))
        })
        .collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Value::Array(
        all.into_iter().map(|(_, value)| value).collect(),
    ))
}

/// The uids of the users that are named. Read from `/etc/passwd`, and only where there is a name,
/// off the loop's thread.
async fn accounts(users: Vec<&str>) -> HashMap<String, i64> {
    let mut known = HashMap::new();
    let mut names = Vec::new();
    for user in users {
        match user.parse::<u32>() {
            Ok(uid) => {
                known.insert(user.to_owned(), i64::from(uid));
            }
            Err(_) => names.push(user.to_owned()),
        }
    }
    if names.is_empty() {
        return known;
    }
    let read = tokio::task::spawn_blocking(|| std::fs::read_to_string("/etc/passwd"));
    let passwd = match read.await {
        Ok(Ok(text)) => text,
        _ => String::new(),
    };
    for line in passwd.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(_), Some(uid)) = (fields.next(), fields.next(), fields.next())
            && names.iter().any(|wanted| wanted == name)
            && let Ok(uid) = uid.parse::<u32>()
        {
            known
                .entry(name.to_owned())
                .or_insert_with(|| i64::from(uid));
        }
    }
    known
}

/// A process with all that says how it is configured.
struct Configured<'a> {
    definition: &'a Definition,
    name: &'a str,
    group: &'a str,
    group_priority: i32,
    in_use: bool,
    /// As it is in force, where it is.
    live: Option<&'a ProcessDetail>,
    uid: Option<i64>,
}

impl Configured<'_> {
    fn settings(&self) -> Value {
        let definition = self.definition;
        let out = definition.log_file().map(|file| self.log_file(file, false));
        let error = definition
            .error_log_file()
            .map(|file| self.log_file(file, true));
        let kills_group = matches!(
            definition.kill_mode(),
            KillMode::ControlGroup | KillMode::Mixed
        );
        let redirects = matches!(definition.standard_error(), None | Some(Output::Inherit))
            && definition.error_log_file().is_none();
        let capture = |size: units::value::Size| bytes(size.as_bytes());
        info::structure([
            ("autostart", Value::Bool(definition.autostart())),
            ("directory", self.directory()),
            ("uid", self.uid.map_or(NONE.into(), Value::Int)),
            ("command", self.command()),
            ("exitcodes", self.exit_codes()),
            ("group", self.group.into()),
            ("group_prio", Value::Int(i64::from(self.group_priority))),
            ("inuse", Value::Bool(self.in_use)),
            ("killasgroup", Value::Bool(kills_group)),
            ("name", self.name.into()),
            ("process_prio", Value::Int(i64::from(definition.priority()))),
            ("redirect_stderr", Value::Bool(redirects)),
            (
                "startretries",
                Value::Int(i64::from(definition.start_retries().unwrap_or_default())),
            ),
            ("startsecs", seconds(definition.ready_after())),
            (
                "stdout_capture_maxbytes",
                capture(definition.log_capture_size()),
            ),
            (
                "stdout_events_enabled",
                Value::Bool(definition.log_events()),
            ),
            ("stdout_logfile", out.unwrap_or_else(|| NONE.into())),
            (
                "stdout_logfile_backups",
                Value::Int(i64::from(definition.log_backups())),
            ),
            (
                "stdout_logfile_maxbytes",
                size_limit(definition.log_max_size()),
            ),
            ("stdout_syslog", Value::Bool(definition.log_syslog())),
            (
                "stopsignal",
                Value::Int(i64::from(definition.kill_signal().number())),
            ),
            ("stopwaitsecs", seconds(definition.timeout_stop_sec())),
            (
                "stderr_capture_maxbytes",
                capture(definition.error_log_capture_size()),
            ),
            (
                "stderr_events_enabled",
                Value::Bool(definition.error_log_events()),
            ),
            ("stderr_logfile", error.unwrap_or_else(|| NONE.into())),
            (
                "stderr_logfile_backups",
                Value::Int(i64::from(definition.error_log_backups())),
            ),
            (
                "stderr_logfile_maxbytes",
                size_limit(definition.error_log_max_size()),
            ),
            ("stderr_syslog", Value::Bool(definition.error_log_syslog())),
            ("serverurl", self.server_url()),
        ])
    }

    /// A file we choose ourselves has a name only where the process is in force as it is here.
    fn log_file(&self, file: &LogFile, is_error: bool) -> Value {
        match file {
            LogFile::Path(path) => Value::Str(path.to_string()),
            LogFile::Auto { .. } => {
                let same = |detail: &&ProcessDetail| {
                    std::ptr::eq(&raw const *detail.view.definition, self.definition)
                        || *detail.view.definition == *self.definition
                };
                let chosen = self.live.filter(same).and_then(|detail| match is_error {
                    false => detail.log_file.as_ref(),
                    true => detail.error_log_file.as_ref(),
                });
                chosen.map_or(AUTO.into(), |path| {
                    path.to_string_lossy().into_owned().into()
                })
            }
        }
    }

    fn directory(&self) -> Value {
        match self.definition.working_directory() {
            Some(WorkingDirectory::Path { path, .. }) => Value::Str(path.to_string()),
            Some(WorkingDirectory::Below(path)) => Value::Str(path.to_string()),
            Some(WorkingDirectory::Home) => "~".into(),
            Some(WorkingDirectory::Inherit) | None => NONE.into(),
        }
    }

    fn command(&self) -> Value {
        match self.definition.exec_start().first() {
            Some(line) if line.literal => Value::Str(line.path.to_string()),
            Some(line) => Value::Str(line.to_string()),
            None => NONE.into(),
        }
    }

    fn exit_codes(&self) -> Value {
        let set = self.definition.success_exit_status();
        let also_zero = !self.definition.success_exit_status_only() && !set.has_code(0);
        let zero = also_zero.then_some(Value::Int(0));
        let codes = set.codes().iter().map(|code| Value::Int(i64::from(*code)));
        Value::Array(zero.into_iter().chain(codes).collect())
    }

    fn server_url(&self) -> Value {
        match self.definition.server_url() {
            "" | "auto" => NONE.into(),
            url => url.into(),
        }
    }
}

/// Whole seconds; what has no end is as long as can be said.
fn seconds(span: Span) -> Value {
    Value::Int(match span.as_duration() {
        Some(duration) => i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        None => i64::from(i32::MAX),
    })
}

fn bytes(count: u64) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A size without end is how "never" is written in unit files; in a `supervisord.conf` it is 0.
fn size_limit(size: units::value::Size) -> Value {
    if size == units::value::Size::INFINITY {
        return Value::Int(0);
    }
    bytes(size.as_bytes())
}
