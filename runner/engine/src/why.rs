//! Why a unit is as it is: the chain of causes, from what is seen back to who or what began it, and
//! what to do next. Told from the state alone, so it is the same after a recovery.

use std::collections::BTreeSet;

use units::{ConditionKind, Dependency, LoadState, SettingId, UnitName};

use crate::Engine;
use crate::action::Test;
use crate::cause::{Asked, Cause};
use crate::clock::Now;
use crate::condition::Outcome;
use crate::event::ExitStatus;
use crate::job::{JobKind, JobResult};
use crate::service::Phase;
use crate::state::UnitState;
use crate::view::systemd::{ActiveState, UnitResult, UnitView};

/// The longest chain of units that is followed: more says nothing to anybody.
const MOST_UNITS: usize = 16;

/// Why a unit is as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// Its own name.
    pub unit: UnitName,
    /// What led to it: of the unit itself first, then of the unit that was the cause, and so on.
    pub chain: Vec<Link>,
    /// What to do next, with a command.
    pub advice: String,
}

/// One fact of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Of which unit.
    pub unit: UnitName,
    /// When it became so, where that is known.
    pub at: Option<Now>,
    /// What sort of fact.
    pub fact: Fact,
    /// A sentence without the unit's name: lower case, no final period.
    pub text: String,
}

/// A sort of fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// What there is to say about its definition.
    Definition,
    /// Its state.
    State,
    /// What it waits for.
    Waits,
    /// What went wrong.
    Failure,
    /// It was started too often.
    Limit,
    /// Something that had to hold does not.
    Condition,
    /// Who or what wanted it so.
    Asked,
    /// Nobody did.
    NotAsked,
}

impl Fact {
    /// A word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Fact::Definition => "definition",
            Fact::State => "state",
            Fact::Waits => "waits",
            Fact::Failure => "failure",
            Fact::Limit => "limit",
            Fact::Condition => "condition",
            Fact::Asked => "asked",
            Fact::NotAsked => "not-asked",
        }
    }
}

/// How much an advice is worth; of several the highest counts, and of equals the one nearest to the
/// root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// What can always be done.
    Little,
    /// Looking at what went wrong.
    Look,
    /// What removes the cause.
    Remedy,
}

/// The facts of one unit, as they are gathered.
struct Facts<'a> {
    unit: &'a UnitName,
    links: Vec<Link>,
    advice: Option<(Worth, String)>,
    /// The unit that is to blame for what is wrong.
    to_blame: Option<UnitName>,
    /// The unit that wanted it so.
    wanted_by: Option<UnitName>,
}

impl Facts<'_> {
    fn add(&mut self, fact: Fact, at: Option<Now>, text: impl Into<String>) {
        self.links.push(Link {
            unit: self.unit.clone(),
            at,
            fact,
            text: text.into(),
        });
    }

    fn advise(&mut self, worth: Worth, text: String) {
        if self.advice.as_ref().is_none_or(|(held, _)| *held < worth) {
            self.advice = Some((worth, text));
        }
    }

    fn blame(&mut self, unit: &UnitName) {
        self.to_blame.get_or_insert_with(|| unit.clone());
    }
}

impl Engine {
    /// Why the unit is as it is. Of a name that nobody knows it says just that.
    #[must_use]
    pub fn why(&self, unit: &UnitName) -> Why {
        let unit = self.definitions.own_name(unit);
        let mut chain = Vec::new();
        let mut advice: Option<(Worth, String)> = None;
        let mut seen = BTreeSet::new();
        let mut next = Some(unit.clone());
        // Whoever merely wanted a unit to be as it is tells that, and no more: what is wrong with them
        // is another matter.
        let mut in_full = true;
        while let Some(link) = next.take()
            && seen.len() < MOST_UNITS
            && seen.insert(link.clone())
        {
            let facts = self.facts_of(&link);
            let tells = |link: &Link| in_full || matches!(link.fact, Fact::Asked | Fact::State);
            chain.extend(facts.links.into_iter().filter(tells));
            let better = |(worth, _): &(Worth, String)| {
                let held = advice.as_ref().map(|(held, _)| *held);
                in_full && held.is_none_or(|held| held <= *worth)
            };
            if let Some(found) = facts.advice.filter(better) {
                advice = Some(found);
            }
            if link == unit && is_up(self.state.active(&unit)) {
                advice = Some((Worth::Remedy, "nothing: it is up".to_owned()));
                in_full = false;
            }
            next = match facts.to_blame.filter(|_| in_full) {
                Some(other) => Some(other),
                None => {
                    in_full = false;
                    facts.wanted_by
                }
            };
        }
        Why {
            unit,
            chain,
            advice: advice.map(|(_, text)| text).unwrap_or_default(),
        }
    }

