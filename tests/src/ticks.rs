//! The lines of an actor that ticks: `TAG 00000000`, `TAG 00000001`, …

use std::ops::Range;

/// The text has the lines of these numbers, in order, each once, and no others.
#[track_caller]
pub fn exactly_once(tag: &str, text: &str, numbers: Range<u64>) {
    let mut expected = numbers.start;
    for line in text.lines() {
        assert_eq!(
            line,
            format!("{tag} {expected:08}"),
            "lost, torn, doubled or out of order"
        );
        expected += 1;
    }
    assert_eq!(expected, numbers.end, "{tag}: the end is missing");
}
