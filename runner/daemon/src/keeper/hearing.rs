//! What the manager and children being born say.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::MemfdFlags;
use rustix::process::PidfdFlags;

use super::channel::{self, Packet, Taken, Wait};
use super::table::Child;
use super::telling::child_record;
use super::wire::{Kind, Record};
use super::{KEPT, Keeper, Manager, QUIT_GRACE, now, system};

/// So many answers a manager may leave untold; one that asks on without listening is broken.
const UNTOLD: usize = 4_096;

/// So much is looked at before it is written down.
const AT_A_TIME: usize = 64;

impl Keeper {
    /// Hears everything that was said up to now. Nothing is heard while the manager is told what
    /// there is: nobody has anything to say then.
    pub(super) fn hear(&mut self) {
        if self.written.is_some() {
            while self.hear_and_write_down() {}
            return;
        }
        while let Some(manager) = &mut self.manager
            && let Some(socket) = &manager.socket
        {
            let dead = self.death.is_some();
            if manager.telling.is_under_way() && !dead {
                return;
            }
            match channel::receive(socket.as_fd(), Wait::Never) {
                Ok(Some(packet)) => self.obey(packet),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(None) | Err(_) => self.hung_up(),
            }
        }
    }

    /// Looks at what was said, writes down what comes of it, and only then takes it: what a keeper
    /// that is killed meanwhile has not written is heard by the next one. Whether there may be more.
    fn hear_and_write_down(&mut self) -> bool {
        let dead = self.death.is_some();
        let under_way = |manager: &Manager| manager.telling.is_under_way() && !dead;
        let socket = match &self.manager {
            Some(manager) if !under_way(manager) => manager.socket.as_ref(),
            _ => None,
        };
        // Another descriptor for the same: what is said may change ours.
        let Some(socket) = socket.and_then(|socket| socket.try_clone().ok()) else {
            return false;
        };
        if system::peek_from_start(socket.as_fd()).is_err() {
            return false;
        }
        let mut looked_at = 0;
        let mut hung_up = false;
        while looked_at < AT_A_TIME {
            match channel::look(socket.as_fd()) {
                Ok(Taken::Packet(packet)) => {
                    looked_at += 1;
                    self.obey(packet);
                    if self.manager.as_ref().is_some_and(under_way) {
                        break;
                    }
                }
                Ok(Taken::Stranger) => looked_at += 1,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Ok(Taken::End) | Err(_) => {
                    hung_up = true;
                    break;
                }
            }
        }
        self.write_down();
        for _ in 0..looked_at {
            // It is there: nobody else takes anything.
            let _ = channel::take_away(socket.as_fd());
        }
        if hung_up {
            self.hung_up();
        }
        looked_at == AT_A_TIME
    }

    /// The socket was closed by the last who had it. A manager that still lives is of no use any more.
    fn hung_up(&mut self) {
        if let Some(manager) = &mut self.manager {
            manager.socket = None;
            if manager.quit.is_none() {
                self.shoot();
            }
        }
    }

