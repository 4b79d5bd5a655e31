//! What the machine needs of the world: asks what happened, hears the outputs, writes the events.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use control::{
    Caller, Chunk, ChunkKind, Handle, Happening, LogSource, Refusal, Reply, Request, Via,
};
use engine::clock::Monotonic;
use engine::view::supervisord::ProcessState;
use tokio::sync::mpsc;
use units::{Definition, UnitName, UnitSet};

use super::event::{Channel, Kind};
use super::machine::{Deed, Level, Machine, Unwritten};
use super::note::{self, Delivery, Heard, Note, Recalled};
use crate::server::{RemoteCommunication, Shared};

/// So many pieces of output are heard before what they amount to is noted and done.
const BATCH: usize = 64;
/// How long the end of a process waits for its last words. They are there already; only a log that
/// cannot be written delays them.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A clock that is set is noticed after so long, where somebody waits for an hour to pass.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

type Asked = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send + Sync>>;

/// Tells event listeners what happens until the manager is gone.
pub(crate) async fn run(shared: Arc<Shared>, mut remote: mpsc::Receiver<RemoteCommunication>) {
    let begun = Instant::now();
    let records = match shared.handle.ask(own(), Request::Recall).await {
        Ok(Reply::Recalled(records)) => records,
        Ok(_) => Vec::new(),
        Err(refusal) => {
            tracing::error!("event listeners are not served: {refusal}");
            return;
        }
    };
    let recalled = note::recall(records, &shared.config().identifier, Monotonic(0));
    if let Some(problem) = &recalled.problem {
        tracing::error!("{problem}");
    }
    let mut shell = Shell::new(shared.handle.clone(), begun, recalled);
    // The manager is gone, and soon so are we.
    let _ = shell.serve(&shared, &mut remote).await;
}

/// Who we are at the door: nobody came from outside.
fn own() -> Caller {
    Caller {
        uid: 0,
        gid: None,
        groups: Vec::new(),
        pid: None,
        via: Via::HttpUnix,
    }
}

/// The manager is gone.
struct Gone;

struct Shell {
    handle: Handle,
    begun: Instant,
    machine: Machine,
    heard: Heard,
    note: Note,
    /// The number of the last happening that was asked for.
    asked: u64,
    /// What the machine does not know yet.
    held: VecDeque<(u64, Happening)>,
    /// Whose last words the first of them waits for, and until when.
    draining: Option<(Asked, Instant)>,
    /// The first of them has waited.
    drained: bool,
    /// The definitions in force, while we know them.
    set: Option<Arc<UnitSet>>,
    /// Groups that are new since the outputs were looked at.
    fresh: HashSet<String>,
    /// Which outputs are wanted has to be looked at.
    stale: bool,
    taps: Vec<Tap>,
}

/// An output that is heard.
struct Tap {
    unit: UnitName,
    channel: Channel,
    use_: Use,
    chunks: mpsc::Receiver<Chunk>,
}

/// What an output is heard for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It is a listener's side of the protocol.
    Listener,
    /// It is told of.
    Told { log: bool, communication: bool },
}

/// What woke us.
enum Woken {
    Happened(Result<Reply, Refusal>),
    Heard(usize, Option<Chunk>),
    Remote(Option<RemoteCommunication>),
    Drained,
    Due,
}

impl Shell {
    fn new(handle: Handle, begun: Instant, recalled: Recalled) -> Shell {
        Shell {
            handle,
            begun,
            machine: recalled.machine,
            asked: recalled.heard.seen,
            heard: recalled.heard,
            note: recalled.note,
            held: VecDeque::new(),
            draining: None,
            drained: false,
            set: None,
            fresh: HashSet::new(),
            stale: true,
            taps: Vec::new(),
        }
    }

    async fn serve(
        &mut self,
        shared: &Shared,
        remote: &mut mpsc::Receiver<RemoteCommunication>,
    ) -> Result<(), Gone> {
        let mut happened = self.what_happened();
        let mut remotes = true;
        loop {
            self.settle(shared).await?;
            let sleep = self.sleep();
            let woken = tokio::select! {
                reply = &mut happened => Woken::Happened(reply),
                (index, chunk) = heard(&mut self.taps) => Woken::Heard(index, chunk),
                message = remote.recv(), if remotes => Woken::Remote(message),
                () = drained(&mut self.draining) => Woken::Drained,
                () = tokio::time::sleep(sleep.unwrap_or_default()), if sleep.is_some() => Woken::Due,
            };
            match woken {
                Woken::Happened(reply) => {
                    self.happened(reply?).await?;
                    happened = self.what_happened();
                }
                Woken::Heard(index, chunk) => self.chunk(index, chunk),
                Woken::Remote(Some(message)) => {
                    self.machine
                        .remote(self.now(), &message.kind, &message.data);
                }
                Woken::Remote(None) => remotes = false,
                Woken::Drained => {
                    self.draining = None;
                    self.drained = true;
                    self.hear_rest();
                }
                Woken::Due => {}
            }
            for _ in 0..BATCH {
                let Some((index, chunk)) = heard_already(&mut self.taps) else {
                    break;
                };
                self.chunk(index, Some(chunk));
            }
        }
    }

