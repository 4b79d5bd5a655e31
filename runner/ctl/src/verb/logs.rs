//! `logs`: what units wrote.

use dbus::client::{Client, LogLine, LogReader};
use futures_util::FutureExt;

use super::expand;
use crate::cli::LogsArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::terminal::{Style, Terminal};

/// `logs`
pub(super) async fn logs(client: &mut Client, terminal: &mut Terminal, args: &LogsArgs) -> Outcome {
    let units = expand(client, &args.units.units).await?;
    let named = units.len() != 1;
    let reader = client.read_log(&units, args.lines, args.follow).await?;
    copy(reader, terminal, named).await?;
    // The end of a log that was to be followed is the end of the manager: the next one goes on.
    while args.follow
        && client
            .find_again("the manager has gone".to_owned())
            .await
            .is_ok()
    {
        terminal
            .remark("-- the manager was started again; lines of the meantime are in `logs -n` --");
        let reader = client.read_log(&units, 0, true).await?;
        copy(reader, terminal, named).await?;
    }
    Ok(Exit::Done)
}

/// Prints lines until there are no more.
async fn copy(mut reader: LogReader, terminal: &mut Terminal, named: bool) -> Result<(), Failure> {
    loop {
        // What came in one go is printed in one go; before waiting, all of it must be visible.
        let next = match reader.next().now_or_never() {
            Some(next) => next,
            None => {
                terminal.flush()?;
                reader.next().await
            }
        };
        match next.map_err(|error| Failure::because(format!("cannot read the log: {error}")))? {
            Some(line) => print(terminal, &line, named)?,
            None => return Ok(()),
        }
    }
}

/// One line, with its unit if `named`.
pub(super) fn print(terminal: &mut Terminal, line: &LogLine, named: bool) -> Result<(), Failure> {
    if terminal.json() {
        return terminal.record(line);
    }
    let text = terminal.foreign(&line.text).into_owned();
    let text = match line.source.as_str() {
        "manager" => terminal.paint(Style::Faint, &format!("-- {text} --")),
        _ => text,
    };
    if named {
        let unit = terminal.foreign(&line.unit).into_owned();
        let unit = terminal.paint(Style::Faint, &format!("{unit}:"));
        terminal.line(&format!("{unit} {text}"))?;
    } else {
        terminal.line(&text)?;
    }
    Ok(())
}
