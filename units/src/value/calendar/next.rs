//! When an expression elapses next.
//!
//! The search goes field by field from the year down. A field that has to move on sets those below
//! it back to their beginning; one that has no value left moves the field above it on. A time that
//! no clock shows (the 31st of June, or the hour that daylight time leaves out) is carried to the
//! one that is shown instead, and the search begins again there.

use jiff::tz::TimeZone;

use super::{CalendarSpec, Chain, Days, SECOND, SpecZone, Values, YEARS};
use crate::civil::{CivilTime, Clock};

/// After so many steps a search goes in a circle: systemd gives up as early.
const MOST_STEPS: usize = 1_000;

/// The last moment that is computed with, in microseconds: the end of the year 9999.
const LAST_MOMENT: u64 = 253_402_214_399_000_000;

impl CalendarSpec {
    /// The first moment after `time` that the expression names, both in microseconds since 1970;
    /// `None` if there is none until the end of 2199. `local` is the zone of those that name none.
    pub fn next_after(&self, time: u64, local: &TimeZone) -> Option<u64> {
        if time > LAST_MOMENT {
            return None;
        }
        let second = u64::from(SECOND.unsigned_abs());
        let (seconds, micros) = ((time + 1) / second, (time + 1) % second);
        let (zone, daylight) = match &self.zone {
            SpecZone::Local => (local, None),
            SpecZone::LocalOnly { daylight, .. } => (local, Some(*daylight)),
            SpecZone::Utc => (&TimeZone::UTC, None),
            SpecZone::Named { zone, .. } => (zone, None),
        };
        let clock = Clock::new(zone);
        let begin = Search {
            spec: self,
            time: clock.show(i64::try_from(seconds).ok()?)?,
            micros: i32::try_from(micros).ok()?,
            clock,
            daylight,
            forgets_daylight: false,
        };
        let mut search = begin.clone();
        let found = search.run().or_else(|Circle| {
            search = Search {
                forgets_daylight: true,
                ..begin
            };
            search.run()
        });
        let found = found.ok().flatten()?;
        Some(u64::try_from(found).ok()? * second + u64::try_from(search.micros).ok()?)
    }
}

/// A search on its way.
#[derive(Clone)]
struct Search<'a> {
    spec: &'a CalendarSpec,
    clock: Clock<'a>,
    /// Whether the expression asks for daylight or standard time.
    daylight: Option<bool>,
    /// How far it has come.
    time: CivilTime,
    micros: i32,
    /// Whether a time that was carried over may be standard or daylight time anew. systemd keeps
    /// the one it was carried to, and where that is the other one, `*-02/9-*` never comes past the
    /// new year. So this is for searches that go in a circle there.
    forgets_daylight: bool,
}

/// A search came back to where it was.
struct Circle;

/// The fields of a time, the greatest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

/// What came of moving one field.
enum Step {
    /// It has a value of the expression's, and the time is one that is shown.
    Fits,
    /// The time has changed: begin again.
    Again,
    /// Nothing later in this field.
    Over,
}

