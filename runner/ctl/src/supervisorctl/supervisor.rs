//! The daemon's methods, as a client calls them.

use units::group::namespec;
use xmlrpc::{Limits, Response, Value};

use super::failure::{Failure, Outcome};
use super::http::Requests;
use super::python;

/// A daemon that is asked, one call after another on one connection.
pub(super) struct Supervisor {
    requests: Requests,
}

impl Supervisor {
    /// The daemon behind `requests`.
    pub(super) fn new(requests: Requests) -> Supervisor {
        Supervisor { requests }
    }

    /// Calls `supervisor.METHOD`.
    ///
    /// # Errors
    /// The fault that came back, or why no answer came.
    pub(super) fn call(&mut self, method: &str, parameters: &[Value]) -> Outcome<Value> {
        let method = format!("supervisor.{method}");
        let reply = self
            .requests
            .post(&xmlrpc::write_call(&method, parameters))?;
        match xmlrpc::parse_response(&reply, &Limits::RESPONSE) {
            Ok(Response::Value(value)) => Ok(value),
            Ok(Response::Fault { code, text }) => Err(Failure::Fault { code, text }),
            Err(error) => Err(Failure::raised(
                "xml.parsers.expat.ExpatError",
                error.to_string(),
            )),
        }
    }

    /// Calls a method that returns an array.
    ///
    /// # Errors
    /// As [`call`](Supervisor::call), and when it is none.
    pub(super) fn list(&mut self, method: &str, parameters: &[Value]) -> Outcome<Vec<Value>> {
        match self.call(method, parameters)? {
            Value::Array(values) => Ok(values),
            other => Err(Failure::raised(
                "TypeError",
                format!("{} is not an array", shown(&other)),
            )),
        }
    }

    /// Calls a method that returns an array with an entry for each process, and reads those.
    ///
    /// # Errors
    /// As [`list`](Supervisor::list), and when an entry is none of a process.
    pub(super) fn results(&mut self, method: &str, parameters: &[Value]) -> Outcome<Vec<Fate>> {
        let values = self.list(method, parameters)?;
        values.iter().map(Fate::of).collect()
    }
}

/// What became of one process that a call was about.
#[derive(Debug)]
pub(super) struct Fate {
    /// As it is printed.
    pub(super) name: String,
    /// The number of the fault, or that of success.
    pub(super) status: i64,
    /// The text of the fault.
    pub(super) description: String,
}

impl Fate {
    fn of(value: &Value) -> Outcome<Fate> {
        Ok(Fate {
            name: namespec(&text(value, "group")?, &text(value, "name")?),
            status: int(value, "status")?,
            description: text(value, "description")?,
        })
    }

    /// Of a call that was about one process and failed, if it failed with a fault.
    pub(super) fn of_failure(name: &str, failure: Failure) -> Outcome<Fate> {
        match failure {
            Failure::Fault { code, text } => Ok(Fate {
                name: name.to_owned(),
                status: code,
                description: text,
            }),
            other => Err(other),
        }
    }
}

/// A member of a struct.
///
/// # Errors
/// When there is none: the daemon is not one this client knows.
pub(super) fn member<'a>(value: &'a Value, name: &str) -> Outcome<&'a Value> {
    value
        .member(name)
        .ok_or_else(|| Failure::raised("KeyError", python::repr(name)))
}

/// A member as text, whatever it is.
///
/// # Errors
/// When there is none.
pub(super) fn text(value: &Value, name: &str) -> Outcome<String> {
    member(value, name).map(shown)
}

/// A member that is a number.
///
/// # Errors
/// When there is none, or it is something else.
pub(super) fn int(value: &Value, name: &str) -> Outcome<i64> {
    let found = member(value, name)?;
    found.as_int().ok_or_else(|| {
        Failure::raised(
            "TypeError",
            format!("{name} is {}, no number", shown(found)),
        )
    })
}

/// A member that is true, or would count as true.
///
/// # Errors
/// When there is none.
pub(super) fn truth(value: &Value, name: &str) -> Outcome<bool> {
    Ok(match member(value, name)? {
        Value::Bool(truth) => *truth,
        Value::Int(number) => *number != 0,
        Value::Str(text) => !text.is_empty(),
        _ => true,
    })
}

/// A value as Python's `str()` shows it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) | Value::DateTime(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Double(number) => format!("{number:?}"),
        Value::Base64(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(in_collection).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Struct(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}: {}", python::repr(name), in_collection(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

fn in_collection(value: &Value) -> String {
    match value {
        Value::Str(text) => python::repr(text),
        other => shown(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_python_prints_them() {
        let value = Value::Array(vec![
            Value::Int(3),
            Value::Bool(true),
            Value::from("it's"),
            Value::Struct(vec![("a".to_owned(), Value::Double(1.0))]),
        ]);
        assert_eq!(shown(&value), "[3, True, \"it's\", {'a': 1.0}]");
    }

    #[test]
    fn an_answer_without_a_member_is_no_panic() {
        let value = Value::Struct(Vec::new());
        let said = int(&value, "pid").unwrap_err().to_string();
        assert_eq!(said, "<class 'KeyError'>, 'pid'");
    }
}
