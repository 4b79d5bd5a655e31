//! State as records, one per key, each a line of JSON. Old ones load for ever: fields that are
//! missing have defaults, fields and keys that are not known are carried over unread.

use units::UnitName;

use crate::job::JobId;
use crate::json;
use crate::state::{EndedJob, EndedRun, Job, Key, Meta, State, UnitState};

/// A record that was read.
#[derive(Debug)]
pub(crate) enum Record {
    Meta(Box<Meta>),
    Unit(UnitName, Box<UnitState>),
    Job(JobId, Job),
    Ended(JobId, EndedJob),
    Run(UnitName, Box<EndedRun>),
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
            Key::Run(name) => format!("run:{name}"),
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
            "run" => UnitName::parse(name).ok().map(Key::Run),
            _ => None,
        }
    }
}

/// Reads one record.
pub(crate) fn read(key: &str, text: &str) -> Result<Record, Unreadable> {
    let key = Key::parse(key).ok_or(Unreadable::UnknownKey)?;
    let record = match key {
        Key::Meta => json::from_str(text).map(|meta| Record::Meta(Box::new(meta))),
        Key::Unit(name) => json::from_str(text).map(|unit| Record::Unit(name, Box::new(unit))),
        Key::Job(id) => json::from_str(text).map(|job| Record::Job(id, job)),
        Key::Ended(id) => json::from_str(text).map(|job| Record::Ended(id, job)),
        Key::Run(name) => json::from_str(text).map(|run| Record::Run(name, Box::new(run))),
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
                Key::Run(name) => match state.runs().get(name) {
                    Some(run) => Some(text(serde_json::to_string(run))?),
                    None => None,
                },
            };
            Some((key.text(), written))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a record becomes when it is read and written again.
    fn again(key: &str, text: &str) -> String {
        let mut state = State::default();
        let record = read(key, text).expect("readable");
        let touch = match &record {
            Record::Unit(name, _) => Some(name.clone()),
            _ => None,
        };
        state.restore(record);
        match touch {
            Some(name) => drop(state.unit_mut(&name)),
            None => drop(state.meta_mut()),
        }
        let mut written = write_changed(&mut state);
        assert_eq!(written.len(), 1);
        written.remove(0).1.expect("a text")
    }

    #[test]
    fn records_of_any_age_load() {
        // The first ones ever written, with nothing but what they had to say.
        assert!(read("meta", "{}").is_ok());
        assert!(read("unit:a.service", r#"{"machine":{"service":{}}}"#).is_ok());
        assert!(
            read(
                "unit:a.socket",
                r#"{"machine":{"socket":{"phase":"failed"}}}"#
            )
            .is_ok()
        );
        let job = r#"{"unit":"a.service","kind":"start","mode":"replace"}"#;
        assert!(read("job:7", job).is_ok());
        assert!(read("ended:7", r#"{"result":"done","at":5}"#).is_ok());
        let run = r#"{"at":5,"end":{"result":"success"}}"#;
        assert!(read("run:a.service", run).is_ok());
    }

    #[test]
    fn what_is_not_known_is_carried_over() {
        let unit = again(
            "unit:a.service",
            r#"{"machine":{"service":{}},"colour":{"shade":3}}"#,
        );
        assert!(unit.contains(r#""colour":{"shade":3}"#), "{unit}");
        let meta = again("meta", r#"{"seq":9,"moods":["good"]}"#);
        assert!(
            meta.contains(r#""moods":["good"]"#) && meta.contains(r#""seq":9"#),
            "{meta}"
        );
        assert_eq!(
            read("weather:today", "{}").err(),
            Some(Unreadable::UnknownKey)
        );
    }

    #[test]
    fn nonsense_is_named_and_not_fatal() {
        for (key, text) in [("meta", "["), ("unit:a.service", "7"), ("job:1", "{}")] {
            assert!(
                matches!(read(key, text), Err(Unreadable::Broken(_))),
                "{key}"
            );
        }
        for key in ["", "unit:", "unit:nothing", "job:x", "unit"] {
            assert_eq!(read(key, "{}").err(), Some(Unreadable::UnknownKey), "{key}");
        }
    }

    #[test]
    fn a_record_says_the_same_when_read_again() {
        let text = again(
            "unit:a.service",
            r#"{"machine":{"service":{"phase":{"start":{"timer":{"ticket":4,"at":9}}},"main":{"role":"Main","index":0,"process":{"Asked":{"ticket":3,"attempt":0}}}}},"invocation":"0000000000000000000000000000002a"}"#,
        );
        assert_eq!(again("unit:a.service", &text), text);
        assert!(
            text.contains(r#""ticket":4"#) && text.contains("2a"),
            "{text}"
        );
    }
}