    fn facts_of<'a>(&self, unit: &'a UnitName) -> Facts<'a> {
        let view = self.view(unit);
        let mut facts = Facts {
            unit,
            links: Vec::new(),
            advice: None,
            to_blame: None,
            wanted_by: None,
        };
        let usable = about_definition(&mut facts, &view);
        let state = self.state.unit(unit);
        if !usable && view.active.is_down() && state.is_none() {
            return facts;
        }
        let (active, sub) = (view.active.as_str(), view.sub.as_str());
        facts.add(
            Fact::State,
            view.state_change,
            format!("it is {active} ({sub})"),
        );
        if let Some(state) = state {
            self.about_job(&mut facts, &view);
            self.about_failure(&mut facts, &view, state);
            about_tests(&mut facts, &view);
        }
        match state.and_then(|state| state.asked.as_deref()) {
            Some(asked) => about_asked(&mut facts, asked, view.active),
            None => self.about_nobody(&mut facts, &view),
        }
        facts
    }

    fn about_job(&self, facts: &mut Facts<'_>, view: &UnitView) {
        let Some(job) = view.job.and_then(|id| self.job_view(id)) else {
            return self.about_restart(facts, view);
        };
        let kind = job.kind.as_str();
        let waits_for = |other: &UnitName| {
            let other_job = self.state.job_of(other);
            let other_kind = other_job.map_or("job", |(_, job)| job.kind.as_str());
            format!("its {kind} waits for the {other_kind} of {other}")
        };
        if let Some(other) = job.waits_for.first() {
            for other in &job.waits_for {
                facts.add(Fact::Waits, None, waits_for(other));
            }
            facts.blame(other);
            facts.advise(Worth::Look, format!("`runnerctl why {other}`"));
            return;
        }
        let probing = view
            .service
            .as_ref()
            .and_then(|service| service.probing.as_deref());
        let text = match probing {
            Some(probe) => format!("its {kind} is under way: {probe}"),
            None => format!("its {kind} is under way"),
        };
        facts.add(Fact::Waits, None, text);
        facts.advise(
            Worth::Look,
            format!("wait, or look: `runnerctl logs -f {}`", facts.unit),
        );
    }

    /// It is about to be started again by its own policy.
    fn about_restart(&self, facts: &mut Facts<'_>, view: &UnitView) {
        let Some(service) = &view.service else {
            return;
        };
        if let Some(at) = service.restart_at {
            let left = at.saturating_sub(self.now.monotonic.0);
            let left = units::value::Span::from_micros(left);
            let count = service.restarts;
            let text = format!("it is started again in {left}; restarts so far: {count}");
            facts.add(Fact::Waits, None, text);
        }
    }

    fn about_failure(&self, facts: &mut Facts<'_>, view: &UnitView, state: &UnitState) {
        let unit = facts.unit;
        if state.start_limit_hit {
            let definition = view.definition.as_deref();
            let limit =
                definition.map(|unit| (unit.start_limit_burst(), unit.start_limit_interval_sec()));
            let text = match limit {
                Some((burst, interval)) => format!(
                    "it was started {burst} times within {interval}: not again before that is over"
                ),
                None => "it was started too often".to_owned(),
            };
            facts.add(Fact::Limit, view.state_change, text);
            facts.advise(
                Worth::Remedy,
                format!("`runnerctl reset-failed {unit} && runnerctl start {unit}`"),
            );
        }
        let waits_to_restart = matches!(
            state.service().map(|service| &service.phase),
            Some(Phase::AutoRestart { .. })
        );
        let matters = view.active == ActiveState::Failed || waits_to_restart;
        if !matters || !view.result.is_failure() {
            return;
        }
        let exit = state.service().and_then(|service| service.main_exit);
        let sentence = state
            .service()
            .map_or("", |service| service.failure.as_str());
        let text = match sentence {
            "" => format!("it failed: {}", view.result.as_str()),
            sentence => format!("it failed ({}): {sentence}", view.result.as_str()),
        };
        facts.add(
            Fact::Failure,
            exit.map(|(at, _)| at).or(view.inactive_enter),
            text,
        );
        let start = format!("then `runnerctl restart {unit}`");
        let look = match (view.result, exit.map(|(_, status)| status)) {
            (UnitResult::StartLimitHit | UnitResult::UnitStartLimitHit, _) => return,
            (UnitResult::ExitCode, Some(ExitStatus::Code(203))) => {
                format!("see what `exec-start` names: `runnerctl cat {unit}`, {start}")
            }
            (UnitResult::ExitCode, Some(ExitStatus::Code(200..=243))) => {
                format!("see what its settings ask for: `runnerctl cat {unit}`, {start}")
            }
            (UnitResult::OomKill, _) => {
                format!("see what it may use: `runnerctl show -p MemoryMax {unit}`, {start}")
            }
            _ => format!("`runnerctl logs {unit}`, {start}"),
        };
        facts.advise(Worth::Look, look);
    }

    /// Nobody ever wanted anything of it.
    fn about_nobody(&self, facts: &mut Facts<'_>, view: &UnitView) {
        if !view.active.is_down() {
            return;
        }
        let unit = facts.unit;
        let links = |wanted: &[Dependency]| -> Vec<String> {
            let found = self.definitions.dependencies(unit);
            found
                .filter(|(word, _)| wanted.contains(word))
                .map(|(_, other)| other.to_string())
                .collect()
        };
        let triggers = links(&[Dependency::TriggeredBy]);
        let wanted = links(&[
            Dependency::WantedBy,
            Dependency::RequiredBy,
            Dependency::BoundBy,
            Dependency::UpheldBy,
        ]);
        let definition = view.definition.as_deref();
        let manual = definition.is_some_and(|unit| !unit.autostart());
        let text = if !triggers.is_empty() {
            format!(
                "nothing has asked for it: {} starts it",
                triggers.join(", ")
            )
        } else if !wanted.is_empty() {
            format!(
                "nothing has asked for it: it is wanted by {}",
                wanted.join(", ")
            )
        } else if manual {
            "nothing has asked for it: `autostart = false`, and no unit wants it".to_owned()
        } else {
            "nothing has asked for it: no unit wants it".to_owned()
        };
        facts.add(Fact::NotAsked, None, text);
        facts.advise(Worth::Little, format!("`runnerctl start {unit}`"));
    }
}

