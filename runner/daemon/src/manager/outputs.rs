//! The log pipes of services: which exist, and where their bytes go.
//!
//! A pipe is made at the first start and kept over restarts, so that what an old process wrote
//! last and a new one writes first stay in order. The keeper holds both ends; the log writer has
//! the read end, and the write end here is what children get.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use units::{Definition, Input, Output, Owner, UnitName};

use super::log_files::LogFiles;
use crate::link::{Key, Link, Stream};
use crate::log::{self, Copying, FileSink, Follow, Form, Logs, Manner, Sink};
use crate::process::order::{FileMode, Stdio};
use crate::users::Accounts;

/// However much an event may hold, no more is captured at once.
const MOST_CAPTURED: usize = 16 * 1024 * 1024;

/// The write ends of log pipes, with the sink the log writer was told for each.
#[derive(Debug)]
pub(super) struct Outputs {
    files: LogFiles,
    /// In boxes: a table keeps room for more than are in it.
    pipes: HashMap<(UnitName, Stream), Box<Pipe>>,
    /// Outputs whose spool the keeper and the log writer have.
    spools: HashSet<(UnitName, Stream)>,
    /// All that programs write is said in the main log too.
    in_main_log: bool,
    /// Units whose lines are told in a way of their own.
    mannered: HashSet<UnitName>,
}

#[derive(Debug)]
struct Pipe {
    write_end: Arc<OwnedFd>,
    sink: Sink,
    copying: Option<Copying>,
    /// The run is over: the write end goes when what was written has been read. Until then a new run
    /// uses it again, so that no pipe with lines in it is ever replaced at the keeper.
    released: bool,
}

