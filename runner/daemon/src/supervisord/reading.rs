//! Reads a supervisord.conf with what this machine knows: users, directories, our environment. May
//! ask `getent`, so not for the loop's thread.

use std::env;
use std::path::Path;

use units::supervisord::{self, Account, Around, Config, Known, Refused, World};
use units::{Diagnostic, Surroundings, UnitSet, disk};

use super::options::Given;
use crate::process::passed_on;
use crate::users::{Accounts, User};

/// This machine, as far as a configuration may ask about it.
#[derive(Debug, Default)]
pub struct Machine {
    accounts: Accounts,
}

impl World for Machine {
    fn user(&self, name: &str) -> Known<Account> {
        let found = self.accounts.user(name).ok().flatten();
        // Looked up by name: a number that somebody is called is a name.
        known(found.filter(|user| user.name == name).map(account))
    }

    fn user_by_id(&self, uid: u32) -> Known<Account> {
        known(self.accounts.user_by_uid(uid).ok().flatten().map(account))
    }

    fn group(&self, name: &str) -> Known<u32> {
        let found = self.accounts.group(name).ok().flatten();
        known(
            found
                .filter(|group| group.name == name)
                .map(|group| group.gid),
        )
    }

    fn group_by_id(&self, gid: u32) -> Known<u32> {
        let found = self.accounts.group(&gid.to_string()).ok().flatten();
        known(
            found
                .filter(|group| group.gid == gid)
                .map(|group| group.gid),
        )
    }

    fn is_directory(&self, path: &str) -> bool {
        Path::new(path).is_dir()
    }
}

fn account(user: User) -> Account {
    Account {
        uid: user.uid,
        gid: user.gid,
        home: user.home,
    }
}

fn known<T>(found: Option<T>) -> Known<T> {
    found.map_or(Known::No, Known::Yes)
}

/// What a configuration read here may know. `given` says what the command line settles already.
#[must_use]
pub fn around<'a>(machine: &'a Machine, given: &Given) -> Around<'a> {
    let directory = env::current_dir().unwrap_or_else(|_| "/".into());
    let host = nix::sys::utsname::uname().ok();
    Around {
        environment: passed_on()
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect(),
        host_name: host
            .map(|names| names.nodename().to_string_lossy().into_owned())
            .unwrap_or_default(),
        current_directory: directory.to_string_lossy().into_owned(),
        temporary_directory: temporary_directory(),
        uid: nix::unistd::getuid().as_raw(),
        user_is_given: given.user.is_some(),
        needs_supervisord_section: true,
        world: machine,
    }
}

/// Python's choice (`tempfile.gettempdir`), as far as it can be made without writing anything.
fn temporary_directory() -> String {
    ["TMPDIR", "TEMP", "TMP"]
        .into_iter()
        .filter_map(|name| env::var(name).ok())
        .chain(["/tmp", "/var/tmp", "/usr/tmp"].map(str::to_owned))
        .find(|path| Path::new(path).is_dir())
        .unwrap_or_else(|| "/tmp".to_owned())
}

/// Reads the file and all it includes; what the command line says is put in its place.
///
/// # Errors
/// When supervisord refuses the file.
pub fn read(file: &str, given: &Given) -> Result<(Config, Vec<Diagnostic>), Refused> {
    let machine = Machine::default();
    let around = around(&machine, given);
    let (sources, mut diagnostics) = disk::supervisord::read(file, &around)?;
    let (mut config, found) = supervisord::read(&sources, &around)?;
    diagnostics.extend(found);
    given
        .apply(&mut config, &around)
        .map_err(|message| Refused {
            diagnostics: vec![Diagnostic::error(units::Place::file(file), message.clone())],
            message,
        })?;
    Ok((config, diagnostics))
}

/// As [`read`], with the units that come of it.
///
/// # Errors
/// As there.
pub fn read_units(
    file: &str,
    given: &Given,
    surroundings: &Surroundings,
) -> Result<(Config, UnitSet, Vec<Diagnostic>), Refused> {
    let (config, mut diagnostics) = read(file, given)?;
    let (units, found) = supervisord::translate(&config, surroundings);
    diagnostics.extend(found);
    Ok((config, units, diagnostics))
}

/// Whether the file at `path` is a supervisord.conf, by what is in it. One that cannot be read is
/// none.
#[must_use]
pub fn is_conf(path: &Path) -> bool {
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path);
    let Ok(file) = opened else { return false };
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return false;
    }
    let mut bytes = Vec::new();
    match file.take(disk::LARGEST_FILE).read_to_end(&mut bytes) {
        Ok(_) => supervisord::is_supervisord(&bytes),
        Err(_) => false,
    }
}
