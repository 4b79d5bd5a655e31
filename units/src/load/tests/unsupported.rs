//! What systemd can do and runner does not.

use super::*;

/// A setting that nobody does is an error that says so, and with `ignore-unsupported` a warning.
#[test]
fn what_is_not_supported_is_said() {
    let text = "[service]\nexec-start = '/a'\nprivate-tmp = true\nprotect-home = false\n";
    let (set, found) = load_texts(&[("a.toml", text)], &Surroundings::example());
    let name = UnitName::parse("a.service").unwrap();
    assert_eq!(set.get(&name).unwrap().load_state().as_str(), "bad-setting");
    let said: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("a.toml:3:1: error: `private-tmp` is not supported: "));
    assert!(said[0].contains("without this protection"), "{}", said[0]);

    let ignoring = format!("{text}ignore-unsupported = true\n");
    let everywhere = Surroundings {
        ignore_unsupported: true,
        ..Surroundings::example()
    };
    for (text, around) in [(&*ignoring, Surroundings::example()), (text, everywhere)] {
        let (set, found) = load_texts(&[("a.toml", text)], &around);
        assert!(set.get(&name).unwrap().is_loaded());
        assert_eq!(found.len(), 1);
        assert!(!found[0].is_error());
        assert!(found[0].message.contains("runs without this protection"));
    }
}

#[test]
fn other_names_of_systemd_are_hints_in_toml() {
    let text = "[service]\nexec-start = '/a'\ntimeout-sec = 5\n";
    let (_, found) = load_texts(&[("a.toml", text)], &Surroundings::example());
    let hint = found[0].hint.as_deref();
    assert_eq!(
        hint,
        Some("it is written `timeout-start-sec` and `timeout-stop-sec` here")
    );
}
