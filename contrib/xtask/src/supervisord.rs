//! `man/runner-supervisord.7`: what becomes of each option, and every difference from the real one.

use std::path::Path;

use units::supervisord::{DEVIATIONS, Deviation, OPTIONS, RUNNING_DEVIATIONS};

use crate::roff::Roff;
use crate::template;

/// The page.
///
/// # Errors
/// When the template cannot be filled.
pub(crate) fn page(root: &Path) -> Result<String, String> {
    template::fill(
        root,
        "runner-supervisord.7",
        &[
            ("options", options()),
            ("reading", differences(DEVIATIONS)),
            ("running", differences(RUNNING_DEVIATIONS)),
            ("serving", differences(web::deviations::DEVIATIONS)),
            ("client", differences(runnerctl::DEVIATIONS)),
        ],
    )
}

fn options() -> String {
    let mut roff = Roff::default();
    for row in OPTIONS {
        roff.entry(&format!("`{}`", row.option), &sentence(row.meaning));
    }
    roff.finish()
}

fn differences(list: &[Deviation]) -> String {
    let mut roff = Roff::default();
    for one in list {
        let text = format!(
            "supervisord: {}.\n\nHere: {}.\n\nWhy: {}.",
            one.original, one.here, one.why
        );
        roff.entry(&format!("`{}`", one.name), &text);
    }
    roff.finish()
}

fn sentence(text: &str) -> String {
    format!("{text}.")
}
