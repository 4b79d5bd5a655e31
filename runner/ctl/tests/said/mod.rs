//! Calls of runnerctl, and what it says.

use std::path::Path;
use std::process::{Command, Output};

/// runnerctl in an environment of its own, with an empty runtime directory.
pub(crate) fn runnerctl(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runnerctl"));
    command
        .env_clear()
        .env("XDG_RUNTIME_DIR", home)
        .env("HOME", home)
        .current_dir(home)
        .args(words);
    command
}

/// What it said, and its exit status.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// What a call that is over said.
pub(crate) fn said(output: Output) -> Said {
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