    /// Lets nobody register any more, and hears what was said before.
    pub(super) fn fence(&mut self) {
        let socket = self
            .manager
            .as_ref()
            .and_then(|manager| manager.socket.as_ref());
        if let Some(socket) = socket {
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Read);
        }
        self.hear();
    }

    fn obey(&mut self, packet: Packet) {
        let Packet { record, fd, sender } = packet;
        let Some(manager) = &mut self.manager else {
            return;
        };
        if record.kind == Kind::Spawned {
            // Anything else than success is a child that is none of ours: it is not ours to know.
            let _ = self.register(&record, sender);
            return;
        }
        if sender != manager.pid {
            return;
        }
        match record.kind {
            Kind::Hello => manager.telling.begin(),
            Kind::Put | Kind::PutNew => self.put(record, fd),
            Kind::Delete => drop(self.table.let_go(&record.key)),
            Kind::Acknowledge => self.table.acknowledge(record.seq),
            Kind::AcknowledgeSignals => self.table.acknowledge_signals(record.seq),
            Kind::Ready => {
                self.ladder.ready(now());
                self.wants_snapshot();
            }
            Kind::Notify => self.outer.notify(record.key, fd.into_iter().collect()),
            Kind::HandOver => self.handing_over = true,
            Kind::Quit => {
                // The mask leaves what fits into a byte.
                let status = (record.status & 0xff) as u8;
                manager.quit = Some((status, now().saturating_add(QUIT_GRACE)));
            }
            Kind::UpgradeManager => {
                if let Some(program) = fd {
                    manager.asked = true;
                    self.previous_program =
                        Some(std::mem::replace(&mut self.launch.program, program));
                    self.keep_state();
                    self.rolled_back = false;
                }
            }
            Kind::Adopt => self.adopt(&record),
            Kind::UpgradeKeeper => self.try_out(fd),
            // Unknown kinds are of a later version, the rest are ours to say.
            _ => {}
        }
    }

    fn put(&mut self, record: Record, fd: Option<OwnedFd>) {
        let code = match fd {
            None => {
                self.lets_go_at_once();
                libc::EINVAL
            }
            Some(_) if record.kind == Kind::PutNew && self.table.fds.contains_key(&record.key) => {
                libc::EEXIST
            }
            Some(fd) => {
                self.table.hold(record.key, fd);
                return;
            }
        };
        self.answer(Record {
            code,
            ..Record::about(Kind::PutFailed, &record.key)
        });
    }

    fn adopt(&mut self, record: &Record) {
        let answer = match self.register(record, record.pid) {
            Ok(child) => child_record(record.instance, &child),
            Err(code) => Record {
                code,
                instance: record.instance,
                pid: record.pid,
                ..Record::about(Kind::AdoptFailed, &record.key)
            },
        };
        self.answer(answer);
    }

    pub(super) fn answer(&mut self, record: Record) {
        if let Some(manager) = &mut self.manager {
            if manager.answers.len() < UNTOLD {
                manager.answers.push_back(record);
            } else {
                self.shoot();
            }
        }
    }

    /// Knows `pid` from here on as the record says; else an errno.
    fn register(&mut self, record: &Record, pid: u32) -> Result<Child, i32> {
        let manager = self.manager.as_ref().map(|manager| manager.pid);
        if self.table.knows(pid) || self.table.children.contains_key(&record.instance) {
            return Err(libc::EEXIST);
        }
        let ended = self
            .unclaimed
            .iter()
            .position(|(unclaimed, ..)| *unclaimed == pid);
        let is_ours = ended.is_some() || system::is_child(pid);
        let foster = match is_ours {
            true => None,
            false => self.foster(pid),
        };
        if Some(pid) == manager || !is_ours && foster.is_none() {
            return Err(libc::ECHILD);
        }
        let child = Child {
            pid,
            unit: record.key.clone(),
            rank: record.rank,
            signal: record.signal,
            timeout: record.timeout,
        };
        if let Some(pidfd) = foster {
            self.fosters.watch(record.instance, &pidfd);
            self.table
                .insert_foster(record.instance, child.clone(), pidfd);
            return Ok(child);
        }
        self.table.insert(record.instance, child.clone());
        if let Some(ended) = ended {
            let (pid, status, time) = self.unclaimed.swap_remove(ended);
            self.table.ended(pid, status, time);
        }
        Ok(child)
    }

    /// The pidfd of a process that became an orphan when the keeper before us ended.
    fn foster(&self, pid: u32) -> Option<OwnedFd> {
        if !self.is_heir {
            return None;
        }
        let pidfd = rustix::process::pidfd_open(system::as_pid(pid)?, PidfdFlags::empty()).ok()?;
        // Orphans of the one before went to whoever started it, and us, or to process 1.
        let ours = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
        let parent = system::parent(pid)?;
        (parent == 1 || Some(parent) == ours).then_some(pidfd)
    }

    /// Keeps copies of state and definitions as they are now: a later manager writes on in the
    /// originals.
    fn keep_state(&mut self) {
        for (key, previous) in KEPT {
            let copied = self.table.fds.get(key).and_then(|fd| copy(fd).ok());
            self.table.let_go(previous);
            if let Some(fd) = copied {
                self.table.hold(previous.to_owned(), fd);
            }
        }
    }
}

fn copy(from: &OwnedFd) -> io::Result<OwnedFd> {
    let to = rustix::fs::memfd_create("previous", MemfdFlags::CLOEXEC)?;
    let mut at = 0;
    while rustix::fs::sendfile(&to, from, Some(&mut at), 1 << 20)? > 0 {}
    Ok(to)
}
