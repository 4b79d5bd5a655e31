//! The texts of options to values, with supervisord's words for those that are none.

use super::config::{AutoRestart, LogFile, LogLevel, SocketOwner, User};
use super::python::{absolute, directory_of, expand_user, repr, short_repr, strip, strip_end};
use super::world::{Around, Known};

/// `yes true on 1`, `no false off 0`, in any case.
///
/// # Errors
/// For every other word.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err(format!("not a valid boolean value: {}", repr(text))),
    }
}

/// A whole number as Python's `int()` reads it: with sign, blanks around and single `_` between
/// digits. What is beyond `i64` is its largest or smallest.
///
/// # Errors
/// For everything else, digits of other scripts included.
pub fn integer(text: &str) -> Result<i64, String> {
    number(text, 10).ok_or_else(|| {
        // Python shows 200 characters.
        format!(
            "invalid literal for int() with base 10: {}",
            short_repr(text, 200)
        )
    })
}

/// A number in base eight, with or without `0o`: `022`, `22`, `0o22`.
///
/// # Errors
/// For everything else.
pub fn octal(text: &str) -> Result<i64, String> {
    number(text, 8).ok_or_else(|| format!("{text} can not be converted to an octal type"))
}

fn number(text: &str, base: u32) -> Option<i64> {
    let text = strip(text);
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed = (base == 8).then(|| text.strip_prefix("0o").or(text.strip_prefix("0O")));
    let digits = match prefixed.flatten() {
        Some(rest) => rest.strip_prefix('_').unwrap_or(rest),
        None => text,
    };
    let mut value: i64 = 0;
    let mut last = '_';
    for digit in digits.chars() {
        if digit == '_' && last != '_' {
            last = digit;
            continue;
        }
        let worth = i64::from(digit.to_digit(base)?);
        value = value.saturating_mul(i64::from(base));
        value = if is_negative {
            value.saturating_sub(worth)
        } else {
            value.saturating_add(worth)
        };
        last = digit;
    }
    // Empty, or with `_` at its end.
    (last != '_').then_some(value)
}

/// Bytes: a whole number, perhaps with `KB`, `MB` or `GB`, which are powers of 1024.
///
/// # Errors
/// For everything else; the message is about the number without its suffix, as the real one's.
pub fn byte_size(text: &str) -> Result<i64, String> {
    let text = text.to_lowercase();
    for (suffix, factor) in [("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30)] {
        if let Some(number) = text.strip_suffix(suffix) {
            return Ok(integer(number)?.saturating_mul(factor));
        }
    }
    integer(&text)
}

/// The signals that Python has names for, and the constants of its `signal` module that look like
/// one. Two signals may have the same number.
const SIGNALS: &[(&str, i32)] = &[
    ("ABRT", 6),
    ("ALRM", 14),
    ("BUS", 7),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("FPE", 8),
    ("HUP", 1),
    ("ILL", 4),
    ("INT", 2),
    ("IO", 29),
    ("IOT", 6),
    ("KILL", 9),
    ("PIPE", 13),
    ("POLL", 29),
    ("PROF", 27),
    ("PWR", 30),
    ("QUIT", 3),
    ("RTMAX", 64),
    ("RTMIN", 34),
    ("SEGV", 11),
    ("STKFLT", 16),
    ("STOP", 19),
    ("SYS", 31),
    ("TERM", 15),
    ("TRAP", 5),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("USR1", 10),
    ("USR2", 12),
    ("VTALRM", 26),
    ("WINCH", 28),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("_BLOCK", 0),
    ("_DFL", 0),
    ("_IGN", 1),
    ("_SETMASK", 2),
    ("_UNBLOCK", 1),
];

/// A signal by number or name, in any case, with or without `SIG`. 0 counts: Python has a constant
/// of that number.
///
/// # Errors
/// For everything else, real-time signals between the first and the last included.
pub fn signal(text: &str) -> Result<i32, String> {
    let number = match integer(text) {
        Ok(number) => number,
        Err(_) => {
            let name = strip(text).to_uppercase();
            let name = name.strip_prefix("SIG").unwrap_or(&name);
            let known = SIGNALS.iter().find(|(known, _)| *known == name);
            i64::from(
                known
                    .ok_or_else(|| format!("value {} is not a valid signal name", repr(text)))?
                    .1,
            )
        }
    };
    let known = SIGNALS
        .iter()
        .find(|(_, known)| i64::from(*known) == number);
    known
        .map(|(_, number)| *number)
        .ok_or_else(|| format!("value {} is not a valid signal number", repr(text)))
}

/// Numbers from 0 to 255 between commas. None at all is a list too.
///
/// # Errors
/// For everything else.
pub fn exit_codes(text: &str) -> Result<Vec<i64>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let codes: Option<Vec<i64>> = text
        .split(',')
        .map(|code| number(code, 10).filter(|code| (0..=255).contains(code)))
        .collect();
    codes.ok_or_else(|| format!("not a valid list of exit codes: {}", repr(text)))
}