    /// Lets everything that is known come to what it comes to: happenings in their order, ticks,
    /// deadlines; then notes it and does what is to be done.
    async fn settle(&mut self, shared: &Shared) -> Result<(), Gone> {
        self.feed().await?;
        self.machine
            .identifier
            .clone_from(&shared.config().identifier);
        let now = self.now();
        self.machine.tick(now, seconds());
        self.machine.expire(now);
        if std::mem::take(&mut self.stale) {
            self.listen_in().await?;
        }
        loop {
            for deed in self.machine.take_deeds() {
                match deed {
                    Deed::Say(Level::Error, text) => tracing::error!("{text}"),
                    Deed::Say(Level::Warning, text) => tracing::warn!("{text}"),
                    Deed::Say(Level::Debug, text) => tracing::debug!("{text}"),
                    Deed::Write { unit, serial } => {
                        self.heard.delivered += 1;
                        self.heard.deliveries.push(Delivery {
                            number: self.heard.delivered,
                            unit,
                            serial,
                        });
                    }
                }
            }
            self.take_note().await?;
            if self.heard.deliveries.is_empty() {
                return Ok(());
            }
            // Those of a killed manager come first: what it did of them is not done again.
            for delivery in std::mem::take(&mut self.heard.deliveries) {
                self.deliver(delivery).await?;
            }
        }
    }

    async fn take_note(&mut self) -> Result<(), Gone> {
        let mut changes = self.note.changes(&self.machine, &self.heard);
        let records = std::mem::take(&mut changes.records);
        if records.is_empty() {
            return Ok(());
        }
        let request = Request::Note {
            records,
            seen: self.heard.seen,
        };
        match self.ask(request).await? {
            Ok(_) => self.note.written(changes),
            // It is tried again with the next one; meanwhile a killed manager would tell twice.
            Err(refusal) => tracing::error!("cannot note what listeners were told: {refusal}"),
        }
        Ok(())
    }

    async fn deliver(&mut self, delivery: Delivery) -> Result<(), Gone> {
        let Delivery {
            number,
            unit,
            serial,
        } = delivery;
        // Its listener has lost it meanwhile.
        let Some(bytes) = self.machine.envelope(&unit, serial) else {
            return Ok(());
        };
        let request = Request::Deliver {
            unit: unit.clone(),
            number,
            bytes,
        };
        let why = match self.ask(request).await? {
            Ok(_) => return Ok(()),
            Err(Refusal::Invalid(_)) => Unwritten::TooLong,
            Err(_) => Unwritten::Closed,
        };
        self.machine.unwritten(self.now(), &unit, serial, why);
        Ok(())
    }

    fn what_happened(&self) -> Asked {
        let (handle, after) = (self.handle.clone(), self.asked);
        Box::pin(async move { handle.ask(own(), Request::Happened { after }).await })
    }

    async fn happened(&mut self, reply: Reply) -> Result<(), Gone> {
        let Reply::Happened(happened) = reply else {
            return Ok(());
        };
        let Some((first, _)) = happened.first() else {
            return Ok(());
        };
        let missed = first.saturating_sub(self.asked + 1);
        if missed > 0 && self.asked > 0 {
            tracing::error!("{missed} events came faster than they were told, and are lost");
            self.held.push_back((first - 1, Happening::Reloaded));
        }
        for (number, happening) in happened {
            self.asked = number;
            self.held.push_back((number, happening));
        }
        Ok(())
    }

    /// Tells the machine what happened, up to the end of a process whose last words have to be heard
    /// first.
    async fn feed(&mut self) -> Result<(), Gone> {
        while self.draining.is_none()
            && let Some((number, happening)) = self.held.front().cloned()
        {
            if let Happening::Moved { unit, process } = &happening
                && process.pid != 0
                && matches!(
                    process.to,
                    ProcessState::Stopped | ProcessState::Exited | ProcessState::Backoff
                )
                && !self.drained
                && self.taps.iter().any(|tap| tap.unit == *unit)
            {
                let (handle, unit) = (self.handle.clone(), unit.clone());
                let asked = async move { handle.ask(own(), Request::Drain(unit)).await };
                self.draining = Some((Box::pin(asked), Instant::now() + LAST_WORDS));
                return Ok(());
            }
            self.held.pop_front();
            self.drained = false;
            self.tell(&happening).await?;
            self.heard.seen = number;
        }
        Ok(())
    }

