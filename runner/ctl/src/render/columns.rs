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
    let room = terminal.width();
    for mut row in rows {
        fit(&mut row, &widths, room);
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

/// Cuts the last cell where it would not fit in `room` columns. The others are names: half a name
/// is none.
fn fit(row: &mut [Cell], widths: &[usize], room: Option<usize>) {
    let (Some(last), Some(room)) = (row.last_mut(), room) else {
        return;
    };
    let before: usize = widths.iter().rev().skip(1).map(|width| width + 1).sum();
    let room = room.saturating_sub(before);
    // Less than this would not say anything.
    if last.text.chars().count() > room && room >= 10 {
        last.text = last.text.chars().take(room - 1).chain(['…']).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_cell_is_cut() {
        let cut = |room| {
            let mut row = [Cell::from("name.service"), Cell::from("a long description")];
            fit(&mut row, &[12, 18], room);
            row.map(|cell| cell.text).join(" ")
        };
        assert_eq!(cut(None), "name.service a long description");
        assert_eq!(cut(Some(31)), "name.service a long description");
        assert_eq!(cut(Some(30)), "name.service a long descripti…");
        assert_eq!(
            cut(Some(20)),
            "name.service a long description",
            "nothing would be left"
        );
    }
}
