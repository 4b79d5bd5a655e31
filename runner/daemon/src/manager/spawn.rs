//! From the engine's `Spawn` to an order for the spawner: what only the loop knows is added here.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use engine::Event;
use engine::action::{Role, Spawn};
use engine::event::SpawnFailure;
use units::{Definition, Input, NotifyAccess};

use super::Manager;
use crate::process::order::{FileMode, Order, Passed, Stdio};
use crate::process::step::Step;

impl Manager {
    /// Orders a process; failures are answered at once.
    pub(super) fn spawn(&mut self, spawn: Spawn) {
        let ticket = spawn.ticket;
        match self.order(spawn) {
            Ok(order) => {
                if let Some((face, _)) = &self.systemd_face {
                    face.begin_run(&order.spawn.unit, order.spawn.invocation);
                }
                self.processes.ordered(&order.spawn);
                self.spawner.submit(order);
            }
            Err(failure) => self.events.push_back(Event::SpawnFailed {
                ticket,
                process: None,
                failure,
            }),
        }
    }

    fn order(&mut self, spawn: Spawn) -> Result<Order, SpawnFailure> {
        let unit = spawn.unit.clone();
        let definition = self.definition(&unit).ok_or_else(|| SpawnFailure::Setup {
            status: Step::Execute.status(),
            message: format!("{unit} is not loaded"),
        })?;
        let (stdout, stderr) = self
            .outputs
            .stdio(&self.link, &self.logs, &definition, &self.accounts)
            .map_err(|error| failure(&error, Step::Stdout, "cannot prepare its output"))?;
        let main = spawn.role == Role::Main;
        // What only the service itself is passed leads nowhere for its other commands.
        let of_main = |stdio| match stdio {
            Stdio::Named(_) if !main => Stdio::Null,
            other => other,
        };
        let (stdout, stderr) = (of_main(stdout), of_main(stderr));
        let [given_in, given_out, given_err] = match main {
            true => self.given.of(&unit).map(|given| given.map(Stdio::Fd)),
            false => [None, None, None],
        };
        let notify_path = if definition.notify_access() == NotifyAccess::None {
            None
        } else {
            Some(self.open_notify(&unit).map_err(|error| {
                failure(&error, Step::Descriptors, "cannot open its notify socket")
            })?)
        };
        self.ranks.insert(unit.clone(), spawn.stop.rank);
        let connection = spawn.connection.and_then(|id| {
            self.handing_over.insert(spawn.ticket, id);
            self.connections.get(&id).map(|(_, fd)| fd.clone())
        });
        let listen = match connection {
            Some(fd) => vec![Passed {
                fd,
                name: "connection".to_owned(),
            }],
            None => spawn
                .listen
                .iter()
                .flat_map(|socket| self.sockets.passed(socket))
                .collect(),
        };
        let stored = if main {
            self.stored_for(&unit)
        } else {
            Vec::new()
        };
        let stdin = self
            .stdin(&definition, &spawn, &listen)
            .map_err(|error| failure(&error, Step::Stdin, "cannot prepare its input"))?;
        let foreground = !self.options.command.is_empty()
            && matches!(&given_in, Some(Stdio::Fd(fd)) if fd.is_terminal());
        Ok(Order {
            spawn,
            foreground,
            definition,
            stdin: given_in.unwrap_or(stdin),
            stdout: given_out.unwrap_or(stdout),
            stderr: given_err.unwrap_or(stderr),
            listen,
            stored,
            notify_path,
            environment: self.block().into(),
            changed_environment: self.changed_block(),
            server_url: self.server_url.clone(),
        })
    }

    fn stdin(
        &mut self,
        definition: &Arc<Definition>,
        spawn: &Spawn,
        listen: &[Passed],
    ) -> io::Result<Stdio> {
        Ok(match definition.standard_input() {
            // Only the service itself talks to the client.
            Input::Socket if spawn.role == Role::Main && !listen.is_empty() => Stdio::Socket,
            Input::Pipe if spawn.role == Role::Main => Stdio::Fd(self.inputs.open(
                &self.link,
                &mut self.poller,
                &spawn.unit,
            )?),
            Input::Null | Input::Socket | Input::Pipe => Stdio::Null,
            Input::Data => {
                let lines = definition.standard_input_text();
                Stdio::Data([lines, definition.standard_input_data()].concat().into())
            }
            // Commands beside the service do not get its terminal.
            input if input.is_terminal() && !may_have_terminal(spawn.role) => Stdio::Null,
            Input::Tty | Input::TtyFail | Input::TtyForce => Stdio::Terminal {
                path: definition.tty_path().into(),
                force: *definition.standard_input() == Input::TtyForce,
            },
            Input::Fd(name) if spawn.role == Role::Main => {
                Stdio::Named(name.as_deref().unwrap_or("stdin").to_owned())
            }
            Input::Fd(_) => Stdio::Null,
            Input::File(path) => Stdio::File {
                path: (&**path).into(),
                mode: FileMode::Read,
            },
        })
    }
}

/// Those that run when nothing else of the unit does.
fn may_have_terminal(role: Role) -> bool {
    matches!(role, Role::StartPre | Role::Main | Role::StopPost)
}

/// A shortage is nobody's failure; anything else is the unit's.
fn failure(error: &io::Error, step: Step, what: &str) -> SpawnFailure {
    match error.raw_os_error() {
        Some(
            errno @ (libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS | libc::EAGAIN),
        ) => SpawnFailure::Shortage { errno },
        _ => SpawnFailure::Setup {
            status: step.status(),
            message: format!("{what}: {error}"),
        },
    }
}
