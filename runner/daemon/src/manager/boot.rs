//! How a manager comes to life. There is one way: take over what the keeper holds, which at a first
//! start is nothing.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use units::Surroundings;

use super::outer::Outer;
use super::recover::{self, Definitions, Taken};
use super::systemd_face;
use super::wake::Bus;
use super::{
    Manager, answer, held, http, input, log_files, log_follow, notified, offload, outputs, poller,
    timers, triggers,
};
use crate::cgroup::Cgroups;
use crate::link::{Key, Link, Takeover, spawned_record};
use crate::log::own::OwnLine;
use crate::log::{self, Logs};
use crate::notify::fd_store::FdStore;
use crate::now;
use crate::options::{LogFormat, LogTarget, Options};
use crate::process::directories::Roots;
use crate::process::limits::OriginalLimits;
use crate::process::spawner::{Registrar, Settings, Spawner};
use crate::process::table::Processes;
use crate::reason::reason;
use crate::socket::{Acceptor, Inherited};
use crate::supervisord::settled::Settled;
use crate::users::Accounts;
use crate::{load, memory, stamp, surroundings};

/// How long one turn of the loop may take before the keeper thinks that it hangs. The loop makes no
/// call that blocks, so this is generous.
const HANG: Duration = Duration::from_secs(10);

/// Runs the manager until the program ends or another manager takes over.
pub fn run(options: Options, runtime: PathBuf, link: Link, takeover: Takeover) -> ExitCode {
    memory::settle();
    // Before there are threads: it changes the environment.
    let inherited = Inherited::from_environment();
    let (wakes, sleeps) = match (link.hang_timer(), link.hang_timer()) {
        (Ok(wakes), Ok(sleeps)) => (wakes, sleeps),
        (Err(error), _) | (_, Err(error)) => {
            return fail(&format!("cannot share the hang timer: {error}"));
        }
    };
    // A turn of the loop counts from wake-up to sleep, whichever task it is that takes long.
    let built = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .on_thread_unpark(move || {
            let _ = wakes.arm(HANG);
        })
        .on_thread_park(move || {
            memory::give_back();
            let _ = sleeps.disarm();
        })
        .build();
    let tokio = match built {
        Ok(tokio) => tokio,
        Err(error) => return fail(&format!("cannot start the event loop: {error}")),
    };
    tokio.block_on(async {
        match Manager::new(options, runtime, link, takeover, inherited) {
            Ok(manager) => ExitCode::from(manager.serve().await),
            Err(message) => fail(&message),
        }
    })
}

/// Says why there will be no manager. Standard error is all there is.
fn fail(message: &str) -> ExitCode {
    use std::io::Write as _;
    // Nobody is left to tell if this fails.
    let _ = writeln!(io::stderr(), "runnerd: {message}");
    ExitCode::from(2)
}

