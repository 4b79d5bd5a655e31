//! Calendar expressions, as systemd.time(7) writes them under CALENDAR EVENTS.
//!
//! `parse` reads text, `print` writes the normalised form, `next` finds moments. What is read and
//! what is refused, how it is normalised and when it elapses is that of systemd 252, which
//! `systemd-analyze calendar` shows.

mod field;
mod next;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub(super) use parse::{WEEKDAYS, micros};

use std::hash::{Hash, Hasher};

use jiff::tz::TimeZone;

/// The years an expression can name.
const YEARS: (i32, i32) = (1970, 2199);

/// Microseconds in a second: seconds are counted in microseconds.
const SECOND: i32 = 1_000_000;

/// Points in time that come again, such as `Mon..Fri *-*-* 02:30:00 Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarSpec {
    weekdays: Weekdays,
    year: Chain,
    month: Chain,
    day: Days,
    hour: Chain,
    minute: Chain,
    /// Seconds, in microseconds.
    second: Chain,
    zone: SpecZone,
}

/// The days of the week; no day at all stands for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Weekdays(u8);

/// Days of the month.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    /// From its beginning.
    FromStart(Chain),
    /// From its end: the last day is 1.
    FromEnd(Chain),
}

/// The values of one field: each of them, in order and without repetition. Empty is any value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Chain(Box<[Values]>);

/// One item of a field's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    /// This one.
    One(i32),
    /// This one, and again after each step up to the end of the field.
    From {
        /// The first.
        start: i32,
        /// More than nothing.
        step: i32,
    },
    /// From the first to the last, which is a whole number of steps away.
    Range {
        /// The first.
        start: i32,
        /// The last, which is greater.
        stop: i32,
        /// More than nothing.
        step: i32,
    },
}

/// Where the clock hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SpecZone {
    /// Here.
    Local,
    /// Here, and only while standard or daylight time is in force, as its abbreviation says.
    LocalOnly { daylight: bool, name: Box<str> },
    /// UTC.
    Utc,
    /// In a zone of the IANA database.
    Named { name: Box<str>, zone: TimeZone },
}

/// What an expression may know of time zones. Nothing here reads files: the caller does.
pub trait Zones {
    /// The zone with this name in the IANA database; `None` if there is none.
    fn named(&self, name: &str) -> Option<TimeZone>;

    /// The zone we are in.
    fn local(&self) -> &TimeZone;

    /// What local standard and daylight time are called at present, such as `CET` and `CEST`.
    fn local_names(&self) -> [Option<&str>; 2];
}

/// Knows no zone but UTC, and is there.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoZones;

impl Zones for NoZones {
    fn named(&self, _name: &str) -> Option<TimeZone> {
        None
    }

    fn local(&self) -> &TimeZone {
        const { &TimeZone::UTC }
    }

    fn local_names(&self) -> [Option<&str>; 2] {
        [None, None]
    }
}

impl CalendarSpec {
    /// The zone of the IANA database it names; `None` for UTC and local time.
    pub fn zone_name(&self) -> Option<&str> {
        match &self.zone {
            SpecZone::Named { name, .. } => Some(name),
            SpecZone::Local | SpecZone::LocalOnly { .. } | SpecZone::Utc => None,
        }
    }

    /// Whether it means another moment when the local zone changes.
    pub fn is_local(&self) -> bool {
        matches!(self.zone, SpecZone::Local | SpecZone::LocalOnly { .. })
    }
}

/// Equal expressions are printed alike.
impl Hash for CalendarSpec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_string().hash(state);
    }
}

impl Weekdays {
    const ALL: u8 = 0b111_1111;

    /// Whether day `day` (0 is Monday) is one of them.
    fn has(self, day: usize) -> bool {
        self.0 >> day & 1 == 1
    }

    fn are_all(self) -> bool {
        self.0 == 0 || self.0 == Weekdays::ALL
    }
}

impl Values {
    /// The first value, the last if it is named, and the step, 0 for none.
    fn parts(self) -> (i32, Option<i32>, i32) {
        match self {
            Values::One(value) => (value, None, 0),
            Values::From { start, step } => (start, None, step),
            Values::Range { start, stop, step } => (start, Some(stop), step),
        }
    }
}
