//! Moments, as systemd.time(7) writes them under PARSING TIMESTAMPS.

use jiff::tz::TimeZone;

use super::{Span, ValueProblem, Zones};
use crate::civil::{CivilTime, Clock, MONTHS, WEEKDAYS, zone_name};

/// The last moment there is, in microseconds since 1970: the end of the year 9999.
const LAST: u64 = 253_402_214_399_000_000;

const SECOND: u64 = 1_000_000;

/// Reads `2026-11-21 14:30`, `Sat 2026-11-21 14:30:07.5 Europe/Berlin`, `14:30`, `today`, `now`,
/// `+2h`, `1 week ago`, `@1700000000`; all in microseconds since 1970. `now` is what it is counted
/// from.
///
/// # Errors
/// When it is no moment, or one before 1970 or after the year 9999.
pub fn parse_timestamp(text: &str, now: u64, zones: &dyn Zones) -> Result<u64, ValueProblem> {
    let wrong = || {
        ValueProblem::new(format!("{text:?} is no moment")).with_hint(
            "write it as `2026-11-21 14:30`, `@SECONDS`, `now`, `today`, `+2h` or `3 days ago`",
        )
    };
    let span = |text: &str| Span::parse(text).map(Span::as_micros);
    let later = |span: u64| now.checked_add(span).ok_or_else(wrong);
    let earlier = |span: u64| now.checked_sub(span).ok_or_else(wrong);
    let moment = if let Some(seconds) = text.strip_prefix('@') {
        span(seconds)?
    } else if text == "now" {
        now
    } else if let Some(after) = text.strip_prefix('+') {
        later(span(after)?)?
    } else if let Some(before) = text.strip_prefix('-') {
        earlier(span(before)?)?
    } else if let Some(before) = text.strip_suffix(" ago") {
        earlier(span(before)?)?
    } else if let Some(after) = text.strip_suffix(" left") {
        later(span(after)?)?
    } else {
        in_zone(text, now, zones).ok_or_else(wrong)?
    };
    if moment > LAST {
        return Err(wrong());
    }
    Ok(moment)
}

/// `Sat 2026-11-21 14:30:07 CET`, as systemd writes a moment; whole seconds.
pub fn format_timestamp(micros: u64, zone: &TimeZone) -> String {
    let moment = i64::try_from(micros / SECOND).unwrap_or(i64::MAX);
    let (time, name) = match CivilTime::at(moment, zone) {
        Some(time) => (time, zone_name(zone, moment)),
        None => (CivilTime::utc(moment), "UTC".to_owned()),
    };
    let weekday = time.weekday().and_then(|day| WEEKDAYS.get(day));
    format!("{} {time} {name}", weekday.unwrap_or(&"Mon"))
}

/// A date with a time of day, in the zone it names at its end.
fn in_zone(text: &str, now: u64, zones: &dyn Zones) -> Option<u64> {
    let without = |word: &str| {
        let (rest, last) = text.rsplit_once(' ')?;
        last.eq_ignore_ascii_case(word).then_some(rest)
    };
    if let Some(rest) = without("UTC") {
        return civil(rest, now, &TimeZone::UTC, None);
    }
    for (name, daylight) in zones.local_names().into_iter().zip([false, true]) {
        if let Some(rest) = name.and_then(without) {
            return civil(rest, now, zones.local(), Some(daylight));
        }
    }
    if let Some((rest, name)) = text.rsplit_once(' ')
        && let Some(zone) = zones.named(name)
    {
        return civil(rest, now, &zone, None);
    }
    civil(text, now, zones.local(), None)
}

