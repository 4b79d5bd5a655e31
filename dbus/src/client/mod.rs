//! The asking end: thin, typed calls over the private socket.
//!
//! Connections do not outlive a manager, jobs do. [`Client::enqueue_and_wait`] therefore gives
//! every job a token and, when the connection breaks, connects again and asks by the same token.

mod changes;
mod error;
mod log;
mod transient;
mod values;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use units::UnitName;
use units::install::{Order, Tie};
use zbus::Connection;
use zbus::wire::DynamicType;

pub use changes::{Change, Changes};
pub use error::Error;
pub use log::LogReader;
pub use transient::{Property, UnitEnd};
pub use values::{Properties, Value};

pub use crate::error::Kind;
pub use crate::wire::{
    DependencyLine, Diagnostic, FileText, JobLine, Link, LogLine, Moved, ProcessLine,
    SettingPreview, SocketLine, UnitLine, UnitPreview,
};

use crate::names::{self, BUS_NAME, ROOT, interface};

/// How long a manager may be away before [`Client::enqueue_and_wait`] gives up: a keeper that has
/// to try older programs takes a few seconds.
const LONGEST_ABSENCE: Duration = Duration::from_secs(30);

/// How many units one question is about: enough to be quick, few enough for the memory of both.
const AT_A_TIME: usize = 200;

/// How many questions are on their way at a time.
const ON_THEIR_WAY: usize = 32;

/// How long the first answer of a socket may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to the manager.
#[derive(Debug, Clone)]
pub struct Client {
    connection: Connection,
    socket: PathBuf,
}

/// How a reload of all definitions went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// Whether the new definitions are in force.
    pub applied: bool,
    /// What there is to say about the files, errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// What reading all definitions again would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// `reload`, or `update` where a supervisord.conf is run.
    pub way: String,
    /// Whether nothing would be applied, because a file has a new error.
    pub refused: bool,
    /// The units that would be different.
    pub units: Vec<UnitPreview>,
    /// What there is to say about the files, errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// Why a unit is as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// Its own name.
    pub unit: String,
    /// From what is seen back to who or what began it.
    pub chain: Vec<Link>,
    /// What to do next.
    pub advice: String,
}

/// What was done to unit files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Whether the units say anything about their installation.
    pub has_install_info: bool,
    /// `symlink`, `unlink` or `write`, the path, and where a link leads.
    pub changes: Vec<(String, String, String)>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its number.
    pub job: u32,
    /// `done`, `canceled`, `timeout`, `failed`, `dependency`, `skipped`, `assert` or
    /// `invalid`.
    pub result: String,
}

impl Client {
    /// Connects to the private socket `$RUNTIME/bus`.
    ///
    /// # Errors
    /// [`Error::Connect`] when nobody answers there.
    pub async fn connect(socket: impl AsRef<Path>) -> Result<Client, Error> {
        let socket = socket.as_ref().to_owned();
        let connection = open(&socket).await?;
        Ok(Client { connection, socket })
    }

