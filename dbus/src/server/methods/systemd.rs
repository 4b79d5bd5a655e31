//! The methods as systemd 252 has them: which of ours it knows, and what only it does.

use std::sync::atomic::Ordering;

use ::units::UnitName;
use ::units::install::{How, Order, Preset};
use control::{Command, Reply, Request, Word};
use engine::command::Verb;
use engine::view::systemd::JobView;
use zbus::OwnedObjectPath;

use super::jobs::{self, jobs as all_jobs};
use super::{
    Argument, Method, Run, arguments, ask, command, install, methods, object, own_unit, unit_name,
    units, word,
};
use crate::error::Kind;
use crate::names::interface::{JOB, MANAGER, SCOPE, SERVICE, SLICE, SOCKET, UNIT};
use crate::server::call::{Call, Outcome, strange};
use crate::server::refusal::Failure;

/// Ours, which systemd does not know or knows with other arguments.
const OURS: &[&str] = &[
    "EnqueueJob",
    "AwaitJob",
    "AwaitUnit",
    "ListDependencies",
    "ListSockets",
    "GetUnitProperties",
    "Why",
    "Cat",
    "ReadLog",
    "ReloadUnits",
    "PreviewReload",
    "DescribeUnitFiles",
    "Exit",
];

/// Whether systemd has a method of this name and these arguments.
pub(super) fn knows(method: &Method) -> bool {
    !OURS.contains(&method.name)
}

/// As `methods!`, for rows that systemd documents.
macro_rules! as_systemd {
    ($($interface:ident . $name:literal ($($in:literal: $in_type:literal),*)
        -> ($($out:literal: $out_type:literal),*) = $run:expr;)+) => {
        methods! {
            /// What only systemd has, or has with other arguments.
            pub(super) METHODS;
            $($interface.$name($($in: $in_type),*) -> ($($out: $out_type),*) = $run;
                "As org.freedesktop.systemd1(5) has it";)+
        }
    };
}

/// A row for what cannot be done here.
macro_rules! refused {
    ($why:literal) => {
        Run::Ask(|_| Box::pin(async { Err(Failure::new(Kind::NotSupported, $why)) }))
    };
}

