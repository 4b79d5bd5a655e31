//! The environment of a new program: what the manager gives, then what we say about the start, then
//! what the unit says (systemd.exec(5), "Environment variables in spawned processes"). Later wins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use engine::action::Role;
use engine::event::SpawnFailure;

use super::order::Order;
use super::step::Step;
use super::{SEARCH_PATH, environment_file, open};
use crate::users::User;

/// Variables whose value is the pid of the new process, which only it can fill in.
pub(super) const PID_VARIABLES: [&str; 3] = ["LISTEN_PID", "WATCHDOG_PID", "SYSTEMD_EXEC_PID"];

/// A variable's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Known beforehand.
    Text(String),
    /// Passed on from our own environment, although it is not valid UTF-8.
    Bytes(Vec<u8>),
    /// The pid of the new process.
    Pid,
}

/// All variables, by name.
#[derive(Debug, Default)]
pub(super) struct Environment(BTreeMap<String, Value>);

impl Environment {
    /// Puts it together. `user` is the account the program runs as, where the unit chose one;
    /// `passed` the names of the descriptors from 3 on.
    ///
    /// # Errors
    /// When an environment file cannot be read.
    pub(super) fn of(
        order: &Order,
        user: Option<&User>,
        passed: &[&str],
    ) -> Result<Environment, SpawnFailure> {
        let (spawn, definition) = (&order.spawn, &order.definition);
        let mut all = Environment::default();
        let inherits = definition.inherit_environment();
        if inherits {
            for (name, value) in inherited() {
                all.pass_on(name, value);
            }
        } else {
            all.set("PATH", SEARCH_PATH);
            for (name, value) in &*order.environment {
                all.set(name, value);
            }
        }
        if let Some(user) = user.filter(|_| !inherits) {
            all.set("HOME", &user.home);
            all.set("LOGNAME", &user.name);
            all.set("USER", &user.name);
            all.set("SHELL", &user.shell);
        }
        all.set("INVOCATION_ID", spawn.invocation.to_string());
        all.set_pid("SYSTEMD_EXEC_PID");
        if let Some(path) = &order.notify_path {
            all.set("NOTIFY_SOCKET", path.to_string_lossy());
        }
        if let Some(path) = definition.pid_file() {
            all.set("PIDFILE", path);
        }
        if spawn.role == Role::Main {
            if let Some(span) = definition.watchdog_sec() {
                all.set("WATCHDOG_USEC", span.as_micros().to_string());
                all.set_pid("WATCHDOG_PID");
            }
            if definition.file_descriptor_store_max() > 0 {
                all.set(
                    "FDSTORE",
                    definition.file_descriptor_store_max().to_string(),
                );
            }
        }
        if !passed.is_empty() {
            all.set("LISTEN_FDS", passed.len().to_string());
            all.set("LISTEN_FDNAMES", passed.join(":"));
            all.set_pid("LISTEN_PID");
        }
        for (name, value) in &spawn.environment {
            all.set(name, value);
        }
        all.set_supervisor(order);
        for assignment in definition.environment() {
            all.set(&assignment.name, &*assignment.value);
        }
        for file in definition.environment_file() {
            for (name, value) in read_file(&file.path, file.optional)? {
                all.set(&name, value);
            }
        }
        Ok(all)
    }

    /// What supervisord tells its programs (`server-url`).
    fn set_supervisor(&mut self, order: &Order) {
        let url = match order.definition.server_url() {
            "" => return,
            "auto" => order.server_url.as_deref(),
            url => Some(url),
        };
        self.set("SUPERVISOR_ENABLED", "1");
        if let Some(url) = url {
            self.set("SUPERVISOR_SERVER_URL", url);
        }
        if let Some((group, process)) = units::group::group_and_process(&order.spawn.unit) {
            self.set("SUPERVISOR_PROCESS_NAME", process);
            self.set("SUPERVISOR_GROUP_NAME", group);
        }
    }

    fn pass_on(&mut self, name: String, value: OsString) {
        let value = match value.into_string() {
            Ok(text) => Value::Text(text),
            Err(value) => Value::Bytes(value.into_vec()),
        };
        self.0.insert(name, value);
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), Value::Text(value.into()));
    }

    fn set_pid(&mut self, name: &str) {
        self.0.insert(name.to_owned(), Value::Pid);
    }

    /// A value for `$NAME` in a command line. A pid is not known yet, and so stays empty there.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::Text(text) => Some(text.clone()),
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Value::Pid => Some(String::new()),
        }
    }

    /// Where bare program names are looked for: the unit's own choice, since it may set `PATH`.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// Our own environment, for programs that get it (`inherit-environment`): without what speaks to us
/// alone. It does not change while we run. Names that are not valid UTF-8 are left out.
pub fn inherited() -> impl Iterator<Item = (String, OsString)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| !crate::keeper::OURS.contains(&&**name))
}

/// More than this is no file of variables.
const MOST_BYTES: usize = 1 << 20;

fn read_file(path: &str, optional: bool) -> Result<Vec<(String, String)>, SpawnFailure> {
    let what = format!("cannot read environment file {path}");
    match open::read_regular(path.as_ref(), MOST_BYTES) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(environment_file::parse(&text)),
            Err(_) => Err(SpawnFailure::Resources {
                message: format!("{what}: it is not valid UTF-8"),
            }),
        },
        Err(error) if optional && error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(match open::failure(Step::Execute, &what, &error) {
            SpawnFailure::Setup { message, .. } => SpawnFailure::Resources { message },
            other => other,
        }),
    }
}