/// What is wrong with the definition; whether it can be used.
fn about_definition(facts: &mut Facts<'_>, view: &UnitView) -> bool {
    let unit = facts.unit;
    let again = format!("`runnerctl daemon-reload && runnerctl start {unit}`");
    let Some(definition) = &view.definition else {
        facts.add(Fact::Definition, None, "no unit file defines it");
        facts.advise(
            Worth::Remedy,
            format!("write a unit file for it, then {again}"),
        );
        return false;
    };
    if view.stale {
        let text = "its file is gone or has changed: it is on its last good definition";
        facts.add(Fact::Definition, None, text);
        facts.advise(Worth::Little, "`runnerctl plan`".to_owned());
    }
    if view.transient {
        facts.add(
            Fact::Definition,
            None,
            "a client defined it: it is in no file",
        );
    }
    match definition.load_state() {
        LoadState::Loaded => return true,
        LoadState::NotFound => {
            facts.add(Fact::Definition, None, "no unit file defines it");
            facts.advise(
                Worth::Remedy,
                format!("write a unit file for it, then {again}"),
            );
        }
        LoadState::Masked => {
            let path = definition.origin().fragment.as_deref().unwrap_or_default();
            facts.add(Fact::Definition, None, format!("it is masked by {path}"));
            facts.advise(
                Worth::Remedy,
                format!("`runnerctl unmask {unit} && runnerctl start {unit}`"),
            );
        }
        LoadState::BadSetting(found) | LoadState::Error(found) => {
            for found in found.iter() {
                facts.add(Fact::Definition, None, found.to_string());
            }
            if let Some(first) = found.first() {
                let place = &first.place;
                facts.advise(Worth::Remedy, format!("correct {place}, then {again}"));
            }
        }
    }
    false
}