as_systemd! {
    MANAGER."EnqueueUnitJob"("name": "s", "type": "s", "mode": "s")
        -> ("job": "u", "path": "o", "unit": "s", "object": "o", "kind": "s",
            "affected": "a(uosos)") = ask!(enqueue_named);
    MANAGER."StartUnitWithFlags"("name": "s", "mode": "s", "flags": "t") -> ("job": "o")
        = ask!(start_with_flags);
    MANAGER."StartUnitReplace"("old": "s", "new": "s", "mode": "s") -> ("job": "o")
        = ask!(start_replace);
    MANAGER."ListUnitsFiltered"("states": "as") -> ("units": "a(ssssssouso)")
        = ask!(units::list_units_filtered);
    MANAGER."ListUnitsByNames"("names": "as") -> ("units": "a(ssssssouso)")
        = ask!(units::list_units_by_names);
    MANAGER."GetJobAfter"("job": "u") -> ("jobs": "a(usssoo)") = ask!(jobs::named_after);
    MANAGER."GetJobBefore"("job": "u") -> ("jobs": "a(usssoo)") = ask!(jobs::named_before);
    MANAGER."EnableUnitFilesWithFlags"("files": "as", "flags": "t")
        -> ("carries_install_info": "b", "changes": "a(sss)") = ask!(install::enable_with_flags);
    MANAGER."DisableUnitFilesWithFlags"("files": "as", "flags": "t") -> ("changes": "a(sss)")
        = ask!(install::disable_by_flags);
    MANAGER."PresetUnitFiles"("files": "as", "runtime": "b", "force": "b")
        -> ("carries_install_info": "b", "changes": "a(sss)") = ask!(preset);
    MANAGER."PresetUnitFilesWithMode"("files": "as", "mode": "s", "runtime": "b", "force": "b")
        -> ("carries_install_info": "b", "changes": "a(sss)") = ask!(preset_with_mode);
    MANAGER."PresetAllUnitFiles"("mode": "s", "runtime": "b", "force": "b")
        -> ("changes": "a(sss)") = ask!(preset_all);
    MANAGER."Exit"() -> () = Run::Ask(|call| {
        let status = call.exit_status.load(Ordering::Relaxed);
        Box::pin(end(call, status))
    });
    MANAGER."SetExitCode"("number": "y") -> () = ask!(set_exit_code);
    MANAGER."PowerOff"() -> () = Run::Ask(|call| Box::pin(end(call, 0)));
    MANAGER."Halt"() -> () = Run::Ask(|call| Box::pin(end(call, 0)));
    MANAGER."Reboot"() -> () = Run::Ask(|call| Box::pin(end(call, STARTS_ANEW)));
    MANAGER."Dump"() -> ("output": "s") = ask!(dump);
    MANAGER."DumpUnitsMatchingPatterns"("patterns": "as") -> ("output": "s") = ask!(dump_matching);

    MANAGER."RefUnit"("name": "s") -> () = Run::Ref;
    MANAGER."UnrefUnit"("name": "s") -> () = Run::Unref;
    MANAGER."BindMountUnit"("name": "s", "source": "s", "destination": "s", "read_only": "b",
            "mkdir": "b") -> () = refused!("nothing is mounted into the view of a running unit");
    MANAGER."MountImageUnit"("name": "s", "source": "s", "destination": "s", "read_only": "b",
            "mkdir": "b", "options": "a(ss)") -> ()
        = refused!("nothing is mounted into the view of a running unit");
    MANAGER."AttachProcessesToUnit"("name": "s", "subgroup": "s", "pids": "au") -> ()
        = refused!("only processes that units have started belong to them");
    MANAGER."AbandonScope"("name": "s") -> () = ask!(units::abandon_named);
    MANAGER."KExec"() -> () = refused!("no kernel can be started from here");
    MANAGER."SwitchRoot"("root": "s", "init": "s") -> () = refused!("the root file system stays");
    MANAGER."SetShowStatus"("mode": "s") -> () = refused!("no status is shown on a console");
    MANAGER."EnqueueMarkedJobs"() -> ("jobs": "ao") = refused!("units cannot be marked");
    MANAGER."LookupDynamicUserByName"("name": "s") -> ("uid": "u") = refused!("no users are allocated");
    MANAGER."LookupDynamicUserByUID"("uid": "u") -> ("name": "s") = refused!("no users are allocated");

    UNIT."EnqueueJob"("type": "s", "mode": "s")
        -> ("job": "u", "path": "o", "unit": "s", "object": "o", "kind": "s",
            "affected": "a(uosos)") = ask!(enqueue_own);
    UNIT."SetProperties"("runtime": "b", "properties": "a(sv)") -> ()
        = ask!(install::set_own_properties);
    UNIT."Ref"() -> () = Run::Ref;
    UNIT."Unref"() -> () = Run::Unref;

    SERVICE."GetProcesses"() -> ("processes": "a(sus)") = ask!(units::own_processes);
    SOCKET."GetProcesses"() -> ("processes": "a(sus)") = ask!(units::own_processes);
    SLICE."GetProcesses"() -> ("processes": "a(sus)") = ask!(units::own_processes);
    SCOPE."GetProcesses"() -> ("processes": "a(sus)") = ask!(units::own_processes);
    SCOPE."Abandon"() -> () = ask!(units::abandon_own);

    JOB."GetAfter"() -> ("jobs": "a(usssoo)") = ask!(jobs::own_after);
    JOB."GetBefore"() -> ("jobs": "a(usssoo)") = ask!(jobs::own_before);
}

/// The exit status that tells whoever started us to start us again, as of `success-action = "reboot"`.
const STARTS_ANEW: u8 = 133;

async fn set_exit_code(call: Call) -> Outcome {
    let status = call.arguments()?;
    // systemctl asks for the end over the same connection.
    call.exit_status.store(status, Ordering::Relaxed);
    call.reply(&())
}

/// The exit status with which everything ends when this unit starts: one of systemd's targets by
/// which a machine ends, where no file says that something else happens then.
pub(super) async fn ending(call: &Call, unit: &UnitName) -> Result<Option<u8>, Failure> {
    let status = match unit.as_str() {
        "exit.target" => call.exit_status.load(Ordering::Relaxed),
        "poweroff.target" | "halt.target" => 0,
        "reboot.target" => STARTS_ANEW,
        _ => return Ok(None),
    };
    let detail = units::unit_detail(call, unit.clone()).await?;
    let definition = detail.view.definition.as_deref();
    let is_ours = definition.is_none_or(|definition| definition.origin().fragment.is_none());
    Ok(is_ours.then_some(status))
}

