//! Conditions and asserts: what has to hold before a unit starts (systemd.unit(5)).
//!
//! They are tested when the unit's start job runs: after all that it waits for, and before
//! anything of the unit does. Which of them hold the shell finds out, since that means to look at
//! files; what follows is decided here.

use serde::{Deserialize, Serialize};
use units::{ConditionKind, Definition, UnitName};

use crate::Engine;
use crate::action::{Action, Level, MessageId, Test};
use crate::clock::Now;
use crate::job::{JobKind, JobResult};
use crate::ticket::Ticket;

/// What is known of one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nobody looked: another one had decided already.
    #[default]
    Untested,
    /// It holds.
    Holds,
    /// It does not, or nobody can say.
    Fails,
}

/// What was tested before the last start of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tested {
    /// The answer that is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ticket: Option<Ticket>,
    #[serde(skip_serializing_if = "Tests::is_empty")]
    pub(crate) conditions: Tests,
    #[serde(skip_serializing_if = "Tests::is_empty")]
    pub(crate) asserts: Tests,
}

/// One of the two lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tests {
    pub(crate) tests: Vec<(Test, Outcome)>,
    /// When they were tested, and whether the start could go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<(Now, bool)>,
}

impl Tests {
    fn of<'a>(tests: impl Iterator<Item = (ConditionKind, &'a units::value::Condition)>) -> Tests {
        let tests = tests.map(|(kind, condition)| {
            let condition = condition.clone();
            (Test { kind, condition }, Outcome::Untested)
        });
        Tests {
            tests: tests.collect(),
            verdict: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Goes through what was found, as systemd does: all without the mark `|` must hold, and at
    /// least one of those that have it, where there are any. Gives back the test that decided
    /// against the start; none where that was the last of several with the mark.
    fn judge(&mut self, now: Now, found: &[Result<bool, String>]) -> Option<Option<Test>> {
        let mut triggered: Option<bool> = None;
        let mut against = None;
        for (at, (test, outcome)) in self.tests.iter_mut().enumerate() {
            let so = found.get(at).is_some_and(|found| match found {
                Ok(so) => *so != test.condition.negate,
                // What cannot be tested does not hold, whichever way round it was asked.
                Err(_) => false,
            });
            *outcome = if so { Outcome::Holds } else { Outcome::Fails };
            if test.condition.trigger {
                triggered = Some(triggered.unwrap_or(false) || so);
            } else if !so {
                against = Some(Some(test.clone()));
                break;
            }
        }
        if against.is_none() && triggered == Some(false) {
            against = Some(None);
        }
        self.verdict = Some((now, against.is_none()));
        if planted!(ConditionIgnored) {
            return None;
        }
        against
    }
}

impl Engine {
    /// Begins to test what must hold before the unit starts; false if there is nothing to test.
    pub(crate) fn test_before_start(&mut self, unit: &UnitName, definition: &Definition) -> bool {
        let conditions = Tests::of(definition.conditions());
        let asserts = Tests::of(definition.asserts());
        if conditions.is_empty() && asserts.is_empty() {
            if self
                .state
                .unit(unit)
                .is_some_and(|state| state.tested.is_some())
            {
                self.state.unit_mut(unit).tested = None;
            }
            return false;
        }
        let ticket = self.mint_ticket();
        self.state.unit_mut(unit).tested = Some(Box::new(Tested {
            ticket: Some(ticket),
            conditions,
            asserts,
        }));
        self.utter_check(unit);
        true
    }

    fn utter_check(&mut self, unit: &UnitName) {
        let tested = self
            .state
            .unit(unit)
            .and_then(|state| state.tested.as_ref());
        let Some((tested, ticket)) = tested.and_then(|tested| Some((tested, tested.ticket?)))
        else {
            return;
        };
        let lists = [&tested.conditions, &tested.asserts];
        let tests = lists
            .into_iter()
            .flat_map(|list| list.tests.iter().map(|(test, _)| test.clone()))
            .collect();
        self.routes.insert(ticket, unit.clone());
        self.actions.push(Action::Check {
            ticket,
            unit: unit.clone(),
            tests,
        });
    }

    /// After a recovery: whoever was asked is gone.
    pub(crate) fn test_again(&mut self, unit: &UnitName) {
        let waits = self
            .state
            .job_of(unit)
            .is_some_and(|(_, job)| job.kind == JobKind::Start && job.running);
        if waits {
            self.utter_check(unit);
        } else {
            self.leave_tests(unit);
        }
    }

    /// The start that the unit is tested for is not to be any more.
    pub(crate) fn leave_tests(&mut self, unit: &UnitName) {
        let ticket = self
            .state
            .unit(unit)
            .and_then(|state| state.tested.as_ref()?.ticket);
        if let Some(ticket) = ticket {
            self.routes.remove(&ticket);
            if let Some(tested) = &mut self.state.unit_mut(unit).tested {
                tested.ticket = None;
            }
        }
    }

    /// The shell says what holds.
    pub(crate) fn checked(&mut self, ticket: Ticket, found: &[Result<bool, String>]) {
        let unit = self.routes.remove(&ticket);
        let waits = |unit: &UnitName| {
            let tested = self.state.unit(unit)?.tested.as_ref()?;
            (tested.ticket == Some(ticket)).then_some(())
        };
        let Some(unit) = unit.filter(|unit| waits(unit).is_some()) else {
            return self.log(
                None,
                Level::Debug,
                MessageId::Unexpected,
                format!("stale answer {}", ticket.0),
            );
        };
        let now = self.now;
        self.refresh.insert(unit.clone());
        let Some(tested) = &mut self.state.unit_mut(&unit).tested else {
            return;
        };
        tested.ticket = None;
        let (of_conditions, of_asserts) =
            found.split_at(found.len().min(tested.conditions.tests.len()));
        let unmet = tested.conditions.judge(now, of_conditions);
        let unsure = why_unsure(&tested.conditions, of_conditions);
        let (unmet_assert, unsure_assert) = match unmet {
            Some(_) => (None, None),
            None => (
                tested.asserts.judge(now, of_asserts),
                why_unsure(&tested.asserts, of_asserts),
            ),
        };
        for why in unsure.into_iter().chain(unsure_assert) {
            self.log(Some(&unit), Level::Warning, MessageId::Other, why);
        }
        let Some((id, _)) = self.state.job_of(&unit) else {
            return;
        };
        if let Some(test) = unmet {
            let text = match test {
                Some(test) => format!("{unit} is not started: {} does not hold", shown(&test)),
                None => format!("{unit} is not started: none of its conditions with | holds"),
            };
            self.log(Some(&unit), Level::Info, MessageId::Other, text);
            return self.finish_job(id, JobResult::Done);
        }
        if let Some(test) = unmet_assert {
            let text = match test {
                Some(test) => format!("{unit} cannot start: {} does not hold", {
                    shown(&test).replacen("condition-", "assert-", 1)
                }),
                None => format!("{unit} cannot start: none of its asserts with | holds"),
            };
            self.log(Some(&unit), Level::Error, MessageId::JobFailed, text);
            return self.finish_job(id, JobResult::Assert);
        }
        self.start_unit(id, &unit);
    }
}

/// A test as it is written in a unit file.
fn shown(test: &Test) -> String {
    format!(
        "{} = {:?}",
        test.kind.condition().key(),
        test.condition.to_string()
    )
}

/// Why a test that counts could not be made.
fn why_unsure(tests: &Tests, found: &[Result<bool, String>]) -> Option<String> {
    let tested = tests
        .tests
        .iter()
        .take_while(|(_, outcome)| *outcome != Outcome::Untested);
    tested.zip(found).find_map(|((test, _), found)| {
        let why = found.as_ref().err()?;
        Some(format!("{} cannot be tested: {why}", shown(test)))
    })
}

#[cfg(test)]
mod tests {
    use units::value::Condition;

    use super::*;

    /// Each letter a test: `|` for the mark, `!` turned round; then whether it is so.
    fn verdict(tests: &[(&str, Result<bool, String>)]) -> (bool, Vec<Outcome>) {
        let test = |mark: &str| Test {
            kind: ConditionKind::PathExists,
            condition: Condition {
                trigger: mark.contains('|'),
                negate: mark.contains('!'),
                parameter: "/x".into(),
            },
        };
        let mut list = Tests {
            tests: tests
                .iter()
                .map(|(mark, _)| (test(mark), Outcome::Untested))
                .collect(),
            verdict: None,
        };
        let found: Vec<_> = tests.iter().map(|(_, found)| found.clone()).collect();
        let against = list.judge(Now::default(), &found);
        assert_eq!(list.verdict.map(|(_, fine)| fine), Some(against.is_none()));
        (
            against.is_none(),
            list.tests.iter().map(|(_, outcome)| *outcome).collect(),
        )
    }

    #[test]
    fn all_must_hold_and_one_of_the_marked_ones() {
        let (yes, no) = (|| Ok(true), || Ok(false));
        for (tests, fine) in [
            (vec![], true),
            (vec![("", yes())], true),
            (vec![("", no())], false),
            (vec![("!", no())], true),
            (vec![("!", yes())], false),
            (vec![("|", no()), ("|", no())], false),
            (vec![("|", no()), ("|", yes())], true),
            (vec![("|!", no()), ("|", no())], true),
            (vec![("|", yes()), ("", no())], false),
            (vec![("|", no()), ("", yes())], false),
        ] {
            assert_eq!(verdict(&tests).0, fine, "{tests:?}");
        }
    }

    #[test]
    fn what_cannot_be_tested_does_not_hold_either_way() {
        for mark in ["", "!", "|", "|!"] {
            assert!(
                !verdict(&[(mark, Err("no such thing".to_owned()))]).0,
                "{mark}"
            );
        }
    }

    #[test]
    fn nothing_is_tested_after_the_first_that_decides() {
        let (fine, outcomes) = verdict(&[("|", Ok(false)), ("", Ok(false)), ("", Ok(true))]);
        assert!(!fine);
        assert_eq!(
            outcomes,
            [Outcome::Fails, Outcome::Fails, Outcome::Untested]
        );
    }
}
