//! The lines of a unit file, to the letter of systemd.syntax(7) and of the reader of systemd 252:
//! what is a comment, what is continued, what is an assignment. Values stay as they are written.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place};

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment<'a> {
    /// The section it stands in.
    pub(crate) section: String,
    pub(crate) key: String,
    /// Without white space around it; a continued line is one, each break a space.
    pub(crate) value: String,
    /// Where its first line begins.
    pub(crate) place: Place,
    /// The comment lines right before it, as they stand.
    pub(crate) comments: Vec<&'a str>,
}

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct Lines<'a> {
    pub(crate) assignments: Vec<Assignment<'a>>,
    /// Comments after the last assignment.
    pub(crate) last_comments: Vec<&'a str>,
    /// Errors where nothing of the file counts, else warnings.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// The longest line, continued lines counted as one (systemd.syntax(7)).
const LONGEST_LINE: usize = 1 << 20;

/// Reads a file. As in systemd a broken section header spoils the whole file; any other line that
/// is none is passed over with a warning.
pub(crate) fn read<'a>(path: &Arc<str>, bytes: &'a [u8]) -> Lines<'a> {
    let mut reader = Reader {
        path,
        section: None,
        out: Lines::default(),
        comments: Vec::new(),
    };
    // Editors of another system mark UTF-8 files with it; it is no part of the text.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut pending: Option<(u32, Vec<u8>)> = None;
    for (at, line) in (1..).zip(lines(bytes)) {
        let start = line.trim_ascii_start();
        // A comment or empty line within a continued one is passed over.
        if start.is_empty() || start.starts_with(b"#") || start.starts_with(b";") {
            if pending.is_none() {
                reader.comments.extend(std::str::from_utf8(line).ok());
            }
            continue;
        }
        let (first, mut whole) = pending.take().unwrap_or((at, Vec::new()));
        if whole.len() + line.len() > LONGEST_LINE {
            let message = format!("a line has more than {LONGEST_LINE} bytes");
            let place = reader.place(first);
            reader
                .out
                .diagnostics
                .push(Diagnostic::error(place, message));
            return reader.out;
        }
        whole.extend_from_slice(line);
        let slashes = whole.iter().rev().take_while(|b| **b == b'\\').count();
        if slashes % 2 == 1 {
            whole.pop();
            whole.push(b' ');
            pending = Some((first, whole));
            continue;
        }
        if !reader.line(first, &whole) {
            return reader.out;
        }
    }
    if let Some((first, whole)) = pending {
        reader.line(first, &whole);
    }
    reader.out.last_comments = std::mem::take(&mut reader.comments);
    reader.out
}

/// Splits at line feeds, carriage returns and zero bytes, a pair of different ones being one break.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_break = |byte: u8| matches!(byte, b'\n' | b'\r' | 0);
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.iter().position(|byte| is_break(*byte));
        let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = match after {
            [first, second, more @ ..] if is_break(*second) && first != second => more,
            [_, more @ ..] => more,
            [] => after,
        };
        Some(line)
    })
}

struct Reader<'p, 'a> {
    path: &'p Arc<str>,
    section: Option<String>,
    out: Lines<'a>,
    comments: Vec<&'a str>,
}

impl Reader<'_, '_> {
    fn place(&self, line: u32) -> Place {
        Place {
            path: self.path.clone(),
            line,
            column: 1,
        }
    }

    fn warn(&mut self, line: u32, message: impl Into<String>) {
        let place = self.place(line);
        self.out
            .diagnostics
            .push(Diagnostic::warning(place, message));
    }

    /// Takes a line that is neither empty nor a comment. Whether to go on.
    fn line(&mut self, at: u32, line: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(line) else {
            self.warn(at, "this line is not UTF-8 text, and is ignored");
            return true;
        };
        let text = text.trim_matches(WHITE);
        if let Some(header) = text.strip_prefix('[') {
            let Some(name) = header.strip_suffix(']') else {
                let message = format!("the section header {text:?} has no `]`");
                let found = Diagnostic::error(self.place(at), message);
                self.out.diagnostics.push(found);
                return false;
            };
            self.section = Some(name.to_owned());
            return true;
        }
        let comments = std::mem::take(&mut self.comments);
        let Some((key, value)) = text.split_once('=') else {
            self.warn(at, "this line has no `=`, and is ignored");
            return true;
        };
        let Some(section) = self.section.clone() else {
            self.warn(at, "this setting stands in no section, and is ignored");
            return true;
        };
        let place = self.place(at);
        self.out.assignments.push(Assignment {
            section,
            key: key.trim_matches(WHITE).to_owned(),
            value: value.trim_matches(WHITE).to_owned(),
            place,
            comments,
        });
        true
    }
}

/// What systemd takes for white space.
const WHITE: [char; 4] = [' ', '\t', '\n', '\r'];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &[u8]) -> (Vec<String>, Vec<String>) {
        let lines = read(&"a.service".into(), text);
        let assignments = lines.assignments.iter().map(|line| {
            format!(
                "{} [{}] {}={}",
                line.place.line, line.section, line.key, line.value
            )
        });
        let found = lines.diagnostics.iter().map(ToString::to_string);
        (assignments.collect(), found.collect())
    }

    fn assignments(text: &str) -> Vec<String> {
        let (assignments, found) = said(text.as_bytes());
        assert_eq!(found, [""; 0], "{text}");
        assignments
    }

    #[test]
    fn assignments_comments_and_white_space() {
        let text = "# c\n; d\n\n[Unit]\n Description = a = b \nAfter=\n\t# e\n[X-Mine]\nA=1\n";
        assert_eq!(
            assignments(text),
            [
                "5 [Unit] Description=a = b",
                "6 [Unit] After=",
                "9 [X-Mine] A=1"
            ]
        );
    }

    /// What systemd 252 makes of continued lines: the next one keeps its white space, and comments
    /// and empty lines between them are passed over.
    #[test]
    fn continued_lines() {
        let text = "[Service]\nExecStart=/a \\\n# no\n\n  b\\\nc\nA=x\\\\\nB=1 \\";
        assert_eq!(
            assignments(text),
            [
                "2 [Service] ExecStart=/a    b c",
                "7 [Service] A=x\\\\",
                "8 [Service] B=1",
            ]
        );
    }

    #[test]
    fn line_breaks_of_other_systems() {
        assert_eq!(
            assignments("\u{feff}[Unit]\r\nA=1\r\nB=2\rC=3\n\rD=4"),
            [
                "2 [Unit] A=1",
                "3 [Unit] B=2",
                "4 [Unit] C=3",
                "5 [Unit] D=4"
            ]
        );
    }

    #[test]
    fn what_is_no_assignment_is_said() {
        let (kept, found) = said(b"A=1\n[Unit]\nnothing\nB=\xff\nC=2\n");
        assert_eq!(kept, ["5 [Unit] C=2"]);
        assert_eq!(
            found,
            [
                "a.service:1:1: warning: this setting stands in no section, and is ignored",
                "a.service:3:1: warning: this line has no `=`, and is ignored",
                "a.service:4:1: warning: this line is not UTF-8 text, and is ignored",
            ]
        );
    }

    #[test]
    fn a_broken_header_and_an_endless_line_spoil_the_file() {
        let (_, found) = said(b"[Unit\nA=1");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("error"), "{found:?}");
        let endless = format!("[Unit]\nA={}", "x\\\n".repeat(LONGEST_LINE / 2 + 1));
        let (_, found) = said(endless.as_bytes());
        assert!(
            found[0].contains("error: a line has more than"),
            "{found:?}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = said(&bytes);
        }
    }
}