impl Manager {
    fn new(
        options: Options,
        runtime: PathBuf,
        link: Link,
        takeover: Takeover,
        mut inherited: Inherited,
    ) -> Result<Manager, String> {
        let told = |what: &str| {
            let what = what.to_owned();
            move |error: io::Error| format!("{what}: {error}")
        };
        // Before the engine does anything: nothing may seem to have happened earlier.
        let started = now::read();
        let generation = takeover.generation;
        let recovery = (generation > 1).then(|| recovery_sentence(&takeover));
        let keeper_pid = takeover.keeper_pid;
        let mut taken = Taken::sort(takeover);
        let definitions = Definitions::take_up(&mut taken, &options)
            .map_err(told("cannot take up the definitions"))?;
        let settled = definitions.settled.clone();
        let mut options = options;
        settled.apply(&mut options);
        let options = Arc::new(options);
        let whose = systemd_face::Whose {
            asked: options.systemd_compat,
            is_root: rustix::process::geteuid().is_root(),
            keeper: keeper_pid,
            // Whoever brings a supervisord.conf or one command wants those.
            runs_units: settled.conf.is_none() && options.command.is_empty(),
            first: taken.state.is_none(),
        };
        let settled_id = whose.settle_machine_id();
        let surroundings = Arc::new(Surroundings {
            ignore_unsupported: options.ignore_unsupported,
            ..surroundings::here_with(&runtime)
        });
        let target = log_target(&options);
        let (log_sender, log_events) = unbounded_channel();
        let logs = Logs::start(target.clone(), Some(link.holder()), log_sender)
            .map_err(told("cannot start the log writer"))?;
        // Only a test could have set one before, and then that one is wanted.
        let log_level = log::own::install(&logs, level(&target, &options)).ok();
        match recovery {
            Some(sentence) => tracing::warn!("{sentence}"),
            None => remark(&logs, &settled, keeper_pid),
        }
        match settled_id {
            Ok(Some(place)) => tracing::info!("this machine has an id now, in /{place}"),
            Ok(None) => {}
            Err(error) => tracing::warn!("this machine has no id: {}", reason(&error)),
        }
        let cgroups = match Cgroups::detect(&runtime) {
            Ok(cgroups) => Ok(Arc::new(cgroups)),
            Err(reason) => {
                tracing::debug!("no control groups: {reason}");
                Err(reason)
            }
        };
        let (cgroups, no_cgroups) = (cgroups.as_ref().ok().cloned(), cgroups.err());
        let (report_sender, reports) = unbounded_channel();
        let limits = OriginalLimits::with_soft(link.introduction().open_files)
            .map_err(told("cannot read our limits"))?;
        let defaults = Arc::new(crate::process::defaults::look(limits));
        let socket = link
            .registration()
            .map_err(told("cannot share the way to the keeper"))?;
        let registrar = Registrar {
            socket,
            record: Box::new(|spawn| {
                spawned_record(spawn.ticket, &spawn.unit, &spawn.stop).to_vec()
            }),
        };
        let settings = Settings {
            no_cgroups: no_cgroups.unwrap_or_default(),
            ..Settings::new(
                Some(registrar),
                cgroups.clone(),
                limits,
                Roots::of(&surroundings),
            )
        };
        let spawner =
            Spawner::start(settings, report_sender).map_err(told("cannot start the spawner"))?;
        let processes =
            Processes::new(keeper_pid, cgroups.clone()).map_err(told("cannot watch processes"))?;
        let (handle, door) = control::open(control::Policy {
            own_uid: surroundings.uid,
            admin_gid: Accounts::local()
                .group("runner-admin")
                .ok()
                .flatten()
                .map(|group| group.gid),
        });
        let path = runtime.join("bus");
        // One that we were started with comes first: at its path is no other, whatever was held.
        let listener = match (inherited.claim_control(&path), taken.bus.take()) {
            (None, Some(listener)) => listener,
            (inherited, _) => {
                // Everybody may connect: who may do what is decided by who they are. The lock of the
                // runtime directory is ours, so a node that is there is a dead daemon's.
                let listener = inherited
                    .map_or_else(|| listen_for_clients(&path, 0o666), Ok)
                    .map_err(told(&format!("cannot listen on {}", path.display())))?;
                link.put(
                    &Key::Control {
                        name: "bus".to_owned(),
                    },
                    listener.as_fd(),
                )
                .map_err(told("cannot speak to the keeper"))?;
                listener
            }
        };
        let bus = Bus {
            listener,
            server: dbus::server::Server::new(handle.clone(), dbus::names::Face::Runner),
        };
        let first = whose.first;
        let held = taken.systemd_face.take();
        let systemd_face = systemd_face::open(&whose, &link, &handle, held)?;
        let host = surroundings::host(
            &surroundings,
            keeper_pid,
            options.stop_limit(keeper_pid == 1, settled.conf.is_some()),
            settled.conf.is_some(),
        );
        let triggers = triggers::Triggers::new(stamp::directory(&surroundings), host.zone.clone());
        let files = log_files::LogFiles::new(&options, &runtime, first);
        let in_main_log = level(&target, &options) == tracing::Level::DEBUG;
        let begun = recover::begin(
            &options,
            &surroundings,
            (host, started),
            &link,
            &mut taken,
            definitions,
        )?;
        let held = std::mem::take(&mut taken.servers);
        let bus_names = super::bus_names::BusNames::new(
            &options.bus,
            systemd_face.is_some(),
            surroundings.is_root,
            handle.clone(),
        );
        let given = inherited.claim_control(&http::private_path(&runtime));
        let held = (held, given);
        let http = http::Http::open(&settled, &runtime, handle, &link, held, first)?;
        let mut manager = Manager {
            unit_path: match &settled.conf {
                Some(conf) => vec![PathBuf::from(&conf.file)],
                None => load::unit_path(&options, &surroundings)
                    .into_iter()
                    .map(|(path, _)| path)
                    .collect(),
            },
            server_url: http::server_url(&settled, &runtime),
            settled,
            read_last: None,
            about: answer::About {
                started,
                keeper_pid: taken.keeper_pid,
                recoveries: taken.generation.saturating_sub(1),
                safe_mode: taken.safe_mode,
                log_target: target_word(&target),
                virtualization: crate::condition::virtualization(),
            },
            environment: base_environment(),
            accounts: Accounts::local(),
            options,
            runtime,
            surroundings,
            engine: begun.engine,
            events: VecDeque::new(),
            link,
            outer: Outer::from_environment(),
            above: super::above::Above::from_environment(),
            state: begun.state,
            definitions: begun.definitions,
            processes,
            cgroups,
            defaults,
            spawner,
            reports,
            dealt_with: Vec::new(),
            held_exits: HashMap::new(),
            adopting: HashMap::new(),
            ranks: HashMap::new(),
            empties: HashMap::new(),
            frozen: std::collections::BTreeSet::new(),
            early_signals: std::collections::VecDeque::new(),
            memory_kills: HashMap::new(),
            logs,
            log_level,
            log_events,
            unit_files: super::unit_files::UnitFiles::default(),
            transient_files: super::transient_files::TransientFiles::default(),
            happenings: begun.happenings,
            outputs: outputs::Outputs::new(files, in_main_log),
            inputs: input::Inputs::default(),
            given: super::given::Given::default(),
            deliveries: begun.deliveries,
            followers: log_follow::Followers::default(),
            sockets: held::Sockets::default(),
            inherited: Arc::new(Mutex::new(inherited)),
            acceptor: Acceptor::new().map_err(told("cannot take a descriptor in reserve"))?,
            connections: HashMap::new(),
            handing_over: HashMap::new(),
            notify: notified::NotifySockets::default(),
            stores: FdStore::default(),
            batches: HashMap::new(),
            // Connections outlive their manager by their numbers.
            numbers: u64::from(taken.generation) << 32,
            poller: poller::Poller::new().map_err(told("cannot make an epoll descriptor"))?,
            timers: timers::Timers::default(),
            probes: super::probes::Probes::new(),
            bus_names,
            offload: offload::Offload::new(),
            triggers,
            door,
            requests: HashMap::new(),
            bus,
            systemd_face,
            http,
            reexec: None,
            orphaned: false,
            halted: None,
            replaced: false,
        };
        memory::used_much();
        manager
            .recover(taken, first, begun.actions)
            .map_err(told("cannot take over"))?;
        Ok(manager)
    }
}

