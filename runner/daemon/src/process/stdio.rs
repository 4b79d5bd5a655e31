//! The descriptors of a new program: standard input, output and error from wherever they come, then
//! what it is passed.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use engine::action::Role;
use engine::event::SpawnFailure;
use rustix::fs::OFlags;

use super::identity::Identity;
use super::order::{FileMode, Order, Passed, Stdio};
use super::step::Step;
use super::{open, terminal};

/// Where a descriptor of the child comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// Held by somebody else too.
    Shared(Arc<OwnedFd>),
    /// Opened for this start.
    Own(OwnedFd),
    /// The same as another one of the child's, by its place.
    As(usize),
    /// Our own.
    Ours(Standard),
}

/// One of our own standard descriptors.
#[derive(Debug, Clone, Copy)]
pub(super) enum Standard {
    Input,
    Output,
}

impl Standard {
    fn borrow(self) -> BorrowedFd<'static> {
        match self {
            Standard::Input => rustix::stdio::stdin(),
            Standard::Output => rustix::stdio::stdout(),
        }
    }

    /// It, if it is open.
    fn if_open(self) -> Option<Source> {
        rustix::fs::fstat(self.borrow())
            .is_ok()
            .then_some(Source::Ours(self))
    }
}

/// The descriptors for the child, `As` resolved.
pub(super) fn borrowed(sources: &[Source]) -> Vec<BorrowedFd<'_>> {
    let mut found: Vec<BorrowedFd<'_>> = Vec::with_capacity(sources.len());
    for source in sources {
        let fd = match source {
            Source::Shared(fd) => fd.as_fd(),
            Source::Own(fd) => fd.as_fd(),
            // Only ever an earlier one.
            Source::As(place) => match found.get(*place) {
                Some(earlier) => *earlier,
                None => continue,
            },
            Source::Ours(standard) => standard.borrow(),
        };
        found.push(fd);
    }
    found
}

/// All descriptors of the child, and the names of those from 3 on.
pub(super) fn descriptors<'a>(
    order: &'a Order,
    identity: &Identity,
) -> Result<(Vec<Source>, Vec<&'a str>), SpawnFailure> {
    let all = [&order.stdin, &order.stdout, &order.stderr];
    let uses_socket = all.iter().any(|stdio| matches!(stdio, Stdio::Socket));
    let steps = [Step::Stdin, Step::Stdout, Step::Stderr];
    let mut sources = Vec::with_capacity(3 + order.listen.len() + order.stored.len());
    for (place, (stdio, step)) in all.into_iter().zip(steps).enumerate() {
        sources.push(standard(order, place, stdio, step, identity)?);
    }
    // A socket that is a standard descriptor is not passed a second time, nor announced.
    let listen: &[Passed] = if uses_socket { &[] } else { &order.listen };
    let mut names = Vec::new();
    for passed in listen.iter().chain(&order.stored) {
        sources.push(Source::Shared(Arc::clone(&passed.fd)));
        names.push(passed.name.as_str());
    }
    let definition = &order.definition;
    if order.spawn.role == Role::Main {
        for file in definition.open_file() {
            match open::for_service(file) {
                Ok(fd) => {
                    sources.push(Source::Own(fd));
                    names.push(&*file.name);
                }
                Err(error) if file.graceful => {
                    tracing::debug!("{} is not passed on: {error}", file.path);
                }
                Err(error) => {
                    let what = format!("cannot open {} for the service", file.path);
                    return Err(open::failure(Step::Descriptors, &what, &error));
                }
            }
        }
    }
    for passed in &order.listen {
        set_waiting(passed.fd.as_fd(), !definition.non_blocking())
            .map_err(|error| open::failure(Step::Descriptors, "cannot pass a socket", &error))?;
    }
    Ok((sources, names))
}

