//! The timer unit's machine: knows when it elapses next, and says when its unit is wanted.
//!
//! What it waits for is computed from the definition and from what happened (its own start, its last
//! elapse, the last start and end of its unit), so it can be computed again whenever one of these
//! changes or the clock is set. The rules are those of systemd.timer(5).

mod moment;

use serde::{Deserialize, Serialize};
use units::value::{Span, TimerBase};

pub(crate) use self::moment::{Around, Moment, Triggered, moments};
use self::moment::{coalesce, scatter};
use crate::action::{Action, Level, MessageId};
use crate::clock::{Monotonic, Now, Realtime};
use crate::machine::{Context, Wish};
use crate::ticket::Ticket;
use crate::timer::Timer;
use crate::view::systemd::{ActiveState, SubState, UnitResult};

/// How far real time may move against monotonic time while nobody looks before that counts as a
/// clock that was set: less is what two readings of a busy machine are apart.
const DRIFT: u64 = 100_000;

/// All that is known of a timer unit and cannot be computed again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TimerUnit {
    pub(crate) phase: Phase,
    pub(crate) result: UnitResult,
    /// When it was started.
    pub(crate) since: Now,
    /// When it last elapsed. If that is known from its stamp, the monotonic part is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<Now>,
    /// Moments that come once and have passed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spent: Vec<(TimerBase, Span)>,
    /// It elapsed while it was about to be stopped: nothing was started.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) held_back: bool,
}

/// Where a timer unit is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    #[default]
    Dead,
    Failed,
    /// `ReadStamp` is not answered.
    Stamp {
        read: Ticket,
    },
    Waiting(Waiting),
    /// It has elapsed, and its unit is on its way or up.
    Running,
    /// It will not elapse again.
    Elapsed,
}

/// What a timer waits for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Waiting {
    /// None where only the clock or the time zone can make it elapse.
    alarm: Option<Timer>,
    /// What the settings say.
    plan: Plan,
    /// The same with the random delay.
    pub(crate) next: Plan,
    /// The clocks when the alarm was set.
    set_at: Now,
}

/// The next moments of a timer, microseconds on the clock of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Plan {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) realtime: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) monotonic: Option<u64>,
}

/// What can happen to a timer unit.
#[derive(Debug, Clone)]
pub(crate) enum TimerEvent {
    Start,
    Stop,
    ResetFailed,
    /// The start limit is hit.
    Limited,
    /// When it last elapsed in an earlier life, if it ever did.
    StampRead {
        ticket: Ticket,
        at: Option<Realtime>,
    },
    /// The alarm.
    Fired(Ticket),
    /// Its unit could not be asked to start.
    TriggerRefused(String),
    /// Its unit changed its state, or its job ended.
    UnitChanged,
    /// The clock was set.
    ClockSet,
    /// Local time is another one.
    ZoneChanged,
    /// It is not about to be stopped any more.
    Spared,
    /// Its definition is another one.
    Redefined,
    /// After a recovery.
    Resume,
}

impl Phase {
    /// The tickets whose answers it waits for.
    pub(crate) fn tickets(&self) -> Option<Ticket> {
        match self {
            Phase::Stamp { read } => Some(*read),
            Phase::Waiting(waiting) => waiting.alarm.map(|alarm| alarm.ticket),
            Phase::Dead | Phase::Failed | Phase::Running | Phase::Elapsed => None,
        }
    }

    /// systemd's words for it.
    pub(crate) fn states(&self) -> (ActiveState, SubState) {
        match self {
            Phase::Dead => (ActiveState::Inactive, SubState::Dead),
            Phase::Failed => (ActiveState::Failed, SubState::Failed),
            Phase::Stamp { .. } => (ActiveState::Activating, SubState::Start),
            Phase::Waiting(_) => (ActiveState::Active, SubState::Waiting),
            Phase::Running => (ActiveState::Active, SubState::Running),
            Phase::Elapsed => (ActiveState::Active, SubState::Elapsed),
        }
    }
}

/// One step: what becomes of `state` by `event`.
pub(crate) fn step(
    cx: Context<'_>,
    around: Around<'_>,
    state: TimerUnit,
    event: TimerEvent,
) -> TimerUnit {
    let mut run = Run {
        cx,
        around,
        s: state,
    };
    run.take(event);
    run.s
}

