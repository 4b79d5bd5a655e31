//! supervisord's ways: its command line, its configuration file where it speaks of the daemon as a
//! whole, and the order of its start.
//!
//! ```text
//! command line ──▶ Given ─┐
//!                         ├──▶ Settled ──▶ user, limits, servers, background ──▶ keeper
//! supervisord.conf ───────┘    (kept by the keeper; managers read it from there, never from disk)
//! ```
//!
//! What it says about programs becomes units like any other: `units::supervisord`.

pub mod by_name;
pub mod options;
pub mod privileges;
pub mod reading;
pub mod servers;
pub mod settled;
pub mod start;

/// The version clients of supervisord's kind are told: the one whose behaviour is ours.
pub use web::rpc::SUPERVISOR_VERSION as VERSION;

/// Prints what was asked for, and ends well if that can be printed.
#[must_use]
pub fn say(text: &str) -> std::process::ExitCode {
    use std::io::Write as _;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(_) => std::process::ExitCode::FAILURE,
    }
}
