//! What each verb does. One file for each group of verbs that look alike.

mod calendar;
mod check;
mod directories;
mod edit;
mod environment;
mod escape;
mod export;
mod import;
mod install;
mod jobs;
mod lists;
mod logs;
mod manager;
mod passwd;
mod plan;
mod run;
mod show;
mod state;
mod status;
mod triggers;
mod waiting;
mod why;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dbus::client::{Client, Error};

use crate::cli::{Cli, DirectArgs, UnitsArgs, Verb};
use crate::failure::{Failure, Outcome};
use crate::names::UnitArg;
use crate::runtime::{Place, Silence};
use crate::terminal::Terminal;
use directories::Directories;
use install::Hand;

/// For how long a manager may drop new connections because it is replaced again and again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(10);

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

/// Does one verb. What only asks, or does no harm when it is done twice, is asked again when the
/// manager goes away in the middle; jobs have a way of their own.
async fn dispatch(verb: Verb, place: &Place, terminal: &mut Terminal) -> Outcome {
    let client = async || connect(place).await;
    macro_rules! ask {
        ($($verb:tt)::+, $args:expr) => {
            patiently(client().await?, async |client| $($verb)::+(client, terminal, &$args).await).await
        };
    }
    macro_rules! files {
        ($direct:expr, $($verb:tt)::+, $args:expr) => {
            match who_does_it(&$direct, place, terminal).await? {
                Some(client) => {
                    patiently(client, async |client| {
                        $($verb)::+(&Hand::Manager(client), terminal, &$args).await
                    })
                    .await
                }
                None => {
                    let hand = Hand::Ours(Box::new(Directories::read(&$direct.unit_dir, place)));
                    $($verb)::+(&hand, terminal, &$args).await
                }
            }
        };
    }
    match verb {
        Verb::Status(args) => ask!(status::status, args),
        Verb::ListUnits(args) => ask!(lists::units, args),
        Verb::ListSockets(args) => ask!(lists::sockets, args),
        Verb::ListTimers(args) => ask!(triggers::timers, args),
        Verb::ListPaths(args) => ask!(triggers::paths, args),
        Verb::ListJobs(args) => ask!(lists::jobs, args),
        Verb::ListDependencies(args) => ask!(lists::dependencies, args),
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
        Verb::Isolate(args) => jobs::isolate(&client().await?, terminal, &args).await,
        Verb::Cancel(args) => jobs::cancel(&client().await?, terminal, &args).await,
        Verb::ListUnitFiles(args) => files!(args.direct, install::list, args),
        Verb::IsEnabled(args) => files!(args.direct, install::is_enabled, args),
        Verb::Enable(args) => files!(args.units.direct, install::enable, args),
        Verb::Disable(args) => files!(args.units.direct, install::disable, args),
        Verb::Reenable(args) => files!(args.units.direct, install::reenable, args),
        Verb::Mask(args) => files!(args.units.direct, install::mask, args),
        Verb::Unmask(args) => files!(args.units.direct, install::unmask, args),
        Verb::Revert(args) => files!(args.direct, install::revert, args),
        Verb::AddWants(args) => files!(args.units.direct, install::add_wants, args),
        Verb::AddRequires(args) => files!(args.units.direct, install::add_requires, args),
        Verb::Edit(args) => {
            let client = who_does_it(&args.direct, place, terminal).await?;
            // Nobody wants to write a text twice: this one is not asked again.
            edit::edit(client.as_ref(), terminal, &args, place).await
        }
        Verb::Link(args) => files!(args.direct, install::link, args),
        Verb::GetDefault(args) => files!(args.direct, install::get_default, args),
        Verb::SetDefault(args) => files!(args.direct, install::set_default, args),
        Verb::SetProperty(args) => ask!(install::set_property, args),
        Verb::ShowEnvironment => ask!(environment::show, ()),
        Verb::SetEnvironment(args) => ask!(environment::set, args),
        Verb::UnsetEnvironment(args) => ask!(environment::unset, args),
        Verb::ImportEnvironment(args) => ask!(environment::import, args),
        // A signal that is sent twice is another signal.
        Verb::Kill(args) => state::kill(&client().await?, terminal, &args).await,
        Verb::Clean(args) => ask!(state::clean, args),
        Verb::Freeze(args) => ask!(state::freeze, args),
        Verb::Thaw(args) => ask!(state::thaw, args),
        Verb::Why(args) => ask!(why::why, args),
        Verb::Show(args) => ask!(show::show, args),
        Verb::Cat(args) => ask!(show::cat, args),
        Verb::Logs(args) => logs::logs(&mut client().await?, terminal, &args).await,
        Verb::IsActive(args) => ask!(state::is_active, args),
        Verb::IsFailed(args) => ask!(state::is_failed, args),
        Verb::Wait(args) => waiting::wait(&mut client().await?, terminal, &args).await,
        Verb::IsReady(args) => waiting::is_ready(&mut client().await?, terminal, &args).await,
        Verb::ResetFailed(args) => ask!(state::reset_failed, args),
        Verb::Check(args) => check::check(&args, place, terminal),
        Verb::Import(args) => import::import(&args, place, terminal),
        Verb::Export(args) => export::export(&args, place, terminal),
        Verb::Passwd(args) => passwd::passwd(&args, terminal),
        Verb::Calendar(args) => calendar::calendar(&args, terminal),
        Verb::Timespan(args) => calendar::timespan(&args, terminal),
        Verb::Escape(args) => escape::escape(&args, terminal),
        Verb::Run(args) => run::run(&mut client().await?, terminal, &args).await,
        Verb::Plan => {
            patiently(client().await?, async |client| {
                plan::plan(client, terminal).await
            })
            .await
        }
        Verb::DaemonReload(args) => ask!(manager::reload, args),
        Verb::DaemonReexec => manager::reexec(&mut client().await?, terminal).await,
        Verb::Shutdown(args) => {
            manager::shutdown(&client().await?, terminal, args.exit_status, false).await
        }
        Verb::Exit(args) => {
            manager::shutdown(&client().await?, terminal, args.exit_status, args.force).await
        }
        Verb::Version => manager::version(place, terminal).await,
    }
}