/// What had to hold and does not.
fn about_tests(facts: &mut Facts<'_>, view: &UnitView) {
    if !view.active.is_down() {
        return;
    }
    type Setting = fn(ConditionKind) -> SettingId;
    let lists: [(_, Setting); 2] = [
        (&view.conditions, ConditionKind::condition),
        (&view.asserts, ConditionKind::assert),
    ];
    for (list, setting) in lists {
        if list.result || list.at.is_none() {
            continue;
        }
        for (test, outcome) in &list.tests {
            if *outcome == Outcome::Fails {
                let text = format!("`{}` does not hold", written(setting, test));
                facts.add(Fact::Condition, list.at, text);
            }
        }
        let unit = facts.unit;
        facts.advise(
            Worth::Remedy,
            format!("see to it that this holds, then `runnerctl start {unit}`"),
        );
    }
}

/// A test as it stands in a unit file.
fn written(setting: fn(ConditionKind) -> SettingId, test: &Test) -> String {
    format!("{} = {}", setting(test.kind).key(), test.condition)
}

/// Who or what wanted it so.
fn about_asked(facts: &mut Facts<'_>, asked: &Asked, active: ActiveState) {
    let kind = asked.kind.as_str();
    let mut text = match &asked.cause {
        Cause::Client(who) if who.is_empty() => format!("its {kind} was asked for"),
        Cause::Client(who) => format!("its {kind} was asked for by {who}"),
        Cause::Boot => format!("its {kind} was part of the boot"),
        Cause::Shutdown => format!("its {kind} was part of the shutdown"),
        Cause::PulledIn(by) => format!("its {kind} came with a job of {by}"),
        Cause::Conflict(by) => {
            format!("its {kind} came with the start of {by}, which it conflicts with")
        }
        Cause::Trigger(by) => format!("its {kind} was triggered by {by}"),
        Cause::Connection(socket) => format!("its {kind} is for a connection at {socket}"),
        Cause::OnFailure(by) => format!("its {kind} was wanted since {by} had failed"),
        Cause::OnSuccess(by) => format!("its {kind} was wanted since {by} had come to its end"),
        Cause::Bound(by) => {
            format!("its {kind} followed from {by} being down, which it is bound to")
        }
        Cause::Upheld(by) => format!("its {kind} was wanted since {by} upholds it"),
        Cause::Unneeded => format!("its {kind} was wanted since nothing needed it any more"),
        Cause::Policy => format!("its {kind} is by its own restart policy"),
        Cause::Group(group) => format!("its {kind} came with its group {group}"),
    };
    if let Some((_, result)) = asked.ended {
        text.push_str(&match (result, &asked.blame) {
            (JobResult::Dependency, Some(other)) => {
                format!(", and was given up because of {other}")
            }
            (result, _) => format!("; the job ended: {}", result.as_str()),
        });
    }
    facts.add(Fact::Asked, Some(asked.at), text);
    if let Some(other) = &asked.blame {
        facts.blame(other);
    }
    match &asked.cause {
        Cause::Bound(by) if active.is_down() => facts.blame(by),
        Cause::PulledIn(by)
        | Cause::Conflict(by)
        | Cause::Trigger(by)
        | Cause::Connection(by)
        | Cause::OnFailure(by)
        | Cause::OnSuccess(by)
        | Cause::Bound(by)
        | Cause::Upheld(by) => facts.wanted_by = Some(by.clone()),
        Cause::Client(_)
        | Cause::Boot
        | Cause::Shutdown
        | Cause::Unneeded
        | Cause::Policy
        | Cause::Group(_) => {}
    }
    if active.is_down() {
        let unit = facts.unit;
        let stopped = matches!(asked.kind, JobKind::Stop);
        let ended_well = matches!(asked.ended, Some((_, JobResult::Done)));
        if stopped || ended_well || asked.blame.is_none() {
            facts.advise(Worth::Little, format!("`runnerctl start {unit}`"));
        }
    }
}

fn is_up(active: ActiveState) -> bool {
    matches!(active, ActiveState::Active | ActiveState::Reloading)
}
