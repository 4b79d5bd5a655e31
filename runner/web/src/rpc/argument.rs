//! Parameters of calls, read as leniently as Python does where it does not fail over them. Pure.

use units::value::Signal;
use xmlrpc::Value;

use super::fault::{Fault, FaultCode};

/// The parameters of a call, whose number is known to be right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arguments<'a>(pub(crate) &'a [Value]);

impl<'a> Arguments<'a> {
    /// The value at a place.
    pub(crate) fn value(self, at: usize) -> Result<&'a Value, Fault> {
        self.0
            .get(at)
            .ok_or_else(|| FaultCode::IncorrectParameters.plain())
    }

    /// A text. base64 stands for the text it holds.
    pub(crate) fn text(self, at: usize) -> Result<String, Fault> {
        match self.value(at)? {
            Value::Str(text) => Ok(text.clone()),
            Value::Base64(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            _ => Err(FaultCode::IncorrectParameters.plain()),
        }
    }

    /// A number; a text that holds one will do.
    pub(crate) fn number(self, at: usize) -> Result<i64, Fault> {
        let number = match self.value(at)? {
            Value::Int(number) => Some(*number),
            Value::Bool(truth) => Some(i64::from(*truth)),
            // Cut off, as Python does; what is too large becomes the largest.
            Value::Double(number) if number.is_finite() => Some(*number as i64),
            Value::Str(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| FaultCode::IncorrectParameters.plain())
    }

    /// Whether to wait: what Python holds for true, and true if it is left out.
    pub(crate) fn wait(self, at: usize) -> bool {
        self.0.get(at).is_none_or(|value| match value {
            Value::Int(number) => *number != 0,
            Value::Bool(truth) => *truth,
            Value::Double(number) => *number != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::Base64(bytes) => !bytes.is_empty(),
            Value::Array(values) => !values.is_empty(),
            Value::Struct(members) => !members.is_empty(),
            Value::DateTime(_) => true,
        })
    }

    /// A signal, with or without `SIG`, in any case, or by number. Number 0, which only asks
    /// whether a process is there, is `None`.
    pub(crate) fn signal(self, at: usize) -> Result<Option<Signal>, Fault> {
        let value = self.value(at)?;
        let given = display(value);
        let bad = || FaultCode::BadSignal.about(&given);
        if !matches!(value, Value::Int(_) | Value::Str(_)) {
            return Err(bad());
        }
        let text = given.trim().to_ascii_uppercase();
        match text.parse::<i32>() {
            Ok(0) => Ok(None),
            Ok(number) => Signal::from_number(number).map(Some).ok_or_else(bad),
            Err(_) => Signal::parse(&text).map(Some).map_err(|_| bad()),
        }
    }
}

/// A value as Python's `%s` prints it.
pub(crate) fn display(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Str(text) | Value::DateTime(text) => text.clone(),
        Value::Double(number) => format!("{number:?}"),
        Value::Base64(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Array(values) => {
            let items: Vec<String> = values.iter().map(quoted).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Struct(members) => {
            let items: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("'{name}': {}", quoted(value)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
    }
}

fn quoted(value: &Value) -> String {
    match value {
        Value::Str(text) => format!("'{text}'"),
        other => display(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(value: Value) -> Result<Option<i32>, String> {
        Arguments(&[value])
            .signal(0)
            .map(|signal| signal.map(Signal::number))
            .map_err(|fault| fault.text)
    }

    #[test]
    fn signals_are_read_as_by_supervisord() {
        for (text, number) in [
            ("HUP", 1),
            ("SIGHUP", 1),
            (" sighup ", 1),
            ("usr1", 10),
            ("18", 18),
        ] {
            assert_eq!(signal(text.into()), Ok(Some(number)), "{text}");
        }
        assert_eq!(signal(Value::Int(15)), Ok(Some(15)));
        assert_eq!(signal(Value::Int(0)), Ok(None));
        for bad in ["NOPE", "", "99", "-1", "1.5", "SIG"] {
            assert_eq!(signal(bad.into()), Err(format!("BAD_SIGNAL: {bad}")));
        }
        assert!(signal(Value::Bool(true)).is_err());
    }

    #[test]
    fn numbers_and_truth_are_pythons() {
        let number = |value| Arguments(&[value]).number(0).ok();
        assert_eq!(number(Value::Int(-7)), Some(-7));
        assert_eq!(number(" 12 ".into()), Some(12));
        assert_eq!(number(Value::Double(1e300)), Some(i64::MAX));
        assert_eq!(number(Value::Double(f64::NAN)), None);
        assert_eq!(number("x".into()), None);
        assert_eq!(number(Value::Array(vec![])), None);
        let wait = |value| Arguments(&[value]).wait(0);
        assert!(Arguments(&[]).wait(0));
        assert!(!wait(Value::Bool(false)) && !wait(Value::Int(0)) && !wait("".into()));
        assert!(wait("no".into()) && wait(Value::Int(2)));
    }

    #[test]
    fn values_are_shown_as_python_shows_them() {
        let value = Value::Struct(vec![(
            "a".to_owned(),
            Value::Array(vec![Value::Int(1), "x".into(), Value::Bool(true)]),
        )]);
        assert_eq!(display(&value), "{'a': [1, 'x', True]}");
    }
}
