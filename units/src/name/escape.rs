//! Any text as a unit name, and back: what systemd-escape(1) does.

use std::fmt;

use super::{LONGEST_NAME, may_stand_in_name};

/// Every kind of unit that systemd has. Names of kinds we do not run are escaped like all others.
const SUFFIXES: [&str; 11] = [
    ".service",
    ".socket",
    ".target",
    ".timer",
    ".path",
    ".slice",
    ".mount",
    ".automount",
    ".swap",
    ".device",
    ".scope",
];

/// Why a text cannot be escaped, or is not escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EscapeProblem {
    /// It is no path, or one with `.` or `..` in it.
    NoPath,
    /// A `\` begins no `\xNN`, or it comes to something that is no text or no path.
    NotEscaped,
    /// No unit name comes of it.
    NoName,
    /// It is no template such as `worker@.service`.
    NoTemplate,
    /// It is not the instance of a template.
    NoInstance,
    /// It is an instance of this other template.
    OtherTemplate(String),
}

impl fmt::Display for EscapeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EscapeProblem::NoPath => f.write_str("no path without `..`"),
            EscapeProblem::NotEscaped => f.write_str("not an escaped text"),
            EscapeProblem::NoName => write!(
                f,
                "no unit name comes of it: those have 1 to {LONGEST_NAME} bytes and do not begin \
                 with `@`"
            ),
            EscapeProblem::NoTemplate => {
                f.write_str("no template, which is named like worker@.service")
            }
            EscapeProblem::NoInstance => f.write_str("no instance of a template"),
            EscapeProblem::OtherTemplate(other) => write!(f, "an instance of {other}"),
        }
    }
}

impl std::error::Error for EscapeProblem {}

/// Fits any text into a unit name, as `systemd-escape` does: `/` becomes `-`, every byte that
/// cannot stand there (and `-` and `\` themselves, and a leading `.`) becomes `\xNN`.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => out.push('-'),
            b'.' if at == 0 => out.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => {
                out.push(char::from(byte));
            }
            _ => push_escaped(&mut out, byte),
        }
    }
    out
}

fn push_escaped(out: &mut String, byte: u8) {
    out.push_str(&format!("\\x{byte:02x}"));
}

/// Reverses [`escape`]; `None` where a `\` begins no `\xNN`, or the result is not UTF-8.
pub fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'-' => out.push(b'/'),
            b'\\' => {
                if bytes.next()? != b'x' {
                    return None;
                }
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8(out).ok()
}

/// Fits a path into a unit name, as `systemd-escape --path`: repeated and outer slashes go, the
/// root is `-`. `None` for a path with `..` in it. A relative path comes back as an absolute one.
pub fn escape_path(path: &str) -> Option<String> {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|p| !p.is_empty() && *p != ".")
        .collect();
    if parts.contains(&"..") {
        return None;
    }
    if parts.is_empty() {
        // `.` is a place, but nobody knows which.
        return (path.is_empty() || path.starts_with('/')).then(|| "-".to_owned());
    }
    Some(escape(&parts.join("/")))
}

/// Reverses [`escape_path`]; `None` for what it never makes.
pub fn unescape_path(text: &str) -> Option<String> {
    if text == "-" {
        return Some("/".to_owned());
    }
    let path = unescape(text)?;
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    path.split('/').all(is_part).then(|| format!("/{path}"))
}

/// Makes a unit name of what somebody typed, as `systemd-escape --mangle`: a name stays, a path
/// becomes its mount or device, and everything else a service.
///
/// # Errors
/// When the result is no unit name.
pub fn mangle(text: &str) -> Result<String, EscapeProblem> {
    if is_unit_name(text) {
        return Ok(text.to_owned());
    }
    if text.starts_with('/')
        && let Some(escaped) = escape_path(text)
    {
        let below = |top: &str| {
            let mut parts = text.split('/').filter(|p| !p.is_empty() && *p != ".");
            parts.next() == Some(top) && parts.next().is_some()
        };
        let is_device = below("dev") || below("sys");
        let name = escaped + if is_device { ".device" } else { ".mount" };
        return is_unit_name(&name)
            .then_some(name)
            .ok_or(EscapeProblem::NoName);
    }
    let mut name = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'/' => name.push('-'),
            b'@' => name.push('@'),
            _ if may_stand_in_name(char::from(byte)) => name.push(char::from(byte)),
            _ => push_escaped(&mut name, byte),
        }
    }
    if !is_unit_name(&name) {
        name.push_str(".service");
    }
    let is_named = !text.is_empty() && is_unit_name(&name);
    is_named.then_some(name).ok_or(EscapeProblem::NoName)
}

/// The instance of a template such as `worker@.service` for an escaped text.
///
/// # Errors
/// When `template` is none, or the result is no unit name.
pub fn instance_of(template: &str, escaped: &str) -> Result<String, EscapeProblem> {
    let (before, after) = halves(template).ok_or(EscapeProblem::NoTemplate)?;
    let name = format!("{before}{escaped}{after}");
    (!escaped.is_empty() && is_unit_name(&name))
        .then_some(name)
        .ok_or(EscapeProblem::NoName)
}

