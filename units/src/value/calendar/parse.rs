//! Reading of expressions.

use super::field::{
    DAY, DAY_FROM_END, HOUR, Item, MINUTE, MONTH, Read, SECONDS, Trouble, Written, YEAR, centuries,
    checked,
};
use super::{CalendarSpec, Days, SECOND, SpecZone, Weekdays, Zones};
use crate::civil::CivilTime;
use crate::value::ValueProblem;

/// More items than this in one list are refused, as systemd does.
const MOST_ITEMS: usize = 241;

/// What a text may be in place of a date and a time, and the same written out. Any case will do.
const SHORTHANDS: &[(&[&str], &str)] = &[
    (&["minutely"], "*:*"),
    (&["hourly"], "*:0"),
    (&["daily"], "0:0"),
    (&["weekly"], "Mon"),
    (&["monthly"], "*-1"),
    (&["quarterly"], "1,4,7,10-1"),
    (
        &["biannually", "bi-annually", "semiannually", "semi-annually"],
        "1,7-1",
    ),
    // systemd once misspelt it, and takes that still.
    (&["annually", "yearly", "anually"], "1-1"),
];

/// The days of the week; each may be cut to its first three letters.
pub(in crate::value) const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

impl CalendarSpec {
    /// Reads `Mon..Fri 9:00`, `*-*~1 02:30 Europe/Berlin`, `daily`, `@1700000000`.
    ///
    /// # Errors
    /// Says which part is wrong and where it begins.
    pub fn parse(text: &str, zones: &dyn Zones) -> Result<CalendarSpec, ValueProblem> {
        let (rest, zone) = split_zone(text, zones);
        let shorthand = SHORTHANDS
            .iter()
            .find(|(words, _)| words.iter().any(|word| rest.eq_ignore_ascii_case(word)));
        let written_out = shorthand.map_or(rest, |(_, written_out)| *written_out);
        let mut cursor = Cursor {
            text: written_out,
            at: 0,
        };
        cursor.spec(zone).map_err(|Trouble { at, what, hint }| {
            let place = text.get(..at).map_or(0, |before| before.chars().count()) + 1;
            let last = rest.rsplit(' ').next().unwrap_or_default();
            let zone_like = last.len() < rest.len() && last.contains(char::is_alphabetic);
            let problem = ValueProblem::new(format!("{text:?}, character {place}: {what}"));
            match hint {
                _ if zone_like && at + last.len() + 1 >= rest.len() => {
                    problem.with_hint(format!("there is no time zone {last:?} on this host"))
                }
                Some(hint) => problem.with_hint(hint),
                None => problem,
            }
        })
    }
}

/// Takes the zone off the end.
fn split_zone<'a>(text: &'a str, zones: &dyn Zones) -> (&'a str, SpecZone) {
    let without = |word: &str| {
        let at = text.len().checked_sub(word.len() + 1)?;
        let end = text.get(at..)?.strip_prefix(' ')?;
        end.eq_ignore_ascii_case(word)
            .then(|| text.get(..at))
            .flatten()
    };
    if let Some(rest) = without("UTC") {
        return (rest, SpecZone::Utc);
    }
    for (name, daylight) in zones.local_names().into_iter().zip([false, true]) {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            continue;
        };
        if let Some(rest) = without(name) {
            let name = name.into();
            return (rest, SpecZone::LocalOnly { daylight, name });
        }
    }
    if let Some((rest, name)) = text.rsplit_once(' ')
        && let Some(zone) = zones.named(name)
    {
        let name = name.into();
        return (rest, SpecZone::Named { name, zone });
    }
    (text, SpecZone::Local)
}

