//! Transient units: definitions that a client hands over instead of a file (`runnerctl run`,
//! systemd's `StartTransientUnit`). What is said about them is what a unit file of systemd's would
//! say, one assignment each; unlike there, what cannot be read is an error, since somebody is there
//! to hear it.

use crate::definition::{Definition, Item, Origin};
use crate::diagnostic::{Diagnostic, Place};
use crate::name::{UnitKind, UnitName};
use crate::resolve::{self, Merged};
use crate::settings::{self, SettingId, Spelling};
use crate::surroundings::Surroundings;
use crate::systemd::read::{Meaning, meaning, title};
use crate::written::Unheard;

/// What stands for the file in the places of what was handed over.
pub const PLACE: &str = "(transient)";

/// Makes the definition of assignments: systemd's name of a setting, or ours, and the value as it
/// would be written in a unit file of systemd's. Several of one setting add up as lines do.
///
/// The load state is [`LoadState::BadSetting`](crate::LoadState::BadSetting) where something is
/// wrong; all there is to say comes back beside it.
pub fn define(
    name: &UnitName,
    assignments: &[(String, String)],
    around: &Surroundings,
) -> (Definition, Vec<Diagnostic>) {
    let place = Place::file(PLACE);
    let mut merged = Merged::new(name.clone(), Origin::default(), place.clone());
    let mut unsupported = Vec::new();
    for (key, value) in assignments {
        match found(name.kind(), key) {
            Some(Meaning::Settings(rows, values)) => {
                let text = values(value).unwrap_or(value);
                let item = Item {
                    text: text.into(),
                    place: place.clone(),
                };
                for row in rows {
                    merged.lay_over(row.id, std::slice::from_ref(&item));
                }
            }
            Some(Meaning::Unsupported(why)) if why.is_asked(key, value) => {
                unsupported.push(Unheard {
                    name: key.as_str().into(),
                    place: place.clone(),
                    why,
                });
            }
            Some(_) => {}
            None => merged
                .diagnostics
                .push(unknown(name.kind(), key, &place).about(name)),
        }
    }
    merged.unsupported = unsupported;
    resolve::resolve(merged, around)
}

impl Definition {
    /// Whether it is in no file, because a client handed it over. Built-in units are in none
    /// either, but those are never told apart by this.
    pub fn is_without_file(&self) -> bool {
        self.origin().fragment.is_none()
    }
}

/// What a scope can be told: where it is, and how its processes are stopped. No file says anything
/// about scopes.
const OF_SCOPES: [SettingId; 7] = [
    SettingId::Slice,
    SettingId::KillMode,
    SettingId::KillSignal,
    SettingId::SendSighup,
    SettingId::SendSigkill,
    SettingId::RuntimeMaxSec,
    SettingId::TimeoutStopSec,
];

/// What a name means for a unit of this kind; `None` for a stranger.
fn found(kind: UnitKind, key: &str) -> Option<Meaning> {
    if kind == UnitKind::Scope {
        let is_it = |row: &&settings::Setting| row.systemd == Some(key) || row.key == key;
        let of_scope = OF_SCOPES.iter().map(|id| id.row()).find(is_it);
        if let Some(row) = of_scope {
            return Some(Meaning::Settings(vec![row], |_| None));
        }
    }
    if let Some(row) = settings::by_key(kind, key).filter(|row| !row.is_install()) {
        return Some(Meaning::Settings(vec![row], |_| None));
    }
    let sections = ["Unit".to_owned(), title(kind)];
    let known = |section: &String| match meaning(kind, section, key) {
        Meaning::Strange | Meaning::StrangeSection => None,
        known => Some(known),
    };
    sections.iter().find_map(known)
}

fn unknown(kind: UnitKind, key: &str, place: &Place) -> Diagnostic {
    let message = format!("`{key}` is no setting of a {kind}");
    let problem = Diagnostic::error(place.clone(), message);
    if settings::of_install().any(|row| row.key == key || row.systemd == Some(key)) {
        return problem.with_hint("a transient unit is not installed");
    }
    if let Some(near) = settings::nearest(key, Spelling::of(key), settings::of_kind(kind)) {
        return problem.with_hint(format!("did you mean `{near}`?"));
    }
    let elsewhere = settings::all().any(|row| row.key == key || row.systemd == Some(key));
    problem.with_hint(match elsewhere {
        true => "it belongs to another kind of unit",
        false => "runner.unit(5) lists the settings",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SettingId;

    fn defined(name: &str, assignments: &[(&str, &str)]) -> (Definition, Vec<String>) {
        let name = UnitName::parse(name).unwrap();
        let assignments: Vec<(String, String)> = assignments
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let (unit, found) = define(&name, &assignments, &Surroundings::example());
        (unit, found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn assignments_are_what_a_file_would_say() {
        let (unit, found) = defined(
            "run-1.service",
            &[
                ("Description", "Once"),
                ("ExecStart", "/bin/echo \"a b\" %n"),
                ("Environment", "A=1 \"B=x y\""),
                ("environment", "C=3"),
                ("TimeoutSec", "7"),
                ("PrivateTmp", "no"),
            ],
        );
        assert_eq!(found, [""; 0]);
        assert!(unit.is_loaded() && unit.is_without_file());
        assert_eq!(unit.description(), "Once");
        let args: Vec<&str> = unit.exec_start()[0].args.iter().map(|arg| &**arg).collect();
        assert_eq!(args, ["a b", "run-1.service"]);
        assert_eq!(unit.environment().len(), 3);
        assert!(unit.is_set(SettingId::TimeoutStartSec) && unit.is_set(SettingId::TimeoutStopSec));
        // What it is made of survives as a record.
        let again = Definition::from_record(unit.name(), &unit.record(), &Surroundings::example());
        assert_eq!(again.unwrap(), unit);
    }

    #[test]
    fn mistakes_are_errors_that_help() {
        for (key, value, message) in [
            ("Usre", "x", "did you mean `User`?"),
            ("usre", "x", "did you mean `user`?"),
            ("ListenStream", "80", "another kind of unit"),
            ("WantedBy", "a.target", "not installed"),
            ("Restart", "maybe", "no restart policy"),
            ("PrivateTmp", "yes", "not supported"),
        ] {
            let (unit, found) = defined("a.service", &[("ExecStart", "/bin/true"), (key, value)]);
            assert!(!unit.is_loaded(), "{key}");
            assert!(found.join("\n").contains(message), "{key}: {found:?}");
        }
    }

    #[test]
    fn other_kinds_are_made_as_well() {
        let (unit, found) = defined(
            "run-1.timer",
            &[("OnCalendar", "daily"), ("RemainAfterElapse", "no")],
        );
        assert_eq!(found, [""; 0]);
        assert_eq!(
            unit.triggered_unit().map(|unit| unit.to_string()),
            Some("run-1.service".to_owned())
        );
    }
}
