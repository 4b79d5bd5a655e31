//! Dates and times of day: what a clock on the wall shows, and the moment at which it shows that.
//!
//! Moments are whole seconds since 1970. Where an hour is missing or comes twice, the answer is
//! that of the C library's mktime(3), since systemd's calendars are made with it.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

pub use jiff::tz::TimeZone;

/// A date with a time of day. A field may leave its range while it is computed with:
/// [`Clock::moment`] carries it over, as mktime(3) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CivilTime {
    /// The year.
    pub year: i32,
    /// 1 to 12.
    pub month: i32,
    /// The day of the month, 1 to 31.
    pub day: i32,
    /// 0 to 23.
    pub hour: i32,
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 59.
    pub second: i32,
    /// Whether daylight time is in force; `None` if that is to be found out.
    pub daylight: Option<bool>,
}

/// The names of the days as dates are printed, Monday first.
pub const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The names of the months as dates are printed, January first.
pub const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The longest way to look for a moment with the wanted daylight time, and the step: no daylight
/// time was ever in force for less than a step (mktime(3) has the same two).
const FARTHEST: i64 = 536_454_000 / 2 + STEP;
const STEP: i64 = 601_200;

/// What mktime(3) takes for daylight time where the zone has none.
const USUAL_DAYLIGHT: i64 = 3_600;

impl CivilTime {
    /// What a clock in `zone` shows at a moment. `None` outside the years -9999 to 9999.
    pub fn at(moment: i64, zone: &TimeZone) -> Option<CivilTime> {
        let timestamp = Timestamp::from_second(moment).ok()?;
        let info = zone.to_offset_info(timestamp);
        let shown = info.offset().to_datetime(timestamp);
        Some(CivilTime {
            year: i32::from(shown.year()),
            month: i32::from(shown.month()),
            day: i32::from(shown.day()),
            hour: i32::from(shown.hour()),
            minute: i32::from(shown.minute()),
            second: i32::from(shown.second()),
            daylight: Some(info.dst().is_dst()),
        })
    }

    /// What a clock shows in UTC. The last moment of the year 9999 stands for all later ones, the
    /// last second of 1969 for those before year -9999.
    pub fn utc(moment: i64) -> CivilTime {
        const LAST: i64 = 253_402_207_200;
        CivilTime::at(moment.min(LAST), &TimeZone::UTC).unwrap_or(CivilTime {
            year: 1969,
            month: 12,
            day: 31,
            hour: 23,
            minute: 59,
            second: 59,
            daylight: Some(false),
        })
    }

    /// The day of the week, 0 is Monday. Fields out of range are carried over.
    pub fn weekday(&self) -> Option<usize> {
        // 1970 began on a Thursday.
        let days = self.in_utc()?.div_euclid(86_400);
        usize::try_from((days + 3).rem_euclid(7)).ok()
    }

    /// The moment at which a clock in UTC shows this.
    fn in_utc(&self) -> Option<i64> {
        let months = i64::from(self.month) - 1;
        let year = i16::try_from(i64::from(self.year) + months.div_euclid(12)).ok()?;
        let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
        let first = Date::new(year, month, 1).ok()?.at(0, 0, 0, 0);
        let first = Offset::UTC.to_timestamp(first).ok()?.as_second();
        let days = i64::from(self.day) - 1;
        let hours = days * 24 + i64::from(self.hour);
        Some(first + (hours * 60 + i64::from(self.minute)) * 60 + i64::from(self.second))
    }
}

/// `2026-11-21 14:30:07`
impl fmt::Display for CivilTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CivilTime {
            year, month, day, ..
        } = self;
        let (hour, minute, second) = (self.hour, self.minute, self.second);
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
        )
    }
}

/// Finds moments for times of day in one zone.
///
/// Of an hour that comes twice it finds the one whose offset is that of the last moment found, so
/// the order of questions matters, as it does with mktime(3).
#[derive(Debug, Clone)]
pub struct Clock<'a> {
    zone: &'a TimeZone,
    /// How far the last moment was behind the time shown, in seconds.
    behind: i64,
}

/// A moment, and what a clock shows then.
struct Probe {
    moment: i64,
    /// What it shows, as if it were UTC.
    shown: i64,
    daylight: bool,
}