/// Where one output of a unit goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Route {
    /// The child gets something that is not ours.
    Direct(Direct),
    /// Through a pipe of ours.
    Piped(Sink),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Direct {
    Null,
    Inherit,
    Socket,
    File(PathBuf, Mode),
    Terminal(PathBuf),
    Named(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Write,
    Append,
    Truncate,
}

impl From<Direct> for Stdio {
    fn from(direct: Direct) -> Stdio {
        match direct {
            Direct::Null => Stdio::Null,
            Direct::Inherit => Stdio::Inherit,
            Direct::Socket => Stdio::Socket,
            Direct::Terminal(path) => Stdio::Terminal { path, force: false },
            Direct::Named(name) => Stdio::Named(name),
            Direct::File(path, mode) => Stdio::File {
                path,
                mode: match mode {
                    Mode::Write => FileMode::Write,
                    Mode::Append => FileMode::Append,
                    Mode::Truncate => FileMode::Truncate,
                },
            },
        }
    }
}

/// Where the outputs of `definition` go: standard output, and standard error unless it goes where
/// standard output goes. The rules of `standard-output` and `standard-error`.
fn routes(
    definition: &Definition,
    files: &LogFiles,
    accounts: &Accounts,
) -> io::Result<(Route, Option<Route>)> {
    let out_file = || out_file(definition, files, accounts);
    let err_file = || err_file(definition, files, accounts);
    let input = definition.standard_input();
    let out = match definition.standard_output() {
        // Neither goes both ways: what is left is what nobody said anything about.
        Some(Output::Inherit) if matches!(input, Input::Null | Input::Data | Input::File(_)) => {
            Route::Piped(Sink::Target)
        }
        Some(output) => route(output, definition, "stdout", out_file)?,
        None if definition.log_file().is_some() => Route::Piped(out_file()?),
        // A service that talks over its standard input answers over it too, as in systemd.
        None if *input == Input::Socket => Route::Direct(Direct::Socket),
        None if input.is_terminal() => {
            Route::Direct(Direct::Terminal(PathBuf::from(definition.tty_path())))
        }
        None if matches!(input, Input::Fd(_)) => Route::Direct(Direct::Inherit),
        None => Route::Piped(Sink::Target),
    };
    let err = match definition.standard_error() {
        Some(Output::Inherit) => None,
        Some(output) => Some(route(output, definition, "stderr", err_file)?),
        None if definition.error_log_file().is_some() => Some(Route::Piped(err_file()?)),
        // What goes wrong must not be mixed into a client's answer.
        None if out == Route::Direct(Direct::Socket) => Some(Route::Piped(Sink::Target)),
        None => None,
    };
    Ok((out, err))
}

fn route(
    output: &Output,
    definition: &Definition,
    stream: &str,
    log: impl FnOnce() -> io::Result<Sink>,
) -> io::Result<Route> {
    let file = |path: &str, mode| Route::Direct(Direct::File(PathBuf::from(path), mode));
    Ok(match output {
        Output::Null => Route::Direct(Direct::Null),
        Output::Inherit => Route::Direct(Direct::Inherit),
        Output::Socket => Route::Direct(Direct::Socket),
        Output::Journal => Route::Piped(Sink::Journal),
        Output::Console => Route::Piped(Sink::Console),
        Output::Ring => Route::Piped(Sink::Ring),
        Output::Log => Route::Piped(log()?),
        Output::File(path) => file(path, Mode::Write),
        Output::Append(path) => file(path, Mode::Append),
        Output::Truncate(path) => file(path, Mode::Truncate),
        Output::Tty => Route::Direct(Direct::Terminal(PathBuf::from(definition.tty_path()))),
        Output::Fd(name) => {
            Route::Direct(Direct::Named(name.as_deref().unwrap_or(stream).to_owned()))
        }
        // The kernel takes each write for a message, and reads the level off its front itself.
        Output::Kmsg => file("/dev/kmsg", Mode::Append),
    })
}

fn out_file(definition: &Definition, files: &LogFiles, accounts: &Accounts) -> io::Result<Sink> {
    let Some(path) = definition.log_file() else {
        return Ok(Sink::Target);
    };
    Ok(Sink::File(FileSink {
        path: files.path(definition.name(), Stream::Out, path),
        max_size: definition.log_max_size().as_bytes(),
        backups: definition.log_backups(),
        owner: owner(definition.log_owner(), definition, accounts)?,
        mode: definition.log_mode().bits(),
    }))
}

fn err_file(definition: &Definition, files: &LogFiles, accounts: &Accounts) -> io::Result<Sink> {
    let Some(path) = definition.error_log_file() else {
        return out_file(definition, files, accounts);
    };
    Ok(Sink::File(FileSink {
        path: files.path(definition.name(), Stream::Err, path),
        max_size: definition.error_log_max_size().as_bytes(),
        backups: definition.error_log_backups(),
        owner: owner(definition.error_log_owner(), definition, accounts)?,
        mode: definition.error_log_mode().bits(),
    }))
}

/// What is done with an output beside logging it; `None` where it goes as it is.
fn copying(definition: &Definition, stream: Stream, in_main_log: bool) -> Option<Copying> {
    let bytes = |size: units::value::Size| usize::try_from(size.as_bytes()).unwrap_or(usize::MAX);
    let (events, capture, syslog) = match stream {
        Stream::Out => (
            definition.log_events(),
            bytes(definition.log_capture_size()),
            definition.log_syslog(),
        ),
        Stream::Err => (
            definition.error_log_events(),
            bytes(definition.error_log_capture_size()),
            definition.error_log_syslog(),
        ),
    };
    // What an event listener says is its side of a conversation: nothing is taken out of it.
    let listener = stream == Stream::Out && !definition.event_types().is_empty();
    let form = Form {
        strip: definition.log_strip_ansi() && !listener,
        capture: if listener {
            0
        } else {
            capture.min(MOST_CAPTURED)
        },
    };
    let copying = Copying {
        form,
        syslog,
        main_log: in_main_log,
    };
    (events || listener || copying != Copying::default()).then_some(copying)
}

/// Who owns a log file: who `log-owner` says, else the unit's user, else we do.
fn owner(
    written: Option<&Owner>,
    definition: &Definition,
    accounts: &Accounts,
) -> io::Result<Option<(u32, u32)>> {
    let (user, group) = match written {
        Some(owner) => (owner.user.as_deref(), owner.group.as_deref()),
        None => (definition.user(), definition.group()),
    };
    if user.is_none() && group.is_none() {
        return Ok(None);
    }
    let (uid, gid) = accounts.owner(user, group)?;
    Ok(Some((
        uid.unwrap_or_else(|| nix::unistd::geteuid().as_raw()),
        gid.unwrap_or_else(|| nix::unistd::getegid().as_raw()),
    )))
}

impl Outputs {
    /// No outputs yet.
    pub(super) fn new(files: LogFiles, in_main_log: bool) -> Outputs {
        Outputs {
            files,
            pipes: HashMap::new(),
            spools: HashSet::new(),
            in_main_log,
            mannered: HashSet::new(),
        }
    }

    /// Tells the log writer how the lines of a unit are told, where that is or was not the usual way.
    fn tell_manner(&mut self, logs: &Logs, definition: &Definition) {
        let unit = definition.name();
        let manner = Some(Manner::of(definition)).filter(|manner| *manner != Manner::default());
        let has_own = manner.is_some();
        if has_own || self.mannered.contains(unit) {
            logs.manner(unit.clone(), manner);
        }
        if has_own {
            self.mannered.insert(unit.clone());
        } else {
            self.mannered.remove(unit);
        }
    }

    /// Everything starts anew: log files are named anew as well, and those that start from now on
    /// are in the main log or not.
    pub(super) fn renew(&mut self, files: LogFiles, in_main_log: bool) {
        self.files = files;
        self.in_main_log = in_main_log;
    }

    /// How log files are named.
    pub(super) fn files(&self) -> &LogFiles {
        &self.files
    }

    /// Whether an output of `definition` can be tapped.
    pub(super) fn is_copied(&self, definition: &Definition, stream: Stream) -> bool {
        copying(definition, stream, self.in_main_log).is_some()
    }

    /// What a child of `definition` gets as descriptors 1 and 2. Makes the pipes it lacks and tells
    /// the log writer where their bytes go.
    pub(super) fn stdio(
        &mut self,
        link: &Link,
        logs: &Logs,
        definition: &Definition,
        accounts: &Accounts,
    ) -> io::Result<(Stdio, Stdio)> {
        let (out, err) = routes(definition, &self.files, accounts)?;
        let unit = definition.name();
        let mut open = |stream, route| match route {
            Route::Direct(direct) => Ok(Stdio::from(direct)),
            Route::Piped(sink) => {
                let copying = copying(definition, stream, self.in_main_log);
                self.pipe(link, logs, unit, stream, sink, copying)
                    .map(Stdio::Fd)
            }
        };
        let out = open(Stream::Out, out)?;
        let err = err.map_or(Ok(Stdio::Inherit), |route| open(Stream::Err, route))?;
        self.tell_manner(logs, definition);
        logs.starting(unit.clone());
        Ok((out, err))
    }

    fn pipe(
        &mut self,
        link: &Link,
        logs: &Logs,
        unit: &UnitName,
        stream: Stream,
        sink: Sink,
        copying: Option<Copying>,
    ) -> io::Result<Arc<OwnedFd>> {
        let key = (unit.clone(), stream);
        if let Some(pipe) = self.pipes.get_mut(&key) {
            pipe.released = false;
            if pipe.sink != sink || pipe.copying != copying {
                let read_end = other_end(&pipe.write_end)?;
                pipe.sink = sink.clone();
                pipe.copying = copying;
                let write_end = pipe.write_end.clone();
                self.follow(link, logs, unit, stream, read_end, sink, copying)?;
                return Ok(write_end);
            }
            return Ok(pipe.write_end.clone());
        }
        let (read_end, write_end) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        link.put(
            &Key::LogRead {
                unit: unit.clone(),
                stream,
            },
            read_end.as_fd(),
        )?;
        link.put(
            &Key::LogWrite {
                unit: unit.clone(),
                stream,
            },
            write_end.as_fd(),
        )?;
        self.follow(link, logs, unit, stream, read_end, sink.clone(), copying)?;
        let write_end = Arc::new(write_end);
        self.pipes.insert(
            key,
            Box::new(Pipe {
                write_end: write_end.clone(),
                sink,
                copying,
                released: false,
            }),
        );
        Ok(write_end)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "it is the end of two functions, not an interface"
    )]
    fn follow(
        &mut self,
        link: &Link,
        logs: &Logs,
        unit: &UnitName,
        stream: Stream,
        read_end: OwnedFd,
        sink: Sink,
        copying: Option<Copying>,
    ) -> io::Result<()> {
        let copy = match copying {
            Some(copying) => Some((copying, self.spool(link, unit, stream)?)),
            None => None,
        };
        logs.follow(Follow {
            unit: unit.clone(),
            stream,
            read_end,
            sink,
            ring: None,
            copy,
            pid: None,
        });
        Ok(())
    }

    /// The spool of an output if the log writer does not have it yet.
    fn spool(
        &mut self,
        link: &Link,
        unit: &UnitName,
        stream: Stream,
    ) -> io::Result<Option<OwnedFd>> {
        let output = (unit.clone(), stream);
        if self.spools.contains(&output) {
            return Ok(None);
        }
        let spool = log::create_ring(unit.as_str())?;
        let key = Key::Spool {
            unit: unit.clone(),
            stream,
        };
        link.put(&key, spool.as_fd())?;
        self.spools.insert(output);
        Ok(Some(spool))
    }
}

