//! The method table: one row per method, and everything about it. Dispatch, introspection and the
//! man page come from it.

mod install;
mod jobs;
mod lookup;
mod manager;
mod systemd;
mod transient;
mod units;

use ::units::UnitName;
use control::words::load_state;
use control::{Command, Refusal, Reply, Request, Standing, Word};
use engine::command::Verb;
use zbus::OwnedObjectPath;

pub(super) use self::jobs::{job_state, jobs};
pub(super) use self::units::{unit_detail, units};

use super::call::{Boxed, Call, Done, Hold, Outcome, strange};
use super::refusal::Failure;
use crate::error::Kind;
use crate::names::interface::{JOB, MANAGER, UNIT};
use crate::names::{Face, Object};

/// One row.
#[derive(Debug)]
pub struct Method {
    /// The interface it belongs to.
    pub interface: &'static str,
    /// Its name; systemd's where it means the same.
    pub name: &'static str,
    /// Arguments, in order.
    pub inputs: &'static [Argument],
    /// What the reply holds, in order.
    pub outputs: &'static [Argument],
    /// What it does: sentences, the last one without a final period.
    pub doc: &'static str,
    pub(super) run: Run,
}

/// An argument of a method or signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// Its D-Bus type.
    pub signature: &'static str,
}

/// How a method is carried out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Run {
    /// By asking the manager.
    Ask(fn(Call) -> Boxed<Outcome>),
    /// By the connection itself: it wants signals.
    Subscribe,
    /// By the connection itself: it wants none any more.
    Unsubscribe,
    /// By the connection itself: it holds on to a unit.
    Ref,
    /// By the connection itself: it holds on to it no more.
    Unref,
}

/// Finds a method; without an interface the first of that name among `interfaces`.
pub(super) fn find(
    face: Face,
    interfaces: &[&str],
    interface: Option<&str>,
    name: &str,
) -> Option<&'static Method> {
    all(face).find(|method| {
        method.name == name
            && match interface {
                Some(interface) => method.interface == interface,
                None => interfaces.contains(&method.interface),
            }
    })
}

/// The methods of a face: on systemd's, what systemd does not know is left out, and what only
/// systemd does is there.
fn all(face: Face) -> impl Iterator<Item = &'static Method> {
    let more = match face {
        Face::Runner => &[],
        Face::Systemd => systemd::METHODS,
    };
    METHODS
        .iter()
        .filter(move |method| face == Face::Runner || systemd::knows(method))
        .chain(more)
}

/// The methods of an interface as a face has them.
pub(super) fn on(face: Face, interface: &str) -> impl Iterator<Item = &'static Method> {
    all(face).filter(move |method| method.interface == interface)
}

/// The methods of an interface of ours.
pub fn of_interface(interface: &str) -> impl Iterator<Item = &'static Method> {
    METHODS
        .iter()
        .filter(move |method| method.interface == interface)
}

macro_rules! arguments {
    ($($name:literal: $signature:literal),*) => {
        &[$(Argument { name: $name, signature: $signature }),*]
    };
}
pub(super) use arguments;

