//! The configuration of supervisor 1 (ZConfig), rewritten as INI. A line stays the line it was, so
//! that every finding names the line of the file people have.

use std::sync::Arc;

use super::super::read::Refused;
use super::Rewritten;
use super::report::{Line, Verdict};
use crate::diagnostic::{Diagnostic, Place};

/// Whether a file is one of supervisor 1: its first line that says something opens a section in
/// angle brackets.
pub fn is_zconfig(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| line.starts_with('<') && line.ends_with('>'))
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Section {
    Nowhere,
    Daemon,
    Program(String),
    Unknown(String),
}

struct Rewriting<'a> {
    path: &'a Arc<str>,
    number: u32,
    open: Vec<Section>,
    out: String,
    /// Lines that come behind the last one of the file.
    more: String,
    /// The highest priority of any program: the one that was started first.
    highest: i64,
    rewritten: Rewritten,
}

/// The file as INI, and what became of its keys.
///
/// # Errors
/// When its sections do not close.
pub(super) fn rewrite(path: &Arc<str>, text: &str) -> Result<(String, Rewritten), Refused> {
    let mut rewriting = Rewriting {
        path,
        number: 0,
        open: Vec::new(),
        out: String::new(),
        more: "[supervisord]\n".to_owned(),
        highest: highest_priority(text),
        rewritten: Rewritten::default(),
    };
    for line in text.lines() {
        rewriting.number += 1;
        let line = rewriting.line(line.trim())?;
        rewriting.out.push_str(&line);
        rewriting.out.push('\n');
    }
    if !rewriting.open.is_empty() {
        return Err(rewriting.refuse("a section is not closed"));
    }
    rewriting.rewritten.last_line = Some(rewriting.number);
    let Rewriting {
        out,
        more,
        rewritten,
        ..
    } = rewriting;
    Ok((out + &more, rewritten))
}

fn highest_priority(text: &str) -> i64 {
    let keys = text
        .lines()
        .filter_map(|line| line.trim().split_once(char::is_whitespace));
    let numbers = keys
        .filter(|(key, _)| key.eq_ignore_ascii_case("priority"))
        .filter_map(|(_, value)| value.trim().parse::<i32>().ok());
    numbers.max().map_or(0, i64::from)
}