    /// The socket this client is connected to.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Connects again, to the manager that is there now.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn reconnect(&mut self) -> Result<(), Error> {
        self.connection = open(&self.socket).await?;
        Ok(())
    }

    /// Every loaded unit whose name matches one of `patterns` and that is in one of `states`
    /// (load, active or sub-state); an empty list takes all.
    ///
    /// # Errors
    /// As every call: [`Error::Refused`] with the manager's reason, [`Error::Lost`] when the
    /// connection broke.
    pub async fn list_units(
        &self,
        states: &[String],
        patterns: &[String],
    ) -> Result<Vec<UnitLine>, Error> {
        self.manager("ListUnitsByPatterns", &(states, patterns))
            .await
    }

    /// Queued and running jobs.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn list_jobs(&self) -> Result<Vec<JobLine>, Error> {
        self.manager("ListJobs", &()).await
    }

    /// Every address of every loaded socket unit.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn list_sockets(&self) -> Result<Vec<SocketLine>, Error> {
        self.manager("ListSockets", &()).await
    }

    /// The tree below `unit`; `direction` is `requirements`, `reverse`, `after` or `before`.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn list_dependencies(
        &self,
        unit: &str,
        direction: &str,
    ) -> Result<Vec<DependencyLine>, Error> {
        self.manager("ListDependencies", &(unit, direction)).await
    }

    /// The files of a unit, drop-ins last.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn cat(&self, unit: &str) -> Result<Vec<FileText>, Error> {
        self.manager("Cat", &unit).await
    }

    /// Why a unit is as it is. A name that nobody knows is no error.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn why(&self, unit: &str) -> Result<Why, Error> {
        let (unit, chain, advice) = self.manager("Why", &unit).await?;
        Ok(Why {
            unit,
            chain,
            advice,
        })
    }

    /// The processes of a unit.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn processes(&self, unit: &str) -> Result<Vec<ProcessLine>, Error> {
        self.manager("GetUnitProcesses", &unit).await
    }

    /// All properties of a unit, of all its interfaces. A valid name that is not loaded gives
    /// properties with `LoadState` `not-found`.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn unit(&self, unit: &str) -> Result<Properties, Error> {
        let path = names::unit_path(unit);
        self.call(&path, interface::PROPERTIES, "GetAll", &"")
            .await
            .map(Properties::from_map)
    }

    /// Properties of many units, in their order: those of these names, or all where none is named.
    /// One that a unit does not have, or the caller may not read, is left out.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn units(
        &self,
        units: &[String],
        wanted: &[String],
    ) -> Result<Vec<Properties>, Error> {
        if wanted.is_empty() {
            // All of one unit are a large answer already: many questions at a time are quicker here.
            return futures_util::stream::iter(units)
                .map(|unit| self.unit(unit))
                .buffered(ON_THEIR_WAY)
                .try_collect()
                .await;
        }
        let mut all = Vec::with_capacity(units.len());
        for some in units.chunks(AT_A_TIME) {
            let found: Vec<(
                String,
                std::collections::HashMap<String, zbus::OwnedVariant>,
            )> = self.manager("GetUnitProperties", &(some, wanted)).await?;
            all.extend(found.into_iter().map(|(_, map)| Properties::from_map(map)));
        }
        Ok(all)
    }

    /// All properties of the manager.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn properties(&self) -> Result<Properties, Error> {
        self.call(ROOT, interface::PROPERTIES, "GetAll", &"")
            .await
            .map(Properties::from_map)
    }

    /// Queues a job and gives its number. `verb` is `start`, `stop`, `restart`, `try-restart`,
    /// `reload`, `reload-or-restart` or `try-reload-or-restart`; `mode` as `systemctl --job-mode=`.
    /// The same non-empty `token` again gives the same job.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn enqueue(
        &self,
        unit: &str,
        verb: &str,
        mode: &str,
        token: &str,
    ) -> Result<u32, Error> {
        let (job, _path): (u32, zbus::OwnedObjectPath) = self
            .manager("EnqueueJob", &(unit, verb, mode, token))
            .await?;
        Ok(job)
    }

    /// Waits until a job has ended and gives its result; for a minute after its end, too.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn await_job(&self, job: u32) -> Result<String, Error> {
        self.manager("AwaitJob", &job).await
    }

    /// Queues a job and waits for its end, over restarts of the manager.
    ///
    /// # Errors
    /// As [`Client::list_units`]; [`Error::Lost`] only when no manager answered for 30 s.
    pub async fn enqueue_and_wait(
        &mut self,
        unit: &str,
        verb: &str,
        mode: &str,
    ) -> Result<Ended, Error> {
        let token = token();
        loop {
            let attempt = async {
                let job = self.enqueue(unit, verb, mode, &token).await?;
                let result = self.await_job(job).await?;
                Ok(Ended { job, result })
            };
            match attempt.await {
                Err(Error::Lost(cause)) => self.find_again(cause).await?,
                outcome => return outcome,
            }
        }
    }

    /// Connects to the next manager as soon as there is one, for at most 30 s.
    ///
    /// # Errors
    /// [`Error::Lost`] with `cause` when there is none.
    pub async fn find_again(&mut self, cause: String) -> Result<(), Error> {
        // The keeper holds the listening socket, so a connection usually queues up there and is
        // answered by the next manager; the pauses are for a socket that is gone for a moment.
        let mut pause = Duration::from_millis(5);
        let deadline = tokio::time::Instant::now() + LONGEST_ABSENCE;
        loop {
            match self.reconnect().await {
                Ok(()) => return Ok(()),
                Err(_) if tokio::time::Instant::now() + pause < deadline => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(500));
                }
                Err(_) => return Err(Error::Lost(cause)),
            }
        }
    }

    /// Takes a job back.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn cancel_job(&self, job: u32) -> Result<(), Error> {
        self.manager("CancelJob", &job).await
    }

    /// The state of a unit's file, as it is now (systemctl's words).
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn unit_file_state(&self, unit: &str) -> Result<String, Error> {
        self.manager("GetUnitFileState", &unit).await
    }

    /// Every unit that a file defines: its name, the file, its state, and what a preset wants of it,
    /// empty where there is nothing to enable.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn unit_files(&self) -> Result<Vec<(String, String, String, String)>, Error> {
        self.manager("DescribeUnitFiles", &()).await
    }

    /// Lets the manager carry out an order about unit files. Only for [`Order::Set`] it reads them
    /// again.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn install(&self, order: &Order) -> Result<Installed, Error> {
        let names =
            |units: &[UnitName]| -> Vec<String> { units.iter().map(ToString::to_string).collect() };
        let (has_install_info, changes) = match order {
            Order::Enable { units, how } => {
                let body = (names(units), how.runtime, how.force);
                self.manager("EnableUnitFiles", &body).await?
            }
            Order::Reenable { units, how } => {
                let body = (names(units), how.runtime, how.force);
                self.manager("ReenableUnitFiles", &body).await?
            }
            Order::Disable { units, runtime } => {
                let method = "DisableUnitFilesWithFlagsAndInstallInfo";
                let body = (names(units), u64::from(*runtime));
                self.manager(method, &body).await?
            }
            Order::Mask { units, how } => {
                let body = (names(units), how.runtime, how.force);
                (true, self.manager("MaskUnitFiles", &body).await?)
            }
            Order::Unmask { units, runtime } => {
                let body = (names(units), *runtime);
                (true, self.manager("UnmaskUnitFiles", &body).await?)
            }
            Order::Revert { units } => {
                let body = names(units);
                (true, self.manager("RevertUnitFiles", &body).await?)
            }
            Order::Depend {
                units,
                on_behalf_of,
                word,
                how,
            } => {
                let word = match word {
                    Tie::Wants => "Wants",
                    Tie::Requires => "Requires",
                };
                let target = on_behalf_of.as_str();
                let body = (names(units), target, word, how.runtime, how.force);
                (true, self.manager("AddDependencyUnitFiles", &body).await?)
            }
            Order::Link { paths, how } => {
                let body = (paths, how.runtime, how.force);
                (true, self.manager("LinkUnitFiles", &body).await?)
            }
            Order::Default { unit, force } => {
                let body = (unit.as_str(), *force);
                (true, self.manager("SetDefaultTarget", &body).await?)
            }
            Order::Set {
                unit,
                settings,
                runtime,
            } => {
                let mut lists: Vec<(&str, Vec<&str>)> = Vec::new();
                for (name, value) in settings {
                    match lists.iter_mut().find(|(held, _)| held == name) {
                        Some((_, values)) => values.push(value),
                        None => lists.push((name, vec![value])),
                    }
                }
                let variants = lists.into_iter();
                let variants: Vec<(&str, zbus::Variant<'_>)> = variants
                    .map(|(name, values)| (name, zbus::Variant::new(values)))
                    .collect();
                let body = (unit.as_str(), *runtime, variants);
                () = self.manager("SetUnitProperties", &body).await?;
                (true, Vec::new())
            }
        };
        Ok(Installed {
            has_install_info,
            changes,
        })
    }

    /// Takes all jobs back that may be.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn clear_jobs(&self) -> Result<(), Error> {
        self.manager("ClearJobs", &()).await
    }

    /// Changes the variables every program's environment starts from: takes `unset` away (`NAME` or
    /// `NAME=value`), then sets `set` (`NAME=value`).
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn change_environment(&self, unset: &[String], set: &[String]) -> Result<(), Error> {
        self.manager("UnsetAndSetEnvironment", &(unset, set)).await
    }

    /// Sends a signal to processes of a unit; `whom` is `all`, `main` or `control`.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn kill(&self, unit: &str, whom: &str, signal: i32) -> Result<(), Error> {
        self.manager("KillUnit", &(unit, whom, signal)).await
    }

    /// Takes directories away that a unit has made for itself, by their kinds (`cache`, `all`).
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn clean(&self, unit: &str, what: &[String]) -> Result<(), Error> {
        self.manager("CleanUnit", &(unit, what)).await
    }

    /// Keeps the processes of a unit from running, or lets them.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn set_frozen(&self, unit: &str, frozen: bool) -> Result<(), Error> {
        let method = if frozen { "FreezeUnit" } else { "ThawUnit" };
        self.manager(method, &unit).await
    }

    /// The target that boot starts.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn default_target(&self) -> Result<String, Error> {
        self.manager("GetDefaultTarget", &()).await
    }

    /// Forgets failures and start limits of one unit or of all.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn reset_failed(&self, unit: Option<&str>) -> Result<(), Error> {
        match unit {
            Some(unit) => self.manager("ResetFailedUnit", &unit).await,
            None => self.manager("ResetFailed", &()).await,
        }
    }

    /// Reads all unit files again. Broken files are no error here: see [`Reloaded::applied`].
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn reload_units(&self, keep_going: bool) -> Result<Reloaded, Error> {
        let (applied, diagnostics) = self.manager("ReloadUnits", &keep_going).await?;
        Ok(Reloaded {
            applied,
            diagnostics,
        })
    }

    /// What [`Client::reload_units`] would change; with a supervisord.conf, what its update would.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn preview_reload(&self) -> Result<Preview, Error> {
        let (way, refused, units, diagnostics) = self.manager("PreviewReload", &()).await?;
        Ok(Preview {
            way,
            refused,
            units,
            diagnostics,
        })
    }

    /// Replaces the manager by a new process of the program on disk; returns when the new one
    /// answers.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn reexecute(&mut self) -> Result<(), Error> {
        let pid = self.properties().await?.number("ManagerPID");
        match self.manager::<_, ()>("Reexecute", &()).await {
            Ok(()) | Err(Error::Lost(_)) => {}
            Err(error) => return Err(error),
        }
        let waiting = async {
            // Its last word ends the connection; the next manager has another pid.
            self.closed().await;
            loop {
                self.find_again("the new manager does not answer".to_owned())
                    .await?;
                match self.properties().await {
                    Ok(now) if now.number("ManagerPID") == pid => self.closed().await,
                    Ok(_) => return Ok(()),
                    Err(Error::Lost(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        };
        match tokio::time::timeout(LONGEST_ABSENCE, waiting).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Lost(
                "the manager was not replaced in time".to_owned(),
            )),
        }
    }

    /// Stops everything in order and ends the program with `status`. Returns when the order is
    /// accepted; [`Client::closed`] tells when all is over.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn exit(&self, status: u8) -> Result<(), Error> {
        match self.manager("Exit", &status).await {
            // With nothing to stop, the end can be quicker than the answer.
            Err(Error::Lost(_)) => Ok(()),
            outcome => outcome,
        }
    }

    /// Waits until the other end has closed the connection.
    pub async fn closed(&self) {
        self.connection.closed().await;
    }

    /// Lines the units wrote: the last `lines` of each, then, with `follow`, new ones.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn read_log(
        &self,
        units: &[String],
        lines: u32,
        follow: bool,
    ) -> Result<LogReader, Error> {
        let pipe: zbus::OwnedFd = self.manager("ReadLog", &(units, lines, follow)).await?;
        Ok(LogReader::new(pipe.into(), self.clone()))
    }

    /// What changes from now on. Subscribe first, then look: nothing falls in between.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn changes(&self) -> Result<Changes, Error> {
        // A connection of its own: one whose changes nobody reads must not hold up answers.
        let own = Client::connect(&self.socket).await?;
        let stream = zbus::MessageStream::from(&own.connection);
        own.manager::<_, ()>("Subscribe", &()).await?;
        Ok(Changes::new(stream))
    }

    async fn manager<B, R>(&self, method: &str, body: &B) -> Result<R, Error>
    where
        B: serde::Serialize + DynamicType,
        R: DeserializeOwned + zbus::Type,
    {
        self.call(ROOT, interface::MANAGER, method, body).await
    }

    async fn call<B, R>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<R, Error>
    where
        B: serde::Serialize + DynamicType,
        R: DeserializeOwned + zbus::Type,
    {
        let reply = self
            .connection
            .call_method(Some(BUS_NAME), path, Some(interface), method, body)
            .await
            .map_err(Error::of_call)?;
        reply.body().deserialize().map_err(|error| {
            Error::Protocol(format!("{interface}.{method} answered strangely: {error}"))
        })
    }
}

async fn open(socket: &Path) -> Result<Connection, Error> {
    let failed = |error: io::Error| Error::Connect {
        socket: socket.to_owned(),
        error,
    };
    // A full backlog or a stopped manager must not hang the caller: the runtime's own connect
    // does not block.
    let connecting = async {
        let stream = tokio::net::UnixStream::connect(socket)
            .await
            .map_err(failed)?;
        let stream = stream.into_std().map_err(failed)?;
        zbus::connection::Builder::unix_stream(stream)
            .p2p()
            .build()
            .await
            .map_err(|error| failed(io::Error::other(error)))
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connection) => connection,
        Err(_) => Err(failed(io::ErrorKind::TimedOut.into())),
    }
}

/// A text no other client uses: jobs are found again by it.
fn token() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{now:x}-{count}", std::process::id())
}