/// At the first start of a supervisord.conf: what there was to say before there was a log.
fn remark(logs: &Logs, settled: &Settled, keeper_pid: u32) {
    let Some(conf) = &settled.conf else { return };
    for (level, text) in &conf.remarks {
        logs.own(OwnLine {
            level: (*level).into(),
            text: text.clone(),
            unit: None,
            message_id: None,
            fields: Vec::new(),
        });
    }
    let Some(path) = &settled.pid_file else {
        return;
    };
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let (level, text) = if written.trim() == keeper_pid.to_string() {
        let text = format!("supervisord started with pid {keeper_pid}");
        (log::own::Severity::Info, text)
    } else {
        let text = format!("could not write pidfile {}", path.display());
        (log::own::Severity::Critical, text)
    };
    logs.own(OwnLine {
        level,
        text,
        unit: None,
        message_id: None,
        fields: Vec::new(),
    });
}

fn recovery_sentence(takeover: &Takeover) -> String {
    let mut sentence = match takeover.last_death {
        Some(death) => format!("the manager before this one ended ({death:?})"),
        None => "a new manager takes over".to_owned(),
    };
    sentence.push_str(&format!(
        ": {} processes and {} descriptors taken over",
        takeover.children.len(),
        takeover.fds.len()
    ));
    if takeover.upgrade_failed {
        sentence.push_str("; the new program failed, this is the one before it");
    }
    if takeover.state_rolled_back {
        sentence.push_str("; the state is the one from before the upgrade");
    }
    if takeover.safe_mode {
        sentence.push_str("; safe mode, since managers died again and again");
    }
    sentence
}

/// Listens for clients at a path where nobody answers: what is there is taken away.
pub(super) fn listen_for_clients(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    listener.set_nonblocking(true)?;
    Ok(listener.into())
}

pub(super) fn log_target(options: &Options) -> log::LogTarget {
    let format = match options.log_format {
        LogFormat::Text => log::Format::Text,
        LogFormat::Json => log::Format::Json,
    };
    match &options.log_target {
        LogTarget::Console => log::LogTarget::Console(format),
        LogTarget::Journal => log::LogTarget::Journal,
        LogTarget::File(path) => log::LogTarget::File(path.clone(), format),
        LogTarget::Main(main) => log::LogTarget::Main(main.clone()),
        // systemd connects our output to the journal and says so (systemd.exec(5)).
        LogTarget::Auto if std::env::var_os("JOURNAL_STREAM").is_some() => log::LogTarget::Journal,
        LogTarget::Auto if !options.command.is_empty() => log::LogTarget::StandardError(format),
        LogTarget::Auto => log::LogTarget::Console(format),
    }
}

/// How grave our own events have to be to be looked at.
pub(super) fn level(target: &log::LogTarget, options: &Options) -> tracing::Level {
    match target {
        // The output is the command's.
        _ if !options.command.is_empty() => tracing::Level::WARN,
        log::LogTarget::Main(main) if main.level == log::own::Severity::Debug => {
            tracing::Level::DEBUG
        }
        _ => tracing::Level::INFO,
    }
}

pub(super) fn target_word(target: &log::LogTarget) -> String {
    match target {
        log::LogTarget::Console(_) | log::LogTarget::StandardError(_) => "console".to_owned(),
        log::LogTarget::Journal => "journal".to_owned(),
        log::LogTarget::File(path, _) => format!("file:{}", path.display()),
        log::LogTarget::Main(main) => match &main.file {
            Some(file) => format!("file:{}", file.path.display()),
            None if main.syslog => "syslog".to_owned(),
            None => "none".to_owned(),
        },
    }
}

/// What every program starts from. Our own environment is not passed on: it may hold secrets that
/// were meant for us.
fn base_environment() -> Arc<[(String, String)]> {
    let mut block = vec![("PATH".to_owned(), crate::process::SEARCH_PATH.to_owned())];
    for name in ["LANG", "TZ", "TERM"] {
        if let Ok(value) = std::env::var(name) {
            block.push((name.to_owned(), value));
        }
    }
    block.into()
}