/// The read end of the pipe whose write end we have: opening it again spares us to keep a second
/// descriptor for every service.
fn other_end(write_end: &OwnedFd) -> io::Result<OwnedFd> {
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = format!("/proc/self/fd/{}", write_end.as_raw_fd());
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    Ok(file.into())
}

impl Outputs {
    /// Takes pipes and rings back after a recovery, and lets the log writer go on with them.
    pub(super) fn recover(
        &mut self,
        logs: &Logs,
        accounts: &Accounts,
        found: Found,
        pids: &HashMap<UnitName, u32>,
        definition: impl Fn(&UnitName) -> Option<Arc<Definition>>,
    ) {
        let mut rings: HashMap<UnitName, OwnedFd> = found.rings.into_iter().collect();
        let mut write_ends: HashMap<(UnitName, Stream), OwnedFd> =
            found.write_ends.into_iter().collect();
        let mut spools: HashMap<(UnitName, Stream), OwnedFd> = found.spools.into_iter().collect();
        self.spools = spools.keys().cloned().collect();
        let copying_of = |unit: &UnitName, stream, in_main_log| {
            copying(&*definition(unit)?, stream, in_main_log)
        };
        for ((unit, stream), read_end) in found.read_ends {
            if let Some(definition) = definition(&unit) {
                self.tell_manner(logs, &definition);
            }
            let sink = definition(&unit)
                .and_then(|definition| routes(&definition, &self.files, accounts).ok())
                .and_then(|(out, err)| match stream {
                    Stream::Out => Some(out),
                    Stream::Err => err,
                })
                .and_then(|route| match route {
                    Route::Piped(sink) => Some(sink),
                    Route::Direct(_) => None,
                })
                // Its definition says something else by now, or is gone: what it still writes goes
                // where the daemon's own lines go.
                .unwrap_or(Sink::Target);
            let ring = rings.remove(&unit);
            let copying = copying_of(&unit, stream, self.in_main_log);
            let spool = spools.remove(&(unit.clone(), stream));
            let copy = match (copying, spool) {
                (None, None) => None,
                // What is in it is still on its way.
                (copying, spool) => Some((copying.unwrap_or_default(), spool)),
            };
            logs.follow(Follow {
                unit: unit.clone(),
                stream,
                read_end,
                sink: sink.clone(),
                ring,
                copy,
                pid: pids.get(&unit).copied(),
            });
            if let Some(write_end) = write_ends.remove(&(unit.clone(), stream)) {
                self.pipes.insert(
                    (unit, stream),
                    Box::new(Pipe {
                        write_end: Arc::new(write_end),
                        sink,
                        copying,
                        released: false,
                    }),
                );
            }
        }
        for (unit, ring) in rings {
            logs.remember(unit, Some(ring), None);
        }
        for ((unit, stream), spool) in spools {
            let copying = copying_of(&unit, stream, self.in_main_log).unwrap_or_default();
            logs.spool(unit, stream, copying, spool);
        }
    }