/// The escaped text of the instance `name`, which is one of `template` if there is any.
///
/// # Errors
/// When `name` is no instance, or one of another template.
pub fn instance_in<'a>(name: &'a str, template: Option<&str>) -> Result<&'a str, EscapeProblem> {
    let parts = name
        .split_once('@')
        .zip(name.rfind('.'))
        .filter(|_| is_unit_name(name));
    let Some(((prefix, rest), dot)) = parts else {
        return Err(EscapeProblem::NoInstance);
    };
    let suffix = name.get(dot..).unwrap_or_default();
    let instance = rest.strip_suffix(suffix).unwrap_or_default();
    if instance.is_empty() {
        return Err(EscapeProblem::NoInstance);
    }
    let own = format!("{prefix}@{suffix}");
    match template {
        Some(template) if halves(template).is_none() => Err(EscapeProblem::NoTemplate),
        Some(template) if template != own => Err(EscapeProblem::OtherTemplate(own)),
        _ => Ok(instance),
    }
}

/// What stands before and after the instance in the names of a template's instances.
fn halves(template: &str) -> Option<(&str, &str)> {
    let at = template.find('@').filter(|_| is_unit_name(template))?;
    let (before, after) = template.split_at(at + 1);
    SUFFIXES.contains(&after).then_some((before, after))
}

/// Whether systemd has units of such a name.
fn is_unit_name(text: &str) -> bool {
    let stem = SUFFIXES
        .iter()
        .find_map(|suffix| text.strip_suffix(suffix))
        .unwrap_or_default();
    let may_stand = |c| may_stand_in_name(c) || c == '@';
    !stem.is_empty()
        && !stem.starts_with('@')
        && text.len() <= LONGEST_NAME
        && text.chars().all(may_stand)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_as_systemd_escape() {
        // What systemd-escape and systemd-escape --path print.
        assert_eq!(escape("a/b-c .d"), "a-b\\x2dc\\x20.d");
        assert_eq!(escape(".hidden"), "\\x2ehidden");
        assert_eq!(unescape("a\\q"), None);
        for (path, escaped) in [
            ("/", Some("-")),
            ("", Some("-")),
            ("//var//lib/x-y/", Some("var-lib-x\\x2dy")),
            ("./a", Some("a")),
            ("...", Some("\\x2e..")),
            ("/a/.../b", Some("a-...-b")),
            ("/a/../b", None),
            ("..", None),
            (".", None),
        ] {
            assert_eq!(escape_path(path).as_deref(), escaped, "{path}");
        }
        assert_eq!(unescape_path("var-lib").as_deref(), Some("/var/lib"));
        assert_eq!(unescape_path("-").as_deref(), Some("/"));
        for text in ["", "-a", "a-", "a--b", "..", "a-.-b", "\\x2e\\x2e"] {
            assert_eq!(unescape_path(text), None, "{text}");
        }
    }

    #[test]
    fn mangles_as_systemd_escape() {
        for (text, name) in [
            ("a", "a.service"),
            ("a.b", "a.b.service"),
            ("a.mount", "a.mount"),
            ("a@.service", "a@.service"),
            ("/", "-.mount"),
            ("/dev/", "dev.mount"),
            ("/dev/a b", "dev-a\\x20b.device"),
            ("/sys/x", "sys-x.device"),
            ("/x.service", "x.service.mount"),
            ("/a/../b", "-a-..-b.service"),
            ("./a", ".-a.service"),
            ("dev/x", "dev-x.service"),
            (".service", ".service.service"),
            ("[a]", "\\x5ba\\x5d.service"),
            ("ä", "\\xc3\\xa4.service"),
            (".", "..service"),
        ] {
            assert_eq!(mangle(text).as_deref(), Ok(name), "{text}");
        }
        let long = "a".repeat(248);
        for text in ["", "@", "@.service", &long] {
            assert_eq!(mangle(text), Err(EscapeProblem::NoName), "{text}");
        }
    }

    #[test]
    fn instances_as_systemd_escape() {
        let made = instance_of("x@.mount", "a-b");
        assert_eq!(made.as_deref(), Ok("x@a-b.mount"));
        assert_eq!(instance_of("x@.service", ""), Err(EscapeProblem::NoName));
        for template in ["x.service", "x@y.service", "@.service", "x@"] {
            let made = instance_of(template, "a");
            assert_eq!(made, Err(EscapeProblem::NoTemplate), "{template}");
        }
        assert_eq!(instance_in("x@a.b@c.service", None), Ok("a.b@c"));
        assert_eq!(instance_in("x@a.service", Some("x@.service")), Ok("a"));
        assert_eq!(
            instance_in("y@a.service", Some("x@.service")),
            Err(EscapeProblem::OtherTemplate("y@.service".to_owned()))
        );
        for name in ["x.service", "x@.service", "x@a", ""] {
            let found = instance_in(name, None);
            assert_eq!(found, Err(EscapeProblem::NoInstance), "{name}");
        }
    }

    proptest! {
        #[test]
        fn escape_round_trips(text in any::<String>()) {
            prop_assert_eq!(unescape(&escape(&text)), Some(text));
        }

        #[test]
        fn any_text_is_a_name_or_none(text in any::<String>()) {
            if let Ok(name) = mangle(&text) {
                prop_assert!(is_unit_name(&name));
                prop_assert_eq!(mangle(&name), Ok(name));
            }
        }
    }
}
