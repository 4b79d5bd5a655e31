//! Definitions to systemd's unit files, and a report of what systemd will not understand.
//! `runnerctl export` writes what is decided here.

use std::fmt::Write as _;

use super::own_name;
use super::read::title;
use crate::definition::Definition;
use crate::name::UnitKind;
use crate::settings::{Section, Setting, SettingId, Shape};
use crate::supervisord::import::Verdict;

/// One setting of a unit, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its key.
    pub key: &'static str,
    /// What became of it.
    pub verdict: Verdict,
    /// How, or why.
    pub text: String,
}

/// A unit file of systemd's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// What is in it.
    pub text: String,
    /// A line for each setting that somebody wrote.
    pub report: Vec<Told>,
}

/// The unit file that says what the definition says. What is ours only stands in words beginning
/// with `X-`, over which systemd passes and which runner reads.
pub fn export(unit: &Definition) -> Export {
    let mut sections: [(String, String); 3] = [
        ("Unit".to_owned(), String::new()),
        (title(unit.kind()), String::new()),
        ("Install".to_owned(), String::new()),
    ];
    let mut report = Vec::new();
    let ids: Vec<SettingId> = unit.set_settings().map(|(id, _)| id).collect();
    for id in ids {
        let row = id.row();
        let at = match row {
            row if row.is_install() => 2,
            row if row.sections.contains(&Section::Unit) => 0,
            _ => 1,
        };
        let (lines, verdict, text) = setting(unit, row);
        sections[at].1.push_str(&lines);
        report.push(Told {
            key: row.key,
            verdict,
            text,
        });
    }
    let starts = matches!(
        unit.kind(),
        UnitKind::Service | UnitKind::Socket | UnitKind::Timer | UnitKind::Path
    );
    let installed = !unit.wanted_by().is_empty() || !unit.required_by().is_empty();
    if starts && !unit.is_set(SettingId::Autostart) && !installed && !unit.is_without_file() {
        // There something has to want it; read again here it is what it was.
        sections[0].1.push_str("X-Autostart=yes\n");
        sections[2].1.push_str("WantedBy=multi-user.target\n");
        report.push(Told {
            key: "autostart",
            verdict: Verdict::Approximated,
            text: "`WantedBy=multi-user.target`, in force once it is enabled".to_owned(),
        });
    }
    let parts = sections.iter().filter(|(_, lines)| !lines.is_empty());
    let parts: Vec<String> = parts
        .map(|(name, lines)| format!("[{name}]\n{lines}"))
        .collect();
    Export {
        text: parts.join("\n"),
        report,
    }
}

fn setting(unit: &Definition, row: &'static Setting) -> (String, Verdict, String) {
    let texts: Vec<&str> = unit.items(row.id).iter().map(|item| &*item.text).collect();
    let name = match row.systemd {
        Some(name) if texts.iter().all(|text| is_known(row, text)) => name.to_owned(),
        _ => own_name(row.key),
    };
    let mut lines = String::new();
    let mut changed = false;
    for text in &texts {
        let line = one_line(row, text);
        changed |= row.value.shape != Shape::Commands && line != *text && !is_mode(row);
        // Writing to a `String` cannot fail.
        let _ = writeln!(lines, "{name}={line}");
    }
    let (verdict, text) = match (row.systemd, changed) {
        (Some(systemd), false) if systemd == name => (Verdict::Mapped, format!("`{name}`")),
        (_, true) => (
            Verdict::Approximated,
            format!("`{name}`, on one line and without white space at its ends"),
        ),
        (Some(_), false) => (
            Verdict::Dropped,
            format!("systemd has no such value; kept for runner as `{name}`"),
        ),
        (None, false) => (
            Verdict::Dropped,
            format!("systemd has no such setting; kept for runner as `{name}`"),
        ),
    };
    (lines, verdict, text)
}

/// Whether systemd has this value of a setting it has.
fn is_known(row: &Setting, text: &str) -> bool {
    match row.key {
        "working-directory" => !text.trim_start_matches('-').starts_with("inherit"),
        "standard-output" | "standard-error" => !matches!(text, "log" | "ring" | "console"),
        "standard-input" => text != "pipe",
        _ => row.value.shape != Shape::Commands || !text.starts_with('='),
    }
}

fn is_mode(row: &Setting) -> bool {
    row.value.name == "access mode"
}

/// A text on one line, as systemd reads it: breaks within quotes become escapes, others spaces.
fn one_line(row: &Setting, text: &str) -> String {
    if is_mode(row) {
        return text.replacen("0o", "0", 1);
    }
    if row.value.shape != Shape::Commands {
        let text = text.replace(['\n', '\r', '\0'], " ");
        let text = text.trim();
        // A slash at the end would join the next line.
        let slashes = text.bytes().rev().take_while(|byte| *byte == b'\\').count();
        return match slashes % 2 {
            0 => text.to_owned(),
            _ => text[..text.len() - 1].to_owned(),
        };
    }
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    let mut escaped = false;
    for letter in text.chars() {
        match (quote, letter) {
            (_, letter) if escaped => {
                escaped = false;
                out.push(letter);
                continue;
            }
            (_, '\\') => escaped = true,
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            _ => {}
        }
        match (quote, letter) {
            (Some(_), '\n') => out.push_str("\\n"),
            (Some(_), '\r') => out.push_str("\\r"),
            (None, '\n' | '\r') => out.push(' '),
            _ => out.push(letter),
        }
    }
    out.trim().to_owned()
}