    /// The unit's run is over: nobody of ours writes any more. What is in the pipes is read first.
    pub(super) fn close(&mut self, logs: &Logs, unit: &UnitName) {
        for stream in [Stream::Out, Stream::Err] {
            if let Some(pipe) = self.pipes.get_mut(&(unit.clone(), stream)) {
                pipe.released = true;
                logs.settle(unit.clone());
            }
        }
    }

    /// What was in a pipe has been read: a released one loses its write end.
    pub(super) fn settled(&mut self, link: &Link, unit: &UnitName, stream: Stream) {
        let key = (unit.clone(), stream);
        if self.pipes.get(&key).is_some_and(|pipe| pipe.released) {
            self.pipes.remove(&key);
            forget_key(
                link,
                &Key::LogWrite {
                    unit: unit.clone(),
                    stream,
                },
            );
        }
    }

    /// A pipe is empty and nobody can write to it any more.
    pub(super) fn drained(&mut self, link: &Link, unit: &UnitName, stream: Stream) {
        // A new run has a new pipe under the same key already.
        if !self.pipes.contains_key(&(unit.clone(), stream)) {
            forget_key(
                link,
                &Key::LogRead {
                    unit: unit.clone(),
                    stream,
                },
            );
        }
    }

    /// Forgets a unit that is not known any more, its ring included.
    pub(super) fn forget(&mut self, logs: &Logs, link: &Link, unit: &UnitName) {
        for stream in [Stream::Out, Stream::Err] {
            if self.pipes.remove(&(unit.clone(), stream)).is_some() {
                forget_key(
                    link,
                    &Key::LogWrite {
                        unit: unit.clone(),
                        stream,
                    },
                );
            }
        }
        for stream in [Stream::Out, Stream::Err] {
            if self.spools.remove(&(unit.clone(), stream)) {
                let unit = unit.clone();
                forget_key(link, &Key::Spool { unit, stream });
            }
        }
        logs.forget(unit.clone());
    }
}

/// What the keeper held of outputs.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) read_ends: Vec<((UnitName, Stream), OwnedFd)>,
    pub(super) write_ends: Vec<((UnitName, Stream), OwnedFd)>,
    pub(super) rings: Vec<(UnitName, OwnedFd)>,
    pub(super) spools: Vec<((UnitName, Stream), OwnedFd)>,
}

fn forget_key(link: &Link, key: &Key) {
    if let Err(error) = link.delete(key) {
        tracing::error!("the keeper cannot let go of {key}: {error}");
    }
}
