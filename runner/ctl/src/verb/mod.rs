//! What each verb does. One file for each group of verbs that look alike.

mod check;
mod jobs;
mod lists;
mod logs;
mod manager;
mod show;
mod state;
mod status;
mod waiting;

use std::io;
use std::path::PathBuf;

use dbus::client::{Client, Error};

use crate::cli::{Cli, UnitsArgs, Verb};
use crate::failure::{Failure, Outcome};
use crate::names::UnitArg;
use crate::runtime::Place;
use crate::terminal::Terminal;

/// Does what `cli` says.
pub(crate) fn perform(cli: Cli, terminal: &mut Terminal) -> Outcome {
    let path = |name| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    let place = Place {
        told: cli.runtime_dir.or_else(|| path("RUNNER_RUNTIME_DIR")),
        uid: rustix::process::geteuid().as_raw(),
        xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because(format!("cannot wait for anything: {error}")))?
        .block_on(dispatch(cli.verb, &place, terminal))
}

/// Does one verb.
async fn dispatch(verb: Verb, place: &Place, terminal: &mut Terminal) -> Outcome {
    let client = async || connect(place).await;
    match verb {
        Verb::Status(args) => status::status(&client().await?, terminal, &args).await,
        Verb::ListUnits(args) => lists::units(&client().await?, terminal, &args).await,
        Verb::ListSockets(args) => lists::sockets(&client().await?, terminal, &args).await,
        Verb::ListJobs(args) => lists::jobs(&client().await?, terminal, &args).await,
        Verb::ListDependencies(args) => {
            lists::dependencies(&client().await?, terminal, &args).await
        }
        Verb::Start(args) => jobs::queue(&client().await?, terminal, "start", &args).await,
        Verb::Stop(args) => jobs::queue(&client().await?, terminal, "stop", &args).await,
        Verb::Restart(args) => jobs::queue(&client().await?, terminal, "restart", &args).await,
        Verb::TryRestart(args) => {
            jobs::queue(&client().await?, terminal, "try-restart", &args).await
        }
        Verb::Reload(args) => jobs::queue(&client().await?, terminal, "reload", &args).await,
        Verb::ReloadOrRestart(args) => {
            jobs::queue(&client().await?, terminal, "reload-or-restart", &args).await
        }
        Verb::TryReloadOrRestart(args) => {
            jobs::queue(&client().await?, terminal, "try-reload-or-restart", &args).await
        }
        Verb::Kill(args) => state::kill(&client().await?, terminal, &args).await,
        Verb::Show(args) => show::show(&client().await?, terminal, &args).await,
        Verb::Cat(args) => show::cat(&client().await?, terminal, &args).await,
        Verb::Logs(args) => logs::logs(&mut client().await?, terminal, &args).await,
        Verb::IsActive(args) => state::is_active(&client().await?, terminal, &args).await,
        Verb::IsFailed(args) => state::is_failed(&client().await?, terminal, &args).await,
        Verb::Wait(args) => waiting::wait(&mut client().await?, terminal, &args).await,
        Verb::ResetFailed(args) => state::reset_failed(&client().await?, terminal, &args).await,
        Verb::Check(args) => check::check(&args, place, terminal),
        Verb::DaemonReload(args) => manager::reload(&client().await?, terminal, &args).await,
        Verb::DaemonReexec => manager::reexec(&mut client().await?, terminal).await,
        Verb::Shutdown(args) => manager::shutdown(&client().await?, terminal, &args).await,
        Verb::Version => manager::version(place, terminal).await,
    }
}

/// A connection to the manager that is meant.
async fn connect(place: &Place) -> Result<Client, Failure> {
    let socket = place
        .socket()
        .map_err(|silence| Failure::because(silence.to_string()).with_hint(silence.hint()))?;
    Ok(Client::connect(socket).await?)
}

/// Goes on with the manager that comes after the one that has gone.
///
/// # Errors
/// When there is none to come: the keeper holds the socket, so a socket that refuses has no keeper.
async fn next_manager(client: &mut Client, cause: String) -> Result<(), Error> {
    match client.reconnect().await {
        Ok(()) => Ok(()),
        Err(Error::Connect { error, .. })
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
            ) =>
        {
            Err(Error::Lost(format!("{cause}; runnerd has ended")))
        }
        Err(_) => client.find_again(cause).await,
    }
}

/// The units that were named, each once: names as they are, patterns as the loaded units that match.
async fn expand(client: &Client, units: &[UnitArg]) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> = Vec::new();
    for unit in units {
        let found = if unit.is_pattern() {
            let lines = client.list_units(&[], &[unit.as_str().to_owned()]).await?;
            lines.into_iter().map(|line| line.name).collect()
        } else {
            vec![unit.as_str().to_owned()]
        };
        if found.is_empty() {
            return Err(Failure::because(format!("no loaded unit matches {unit}")));
        }
        for name in found {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

impl UnitsArgs {
    /// See [`expand`].
    async fn names(&self, client: &Client) -> Result<Vec<String>, Failure> {
        expand(client, &self.units).await
    }
}
