//! The fields of an expression: from a list as it is written to the values it stands for.

use std::cmp::Ordering;

use super::{Chain, SECOND, Values, YEARS};

/// What is wrong, and where it begins.
pub(super) struct Trouble {
    pub(super) at: usize,
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

pub(super) type Read<T> = Result<T, Trouble>;

/// A field of an expression.
#[derive(Clone, Copy)]
pub(super) struct Field {
    name: &'static str,
    least: i32,
    most: i32,
    has_fractions: bool,
}

pub(super) const YEAR: Field = Field {
    name: "year",
    least: YEARS.0,
    most: YEARS.1,
    has_fractions: false,
};
pub(super) const MONTH: Field = Field {
    name: "month",
    least: 1,
    most: 12,
    has_fractions: false,
};
pub(super) const DAY: Field = Field {
    name: "day",
    least: 1,
    most: 31,
    has_fractions: false,
};
/// Each month has so many days before its last one.
pub(super) const DAY_FROM_END: Field = Field {
    name: "day from the end of a month",
    least: 1,
    most: 28,
    has_fractions: false,
};
pub(super) const HOUR: Field = Field {
    name: "hour",
    least: 0,
    most: 23,
    has_fractions: false,
};
pub(super) const MINUTE: Field = Field {
    name: "minute",
    least: 0,
    most: 59,
    has_fractions: false,
};
pub(super) const SECONDS: Field = Field {
    name: "second",
    least: 0,
    most: 60 * SECOND - 1,
    has_fractions: true,
};

/// A list as it is written: nothing is checked but its form.
pub(super) struct Written {
    pub(super) at: usize,
    pub(super) items: Vec<Item>,
}

pub(super) struct Item {
    pub(super) start: i32,
    pub(super) stop: Option<i32>,
    /// 0 is none.
    pub(super) step: i32,
}

/// Two digits are a year between 1970 and 2069.
pub(super) fn centuries(mut years: Written) -> Written {
    let whole = |year: i32| match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    for item in &mut years.items {
        item.start = whole(item.start);
        item.stop = item.stop.map(whole);
    }
    years
}

/// Brings a list into its one form: steps that end where their range does, sorted, each once.
pub(super) fn checked(written: Written, field: Field) -> Read<Chain> {
    let mut items = Vec::with_capacity(written.items.len());
    for item in written.items {
        let at = written.at;
        items.push(values(item, field).map_err(|(what, hint)| Trouble { at, what, hint })?);
    }
    crate::sort::by_key(&mut items, |values| values.parts());
    items.dedup();
    if field.name == DAY_FROM_END.name {
        check_days_from_end(&items).map_err(|what| Trouble {
            at: written.at,
            what,
            hint: None,
        })?;
    }
    Ok(Chain(items.into()))
}

/// systemd takes three days off what is left for each item of such a list, and so refuses some that
/// would make sense. A timer that is written for both means the same in both.
fn check_days_from_end(items: &[Values]) -> Result<(), String> {
    let mut most = DAY_FROM_END.most;
    for values in items {
        let (start, stop, step) = values.parts();
        let last = stop.unwrap_or(start);
        if last > most || step >= most {
            return Err(format!(
                "a list with {} items ends {most} days from the end of a month here, not {last}",
                items.len()
            ));
        }
        most -= 3;
    }
    Ok(())
}

/// Brings one item into its one form and checks it against the bounds of its field.
fn values(item: Item, field: Field) -> Result<Values, (String, Option<String>)> {
    let Field {
        name, least, most, ..
    } = field;
    let Item { start, stop, step } = item;
    let last = match stop {
        Some(stop) if stop > start => stop - (stop - start) % step,
        Some(stop) => stop,
        None => start,
    };
    if let Some(value) = [start, last].into_iter().find(|v| *v < least || *v > most) {
        let unit = if field.has_fractions { SECOND } else { 1 };
        let what = format!("there is no {name} {}", value / unit);
        let bounds = format!("{} to {} would be right", least / unit, most / unit);
        return Err((what, Some(bounds)));
    }
    if stop.is_some() {
        return match last.cmp(&start) {
            Ordering::Less => Err(("a range ends before it begins".to_owned(), None)),
            Ordering::Equal => Ok(Values::One(start)),
            Ordering::Greater => Ok(Values::Range {
                start,
                stop: last,
                step,
            }),
        };
    }
    // From the end one counts downwards.
    let room = match field.name == DAY_FROM_END.name {
        true => start - least,
        false => most - start,
    };
    match step {
        0 => Ok(Values::One(start)),
        _ if step > room => Err((format!("after one step there is no {name}"), None)),
        _ => Ok(Values::From { start, step }),
    }
}
