//! The manager's side of the protocol with the keeper ([`crate::keeper`]).

mod key;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::Ticket;
use engine::action::StopHint;
use engine::clock::Monotonic;
use engine::event::ExitStatus;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec};
use tokio::io::unix::AsyncFd;
use units::UnitName;
use units::value::Signal;

use crate::keeper::channel::{self, Packet, Wait};
use crate::keeper::wire::{self, Kind, Record, flags};
use crate::keeper::{HANG_TIMER, Introduction};
pub use key::{Key, Stream};

/// The way to the keeper.
///
/// Sending waits until there is room, which a living keeper makes at once; receiving never waits
/// outside of [`Link::next`] and [`Link::barrier`].
#[derive(Debug)]
pub struct Link {
    socket: Arc<OwnedFd>,
    watched: OnceCell<AsyncFd<Arc<OwnedFd>>>,
    /// What came while somebody waited for something else.
    heard: RefCell<VecDeque<Message>>,
    /// How often somebody did.
    barriers: Cell<u64>,
    hang: OwnedFd,
    introduction: Introduction,
    /// Should the keeper be killed, the runtime directory stays ours until this process ends.
    _lock: Option<OwnedFd>,
}

/// Everything the keeper had for this manager.
#[derive(Debug)]
pub struct Takeover {
    /// The descriptors it holds; they stay held until they are deleted.
    pub fds: Vec<(Key, OwnedFd)>,
    /// Texts of keys this version does not know. The keeper goes on holding them.
    pub unknown: Vec<String>,
    /// The processes that live, as far as the keeper knows. One that is in `exits` too ended
    /// while the keeper was telling.
    pub children: Vec<Child>,
    /// The exits nobody acknowledged yet, in order of `seq`.
    pub exits: Vec<Exit>,
    /// The highest instance the keeper has ever seen.
    pub highest_instance: Ticket,
    /// How many managers there were, this one included.
    pub generation: u32,
    /// How many of them died unexpectedly within the last minute.
    pub crashes: u32,
    /// How the one before died, unless it was asked to go.
    pub last_death: Option<ExitStatus>,
    /// Managers die again and again: no reload, no replay of what was asked last.
    pub safe_mode: bool,
    /// The program of the last upgrade failed; this is the one before it.
    pub upgrade_failed: bool,
    /// The state is the one from before the last upgrade.
    pub state_rolled_back: bool,
    /// The pid that the world sees.
    pub keeper_pid: u32,
}

/// A process that lives.
#[derive(Debug)]
pub struct Child {
    /// Which start it is.
    pub instance: Ticket,
    /// Its unit.
    pub unit: UnitName,
    /// For display.
    pub pid: u32,
    /// For signals. `None` if the keeper could not have one: then its exit follows, or the keeper
    /// is short of descriptors.
    pub pidfd: Option<OwnedFd>,
}

/// A process that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// To be acknowledged, after the state is written. The same one may come again.
    pub seq: u64,
    /// Which start it was.
    pub instance: Ticket,
    /// Its unit.
    pub unit: UnitName,
    /// For display: the number may be in use again.
    pub pid: u32,
    /// How it ended.
    pub status: ExitStatus,
    /// When it was reaped.
    pub at: Monotonic,
}

/// A set of signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignalMask(pub u64);

impl SignalMask {
    /// Whether `signal` is in it.
    #[must_use]
    pub fn contains(self, signal: Signal) -> bool {
        1_u64
            .checked_shl(signal.number().unsigned_abs())
            .is_some_and(|bit| self.0 & bit != 0)
    }

    /// Its signals, by number.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        (1..64)
            .filter_map(Signal::from_number)
            .filter(move |signal| self.contains(*signal))
    }
}

/// Number of a set of signals; they are counted apart from exits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignalSeq(pub u64);

