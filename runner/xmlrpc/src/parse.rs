//! Reading.
//!
//! As lenient as supervisord's own reader where that harms nobody: white space between elements,
//! `<params>` left out, members in either order, a `<value>` without type, an integer of any
//! length. Stricter where it is careless: what follows the document, a second type in a value, an
//! element that does not belong.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;

use crate::base64;
use crate::error::{Error, Limits};
use crate::text::is_xml;
use crate::value::Value;

/// A call that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What is called; never empty.
    pub method: String,
    /// With what.
    pub parameters: Vec<Value>,
}

/// A response that was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// The call's result.
    Value(Value),
    /// The call failed.
    Fault {
        /// supervisord's number.
        code: i64,
        /// What it says.
        text: String,
    },
}

/// Reads a call. Bytes that are not UTF-8 count as U+FFFD.
///
/// # Errors
/// When it is larger than `limits`, is not well-formed XML, has a DOCTYPE, a processing
/// instruction or an entity of its own, or is no call.
pub fn parse_call(bytes: &[u8], limits: &Limits) -> Result<Call, Error> {
    let text = bounded(bytes, limits)?;
    if let Some((at, character)) = text.char_indices().find(|(_, c)| !is_xml(*c)) {
        return Err(Error::Malformed {
            at: at as u64,
            what: format!("XML has no character {:#04x}", u32::from(character)),
        });
    }
    let mut source = Source::new(&text, limits, true);
    source.open_root("methodCall")?;
    let (mut method, mut parameters) = (String::new(), Vec::new());
    while let Some(element) = source.next_child()? {
        match element {
            Element::MethodName => method = source.plain_text()?.trim().to_owned(),
            Element::Params => parameters = source.parameters()?,
            _ => return Err(source.unexpected("methodCall")),
        }
    }
    source.end()?;
    if method.is_empty() {
        return Err(source.malformed("there is no methodName"));
    }
    Ok(Call { method, parameters })
}

/// Reads a response. A character that XML cannot carry is taken as it is: supervisord sends what
/// it finds in a log.
///
/// # Errors
/// As [`parse_call`], for a response.
pub fn parse_response(bytes: &[u8], limits: &Limits) -> Result<Response, Error> {
    let text = bounded(bytes, limits)?;
    let mut source = Source::new(&text, limits, false);
    source.open_root("methodResponse")?;
    let mut response = None;
    while let Some(element) = source.next_child()? {
        response = Some(match element {
            Element::Params => {
                let mut values = source.parameters()?;
                match (values.pop(), values.is_empty()) {
                    (Some(value), true) => Response::Value(value),
                    _ => return Err(source.malformed("a response has exactly one value")),
                }
            }
            Element::Fault => source.fault()?,
            _ => return Err(source.unexpected("methodResponse")),
        });
    }
    source.end()?;
    response.ok_or_else(|| source.malformed("the response is empty"))
}

fn bounded<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, str>, Error> {
    if bytes.len() > limits.bytes {
        return Err(Error::TooLarge("the document is too long"));
    }
    Ok(String::from_utf8_lossy(bytes))
}

/// The elements there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    MethodCall,
    MethodResponse,
    MethodName,
    Params,
    Param,
    Fault,
    Value,
    Int,
    Boolean,
    String,
    Double,
    DateTime,
    Base64,
    Array,
    Data,
    Struct,
    Member,
    Name,
    Other,
}

impl Element {
    fn named(name: &str) -> Element {
        match name {
            "methodCall" => Element::MethodCall,
            "methodResponse" => Element::MethodResponse,
            "methodName" => Element::MethodName,
            "params" => Element::Params,
            "param" => Element::Param,
            "fault" => Element::Fault,
            "value" => Element::Value,
            "int" | "i4" | "i8" => Element::Int,
            "boolean" => Element::Boolean,
            "string" => Element::String,
            "double" => Element::Double,
            "dateTime.iso8601" => Element::DateTime,
            "base64" => Element::Base64,
            "array" => Element::Array,
            "data" => Element::Data,
            "struct" => Element::Struct,
            "member" => Element::Member,
            "name" => Element::Name,
            _ => Element::Other,
        }
    }
}

/// One step through the document.
enum Token<'a> {
    Open(Element),
    Close,
    Text(Cow<'a, str>),
    End,
}

struct Source<'a> {
    reader: Reader<&'a [u8]>,
    limits: Limits,
    depth: usize,
    elements: usize,
    /// Whether a reference to a character XML does not have is an error.
    strict: bool,
}