/// Asks, and asks the next manager when this one goes away before it has answered. Whatever is
/// asked prints only when it knows everything.
async fn patiently(mut client: Client, mut ask: impl AsyncFnMut(&Client) -> Outcome) -> Outcome {
    loop {
        match ask(&client).await {
            Err(Failure::Lost(cause)) => next_manager(&mut client, cause).await?,
            outcome => return outcome,
        }
    }
}

/// The manager that works on unit files; none where it is to be done here: because directories were
/// named, or because no runnerd runs where none is asked for by its place.
async fn who_does_it(
    direct: &DirectArgs,
    place: &Place,
    terminal: &mut Terminal,
) -> Result<Option<Client>, Failure> {
    if !direct.unit_dir.is_empty() {
        return Ok(None);
    }
    match place.socket() {
        Err(Silence::Nobody { .. }) if place.told.is_none() => {
            terminal.remark("no runnerd answers: this is about the files themselves");
            Ok(None)
        }
        Err(silence @ Silence::Nobody { .. }) => Err(Failure::because(silence.to_string())
            .with_hint("--unit-dir works on files without a runnerd")),
        _ => connect(place).await.map(Some),
    }
}

/// A connection to the manager that is meant.
async fn connect(place: &Place) -> Result<Client, Failure> {
    let silent = |silence: Silence| Failure::because(silence.to_string()).with_hint(silence.hint());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let socket = place.socket().map_err(silent)?;
        match Client::connect(socket).await {
            Ok(client) => return Ok(client),
            // It took the connection and went away: the next one is on its way.
            Err(Error::Connect { error, .. })
                if error.kind() != io::ErrorKind::TimedOut && Instant::now() < deadline =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
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
///
/// # Errors
/// [`Failure::NoMatch`] where something was named and nothing matches.
async fn expand(client: &Client, units: &[UnitArg]) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> = Vec::new();
    for unit in units {
        let found = if unit.is_pattern() {
            let lines = client.list_units(&[], &[unit.as_str().to_owned()]).await?;
            lines.into_iter().map(|line| line.name).collect()
        } else {
            vec![unit.as_str().to_owned()]
        };
        for name in found {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.is_empty() && !units.is_empty() {
        let patterns: Vec<&str> = units.iter().map(UnitArg::as_str).collect();
        return Err(Failure::NoMatch(patterns.join(", ")));
    }
    Ok(names)
}

impl UnitsArgs {
    /// See [`expand`].
    async fn names(&self, client: &Client) -> Result<Vec<String>, Failure> {
        expand(client, &self.units).await
    }
}
