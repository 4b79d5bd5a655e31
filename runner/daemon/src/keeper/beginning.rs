//! A keeper that somebody prepared: what had to be done first (reading a supervisord.conf, giving
//! up privileges, opening servers) was done by this very process under another hat. It executes the
//! program anew to become the keeper, so that none of the memory it needed stays for ever.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use engine::json;
use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::io::FdFlags;
use serde::{Deserialize, Serialize};

use super::Settings;
use super::launch::environment_with;
use super::system::{adopt_fd, become_program};

/// All that was prepared.
#[derive(Debug)]
pub struct Beginning {
    /// The arguments of the keeper and of each manager, `argv[0]` first.
    pub arguments: Vec<OsString>,
    /// Where everything lives that is made at run time.
    pub runtime_dir: PathBuf,
    /// That directory was made for this run only.
    pub fresh: bool,
    /// Of that directory ([`super::take_lock`]).
    pub lock: OwnedFd,
    /// Where the world finds our pid, beside that directory.
    pub pid_file: Option<PathBuf>,
    /// What the first manager finds with the keeper, by its key.
    pub held: BTreeMap<String, OwnedFd>,
}

/// A [`Beginning`] as it travels: descriptors by their numbers. Written and read by one program.
#[derive(Serialize, Deserialize)]
struct Packed {
    runtime_dir: Vec<u8>,
    fresh: bool,
    lock: RawFd,
    pid_file: Option<Vec<u8>>,
    held: BTreeMap<String, RawFd>,
}

impl Beginning {
    /// Becomes the keeper. Comes back only with the reason why not.
    #[must_use]
    pub fn begin(self) -> io::Error {
        match self.execute() {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    fn execute(&self) -> io::Result<std::convert::Infallible> {
        let packed = Packed {
            runtime_dir: self.runtime_dir.as_os_str().as_bytes().to_vec(),
            fresh: self.fresh,
            lock: self.lock.as_raw_fd(),
            pid_file: self
                .pid_file
                .as_ref()
                .map(|path| path.as_os_str().as_bytes().to_vec()),
            held: self
                .held
                .iter()
                .map(|(key, fd)| (key.clone(), fd.as_raw_fd()))
                .collect(),
        };
        let mut table = File::from(rustix::fs::memfd_create("beginning", MemfdFlags::CLOEXEC)?);
        io::Write::write_all(&mut table, serde_json::to_string(&packed)?.as_bytes())?;
        let variable = super::upgrade::variable_to_begin(&table);
        let environment = environment_with(variable)?;
        let arguments = self
            .arguments
            .iter()
            .map(|argument| CString::new(argument.as_bytes()))
            .collect::<Result<Vec<_>, _>>()?;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let program = rustix::fs::open("/proc/self/exe", flags, Mode::empty())?;
        for fd in self
            .held
            .values()
            .map(AsFd::as_fd)
            .chain([self.lock.as_fd(), table.as_fd()])
        {
            rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
        }
        let arguments: Vec<_> = arguments.iter().map(CString::as_c_str).collect();
        let environment: Vec<_> = environment.iter().map(CString::as_c_str).collect();
        Err(become_program(program.as_fd(), &arguments, &environment))
    }
}

/// What [`Beginning::begin`] left for this process.
pub(super) fn unpack(table: OwnedFd) -> io::Result<(Settings, OwnedFd, BTreeMap<String, OwnedFd>)> {
    let mut file = File::from(table);
    io::Seek::rewind(&mut file)?;
    let packed: Packed = json::from_str(&io::read_to_string(file)?)?;
    // SAFETY: each number was written by this very process, once, from a descriptor that it owned
    // and left open over its own execve.
    #[allow(unsafe_code, reason = "descriptors come in by number")]
    let own = |fd: RawFd| unsafe { adopt_fd(fd) };
    let held = packed
        .held
        .into_iter()
        .map(|(key, fd)| Ok((key, own(fd)?)))
        .collect::<io::Result<_>>()?;
    let settings = Settings {
        arguments: env::args_os().collect(),
        runtime_dir: OsStr::from_bytes(&packed.runtime_dir).into(),
        fresh: packed.fresh,
        pid_file: packed.pid_file.map(|path| OsString::from_vec(path).into()),
        one_command: false,
        stop_limit: u64::MAX,
    };
    let lock = own(packed.lock)?;
    // Going into the background has changed our pid.
    super::lock::sign(&lock)?;
    Ok((settings, lock, held))
}