/// The source of descriptor `place`, 0 to 2.
fn standard(
    order: &Order,
    place: usize,
    stdio: &Stdio,
    step: Step,
    identity: &Identity,
) -> Result<Source, SpawnFailure> {
    let name = ["standard-input", "standard-output", "standard-error"][place.min(2)];
    match stdio {
        Stdio::Null => null(place, step),
        Stdio::Fd(fd) => Ok(Source::Shared(Arc::clone(fd))),
        Stdio::Data(data) => content(data)
            .map(Source::Own)
            .map_err(|error| open::failure(step, "cannot hold standard-input-data", &error)),
        Stdio::Terminal { path, .. } => {
            // A program that reads from a terminal writes to the very same.
            if place > 0 && is_terminal(&order.stdin) {
                return Ok(Source::As(0));
            }
            let what = || format!("cannot open the terminal {} for {name}", path.display());
            let terminal = terminal::open(path, place > 0)
                .map_err(|error| open::failure(step, &what(), &error))?;
            if let Some(user) = identity.user.as_ref().filter(|_| place == 0) {
                terminal::give(&terminal, user.uid)
                    .map_err(|error| open::failure(step, &what(), &error))?;
            }
            Ok(Source::Own(terminal))
        }
        Stdio::Named(wanted) => order
            .listen
            .iter()
            .chain(&order.stored)
            .find(|passed| passed.name == *wanted)
            .map(|passed| Source::Shared(Arc::clone(&passed.fd)))
            .ok_or_else(|| SpawnFailure::Resources {
                message: format!("{name}: the service is passed no descriptor named {wanted:?}"),
            }),
        // What has one name is one file, with one place in it.
        Stdio::File { path, .. } if place > 0 && is_file(&order.stdin, path) => Ok(Source::As(0)),
        Stdio::File { path, mode }
            if place == 2
                && matches!(&order.stdout, Stdio::File { path: out, mode: kind } if out == path && kind == mode) =>
        {
            Ok(Source::As(1))
        }
        Stdio::File { path, mode } => {
            let shared = [&order.stdout, &order.stderr].into_iter().any(|output| {
                matches!(
                    output,
                    Stdio::File {
                        mode: FileMode::Write,
                        ..
                    }
                ) && is_file(output, path)
            });
            let mode = &match mode {
                FileMode::Read if shared => FileMode::ReadWrite,
                mode => *mode,
            };
            let fd = open::for_stdio(path, *mode).map_err(|error| {
                let verb = if matches!(mode, FileMode::Read | FileMode::ReadWrite) {
                    "read"
                } else {
                    "write to"
                };
                let what = format!("cannot {verb} {} for {name}", path.display());
                open::failure(step, &what, &error)
            })?;
            Ok(Source::Own(fd))
        }
        Stdio::Socket => match order.listen.as_slice() {
            [one] => Ok(Source::Shared(Arc::clone(&one.fd))),
            several => Err(step.refused(format!(
                "{name} = \"socket\" needs exactly one socket, there are {}",
                several.len()
            ))),
        },
        Stdio::Inherit => match place {
            0 => Standard::Input.if_open().map_or_else(|| null(0, step), Ok),
            1 if !matches!(order.stdin, Stdio::Null | Stdio::Inherit | Stdio::Data(_)) => {
                Ok(Source::As(0))
            }
            1 => Standard::Output.if_open().map_or_else(|| null(1, step), Ok),
            _ => Ok(Source::As(1)),
        },
    }
}

fn is_terminal(stdio: &Stdio) -> bool {
    matches!(stdio, Stdio::Terminal { .. })
}

fn is_file(stdio: &Stdio, wanted: &Path) -> bool {
    matches!(stdio, Stdio::File { path, .. } if path == wanted)
}

/// A file in memory with this in it, that nobody can change.
fn content(data: &[u8]) -> std::io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, SealFlags};
    let memory = rustix::fs::memfd_create("data", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(memory);
    file.write_all(data)?;
    file.seek(SeekFrom::Start(0))?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

/// `/dev/null`, or what comes nearest to it in a container that has none: reading ends at once,
/// writing fails without a signal.
fn null(place: usize, step: Step) -> Result<Source, SpawnFailure> {
    let flags = if place == 0 {
        OFlags::RDONLY
    } else {
        OFlags::WRONLY
    };
    let opened = rustix::fs::open(
        "/dev/null",
        flags | OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )
    .or_else(|errno| match errno {
        rustix::io::Errno::NOENT | rustix::io::Errno::ACCESS | rustix::io::Errno::PERM => {
            sealed_memory()
        }
        other => Err(other),
    });
    opened
        .map(Source::Own)
        .map_err(|errno| step.failed("cannot open /dev/null", errno.raw_os_error()))
}

fn sealed_memory() -> rustix::io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, SealFlags};
    let memory = rustix::fs::memfd_create("null", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::fcntl_add_seals(
        &memory,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SEAL,
    )?;
    Ok(memory)
}

/// Lets the program wait for what comes in at a socket, or not. We poll before we accept, so it may
/// be either for us too.
fn set_waiting(fd: BorrowedFd<'_>, wait: bool) -> std::io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    let wanted = match wait {
        true => flags - OFlags::NONBLOCK,
        false => flags | OFlags::NONBLOCK,
    };
    if flags != wanted {
        rustix::fs::fcntl_setfl(fd, wanted)?;
    }
    Ok(())
}
