//! `actor`: the program that plays every service of the tests.
//!
//! Its command line is its part: steps `verb=argument`, performed in order. The first word is
//! the socket on which it reports what happened, so a test waits for events and never for time.
//! `actor warden COMMAND…` is the other role: it runs the daemon and answers for what is left.

mod steps;
mod warden;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let outcome = match words.next() {
        None => Err("usage: actor SOCKET STEP… | actor warden COMMAND…".into()),
        Some(first) if first == "warden" => warden::run(words.collect()),
        Some(socket) => steps::play(socket, words.collect()),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("actor: {error}");
            ExitCode::from(99)
        }
    }
}