/// A boolean word, or `unexpected`.
///
/// # Errors
/// For everything else.
pub fn auto_restart(text: &str) -> Result<AutoRestart, String> {
    let word = text.to_lowercase();
    match (word.as_str(), boolean(&word)) {
        ("unexpected", _) => Ok(AutoRestart::Unexpected),
        (_, Ok(true)) => Ok(AutoRestart::Always),
        (_, Ok(false)) => Ok(AutoRestart::Never),
        (_, Err(_)) => Err(format!("invalid 'autorestart' value {}", repr(&word))),
    }
}

/// Items between commas, blanks around them taken off. An empty text has none, a comma at the end
/// makes an empty one.
pub fn list(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| strip(item).to_owned()).collect()
}

/// A name of a program, group or process, blanks around it taken off.
///
/// # Errors
/// For a name with a blank, a `:` or a `/` in it: they would break events, names and URLs.
pub fn name(text: &str) -> Result<String, String> {
    let stripped = strip(text);
    match [' ', ':', '/'].iter().find(|bad| stripped.contains(**bad)) {
        None => Ok(stripped.to_owned()),
        Some(bad) => Err(format!(
            "Invalid name: {} because of character: '{bad}'",
            repr(text)
        )),
    }
}

/// A level of the main log, in any case.
///
/// # Errors
/// For everything else; `warning` is not one of them.
pub fn log_level(text: &str) -> Result<LogLevel, String> {
    match text.to_lowercase().as_str() {
        "blather" => Ok(LogLevel::Blather),
        "trace" => Ok(LogLevel::Trace),
        "debug" => Ok(LogLevel::Debug),
        "info" => Ok(LogLevel::Info),
        "warn" => Ok(LogLevel::Warn),
        "error" => Ok(LogLevel::Error),
        "critical" => Ok(LogLevel::Critical),
        _ => Err(format!("bad logging level name {}", repr(text))),
    }
}

/// A port from 1 to 65535.
///
/// # Errors
/// For everything else.
fn port(text: &str) -> Result<u16, String> {
    let number = integer(text)?;
    if number < 1 {
        return Err(format!("{number} is below lower bound (1)"));
    }
    u16::try_from(number).map_err(|_| format!("{number} is above upper bound (65535)"))
}

/// `port`, `:port`, `*:port` or `host:port`: the host, empty for all, and the port.
///
/// # Errors
/// Without a port that is one.
pub fn inet_address(text: &str) -> Result<(String, u16), String> {
    let Some((host, number)) = text.rsplit_once(':') else {
        let port = port(text);
        let port = port.map_err(|_| format!("not a valid port number: {} ", repr(text)))?;
        return Ok((String::new(), port));
    };
    if number.is_empty() {
        return Err("no port number specified in ''".to_owned());
    }
    let port = port(number)?;
    let host = if host == "*" { "" } else { host };
    Ok((host.to_lowercase(), port))
}

/// What the socket of an `[fcgi-program:…]` says it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SocketText<'a> {
    /// The path after `unix://`.
    Unix(&'a str),
    /// `tcp://host:port`, if it is one.
    Tcp(Option<(&'a str, &'a str)>),
}

pub(super) fn socket_text(text: &str) -> SocketText<'_> {
    if let Some(path) = text.strip_prefix("unix://") {
        return SocketText::Unix(path);
    }
    SocketText::Tcp(tcp_text(text))
}

fn tcp_text(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("tcp://")?;
    let (host, port) = rest.split_once(':')?;
    // `$` also matches before a line feed at the end.
    let port = port.strip_suffix('\n').unwrap_or(port);
    let is_host = !host.is_empty() && !host.contains(super::python::is_space);
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_host && is_port).then_some((host, port))
}