fn civil(text: &str, now: u64, zone: &TimeZone, daylight: Option<bool>) -> Option<u64> {
    let mut clock = Clock::new(zone);
    let today = CivilTime {
        daylight,
        ..clock.show(i64::try_from(now / SECOND).ok()?)?
    };
    let (weekday, text) = match text.split_once(' ') {
        Some((word, rest)) => match weekday(word) {
            Some(day) => (Some(day), rest),
            None => (None, text),
        },
        None => (None, text),
    };
    let (date, time) = match text {
        "today" => (today, Some((0, 0, 0, 0))),
        "yesterday" => (plus_days(today, -1), Some((0, 0, 0, 0))),
        "tomorrow" => (plus_days(today, 1), Some((0, 0, 0, 0))),
        _ => match text.split_once(' ') {
            Some((date, time)) if !date.contains(':') => dated(date, time, today)?,
            _ if text.contains(':') => (today, time_of_day(text)),
            _ => (parse_date(text)?.on(today), Some((0, 0, 0, 0))),
        },
    };
    let (hour, minute, second, micros) = time?;
    let time = CivilTime {
        hour,
        minute,
        second,
        ..date
    };
    if weekday.is_some_and(|day| time.weekday() != Some(day)) {
        return None;
    }
    let moment = clock.moment(&time)?;
    u64::try_from(moment)
        .ok()?
        .checked_mul(SECOND)?
        .checked_add(micros)
}

type TimeOfDay = (i32, i32, i32, u64);

/// `2026-11-21 14:30` or `Nov 21 14:30:07`.
fn dated(date: &str, time: &str, today: CivilTime) -> Option<(CivilTime, Option<TimeOfDay>)> {
    let Some(month) = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(date))
    else {
        return Some((parse_date(date)?.on(today), time_of_day(time)));
    };
    let (day, time) = time.trim_start_matches(' ').split_once(' ')?;
    let date = Date {
        year: today.year,
        month: i32::try_from(month).ok()? + 1,
        day: number(day, 1, 31)?,
    };
    // In this form seconds are never left out.
    let time = time_of_day(time).filter(|_| time.matches(':').count() == 2);
    Some((date.on(today), time))
}

struct Date {
    year: i32,
    month: i32,
    day: i32,
}

impl Date {
    fn on(&self, today: CivilTime) -> CivilTime {
        CivilTime {
            year: self.year,
            month: self.month,
            day: self.day,
            ..today
        }
    }
}

/// `2026-11-21`; a year of two digits is one between 1969 and 2068.
fn parse_date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-');
    let year = parts.next()?;
    let whole = number(year, 0, 9_999)?;
    let year = match (year.len(), whole) {
        (1 | 2, 0..69) => whole + 2_000,
        (1 | 2, _) => whole + 1_900,
        _ => whole,
    };
    let month = number(parts.next()?, 1, 12)?;
    let day = number(parts.next()?, 1, 31)?;
    Some(Date { year, month, day })
}

/// `14:30`, `14:30:07` or `14:30:07.5`.
fn time_of_day(text: &str) -> Option<TimeOfDay> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = match rest.split_once(':') {
        Some((minute, second)) => (minute, Some(second)),
        None => (rest, None),
    };
    let (hour, minute) = (number(hour, 0, 23)?, number(minute, 0, 59)?);
    let Some(second) = second else {
        return Some((hour, minute, 0, 0));
    };
    let (second, fraction) = match second.split_once('.') {
        Some((second, fraction)) if !fraction.is_empty() => (second, fraction),
        Some(_) => return None,
        None => (second, "0"),
    };
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let micros = super::calendar::micros(fraction);
    // A leap second is one.
    let second = number(second, 0, 61)?;
    Some((hour, minute, second, u64::try_from(micros).ok()?))
}

fn number(text: &str, least: i32, most: i32) -> Option<i32> {
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let value: i32 = text.parse().ok().filter(|_| is_number)?;
    (least..=most).contains(&value).then_some(value)
}

fn weekday(word: &str) -> Option<usize> {
    super::calendar::WEEKDAYS.iter().position(|name| {
        let short = name.get(..3).unwrap_or_default();
        word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(short)
    })
}

fn plus_days(time: CivilTime, days: i32) -> CivilTime {
    CivilTime {
        day: time.day + days,
        ..time
    }
}
