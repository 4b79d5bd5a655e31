//! State as records, one per key, each a line of JSON. Old ones load for ever: fields that are
//! missing have defaults, fields and keys that are not known are carried over unread.

use units::UnitName;

use crate::job::JobId;
use crate::state::{EndedJob, Job, Key, Meta, State, UnitState};

/// A record that was read.
#[derive(Debug)]
pub(crate) enum Record {
    Meta(Box<Meta>),
    Unit(UnitName, Box<UnitState>),
    Job(JobId, Job),
    Ended(JobId, EndedJob),
}

/// What is wrong with a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// A key of a newer version: not ours to touch.
    UnknownKey,
    /// The text is not what the key promises.
    Broken(String),
}

impl Key {
    /// The record's name.
    fn text(&self) -> String {
        match self {
            Key::Meta => "meta".to_owned(),
            Key::Unit(name) => format!("unit:{name}"),
            Key::Job(JobId(number)) => format!("job:{number}"),
            Key::Ended(JobId(number)) => format!("ended:{number}"),
        }
    }

    fn parse(text: &str) -> Option<Key> {
        if text == "meta" {
            return Some(Key::Meta);
        }
        let (kind, name) = text.split_once(':')?;
        let number = || name.parse().ok().map(JobId);
        match kind {
            "unit" => UnitName::parse(name).ok().map(Key::Unit),
            "job" => number().map(Key::Job),
            "ended" => number().map(Key::Ended),
            _ => None,
        }
    }
}

/// Reads one record.
pub(crate) fn read(key: &str, text: &str) -> Result<Record, Unreadable> {
    let key = Key::parse(key).ok_or(Unreadable::UnknownKey)?;
    let record = match key {
        Key::Meta => serde_json::from_str(text).map(|meta| Record::Meta(Box::new(meta))),
        Key::Unit(name) => {
            serde_json::from_str(text).map(|unit| Record::Unit(name, Box::new(unit)))
        }
        Key::Job(id) => serde_json::from_str(text).map(|job| Record::Job(id, job)),
        Key::Ended(id) => serde_json::from_str(text).map(|job| Record::Ended(id, job)),
    };
    record.map_err(|error| Unreadable::Broken(error.to_string()))
}

/// Writes what changed; `None` where a record is to be deleted.
pub(crate) fn write_changed(state: &mut State) -> Vec<(String, Option<String>)> {
    let changed = state.take_changed();
    let text = |value: Result<String, serde_json::Error>| {
        // Every key of every map is a string, and no number is infinite: this cannot fail. Were
        // it to, the older record stays, which is the lesser evil.
        value.ok()
    };
    changed
        .into_iter()
        .filter_map(|key| {
            let written = match &key {
                Key::Meta => Some(text(serde_json::to_string(state.meta()))?),
                Key::Unit(name) => match state.unit(name) {
                    Some(unit) => Some(text(serde_json::to_string(unit))?),
                    None => None,
                },
                Key::Job(id) => match state.job(*id) {
                    Some(job) => Some(text(serde_json::to_string(job))?),
                    None => None,
                },
                Key::Ended(id) => match state.ended().get(id) {
                    Some(job) => Some(text(serde_json::to_string(job))?),
                    None => None,
                },
            };
            Some((key.text(), written))
        })
        .collect()
}
