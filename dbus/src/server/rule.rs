//! Match rules of the D-Bus specification, as far as signals of one sender can be told apart by
//! them: an idle monitor of one unit is not woken for every other.

use super::signals::Signal;
use super::{DRIVER_UNIQUE, OWN_UNIQUE};
use crate::names::Face;

/// The longest rule, in bytes (`DBUS_MAXIMUM_MATCH_RULE_LENGTH` of other implementations).
const LONGEST_RULE: usize = 1024;

/// One rule of `AddMatch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// As it was written, less white space: `RemoveMatch` finds it by this.
    text: String,
    terms: Vec<(Key, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// A type other than `signal`, an unknown sender: nothing of ours can match.
    Never,
    Interface,
    Member,
    Path,
    PathNamespace,
    Arg0,
    Arg0Namespace,
    Arg0Path,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// A sentence, when it is not a list of `key='value'`.
    pub(crate) fn parse(face: Face, text: &str) -> Result<Rule, String> {
        if text.len() > LONGEST_RULE {
            return Err(format!("a match rule has at most {LONGEST_RULE} bytes"));
        }
        let mut terms = Vec::new();
        for (key, value) in split(text)? {
            let key = match key {
                "type" if value == "signal" => continue,
                "type" => Key::Never,
                "sender"
                    if [face.bus_name(), OWN_UNIQUE, DRIVER_UNIQUE].contains(&value.as_str()) =>
                {
                    continue;
                }
                "sender" => Key::Never,
                // Signals have no destination, and eavesdropping shows nothing more here.
                "destination" | "eavesdrop" => continue,
                "interface" => Key::Interface,
                "member" => Key::Member,
                "path" => Key::Path,
                "path_namespace" => Key::PathNamespace,
                "arg0" => Key::Arg0,
                "arg0namespace" => Key::Arg0Namespace,
                "arg0path" => Key::Arg0Path,
                key if is_argument(key) => {
                    // Further arguments are left to the client, which filters again by itself.
                    continue;
                }
                key => return Err(format!("unknown key {key:?} in match rule {text:?}")),
            };
            terms.push((key, value));
        }
        Ok(Rule {
            text: text.split_whitespace().collect(),
            terms,
        })
    }

    /// Whether both were written the same.
    pub(crate) fn is_same(&self, other: &Rule) -> bool {
        self.text == other.text
    }

    /// Whether the client wants `signal`.
    pub(crate) fn takes(&self, signal: &Signal) -> bool {
        let arg0 = signal.arg0.as_deref();
        self.terms.iter().all(|(key, value)| match key {
            Key::Never => false,
            Key::Interface => value == signal.interface,
            Key::Member => value == signal.member,
            Key::Path => *value == signal.path,
            Key::PathNamespace => {
                value == "/"
                    || signal
                        .path
                        .strip_prefix(value.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            Key::Arg0 => arg0 == Some(value),
            Key::Arg0Namespace => arg0
                .and_then(|arg0| arg0.strip_prefix(value.as_str()))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
            Key::Arg0Path => arg0.is_some_and(|arg0| {
                arg0 == value
                    || (value.ends_with('/') && arg0.starts_with(value.as_str()))
                    || (arg0.ends_with('/') && value.starts_with(arg0))
            }),
        })
    }
}

fn is_argument(key: &str) -> bool {
    let Some(rest) = key.strip_prefix("arg") else {
        return false;
    };
    let digits = rest.strip_suffix("path").unwrap_or(rest);
    digits.parse::<u8>().is_ok_and(|number| number < 64)
}

/// Splits `key='value',key=value`. Quotes hide commas and backslashes; outside, `\'` is a quote.
fn split(text: &str) -> Result<Vec<(&str, String)>, String> {
    let mut terms = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest
            .split_once('=')
            .ok_or_else(|| format!("no `=` after {rest:?} in match rule {text:?}"))?;
        let mut value = String::new();
        let mut quoted = false;
        let mut characters = after.char_indices().peekable();
        let mut end = after.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '\'' => quoted = !quoted,
                '\\' if !quoted && characters.peek().is_some_and(|(_, c)| *c == '\'') => {
                    characters.next();
                    value.push('\'');
                }
                ',' if !quoted => {
                    end = at;
                    break;
                }
                character => value.push(character),
            }
        }
        if quoted {
            return Err(format!("quote that is not closed in match rule {text:?}"));
        }
        terms.push((key.trim(), value));
        rest = after.get(end + 1..).unwrap_or_default().trim_start();
    }
    Ok(terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Face, ROOT, interface, unit_path};

    fn moved() -> Signal {
        Signal {
            path: ROOT.to_owned(),
            interface: interface::MANAGER,
            member: "UnitMoved",
            arg0: None,
        }
    }

    fn changed() -> Signal {
        Signal {
            path: unit_path("a.service"),
            interface: interface::PROPERTIES,
            member: "PropertiesChanged",
            arg0: Some(interface::SERVICE.to_owned()),
        }
    }

    #[test]
    fn rules_take_what_they_say() {
        for (rule, by_moved, by_changed) in [
            ("", true, true),
            ("type='signal'", true, true),
            ("type=signal", true, true),
            ("type='method_call'", false, false),
            ("sender='org.unitrunner.Runner1'", true, true),
            ("sender=':1.0',type='signal'", true, true),
            ("sender='org.example.Other'", false, false),
            ("member='UnitMoved'", true, false),
            ("path='/org/unitrunner/Runner1'", true, false),
            ("path_namespace='/org/unitrunner/Runner1'", true, true),
            ("path_namespace='/org/unitrunner/Run'", false, false),
            ("path_namespace='/'", true, true),
            (
                "interface='org.freedesktop.DBus.Properties', arg0='org.unitrunner.Runner1.Service'",
                false,
                true,
            ),
            ("arg0namespace='org.unitrunner.Runner1'", false, true),
            ("arg0namespace='org.unitrunner.Run'", false, false),
            ("arg1='x'", true, true),
            ("destination='org.unitrunner.Runner1'", true, true),
        ] {
            let parsed = Rule::parse(Face::Runner, rule).unwrap();
            assert_eq!(parsed.takes(&moved()), by_moved, "{rule}");
            assert_eq!(parsed.takes(&changed()), by_changed, "{rule}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for rule in [
            "signal",
            "type='signal",
            "colour='red'",
            "arg64='x'",
            "argpath='x'",
        ] {
            assert!(Rule::parse(Face::Runner, rule).is_err(), "{rule}");
        }
    }

    #[test]
    fn the_same_rule_is_found_again() {
        let rule = Rule::parse(Face::Runner, "type='signal',member='UnitMoved'").unwrap();
        assert!(
            rule.is_same(&Rule::parse(Face::Runner, "type='signal', member='UnitMoved'").unwrap())
        );
        assert!(!rule.is_same(&Rule::parse(Face::Runner, "type='signal'").unwrap()));
    }
}