impl<'a> Clock<'a> {
    /// A clock in `zone`.
    pub fn new(zone: &'a TimeZone) -> Clock<'a> {
        Clock { zone, behind: 0 }
    }

    /// What it shows at a moment.
    pub fn show(&self, moment: i64) -> Option<CivilTime> {
        CivilTime::at(moment, self.zone)
    }

    /// The moment at which it shows `time`. In a gap it is a moment as far from the gap's end as
    /// `time` is from its beginning, or the other way round. `None` before 1970 and after the year
    /// 9999.
    pub fn moment(&mut self, time: &CivilTime) -> Option<i64> {
        let wanted = time.in_utc()?;
        let found = self.approach(wanted, time.daylight)?;
        let moment = match time.daylight {
            Some(daylight) if found.daylight != daylight && found.shown == wanted => {
                self.with_daylight(wanted, &found, daylight)?.moment
            }
            _ => found.moment,
        };
        self.behind = moment - wanted;
        (moment >= 0).then_some(moment)
    }

    fn probe(&self, moment: i64) -> Option<Probe> {
        let timestamp = Timestamp::from_second(moment).ok()?;
        let info = self.zone.to_offset_info(timestamp);
        Some(Probe {
            moment,
            shown: moment + i64::from(info.offset().seconds()),
            daylight: info.dst().is_dst(),
        })
    }

    /// Goes on by the error of the last guess until there is none. In a gap that swings between two
    /// moments for ever: of these it is the one with daylight time, or the one with another than
    /// is wanted.
    fn approach(&self, wanted: i64, daylight: Option<bool>) -> Option<Probe> {
        let mut moment = wanted + self.behind;
        let (mut before_last, mut last) = (moment, moment);
        let mut last_daylight = false;
        for _ in 0..6 {
            let probe = self.probe(moment)?;
            let suits = match daylight {
                None => !last_daylight || probe.daylight,
                Some(daylight) => probe.daylight != daylight,
            };
            let swings = moment == before_last && moment != last;
            if probe.shown == wanted || (swings && suits) {
                return Some(probe);
            }
            (before_last, last) = (last, moment);
            last_daylight = probe.daylight;
            moment += wanted - probe.shown;
        }
        None
    }

    /// The moment that would show `wanted` with the daylight time of the nearest moment that has
    /// it, or lacks it, as asked for.
    fn with_daylight(&self, wanted: i64, found: &Probe, daylight: bool) -> Option<Probe> {
        let mut away = STEP;
        while away < FARTHEST {
            for moment in [found.moment - away, found.moment + away] {
                let near = self.probe(moment)?;
                if near.daylight == daylight {
                    return self.probe(moment + wanted - near.shown);
                }
            }
            away += STEP;
        }
        let usual = if daylight {
            -USUAL_DAYLIGHT
        } else {
            USUAL_DAYLIGHT
        };
        self.probe(found.moment + usual)
    }
}

/// What standard and daylight time are called around a moment in `zone`: the names that are in
/// force then, or next. tzname(3) has the same two.
pub fn zone_names(zone: &TimeZone, moment: i64) -> [Option<String>; 2] {
    /// More than any zone lists; a rule without an end gives both at once.
    const MOST: usize = 1_024;
    let mut names = [None, None];
    let Ok(timestamp) = Timestamp::from_second(moment) else {
        return names;
    };
    let now = zone.to_offset_info(timestamp);
    names[usize::from(now.dst().is_dst())] = Some(now.abbreviation().to_owned());
    for next in zone.following(timestamp).take(MOST) {
        if names.iter().all(Option::is_some) {
            break;
        }
        let name = &mut names[usize::from(next.dst().is_dst())];
        name.get_or_insert_with(|| next.abbreviation().to_owned());
    }
    names
}

/// What `zone` calls its time at a moment, such as `CEST`.
pub fn zone_name(zone: &TimeZone, moment: i64) -> String {
    Timestamp::from_second(moment).map_or_else(
        |_| String::from("UTC"),
        |timestamp| zone.to_offset_info(timestamp).abbreviation().to_owned(),
    )
}
