//! Lists in columns as wide as their widest cell, and no wider: no padding after the last one.

use crate::terminal::{Style, Terminal};

/// One cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// `text` in `style`.
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Cell {
        Cell {
            text: text.into(),
            style,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell::styled(text, Style::Plain)
    }
}

/// Prints `rows` under `headings`; with `--quiet`, without the headings.
pub(crate) fn print<const N: usize>(
    terminal: &mut Terminal,
    headings: [&str; N],
    rows: Vec<[Cell; N]>,
) -> std::io::Result<()> {
    let mut rows = rows;
    if !terminal.quiet() {
        rows.insert(
            0,
            headings.map(|heading| Cell::styled(heading, Style::Heading)),
        );
    }
    let mut widths = [0; N];
    for row in &mut rows {
        for (cell, width) in row.iter_mut().zip(&mut widths) {
            // A cell is one word or the last one: a line end inside would break the list in two.
            cell.text = terminal.foreign(&cell.text).replace('\n', " ");
            *width = (*width).max(cell.text.chars().count());
        }
    }
    for row in rows {
        let last = row
            .iter()
            .rposition(|cell| !cell.text.is_empty())
            .unwrap_or(0);
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(widths).enumerate().take(last + 1) {
            line.push_str(&terminal.paint(cell.style, &cell.text));
            if at < last {
                let fill = width - cell.text.chars().count() + 1;
                line.extend(std::iter::repeat_n(' ', fill));
            }
        }
        terminal.line(&line)?;
    }
    Ok(())
}