/// Ends everything, where the caller expects the object of a job. No job has this one: whoever ends
/// everything waits for nothing.
pub(super) async fn end_as_job(call: Call, status: u8) -> Outcome {
    command(call.clone(), Command::Shutdown { status }).await?;
    call.reply(&object(call.face.job_path(0)))
}

async fn end(call: Call, status: u8) -> Outcome {
    call.no_arguments()?;
    command(call, Command::Shutdown { status }).await
}

async fn start_with_flags(call: Call) -> Outcome {
    let (unit, mode, flags): (String, String, u64) = call.arguments()?;
    if flags != 0 {
        return Err(Failure::new(Kind::InvalidArgs, "no flag is known"));
    }
    let unit = unit_name(&unit)?;
    let job = jobs::submit(&call, unit.clone(), Verb::Start, &mode, None).await?;
    call.reply_job(job, unit)
}

/// Starts a unit in place of another one that is still to be started.
async fn start_replace(call: Call) -> Outcome {
    let (old, new, mode): (String, String, String) = call.arguments()?;
    let old = unit_name(&old)?;
    let waits = |job: &JobView| job.unit == old && job.kind == engine::job::JobKind::Start;
    if !all_jobs(&call).await?.iter().any(waits) {
        let message = format!("unit {old} has no start job");
        let failure = Failure::new(Kind::NoSuchJob, message);
        return Err(failure.on_systemd(format!("No job queued for unit {old}")));
    }
    let new = unit_name(&new)?;
    let job = jobs::submit(&call, new.clone(), Verb::Start, &mode, None).await?;
    call.reply_job(job, new)
}

async fn enqueue_named(call: Call) -> Outcome {
    let (unit, verb, mode): (String, String, String) = call.arguments()?;
    enqueue(&call, unit_name(&unit)?, &verb, &mode).await
}

async fn enqueue_own(call: Call) -> Outcome {
    let (verb, mode): (String, String) = call.arguments()?;
    enqueue(&call, own_unit(&call)?, &verb, &mode).await
}

/// Queues a job and tells which others it brought along: those that are there afterwards and were
/// not before.
async fn enqueue(call: &Call, unit: UnitName, verb: &str, mode: &str) -> Outcome {
    type Affected = (u32, OwnedObjectPath, String, OwnedObjectPath, String);
    let verb: Verb = word("verb", verb)?;
    let before = all_jobs(call).await?;
    let job = jobs::submit(call, unit.clone(), verb, mode, None).await?;
    let after = all_jobs(call).await?;
    let path = |job: &JobView| object(call.face.job_path(job.id.0));
    let unit_path = |unit: &UnitName| object(call.face.unit_path(unit.as_str()));
    let new = |job: &&JobView| !before.iter().any(|other| other.id == job.id);
    let affected: Vec<Affected> = after
        .iter()
        .filter(new)
        .filter(|other| other.id != job)
        .map(|job| {
            let kind = job.kind.word().to_owned();
            (
                job.id.0,
                path(job),
                job.unit.to_string(),
                unit_path(&job.unit),
                kind,
            )
        })
        .collect();
    // It may be done already.
    let kind = after.iter().find(|other| other.id == job);
    let kind = kind.map_or(verb.word(), |job| job.kind.word());
    let done = call.reply(&(
        job.0,
        object(call.face.job_path(job.0)),
        unit.as_str(),
        unit_path(&unit),
        kind,
        affected,
    ))?;
    Ok(done.with_job(job, unit))
}

/// Which of the presets are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mode {
    enable: bool,
    disable: bool,
}

impl Mode {
    /// Reads systemd's word; an empty one follows both.
    fn of(word: &str) -> Result<Mode, Failure> {
        let (enable, disable) = match word {
            "" | "full" => (true, true),
            "enable-only" => (true, false),
            "disable-only" => (false, true),
            other => {
                let message = format!("{other:?} is none of full, enable-only and disable-only");
                return Err(Failure::new(Kind::InvalidArgs, message));
            }
        };
        Ok(Mode { enable, disable })
    }
}

