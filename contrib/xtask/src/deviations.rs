//! Differences from other programs, as entries of a manual page.

use units::Deviation;

use crate::roff::Roff;

/// An entry for each row.
pub(crate) fn differences<'a>(
    original: &str,
    rows: impl IntoIterator<Item = &'a Deviation>,
) -> String {
    let mut roff = Roff::default();
    for row in rows {
        let text = format!(
            "{original}: {}.\n\nHere: {}.\n\nWhy: {}.",
            row.original, row.here, row.why
        );
        roff.entry(&format!("`{}`", row.name), &text);
    }
    roff.finish()
}
