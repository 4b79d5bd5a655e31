//! Documents that mean harm, and those clients really send.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use proptest::prelude::*;
use xmlrpc::{
    Error, Limits, Response, Value, parse_call, parse_response, text, write_call, write_fault,
    write_response,
};

fn call(parameters: &str) -> String {
    format!(
        "<?xml version='1.0'?><methodCall><methodName>m</methodName><params>{parameters}</params></methodCall>"
    )
}

fn only(text: &str) -> Result<Value, Error> {
    let document = call(&format!("<param><value>{text}</value></param>"));
    parse_call(document.as_bytes(), &Limits::CALL).map(|mut call| call.parameters.remove(0))
}

fn refused(document: &str) -> String {
    match parse_call(document.as_bytes(), &Limits::CALL) {
        Ok(call) => panic!("{document} was read as {call:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn b11_doctype_entities_and_instructions_are_refused() {
    let body = "<methodCall><methodName>&a;</methodName></methodCall>";
    for (head, why) in [
        ("<!DOCTYPE a [<!ENTITY a 'b'>]>", "DOCTYPE"),
        ("<!DOCTYPE a SYSTEM 'file:///etc/passwd'>", "DOCTYPE"),
        ("", "entities"),
        ("<?xml-stylesheet href='x'?>", "processing"),
    ] {
        let said = refused(&format!("<?xml version='1.0'?>{head}{body}"));
        assert!(said.contains(why), "{head}: {said}");
    }
    let laughs = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>";
    assert!(refused(&format!("{laughs}{body}")).contains("DOCTYPE"));
}

#[test]
fn b13_size_elements_and_depth_are_bounded() {
    let long = call(&format!(
        "<param><value>{}</value></param>",
        "a".repeat(1 << 20)
    ));
    assert_eq!(refused(&long), "the document is too long");

    let wide = call(&"<param><value/></param>".repeat(40_000));
    assert_eq!(refused(&wide), "the document has too many elements");

    for depth in [30, 20_000] {
        let deep = "<array><data><value>".repeat(depth) + &"</value></data></array>".repeat(depth);
        let deep = call(&format!("<param><value>{deep}</value></param>"));
        assert_eq!(refused(&deep), "the document is too deep");
    }
    // Never closed, so that nothing but the limit ends it.
    assert_eq!(
        refused(&"<a>".repeat(100)),
        "byte 3: this is no <methodCall>"
    );
    let deep = format!(
        "<methodCall><params>{}",
        "<param><value><array><data>".repeat(9_000)
    );
    assert!(!refused(&deep).is_empty());
}

#[test]
fn b14_what_is_no_call_is_refused() {
    for document in [
        "",
        " ",
        "text",
        "<methodCall>",
        "<methodCall/>",
        "<methodCall></methodcall>",
        "<methodCall><methodName></methodName></methodCall>",
        "<methodCall><methodName> </methodName></methodCall>",
        "<methodCall><methodName>a<b/></methodName></methodCall>",
        "<methodCall><methodName>a</methodName></methodCall><methodCall/>",
        "<methodCall><methodName>a</methodName></methodCall>text",
        "<methodResponse><params/></methodResponse>",
        "<methodCall><methodName>a</methodName><x/></methodCall>",
        "<methodCall><methodName>a\u{1b}</methodName></methodCall>",
        "<methodCall><methodName>a&#27;</methodName></methodCall>",
        "<methodCall><methodName>a&#0;</methodName></methodCall>",
        "<methodCall><methodName>a&#x110000;</methodName></methodCall>",
        "<methodCall><methodName>a&</methodName></methodCall>",
    ] {
        refused(document);
    }
    for value in [
        "<int></int>",
        "<int>a</int>",
        "<int>1.5</int>",
        "<int>0x10</int>",
        "<int>1__0</int>",
        "<int>_1</int>",
        "<int>-</int>",
        "<int>1</int><int>2</int>",
        "<double>a</double>",
        "<dateTime.iso8601>today</dateTime.iso8601>",
        "<base64>Z</base64>",
        "<nil/>",
        "<array><value/></array>",
        "<struct><value/></struct>",
        "<struct><member><name>a</name></member></struct>",
        "<struct><member><value/></member></struct>",
        "<string><b>x</b></string>",
    ] {
        assert!(only(value).is_err(), "{value} was read");
    }
}

#[test]
fn every_type_is_read_as_supervisord_reads_it() {
    for (text, value) in [
        ("", Value::from("")),
        (" plain ", " plain ".into()),
        ("<string/>", "".into()),
        ("<string>&lt;a&#65;&#x42;&amp;</string>", "<aAB&".into()),
        ("<string><![CDATA[<b>]]>c</string>", "<b>c".into()),
        ("<string>a<!-- note -->b</string>", "ab".into()),
        ("<string>é\r\nü</string>", "é\nü".into()),
        ("\n  <int>7</int>\n", Value::Int(7)),
        ("<i4> +7 </i4>", Value::Int(7)),
        ("<i8>-1_000</i8>", Value::Int(-1000)),
        ("<int>99999999999999999999</int>", Value::Int(i64::MAX)),
        ("<int>-99999999999999999999</int>", Value::Int(i64::MIN)),
        ("<boolean>1</boolean>", Value::Bool(true)),
        ("<boolean>true</boolean>", Value::Bool(false)),
        ("<double> -1.5e3 </double>", Value::Double(-1500.0)),
        (
            "<dateTime.iso8601>20261121T13:45:45</dateTime.iso8601>",
            Value::DateTime("20261121T13:45:45".to_owned()),
        ),
        ("<base64>\nYWJj\n</base64>", Value::Base64(b"abc".to_vec())),
        ("<array><data/></array>", Value::Array(vec![])),
        (
            "<array> <data> <value><int>1</int></value> <value>a</value> </data> </array>",
            Value::Array(vec![Value::Int(1), "a".into()]),
        ),
        (
            "<struct><member><value>1</value><name>a</name></member></struct>",
            Value::Struct(vec![("a".to_owned(), "1".into())]),
        ),
    ] {
        assert_eq!(only(text).unwrap(), value, "{text}");
    }
}

#[test]
fn parameters_may_be_left_out() {
    let read = parse_call(
        b"\xef\xbb\xbf<methodCall>\n <methodName>\n supervisor.getState </methodName> </methodCall>\n\n",
        &Limits::CALL,
    )
    .unwrap();
    assert_eq!(read.method, "supervisor.getState");
    assert_eq!(read.parameters, []);
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let read = parse_call(
        b"<methodCall><methodName>a\xff</methodName></methodCall>",
        &Limits::CALL,
    );
    assert_eq!(read.unwrap().method, "a\u{fffd}");
}

#[test]
fn the_client_reads_what_supervisord_should_not_have_sent() {
    let sent = b"<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><string>\x1b[1m\x00\xff</string></value>\n</param>\n</params>\n</methodResponse>\n";
    assert_eq!(
        parse_response(sent, &Limits::RESPONSE).unwrap(),
        Response::Value("\u{1b}[1m\0\u{fffd}".into())
    );
    assert_eq!(
        parse_response(&write_fault(92, "CANT_REREAD: <x>"), &Limits::RESPONSE).unwrap(),
        Response::Fault {
            code: 92,
            text: "CANT_REREAD: <x>".to_owned()
        }
    );
    for broken in [
        "<methodResponse/>",
        "<methodResponse><params/></methodResponse>",
        "<methodResponse><fault><value>x</value></fault></methodResponse>",
    ] {
        assert!(parse_response(broken.as_bytes(), &Limits::RESPONSE).is_err());
    }
}

/// Text as it looks after a way through XML.
fn carried(text: &str) -> String {
    let text: String = text.chars().map(text::substitute).collect();
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn value() -> impl Strategy<Value = Value> {
    let text = || {
        any::<Vec<char>>()
            .prop_map(|characters| carried(&characters.into_iter().collect::<String>()))
    };
    let leaf = prop_oneof![
        any::<i32>().prop_map(|number| Value::Int(i64::from(number))),
        any::<bool>().prop_map(Value::Bool),
        text().prop_map(Value::Str),
        (-1e300..1e300).prop_map(Value::Double),
        any::<Vec<u8>>().prop_map(Value::Base64),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((text(), inner), 0..6).prop_map(Value::Struct),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(values in prop::collection::vec(value(), 0..4)) {
        let read = parse_call(&write_call("a.b", &values), &Limits::CALL).unwrap();
        prop_assert_eq!(read.parameters, values.clone());
        for value in values {
            let read = parse_response(&write_response(&value), &Limits::RESPONSE).unwrap();
            prop_assert_eq!(read, Response::Value(value));
        }
    }

    #[test]
    fn any_text_makes_a_well_formed_reply(text in any::<Vec<char>>()) {
        let text: String = text.into_iter().collect();
        // The strict reader refuses what is not well-formed.
        let read = parse_call(&write_call("a", &[text.clone().into()]), &Limits::CALL).unwrap();
        prop_assert_eq!(&read.parameters, &[Value::Str(carried(&text))]);
    }

    #[test]
    fn any_bytes_are_survived(bytes in any::<Vec<u8>>()) {
        let _ = parse_call(&bytes, &Limits::CALL);
        let _ = parse_response(&bytes, &Limits::RESPONSE);
    }

    /// Bytes that get further than random ones: a call with a few of them changed.
    #[test]
    fn a_damaged_call_is_survived(
        value in value(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = write_call("supervisor.startProcess", &[value]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = parse_call(&bytes, &Limits::CALL);
        bytes.truncate(bytes.len() / 2);
        prop_assert!(parse_call(&bytes, &Limits::CALL).is_err());
    }
}
