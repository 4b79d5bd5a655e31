//! What timers and paths need of the world: stamps, clocks, files that are watched.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use engine::clock::Realtime;
use engine::{Event, Ticket};
use nix::sys::epoll::EpollFlags;
use units::civil::TimeZone;
use units::value::{PathCheck, Zones as _};
use units::{UnitKind, UnitName};

use super::Manager;
use super::offload::Offload;
use super::poller::Source;
use super::wake::Done;
use crate::clock::{ClockWatch, WakeAlarm};
use crate::path::{Answer, Request, Watcher, Watches};
use crate::reason::reason;
use crate::{now, stamp, surroundings};

/// What belongs to timers and paths. Nothing of it is there before the first unit needs it.
pub(super) struct Triggers {
    stamps: PathBuf,
    /// Where local time is, as far as we know.
    zone: TimeZone,
    clock: Option<ClockWatch>,
    alarm: Option<WakeAlarm>,
    /// When the machine is to wake up for which timer.
    wakes: BTreeMap<UnitName, Realtime>,
    /// It was said that it cannot.
    told_no_alarm: bool,
    /// Only the thread of `work` takes it: whoever waits for it may wait for a file system.
    watches: Arc<Mutex<Option<Watches>>>,
    inotify: Option<Arc<OwnedFd>>,
    /// A thread of its own: a path on a dead mount holds up other paths and nothing else.
    pub(super) work: Offload<Done>,
}

/// What came of looking at paths.
pub(super) struct Looked {
    answers: Vec<(Watcher, Answer)>,
    inotify: Option<Arc<OwnedFd>>,
}

impl Triggers {
    pub(super) fn new(stamps: PathBuf, zone: TimeZone) -> Triggers {
        Triggers {
            stamps,
            zone,
            clock: None,
            alarm: None,
            wakes: BTreeMap::new(),
            told_no_alarm: false,
            watches: Arc::default(),
            inotify: None,
            work: Offload::new(),
        }
    }

    /// Does something with what is watched, on the thread for it.
    fn submit(
        &mut self,
        work: impl FnOnce(&mut Watches) -> Vec<(Watcher, Answer)> + Send + 'static,
    ) {
        let watches = Arc::clone(&self.watches);
        self.work.submit(move || {
            // Whoever held it panicked, and what it says is whole all the same.
            let mut watches = watches.lock().unwrap_or_else(PoisonError::into_inner);
            let answers = match &mut *watches {
                Some(watches) => work(watches),
                None => Vec::new(),
            };
            Done::Looked(Looked {
                answers,
                inotify: watches.as_ref().map(Watches::descriptor),
            })
        });
    }

    fn watch(&mut self, request: Request) {
        let watches = Arc::clone(&self.watches);
        self.work.submit(move || {
            let mut watches = watches.lock().unwrap_or_else(PoisonError::into_inner);
            let (watcher, ticket) = (request.watcher.clone(), request.ticket);
            let made = match watches.take() {
                Some(made) => Ok(made),
                None => Watches::new(),
            };
            let answers = match made {
                Ok(made) => watches.insert(made).watch(request),
                Err(message) => vec![Answer::Failed { ticket, message }],
            };
            Done::Looked(Looked {
                answers: answers
                    .into_iter()
                    .map(|answer| (watcher.clone(), answer))
                    .collect(),
                inotify: watches.as_ref().map(Watches::descriptor),
            })
        });
    }
}

impl Manager {
    pub(super) fn read_stamp(&mut self, ticket: Ticket, unit: UnitName) {
        let directory = self.triggers.stamps.clone();
        self.offload.submit(move || {
            let at = stamp::read(&directory, &unit).unwrap_or_else(|error| {
                tracing::warn!("{unit}: cannot read its stamp: {}", reason(&error));
                None
            });
            Done::StampRead { ticket, at }
        });
    }

    pub(super) fn write_stamp(&mut self, unit: UnitName, at: Realtime) {
        let directory = self.triggers.stamps.clone();
        self.offload.submit(move || {
            if let Err(error) = stamp::write(&directory, &unit, at) {
                tracing::warn!(
                    "{unit}: cannot write its stamp in {}: {}",
                    directory.display(),
                    reason(&error)
                );
            }
            Done::Nothing
        });
    }

    pub(super) fn wake_system(&mut self, unit: UnitName, at: Option<Realtime>) {
        match at {
            Some(at) => drop(self.triggers.wakes.insert(unit, at)),
            None => drop(self.triggers.wakes.remove(&unit)),
        }
        if let Err(error) = self.set_alarm()
            && !std::mem::replace(&mut self.triggers.told_no_alarm, true)
        {
            let why = reason(&error);
            tracing::warn!("timers cannot wake this machine from suspend: {why}");
        }
    }

    /// Sets the alarm for the earliest wish.
    fn set_alarm(&mut self) -> std::io::Result<()> {
        let now = now::read().realtime;
        self.triggers.wakes.retain(|_, at| *at > now);
        let first = self.triggers.wakes.values().min().copied();
        match (&self.triggers.alarm, first) {
            (Some(alarm), first) => alarm.set(first),
            (None, None) => Ok(()),
            (None, first) => {
                let alarm = WakeAlarm::new()?;
                alarm.set(first)?;
                self.poller
                    .add(Source::WakeAlarm, alarm.as_fd(), EpollFlags::EPOLLIN)?;
                self.triggers.alarm = Some(alarm);
                Ok(())
            }
        }
    }