/// What the keeper says of its own accord.
#[derive(Debug)]
pub enum Message {
    /// A process ended.
    Exit(Exit),
    /// [`Link::adopt`] succeeded.
    Child(Child),
    /// [`Link::adopt`] failed: `ECHILD`, it is no child of the keeper (yet); `EEXIST`, it is an
    /// instance already; else what `pidfd_open(2)` says.
    AdoptFailed {
        /// The one asked for.
        instance: Ticket,
        /// Why.
        errno: i32,
    },
    /// Signals came for us; to be acknowledged, after the state is written. A later manager gets
    /// them again if they are not, with the same number.
    Signals {
        /// To be acknowledged with [`Link::acknowledge_signals`].
        seq: SignalSeq,
        /// Which.
        mask: SignalMask,
    },
    /// A descriptor could not be held.
    PutFailed {
        /// Under this key.
        key: Key,
        /// `EEXIST` for [`Link::put_new`], `EINVAL` if none came along.
        errno: i32,
    },
    /// [`Link::upgrade_keeper`] is over.
    KeeperUpgraded(Result<(), UpgradeFailure>),
    /// The keeper is dead: nobody reaps, nobody holds anything any more.
    KeeperGone,
}

/// Why the keeper goes on with the program it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradeFailure {
    /// The new program failed its self-test, which reads a copy of the keeper's table.
    SelfTest,
    /// A system call failed with this errno.
    Errno(i32),
}

/// Gives the keeper descriptors to hold, from any thread.
#[derive(Debug, Clone)]
pub struct Holder {
    socket: Arc<OwnedFd>,
}

impl Holder {
    /// As [`Link::put`].
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn put(&self, key: &Key, fd: BorrowedFd<'_>) -> io::Result<()> {
        let record = Record::about(Kind::Put, &key.to_string());
        channel::send(self.socket.as_fd(), &record, Some(fd), Wait::Block)
    }

    /// As [`Link::delete`].
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn delete(&self, key: &Key) -> io::Result<()> {
        let record = Record::about(Kind::Delete, &key.to_string());
        channel::send(self.socket.as_fd(), &record, None, Wait::Block)
    }
}

#[cfg(test)]
impl Holder {
    /// One that speaks to whoever has the other end.
    pub(crate) fn on(socket: OwnedFd) -> Holder {
        Holder {
            socket: Arc::new(socket),
        }
    }
}