impl<'a> Source<'a> {
    fn new(text: &'a str, limits: &Limits, strict: bool) -> Source<'a> {
        // What a byte order mark says is known already.
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = strict;
        Source {
            reader,
            limits: *limits,
            depth: 0,
            elements: 0,
            strict,
        }
    }

    fn malformed(&self, what: impl Into<String>) -> Error {
        Error::Malformed {
            at: self.reader.buffer_position(),
            what: what.into(),
        }
    }

    fn unexpected(&self, parent: &str) -> Error {
        self.malformed(format!("this element does not belong into <{parent}>"))
    }

    fn token(&mut self) -> Result<Token<'a>, Error> {
        loop {
            let event = self.reader.read_event().map_err(|error| Error::Malformed {
                at: self.reader.error_position(),
                what: error.to_string(),
            })?;
            return Ok(match event {
                Event::Start(tag) => {
                    let element = Element::named(tag.name().0);
                    self.elements += 1;
                    self.depth += 1;
                    if self.elements > self.limits.elements {
                        return Err(Error::TooLarge("the document has too many elements"));
                    }
                    if self.depth > self.limits.depth {
                        return Err(Error::TooLarge("the document is too deep"));
                    }
                    Token::Open(element)
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    Token::Close
                }
                Event::Text(text) => Token::Text(text.xml10_content()),
                Event::CData(text) => Token::Text(text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let referred = match reference.resolve_char_ref() {
                        Ok(Some(character)) if !self.strict || is_xml(character) => {
                            Cow::Owned(character.to_string())
                        }
                        Ok(None) => match resolve_xml_entity(&reference) {
                            Some(text) => Cow::Borrowed(text),
                            None => return Err(self.malformed("entities are not allowed")),
                        },
                        _ => return Err(self.malformed("XML has no such character")),
                    };
                    Token::Text(referred)
                }
                Event::Eof if self.depth > 0 => {
                    return Err(self.malformed("the document ends within an element"));
                }
                Event::Eof => Token::End,
                Event::Comment(_) => continue,
                Event::Decl(_) if self.elements == 0 => continue,
                Event::Decl(_) | Event::PI(_) => {
                    return Err(self.malformed("processing instructions are not allowed"));
                }
                Event::DocType(_) => return Err(self.malformed("a DOCTYPE is not allowed")),
                // Does not come: empty elements are expanded.
                Event::Empty(_) => return Err(self.malformed("an empty element")),
            });
        }
    }

    /// Goes into the outermost element.
    fn open_root(&mut self, name: &str) -> Result<(), Error> {
        loop {
            match self.token()? {
                Token::Open(element) if element == Element::named(name) => return Ok(()),
                Token::Text(text) if is_blank(&text) => {}
                _ => return Err(self.malformed(format!("this is no <{name}>"))),
            }
        }
    }

    /// Nothing may follow the outermost element.
    fn end(&mut self) -> Result<(), Error> {
        loop {
            match self.token()? {
                Token::End => return Ok(()),
                Token::Text(text) if is_blank(&text) => {}
                _ => return Err(self.malformed("something follows the document")),
            }
        }
    }

    /// Goes into the next child of the element we are in, or leaves it. Text between children
    /// means nothing.
    fn next_child(&mut self) -> Result<Option<Element>, Error> {
        loop {
            match self.token()? {
                Token::Open(element) => return Ok(Some(element)),
                Token::Close => return Ok(None),
                Token::Text(_) => {}
                Token::End => return Err(self.malformed("the document ends within an element")),
            }
        }
    }

    /// As [`Source::next_child`] where only one kind of child may be.
    fn next_of(&mut self, wanted: Element, parent: &str) -> Result<bool, Error> {
        match self.next_child()? {
            None => Ok(false),
            Some(element) if element == wanted => Ok(true),
            Some(_) => Err(self.unexpected(parent)),
        }
    }