pub(super) fn tcp_address(host: &str, number: &str) -> Result<(String, u16), String> {
    Ok((host.to_lowercase(), port(number)?))
}

/// A log level's neighbour: `AUTO`, `NONE`/`OFF`, `syslog` or a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LogFileText {
    /// Not syslog.
    File(LogFile),
    /// The old way to say `*_syslog=true`.
    Syslog,
}

/// Where an output goes.
///
/// # Errors
/// For a path whose directory does not exist.
pub(super) fn log_file(text: &str, around: &Around<'_>) -> Result<LogFileText, String> {
    match text.to_lowercase().as_str() {
        "none" | "off" => Ok(LogFileText::File(LogFile::None)),
        "auto" => Ok(LogFileText::File(LogFile::Auto)),
        "syslog" => Ok(LogFileText::Syslog),
        _ => Ok(LogFileText::File(LogFile::Path(path_in_directory(
            text, around,
        )?))),
    }
}

/// A path whose directory exists, `~` expanded. A bare name passes.
///
/// # Errors
/// When the directory does not exist.
pub fn path_in_directory(text: &str, around: &Around<'_>) -> Result<String, String> {
    let path = expand_user(text, around);
    let directory = directory_of(&path);
    if directory.is_empty() || is_directory(directory, around) {
        Ok(path)
    } else {
        Err(format!(
            "The directory named as part of the path {text} does not exist"
        ))
    }
}

/// A directory that exists, `~` expanded.
///
/// # Errors
/// When it does not.
pub fn directory(text: &str, around: &Around<'_>) -> Result<String, String> {
    let path = expand_user(text, around);
    if !path.is_empty() && is_directory(&path, around) {
        Ok(path)
    } else {
        Err(format!("{text} is not an existing directory"))
    }
}

fn is_directory(path: &str, around: &Around<'_>) -> bool {
    let path = absolute_unresolved(path, around);
    around.world.is_directory(&path)
}

/// `..` after a link is for the kernel to resolve.
fn absolute_unresolved(path: &str, around: &Around<'_>) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{}/{path}", absolute(&around.current_directory, "/"))
    }
}

/// A user by name or number.
///
/// # Errors
/// When there is none.
pub fn user(text: &str, around: &Around<'_>) -> Result<User, String> {
    let (account, what) = match number(text, 10) {
        Some(id) => (
            u32::try_from(id).map_or(Known::No, |id| around.world.user_by_id(id)),
            "id",
        ),
        None => (around.world.user(text), "name"),
    };
    let found = |uid, gid| User {
        text: text.to_owned(),
        uid,
        gid,
    };
    match account {
        Known::Yes(account) => Ok(found(Some(account.uid), Some(account.gid))),
        Known::Perhaps => Ok(found(
            number(text, 10).and_then(|id| u32::try_from(id).ok()),
            None,
        )),
        Known::No => Err(format!("Invalid user {what} {text}")),
    }
}

/// `user` or `user:group`, each by name or number. `None` when one of them does not exist; each
/// option has its own words for that.
pub fn socket_owner(text: &str, around: &Around<'_>) -> Option<SocketOwner> {
    let (user_text, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let gid = match group {
        None => None,
        Some(group) => match number(group, 10) {
            Some(id) => {
                let id = u32::try_from(id).ok()?;
                match around.world.group_by_id(id) {
                    Known::No => return None,
                    Known::Yes(_) | Known::Perhaps => Some(id),
                }
            }
            None => match around.world.group(group) {
                Known::Yes(id) => Some(id),
                Known::Perhaps => None,
                Known::No => return None,
            },
        },
    };
    Some(SocketOwner {
        text: Some(text.to_owned()),
        uid: user(user_text, around).ok()?.uid,
        gid,
    })
}

/// Whether `text` is a URL as `-s` of supervisorctl wants one: a scheme, and something behind it.
///
/// # Errors
/// With the real one's words when it is not.
pub fn url(text: &str) -> Result<&str, String> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let rest = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme));
    let rest = rest.map_or("", |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (netloc, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    if netloc.is_empty() && strip_end(path).is_empty() {
        Err(format!("value {} is not a URL", repr(text)))
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
