//! `getAllConfigInfo`: definitions in the words of a `supervisord.conf`.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use control::{ProcessDetail, Sets};
use units::supervisord::{ConfigInfo, config_info};
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
    let in_force: HashSet<String> = sets
        .active
        .groups()
        .into_iter()
        .map(|group| group.name)
        .collect();
    let mut services: Vec<(&Arc<Definition>, ConfigInfo)> = sets
        .candidate
        .iter()
        .filter_map(|definition| {
            let mut settings = config_info(definition, false)?;
            settings.inuse = in_force.contains(&settings.group);
            Some((definition, settings))
        })
        .collect();
    units::sort::by(&mut services, |(_, a), (_, b)| {
        let place = |settings: &ConfigInfo| (settings.group_prio, settings.group.clone());
        a.name.cmp(&b.name).then_with(|| place(a).cmp(&place(b)))
    });
    let users = services
        .iter()
        .filter_map(|(_, settings)| settings.user.as_deref())
        .collect();
    let accounts = accounts(users).await;
    Ok(Value::Array(
        services
            .iter()
            .map(|(definition, settings)| {
                let chosen = Chosen::of(definition, live.get(definition.name()));
                let user = settings.user.as_ref();
                let uid = user.and_then(|user| accounts.get(user).copied());
                structure(settings, uid, chosen)
            })
            .collect(),
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

/// A process as it was read last, as a struct of the original's members. `uid` stands for the user.
fn structure(settings: &ConfigInfo, uid: Option<i64>, chosen: Chosen<'_>) -> Value {
    let text = |text: &Option<String>| text.as_deref().unwrap_or(NONE).into();
    let log = |file: &Option<String>, chosen: Option<&PathBuf>| match (file.as_deref(), chosen) {
        (Some(AUTO), Some(path)) => path.to_string_lossy().into_owned().into(),
        _ => text(file),
    };
    let codes = settings.exitcodes.iter();
    let number = |number: i32| Value::Int(i64::from(number));
    let count = |count: u32| Value::Int(i64::from(count));
    let (out, error) = (&settings.stdout, &settings.stderr);
    info::structure([
        ("autostart", settings.autostart.into()),
        ("directory", text(&settings.directory)),
        ("uid", uid.map_or(NONE.into(), Value::Int)),
        ("command", settings.command.as_str().into()),
        (
            "exitcodes",
            Value::Array(codes.map(|code| Value::Int(i64::from(*code))).collect()),
        ),
        ("group", settings.group.as_str().into()),
        ("group_prio", number(settings.group_prio)),
        ("inuse", settings.inuse.into()),
        ("killasgroup", settings.killasgroup.into()),
        ("name", settings.name.as_str().into()),
        ("process_prio", number(settings.process_prio)),
        ("redirect_stderr", settings.redirect_stderr.into()),
        ("startretries", count(settings.startretries)),
        ("startsecs", settings.startsecs.into()),
        ("stdout_capture_maxbytes", out.capture_maxbytes.into()),
        ("stdout_events_enabled", out.events_enabled.into()),
        ("stdout_logfile", log(&out.logfile, chosen.out)),
        ("stdout_logfile_backups", count(out.logfile_backups)),
        ("stdout_logfile_maxbytes", out.logfile_maxbytes.into()),
        ("stdout_syslog", out.syslog.into()),
        ("stopsignal", number(settings.stopsignal)),
        ("stopwaitsecs", settings.stopwaitsecs.into()),
        ("stderr_capture_maxbytes", error.capture_maxbytes.into()),
        ("stderr_events_enabled", error.events_enabled.into()),
        ("stderr_logfile", log(&error.logfile, chosen.error)),
        ("stderr_logfile_backups", count(error.logfile_backups)),
        ("stderr_logfile_maxbytes", error.logfile_maxbytes.into()),
        ("stderr_syslog", error.syslog.into()),
        ("serverurl", text(&settings.serverurl)),
    ])
}

/// The names of files we chose ourselves.
#[derive(Debug, Clone, Copy, Default)]
struct Chosen<'a> {
    out: Option<&'a PathBuf>,
    error: Option<&'a PathBuf>,
}

impl<'a> Chosen<'a> {
    /// They are chosen once a process is in force as it was read last.
    fn of(definition: &Arc<Definition>, live: Option<&'a ProcessDetail>) -> Chosen<'a> {
        let in_force = live.filter(|detail| {
            Arc::ptr_eq(&detail.view.definition, definition)
                || *detail.view.definition == **definition
        });
        in_force.map_or_else(Chosen::default, |detail| Chosen {
            out: detail.log_file.as_ref(),
            error: detail.error_log_file.as_ref(),
        })
    }
}
