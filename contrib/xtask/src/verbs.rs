//! `man/runnerctl.1`: verbs, options and exit statuses from the tables of runnerctl.

use std::path::Path;

use clap::builder::StyledStr;
use clap::{Arg, Command};

use crate::roff::Roff;
use crate::template;

/// The page.
///
/// # Errors
/// When the template cannot be filled.
pub(crate) fn page(root: &Path) -> Result<String, String> {
    let mut command = runnerctl::command();
    command.build();
    template::fill(
        root,
        "runnerctl.1",
        &[
            ("verbs", verbs(&command)),
            ("options", global_options(&command)),
            ("exit-statuses", exit_statuses()),
        ],
    )
}

fn verbs(command: &Command) -> String {
    let mut roff = Roff::default();
    let mut described: Vec<(&str, Vec<String>)> = Vec::new();
    for verb in command.get_subcommands() {
        roff.section(&synopsis(verb));
        roff.paragraphs(&sentences(verb.get_about(), verb.get_long_about()));
        // What a UNIT is, the page says once for all verbs.
        let own: Vec<&Arg> = own(verb).filter(|arg| value_name(arg) != "UNIT").collect();
        let tags: Vec<String> = own.iter().map(|arg| tag(arg)).collect();
        match described
            .iter()
            .find(|(_, known)| !tags.is_empty() && *known == tags)
        {
            Some((known, _)) => roff.paragraphs(&format!("Arguments as of `{known}`.")),
            None => {
                for arg in own {
                    option(&mut roff, arg);
                }
                described.push((verb.get_name(), tags));
            }
        }
    }
    roff.finish()
}

/// The arguments only this verb has.
fn own(verb: &Command) -> impl Iterator<Item = &Arg> {
    verb.get_arguments().filter(|arg| {
        let made_by_clap = matches!(arg.get_id().as_str(), "help" | "version");
        !arg.is_global_set() && !arg.is_hide_set() && !made_by_clap
    })
}

fn global_options(command: &Command) -> String {
    let mut roff = Roff::default();
    for arg in command.get_arguments().filter(|arg| arg.is_global_set()) {
        option(&mut roff, arg);
    }
    roff.finish()
}

fn exit_statuses() -> String {
    let mut roff = Roff::default();
    for (exit, meaning) in runnerctl::exit::TABLE {
        roff.entry(&format!("`{}`", exit.code()), meaning);
    }
    roff.finish()
}

/// `start [--no-block] [--job-mode MODE] UNIT...`
fn synopsis(verb: &Command) -> String {
    let mut words = vec![verb.get_name().to_owned()];
    let options = own(verb).filter(|arg| !arg.is_positional());
    words.extend(options.map(|arg| format!("[{}]", invocation(arg))));
    words.extend(own(verb).filter(|arg| arg.is_positional()).map(|arg| {
        let name = value_name(arg);
        if arg.is_required_set() {
            format!("{name}...")
        } else {
            format!("[{name}...]")
        }
    }));
    words.join(" ")
}

fn option(roff: &mut Roff, arg: &Arg) {
    let mut text = sentences(arg.get_help(), arg.get_long_help());
    let words: Vec<_> = arg
        .get_possible_values()
        .into_iter()
        .filter(|value| !value.is_hide_set())
        .collect();
    let takes_value = arg.get_action().takes_values();
    if takes_value && words.iter().any(|word| word.get_help().is_some()) {
        text.push_str("\n\n");
        for word in &words {
            let help = word
                .get_help()
                .map(StyledStr::to_string)
                .unwrap_or_default();
            text.push_str(&format!("- `{}`: {help}\n", word.get_name()));
        }
    } else if takes_value && !words.is_empty() {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("`{}`", word.get_name()))
            .collect();
        text.push_str(&format!("\n\nOne of {}.", words.join(", ")));
    }
    if let Some(default) = arg.get_default_values().first().filter(|_| takes_value) {
        text.push_str(&format!("\n\nDefault: `{}`.", default.to_string_lossy()));
    }
    roff.entry(&tag(arg), &text);
}

/// How an argument is written in the synopsis of its verb.
fn invocation(arg: &Arg) -> String {
    let flag = arg
        .get_long()
        .map(|long| format!("--{long}"))
        .or_else(|| arg.get_short().map(|short| format!("-{short}")))
        .unwrap_or_default();
    if arg.get_action().takes_values() {
        format!("{flag} {}", value_name(arg))
    } else {
        flag
    }
}

/// The heading of an argument's description.
fn tag(arg: &Arg) -> String {
    if arg.is_positional() {
        return format!("`{}`", value_name(arg));
    }
    let mut ways = Vec::new();
    ways.extend(arg.get_short().map(|short| format!("`-{short}`")));
    ways.extend(arg.get_long().map(|long| format!("`--{long}`")));
    let mut text = ways.join(", ");
    if arg.get_action().takes_values() {
        text.push_str(&format!(" {}", value_name(arg)));
    }
    text
}

fn value_name(arg: &Arg) -> String {
    match arg.get_value_names() {
        Some([name, ..]) => name.to_string(),
        _ => arg.get_id().as_str().to_uppercase(),
    }
}

/// The short and the long help as sentences: clap wants the first line without a full stop.
fn sentences(short: Option<&StyledStr>, long: Option<&StyledStr>) -> String {
    let text = long.or(short).map(StyledStr::to_string).unwrap_or_default();
    let mut paragraphs = text.trim().split("\n\n").map(|paragraph| {
        let paragraph = paragraph.trim_end();
        if paragraph.ends_with(['.', ':', '?']) {
            paragraph.to_owned()
        } else {
            format!("{paragraph}.")
        }
    });
    let mut all = paragraphs.next().unwrap_or_default();
    for paragraph in paragraphs {
        all.push_str("\n\n");
        all.push_str(&paragraph);
    }
    all
}