    async fn tell(&mut self, happening: &Happening) -> Result<(), Gone> {
        match happening {
            Happening::GroupAdded(group) => {
                let known = self
                    .set
                    .as_ref()
                    .is_some_and(|set| set.group(group).is_some());
                if !known {
                    self.set = None;
                }
                self.fresh.insert(group.clone());
                self.stale = true;
            }
            Happening::GroupRemoved(group) => {
                let of_group = |unit: &UnitName| {
                    units::group::group_and_process(unit).is_some_and(|(name, _)| name == *group)
                };
                self.taps.retain(|tap| !of_group(&tap.unit));
                self.heard.positions.retain(|(unit, _), _| !of_group(unit));
                self.set = None;
                self.stale = true;
            }
            Happening::Reloaded | Happening::Closing { .. } => {
                self.set = None;
                self.stale = true;
            }
            Happening::Moved { .. } | Happening::StartupFinished => {}
        }
        let set = self.set().await?;
        self.machine.happened(self.now(), happening, &set);
        if *happening == Happening::Reloaded {
            self.look().await?;
        }
        Ok(())
    }

    /// Brings listeners of which no start was told in line with their processes.
    async fn look(&mut self) -> Result<(), Gone> {
        if self.machine.pools.is_empty() {
            return Ok(());
        }
        if let Ok(Reply::Processes(processes)) = self.ask(Request::Processes(None)).await? {
            let now = self.now();
            self.machine.look(now, |unit| {
                let process = processes
                    .iter()
                    .find(|process| process.view.unit == *unit)?;
                Some((process.view.state, process.view.pid))
            });
        }
        Ok(())
    }

    /// The definitions in force.
    async fn set(&mut self) -> Result<Arc<UnitSet>, Gone> {
        if let Some(set) = &self.set {
            return Ok(Arc::clone(set));
        }
        let Ok(Reply::Sets(sets)) = self.ask(Request::Sets).await? else {
            return Ok(Arc::default());
        };
        self.set = Some(Arc::clone(&sets.active));
        Ok(sets.active)
    }

    /// Hears the outputs that are wanted now, and no others.
    async fn listen_in(&mut self) -> Result<(), Gone> {
        let wanted = if self.machine.pools.is_empty() {
            Vec::new()
        } else {
            let set = self.set().await?;
            wanted(&self.machine, &set)
        };
        let is_wanted = |unit: &UnitName, channel: Channel| {
            wanted
                .iter()
                .any(|(other, of, _)| other == unit && *of == channel)
        };
        self.taps.retain(|tap| is_wanted(&tap.unit, tap.channel));
        self.heard
            .positions
            .retain(|(unit, channel), _| is_wanted(unit, *channel));
        for (unit, channel, use_) in wanted {
            let known = self
                .taps
                .iter_mut()
                .find(|tap| tap.unit == unit && tap.channel == channel);
            if let Some(tap) = known {
                tap.use_ = use_;
                continue;
            }
            // All that a new group writes is heard; of others what comes from now on.
            let is_fresh = units::group::group_and_process(&unit)
                .is_some_and(|(group, _)| self.fresh.contains(&group));
            let from = self
                .heard
                .positions
                .get(&(unit.clone(), channel))
                .copied()
                .or(is_fresh.then_some(0));
            let request = Request::Tap {
                unit: unit.clone(),
                source: match channel {
                    Channel::Stdout => LogSource::Out,
                    Channel::Stderr => LogSource::Error,
                },
                from,
            };
            match self.ask(request).await? {
                Ok(Reply::Tap(chunks)) => self.taps.push(Tap {
                    unit,
                    channel,
                    use_,
                    chunks,
                }),
                Ok(_) => {}
                Err(refusal) => tracing::error!("{unit}: its output cannot be heard: {refusal}"),
            }
        }
        self.fresh.clear();
        Ok(())
    }

    /// A piece of output came; `None` where its stream has ended.
    fn chunk(&mut self, index: usize, chunk: Option<Chunk>) {
        let Some(chunk) = chunk else {
            // It is asked for again when something happens that may bring it back.
            let _ = self.taps.swap_remove(index);
            return;
        };
        let Some(tap) = self.taps.get(index) else {
            return;
        };
        let (unit, channel, use_) = (tap.unit.clone(), tap.channel, tap.use_);
        self.heard
            .positions
            .insert((unit.clone(), channel), chunk.end);
        let (now, pid, bytes) = (self.now(), chunk.pid, &*chunk.bytes);
        match use_ {
            Use::Listener => {
                if chunk.kind == ChunkKind::Output {
                    self.machine.output(now, &unit, pid, bytes);
                }
            }
            Use::Told { log, communication } => {
                // Captured text is told as output too, as in the original.
                if log {
                    self.machine.log(now, &unit, pid, channel, bytes);
                }
                if communication && chunk.kind == ChunkKind::Captured {
                    self.machine.communication(now, &unit, pid, channel, bytes);
                }
            }
        }
    }