async fn preset(call: Call) -> Outcome {
    let (files, runtime, force): (Vec<String>, bool, bool) = call.arguments()?;
    preset_named(call, files, "", How { runtime, force }).await
}

async fn preset_with_mode(call: Call) -> Outcome {
    let (files, mode, runtime, force): (Vec<String>, String, bool, bool) = call.arguments()?;
    preset_named(call, files, &mode, How { runtime, force }).await
}

async fn preset_named(call: Call, files: Vec<String>, mode: &str, how: How) -> Outcome {
    let mode = Mode::of(mode)?;
    let mut presets = Vec::new();
    for unit in install::names_of(&files)? {
        match call.ask(Request::KnownUnitFile(unit.clone())).await? {
            Reply::KnownUnitFile(Some((_, preset))) => presets.push((unit, preset)),
            Reply::KnownUnitFile(None) => {
                let message = format!("unit {unit} has no file");
                let failure = Failure::new(Kind::NoSuchUnit, message);
                return Err(failure.on_systemd(format!("Unit file {unit} does not exist.")));
            }
            other => return Err(strange(&other)),
        }
    }
    let (has_info, changes) = follow(&call, presets, mode, how).await?;
    call.reply(&(has_info, changes))
}

async fn preset_all(call: Call) -> Outcome {
    let (mode, runtime, force): (String, bool, bool) = call.arguments()?;
    let mode = Mode::of(&mode)?;
    let lines = install::lines(&call).await?;
    let presets = lines.into_iter();
    let presets = presets.filter_map(|line| Some((line.name, line.preset?)));
    let (_, changes) = follow(&call, presets.collect(), mode, How { runtime, force }).await?;
    call.reply(&(changes,))
}

type Changes = Vec<(&'static str, String, String)>;

/// Enables and disables units as presets say.
async fn follow(
    call: &Call,
    presets: Vec<(UnitName, Preset)>,
    mode: Mode,
    how: How,
) -> Result<(bool, Changes), Failure> {
    let (enable, disable): (Vec<_>, Vec<_>) = presets
        .into_iter()
        .partition(|(_, preset)| preset.as_str() == "enabled");
    let names = |list: Vec<(UnitName, Preset)>| list.into_iter().map(|(unit, _)| unit).collect();
    let (enable, disable): (Vec<UnitName>, Vec<UnitName>) = (names(enable), names(disable));
    let runtime = how.runtime;
    let orders = [
        (mode.disable && !disable.is_empty()).then_some(Order::Disable {
            units: disable,
            runtime,
        }),
        (mode.enable && !enable.is_empty()).then_some(Order::Enable { units: enable, how }),
    ];
    let mut has_info = false;
    let mut changes = Vec::new();
    for order in orders.into_iter().flatten() {
        let installed = install::install(call, order).await?;
        has_info |= installed.has_install_info;
        changes.extend(installed.changes);
    }
    Ok((has_info, changes))
}

async fn dump(call: Call) -> Outcome {
    call.no_arguments()?;
    dumped(call, Vec::new()).await
}

async fn dump_matching(call: Call) -> Outcome {
    let patterns: Vec<String> = call.arguments()?;
    dumped(call, patterns).await
}

/// A few lines about each unit, and the jobs: for people.
async fn dumped(call: Call, patterns: Vec<String>) -> Outcome {
    let mut out = String::new();
    for view in units::chosen(&call, Vec::new(), patterns).await? {
        let description = view.definition.as_ref().map_or("", |d| d.description());
        out.push_str(&format!(
            "-> Unit {}:\n\tDescription: {}\n\tUnit Load State: {}\n\tUnit Active State: {}\n\
             \tUnit Sub State: {}\n",
            view.name,
            description.replace('\0', "\u{fffd}"),
            control::words::load_state(&view),
            view.active.word(),
            view.sub.word(),
        ));
    }
    for job in all_jobs(&call).await? {
        out.push_str(&format!(
            "-> Job {}:\n\tAction: {} -> {}\n\tState: {}\n",
            job.id.0,
            job.unit,
            job.kind.word(),
            jobs::job_state(job.running),
        ));
    }
    call.reply(&out)
}
