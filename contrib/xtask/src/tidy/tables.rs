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
