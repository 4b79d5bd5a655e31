//! `wait`: until units are what a script needs them to be.

use std::time::Duration;

use dbus::client::{Change, Changes, Client, Error};
use serde_json::json;

use super::{expand, next_manager};
use crate::cli::{Awaited, IsReadyArgs, WaitArgs};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::terminal::Terminal;

/// How far a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// As wished.
    There,
    /// It may still get there.
    OnTheWay,
    /// It failed, and nothing is going to be tried any more.
    Never,
}

/// What of a unit's state decides.
struct Seen<'a> {
    active: &'a str,
    has_job: bool,
}

fn progress(awaited: Awaited, seen: &Seen<'_>) -> Progress {
    let up = matches!(seen.active, "active" | "reloading");
    let there = match awaited {
        Awaited::Active => up,
        Awaited::Ready => up && !seen.has_job,
        Awaited::Inactive => matches!(seen.active, "inactive" | "failed"),
    };
    match () {
        () if there => Progress::There,
        () if seen.active == "failed" && !seen.has_job => Progress::Never,
        () => Progress::OnTheWay,
    }
}

/// `wait`
pub(super) async fn wait(client: &mut Client, terminal: &mut Terminal, args: &WaitArgs) -> Outcome {
    let units = args.units.names(client).await?;
    let all = async {
        let mut changes = client.changes().await?;
        for unit in &units {
            one(client, &mut changes, unit, args.awaited).await?;
        }
        Ok(Exit::Done)
    };
    let outcome = match args.timeout.as_duration() {
        None => all.await,
        Some(timeout) => within(timeout, all).await,
    };
    if terminal.json() && outcome.is_ok() {
        terminal.value(&json!({ "units": units }))?;
    }
    outcome
}

/// `is-ready`
pub(super) async fn is_ready(
    client: &mut Client,
    terminal: &mut Terminal,
    args: &IsReadyArgs,
) -> Outcome {
    let units = expand(client, &args.units.units).await?;
    let all = async {
        if !args.wait {
            return loop {
                match obstacle(client, &units).await {
                    Ok(found) => break Ok(found),
                    Err(Looked::Lost(cause)) => next_manager(client, cause).await?,
                    Err(Looked::Failed(failure)) => break Err(failure),
                }
            };
        }
        // Before the first look, so that no change is missed.
        let mut changes = client.changes().await?;
        loop {
            let lost = match obstacle(client, &units).await {
                Ok(None) => return Ok(None),
                Ok(Some(_)) => match changes.next().await {
                    Ok(_) => continue,
                    Err(Error::Lost(cause)) => cause,
                    Err(error) => return Err(error.into()),
                },
                Err(Looked::Lost(cause)) => cause,
                Err(Looked::Failed(failure)) => return Err(failure),
            };
            changes = again(client, lost).await?;
        }
    };
    let found = match args.timeout.as_duration() {
        Some(timeout) => match tokio::time::timeout(timeout, all).await {
            Ok(found) => found?,
            Err(_) => return Err(Failure::new(Exit::TimedOut, "the time is over")),
        },
        None => all.await?,
    };
    if terminal.json() {
        terminal.value(&json!({ "ready": found.is_none(), "reason": found }))?;
        return match found {
            None => Ok(Exit::Done),
            Some(_) => Err(Failure::Told(Exit::Failed)),
        };
    }
    match found {
        None => Ok(Exit::Done),
        Some(why) => Err(Failure::because(format!("not ready: {why}"))),
    }
}

/// Why these units, or what starts at boot, are not all up.
async fn obstacle(client: &Client, units: &[String]) -> Result<Option<String>, Looked> {
    if units.is_empty() {
        let properties = client.properties().await.map_err(|error| match error {
            Error::Lost(cause) => Looked::Lost(cause),
            error => Looked::Failed(error.into()),
        })?;
        let why = properties.text("NotReady");
        return Ok((!why.is_empty()).then(|| why.to_owned()));
    }
    for unit in units {
        match look(client, unit, Awaited::Ready).await? {
            Progress::There => {}
            Progress::OnTheWay => return Ok(Some(format!("{unit} is not up"))),
            Progress::Never => return Ok(Some(format!("{unit} has failed"))),
        }
    }
    Ok(None)
}