struct Run<'a> {
    cx: Context<'a>,
    around: Around<'a>,
    s: TimerUnit,
}

impl Run<'_> {
    fn take(&mut self, event: TimerEvent) {
        match event {
            TimerEvent::Start => self.start(),
            TimerEvent::Stop => self.end(Phase::Dead, "stop"),
            TimerEvent::ResetFailed => {
                if self.s.phase == Phase::Failed {
                    self.s.result = UnitResult::Success;
                    self.go(Phase::Dead, "reset-failed");
                }
            }
            TimerEvent::Limited => {
                self.fail(
                    UnitResult::StartLimitHit,
                    "it was started too often in too short a time",
                );
            }
            TimerEvent::StampRead { ticket, at } => self.stamp_read(ticket, at),
            TimerEvent::Fired(ticket) => self.fired(ticket),
            TimerEvent::TriggerRefused(why) => self.fail(UnitResult::Resources, &why),
            // It has elapsed, and says so once it is spared.
            TimerEvent::UnitChanged | TimerEvent::ZoneChanged | TimerEvent::Redefined
                if self.s.held_back => {}
            TimerEvent::UnitChanged => match self.s.phase {
                Phase::Waiting(_) | Phase::Elapsed => self.wait(false),
                Phase::Running if self.around.unit.at_rest => self.wait(false),
                _ => {}
            },
            TimerEvent::ClockSet => self.clock_set(),
            TimerEvent::ZoneChanged => {
                if !matches!(self.s.phase, Phase::Waiting(_)) {
                } else if self.cx.definition.on_timezone_change() {
                    self.elapse("the time zone has changed");
                } else {
                    self.wait(false);
                }
            }
            TimerEvent::Spared => {
                let waits = matches!(self.s.phase, Phase::Waiting(_));
                if std::mem::take(&mut self.s.held_back) && waits {
                    self.elapse("it had elapsed");
                }
            }
            TimerEvent::Redefined => match self.s.phase {
                Phase::Waiting(_) | Phase::Elapsed => {
                    self.disarm();
                    self.wait(false);
                }
                _ => {}
            },
            TimerEvent::Resume => self.resume(),
        }
    }

    fn start(&mut self) {
        if !matches!(self.s.phase, Phase::Dead | Phase::Failed) {
            return;
        }
        self.s.result = UnitResult::Success;
        self.s.since = self.cx.now;
        self.s.last = None;
        self.s.held_back = false;
        self.s.spent.retain(|(base, _)| *base != TimerBase::Active);
        if self.keeps_a_stamp() {
            let ticket = self.cx.mint.ticket();
            let unit = self.cx.name.clone();
            self.cx.actions.push(Action::ReadStamp { ticket, unit });
            self.go(Phase::Stamp { read: ticket }, "start");
        } else {
            self.wait(false);
        }
    }

    fn keeps_a_stamp(&self) -> bool {
        self.cx.definition.persistent() && !self.cx.definition.on_calendar().is_empty()
    }

    fn stamp_read(&mut self, ticket: Ticket, at: Option<Realtime>) {
        if self.s.phase != (Phase::Stamp { read: ticket }) {
            return;
        }
        let now = self.cx.now.realtime;
        match at {
            // The first time ever: missed is what comes after this.
            None => self.write_stamp(now),
            Some(at) if at > now => {
                let text = "the stamp of its last elapse is in the future: it is not used";
                self.cx.log(Level::Warning, MessageId::Other, text);
            }
            Some(realtime) => {
                self.s.last = Some(Now {
                    realtime,
                    monotonic: Monotonic::default(),
                });
            }
        }
        self.wait(false);
    }

    fn write_stamp(&mut self, at: Realtime) {
        if self.keeps_a_stamp() {
            let unit = self.cx.name.clone();
            self.cx.actions.push(Action::WriteStamp { unit, at });
        }
    }

    /// What the settings say comes next, and whether the unit's next start or end brings another.
    fn plan(&mut self, clock_set: bool) -> (Plan, bool) {
        let (now, last) = (self.cx.now, self.s.last);
        let mut spent = Vec::new();
        let (mut plan, mut leave_around) = (Plan::default(), false);
        for moment in moments(self.cx.definition, &self.s, &self.around, now) {
            match moment {
                Moment::Since(base, span, next) => {
                    let once = match base {
                        TimerBase::Active | TimerBase::Boot | TimerBase::Startup => true,
                        TimerBase::UnitActive | TimerBase::UnitInactive => false,
                    };
                    leave_around |= !once;
                    let Some(next) = next else { continue };
                    let done = last.is_some_and(|last| {
                        next <= last.monotonic.0 || next < now.monotonic.0 && !clock_set
                    });
                    if once && done {
                        spent.push((base, span));
                    } else {
                        plan.monotonic = Some(plan.monotonic.map_or(next, |at| at.min(next)));
                    }
                }
                Moment::Calendar(_, Some(next)) => {
                    plan.realtime = Some(plan.realtime.map_or(next, |at| at.min(next)));
                }
                Moment::Calendar(_, None) => {}
            }
        }
        self.s.spent.append(&mut spent);
        (plan, leave_around)
    }

    /// Waits for what comes next. If that is what it waits for already, the random delay stays.
    fn wait(&mut self, clock_set: bool) {
        let (plan, leave_around) = self.plan(clock_set);
        let definition = self.cx.definition;
        let by_clock = definition.on_clock_change() || definition.on_timezone_change();
        if plan == Plan::default() && !by_clock {
            self.disarm();
            if leave_around || definition.remain_after_elapse() {
                return self.go(Phase::Elapsed, "nothing comes any more");
            }
            self.s.result = UnitResult::Success;
            return self.go(Phase::Dead, "nothing comes any more");
        }
        if let Phase::Waiting(waiting) = &self.s.phase
            && waiting.plan == plan
            && !clock_set
        {
            return;
        }
        self.disarm();
        let next = Plan {
            realtime: plan.realtime.map(|at| self.delayed(at)),
            monotonic: plan.monotonic.map(|at| self.delayed(at)),
        };
        self.arm(plan, next);
    }

    /// A moment with its random delay.
    fn delayed(&mut self, at: u64) -> u64 {
        let most = self.cx.definition.randomized_delay_sec().as_micros();
        if most == 0 {
            return at;
        }
        let number = match self.cx.definition.fixed_random_delay() {
            true => scatter(self.around.host, self.cx.name.as_str()),
            false => self.cx.mint.chance(),
        };
        at.saturating_add(number % most)
    }

    fn arm(&mut self, plan: Plan, next: Plan) {
        let now = self.cx.now;
        let accuracy = self.cx.definition.accuracy_sec().as_micros();
        let coalesced = |at| coalesce(at, accuracy, self.around.host);
        let realtime = next.realtime.map(coalesced);
        let monotonic = next.monotonic.map(coalesced);
        let in_monotonic = realtime.map(|at| {
            let left = at.saturating_sub(now.realtime.0);
            now.monotonic.0.saturating_add(left)
        });
        let at = [monotonic, in_monotonic].into_iter().flatten().min();
        let at = at.filter(|at| *at != u64::MAX).map(Monotonic);
        let alarm = at.map(|at| Timer::arm_at(self.cx.mint, self.cx.actions, at));
        if self.cx.definition.wake_system() {
            let left = at.map(|at| at.0.saturating_sub(now.monotonic.0));
            if let Some(left) = left {
                self.wake_system(Some(Realtime(now.realtime.0.saturating_add(left))));
            }
        }
        let phase = Phase::Waiting(Waiting {
            alarm,
            plan,
            next,
            set_at: now,
        });
        // Shown as the next elapse.
        self.cx.wishes.push(Wish::Refresh);
        self.go(phase, "waits for its next elapse");
    }

    fn wake_system(&mut self, at: Option<Realtime>) {
        let unit = self.cx.name.clone();
        self.cx.actions.push(Action::WakeSystem { unit, at });
    }

    /// Waits for nothing any more.
    fn disarm(&mut self) {
        self.take_alarm_back();
        if let Phase::Waiting(waiting) = &mut self.s.phase {
            // Whatever comes next is no repetition of this.
            (waiting.plan, waiting.next) = (Plan::default(), Plan::default());
        }
    }

    fn take_alarm_back(&mut self) {
        if let Phase::Waiting(waiting) = &mut self.s.phase
            && let Some(alarm) = waiting.alarm.take()
        {
            alarm.cancel(self.cx.actions);
            if self.cx.definition.wake_system() {
                self.wake_system(None);
            }
        }
    }

    fn fired(&mut self, ticket: Ticket) {
        let Phase::Waiting(waiting) = &mut self.s.phase else {
            return;
        };
        if waiting.alarm.map(|alarm| alarm.ticket) != Some(ticket) {
            return;
        }
        waiting.alarm = None;
        let (plan, next, now) = (waiting.plan, waiting.next, self.cx.now);
        let due = next.realtime.is_some_and(|at| at <= now.realtime.0)
            || next.monotonic.is_some_and(|at| at <= now.monotonic.0);
        if due {
            self.elapse("it has elapsed");
        } else {
            // The clock was set back, and we are about to hear of it.
            self.arm(plan, next);
        }
    }

    fn elapse(&mut self, cause: &str) {
        self.s.held_back = self.cx.stop_pending;
        if self.s.held_back {
            // It is shown to wait for what has come already.
            return self.take_alarm_back();
        }
        self.disarm();
        self.s.last = Some(self.cx.now);
        self.write_stamp(self.cx.now.realtime);
        self.go(Phase::Running, cause);
        self.cx.wishes.push(Wish::Trigger);
    }

    fn clock_set(&mut self) {
        if !matches!(self.s.phase, Phase::Waiting(_)) {
            return;
        }
        // It elapsed in what is the future again: what comes until then is not to be left out.
        let now = self.cx.now.realtime;
        if let Some(last) = &mut self.s.last {
            last.realtime = last.realtime.min(now);
        }
        if self.cx.definition.on_clock_change() {
            self.elapse("the clock was set");
        } else {
            // What was held back elapses again, unless that is still to come by this clock.
            self.s.held_back = false;
            self.wait(true);
        }
    }

    fn resume(&mut self) {
        match &self.s.phase {
            Phase::Stamp { read } => {
                let (ticket, unit) = (*read, self.cx.name.clone());
                self.cx.actions.push(Action::ReadStamp { ticket, unit });
            }
            Phase::Waiting(waiting) => {
                let (waiting, now) = (waiting.clone(), self.cx.now);
                let passed = now.monotonic.0.saturating_sub(waiting.set_at.monotonic.0);
                let expected = waiting.set_at.realtime.0.saturating_add(passed);
                if now.realtime.0.abs_diff(expected) > DRIFT {
                    return self.clock_set();
                }
                if let Some(alarm) = waiting.alarm {
                    alarm.rearm(self.cx.actions);
                }
                if self.cx.definition.wake_system() {
                    let left = waiting
                        .alarm
                        .map(|alarm| alarm.at.0.saturating_sub(now.monotonic.0));
                    if let Some(left) = left {
                        self.wake_system(Some(Realtime(now.realtime.0.saturating_add(left))));
                    }
                }
            }
            Phase::Dead | Phase::Failed | Phase::Running | Phase::Elapsed => {}
        }
        if self.s.phase.states().0 == ActiveState::Active
            && let Some(last) = self.s.last.filter(|last| last.monotonic.0 > 0)
        {
            // Nobody knows whether it was written; it says the same again.
            self.write_stamp(last.realtime);
        }
    }

    fn fail(&mut self, result: UnitResult, why: &str) {
        self.s.result = result;
        self.cx.log_failure(why);
        self.end(Phase::Failed, result.as_str());
    }

    fn end(&mut self, phase: Phase, cause: &str) {
        self.disarm();
        if phase == Phase::Failed || self.s.phase != Phase::Failed {
            self.go(phase, cause);
        }
    }

    fn go(&mut self, phase: Phase, cause: &str) {
        let from = self.s.phase.states();
        let to = phase.states();
        self.s.phase = phase;
        self.cx.went(from, to, cause);
    }
}