    /// The text of an element without children, up to its end.
    fn plain_text(&mut self) -> Result<Cow<'a, str>, Error> {
        let mut whole = Cow::Borrowed("");
        loop {
            match self.token()? {
                Token::Text(text) => join(&mut whole, text),
                Token::Close => return Ok(whole),
                Token::Open(_) | Token::End => {
                    return Err(self.malformed("here is only room for text"));
                }
            }
        }
    }

    fn parameters(&mut self) -> Result<Vec<Value>, Error> {
        let mut values = Vec::new();
        while self.next_of(Element::Param, "params")? {
            values.push(self.only_value("param")?);
        }
        Ok(values)
    }

    fn fault(&mut self) -> Result<Response, Error> {
        let value = self.only_value("fault")?;
        match (value.member("faultCode"), value.member("faultString")) {
            (Some(Value::Int(code)), Some(Value::Str(text))) => Ok(Response::Fault {
                code: *code,
                text: text.clone(),
            }),
            _ => Err(self.malformed("a fault needs a faultCode and a faultString")),
        }
    }

    /// The value in an element that holds exactly one.
    fn only_value(&mut self, parent: &str) -> Result<Value, Error> {
        if !self.next_of(Element::Value, parent)? {
            return Err(self.malformed(format!("there is no value in <{parent}>")));
        }
        let value = self.value()?;
        if self.next_child()?.is_some() {
            return Err(self.malformed(format!("a second element in <{parent}>")));
        }
        Ok(value)
    }

    /// What is in a `<value>`. Calls itself no deeper than the limit of elements within elements.
    fn value(&mut self) -> Result<Value, Error> {
        let mut whole = Cow::Borrowed("");
        let element = loop {
            match self.token()? {
                Token::Text(text) => join(&mut whole, text),
                // Without a type it is a string, blanks and all.
                Token::Close => return Ok(Value::Str(whole.into_owned())),
                Token::Open(element) => break element,
                Token::End => return Err(self.malformed("the document ends within a value")),
            }
        };
        let value = match element {
            Element::String => Value::Str(self.plain_text()?.into_owned()),
            Element::Int => {
                let text = self.plain_text()?;
                let number = integer(&text);
                Value::Int(number.ok_or_else(|| self.malformed("this is no integer"))?)
            }
            Element::Boolean => Value::Bool(self.plain_text()? == "1"),
            Element::Double => {
                let text = self.plain_text()?;
                let number = text.trim().parse();
                Value::Double(number.map_err(|_| self.malformed("this is no number"))?)
            }
            Element::DateTime => {
                let text = self.plain_text()?;
                if !is_date(text.trim()) {
                    return Err(self.malformed("this is no date"));
                }
                Value::DateTime(text.trim().to_owned())
            }
            Element::Base64 => {
                let text = self.plain_text()?;
                let bytes = base64::decode(&text);
                Value::Base64(bytes.ok_or_else(|| self.malformed("this is no base64"))?)
            }
            Element::Array => self.array()?,
            Element::Struct => self.structure()?,
            _ => return Err(self.unexpected("value")),
        };
        if self.next_child()?.is_some() {
            return Err(self.malformed("a value has one type"));
        }
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, Error> {
        let mut values = Vec::new();
        while self.next_of(Element::Data, "array")? {
            while self.next_of(Element::Value, "data")? {
                values.push(self.value()?);
            }
        }
        Ok(Value::Array(values))
    }

    fn structure(&mut self) -> Result<Value, Error> {
        let mut members = Vec::new();
        while self.next_of(Element::Member, "struct")? {
            let (mut name, mut value) = (None, None);
            while let Some(element) = self.next_child()? {
                match element {
                    Element::Name => name = Some(self.plain_text()?.into_owned()),
                    Element::Value => value = Some(self.value()?),
                    _ => return Err(self.unexpected("member")),
                }
            }
            match (name, value) {
                (Some(name), Some(value)) => members.push((name, value)),
                _ => return Err(self.malformed("a member needs a name and a value")),
            }
        }
        Ok(Value::Struct(members))
    }
}

/// Text comes in pieces wherever something was escaped in it.
fn join<'a>(whole: &mut Cow<'a, str>, piece: Cow<'a, str>) {
    if whole.is_empty() {
        *whole = piece;
    } else {
        whole.to_mut().push_str(&piece);
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// An integer as Python's `int` reads it: blanks around, a sign, single underscores between
/// digits, any length. What does not fit becomes the nearest that does.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let mut number = 0i64;
    let mut after_digit = false;
    for byte in digits.bytes() {
        match byte {
            b'0'..=b'9' => {
                let digit = i64::from(byte - b'0');
                number = number.saturating_mul(10);
                number = match negative {
                    true => number.saturating_sub(digit),
                    false => number.saturating_add(digit),
                };
                after_digit = true;
            }
            b'_' if after_digit => after_digit = false,
            _ => return None,
        }
    }
    after_digit.then_some(number)
}

/// `20261121T13:45:45`.
fn is_date(text: &str) -> bool {
    let form = b"00000000T00:00:00";
    text.len() == form.len()
        && text.bytes().zip(form).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}
