//! One epoll set for all the descriptors the loop watches: listeners, notify sockets, control
//! sockets, the table of processes.
//!
//! tokio sees a single descriptor. A registration costs a map entry here instead of a task there,
//! and turning a listener off (`Action::Watch`) is one system call.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use engine::Ticket;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::io::unix::AsyncFd;
use units::UnitName;

/// What a descriptor of the set is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// The `n`th listener of a socket unit.
    Listener(UnitName, usize),
    /// The notify socket of a service.
    Notify(UnitName),
    /// A stored descriptor of a service, watched for hang-up.
    Stored(UnitName, RawFd),
    /// The standard input of a service, which takes more.
    Input(UnitName),
    /// Where clients of the private D-Bus socket connect.
    Bus,
    /// Where systemd's own programs do.
    SystemdFace,
    /// Where clients of an HTTP server connect; its name with the keeper.
    Http(String),
    /// A process whose keeper is dead: its end is only seen here.
    Process(Ticket),
    /// The keeper, where its death may not end us.
    Keeper,
    /// The watch on the clock.
    Clock,
    /// The alarm that wakes the machine.
    WakeAlarm,
    /// Paths that are watched.
    Paths,
    /// The table of processes: some unit may have lost its last one.
    Processes,
}

/// The set.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: AsyncFd<EpollFd>,
    sources: HashMap<u64, Source>,
    keys: HashMap<Source, u64>,
    next: u64,
}

#[derive(Debug)]
struct EpollFd(Epoll);

impl AsRawFd for EpollFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }
}

impl AsFd for EpollFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0.as_fd()
    }
}

/// How many events are taken in one turn; the rest waits for the next, so that nobody starves.
const BATCH: usize = 64;

impl Poller {
    /// An empty set.
    ///
    /// # Errors
    /// When the kernel gives no epoll descriptor.
    pub(super) fn new() -> io::Result<Poller> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        #[expect(
            unsafe_code,
            reason = "tokio asks for the promise that the descriptor stays open"
        )]
        // SAFETY: it is closed with the `AsyncFd` that owns it, and never replaced by another.
        let epoll = unsafe { AsyncFd::register(EpollFd(epoll)) }?;
        Ok(Poller {
            epoll,
            sources: HashMap::new(),
            keys: HashMap::new(),
            next: 0,
        })
    }

    /// Watches `fd` until [`Self::remove`]; level-triggered.
    ///
    /// # Errors
    /// When the kernel refuses (no memory, `max_user_watches`).
    pub(super) fn add(
        &mut self,
        source: Source,
        fd: BorrowedFd<'_>,
        flags: EpollFlags,
    ) -> io::Result<()> {
        if self.keys.contains_key(&source) {
            return Ok(());
        }
        let key = self.next;
        self.next += 1;
        self.epoll
            .get_ref()
            .0
            .add(fd, EpollEvent::new(flags, key))?;
        self.sources.insert(key, source.clone());
        self.keys.insert(source, key);
        Ok(())
    }

    /// Whether `source` is watched.
    pub(super) fn watches(&self, source: &Source) -> bool {
        self.keys.contains_key(source)
    }

    /// Stops to watch `source`; nothing if it is not watched.
    pub(super) fn remove(&mut self, source: &Source, fd: BorrowedFd<'_>) {
        if let Some(key) = self.keys.remove(source) {
            self.sources.remove(&key);
            // A closed descriptor has left the set by itself.
            let _ = self.epoll.get_ref().0.delete(fd);
        }
    }

    /// Waits until something is ready and says what. Cancel-safe.
    pub(super) async fn ready(&self) -> Vec<Source> {
        loop {
            let Ok(mut guard) = self.epoll.readable().await else {
                return std::future::pending().await;
            };
            let found = self.poll();
            if found.is_empty() {
                guard.clear_ready();
                // Between the poll and the clearing something may have come.
                let late = self.poll();
                if !late.is_empty() {
                    return late;
                }
            } else {
                return found;
            }
        }
    }

    /// What is ready now.
    pub(super) fn poll(&self) -> Vec<Source> {
        let mut events = [EpollEvent::empty(); BATCH];
        let count = self
            .epoll
            .get_ref()
            .0
            .wait(&mut events, EpollTimeout::ZERO)
            .unwrap_or(0);
        events
            .iter()
            .take(count)
            .filter_map(|event| self.sources.get(&event.data()).cloned())
            .collect()
    }
}
