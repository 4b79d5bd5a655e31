//! The normalised form.

use std::fmt;

use super::{CalendarSpec, Chain, Days, SECOND, SpecZone, Values, Weekdays};
use crate::civil::WEEKDAYS;

impl fmt::Display for CalendarSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.weekdays.are_all() {
            write!(f, "{} ", self.weekdays)?;
        }
        let (separator, day) = match &self.day {
            Days::FromStart(days) => ('-', days),
            Days::FromEnd(days) => ('~', days),
        };
        write!(
            f,
            "{}-{}{separator}{} {}:{}:{}",
            Whole(&self.year, 4),
            Whole(&self.month, 2),
            Whole(day, 2),
            Whole(&self.hour, 2),
            Whole(&self.minute, 2),
            Seconds(&self.second),
        )?;
        match &self.zone {
            SpecZone::Local => Ok(()),
            SpecZone::Utc => f.write_str(" UTC"),
            SpecZone::LocalOnly { name, .. } | SpecZone::Named { name, .. } => {
                write!(f, " {name}")
            }
        }
    }
}

/// `Mon..Wed,Sat,Sun`: three days in a row and more are a range.
impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut day = 0;
        while day < WEEKDAYS.len() {
            let run = (day..WEEKDAYS.len())
                .take_while(|day| self.has(*day))
                .count();
            if let Some([first, between @ .., last]) = WEEKDAYS.get(day..day + run) {
                let joint = if between.is_empty() { "," } else { ".." };
                write!(f, "{separator}{first}{joint}{last}")?;
            } else if run == 1 {
                write!(f, "{separator}{}", WEEKDAYS[day])?;
            }
            if run > 0 {
                separator = ",";
            }
            day += run.max(1);
        }
        Ok(())
    }
}

/// A field of whole numbers, as wide as this.
struct Whole<'a>(&'a Chain, usize);

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Whole(chain, width) = *self;
        if chain.0.is_empty() {
            return f.write_str("*");
        }
        for (at, values) in chain.0.iter().enumerate() {
            let (start, stop, step) = values.parts();
            let separator = if at > 0 { "," } else { "" };
            write!(f, "{separator}{start:0width$}")?;
            if let Some(stop) = stop {
                write!(f, "..{stop:0width$}")?;
            }
            if step > 0 && (stop.is_none() || step != 1) {
                write!(f, "/{step}")?;
            }
        }
        Ok(())
    }
}

/// The field of seconds, which have fractions.
struct Seconds<'a>(&'a Chain);

impl fmt::Display for Seconds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const EACH: Values = Values::From {
            start: 0,
            step: SECOND,
        };
        let Seconds(chain) = self;
        if chain.0.is_empty() || chain.0.contains(&EACH) {
            return f.write_str("*");
        }
        for (at, values) in chain.0.iter().enumerate() {
            let (start, stop, step) = values.parts();
            let separator = if at > 0 { "," } else { "" };
            write!(f, "{separator}{:02}{}", start / SECOND, Fraction(start))?;
            if let Some(stop) = stop {
                write!(f, "..{:02}{}", stop / SECOND, Fraction(stop))?;
            }
            if step > 0 && (stop.is_none() || step != SECOND) {
                write!(f, "/{}{}", step / SECOND, Fraction(step))?;
            }
        }
        Ok(())
    }
}

/// What is left over of whole seconds: six digits, or nothing.
struct Fraction(i32);

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % SECOND {
            0 => Ok(()),
            rest => write!(f, ".{rest:06}"),
        }
    }
}
