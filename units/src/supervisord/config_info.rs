//! What `getAllConfigInfo` tells of a program, read back from its definition: the reverse of the
//! mapping, so that a unit written by hand can be shown to supervisord's clients as well.

use crate::definition::Definition;
use crate::group::group_and_process;
use crate::settings::SettingId;
use crate::value::{KillMode, LogFile, Output, Restart, Size, Span};

/// The members of a struct of `getAllConfigInfo`, and what 4.4 adds to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigInfo {
    /// `autorestart`: `None` for `unexpected`.
    pub autorestart: Option<bool>,
    /// `autostart`
    pub autostart: bool,
    /// `directory`; `None` is `none` on the wire, here and everywhere below.
    pub directory: Option<String>,
    /// `uid`: the user's name or number as the definition has it; a number where it was read from
    /// a supervisord.conf.
    pub user: Option<String>,
    /// `command`
    pub command: String,
    /// `exitcodes`
    pub exitcodes: Vec<u8>,
    /// `group`
    pub group: String,
    /// `group_prio`
    pub group_prio: i32,
    /// `inuse`
    pub inuse: bool,
    /// `killasgroup`
    pub killasgroup: bool,
    /// `name`
    pub name: String,
    /// `process_prio`
    pub process_prio: i32,
    /// `redirect_stderr`
    pub redirect_stderr: bool,
    /// `startretries`
    pub startretries: u32,
    /// `startsecs`: whole seconds.
    pub startsecs: i64,
    /// `stdout_…`
    pub stdout: OutputInfo,
    /// `stderr_…`
    pub stderr: OutputInfo,
    /// `stopsignal`
    pub stopsignal: i32,
    /// `stopwaitsecs`: whole seconds.
    pub stopwaitsecs: i64,
    /// `serverurl`
    pub serverurl: Option<String>,
}

/// What it tells of one of the two outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputInfo {
    /// `*_capture_maxbytes`
    pub capture_maxbytes: i64,
    /// `*_events_enabled`
    pub events_enabled: bool,
    /// `*_logfile`: a path, or the word `auto`.
    pub logfile: Option<String>,
    /// `*_logfile_backups`
    pub logfile_backups: u32,
    /// `*_logfile_maxbytes`; 0 where it is never rotated.
    pub logfile_maxbytes: i64,
    /// `*_syslog`
    pub syslog: bool,
}

/// What supervisord's clients are told of a service; `None` for units of other kinds and for
/// templates, which are no programs to them. `in_use`: whether its group is in force.
pub fn config_info(service: &Definition, in_use: bool) -> Option<ConfigInfo> {
    let (group, name) = group_and_process(service.name())?;
    let redirect_stderr = service.error_log_file().is_none()
        && matches!(service.standard_error(), None | Some(Output::Inherit));
    let logfile = |file: Option<&LogFile>, target: Option<&Output>| match (file, target) {
        (Some(LogFile::Auto { .. }), None | Some(Output::Log)) => Some("auto".to_owned()),
        (Some(LogFile::Path(path)), None | Some(Output::Log)) => Some(path.to_string()),
        _ => None,
    };
    let retries = match (service.start_retries(), service.restart()) {
        (Some(retries), _) => retries,
        (None, Restart::No) => 0,
        (None, _) => service.start_limit_burst(),
    };
    Some(ConfigInfo {
        autorestart: match service.restart() {
            Restart::No => Some(false),
            Restart::Always => Some(true),
            _ => None,
        },
        autostart: service.autostart(),
        directory: directory(service),
        user: service.user().map(str::to_owned),
        command: command(service),
        exitcodes: exit_codes(service),
        group,
        group_prio: service.group_priority(),
        inuse: in_use,
        killasgroup: matches!(
            service.kill_mode(),
            KillMode::ControlGroup | KillMode::Mixed
        ),
        name,
        process_prio: service.priority(),
        redirect_stderr,
        startretries: retries,
        startsecs: seconds(service.ready_after()),
        stdout: OutputInfo {
            capture_maxbytes: bytes(service.log_capture_size()),
            events_enabled: service.log_events(),
            logfile: logfile(service.log_file(), service.standard_output()),
            logfile_backups: service.log_backups(),
            logfile_maxbytes: bytes(service.log_max_size()),
            syslog: service.log_syslog(),
        },
        stderr: OutputInfo {
            capture_maxbytes: bytes(service.error_log_capture_size()),
            events_enabled: service.error_log_events(),
            logfile: logfile(service.error_log_file(), service.standard_error()),
            logfile_backups: service.error_log_backups(),
            logfile_maxbytes: bytes(service.error_log_max_size()),
            syslog: service.error_log_syslog(),
        },
        stopsignal: service.kill_signal().number(),
        stopwaitsecs: seconds(service.timeout_stop_sec()),
        serverurl: match service.server_url() {
            "" | "auto" => None,
            url => Some(url.to_owned()),
        },
    })
}

/// The command line as its author wrote it where that is how it runs, else in canonical form.
fn command(service: &Definition) -> String {
    let Some(line) = service.exec_start().first() else {
        return String::new();
    };
    if line.literal {
        return line.path.to_string();
    }
    match service.items(SettingId::ExecStart) {
        [one] if !one.text.contains('%') => one.text.to_string(),
        _ => line.to_string(),
    }
}

fn directory(service: &Definition) -> Option<String> {
    use crate::value::WorkingDirectory as W;
    match service.working_directory() {
        Some(W::Inherit) => None,
        Some(W::Below(path)) => Some(path.to_string()),
        Some(W::Path { path, .. }) => Some(path.to_string()),
        Some(W::Home { .. }) => Some("~".to_owned()),
        None => Some("/".to_owned()),
    }
}

/// In the order they are written in, each as often as it is; those of our own besides.
fn exit_codes(service: &Definition) -> Vec<u8> {
    let items = service.items(SettingId::SuccessExitStatus).iter();
    let words = items.flat_map(|item| item.text.split_ascii_whitespace());
    let written: Option<Vec<u8>> = words.map(|word| word.parse().ok()).collect();
    let listed = written.unwrap_or_else(|| service.success_exit_status().codes().to_vec());
    match service.success_exit_status_only() {
        true => listed,
        false => std::iter::once(0).chain(listed).collect(),
    }
}

/// No limit is 0 there.
fn bytes(size: Size) -> i64 {
    match size {
        Size::INFINITY => 0,
        size => i64::try_from(size.as_bytes()).unwrap_or(i64::MAX),
    }
}

fn seconds(span: Span) -> i64 {
    i64::try_from(span.as_micros() / 1_000_000).unwrap_or(i64::MAX)
}