impl Search<'_> {
    /// The moment found; `micros` are those beyond it.
    fn run(&mut self) -> Result<Option<i64>, Circle> {
        let begin = (fields(&self.time), self.micros);
        'steps: for _ in 0..MOST_STEPS {
            if let Some(shown) = self.as_shown() {
                if (fields(&shown), self.micros) < begin {
                    // Where winter is daylight time, a time in the gap is one before the gap.
                    self.advance(Field::Hour);
                    continue 'steps;
                }
                self.time = shown;
            }
            self.time.daylight = self.daylight;
            let mut above = None;
            for field in [
                Field::Year,
                Field::Month,
                Field::Day,
                Field::Hour,
                Field::Minute,
                Field::Second,
            ] {
                match (self.settle(field), above) {
                    (Step::Fits, _) => {}
                    // Without another year there is nothing more.
                    (Step::Again | Step::Over, None) => return Ok(None),
                    (Step::Again, Some(_)) => continue 'steps,
                    (Step::Over, Some(above)) => {
                        self.advance(above);
                        continue 'steps;
                    }
                }
                if field == Field::Day && !self.is_weekday() {
                    self.advance(Field::Day);
                    continue 'steps;
                }
                above = Some(field);
            }
            return Ok(self.clock.moment(&self.time));
        }
        Err(Circle)
    }

    /// The present time, with all fields carried over.
    fn as_shown(&mut self) -> Option<CivilTime> {
        let moment = self.clock.moment(&self.time)?;
        self.clock.show(moment)
    }

    /// Moves `field` to the earliest value that the expression has from here on.
    fn settle(&mut self, field: Field) -> Step {
        let spec = self.spec;
        let from = match field {
            Field::Second => self.time.second * SECOND + self.micros,
            _ => *self.part(field),
        };
        let found = match (field, &spec.day) {
            (Field::Year, _) => spec.year.at_least(from),
            (Field::Month, _) => spec.month.at_least(from),
            (Field::Day, Days::FromStart(days)) => days.at_least(from),
            (Field::Day, Days::FromEnd(days)) => self.day_from_end(days, from),
            (Field::Hour, _) => spec.hour.at_least(from),
            (Field::Minute, _) => spec.minute.at_least(from),
            (Field::Second, _) => spec.second.at_least(from),
        };
        let Some(value) = found else {
            return Step::Over;
        };
        if field == Field::Second {
            self.micros = value % SECOND;
            self.time.second = value / SECOND;
        } else {
            *self.part(field) = value;
            if value != from {
                self.reset_below(field);
            }
        }
        self.keep_within_bounds()
    }

    /// Carries over a time that is not shown. What is below the first field that this changes goes
    /// back to its beginning, so that nothing in between is passed over.
    fn keep_within_bounds(&mut self) -> Step {
        if self.time.year > YEARS.1 {
            return Step::Over;
        }
        let Some(mut shown) = self.as_shown() else {
            return Step::Over;
        };
        let (was, is) = (fields(&self.time), fields(&shown));
        let Some(changed) = (0..is.len()).find(|at| is[*at] != was[*at]) else {
            return Step::Fits;
        };
        // Backwards it would never end.
        if is[changed] < was[changed] {
            return Step::Over;
        }
        match changed {
            0 => shown.month = 1,
            1 => shown.day = 1,
            2 => shown.hour = 0,
            3 => shown.minute = 0,
            4 => shown.second = 0,
            _ => {}
        }
        if self.forgets_daylight {
            shown.daylight = None;
        }
        self.time = shown;
        Step::Again
    }

    fn is_weekday(&mut self) -> bool {
        if self.spec.weekdays.are_all() {
            return true;
        }
        let shown = self.as_shown().and_then(|shown| shown.weekday());
        shown.is_some_and(|day| self.spec.weekdays.has(day))
    }

    /// Moves `field` on by one, and those below it to their beginning.
    fn advance(&mut self, field: Field) {
        *self.part(field) += 1;
        self.reset_below(field);
    }

    fn part(&mut self, field: Field) -> &mut i32 {
        match field {
            Field::Year => &mut self.time.year,
            Field::Month => &mut self.time.month,
            Field::Day => &mut self.time.day,
            Field::Hour => &mut self.time.hour,
            Field::Minute => &mut self.time.minute,
            Field::Second => &mut self.time.second,
        }
    }

    fn reset_below(&mut self, field: Field) {
        if field < Field::Month {
            self.time.month = 1;
        }
        if field < Field::Day {
            self.time.day = 1;
        }
        if field < Field::Hour {
            self.time.hour = 0;
        }
        if field < Field::Minute {
            self.time.minute = 0;
        }
        if field < Field::Second {
            self.time.second = 0;
            self.micros = 0;
        }
    }

    /// As [`Chain::at_least`], with days counted from the end of the month.
    fn day_from_end(&mut self, days: &Chain, from: i32) -> Option<i32> {
        let mut best = None;
        for values in &days.0 {
            let (first, last, step) = values.parts();
            // Counted from the start, the first one of a range is its last one.
            let (start, stop) = match last {
                Some(last) => (self.day_before_end(last), Some(self.day_before_end(first))),
                None => (self.day_before_end(first), None),
            };
            let value = earliest(start, stop, step, from);
            best = [best, value].into_iter().flatten().min();
        }
        best
    }

    /// The day of the present month that is the `day`-last.
    fn day_before_end(&mut self, day: i32) -> i32 {
        let last = CivilTime {
            month: self.time.month + 1,
            day: 1 - day,
            ..self.time
        };
        let shown = self
            .clock
            .moment(&last)
            .and_then(|moment| self.clock.show(moment));
        match shown {
            Some(shown) if shown.month == self.time.month => shown.day,
            _ => -1,
        }
    }
}

fn fields(time: &CivilTime) -> [i32; 6] {
    [
        time.year,
        time.month,
        time.day,
        time.hour,
        time.minute,
        time.second,
    ]
}

impl Chain {
    /// The least of these values that is not below `from`; `from` itself where any value will do.
    fn at_least(&self, from: i32) -> Option<i32> {
        if self.0.is_empty() {
            return Some(from);
        }
        let values = self.0.iter().copied().map(Values::parts);
        values
            .filter_map(|(start, stop, step)| earliest(start, stop, step, from))
            .min()
    }
}

/// The first value of `start`, `start + step`, … `stop` that is not below `from`.
fn earliest(start: i32, stop: Option<i32>, step: i32, from: i32) -> Option<i32> {
    if start >= from {
        return Some(start);
    }
    if step == 0 {
        return None;
    }
    let steps = (from - start - 1) / step + 1;
    let value = start + step * steps;
    stop.is_none_or(|stop| value <= stop).then_some(value)
}
