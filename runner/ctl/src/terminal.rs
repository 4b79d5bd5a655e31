//! Standard output and error: text for people, JSON for programs, colour only where a person looks.

use std::io::{self, BufWriter, IsTerminal, StderrLock, StdoutLock, Write};

use serde::Serialize;
use units::Severity;

use crate::failure::Failure;

/// How a word stands out on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Not at all.
    Plain,
    /// A heading.
    Heading,
    /// All is well.
    Good,
    /// Something is wrong.
    Bad,
    /// Something is on its way, or may be wrong.
    Passing,
    /// Of little weight.
    Faint,
}

impl Style {
    /// For the active state of a unit, in systemd's words.
    pub(crate) fn of_active(state: &str) -> Style {
        match state {
            "active" | "reloading" => Style::Good,
            "failed" => Style::Bad,
            "activating" | "deactivating" => Style::Passing,
            _ => Style::Plain,
        }
    }

    fn sequence(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Heading => "\x1b[1m",
            Style::Good => "\x1b[1;32m",
            Style::Bad => "\x1b[1;31m",
            Style::Passing => "\x1b[1;33m",
            Style::Faint => "\x1b[2m",
        }
    }
}

/// Something to say about a unit file, found here or by the manager.
pub(crate) struct Finding {
    severity: Severity,
    place: String,
    message: String,
    hint: Option<String>,
}

/// What was found here, for programs (`--json`).
pub(crate) fn in_json(found: &units::Diagnostic) -> serde_json::Value {
    serde_json::json!({
        "severity": found.severity,
        "path": found.place.path,
        "line": found.place.line,
        "column": found.place.column,
        "message": found.message,
        "hint": found.hint,
        "unit": found.unit,
    })
}

impl From<&units::Diagnostic> for Finding {
    fn from(found: &units::Diagnostic) -> Finding {
        Finding {
            severity: found.severity,
            place: found.place.to_string(),
            message: found.message.clone(),
            hint: found.hint.clone(),
        }
    }
}

impl From<&dbus::client::Diagnostic> for Finding {
    fn from(found: &dbus::client::Diagnostic) -> Finding {
        let place = units::Place {
            path: found.path.as_str().into(),
            line: found.line,
            column: found.column,
        };
        Finding {
            severity: if found.severity == "error" {
                Severity::Error
            } else {
                Severity::Warning
            },
            place: place.to_string(),
            message: found.message.clone(),
            hint: Some(found.hint.clone()).filter(|hint| !hint.is_empty()),
        }
    }
}

/// Where a verb prints.
pub(crate) struct Terminal {
    out: BufWriter<StdoutLock<'static>>,
    err: StderrLock<'static>,
    person_reads: bool,
    colour: bool,
    colour_errors: bool,
    json: bool,
    quiet: bool,
}

impl Terminal {
    /// On the process' own standard output and error. `no_colour` is what `NO_COLOR` says.
    pub(crate) fn new(json: bool, quiet: bool, no_colour: bool) -> Terminal {
        let (out, err) = (io::stdout().lock(), io::stderr().lock());
        let person_reads = out.is_terminal();
        Terminal {
            colour: person_reads && !no_colour,
            colour_errors: err.is_terminal() && !no_colour,
            out: BufWriter::new(out),
            err,
            person_reads,
            json,
            quiet,
        }
    }

    /// Whether JSON is wanted.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Whether only what was asked for may be printed.
    pub(crate) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Whether standard output is a terminal.
    pub(crate) fn person_reads(&self) -> bool {
        self.person_reads
    }

    /// How many columns the terminal has; `None` in a pipe, where nothing is cut.
    pub(crate) fn width(&self) -> Option<usize> {
        let size = self
            .person_reads
            .then(|| rustix::termios::tcgetwinsize(io::stdout()).ok());
        size.flatten()
            .map(|size| usize::from(size.ws_col))
            .filter(|width| *width > 0)
    }

    /// `text` in `style` where colour is wanted. The text must be clean already.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        paint(self.colour, style, text)
    }

    /// Text somebody else wrote. On a terminal its control characters are made visible, since they
    /// could rewrite what is on the screen; in a pipe it stays as it is.
    pub(crate) fn foreign<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        if self.person_reads {
            visible(text)
        } else {
            text.into()
        }
    }

    /// One line on standard output.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Everything printed so far becomes visible.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The one JSON value a verb prints.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(unprintable)?;
        Ok(self.line(&text)?)
    }

    /// One JSON value of a stream, on a line of its own.
    pub(crate) fn record(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(unprintable)?;
        Ok(self.line(&text)?)
    }

    /// A line on standard error that helps but was not asked for.
    pub(crate) fn remark(&mut self, text: &str) {
        if !self.quiet && !self.json {
            self.complain(text);
        }
    }

    /// A finding about a unit file, on standard error, the severity in its colour.
    pub(crate) fn finding(&mut self, finding: &Finding) {
        let style = match finding.severity {
            Severity::Error => Style::Bad,
            Severity::Warning => Style::Passing,
        };
        let severity = paint(self.colour_errors, style, &finding.severity.to_string());
        let (place, message) = (visible(&finding.place), visible(&finding.message));
        let mut text = format!("{place}: {severity}: {message}");
        if let Some(hint) = &finding.hint {
            text.push_str(&format!("\n  hint: {}", visible(hint)));
        }
        self.complain(&text);
    }

    /// The sentence a verb fails with, on standard error.
    pub(crate) fn error(&mut self, message: &str, hint: Option<&str>, exit: u8) {
        if self.json {
            let value = serde_json::json!({ "error": message, "hint": hint, "exit_status": exit });
            self.complain(&value.to_string());
            return;
        }
        let label = paint(self.colour_errors, Style::Bad, "error");
        self.complain(&format!("{label}: {}", visible(message)));
        if let Some(hint) = hint {
            self.remark(&format!("  hint: {hint}"));
        }
    }

    /// What was printed before comes first; whether anybody reads this cannot be helped.
    fn complain(&mut self, text: &str) {
        let _ = self.out.flush();
        let _ = writeln!(self.err, "{text}");
    }
}

fn paint(colour: bool, style: Style, text: &str) -> String {
    if colour && style != Style::Plain {
        format!("{}{text}\x1b[0m", style.sequence())
    } else {
        text.to_owned()
    }
}

fn unprintable(error: serde_json::Error) -> Failure {
    Failure::because(format!("cannot print the answer as JSON: {error}"))
}

/// `text` with control characters written as `\xNN`; line ends and tabs stay.
pub(crate) fn visible(text: &str) -> std::borrow::Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(harmless) {
        return text.into();
    }
    text.chars()
        .map(|c| {
            if harmless(c) {
                c.to_string()
            } else {
                format!("\\x{:02x}", u32::from(c))
            }
        })
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_cannot_reach_the_screen() {
        assert_eq!(visible("a\x1b[2Jb\u{9b}c\r\n"), "a\\x1b[2Jb\\x9bc\\x0d\n");
        assert_eq!(visible("täg\t\n"), "täg\t\n");
    }

    #[test]
    fn colour_only_where_wanted() {
        assert_eq!(paint(false, Style::Bad, "x"), "x");
        assert_eq!(paint(true, Style::Plain, "x"), "x");
        assert_eq!(paint(true, Style::Bad, "x"), "\x1b[1;31mx\x1b[0m");
    }
}
