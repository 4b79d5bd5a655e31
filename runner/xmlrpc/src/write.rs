//! Writing, byte for byte as Python's `xmlrpc.client.dumps`.

use crate::base64;
use crate::text::escape_into;
use crate::value::Value;

const HEAD: &str = "<?xml version='1.0'?>\n";

/// How many bytes Python puts into a line of base64.
const BYTES_IN_LINE: usize = 57;

/// The response to a call that succeeded.
#[must_use]
pub fn write_response(value: &Value) -> Vec<u8> {
    let mut out = String::from(HEAD);
    out.push_str("<methodResponse>\n<params>\n<param>\n");
    write_value(value, &mut out);
    out.push_str("</param>\n</params>\n</methodResponse>\n");
    out.into_bytes()
}

/// The response to a call that failed.
#[must_use]
pub fn write_fault(code: i32, text: &str) -> Vec<u8> {
    let fault = Value::Struct(vec![
        ("faultCode".to_owned(), Value::Int(i64::from(code))),
        ("faultString".to_owned(), text.into()),
    ]);
    let mut out = String::from(HEAD);
    out.push_str("<methodResponse>\n<fault>\n");
    write_value(&fault, &mut out);
    out.push_str("</fault>\n</methodResponse>\n");
    out.into_bytes()
}

/// A call.
#[must_use]
pub fn write_call(method: &str, parameters: &[Value]) -> Vec<u8> {
    let mut out = String::from(HEAD);
    out.push_str("<methodCall>\n<methodName>");
    escape_into(method, &mut out);
    out.push_str("</methodName>\n<params>\n");
    for parameter in parameters {
        out.push_str("<param>\n");
        write_value(parameter, &mut out);
        out.push_str("</param>\n");
    }
    out.push_str("</params>\n</methodCall>\n");
    out.into_bytes()
}

/// Values nest as deep as the program that made them says, never as deep as a stranger does:
/// what is read has a limit, and is not written again.
fn write_value(value: &Value, out: &mut String) {
    out.push_str("<value>");
    match value {
        Value::Int(number) => {
            let fits = (*number).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
            out.push_str("<int>");
            out.push_str(&fits.to_string());
            out.push_str("</int>");
        }
        Value::Bool(truth) => {
            out.push_str("<boolean>");
            out.push(if *truth { '1' } else { '0' });
            out.push_str("</boolean>");
        }
        Value::Str(text) => {
            out.push_str("<string>");
            escape_into(text, out);
            out.push_str("</string>");
        }
        Value::Double(number) => {
            out.push_str("<double>");
            out.push_str(&python_float(*number));
            out.push_str("</double>");
        }
        Value::DateTime(text) => {
            out.push_str("<dateTime.iso8601>");
            escape_into(text, out);
            out.push_str("</dateTime.iso8601>");
        }
        Value::Base64(bytes) => {
            out.push_str("<base64>\n");
            for line in bytes.chunks(BYTES_IN_LINE) {
                out.push_str(&base64::encode(line));
                out.push('\n');
            }
            out.push_str("</base64>");
        }
        Value::Array(values) => {
            out.push_str("<array><data>\n");
            for value in values {
                write_value(value, out);
            }
            out.push_str("</data></array>");
        }
        Value::Struct(members) => {
            out.push_str("<struct>\n");
            for (name, value) in members {
                out.push_str("<member>\n<name>");
                escape_into(name, out);
                out.push_str("</name>\n");
                write_value(value, out);
                out.push_str("</member>\n");
            }
            out.push_str("</struct>");
        }
    }
    out.push_str("</value>\n");
}

/// A number as Python's `repr` writes it: Rust's shortest digits, with the exponent's sign and two
/// places.
fn python_float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    let plain = format!("{number:?}");
    match plain.split_once('e') {
        None => plain,
        Some((digits, exponent)) => {
            let (sign, places) = match exponent.strip_prefix('-') {
                Some(places) => ('-', places),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{places:0>2}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What Python 3.11 prints for the same values.

    #[test]
    fn a_response_is_what_python_writes() {
        let value = Value::Array(vec![
            "a".into(),
            Value::Int(1),
            Value::Bool(true),
            Value::Double(1.5),
            Value::Struct(vec![
                ("a".to_owned(), "<&>\"'".into()),
                ("b".to_owned(), Value::Array(vec![])),
            ]),
            Value::Array(vec![]),
            "é".into(),
            "".into(),
        ]);
        let python = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><array><data>\n<value><string>a</string></value>\n<value><int>1</int></value>\n<value><boolean>1</boolean></value>\n<value><double>1.5</double></value>\n<value><struct>\n<member>\n<name>a</name>\n<value><string>&lt;&amp;&gt;\"'</string></value>\n</member>\n<member>\n<name>b</name>\n<value><array><data>\n</data></array></value>\n</member>\n</struct></value>\n<value><array><data>\n</data></array></value>\n<value><string>é</string></value>\n<value><string></string></value>\n</data></array></value>\n</param>\n</params>\n</methodResponse>\n";
        assert_eq!(String::from_utf8(write_response(&value)).unwrap(), python);
    }

    #[test]
    fn a_fault_is_what_python_writes() {
        let python = "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>10</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>BAD_NAME: x</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n";
        assert_eq!(
            String::from_utf8(write_fault(10, "BAD_NAME: x")).unwrap(),
            python
        );
    }

    #[test]
    fn a_call_is_what_python_writes() {
        let parameters = [
            "a".into(),
            Value::Int(1),
            Value::Bool(true),
            Value::Base64(b"abc".repeat(40)),
            Value::DateTime("20261121T13:45:45".to_owned()),
            Value::Double(-2.0),
            Value::Double(1e300),
            Value::Struct(vec![]),
        ];
        let python = "<?xml version='1.0'?>\n<methodCall>\n<methodName>supervisor.x</methodName>\n<params>\n<param>\n<value><string>a</string></value>\n</param>\n<param>\n<value><int>1</int></value>\n</param>\n<param>\n<value><boolean>1</boolean></value>\n</param>\n<param>\n<value><base64>\nYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJj\nYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJj\nYWJjYWJj\n</base64></value>\n</param>\n<param>\n<value><dateTime.iso8601>20261121T13:45:45</dateTime.iso8601></value>\n</param>\n<param>\n<value><double>-2.0</double></value>\n</param>\n<param>\n<value><double>1e+300</double></value>\n</param>\n<param>\n<value><struct>\n</struct></value>\n</param>\n</params>\n</methodCall>\n";
        assert_eq!(
            String::from_utf8(write_call("supervisor.x", &parameters)).unwrap(),
            python
        );
        assert_eq!(
            String::from_utf8(write_call("supervisor.x", &[])).unwrap(),
            "<?xml version='1.0'?>\n<methodCall>\n<methodName>supervisor.x</methodName>\n<params>\n</params>\n</methodCall>\n"
        );
    }

    #[test]
    fn numbers_are_what_python_writes() {
        for (number, python) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1e22, "1e+22"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (123_456_789.123, "123456789.123"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(python_float(number), python);
        }
    }

    #[test]
    fn an_integer_that_is_too_large_is_capped() {
        let written = String::from_utf8(write_response(&Value::Int(i64::MAX))).unwrap();
        assert!(written.contains("<int>2147483647</int>"), "{written}");
        let written = String::from_utf8(write_response(&Value::Int(i64::MIN))).unwrap();
        assert!(written.contains("<int>-2147483648</int>"), "{written}");
    }
}
