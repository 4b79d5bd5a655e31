//! The method table: one row per method, and everything about it. Dispatch, introspection and the
//! man page come from it.

use control::words::load_state;
use control::{Command, Direction, Reply, Request, Selection, UnitDetail, Word};
use engine::command::{Answer, Verb, Whom};
use engine::job::{JobId, JobKind, JobMode};
use engine::view::systemd::{JobView, UnitView};
use units::UnitName;
use units::value::Signal;
use zbus::OwnedObjectPath;

use super::call::{Boxed, Call, Outcome, strange};
use super::refusal::Failure;
use super::{diagnostics, log_pipe};
use crate::error::Kind;
use crate::names::interface::{JOB, MANAGER, UNIT};
use crate::names::{Object, job_path, unit_path};
use crate::wire;

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
}

/// Finds a method; with an empty interface the first of that name among `interfaces`.
pub(super) fn find(
    interfaces: &[&str],
    interface: Option<&str>,
    name: &str,
) -> Option<&'static Method> {
    let interface = interface.filter(|interface| !interface.is_empty());
    METHODS.iter().find(|method| {
        method.name == name
            && match interface {
                Some(interface) => method.interface == interface,
                None => interfaces.contains(&method.interface),
            }
    })
}

/// The methods of an interface.
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
    ($($interface:ident . $name:literal ($($in:literal: $in_type:literal),*)
        -> ($($out:literal: $out_type:literal),*) = $run:expr; $doc:expr;)+) => {
        /// Every method, in the order it is documented.
        pub static METHODS: &[Method] = &[$(Method {
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

macro_rules! submit {
    ($verb:ident) => {
        Run::Ask(|call| Box::pin(submit_named(call, Verb::$verb)))
    };
}

macro_rules! submit_own {
    ($verb:ident) => {
        Run::Ask(|call| Box::pin(submit_own(call, Verb::$verb)))
    };
}

methods! {
    MANAGER."EnqueueJob"("unit": "s", "verb": "s", "mode": "s", "token": "s")
        -> ("job": "u", "path": "o") = ask!(enqueue_job);
        "Queues a job and gives its number and object. `verb` is start, stop, restart, \
         try-restart, reload, reload-or-restart or try-reload-or-restart; `mode` is replace, fail, \
         replace-irreversibly, ignore-dependencies or ignore-requirements. The same `token` again \
         gives the same job, so a client that lost its connection can ask again; an empty one \
         stands for none";
    MANAGER."AwaitJob"("job": "u") -> ("result": "s") = ask!(await_job);
        "Waits until a job has ended and gives its result: done, canceled, timeout, failed, \
         dependency, skipped or invalid. Works for a minute after its end, too";
    MANAGER."CancelJob"("job": "u") -> () = ask!(cancel_named_job);
        "Takes a job back";
    MANAGER."ListJobs"() -> ("jobs": "a(usssoo)") = ask!(list_jobs);
        "All queued and running jobs: number, unit, type, state (waiting or running), object of \
         the job, object of the unit";
    MANAGER."GetJob"("job": "u") -> ("path": "o") = ask!(get_job);
        "The object of a queued or running job";

    MANAGER."StartUnit"("name": "s", "mode": "s") -> ("job": "o") = submit!(Start);
        "Queues a start job";
    MANAGER."StopUnit"("name": "s", "mode": "s") -> ("job": "o") = submit!(Stop);
        "Queues a stop job";
    MANAGER."RestartUnit"("name": "s", "mode": "s") -> ("job": "o") = submit!(Restart);
        "Queues a restart job; a unit that does not run is started";
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
    MANAGER."KillUnit"("name": "s", "whom": "s", "signal": "i") -> () = ask!(kill_named_unit);
        "Sends a signal to processes of a unit: all, main or control";
    MANAGER."ResetFailedUnit"("name": "s") -> () = ask!(reset_failed_named_unit);
        "Forgets failures and start limits of a unit";
    MANAGER."ResetFailed"() -> () = ask!(reset_failed);
        "Forgets failures and start limits of all units";

    MANAGER."GetUnit"("name": "s") -> ("unit": "o") = ask!(get_unit);
        "The object of a loaded unit";
    MANAGER."LoadUnit"("name": "s") -> ("unit": "o") = ask!(load_unit);
        "The object of a unit, loaded or not; its LoadState tells which";
    MANAGER."ListUnits"() -> ("units": "a(ssssssouso)") = ask!(list_units);
        "All loaded units: name, description, load state, active state, sub-state, an empty text, \
         object, number, type and object of its job";
    MANAGER."ListUnitsByPatterns"("states": "as", "patterns": "as")
        -> ("units": "a(ssssssouso)") = ask!(list_units_by_patterns);
        "As ListUnits, for units in one of the states (load, active or sub-state) whose name \
         matches one of the patterns; an empty list takes all";
    MANAGER."ListDependencies"("unit": "s", "direction": "s")
        -> ("tree": "a(ussb)") = ask!(list_dependencies);
        "A tree in preorder: depth, unit, active state, and whether the unit stands further up \
         with its own dependencies. The direction is requirements, reverse, after or before";
    MANAGER."ListSockets"() -> ("sockets": "a(sssass)") = ask!(list_sockets);
        "Every address of the loaded sockets: address, kind, socket unit, units it starts, active \
         state";
    MANAGER."GetUnitProcesses"("name": "s") -> ("processes": "a(sus)") = ask!(get_unit_processes);
        "The processes of a unit: cgroup, pid, command line";
    MANAGER."Cat"("unit": "s") -> ("files": "a(ss)") = ask!(cat);
        "The files of a unit, drop-ins last: path and text";
    MANAGER."ReadLog"("units": "as", "lines": "u", "follow": "b") -> ("pipe": "h")
        = ask!(read_log);
        "A pipe from which the last lines of each unit can be read, one JSON object for each, with \
         the members unit, source (out, error or manager), realtime_usec, pid and text. With \
         `follow` it goes on with new lines until this connection is closed";

    MANAGER."Reload"() -> () = ask!(reload);
        "Reads all unit files again; answered when that is done. If a file is broken nothing is \
         applied and the error says which";
    MANAGER."ReloadUnits"("keep_going": "b") -> ("applied": "b", "diagnostics": "a(ssuusss)")
        = ask!(reload_units);
        "Reads all unit files again and tells whether the new definitions are in force, with all \
         there is to say about the files: severity, path, line, column, message, hint, unit. With \
         `keep_going` broken files do not hold up the others, and their units keep the last good \
         definition";
    MANAGER."Reexecute"() -> () = ask!(reexecute);
        "Replaces the manager by a new process of the program on disk. Units do not notice. \
         Answered before it happens; then the connection ends";
    MANAGER."Exit"("status": "y") -> () = ask!(exit);
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
    UNIT."Kill"("whom": "s", "signal": "i") -> () = ask!(kill_own);
        "As KillUnit of the manager";
    UNIT."ResetFailed"() -> () = ask!(reset_failed_own);
        "As ResetFailedUnit of the manager";

    JOB."Cancel"() -> () = ask!(cancel_own_job);
        "Takes the job back";
}

async fn enqueue_job(call: Call) -> Outcome {
    let (unit, verb, mode, token): (String, String, String, String) = call.arguments()?;
    let token = (!token.is_empty()).then_some(token);
    let job = submit(&call, unit_name(&unit)?, word("verb", &verb)?, &mode, token).await?;
    call.reply(&(job.0, object(job_path(job.0))))
}

async fn submit_named(call: Call, verb: Verb) -> Outcome {
    let (unit, mode): (String, String) = call.arguments()?;
    let job = submit(&call, unit_name(&unit)?, verb, &mode, None).await?;
    call.reply(&object(job_path(job.0)))
}

async fn submit_own(call: Call, verb: Verb) -> Outcome {
    let mode: String = call.arguments()?;
    let job = submit(&call, own_unit(&call)?, verb, &mode, None).await?;
    call.reply(&object(job_path(job.0)))
}

async fn submit(
    call: &Call,
    unit: UnitName,
    verb: Verb,
    mode: &str,
    token: Option<String>,
) -> Result<JobId, Failure> {
    let mode: JobMode = word("job mode", mode)?;
    match call
        .ask(Request::Command(Command::Submit {
            unit,
            verb,
            mode,
            token,
        }))
        .await?
    {
        Reply::Answer(Answer::Job(job)) => Ok(job),
        other => Err(strange(&other)),
    }
}

async fn await_job(call: Call) -> Outcome {
    let job = JobId(call.arguments()?);
    match call
        .ask(Request::Command(Command::AwaitJob { job }))
        .await?
    {
        Reply::Answer(Answer::Ended(result)) => call.reply(&result.word()),
        other => Err(strange(&other)),
    }
}

/// A command that is only done or refused.
async fn command(call: Call, command: Command) -> Outcome {
    match call.ask(Request::Command(command)).await? {
        Reply::Answer(_) => call.reply(&()),
        other => Err(strange(&other)),
    }
}

async fn cancel_named_job(call: Call) -> Outcome {
    let job = JobId(call.arguments()?);
    command(call, Command::CancelJob { job }).await
}

async fn cancel_own_job(call: Call) -> Outcome {
    no_arguments(&call)?;
    match own_object(&call) {
        Some(Object::Job(job)) => command(call, Command::CancelJob { job: JobId(job) }).await,
        _ => Err(Failure::new(Kind::UnknownObject, "this is no job")),
    }
}

async fn kill_named_unit(call: Call) -> Outcome {
    let (unit, whom, signal): (String, String, i32) = call.arguments()?;
    let unit = unit_name(&unit)?;
    kill(call, unit, &whom, signal).await
}

async fn kill_own(call: Call) -> Outcome {
    let (whom, signal): (String, i32) = call.arguments()?;
    let unit = own_unit(&call)?;
    kill(call, unit, &whom, signal).await
}

async fn kill(call: Call, unit: UnitName, whom: &str, signal: i32) -> Outcome {
    // An empty word means all, as it does to systemd.
    let whom: Whom = if whom.is_empty() {
        Whom::All
    } else {
        word("process selection", whom)?
    };
    let signal = Signal::from_number(signal).ok_or_else(|| {
        Failure::new(
            Kind::InvalidArgs,
            format!("{signal} is not a signal number from 1 to 64"),
        )
    })?;
    command(call, Command::Kill { unit, whom, signal }).await
}

async fn reset_failed(call: Call) -> Outcome {
    no_arguments(&call)?;
    command(call, Command::ResetFailed { unit: None }).await
}

async fn reset_failed_named_unit(call: Call) -> Outcome {
    let unit = Some(unit_name(&call.arguments::<String>()?)?);
    command(call, Command::ResetFailed { unit }).await
}

async fn reset_failed_own(call: Call) -> Outcome {
    no_arguments(&call)?;
    let unit = Some(own_unit(&call)?);
    command(call, Command::ResetFailed { unit }).await
}

async fn list_jobs(call: Call) -> Outcome {
    no_arguments(&call)?;
    let lines: Vec<wire::JobLine> = jobs(&call).await?.iter().map(job_line).collect();
    call.reply(&(lines,))
}

async fn get_job(call: Call) -> Outcome {
    let id: u32 = call.arguments()?;
    match jobs(&call).await?.iter().any(|job| job.id.0 == id) {
        true => call.reply(&object(job_path(id))),
        false => Err(Failure::new(Kind::NoSuchJob, format!("no job {id}"))),
    }
}

/// All jobs.
pub(super) async fn jobs(call: &Call) -> Result<Vec<JobView>, Failure> {
    match call.ask(Request::Jobs).await? {
        Reply::Jobs(jobs) => Ok(jobs),
        other => Err(strange(&other)),
    }
}

fn job_line(job: &JobView) -> wire::JobLine {
    wire::JobLine {
        id: job.id.0,
        unit: job.unit.to_string(),
        kind: job.kind.word().to_owned(),
        state: job_state(job.running).to_owned(),
        path: object(job_path(job.id.0)),
        unit_path: object(unit_path(job.unit.as_str())),
    }
}

/// systemd's words for the two states of a job.
pub(super) fn job_state(running: bool) -> &'static str {
    if running { "running" } else { "waiting" }
}

async fn get_unit(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    if unit_detail(&call, unit.clone())
        .await?
        .view
        .definition
        .is_none()
    {
        return Err(Failure::new(
            Kind::NoSuchUnit,
            format!("unit {unit} not loaded"),
        ));
    }
    call.reply(&object(unit_path(unit.as_str())))
}

async fn load_unit(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    call.reply(&object(unit_path(unit.as_str())))
}

/// One unit.
pub(super) async fn unit_detail(call: &Call, unit: UnitName) -> Result<UnitDetail, Failure> {
    match call.ask(Request::Unit(unit)).await? {
        Reply::Unit(detail) => Ok(*detail),
        other => Err(strange(&other)),
    }
}

async fn list_units(call: Call) -> Outcome {
    no_arguments(&call)?;
    units_reply(call, Selection::default()).await
}

async fn list_units_by_patterns(call: Call) -> Outcome {
    let (states, patterns): (Vec<String>, Vec<String>) = call.arguments()?;
    units_reply(call, Selection { patterns, states }).await
}

async fn units_reply(call: Call, selection: Selection) -> Outcome {
    let units = units(&call, selection).await?;
    let has_jobs = units.iter().any(|view| view.job.is_some());
    let jobs = if has_jobs {
        jobs(&call).await?
    } else {
        Vec::new()
    };
    let lines: Vec<wire::UnitLine> = units.iter().map(|view| unit_line(view, &jobs)).collect();
    call.reply(&(lines,))
}

/// Some units.
pub(super) async fn units(call: &Call, selection: Selection) -> Result<Vec<UnitView>, Failure> {
    match call.ask(Request::Units(selection)).await? {
        Reply::Units(units) => Ok(units),
        other => Err(strange(&other)),
    }
}

fn unit_line(view: &UnitView, jobs: &[JobView]) -> wire::UnitLine {
    let (job, job_object) = match view.job {
        Some(job) => (job.0, job_path(job.0)),
        None => (0, "/".to_owned()),
    };
    let kind: Option<JobKind> = jobs
        .binary_search_by_key(&job, |job| job.id.0)
        .ok()
        .map(|at| jobs[at].kind);
    let description = view
        .definition
        .as_ref()
        .map_or("", |definition| definition.description());
    wire::UnitLine {
        name: view.name.to_string(),
        // systemd shows the name where there is no description.
        description: if description.is_empty() {
            view.name.as_str()
        } else {
            description
        }
        .to_owned(),
        load_state: load_state(view).to_owned(),
        active_state: view.active.word().to_owned(),
        sub_state: view.sub.word().to_owned(),
        following: String::new(),
        path: object(unit_path(view.name.as_str())),
        job,
        job_type: kind.map_or("", Word::word).to_owned(),
        job_path: object(job_object),
    }
}

async fn list_dependencies(call: Call) -> Outcome {
    let (unit, direction): (String, String) = call.arguments()?;
    let unit = unit_name(&unit)?;
    let direction = Direction::WORDS
        .iter()
        .find(|(word, _)| *word == direction)
        .map(|(_, direction)| *direction)
        .ok_or_else(|| unknown_word("direction", &direction, Direction::WORDS))?;
    match call.ask(Request::Dependencies { unit, direction }).await? {
        Reply::Dependencies(tree) => {
            let lines: Vec<wire::DependencyLine> = tree
                .into_iter()
                .map(|(node, active)| wire::DependencyLine {
                    depth: node.depth,
                    unit: node.unit.to_string(),
                    active_state: active.word().to_owned(),
                    repeated: node.repeated,
                })
                .collect();
            call.reply(&(lines,))
        }
        other => Err(strange(&other)),
    }
}

async fn list_sockets(call: Call) -> Outcome {
    no_arguments(&call)?;
    match call.ask(Request::Sockets).await? {
        Reply::Sockets(sockets) => {
            let lines: Vec<wire::SocketLine> = sockets
                .into_iter()
                .map(|line| wire::SocketLine {
                    address: line.address,
                    kind: line.kind.to_owned(),
                    unit: line.unit.to_string(),
                    triggers: line.triggers.iter().map(ToString::to_string).collect(),
                    active_state: line.active.word().to_owned(),
                })
                .collect();
            call.reply(&(lines,))
        }
        other => Err(strange(&other)),
    }
}

async fn get_unit_processes(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    let usage = match call.ask(Request::Usage(unit.clone())).await? {
        Reply::Usage(usage) => usage,
        other => return Err(strange(&other)),
    };
    let control_group = unit_detail(&call, unit)
        .await?
        .control_group
        .unwrap_or_default();
    let lines: Vec<wire::ProcessLine> = usage
        .processes
        .into_iter()
        .map(|process| wire::ProcessLine {
            control_group: control_group.clone(),
            pid: process.pid,
            command: process.command.replace('\0', " "),
        })
        .collect();
    call.reply(&(lines,))
}

async fn cat(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    match call.ask(Request::Cat(unit)).await? {
        Reply::Files(files) => {
            let lines: Vec<wire::FileText> = files
                .into_iter()
                .map(|file| wire::FileText {
                    path: file.path.to_string_lossy().into_owned(),
                    text: file.text.replace('\0', "\u{fffd}"),
                })
                .collect();
            call.reply(&(lines,))
        }
        other => Err(strange(&other)),
    }
}

async fn read_log(call: Call) -> Outcome {
    let (units, lines, follow): (Vec<String>, u32, bool) = call.arguments()?;
    let units = units
        .iter()
        .map(|unit| unit_name(unit))
        .collect::<Result<Vec<_>, _>>()?;
    if units.is_empty() {
        return Err(Failure::new(Kind::InvalidArgs, "no unit named"));
    }
    match call
        .ask(Request::Logs {
            units,
            lines,
            follow,
        })
        .await?
    {
        Reply::Logs(stream) => {
            let (pipe, feed) = log_pipe::open(stream).map_err(|error| {
                Failure::new(Kind::LimitsExceeded, format!("cannot make a pipe: {error}"))
            })?;
            let mut done = call.reply(&zbus::Fd::from(pipe))?;
            done.then = Some(Box::pin(feed));
            Ok(done)
        }
        other => Err(strange(&other)),
    }
}

async fn reload(call: Call) -> Outcome {
    no_arguments(&call)?;
    command(call, Command::Reload { keep_going: false }).await
}

async fn reload_units(call: Call) -> Outcome {
    let keep_going = call.arguments()?;
    let asked = call.handle.ask(
        call.caller.clone(),
        Request::Command(Command::Reload { keep_going }),
    );
    let (applied, found) = match asked.await {
        Ok(Reply::Answer(Answer::Reloaded(found))) => (true, found),
        Ok(other) => return Err(strange(&other)),
        // Here a broken file is an answer, not an error: the client gets it piece by piece.
        Err(control::Refusal::ReloadRefused(found)) => (false, found),
        Err(refusal) => return Err(refusal.into()),
    };
    let lines: Vec<wire::Diagnostic> = found.iter().map(diagnostics::line).collect();
    call.reply(&(applied, lines))
}

async fn reexecute(call: Call) -> Outcome {
    no_arguments(&call)?;
    match call.ask(Request::Reexec).await? {
        Reply::Answer(_) => call.reply(&()),
        other => Err(strange(&other)),
    }
}

async fn exit(call: Call) -> Outcome {
    let status = call.arguments()?;
    command(call, Command::Shutdown { status }).await
}

/// The body has to be empty.
pub(super) fn no_arguments(call: &Call) -> Result<(), Failure> {
    call.arguments::<()>()
}

/// A unit name from a stranger.
pub(super) fn unit_name(text: &str) -> Result<UnitName, Failure> {
    UnitName::parse(text).map_err(|problem| {
        Failure::new(
            Kind::InvalidArgs,
            format!("{text:?} is not a unit name: {problem}"),
        )
    })
}

fn own_object(call: &Call) -> Option<Object> {
    Object::at(call.message.header().path()?.as_str())
}

fn own_unit(call: &Call) -> Result<UnitName, Failure> {
    match own_object(call) {
        Some(Object::Unit(name)) => unit_name(&name),
        _ => Err(Failure::new(Kind::UnknownObject, "this is no unit")),
    }
}

fn word<W: Word>(what: &str, text: &str) -> Result<W, Failure> {
    W::of_word(text).ok_or_else(|| unknown_word(what, text, W::WORDS))
}

fn unknown_word<W>(what: &str, text: &str, words: &[(&str, W)]) -> Failure {
    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    Failure::new(
        Kind::InvalidArgs,
        format!("{text:?} is not a {what} (one of: {})", words.join(", ")),
    )
}

/// An object path of our own making, which is valid.
pub(super) fn object(path: String) -> OwnedObjectPath {
    zbus::ObjectPath::from_string_unchecked(path).into()
}
