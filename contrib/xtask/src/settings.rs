//! `man/runner.unit.5`: one entry for each row of the settings table.

use std::path::Path;

use units::settings::{self, Section, Setting};

use crate::roff::Roff;
use crate::template;

/// The page.
///
/// # Errors
/// When the template cannot be filled.
pub(crate) fn page(root: &Path) -> Result<String, String> {
    template::fill(
        root,
        "runner.unit.5",
        &[
            ("unit-settings", chapter(Section::Unit)),
            ("service-settings", chapter(Section::Service)),
            ("exec-settings", chapter(Section::Exec)),
            ("kill-settings", chapter(Section::Kill)),
            ("resource-settings", chapter(Section::Resource)),
            ("socket-settings", chapter(Section::Socket)),
            ("install-settings", chapter(Section::Install)),
        ],
    )
}

fn chapter(section: Section) -> String {
    let mut roff = Roff::default();
    for setting in settings::all().filter(|setting| setting.sections.first() == Some(&section)) {
        roff.entry(&format!("`{}`", setting.key), &description(setting));
    }
    roff.finish()
}

/// The documentation, then what every entry ends with: the words, how it is written, its default
/// and systemd's name.
fn description(setting: &Setting) -> String {
    let mut text = setting.documentation();
    let value = setting.value;
    let explained = value
        .words
        .iter()
        .zip(value.meanings)
        .filter(|(_, meaning)| !meaning.is_empty());
    let words: Vec<String> = explained
        .filter(|_| setting.value.shape != units::settings::Shape::Flag)
        .map(|(word, meaning)| format!("- `{word}`: {}", meaning.trim()))
        .collect();
    if !words.is_empty() {
        text.push_str(&format!("\n\n{}", words.join("\n")));
    }
    let mut facts = vec![format!("Value: {}.", value.grammar)];
    if !setting.default.is_empty() {
        facts.push(format!("Default: `{}`.", setting.default));
    }
    if setting.is_list() {
        facts.push("Several values add up; an empty one starts over.".to_owned());
    }
    facts.push(match setting.systemd {
        Some(name) => format!("In systemd: `{name}=`."),
        None => "systemd has no such setting.".to_owned(),
    });
    format!("{text}\n\n{}", facts.join(" "))
}
