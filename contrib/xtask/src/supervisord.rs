//! `man/runner-supervisord.7`: what becomes of each option, and every difference from the real one.

use std::path::Path;

use units::supervisord::{DEVIATIONS, OPTIONS, RUNNING_DEVIATIONS};

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
        "runner-supervisord.7",
        &[
            ("options", options()),
            ("reading", differences("supervisord", DEVIATIONS)),
            ("running", differences("supervisord", RUNNING_DEVIATIONS)),
            (
                "serving",
                differences("supervisord", web::deviations::DEVIATIONS),
            ),
            ("client", differences("supervisord", runnerctl::DEVIATIONS)),
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

fn sentence(text: &str) -> String {
    format!("{text}.")
}
