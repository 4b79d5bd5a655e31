//! The manager's block: what clients change of the variables that every program's environment
//! starts from (systemctl(1), "Environment Commands").

use std::collections::BTreeMap;

use crate::Engine;
use crate::command::{Answer, Refusal};

/// The most variables that clients may set or take away.
const MOST_VARIABLES: usize = 4_096;

/// The most bytes of their names and values together: more is beyond any command line's.
const MOST_BYTES: usize = 1 << 20;

impl Engine {
    /// What clients changed of the manager's block: a value for each name, or nothing for a variable
    /// that is taken away.
    #[must_use]
    pub fn environment(&self) -> &BTreeMap<String, Option<String>> {
        &self.state.meta().environment
    }

    /// All of it is done, or nothing.
    pub(crate) fn set_environment(
        &mut self,
        unset: Vec<String>,
        set: Vec<(String, String)>,
    ) -> Result<Answer, Refusal> {
        for name in unset.iter().chain(set.iter().map(|(name, _)| name)) {
            if !is_name(name) {
                return Err(Refusal::Invalid(format!(
                    "{name:?} is not the name of an environment variable"
                )));
            }
        }
        let mut block = self.environment().clone();
        block.extend(unset.into_iter().map(|name| (name, None)));
        for (name, value) in set {
            if value.contains('\0') {
                let why = format!("the value of {name} has a zero byte in it");
                return Err(Refusal::Invalid(why));
            }
            block.insert(name, Some(value));
        }
        let bytes: usize = block
            .iter()
            .map(|(name, value)| name.len() + value.as_ref().map_or(0, String::len))
            .sum();
        if block.len() > MOST_VARIABLES || bytes > MOST_BYTES {
            return Err(Refusal::Invalid(format!(
                "the environment may have {MOST_VARIABLES} variables and {MOST_BYTES} bytes"
            )));
        }
        if block != *self.environment() {
            self.state.meta_mut().environment = block;
        }
        Ok(Answer::Done)
    }
}

/// Whether it can be the name of a variable: letters, digits and `_`, no digit first.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let first = bytes.first().is_some_and(|byte| !byte.is_ascii_digit());
    first
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}
