//! Rules about the tables everything is made from.

use units::settings;

#[test]
fn every_setting_and_verb_is_documented() {
    for row in settings::all() {
        assert!(
            !row.documentation().trim().is_empty(),
            "setting {} has no documentation",
            row.key
        );
    }
    let command = runnerctl::command();
    for verb in command.get_subcommands() {
        let name = verb.get_name();
        assert!(verb.get_about().is_some(), "verb {name} has no help");
        for arg in verb.get_arguments() {
            assert!(
                arg.get_help().is_some(),
                "{name}: {} has no help",
                arg.get_id()
            );
        }
    }
}

#[test]
fn the_verb_table_is_sound() {
    runnerctl::command().debug_assert();
}

#[test]
fn help_fits_a_terminal() {
    let mut command = runnerctl::command().term_width(80);
    let help = command.render_help().to_string();
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "too wide: {line}");
    }
}

/// The manual of runnerd is written by hand; its options are not allowed to drift.
#[test]
fn the_manual_of_runnerd_has_its_options() {
    let root = crate::outputs::root();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let manual = read("man/runnerd.8").replace("\\-", "-");
    let options = read("runner/daemon/src/options.rs");
    let help = options
        .split("HELP: &str")
        .nth(1)
        .unwrap()
        .split("\";")
        .next()
        .unwrap();
    let named = |text: &str| -> std::collections::BTreeSet<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .filter(|word| word.starts_with("--") && word.len() > 2)
            .map(str::to_owned)
            .collect()
    };
    let text = manual
        .split(".SH OPTIONS")
        .nth(1)
        .unwrap()
        .split(".SH ")
        .next()
        .unwrap();
    // Roff's font changes stick to the words: `fB--check`.
    let text = text.replace("\\fB", " ").replace("\\fR", " ");
    assert_eq!(
        named(help),
        named(&text),
        "runnerd --help and man/runnerd.8 differ"
    );
}
