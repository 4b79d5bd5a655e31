//! One command as a unit: what `runnerd -- CMD ARG…` runs.
//!
//! It is a unit as any other, made of words instead of a file, and essential: when it has ended,
//! everything has.

use crate::source::Source;
use crate::supervisord::import::toml;
use crate::value::{Span, quote};

/// The name of the unit.
pub const UNIT: &str = "command.service";

/// What stands for its file.
pub const PLACE: &str = "command.toml";

/// The unit file of a command: `words`, of which the first is the name it is called by, executed from
/// `path`. It gets our own environment and directory, as if it had been started in our place. What it
/// leaves behind gets `stop` to end, where that is finite, else what every unit gets.
#[must_use]
pub fn source(path: &str, words: &[String], stop: Span) -> Source {
    let name = words.first().map_or("", String::as_str);
    // `:` leaves `$` alone, `@` says that the name follows the path; `%` begins a specifier.
    let line = [path]
        .into_iter()
        .chain(words.iter().map(String::as_str))
        .map(|word| quote(&word.replace('%', "%%")))
        .collect::<Vec<String>>()
        .join(" ");
    let mut text = format!(
        "[service]\n\
         description = {}\n\
         type = \"exec\"\n\
         exec-start = {}\n\
         essential = true\n\
         inherit-environment = true\n\
         working-directory = \"inherit\"\n",
        toml::string(&name.replace('%', "%%")),
        toml::string(&format!(":@{line}")),
    );
    if stop != Span::INFINITY {
        text.push_str(&format!("timeout-stop-sec = \"{stop}\"\n"));
    }
    Source {
        named: true,
        ..Source::text(PLACE, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Surroundings, UnitName, load};

    fn args_of(words: &[&str]) -> (String, Vec<String>) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let source = source("/bin/a b", &words, Span::from_secs(9));
        let (units, found) = load(&[source], &Surroundings::example());
        assert_eq!(found, []);
        let unit = units.get(&UnitName::parse(UNIT).unwrap()).unwrap();
        assert!(unit.is_loaded() && unit.essential() && unit.inherit_environment());
        let line = &unit.exec_start()[0];
        // The program is given no variable: a `$` that were expanded would be gone.
        let all = line.expand(&|_| Some("expanded".to_owned()));
        (line.path.to_string(), all)
    }

    #[test]
    fn every_word_arrives_as_it_was_said() {
        let words = [
            "na me", "", "-x", "$HOME", "${A}", "%n", "a;b", ";", "\"q\"", "'", "\\x", "tab\t\n",
            "é", "@", "\u{7f}",
        ];
        assert_eq!(
            args_of(&words),
            (
                "/bin/a b".to_owned(),
                words.iter().map(|word| (*word).to_owned()).collect()
            )
        );
    }

    proptest::proptest! {
        #[test]
        fn any_words_arrive(words in proptest::collection::vec("[^\0]*", 1..4)) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (_, all) = args_of(&words);
            proptest::prop_assert_eq!(all, words);
        }
    }
}
