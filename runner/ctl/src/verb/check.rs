//! `check`: what is wrong with unit files, without anybody running them.

use crate::cli::CheckArgs;
use crate::exit::Exit;
use crate::failure::Outcome;
use crate::runtime::Place;
use crate::terminal::Terminal;

/// `check`
pub(super) fn check(_args: &CheckArgs, _place: &Place, _terminal: &mut Terminal) -> Outcome {
    Ok(Exit::Done)
}