impl Rewriting<'_> {
    fn place(&self) -> Place {
        Place {
            path: self.path.clone(),
            line: self.number,
            column: 0,
        }
    }

    fn refuse(&self, message: &str) -> Refused {
        Refused {
            message: format!("{}: {message}", self.place()),
            diagnostics: vec![Diagnostic::error(self.place(), message)],
        }
    }

    fn section(&self) -> Section {
        self.open.last().cloned().unwrap_or(Section::Nowhere)
    }

    fn line(&mut self, line: &str) -> Result<String, Refused> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(line.to_owned());
        }
        if let Some(name) = line
            .strip_prefix("</")
            .and_then(|rest| rest.strip_suffix('>'))
        {
            let closed = self.open.pop();
            let same = match &closed {
                None => false,
                Some(Section::Program(_)) => name.trim().eq_ignore_ascii_case("program"),
                Some(Section::Daemon) => name.trim().eq_ignore_ascii_case("supervisord"),
                Some(_) => true,
            };
            if !same {
                return Err(self.refuse(&format!("`{line}` closes no section that is open")));
            }
            return Ok(self.header());
        }
        if let Some(inside) = line
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
        {
            let (inside, is_empty) = match inside.strip_suffix('/') {
                Some(inside) => (inside, true),
                None => (inside, false),
            };
            let (kind, name) = inside
                .trim()
                .split_once(char::is_whitespace)
                .unwrap_or((inside.trim(), ""));
            let section = match kind.to_ascii_lowercase().as_str() {
                "supervisord" => Section::Daemon,
                "program" => Section::Program(name.trim().to_owned()),
                _ => Section::Unknown(inside.trim().to_owned()),
            };
            self.open.push(section);
            let header = self.header();
            if is_empty {
                self.open.pop();
            }
            return Ok(header);
        }
        let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let (key, value) = (key.to_ascii_lowercase(), value.trim());
        match self.section() {
            Section::Nowhere => Err(self.refuse(&format!("`{key}` stands in no section"))),
            Section::Daemon => Ok(self.daemon(&key, value)),
            Section::Program(name) => Ok(self.program(&name, &key, value)),
            Section::Unknown(name) => {
                self.say(&name, &key, Verdict::Dropped, "this section is not known");
                Ok(String::new())
            }
        }
    }

    /// The header that stands in the line of a tag.
    fn header(&self) -> String {
        match self.section() {
            Section::Daemon => "[supervisord]".to_owned(),
            Section::Program(name) => format!("[program:{name}]"),
            Section::Nowhere | Section::Unknown(_) => String::new(),
        }
    }

    fn say(&mut self, section: &str, option: &str, verdict: Verdict, text: &str) {
        let place = self.place();
        self.rewritten.said.push(Line {
            place,
            section: section.to_owned(),
            option: option.to_owned(),
            verdict,
            text: text.to_owned(),
        });
    }

    /// `key` is called `option` now, and its meaning differs as `difference` says.
    fn rename(&mut self, key: &str, option: &str, value: &str, difference: Option<&str>) -> String {
        let renamed = (key.to_owned(), difference.map(str::to_owned));
        self.rewritten.renamed.insert(self.number, renamed);
        format!("{option}={}", value.replace('%', "%%"))
    }

    fn daemon(&mut self, key: &str, value: &str) -> String {
        match key {
            "logfile" | "pidfile" | "nodaemon" | "user" | "umask" | "directory" => {
                self.rename(key, key, value, None)
            }
            "socket-name" => {
                let server = match value.rsplit_once(':') {
                    Some(_) if !value.starts_with('/') => {
                        format!("[inet_http_server]\nport={value}\n")
                    }
                    _ => format!("[unix_http_server]\nfile={value}\n"),
                };
                self.more.push_str(&server);
                let text = format!(
                    "`runnerd --http {value}`; what is spoken there is XML-RPC over HTTP, and clients of supervisor 1 do not understand it"
                );
                self.say("supervisord", key, Verdict::Approximated, &text);
                String::new()
            }
            "passwdfile" => {
                let text = "the verifiers in it cannot be used: make a new password";
                self.say("supervisord", key, Verdict::Decide, text);
                String::new()
            }
            _ => {
                let text = "supervisor 1 is not known to have had this";
                self.say("supervisord", key, Verdict::Dropped, text);
                String::new()
            }
        }
    }

    fn program(&mut self, program: &str, key: &str, value: &str) -> String {
        match key {
            "command" => {
                let words: Vec<String> = value.split_whitespace().map(shell_word).collect();
                self.rename(key, "command", &words.join(" "), None)
            }
            "auto-start" => self.rename(key, "autostart", value, None),
            "auto-restart" => self.rename(key, "autorestart", value, None),
            "user" => self.rename(key, "user", value, None),
            "logfile" => {
                self.more.push_str(&format!(
                    "[program:{program}]\nredirect_stderr=true\nstdout_logfile_maxbytes=0\n"
                ));
                self.rename(
                    key,
                    "stdout_logfile",
                    value,
                    Some("both outputs, and never rotated"),
                )
            }
            "priority" => {
                let Ok(number) = value.parse::<i32>() else {
                    return self.rename(key, "priority", value, None);
                };
                let now = (self.highest - i64::from(number)).to_string();
                let difference = "higher numbers were started first, lower ones are now";
                self.rename(key, "priority", &now, Some(difference))
            }
            "exit-codes" => {
                self.more
                    .push_str(&format!("[program:{program}]\nautorestart=unexpected\n"));
                let codes: Vec<&str> = value
                    .split([',', ' ', '\t'])
                    .filter(|code| !code.is_empty())
                    .collect();
                self.rename(
                    key,
                    "exitcodes",
                    &codes.join(","),
                    Some("after these it is not started again"),
                )
            }
            _ => {
                let text = "supervisor 1 is not known to have had this";
                self.say(&format!("program:{program}"), key, Verdict::Dropped, text);
                String::new()
            }
        }
    }
}

/// A word of a command that knows no quotes, so that it is one word again.
fn shell_word(word: &str) -> String {
    let mut out = String::new();
    for letter in word.chars() {
        // A sign that would begin a comment does not after a backslash.
        if matches!(letter, '"' | '\'' | '\\' | ';' | '#') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}