    /// The machine was woken, or would have been. That the clock went on meanwhile is told by the
    /// watch on it.
    pub(super) fn alarm_rang(&mut self) {
        if let Some(alarm) = &self.triggers.alarm {
            alarm.take();
        }
        if let Err(error) = self.set_alarm() {
            tracing::warn!("cannot set the alarm: {error}");
        }
    }

    /// A timer is about to need the clock: from now on it is looked whether somebody sets it, or
    /// moves the machine to another zone.
    pub(super) fn watch_clock(&mut self, unit: &UnitName) {
        if unit.kind() != UnitKind::Timer || self.triggers.clock.is_some() {
            return;
        }
        let watched = ClockWatch::new().and_then(|clock| {
            self.poller
                .add(Source::Clock, clock.as_fd(), EpollFlags::EPOLLIN)?;
            Ok(clock)
        });
        match watched {
            Ok(clock) => self.triggers.clock = Some(clock),
            Err(error) => tracing::error!("cannot watch the clock: {error}"),
        }
        self.watch_zone();
    }

    /// With `TZ` set the zone is what it says, whatever the host's is.
    fn watch_zone(&mut self) {
        if std::env::var_os("TZ").is_none() {
            self.triggers.watch(Request {
                watcher: Watcher::Zone,
                ticket: Ticket::default(),
                paths: vec![(PathCheck::Changed, units::disk::zoneinfo::LOCAL.to_owned())],
                make: None,
                seen: Vec::new(),
            });
        }
    }

    pub(super) fn clock_ready(&mut self) {
        let Some(clock) = &self.triggers.clock else {
            return;
        };
        match clock.was_set() {
            Ok(true) => {
                tracing::info!("the clock was set, or the machine slept");
                self.events.push_back(Event::ClockSet);
            }
            Ok(false) => {}
            Err(error) => {
                tracing::error!("cannot watch the clock any more: {error}");
                self.poller.remove(&Source::Clock, clock.as_fd());
            }
        }
    }

    pub(super) fn watch_paths(
        &mut self,
        ticket: Ticket,
        unit: UnitName,
        make_directories: bool,
        seen: Vec<u64>,
    ) {
        let Some(definition) = self.definition(&unit) else {
            let message = format!("{unit} is not loaded");
            let failed = Event::PathsFailed { ticket, message };
            return self.events.push_back(failed);
        };
        let make = make_directories && definition.make_directory();
        self.triggers.watch(Request {
            watcher: Watcher::Unit(unit),
            ticket,
            paths: definition
                .watched_paths()
                .map(|(check, path)| (check, path.to_owned()))
                .collect(),
            make: make.then(|| definition.directory_mode().bits()),
            seen,
        });
    }

    pub(super) fn unwatch_paths(&mut self, unit: UnitName) {
        self.triggers.submit(move |watches| {
            watches.unwatch(&Watcher::Unit(unit));
            Vec::new()
        });
    }

    /// Something happened to a path that is watched. What it was is read where that may block; until
    /// then nobody needs to wake us again.
    pub(super) fn paths_ready(&mut self) {
        if let Some(inotify) = &self.triggers.inotify {
            self.poller.remove(&Source::Paths, inotify.as_fd());
        }
        self.triggers.submit(Watches::read);
    }

    pub(super) fn looked(&mut self, looked: Looked) {
        if let Some(inotify) = looked.inotify {
            let watched = self
                .poller
                .add(Source::Paths, inotify.as_fd(), EpollFlags::EPOLLIN);
            if let Err(error) = watched {
                tracing::error!("cannot watch paths: {error}");
            }
            self.triggers.inotify = Some(inotify);
        }
        for (watcher, answer) in looked.answers {
            if watcher == Watcher::Zone {
                self.zone_looked_at(answer);
                continue;
            }
            self.events.push_back(match answer {
                Answer::Watched { ticket, seen } => Event::PathsWatched { ticket, seen },
                Answer::Found { ticket, path } => Event::PathFound { ticket, path },
                Answer::Failed { ticket, message } => Event::PathsFailed { ticket, message },
            });
        }
    }

    /// Local time is there.
    pub(super) fn zone_is(&mut self, zone: TimeZone) {
        if zone != self.triggers.zone {
            tracing::info!("the local time zone has changed");
            self.triggers.zone = zone.clone();
            self.events.push_back(Event::ZoneChanged { zone });
        }
    }

    fn zone_looked_at(&mut self, answer: Answer) {
        match answer {
            // What changed before is seen now, and what changes from now on is told.
            Answer::Watched { .. } => self
                .offload
                .submit(|| Done::Zone(Box::new(surroundings::zones().local().clone()))),
            Answer::Found { .. } => self.watch_zone(),
            Answer::Failed { message, .. } => {
                tracing::warn!("cannot see when the time zone changes: {message}");
            }
        }
    }
}
