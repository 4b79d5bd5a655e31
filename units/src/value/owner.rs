//! Users and groups, by name or number.

use std::fmt;

use super::ValueProblem;

/// Checks a user or group: a number, or a name of letters, digits, `_`, `-` and `.` that begins
/// with a letter or `_` and has at most 31 bytes.
///
/// # Errors
/// When it is neither; the numbers 65535 and 4294967295 mean "nobody set" to the kernel and are
/// refused.
pub fn check_account(text: &str) -> Result<&str, ValueProblem> {
    if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        return match text.parse::<u32>() {
            Ok(65_535 | u32::MAX) | Err(_) => Err(ValueProblem::new(format!(
                "{text:?} is no user or group number"
            ))),
            Ok(_) if text.len() > 1 && text.starts_with('0') => Err(ValueProblem::new(format!(
                "{text:?} is a number with a leading zero"
            ))),
            Ok(_) => Ok(text),
        };
    }
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on_well = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if begins_well && goes_on_well && text.len() <= 31 {
        Ok(text)
    } else {
        Err(ValueProblem::new(format!(
            "{text:?} is no user or group name"
        )))
    }
}

/// Who owns a file: `user`, `user:group` or `:group`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The user, by name or number.
    pub user: Option<Box<str>>,
    /// The group, by name or number.
    pub group: Option<Box<str>>,
}

impl Owner {
    /// Reads `user`, `user:group` or `:group`.
    ///
    /// # Errors
    /// As [`check_account`], or when both are missing.
    pub fn parse(text: &str) -> Result<Owner, ValueProblem> {
        let (user, group) = match text.trim().split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text.trim(), None),
        };
        let user = if user.is_empty() && group.is_some() {
            None
        } else {
            Some(user)
        };
        Ok(Owner {
            user: user.map(check_account).transpose()?.map(Box::from),
            group: group.map(check_account).transpose()?.map(Box::from),
        })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.user.as_deref().unwrap_or_default())?;
        if let Some(group) = &self.group {
            write!(f, ":{group}")?;
        }
        Ok(())
    }
}

super::serde_as_text!(Owner);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts() {
        for good in ["root", "_www", "www-data", "john.doe", "0", "1000"] {
            assert!(check_account(good).is_ok(), "{good}");
        }
        let long = "a".repeat(32);
        for bad in [
            "",
            "-x",
            "1x",
            "a b",
            "a:b",
            "../x",
            "65535",
            "4294967295",
            "007",
            "ü",
            &long,
        ] {
            assert!(check_account(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn owners_round_trip() {
        for text in ["www", "www:adm", ":adm", "0:0"] {
            assert_eq!(Owner::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", ":", "www:", "a:b:c"] {
            assert!(Owner::parse(bad).is_err(), "{bad}");
        }
    }
}