impl Link {
    /// Introduces this process to the keeper that started it and takes over what it holds.
    ///
    /// Waits until the keeper has told everything. To be called while there is one thread only.
    ///
    /// # Errors
    /// `NotFound` if no keeper started this process, `InvalidData` if it leaves something out,
    /// `UnexpectedEof` if it dies, else what `recvmsg(2)` says.
    pub fn take_over() -> io::Result<(Link, Takeover)> {
        let (introduction, socket) = Introduction::take()
            .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "no keeper started this manager"))?;
        let hello = Record {
            code: wire::VERSION,
            ..Record::new(Kind::Hello)
        };
        channel::send(socket.as_fd(), &hello, None, Wait::Block)?;
        let mut takeover = Takeover {
            fds: Vec::new(),
            unknown: Vec::new(),
            children: Vec::new(),
            exits: Vec::new(),
            highest_instance: Ticket(0),
            generation: 0,
            crashes: 0,
            last_death: None,
            safe_mode: false,
            upgrade_failed: false,
            state_rolled_back: false,
            keeper_pid: 0,
        };
        let mut hang = None;
        let mut lock = None;
        loop {
            let Some(Packet { record, fd, .. }) = channel::receive(socket.as_fd(), Wait::Block)?
            else {
                return Err(ErrorKind::UnexpectedEof.into());
            };
            match record.kind {
                Kind::Fd if record.key == HANG_TIMER => hang = fd,
                Kind::Fd => match (Key::parse(&record.key), fd) {
                    (Some(Key::Lock), fd) => lock = fd,
                    (Some(key), Some(fd)) => takeover.fds.push((key, fd)),
                    _ => takeover.unknown.push(record.key),
                },
                Kind::Child => match UnitName::parse(&record.key) {
                    Ok(unit) => takeover.children.push(child(&record, unit, fd)),
                    Err(_) => takeover.unknown.push(record.key),
                },
                Kind::Exit => match UnitName::parse(&record.key) {
                    Ok(unit) => takeover.exits.push(exit(&record, unit)),
                    Err(_) => takeover.unknown.push(record.key),
                },
                Kind::End => {
                    takeover.highest_instance = Ticket(record.instance);
                    takeover.generation = record.rank;
                    takeover.crashes = record.code.unsigned_abs();
                    takeover.last_death = (record.status >= 0).then(|| decode(record.status));
                    takeover.safe_mode = record.signal & flags::SAFE_MODE != 0;
                    takeover.upgrade_failed = record.signal & flags::PREVIOUS_PROGRAM != 0;
                    takeover.state_rolled_back = record.signal & flags::PREVIOUS_STATE != 0;
                    takeover.keeper_pid = record.pid;
                    break;
                }
                _ => {}
            }
        }
        let hang = hang.ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidData, "the keeper sent no hang timer")
        })?;
        let socket = Arc::new(socket);
        Ok((
            Link {
                socket,
                watched: OnceCell::new(),
                heard: RefCell::default(),
                barriers: Cell::default(),
                hang,
                introduction,
                _lock: lock,
            },
            takeover,
        ))
    }

    /// Lets the keeper hold a copy of `fd` under `key`, instead of the one held so far.
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn put(&self, key: &Key, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.holder().put(key, fd)
    }

    /// As [`Link::put`], but what is held already stays, and [`Message::PutFailed`] says so.
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn put_new(&self, key: &Key, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.send(&Record::about(Kind::PutNew, &key.to_string()), Some(fd))
    }

    /// Lets the keeper close what it holds under `key`, if anything.
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn delete(&self, key: &Key) -> io::Result<()> {
        self.holder().delete(key)
    }

    /// Waits until the keeper has done what it was asked to do so far: what it was to close is closed
    /// then, and an address is free for somebody else.
    ///
    /// # Errors
    /// `TimedOut` after `limit`, else as [`channel::send`], and what `poll(2)` or `recvmsg(2)` say.
    pub fn barrier(&self, limit: Duration) -> io::Result<()> {
        self.barriers.set(self.barriers.get() + 1);
        // What comes without a descriptor is refused, by every version and in its turn.
        let mark = format!("barrier:{}", self.barriers.get());
        self.send(&Record::about(Kind::PutNew, &mark), None)?;
        let begun = Instant::now();
        while let Some(left) = limit.checked_sub(begun.elapsed()) {
            match channel::receive(self.socket.as_fd(), Wait::Never) {
                Ok(Some(packet)) if packet.record.key == mark => return Ok(()),
                Ok(Some(packet)) => self.heard.borrow_mut().extend(understand(packet)),
                // Whoever asks next is told so.
                Ok(None) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = Timespec::try_from(left).map_err(io::Error::other)?;
                    let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
                    match poll(&mut fds, Some(&left)) {
                        Ok(_) | Err(rustix::io::Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::TimedOut.into())
    }

    /// The exit `seq`, and that one only, is dealt with, and the state that says so is written.
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn acknowledge(&self, seq: u64) -> io::Result<()> {
        self.send(
            &Record {
                seq,
                ..Record::new(Kind::Acknowledge)
            },
            None,
        )
    }

    /// The signals `seq` are dealt with, and the state that says so is written.
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn acknowledge_signals(&self, seq: SignalSeq) -> io::Result<()> {
        let record = Record {
            seq: seq.0,
            ..Record::new(Kind::AcknowledgeSignals)
        };
        self.send(&record, None)
    }

    /// For another thread that has something to be held.
    #[must_use]
    pub fn holder(&self) -> Holder {
        Holder {
            socket: Arc::clone(&self.socket),
        }
    }

    /// Asks the keeper to know its child `pid` as `instance` of `unit`. Answered by
    /// [`Message::Child`] or [`Message::AdoptFailed`].
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn adopt(
        &self,
        instance: Ticket,
        unit: &UnitName,
        pid: u32,
        stop: &StopHint,
    ) -> io::Result<()> {
        self.send(
            &Record {
                pid,
                ..process(Kind::Adopt, instance, unit, stop)
            },
            None,
        )
    }

    /// Recovery is done: from here on the manager writes state, and its death is no failed start.
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn ready(&self) -> io::Result<()> {
        self.send(&Record::new(Kind::Ready), None)
    }

    /// Sends `text` to the service manager that runs us, if there is one (`sd_notify(3)`).
    ///
    /// # Errors
    /// As [`channel::send`]; a text of more than [`wire::KEY_MAX`] bytes is `InvalidInput`.
    pub fn notify_outer(&self, text: &str, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.send(&Record::about(Kind::Notify, text), fd)
    }

    /// Ends the whole program with `status`: the keeper kills what is left, this process last.
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn quit(&self, status: u8) -> io::Result<()> {
        self.send(
            &Record {
                status: status.into(),
                ..Record::new(Kind::Quit)
            },
            None,
        )
    }

    /// Ends the keeper alone: everything is left to the one that the service manager starts next.
    /// Until that kills this manager, it goes on.
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn hand_over(&self) -> io::Result<()> {
        self.send(&Record::new(Kind::HandOver), None)
    }

    /// Names the program (an open file) from which the next manager is started. The caller then
    /// exits; the state it leaves is kept for a fall back.
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn upgrade_manager(&self, program: BorrowedFd<'_>) -> io::Result<()> {
        self.send(&Record::new(Kind::UpgradeManager), Some(program))
    }

    /// Lets the keeper go on as `program` (an open file), if that passes its self-test. This
    /// manager lives on. Answered by [`Message::KeeperUpgraded`].
    ///
    /// # Errors
    /// As [`channel::send`].
    pub fn upgrade_keeper(&self, program: BorrowedFd<'_>) -> io::Result<()> {
        self.send(&Record::new(Kind::UpgradeKeeper), Some(program))
    }

    /// The hang timer for another thread or hook.
    ///
    /// # Errors
    /// When there is no descriptor to be had.
    pub fn hang_timer(&self) -> io::Result<HangTimer> {
        self.hang.try_clone().map(HangTimer)
    }

    /// What the keeper has said, in order, if anything.
    ///
    /// # Errors
    /// What `recvmsg(2)` says.
    pub fn try_next(&self) -> io::Result<Option<Message>> {
        if let Some(message) = self.heard.borrow_mut().pop_front() {
            return Ok(Some(message));
        }
        loop {
            let packet = match channel::receive(self.socket.as_fd(), Wait::Never) {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(Some(Message::KeeperGone)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            };
            if let Some(message) = understand(packet) {
                return Ok(Some(message));
            }
        }
    }

    /// Waits for what the keeper says next. Cancel-safe.
    ///
    /// # Errors
    /// What `epoll_ctl(2)` or `recvmsg(2)` say.
    pub async fn next(&self) -> io::Result<Message> {
        let watched = match self.watched.get() {
            Some(watched) => watched,
            None => {
                #[allow(
                    unsafe_code,
                    reason = "the safe form is deprecated in favour of this one"
                )]
                // SAFETY: the descriptor is owned by what is registered, so it stays open and the
                // same for as long.
                let watched = unsafe { AsyncFd::register(Arc::clone(&self.socket)) }?;
                self.watched.get_or_init(|| watched)
            }
        };
        if let Some(message) = self.heard.borrow_mut().pop_front() {
            return Ok(message);
        }
        loop {
            let mut readable = watched.readable().await?;
            match self.try_next()? {
                Some(message) => return Ok(message),
                None => readable.clear_ready(),
            }
        }
    }

    /// Where a child that is being born sends its [`spawned_record`], with `MSG_DONTWAIT |
    /// MSG_NOSIGNAL`. `EPIPE` means that its manager is dead: it must exit and run nothing.
    /// `EAGAIN` is a shortage.
    ///
    /// # Errors
    /// When there is no descriptor to be had.
    pub fn registration(&self) -> io::Result<OwnedFd> {
        self.socket.try_clone()
    }

    /// What this process' start was told by the keeper.
    #[must_use]
    pub fn introduction(&self) -> &Introduction {
        &self.introduction
    }

    fn send(&self, record: &Record, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        channel::send(self.socket.as_fd(), record, fd, Wait::Block)
    }
}

/// By it the keeper sees a manager that hangs.
#[derive(Debug)]
pub struct HangTimer(OwnedFd);

impl HangTimer {
    /// Unless [`HangTimer::disarm`] comes within `limit`, the keeper shoots this process.
    ///
    /// # Errors
    /// What `timerfd_settime(2)` says.
    pub fn arm(&self, limit: Duration) -> io::Result<()> {
        self.set(Timespec::try_from(limit).map_err(io::Error::other)?)
    }

    /// The loop goes to sleep, which is no hang.
    ///
    /// # Errors
    /// What `timerfd_settime(2)` says.
    pub fn disarm(&self) -> io::Result<()> {
        self.set(Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        })
    }

    fn set(&self, it_value: Timespec) -> io::Result<()> {
        let it_interval = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let when = Itimerspec {
            it_interval,
            it_value,
        };
        rustix::time::timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &when)?;
        Ok(())
    }
}