/// How far a text has been read.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl Cursor<'_> {
    fn spec(&mut self, zone: SpecZone) -> Read<CalendarSpec> {
        if self.text.is_empty() {
            return Err(self.trouble("a date or a time is missing"));
        }
        let weekdays = self.weekdays()?;
        let (zone, date, time) = if self.takes("@") {
            let (date, time) = self.epoch()?;
            (SpecZone::Utc, date, time)
        } else {
            let date = self.date()?;
            (zone, date, self.time()?)
        };
        if !self.is_over() {
            return Err(self.trouble("something follows where the expression ends"));
        }
        let [year, month, day] = date.fields;
        let [hour, minute, second] = time;
        Ok(CalendarSpec {
            weekdays,
            year: checked(centuries(year), YEAR)?,
            month: checked(month, MONTH)?,
            day: match date.from_end && !day.items.is_empty() {
                true => Days::FromEnd(checked(day, DAY_FROM_END)?),
                false => Days::FromStart(checked(day, DAY)?),
            },
            hour: checked(hour, HOUR)?,
            minute: checked(minute, MINUTE)?,
            second: checked(second, SECONDS)?,
            zone,
        })
    }

    /// `Mon..Fri,Sun `; nothing if the text does not begin with a day.
    fn weekdays(&mut self) -> Read<Weekdays> {
        let mut days = Weekdays::default();
        let mut range_from: Option<usize> = None;
        let mut is_first = true;
        loop {
            let begin = self.at;
            let Some(day) = self.weekday() else {
                return match is_first {
                    true => Ok(days),
                    false => Err(self.trouble("a day of the week is missing")),
                };
            };
            let first = range_from.unwrap_or(day);
            if first > day {
                let mut trouble = self.trouble("a range of days ends before it begins");
                trouble.at = begin;
                trouble.hint = Some("weeks begin on Monday: write `Sat,Sun,Mon`".to_owned());
                return Err(trouble);
            }
            days.0 |= (first..=day).fold(0, |bits, day| bits | 1 << day);
            let is_range = if self.takes("..") || self.takes("-") {
                if range_from.is_some() {
                    return Err(self.trouble("a range of days has two ends"));
                }
                true
            } else {
                let ends = self.is_over() || self.rest().starts_with(' ');
                if !ends && !self.takes(",") {
                    return Err(self.trouble("this is no day of the week"));
                }
                false
            };
            range_from = is_range.then_some(day);
            // A comma may stand at the end, a range must not stay open.
            if self.is_over() || self.rest().starts_with(' ') {
                self.skip_spaces();
                return match range_from {
                    None => Ok(days),
                    Some(_) => Err(self.trouble("a range of days has no end")),
                };
            }
            is_first = false;
        }
    }

    fn weekday(&mut self) -> Option<usize> {
        WEEKDAYS.iter().position(|name| {
            let short = name.get(..3).unwrap_or_default();
            self.takes(name) || self.takes(short)
        })
    }

    /// What follows `@`: seconds since 1970, in the form that strtoul(3) reads.
    fn epoch(&mut self) -> Read<(Date, [Written; 3])> {
        let begin = self.at;
        let space = |c: char| c == ' ' || ('\t'..='\r').contains(&c);
        self.at = self.text.len() - self.rest().trim_start_matches(space).len();
        let is_negative = self.takes("-");
        if !is_negative {
            self.takes("+");
        }
        let digits = self.digits();
        let trouble = |what: &str| Trouble {
            at: begin,
            what: what.to_owned(),
            hint: Some("`@` is followed by seconds since 1970".to_owned()),
        };
        if digits.is_empty() {
            return Err(trouble("a number is missing"));
        }
        let seconds: i64 = digits.parse().map_err(|_| trouble("too large a number"))?;
        if is_negative && seconds > 0 {
            return Err(trouble("this was before 1970"));
        }
        let time = CivilTime::utc(seconds);
        let one = |value: i32| Written {
            at: begin,
            items: vec![Item {
                start: value,
                stop: None,
                step: 0,
            }],
        };
        let date = Date {
            fields: [one(time.year), one(time.month), one(time.day)],
            from_end: false,
        };
        let second = time.second * SECOND;
        Ok((date, [one(time.hour), one(time.minute), one(second)]))
    }

    /// `2026-11-21 `, `*-*~1 `, `11-21 `; any date if a time follows at once.
    fn date(&mut self) -> Read<Date> {
        let begin = self.at;
        let any = |at| Written {
            at,
            items: Vec::new(),
        };
        let any_date = Date {
            fields: [any(begin), any(begin), any(begin)],
            from_end: false,
        };
        if self.is_over() {
            return Ok(any_date);
        }
        let first = self.list(false)?;
        if self.is_over() || self.rest().starts_with(':') {
            self.at = begin;
            return Ok(any_date);
        }
        let mut from_end = self.date_separator()?;
        let second = self.list(false)?;
        let fields = if self.is_over() || self.rest().starts_with(' ') {
            [any(begin), first, second]
        } else {
            if from_end {
                return Err(self.trouble("`~` stands before the day, which comes last"));
            }
            from_end = self.date_separator()?;
            let third = self.list(false)?;
            if !self.is_over() && !self.rest().starts_with(' ') {
                return Err(self.trouble("a date ends after its day"));
            }
            [first, second, third]
        };
        self.skip_spaces();
        Ok(Date { fields, from_end })
    }

    /// Whether what follows is counted from the end.
    fn date_separator(&mut self) -> Read<bool> {
        if self.takes("~") {
            return Ok(true);
        }
        match self.takes("-") {
            true => Ok(false),
            false => Err(self
                .trouble("`-` or `:` is missing")
                .with_hint("dates are written 2026-11-21, times 14:30")),
        }
    }

    /// `14:30:07.5`; midnight if there is nothing.
    fn time(&mut self) -> Read<[Written; 3]> {
        let zero = |at| Written {
            at,
            items: vec![Item {
                start: 0,
                stop: None,
                step: 0,
            }],
        };
        if self.is_over() {
            return Ok([zero(self.at), zero(self.at), zero(self.at)]);
        }
        let hour = self.list(false)?;
        if !self.takes(":") {
            return Err(self
                .trouble("`:` is missing after the hour")
                .with_hint("times are written 14:30 or 14:30:07"));
        }
        let minute = self.list(false)?;
        if self.is_over() {
            return Ok([hour, minute, zero(self.at)]);
        }
        if !self.takes(":") {
            return Err(self.trouble("`:` or the end is missing after the minute"));
        }
        let second = self.list(true)?;
        match self.is_over() {
            true => Ok([hour, minute, second]),
            false => Err(self.trouble("a time ends after its seconds")),
        }
    }

    /// `*`, or `1,5..9,20/2`.
    fn list(&mut self, has_fractions: bool) -> Read<Written> {
        let at = self.at;
        let mut items = Vec::new();
        if self.takes("*") {
            if has_fractions {
                items.push(Item {
                    start: 0,
                    stop: None,
                    step: SECOND,
                });
            }
            return Ok(Written { at, items });
        }
        loop {
            if items.len() == MOST_ITEMS {
                return Err(self.trouble(&format!("a list has at most {MOST_ITEMS} items")));
            }
            items.push(self.item(has_fractions)?);
            if !self.takes(",") {
                return Ok(Written { at, items });
            }
        }
    }

    fn item(&mut self, has_fractions: bool) -> Read<Item> {
        let start = self.number(has_fractions)?;
        let stop = match self.takes("..") {
            true => Some(self.number(has_fractions)?),
            false => None,
        };
        let unit = if has_fractions { SECOND } else { 1 };
        let mut step = stop.map_or(0, |_| unit);
        if self.takes("/") {
            step = self.number(has_fractions)?;
            if step == 0 {
                return Err(self.trouble("a step of 0 leads nowhere"));
            }
        } else if start > i32::MAX - step {
            return Err(self.trouble("too large a number"));
        } else if has_fractions && stop.is_some_and(|stop| start + step > stop) {
            return Err(self
                .trouble("this range is shorter than a second")
                .with_hint("say how long a step is: `0..0.5/0.1`"));
        }
        let next = self.rest().chars().next();
        match next {
            None | Some(' ' | ',' | '-' | '~' | ':') => Ok(Item { start, stop, step }),
            Some(_) => Err(self.trouble("this cannot follow a number")),
        }
    }

    /// A whole number; seconds with their fraction, in microseconds.
    fn number(&mut self, has_fraction: bool) -> Read<i32> {
        let begin = self.at;
        let digits = self.digits();
        if digits.is_empty() {
            return Err(self.trouble("a number is missing"));
        }
        let mut value: Option<i64> = digits.parse().ok();
        if has_fraction {
            value = value.and_then(|seconds| seconds.checked_mul(i64::from(SECOND)));
            if self.rest().starts_with('.') && !self.rest().starts_with("..") {
                self.at += 1;
                let digits = self.digits();
                if digits.is_empty() {
                    return Err(self.trouble("a fraction is missing after the point"));
                }
                value = value.and_then(|seconds| seconds.checked_add(micros(digits)));
            }
        }
        value
            .and_then(|value| i32::try_from(value).ok())
            .ok_or_else(|| Trouble {
                at: begin,
                what: "too large a number".to_owned(),
                hint: None,
            })
    }

    fn digits(&mut self) -> &str {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Goes past `word` if it is next, in any case.
    fn takes(&mut self, word: &str) -> bool {
        let next = self.rest().get(..word.len());
        let is_next = next.is_some_and(|next| next.eq_ignore_ascii_case(word));
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    fn skip_spaces(&mut self) {
        while self.takes(" ") {}
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn is_over(&self) -> bool {
        self.rest().is_empty()
    }

    fn trouble(&self, what: &str) -> Trouble {
        Trouble {
            at: self.at,
            what: what.to_owned(),
            hint: None,
        }
    }
}

impl Trouble {
    fn with_hint(mut self, hint: &str) -> Trouble {
        self.hint = Some(hint.to_owned());
        self
    }
}

/// A date as it is written.
struct Date {
    /// Year, month and day.
    fields: [Written; 3],
    /// Whether days are counted from the end of the month.
    from_end: bool,
}

/// The digits after a point as microseconds, the seventh rounds.
pub(in crate::value) fn micros(digits: &str) -> i64 {
    let mut digits = digits.bytes().map(|digit| i64::from(digit - b'0'));
    let value = (0..6).fold(0, |value, _| value * 10 + digits.next().unwrap_or(0));
    value + i64::from(digits.next().is_some_and(|next| next >= 5))
}