macro_rules! methods {
    ($(#[doc = $about:literal])* $visibility:vis $table:ident; $($interface:ident . $name:literal ($($in:literal: $in_type:literal),*)
        -> ($($out:literal: $out_type:literal),*) = $run:expr; $doc:expr;)+) => {
        $(#[doc = $about])*
        $visibility static $table: &[Method] = &[$(Method {
            interface: $interface,
            name: $name,
            inputs: arguments!($($in: $in_type),*),
            outputs: arguments!($($out: $out_type),*),
            doc: $doc,
            run: $run,
        }),+];
    };
}

/// A row's function, boxed.
macro_rules! ask {
    ($run:expr) => {
        Run::Ask(|call| Box::pin($run(call)))
    };
}

pub(super) use {ask, methods};

macro_rules! submit {
    ($verb:ident) => {
        Run::Ask(|call| Box::pin(jobs::submit_named(call, Verb::$verb)))
    };
}

macro_rules! submit_own {
    ($verb:ident) => {
        Run::Ask(|call| Box::pin(jobs::submit_own(call, Verb::$verb)))
    };
}

methods! {
    /// Every method of ours, in the order it is documented.
    pub METHODS;
    MANAGER."EnqueueJob"("unit": "s", "verb": "s", "mode": "s", "token": "s")
        -> ("job": "u", "path": "o") = ask!(jobs::enqueue_job);
        "Queues a job and gives its number and object. `verb` is start, stop, restart, \
         try-restart, reload, reload-or-restart or try-reload-or-restart; `mode` is replace, fail, \
         replace-irreversibly, isolate, flush, triggering, restart-dependencies, \
         ignore-dependencies or ignore-requirements. The same `token` again \
         gives the same job, so a client that lost its connection can ask again; an empty one \
         stands for none";
    MANAGER."AwaitJob"("job": "u") -> ("result": "s") = ask!(jobs::await_job);
        "Waits until a job has ended and gives its result: done, canceled, timeout, failed, \
         dependency, skipped, assert or invalid. Works for a minute after its end, too";
    MANAGER."CancelJob"("job": "u") -> () = ask!(jobs::cancel_named_job);
        "Takes a job back";
    MANAGER."ClearJobs"() -> () = ask!(jobs::clear_jobs);
        "Takes all jobs back that may be";
    MANAGER."ListJobs"() -> ("jobs": "a(usssoo)") = ask!(jobs::list_jobs);
        "All queued and running jobs: number, unit, type, state (waiting or running), object of \
         the job, object of the unit";
    MANAGER."GetJob"("job": "u") -> ("path": "o") = ask!(jobs::get_job);
        "The object of a queued or running job";

    MANAGER."StartUnit"("name": "s", "mode": "s") -> ("job": "o") = submit!(Start);
        "Queues a start job";
    MANAGER."StopUnit"("name": "s", "mode": "s") -> ("job": "o") = submit!(Stop);
        "Queues a stop job";
    MANAGER."RestartUnit"("name": "s", "mode": "s") -> ("job": "o") = submit!(Restart);
        "Queues a restart job; a unit that does not run is started";
    MANAGER."StartTransientUnit"("name": "s", "mode": "s", "properties": "a(sv)",
            "aux": "a(sa(sv))") -> ("job": "o") = ask!(transient::start);
        "Defines a unit that is in no file, and others that go with it (`aux`), and queues its start \
         job. Properties are settings, by systemd's names and types; a text is what a unit file \
         would say. StandardInputFileDescriptor, StandardOutputFileDescriptor and \
         StandardErrorFileDescriptor (h) hand descriptors over. The unit is forgotten once it is \
         down, after a failure once that is forgotten";
    MANAGER."AwaitUnit"("name": "s") -> ("result": "s", "code": "i", "status": "i", "began": "t",
            "ended": "t", "failure": "s") = ask!(transient::await_end);
        "Waits until a unit is down and has no job, and tells how it ended: systemd's result, code \
         (1 exited, 2 killed, 3 dumped, 0 there was no process) and status of its main process, when \
         that began and ended, and a sentence. For a transient unit that is gone, too, for a minute";
    MANAGER."TryRestartUnit"("name": "s", "mode": "s") -> ("job": "o") = submit!(TryRestart);
        "Queues a restart job if the unit runs";
    MANAGER."ReloadUnit"("name": "s", "mode": "s") -> ("job": "o") = submit!(Reload);
        "Queues a reload job: the service reads its own configuration again";
    MANAGER."ReloadOrRestartUnit"("name": "s", "mode": "s") -> ("job": "o")
        = submit!(ReloadOrRestart);
        "Queues a reload job if the unit can reload, else a restart job";
    MANAGER."ReloadOrTryRestartUnit"("name": "s", "mode": "s") -> ("job": "o")
        = submit!(TryReloadOrRestart);
        "As ReloadOrRestartUnit, but only if the unit runs";
    MANAGER."KillUnit"("name": "s", "whom": "s", "signal": "i") -> () = ask!(units::kill_named_unit);
        "Sends a signal to processes of a unit: all, main or control";
    MANAGER."CleanUnit"("name": "s", "mask": "as") -> () = ask!(units::clean_named);
        "Takes directories of a unit away that is down, those of these kinds: runtime, state, cache, \
         logs, configuration, or all";
    MANAGER."FreezeUnit"("name": "s") -> () = ask!(units::freeze_named);
        "Keeps all processes of a service from running; answered when they stand still";
    MANAGER."ThawUnit"("name": "s") -> () = ask!(units::thaw_named);
        "Lets them go on";
    MANAGER."ResetFailedUnit"("name": "s") -> () = ask!(units::reset_failed_named_unit);
        "Forgets failures and start limits of a unit";
    MANAGER."ResetFailed"() -> () = ask!(units::reset_failed);
        "Forgets failures and start limits of all units";

    MANAGER."GetUnit"("name": "s") -> ("unit": "o") = ask!(units::get_unit);
        "The object of a loaded unit";
    MANAGER."GetUnitByPID"("pid": "u") -> ("unit": "o") = ask!(lookup::by_pid);
        "The object of the unit a process belongs to; 0 stands for the caller";
    MANAGER."GetUnitByInvocationID"("id": "ay") -> ("unit": "o") = ask!(lookup::by_invocation_id);
        "The object of the unit whose current or last run has this id; none stands for the caller's";
    MANAGER."GetUnitByControlGroup"("path": "s") -> ("unit": "o") = ask!(lookup::by_control_group);
        "The object of the unit that has a control group, or one above it";
    MANAGER."LoadUnit"("name": "s") -> ("unit": "o") = ask!(units::load_unit);
        "The object of a unit, loaded or not; its LoadState tells which";
    MANAGER."ListUnits"() -> ("units": "a(ssssssouso)") = ask!(units::list_units);
        "All loaded units: name, description, load state, active state, sub-state, an empty text, \
         object, number, type and object of its job";
    MANAGER."GetUnitProperties"("names": "as", "properties": "as") -> ("units": "a(sa{sv})")
        = ask!(units::get_unit_properties);
        "Properties of up to 1,000 units at once, of all their interfaces: these, or all where none is \
         named. One that a unit does not have, or the caller may not read, is left out";
    MANAGER."ListUnitsByPatterns"("states": "as", "patterns": "as")
        -> ("units": "a(ssssssouso)") = ask!(units::list_units_by_patterns);
        "As ListUnits, for units in one of the states (load, active or sub-state) whose name \
         matches one of the patterns; an empty list takes all";
    MANAGER."ListDependencies"("unit": "s", "direction": "s")
        -> ("tree": "a(ussb)") = ask!(units::list_dependencies);
        "A tree in preorder: depth, unit, active state, and whether the unit stands further up \
         with its own dependencies. The direction is requirements, reverse, after or before";
    MANAGER."ListSockets"() -> ("sockets": "a(sssass)") = ask!(units::list_sockets);
        "Every address of the loaded sockets: address, kind, socket unit, units it starts, active \
         state";
    MANAGER."Why"("name": "s") -> ("unit": "s", "chain": "a(stss)", "advice": "s") = ask!(units::why);
        "Why a unit is as it is, from what is seen back to who or what began it: unit, microseconds \
         since the epoch or 0, sort of fact (definition, state, waits, failure, limit, condition, \
         asked or not-asked), a sentence. And what to do next";
    MANAGER."GetUnitProcesses"("name": "s") -> ("processes": "a(sus)") = ask!(units::get_unit_processes);
        "The processes of a unit: cgroup, pid, command line";
    MANAGER."Cat"("unit": "s") -> ("files": "a(ss)") = ask!(units::cat);
        "The files of a unit, drop-ins last: path and text";
    MANAGER."ReadLog"("units": "as", "lines": "u", "follow": "b") -> ("pipe": "h")
        = ask!(units::read_log);
        "A pipe from which the last lines of each unit can be read, one JSON object for each, with \
         the members unit, source (out, error or manager), realtime_usec, pid and text. With \
         `follow` it goes on with new lines until this connection is closed";

    MANAGER."Reload"() -> () = ask!(manager::reload);
        "Reads all unit files again; answered when that is done. If a file is broken nothing is \
         applied and the error says which";
    MANAGER."ReloadUnits"("keep_going": "b") -> ("applied": "b", "diagnostics": "a(ssuusss)")
        = ask!(manager::reload_units);
        "Reads all unit files again and tells whether the new definitions are in force, with all \
         there is to say about the files: severity, path, line, column, message, hint, unit. With \
         `keep_going` broken files do not hold up the others, and their units keep the last good \
         definition";
    MANAGER."PreviewReload"() -> ("way": "s", "refused": "b",
            "units": "a(sssssa(sbsbssub))", "diagnostics": "a(ssuusss)")
        = ask!(manager::preview_reload);
        "Reads all unit files and tells what ReloadUnits would change, without changing anything: \
         whether it would be refused, the units that would be different, and all there is to say \
         about the files. Of each unit: name, load state now and afterwards, what becomes of it \
         (known, next-start, at-once, needs-restart, forgotten, runs-on, keeps-old, unusable or \
         masked), the group that is put in anew, and its settings: name, whether something was \
         written and what, whether something is written and what, file and line, and whether it \
         counts from the next start only. With a supervisord.conf the way is update instead of \
         reload: what supervisord's update would do, and units also starts, stops or restarts";
    MANAGER."GetUnitFileState"("file": "s") -> ("state": "s") = ask!(install::unit_file_state);
        "Whether a unit is enabled: enabled, enabled-runtime, linked, linked-runtime, alias, masked, \
         masked-runtime, static, indirect, disabled, generated, transient or bad, as its files are now";
    MANAGER."ListUnitFiles"() -> ("files": "a(ss)") = ask!(install::list_unit_files);
        "Every unit that a file defines: a path that ends in its name, and its state";
    MANAGER."ListUnitFilesByPatterns"("states": "as", "patterns": "as") -> ("files": "a(ss)")
        = ask!(install::list_unit_files_by_patterns);
        "As ListUnitFiles, for units in one of the states whose name matches one of the patterns; an \
         empty list takes all";
    MANAGER."DescribeUnitFiles"() -> ("files": "a(ssss)") = ask!(install::describe_unit_files);
        "Every unit that a file defines: its name, the file, its state, and whether a preset wants it \
         enabled or disabled, empty where there is nothing to enable";
    MANAGER."EnableUnitFiles"("files": "as", "runtime": "b", "force": "b")
        -> ("carries_install_info": "b", "changes": "a(sss)") = ask!(install::enable);
        "Lets units be started at boot, or with the units they name. Tells what was done: symlink, \
         unlink or write, the path, and where a link leads. Files are not read again: call Reload";
    MANAGER."DisableUnitFiles"("files": "as", "runtime": "b") -> ("changes": "a(sss)")
        = ask!(install::disable);
        "Undoes EnableUnitFiles";
    MANAGER."DisableUnitFilesWithFlagsAndInstallInfo"("files": "as", "flags": "t")
        -> ("carries_install_info": "b", "changes": "a(sss)") = ask!(install::disable_with_flags);
        "The same; flag 1 is what was enabled until the end only";
    MANAGER."ReenableUnitFiles"("files": "as", "runtime": "b", "force": "b")
        -> ("carries_install_info": "b", "changes": "a(sss)") = ask!(install::reenable);
        "Undoes EnableUnitFiles and does it again, by what the files say now";
    MANAGER."MaskUnitFiles"("files": "as", "runtime": "b", "force": "b") -> ("changes": "a(sss)")
        = ask!(install::mask);
        "Makes it impossible to start units";
    MANAGER."UnmaskUnitFiles"("files": "as", "runtime": "b") -> ("changes": "a(sss)")
        = ask!(install::unmask);
        "Undoes MaskUnitFiles";
    MANAGER."RevertUnitFiles"("files": "as") -> ("changes": "a(sss)") = ask!(install::revert);
        "Takes away drop-ins, masks, and files that stand before those of a package";
    MANAGER."AddDependencyUnitFiles"("files": "as", "target": "s", "type": "s", "runtime": "b",
            "force": "b") -> ("changes": "a(sss)") = ask!(install::add_dependency);
        "Lets a unit need these: Wants or Requires";
    MANAGER."GetUnitFileLinks"("name": "s", "runtime": "b") -> ("links": "as")
        = ask!(install::unit_file_links);
        "The links that DisableUnitFiles would take away";
    MANAGER."LinkUnitFiles"("files": "as", "runtime": "b", "force": "b") -> ("changes": "a(sss)")
        = ask!(install::link);
        "Makes unit files known that are not in the search path, by their absolute paths";
    MANAGER."GetDefaultTarget"() -> ("name": "s") = ask!(install::default_target);
        "The target that boot starts, unless runnerd was told of another";
    MANAGER."SetDefaultTarget"("name": "s", "force": "b") -> ("changes": "a(sss)")
        = ask!(install::set_default_target);
        "Lets the next boot start this target";
    MANAGER."SetUnitProperties"("name": "s", "runtime": "b", "properties": "a(sv)") -> ()
        = ask!(install::set_properties);
        "Sets settings of a unit, for good or until the end, by a drop-in for each. A text, or an \
         array of texts, is taken as a unit file of systemd's would have it; other types as systemd \
         has them for its properties. Files are read again, and what can be changed in a unit that \
         runs is";
    MANAGER."SetEnvironment"("assignments": "as") -> () = ask!(manager::set_environment);
        "Sets variables (NAME=value) of the environment that every program starts from: those that \
         are started from now on";
    MANAGER."UnsetEnvironment"("names": "as") -> () = ask!(manager::unset_environment);
        "Takes variables away from there: by name, or only where they have this value (NAME=value)";
    MANAGER."UnsetAndSetEnvironment"("names": "as", "assignments": "as") -> ()
        = ask!(manager::unset_and_set_environment);
        "Both, in this order and at once";
    MANAGER."Reexecute"() -> () = ask!(manager::reexecute);
        "Replaces the manager by a new process of the program on disk. Units do not notice. \
         Answered before it happens; then the connection ends";
    MANAGER."Exit"("status": "y") -> () = ask!(manager::exit);
        "Stops everything in order and ends the program with this exit status";
    MANAGER."Subscribe"() -> () = Run::Subscribe;
        "Sends signals over this connection. Not needed by clients that add match rules";
    MANAGER."Unsubscribe"() -> () = Run::Unsubscribe;
        "Undoes Subscribe";

    UNIT."Start"("mode": "s") -> ("job": "o") = submit_own!(Start);
        "As StartUnit of the manager";
    UNIT."Stop"("mode": "s") -> ("job": "o") = submit_own!(Stop);
        "As StopUnit of the manager";
    UNIT."Restart"("mode": "s") -> ("job": "o") = submit_own!(Restart);
        "As RestartUnit of the manager";
    UNIT."TryRestart"("mode": "s") -> ("job": "o") = submit_own!(TryRestart);
        "As TryRestartUnit of the manager";
    UNIT."Reload"("mode": "s") -> ("job": "o") = submit_own!(Reload);
        "As ReloadUnit of the manager";
    UNIT."ReloadOrRestart"("mode": "s") -> ("job": "o") = submit_own!(ReloadOrRestart);
        "As ReloadOrRestartUnit of the manager";
    UNIT."ReloadOrTryRestart"("mode": "s") -> ("job": "o") = submit_own!(TryReloadOrRestart);
        "As ReloadOrTryRestartUnit of the manager";
    UNIT."Kill"("whom": "s", "signal": "i") -> () = ask!(units::kill_own);
        "As KillUnit of the manager";
    UNIT."Clean"("mask": "as") -> () = ask!(units::clean_own);
        "As CleanUnit of the manager";
    UNIT."Freeze"() -> () = ask!(units::freeze_own);
        "As FreezeUnit of the manager";
    UNIT."Thaw"() -> () = ask!(units::thaw_own);
        "As ThawUnit of the manager";
    UNIT."ResetFailed"() -> () = ask!(units::reset_failed_own);
        "As ResetFailedUnit of the manager";

    JOB."Cancel"() -> () = ask!(jobs::cancel_own_job);
        "Takes the job back";
}

/// A command that is only done or refused.
async fn command(call: Call, command: Command) -> Outcome {
    match call.ask(Request::Command(command)).await? {
        Reply::Answer(_) => call.reply(&()),
        other => Err(strange(&other)),
    }
}

/// A unit name from a stranger.
fn unit_name(text: &str) -> Result<UnitName, Failure> {
    UnitName::parse(text).map_err(|problem| {
        Failure::new(
            Kind::InvalidArgs,
            format!("{text:?} is not a unit name: {problem}"),
        )
    })
}

/// Holds on to a unit, for a connection of a message bus: the request for it stands for as long as
/// the connection wants it to.
pub(super) async fn refer(call: Call) -> Outcome {
    let unit = referred_unit(&call)?;
    let request = Request::Command(Command::Hold { unit: unit.clone() });
    let permitted = call.permission(&request).await?;
    if permitted.is_none() && call.standing() < Standing::Administrator {
        let message = format!("uid {} may not hold on to units", call.caller.uid);
        return Err(Failure::new(Kind::AccessDenied, message));
    }
    if load_state(&unit_detail(&call, unit.clone()).await?.view) == "not-found" {
        return Err(Failure::from(Refusal::NoSuchUnit(unit)));
    }
    let done = call.reply(&())?;
    let standing = standing_hold(&call, unit.clone());
    let hold = Some(Hold { unit, standing });
    Ok(Done { hold, ..done })
}

/// The request that stands for a unit that is held on to.
fn standing_hold(call: &Call, unit: UnitName) -> Boxed<()> {
    let (handle, caller) = (call.handle.clone(), call.caller.clone());
    // Who was permitted to start a unit may hold on to it.
    let permitted = call.permitted.get().copied();
    let request = Request::Command(Command::Hold { unit });
    Box::pin(async move { drop(handle.ask_permitted(caller, request, permitted).await) })
}

/// The unit that the caller wants to hold on to: the one it names, or the object it speaks to.
pub(super) fn referred_unit(call: &Call) -> Result<UnitName, Failure> {
    match own_object(call) {
        Some(Object::Unit(_)) => {
            call.no_arguments()?;
            own_unit(call)
        }
        _ => unit_name(&call.arguments::<String>()?),
    }
}

fn own_object(call: &Call) -> Option<Object> {
    Object::at(call.face, call.message.header().path()?.as_str())
}

fn own_unit(call: &Call) -> Result<UnitName, Failure> {
    match own_object(call) {
        Some(Object::Unit(name)) => unit_name(&name),
        _ => Err(Failure::new(Kind::UnknownObject, "this is no unit")),
    }
}

fn word<W: Word>(what: &str, text: &str) -> Result<W, Failure> {
    W::of_word(text).ok_or_else(|| {
        let words: Vec<&str> = W::words().map(|(word, _)| word).collect();
        Failure::new(
            Kind::InvalidArgs,
            format!("{text:?} is not a {what} (one of: {})", words.join(", ")),
        )
    })
}

/// An object path of our own making, which is valid.
pub(super) fn object(path: String) -> OwnedObjectPath {
    zbus::ObjectPath::from_string_unchecked(path).into()
}
