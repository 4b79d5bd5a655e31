//! The environment of a new program: what the manager gives, then what we say about the start, then
//! what the unit says (systemd.exec(5), "Environment variables in spawned processes"). Later wins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use engine::action::Role;
use engine::event::SpawnFailure;

use units::Definition;
use units::settings::SettingId;
use units::value::Output;

use super::directories::Roots;
use super::order::Order;
use super::step::Step;
use super::{
    SEARCH_PATH, credentials, directories, environment_file, glob, open, program, terminal,
};
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
        roots: &Roots,
    ) -> Result<Environment, SpawnFailure> {
        let (spawn, definition) = (&order.spawn, &order.definition);
        let mut all = Environment::default();
        let inherits = definition.inherit_environment();
        if inherits {
            for (name, value) in inherited() {
                all.pass_on(name, value);
            }
            for (name, value) in &*order.changed_environment {
                match value {
                    Some(value) => all.set(name, value),
                    None => all.unset(name),
                }
            }
        } else {
            all.set("PATH", SEARCH_PATH);
            for (name, value) in &*order.environment {
                all.set(name, value);
            }
        }
        if let Some(user) = user.filter(|_| !inherits) {
            all.set_login(user);
        }
        all.set("INVOCATION_ID", spawn.invocation.to_string());
        all.set_pid("SYSTEMD_EXEC_PID");
        all.set_terminal(definition);
        for (name, paths) in directories::variables(definition, roots) {
            all.set(name, paths);
        }
        if credentials::has_some(definition) {
            let directory = credentials::directory(definition, roots);
            all.set("CREDENTIALS_DIRECTORY", directory.to_string_lossy());
        }
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
        if !definition.exec_search_path().is_empty() {
            all.set("PATH", program::search_path(definition.exec_search_path()));
        }
        for name in definition.pass_environment() {
            if let Some(value) = std::env::var_os(&**name) {
                all.pass_on(name.to_string(), value);
            }
        }
        for assignment in definition.environment() {
            all.set(&assignment.name, &*assignment.value);
        }
        for file in definition.environment_file() {
            for (name, value) in read_files(&file.path, file.optional)? {
                all.set(&name, value);
            }
        }
        for unwanted in definition.unset_environment() {
            all.unset(unwanted);
        }
        Ok(all)
    }

    /// Who the program runs as, as far as that says anything: no home is none, and neither is a shell
    /// that lets nobody in.
    fn set_login(&mut self, user: &User) {
        const NO_SHELLS: [&str; 7] = [
            "/bin/nologin",
            "/sbin/nologin",
            "/usr/sbin/nologin",
            "/bin/false",
            "/usr/bin/false",
            "/bin/true",
            "/usr/bin/true",
        ];
        let nobody = user.uid == 65534 && user.name == "nobody";
        if user.home.starts_with('/') && !user.home.trim_matches('/').is_empty() && !nobody {
            self.set("HOME", &user.home);
        }
        self.set("LOGNAME", &user.name);
        self.set("USER", &user.name);
        if user.shell.starts_with('/') && !NO_SHELLS.contains(&&*user.shell) && !nobody {
            self.set("SHELL", &user.shell);
        }
    }

    /// `TERM`, for a program that talks to a terminal.
    fn set_terminal(&mut self, definition: &Definition) {
        let talks = |output: Option<&Output>| matches!(output, Some(Output::Tty));
        let needs = definition.standard_input().is_terminal()
            || talks(definition.standard_output())
            || talks(definition.standard_error())
            || definition.is_set(SettingId::TtyPath);
        if !needs {
            return;
        }
        let path = definition.tty_path();
        let ours = std::env::var("TERM")
            .ok()
            .filter(|_| path == "/dev/console");
        self.set(
            "TERM",
            ours.unwrap_or_else(|| terminal::kind(path).to_owned()),
        );
    }

    /// Takes a variable away, or only this value of it (`NAME=value`).
    fn unset(&mut self, unwanted: &str) {
        match unwanted.split_once('=') {
            None => drop(self.0.remove(unwanted)),
            Some((name, value)) => {
                if matches!(self.0.get(name), Some(Value::Text(held)) if held == value) {
                    self.0.remove(name);
                }
            }
        }
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
/// alone. It does not change while we run; what clients change of the block goes over it. Names that are not valid UTF-8 are left out.
pub fn inherited() -> impl Iterator<Item = (String, OsString)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| !crate::keeper::OURS.contains(&&**name))
}

/// More than this is no file of variables.
const MOST_BYTES: usize = 1 << 20;

/// The variables of all files that `pattern` fits, in the order of their names.
fn read_files(pattern: &str, optional: bool) -> Result<Vec<(String, String)>, SpawnFailure> {
    let read = || -> std::io::Result<Vec<(String, String)>> {
        let mut all = Vec::new();
        for path in glob::files(pattern)? {
            let bytes = open::read_regular(&path, MOST_BYTES)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| std::io::Error::other("it is not valid UTF-8"))?;
            all.extend(environment_file::parse(&text));
        }
        Ok(all)
    };
    match read() {
        Ok(all) => Ok(all),
        // Whatever is wrong with it.
        Err(_) if optional => Ok(Vec::new()),
        Err(error) => {
            let what = format!("cannot read environment file {pattern}");
            Err(match open::failure(Step::Execute, &what, &error) {
                SpawnFailure::Setup { message, .. } => SpawnFailure::Resources { message },
                other => other,
            })
        }
    }
}
