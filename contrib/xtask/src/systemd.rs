//! `man/runner-systemd.7`: what is different from systemd, and what is not supported.

use std::path::Path;

use units::Section;
use units::settings::alias::ALIASES;
use units::settings::unsupported::{self, Loss};
use units::systemd::deviations::DEVIATIONS;
use units::systemd::running::RUNNING_DEVIATIONS;

use crate::deviations::differences;
use crate::roff::Roff;
use crate::template;

/// The page.
///
/// # Errors
/// When the template cannot be filled.
pub(crate) fn page(root: &Path) -> Result<String, String> {
    template::fill(
        root,
        "runner-systemd.7",
        &[
            (
                "differences",
                differences("systemd", DEVIATIONS.iter().chain(RUNNING_DEVIATIONS)),
            ),
            ("unsupported", unsupported()),
            ("aliases", aliases()),
        ],
    )
}

fn unsupported() -> String {
    let mut roff = Roff::default();
    for group in unsupported::groups() {
        let names: Vec<String> = group.names.iter().map(|name| format!("`{name}`")).collect();
        let lost = match group.loss {
            Loss::Protection => "Without it the unit runs **without this protection**.",
            Loss::Behaviour => "Without it the unit runs, and not as it was written.",
            Loss::Nothing => "Leaving it out changes nothing, so it is only a warning.",
        };
        let sections: Vec<String> = group.sections.iter().map(|at| section(*at)).collect();
        let text = format!(
            "In {}: {}.\n\nNot supported: {}. Instead: {}. {lost}",
            sections.join(", "),
            names.join(", "),
            group.why,
            group.instead,
        );
        roff.entry(&format!("`{}`", group.title), &text);
    }
    roff.finish()
}

fn aliases() -> String {
    let mut roff = Roff::default();
    for alias in ALIASES {
        let means: Vec<String> = alias
            .means
            .iter()
            .map(|(_, name)| format!("`{name}`"))
            .collect();
        let tag = format!("`{}` in {}", alias.name, section(alias.section));
        roff.entry(&tag, &format!("{}.", means.join(" and ")));
    }
    roff.finish()
}

fn section(section: Section) -> String {
    format!("[{section:?}]")
}
