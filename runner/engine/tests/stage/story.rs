//! Stories: what is written in a scenario, and what really comes of it.

use super::Stage;

/// The same story with what really came of each event.
pub(crate) fn play(written: &str) -> String {
    let mut stage = Stage::default();
    let mut played = String::new();
    let mut lines = written.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("== ") {
            let mut text = String::new();
            played.push_str(line);
            played.push('\n');
            while let Some(line) =
                lines.next_if(|line| !line.starts_with("==") && !line.starts_with("> "))
            {
                text.push_str(line);
                text.push('\n');
                played.push_str(line);
                played.push('\n');
            }
            stage.write_file(name.trim(), &text);
        } else if let Some(event) = line.strip_prefix("> ") {
            // What was written below it is what is to be compared, not copied.
            while lines
                .next_if(|line| {
                    !line.starts_with('>') && !line.starts_with("==") && !line.starts_with('#')
                })
                .is_some()
            {}
            played.push_str(line);
            played.push('\n');
            for line in stage.perform(event) {
                played.push_str("  ");
                played.push_str(&line);
                played.push('\n');
            }
        } else {
            played.push_str(line);
            played.push('\n');
        }
    }
    played
}

/// Where the two part, as `LINE: what`; `None` if they do not.
pub(crate) fn first_difference(written: &str, played: &str) -> Option<String> {
    let (mut a, mut b) = (written.lines(), played.lines());
    for number in 1.. {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => {
                return Some(format!(
                    "{number}:\n  written: {}\n  played:  {}",
                    a.unwrap_or("(end)"),
                    b.unwrap_or("(end)")
                ));
            }
        }
    }
    None
}
