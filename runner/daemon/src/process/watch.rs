//! One descriptor that says when to look whether units have become empty: processes that ended,
//! control groups that changed, and a clock that keeps looks from taking all the time there is.

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use units::UnitName;

/// A look may take one part in this many of the time.
const SHARE: u32 = 5;

pub(super) struct Watch {
    epoll: Epoll,
    clock: TimerFd,
    groups: Option<Inotify>,
    watched_groups: HashMap<UnitName, WatchDescriptor>,
    not_before: Cell<Instant>,
    wanted: bool,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("watched_groups", &self.watched_groups)
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl Watch {
    pub(super) fn new(with_groups: bool) -> io::Result<Watch> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let clock = TimerFd::new(
            ClockId::CLOCK_MONOTONIC,
            TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK,
        )?;
        epoll.add(&clock, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        let groups = if with_groups {
            let groups = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
            epoll.add(&groups, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
            Some(groups)
        } else {
            None
        };
        Ok(Watch {
            epoll,
            clock,
            groups,
            watched_groups: HashMap::new(),
            not_before: Cell::new(Instant::now()),
            wanted: false,
        })
    }

    /// Somebody has exited whose unit is watched.
    pub(super) fn look_soon(&mut self) {
        self.wanted = true;
    }

    /// Reports the end of a process once.
    pub(super) fn watch_process(&self, pidfd: &OwnedFd) {
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, 0);
        // Without the watch the next exit of the unit leads to a look; a shortage is no failure.
        let _ = self.epoll.add(pidfd, event);
    }

    /// Reports changes of a control group's `cgroup.events`.
    pub(super) fn watch_group(&mut self, unit: &UnitName, events: &Path) {
        let Some(groups) = &self.groups else { return };
        // Again if need be: the group may have been made anew, and then the watch on the old one is
        // gone with it.
        match groups.add_watch(events, AddWatchFlags::IN_MODIFY) {
            Ok(watch) => drop(self.watched_groups.insert(unit.clone(), watch)),
            // Out of watches: ask again after a while.
            Err(_) => self.wake_in(Duration::from_millis(100)),
        }
    }

    pub(super) fn forget_group(&mut self, unit: &UnitName) {
        if let (Some(groups), Some(watch)) = (&self.groups, self.watched_groups.remove(unit)) {
            // The group, and with it the watch, may be gone.
            let _ = groups.rm_watch(watch);
        }
    }

    /// Whether there is something to look at and it is time. Takes in what the descriptor reports.
    pub(super) fn is_due(&mut self) -> bool {
        self.take_in();
        if !self.wanted {
            return false;
        }
        let now = Instant::now();
        if let Some(left) = self.not_before.get().checked_duration_since(now)
            && !left.is_zero()
        {
            self.wake_in(left);
            return false;
        }
        self.wanted = false;
        true
    }

    fn take_in(&mut self) {
        let mut events = [EpollEvent::empty(); 64];
        while let Ok(count) = self.epoll.wait(&mut events, EpollTimeout::ZERO) {
            if count == 0 {
                return;
            }
            self.wanted = true;
            // An expiry and a change are only a reason to look, and the look finds out.
            let mut room = [0u8; 8];
            let _ = nix::unistd::read(&self.clock, &mut room);
            if let Some(groups) = &self.groups {
                while groups.read_events().is_ok_and(|events| !events.is_empty()) {}
            }
        }
    }

    /// Notes how long a look took: the next one waits several times as long.
    pub(super) fn took(&self, time: Duration) {
        self.not_before.set(Instant::now() + time * (SHARE - 1));
    }

    fn wake_in(&self, time: Duration) {
        let at = TimeSpec::from_duration(time.max(Duration::from_micros(1)));
        // It fails only for impossible times.
        let _ = self
            .clock
            .set(Expiration::OneShot(at), TimerSetTimeFlags::empty());
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}
