//! Properties only timers have.

use control::Word;
use engine::view::systemd::TimerView;
use zbus::Variant;

use super::{Access, Emits, Getter, Property, UnitFacts, row, text};
use crate::names::Face;
use crate::names::interface::TIMER;

pub(super) fn add(table: &mut Vec<Property>) {
    use Emits::{Change, Silent};
    let mut add = |name_and_type, emits, doc, get: fn(&UnitFacts) -> Variant<'static>| {
        table.push(row(
            TIMER,
            name_and_type,
            (Access::State, emits),
            doc,
            Getter::Unit(get),
        ));
    };
    add(("Unit", "s"), Silent, "The unit that it starts", |u| {
        text(super::triggered(u))
    });
    add(
        ("TimersMonotonic", "a(stt)"),
        Silent,
        "Its moments that count from something that happened: the setting, the span, and when that \
         is next on the monotonic clock, 0 for never",
        |u| {
            let spans = timer(u).map(|t| t.spans.as_slice()).unwrap_or_default();
            let spans = spans.iter().map(|(base, span, next)| {
                let base = base.as_str().replace("Sec", "USec");
                (base, span.as_micros(), next.unwrap_or(0))
            });
            Variant::from(spans.collect::<Vec<(String, u64, u64)>>())
        },
    );
    add(
        ("TimersCalendar", "a(sst)"),
        Silent,
        "Its calendar expressions: `OnCalendar`, the expression, and when it is next in \
         microseconds since the epoch, 0 for never",
        |u| {
            let calendars = timer(u).map(|t| t.calendars.as_slice()).unwrap_or_default();
            let calendars = calendars.iter().map(|(spec, next)| {
                let base = "OnCalendar".to_owned();
                (base, spec.clone(), next.unwrap_or(0))
            });
            Variant::from(calendars.collect::<Vec<(String, String, u64)>>())
        },
    );
    add(
        ("NextElapseUSecRealtime", "t"),
        Change,
        "When it elapses next by the calendar, microseconds since the epoch; 0 for never",
        |u| next(u, |timer| timer.next_realtime),
    );
    add(
        ("NextElapseUSecMonotonic", "t"),
        Change,
        "When it elapses next otherwise, microseconds on the monotonic clock; 0 for never",
        |u| next(u, |timer| timer.next_monotonic),
    );
    add(
        ("LastTriggerUSec", "t"),
        Change,
        "When it last elapsed, microseconds since the epoch; 0 for never",
        |u| super::realtime(timer(u).and_then(|t| t.last)),
    );
    add(
        ("LastTriggerUSecMonotonic", "t"),
        Change,
        "The same on the monotonic clock; 0 also if that was before the last start of the timer",
        |u| super::monotonic(timer(u).and_then(|t| t.last)),
    );
    add(
        ("Result", "s"),
        Change,
        "Why it is failed: `resources`, `start-limit-hit`; otherwise `success`",
        |u| text(u.detail.view.result.word()),
    );
}

/// When it elapses by one of the two clocks. Where it does by neither, systemd says infinity.
fn next(facts: &UnitFacts, which: fn(&TimerView) -> Option<u64>) -> Variant<'static> {
    let elapses =
        timer(facts).is_some_and(|timer| timer.next_realtime.or(timer.next_monotonic).is_some());
    let none = match facts.face {
        Face::Systemd if !elapses => u64::MAX,
        _ => 0,
    };
    timer(facts).and_then(which).unwrap_or(none).into()
}

fn timer(facts: &UnitFacts) -> Option<&TimerView> {
    facts.detail.view.timer.as_ref()
}
