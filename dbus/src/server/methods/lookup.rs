//! Units by what is known of them instead of their name: a process, a run, a control group.

use ::units::UnitName;
use control::{Reply, Request, Selection};

use super::{object, unit_detail, units};
use crate::error::Kind;
use crate::server::call::{Call, Outcome, strange};
use crate::server::refusal::Failure;

fn found(call: &Call, unit: &UnitName) -> Outcome {
    call.reply(&object(call.face.unit_path(unit.as_str())))
}

/// The unit a process belongs to.
async fn of_process(call: &Call, pid: u32) -> Result<UnitName, Failure> {
    let unit = match call.ask(Request::UnitOf { pid }).await? {
        Reply::UnitOf(unit) => unit,
        other => return Err(strange(&other)),
    };
    unit.ok_or_else(|| {
        let message = format!("process {pid} belongs to no unit");
        Failure::new(Kind::NoUnitForPid, message)
            .on_systemd(format!("PID {pid} does not belong to any loaded unit."))
    })
}

/// The unit the caller belongs to.
pub(super) async fn own(call: &Call) -> Result<UnitName, Failure> {
    match call.caller.pid {
        Some(pid) => of_process(call, pid).await,
        None => Err(Failure::new(
            Kind::NoUnitForPid,
            "the caller is in another pid namespace and has no pid here",
        )),
    }
}

pub(super) async fn by_pid(call: Call) -> Outcome {
    let pid: u32 = call.arguments()?;
    let unit = match pid {
        0 => own(&call).await?,
        pid => of_process(&call, pid).await?,
    };
    found(&call, &unit)
}

/// The unit whose current or last run has this number.
pub(super) async fn of_run(call: &Call, run: u128) -> Result<UnitName, Failure> {
    let all = units(call, Selection::default()).await?;
    let unit = all.into_iter().find(|view| view.invocation.0 == run);
    unit.map(|view| view.name).ok_or_else(|| {
        let message = format!("no unit had the run {run:032x}");
        Failure::new(Kind::NoUnitForInvocationId, message).on_systemd(format!(
            "No unit with the specified invocation ID {run:032x} known."
        ))
    })
}

pub(super) async fn by_invocation_id(call: Call) -> Outcome {
    let bytes: Vec<u8> = call.arguments()?;
    let unit = match <[u8; 16]>::try_from(bytes.as_slice()) {
        _ if bytes.is_empty() => own(&call).await?,
        Ok(bytes) if bytes != [0; 16] => of_run(&call, u128::from_be_bytes(bytes)).await?,
        _ => {
            let message = "an invocation id has 16 bytes, not all of them zero";
            return Err(Failure::new(Kind::InvalidArgs, message));
        }
    };
    found(&call, &unit)
}

pub(super) async fn by_control_group(call: Call) -> Outcome {
    let wanted: String = call.arguments()?;
    for view in units(&call, Selection::default()).await? {
        let detail = unit_detail(&call, view.name).await?;
        let below = detail
            .control_group
            .as_deref()
            .and_then(|group| wanted.strip_prefix(group));
        // A unit may have groups of its own below.
        if below.is_some_and(|below| below.is_empty() || below.starts_with('/')) {
            return found(&call, &detail.view.name);
        }
    }
    let message = format!("no unit has the control group {wanted}");
    Err(Failure::new(Kind::NoSuchUnit, message).on_systemd(format!(
        "Control group '{wanted}' is not valid or not managed by this instance"
    )))
}