async fn within(timeout: Duration, all: impl Future<Output = Outcome>) -> Outcome {
    match tokio::time::timeout(timeout, all).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::new(Exit::TimedOut, "the time is over")),
    }
}

/// Waits for one unit. Those after it may change meanwhile: each is looked at when its turn comes,
/// and what is looked at is the present state, so no change can be missed.
async fn one(
    client: &mut Client,
    changes: &mut Changes,
    unit: &str,
    awaited: Awaited,
) -> Result<(), Failure> {
    loop {
        match look(client, unit, awaited).await {
            Ok(Progress::There) => return Ok(()),
            Ok(Progress::Never) => {
                return Err(Failure::because(format!("{unit} has failed"))
                    .with_hint(format!("see `runnerctl status {unit}`")));
            }
            Ok(Progress::OnTheWay) => match next(changes, unit).await {
                Ok(()) => {}
                Err(Error::Lost(cause)) => *changes = again(client, cause).await?,
                Err(error) => return Err(error.into()),
            },
            Err(Looked::Lost(cause)) => *changes = again(client, cause).await?,
            Err(Looked::Failed(failure)) => return Err(failure),
        }
    }
}

/// Why a unit could not be looked at.
enum Looked {
    Lost(String),
    Failed(Failure),
}

async fn look(client: &Client, unit: &str, awaited: Awaited) -> Result<Progress, Looked> {
    let properties = match client.unit(unit).await {
        Ok(properties) => properties,
        Err(Error::Lost(cause)) => return Err(Looked::Lost(cause)),
        Err(error) => return Err(Looked::Failed(error.into())),
    };
    if properties.text("LoadState") == "not-found" && properties.text("ActiveState") == "inactive" {
        let failure = Failure::new(Exit::NoSuchUnit, format!("there is no unit {unit}"));
        return Err(Looked::Failed(failure));
    }
    let seen = Seen {
        active: properties.text("ActiveState"),
        has_job: super::status::job_of(&properties).is_some(),
    };
    Ok(progress(awaited, &seen))
}

/// Waits for a change that may concern `unit`.
async fn next(changes: &mut Changes, unit: &str) -> Result<(), Error> {
    loop {
        let concerns = match changes.next().await? {
            Change::Moved(moved) => moved.unit == unit,
            Change::Properties(changed)
            | Change::JobNew(_, changed)
            | Change::JobRemoved(_, changed, _)
            | Change::UnitNew(changed)
            | Change::UnitRemoved(changed) => changed == unit,
            Change::Reloading(_) | Change::StartupFinished => true,
        };
        if concerns {
            return Ok(());
        }
    }
}

/// The changes of the manager that came after the one that has gone.
async fn again(client: &mut Client, cause: String) -> Result<Changes, Failure> {
    next_manager(client, cause).await?;
    Ok(client.changes().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts() {
        use Awaited::{Active, Inactive, Ready};
        use Progress::{Never, OnTheWay, There};
        for (awaited, active, has_job, expected) in [
            (Active, "active", true, There),
            (Ready, "active", true, OnTheWay),
            (Ready, "active", false, There),
            (Ready, "reloading", false, There),
            (Ready, "activating", false, OnTheWay),
            (Ready, "failed", true, OnTheWay),
            (Ready, "failed", false, Never),
            (Ready, "inactive", false, OnTheWay),
            (Inactive, "failed", false, There),
            (Inactive, "active", false, OnTheWay),
        ] {
            assert_eq!(
                progress(awaited, &Seen { active, has_job }),
                expected,
                "{awaited:?} {active}"
            );
        }
    }
}