/// The record by which a child registers itself, to be made before it is cloned.
#[must_use]
pub fn spawned_record(instance: Ticket, unit: &UnitName, stop: &StopHint) -> wire::Bytes {
    // A unit name has at most 255 bytes, so it always fits.
    process(Kind::Spawned, instance, unit, stop)
        .encode()
        .unwrap_or([0; wire::SIZE])
}

fn process(kind: Kind, instance: Ticket, unit: &UnitName, stop: &StopHint) -> Record {
    Record {
        instance: instance.0,
        rank: stop.rank,
        signal: stop.signal.number().unsigned_abs(),
        timeout: stop.timeout.as_micros(),
        ..Record::about(kind, unit.as_str())
    }
}

fn understand(Packet { record, fd, .. }: Packet) -> Option<Message> {
    match record.kind {
        Kind::Exit => {
            let unit = UnitName::parse(&record.key).ok()?;
            Some(Message::Exit(exit(&record, unit)))
        }
        Kind::Child => {
            let unit = UnitName::parse(&record.key).ok()?;
            Some(Message::Child(child(&record, unit, fd)))
        }
        Kind::AdoptFailed => Some(Message::AdoptFailed {
            instance: Ticket(record.instance),
            errno: record.code,
        }),
        Kind::Signals => Some(Message::Signals {
            seq: SignalSeq(record.seq),
            mask: SignalMask(record.time),
        }),
        Kind::PutFailed => Some(Message::PutFailed {
            key: Key::parse(&record.key)?,
            errno: record.code,
        }),
        Kind::KeeperUpgraded => Some(Message::KeeperUpgraded(match record.code {
            0 => Ok(()),
            -1 => Err(UpgradeFailure::SelfTest),
            errno => Err(UpgradeFailure::Errno(errno)),
        })),
        _ => None,
    }
}

fn child(record: &Record, unit: UnitName, pidfd: Option<OwnedFd>) -> Child {
    Child {
        instance: Ticket(record.instance),
        unit,
        pid: record.pid,
        pidfd,
    }
}

fn exit(record: &Record, unit: UnitName) -> Exit {
    Exit {
        seq: record.seq,
        instance: Ticket(record.instance),
        unit,
        pid: record.pid,
        status: decode(record.status),
        at: Monotonic(record.time),
    }
}

/// Reads a raw wait status (`wait(2)`).
fn decode(status: i32) -> ExitStatus {
    // The masks leave what fits into a byte.
    let signal = (status & 0x7f) as u8;
    if libc::WIFEXITED(status) {
        ExitStatus::Code((status >> 8 & 0xff) as u8)
    } else if libc::WIFSIGNALED(status) && libc::WCOREDUMP(status) {
        ExitStatus::Dumped(signal)
    } else if libc::WIFSIGNALED(status) {
        ExitStatus::Signal(signal)
    } else {
        ExitStatus::Unknown
    }
}