    /// Hears all that is there of the process whose end is next.
    fn hear_rest(&mut self) {
        let Some((_, Happening::Moved { unit, .. })) = self.held.front() else {
            return;
        };
        let unit = unit.clone();
        for index in 0..self.taps.len() {
            while let Some(tap) = self.taps.get_mut(index)
                && tap.unit == unit
                && let Ok(chunk) = tap.chunks.try_recv()
            {
                self.chunk(index, Some(chunk));
            }
        }
    }

    /// How long there is nothing to do unless something comes.
    fn sleep(&self) -> Option<Duration> {
        let deadline = self.machine.deadline().map(|deadline| {
            Duration::from_micros(deadline.0.saturating_sub(self.now().0).saturating_add(999))
        });
        let since_epoch = since_epoch();
        let tick = self
            .machine
            .next_tick(since_epoch.as_secs())
            .map(|next| Duration::from_secs(next).saturating_sub(since_epoch));
        let tick = tick.map(|tick| tick.min(LONGEST_SLEEP));
        deadline.into_iter().chain(tick).min()
    }

    fn now(&self) -> Monotonic {
        Monotonic(u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Asks; what is refused is told apart from a manager that is gone.
    async fn ask(&self, request: Request) -> Result<Result<Reply, Refusal>, Gone> {
        match self.handle.ask(own(), request).await {
            Err(Refusal::ShuttingDown) if self.handle.is_closed() => Err(Gone),
            answer => Ok(answer),
        }
    }
}

impl From<Refusal> for Gone {
    /// Nothing that is waited for without end is refused while there is a manager.
    fn from(_: Refusal) -> Gone {
        Gone
    }
}

/// The outputs that are wanted, and what for.
fn wanted(machine: &Machine, set: &UnitSet) -> Vec<(UnitName, Channel, Use)> {
    let listeners: HashSet<&UnitName> = machine
        .pools
        .iter()
        .flat_map(|pool| &pool.members)
        .map(|member| &member.definition.unit)
        .collect();
    let mut wanted = Vec::new();
    for &unit in &listeners {
        wanted.push((unit.clone(), Channel::Stdout, Use::Listener));
    }
    for definition in set.iter() {
        for channel in [Channel::Stdout, Channel::Stderr] {
            let is_protocol = channel == Channel::Stdout && listeners.contains(definition.name());
            let use_ = told(machine, definition, channel);
            if let (false, Some(use_)) = (is_protocol, use_) {
                wanted.push((definition.name().clone(), channel, use_));
            }
        }
    }
    wanted
}

/// What an output is told of, if somebody wants to know.
fn told(machine: &Machine, definition: &Definition, channel: Channel) -> Option<Use> {
    let (log, capture) = match channel {
        Channel::Stdout => (definition.log_events(), definition.log_capture_size()),
        Channel::Stderr => (
            definition.error_log_events(),
            definition.error_log_capture_size(),
        ),
    };
    let log = log && machine.wants(Kind::ProcessLog(channel));
    let communication =
        capture.as_bytes() > 0 && machine.wants(Kind::ProcessCommunication(channel));
    (log || communication).then_some(Use::Told { log, communication })
}

/// The next piece of any output, or the end of one. May be cancelled without loss.
async fn heard(taps: &mut [Tap]) -> (usize, Option<Chunk>) {
    std::future::poll_fn(|context| {
        for (index, tap) in taps.iter_mut().enumerate() {
            if let Poll::Ready(chunk) = tap.chunks.poll_recv(context) {
                return Poll::Ready((index, chunk));
            }
        }
        Poll::Pending
    })
    .await
}

/// A piece of some output that is there already.
fn heard_already(taps: &mut [Tap]) -> Option<(usize, Chunk)> {
    taps.iter_mut()
        .enumerate()
        .find_map(|(index, tap)| Some((index, tap.chunks.try_recv().ok()?)))
}

/// The last words were heard, or are waited for no longer.
async fn drained(draining: &mut Option<(Asked, Instant)>) {
    match draining {
        // Refused or not, there is nothing more to come.
        Some((asked, until)) => {
            let _ = tokio::time::timeout_at((*until).into(), asked).await;
        }
        None => std::future::pending().await,
    }
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

fn seconds() -> u64 {
    since_epoch().as_secs()
}
