//! Shell completions, from the verb table.

use clap_complete::{Generator, Shell};

/// For bash.
pub(crate) fn bash() -> Result<String, String> {
    render(Shell::Bash)
}

/// For zsh.
pub(crate) fn zsh() -> Result<String, String> {
    render(Shell::Zsh)
}

/// For fish.
pub(crate) fn fish() -> Result<String, String> {
    render(Shell::Fish)
}

fn render(shell: impl Generator) -> Result<String, String> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut runnerctl::command(), "runnerctl", &mut text);
    String::from_utf8(text).map_err(|error| format!("a completion is not text: {error}"))
}
