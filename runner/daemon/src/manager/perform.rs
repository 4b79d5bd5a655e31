//! Performs the engine's wishes: one exhaustive match, each arm a call into the room that can do it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, PoisonError};

use control::{Answerer, Reply};
use engine::action::{Action, Entry, Level, MessageId, Target};
use engine::preview::Way;
use engine::{Change, Event};
use nix::sys::epoll::EpollFlags;
use units::{Definition, UnitKind, UnitName};

use super::poller::Source;
use super::wake::Done;
use super::{Manager, held};
use crate::cgroup::Cgroups;
use crate::link::Key;
use crate::log::own::OwnLine;
use crate::options::LogTarget;
use crate::socket::{self, Listeners};
use crate::users::Accounts;
use crate::{condition, load};

impl Manager {
    /// Performs one wish. What comes of it at once is queued as an event.
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn(spawn) => self.spawn(*spawn),
            Action::Adopt { ticket, unit, from } => self.adopt(ticket, unit, from),
            Action::Gather { ticket, unit, pids } => {
                self.events
                    .push_back(match self.processes.gather(&unit, &pids) {
                        Ok(()) => Event::Gathered { ticket },
                        Err(message) => Event::GatherFailed { ticket, message },
                    });
            }
            Action::Signal {
                ticket,
                unit,
                target,
                signal,
                wake,
            } => {
                self.thaw_to_stop(&unit);
                match target {
                    Target::Process(process) => {
                        if let Err(error) = self.processes.signal(process, signal, wake) {
                            tracing::warn!("{unit}: cannot send {signal}: {error}");
                        }
                    }
                    Target::All => {
                        self.processes.signal_all(&unit, signal, wake);
                    }
                }
                self.events.push_back(Event::Signalled { ticket });
            }
            Action::WatchEmpty { ticket, unit } => {
                if self.processes.watch_empty(&unit) {
                    self.events.push_back(Event::Emptied { ticket });
                } else {
                    self.empties.insert(unit, ticket);
                }
            }
            Action::Probe {
                ticket,
                unit: _,
                probe,
            } => self.probes.begin(ticket, probe),
            Action::EndProbe { ticket } => self.probes.end(ticket),
            Action::WatchName {
                ticket,
                unit,
                name,
                with_pid,
            } => self.bus_names.watch(ticket, unit, name, with_pid),
            Action::UnwatchName { ticket } => self.bus_names.forget(ticket),
            Action::Release { unit } => {
                self.frozen.remove(&unit);
                if let Some((face, _)) = &self.systemd_face {
                    face.end_run(&unit);
                }
                self.release(&unit);
            }
            Action::ClearAway { unit, runtime } => {
                // What nobody defines any more stays where it is: nothing says what it was.
                if let Some(definition) = self.definition(&unit) {
                    self.spawner.clear_away(definition, runtime);
                }
            }
            Action::Listen { ticket, unit } => self.listen(ticket, unit),
            Action::Watch { unit, on } => self.watch(&unit, on),
            Action::Flush { unit } => self.flush(&unit),
            Action::Unlisten { unit, remove_nodes } => self.unlisten(&unit, remove_nodes),
            Action::CloseConnection { connection } => self.drop_connection(connection),
            Action::Store {
                unit,
                batch,
                name,
                max,
                poll,
            } => {
                let fds = self.batches.remove(&batch).unwrap_or_default();
                self.store(unit, &name, fds, max, poll);
            }
            Action::Unstore { unit, name } => self.unstore(unit, name.as_deref()),
            Action::SetTimer { ticket, at } => self.timers.set(ticket, at),
            Action::CancelTimer { ticket } => self.timers.cancel(ticket),
            Action::Check { ticket, tests, .. } => self.offload.submit(move || Done::Checked {
                ticket,
                found: condition::find_out(&tests),
            }),
            Action::ReadStamp { ticket, unit } => self.read_stamp(ticket, unit),
            Action::WriteStamp { unit, at } => self.write_stamp(unit, at),
            Action::WakeSystem { unit, at } => self.wake_system(unit, at),
            Action::WatchPaths {
                ticket,
                unit,
                make_directories,
                seen,
            } => self.watch_paths(ticket, unit, make_directories, seen),
            Action::UnwatchPaths { unit } => self.unwatch_paths(unit),
            Action::ReadUnits { ticket } => {
                let read = self.reader();
                self.offload.submit(move || Done::UnitsRead {
                    ticket,
                    reading: read(),
                });
            }
            Action::Reply { request, answer } => self.reply(request, answer),
            Action::Publish(change) => self.publish(change),
            Action::Log(entry) => self.say(entry),
            Action::Halt { status } => self.halted = Some(status),
        }
    }

    /// What reads the unit files, for the file worker.
    fn reader(&self) -> impl FnOnce() -> load::Reading + Send + 'static {
        let conf = self.settled.conf.clone();
        let options = self.options.clone();
        let surroundings = self.surroundings.clone();
        let before = Arc::clone(self.engine.candidate());
        move || load::read_again(conf.as_ref(), &options, &surroundings, before)
    }

    /// Reads what a reload would read, for somebody who wants to know what that would change.
    pub(super) fn read_for_preview(&mut self, answerer: Answerer) {
        let read = self.reader();
        self.offload.submit(move || Done::Foreseen {
            answerer,
            reading: read(),
        });
    }

    /// Tells what these files would change.
    pub(super) fn preview(&self, answerer: Answerer, reading: load::Reading) {
        let way = match self.settled.conf {
            Some(_) => Way::Update,
            None => Way::Reload,
        };
        let preview = self
            .engine
            .preview(way, &reading.units, reading.diagnostics);
        answerer.answer(Ok(Reply::Preview(Box::new(preview))));
    }

    /// Says an entry of the engine, unless the main log says the same in supervisord's words.
    fn say(&self, entry: Entry) {
        let in_its_words = matches!(
            entry.id,
            MessageId::Starting
                | MessageId::Started
                | MessageId::Stopping
                | MessageId::Stopped
                | MessageId::Failed
                | MessageId::Restarting
                | MessageId::ProcessExited
                | MessageId::SpawnFailed
                | MessageId::JobFailed
        );
        let main_log = matches!(self.options.log_target, LogTarget::Main(_));
        // Of other units, which it does not know, only what went wrong belongs there.
        let process = entry
            .unit
            .as_ref()
            .is_some_and(|unit| unit.kind() == UnitKind::Service);
        let harmless = !matches!(entry.level, Level::Error | Level::Warning);
        // How a command ends is its own affair, which our status tells.
        if !self.options.command.is_empty() && (harmless || entry.id == MessageId::Failed) {
            return;
        }
        if !(main_log && in_its_words && (process || harmless)) {
            self.logs.own(entry);
        }
    }

    /// Says a change as supervisord's main log does, where there is one.
    fn say_change(&self, change: &Change) {
        if !matches!(self.options.log_target, LogTarget::Main(_)) {
            return;
        }
        for (level, text) in self.engine.main_log(change) {
            self.logs.own(OwnLine::about_us(level.into(), text));
        }
    }

    pub(super) fn publish(&mut self, change: Change) {
        self.say_change(&change);
        match &change {
            Change::Reloading(true) => self.tell_reloading(),
            Change::StartupFinished | Change::Reloading(false) => self.tell_ready(),
            Change::UnitRemoved(unit) => self.forget(unit),
            Change::Closing { restarting: true } => self.settle_again(),
            Change::Moved(moved) => {
                self.watch_clock(&moved.unit);
                self.give_back_when_down(&moved.unit);
            }
            Change::ProcessStarted { .. }
            | Change::GroupAdded(_)
            | Change::GroupRemoved(_)
            | Change::Closing { restarting: false }
            | Change::Properties(_)
            | Change::UnitFilesChanged
            | Change::JobNew { .. }
            | Change::JobRemoved { .. }
            | Change::UnitNew(_) => {}
        }
        self.look_at_bus(&change);
        self.door.publish(change);
    }

    fn listen(&mut self, ticket: engine::Ticket, unit: UnitName) {
        // Still held from before a recovery, or inherited: nothing to bind.
        if self.sockets.holds(&unit) {
            self.events.push_back(Event::Listening { ticket });
            return;
        }
        let Some(definition) = self.definition(&unit) else {
            let message = format!("{unit} is not loaded");
            self.events
                .push_back(Event::ListenFailed { ticket, message });
            return;
        };
        let inherited = self.inherited.clone();
        self.offload.submit(move || {
            let mut troubles = Vec::new();
            let result = listeners_of(&definition).and_then(|wanted| {
                // Whoever held it panicked, and the list is whole all the same.
                let mut inherited = inherited.lock().unwrap_or_else(PoisonError::into_inner);
                socket::open(&wanted, &mut inherited, &mut troubles)
            });
            for trouble in troubles {
                tracing::warn!("{unit}: {trouble}");
            }
            Done::Listened {
                ticket,
                unit,
                result,
            }
        });
    }

    /// The listeners of a socket unit are open, or could not be.
    pub(super) fn listened(
        &mut self,
        ticket: engine::Ticket,
        unit: UnitName,
        result: Result<Vec<OwnedFd>, String>,
    ) {
        let opened = result.and_then(|fds| {
            self.definition(&unit)
                .and_then(|definition| held::listeners(&definition, fds))
                .ok_or_else(|| "its definition changed meanwhile".to_owned())
        });
        let listeners = match opened {
            Ok(listeners) => listeners,
            Err(message) => {
                self.events
                    .push_back(Event::ListenFailed { ticket, message });
                return;
            }
        };
        for (index, listener) in (0..).zip(&listeners) {
            self.hold(
                &Key::Listener {
                    unit: unit.clone(),
                    index,
                },
                listener.fd.as_fd(),
            );
        }
        self.sockets.insert(unit, listeners);
        self.events.push_back(Event::Listening { ticket });
    }

    /// Turns the watch on a socket unit's listeners on or off.
    pub(super) fn watch(&mut self, unit: &UnitName, on: bool) {
        let Some(listeners) = self.sockets.of(unit) else {
            return;
        };
        for (index, listener) in listeners.iter().enumerate() {
            let source = Source::Listener(unit.clone(), index);
            if !on {
                self.poller.remove(&source, listener.fd.as_fd());
            } else if let Err(error) =
                self.poller
                    .add(source, listener.fd.as_fd(), EpollFlags::EPOLLIN)
            {
                tracing::error!("{unit}: cannot watch {}: {error}", listener.address);
            }
        }
    }

    /// Throws away what waits at a socket unit's listeners.
    fn flush(&mut self, unit: &UnitName) {
        let Some(definition) = self.definition(unit) else {
            return;
        };
        let listeners = self.sockets.of(unit).unwrap_or_default();
        for ((kind, _), listener) in definition.listen().zip(&listeners) {
            if let Err(error) = socket::flush(kind, listener.fd.as_fd()) {
                tracing::warn!("{unit}: cannot flush {}: {error}", listener.address);
            }
        }
    }

    fn unlisten(&mut self, unit: &UnitName, remove_nodes: bool) {
        self.watch(unit, false);
        let listeners = self.sockets.remove(unit);
        if !listeners.is_empty() {
            for (index, _) in (0..).zip(&listeners) {
                let unit = unit.clone();
                self.unhold(&Key::Listener { unit, index });
            }
            drop(listeners);
            self.await_keeper();
        }
        if remove_nodes && let Some(definition) = self.definition(unit) {
            self.offload.submit(move || {
                socket::remove_nodes(&Listeners::of(&definition, None, None));
                Done::Nothing
            });
        }
    }

    /// Gives back what belonged to a run that is over.
    fn release(&mut self, unit: &UnitName) {
        self.outputs.close(&self.logs, unit);
        self.inputs.close(&self.link, &mut self.poller, unit);
        self.close_notify(unit);
        self.processes.release(unit);
        // A group that stays, because somebody is in it, goes on counting.
        let stays = |cgroups: &Arc<Cgroups>| cgroups.shown(unit).is_some();
        if !self.cgroups.as_ref().is_some_and(stays) {
            self.memory_kills.remove(unit);
        }
    }

    /// Forgets a unit that is not known any more.
    fn forget(&mut self, unit: &UnitName) {
        self.release(unit);
        self.outputs.forget(&self.logs, &self.link, unit);
    }
}

/// What a socket unit listens on, its owners looked up. May ask `getent`: not for the loop's thread.
fn listeners_of(definition: &Definition) -> Result<Listeners, String> {
    let (uid, gid) = Accounts::default()
        .owner(definition.socket_user(), definition.socket_group())
        .map_err(|error| format!("cannot find its owner: {error}"))?;
    Ok(Listeners::of(definition, uid, gid))
}
