//! What a word can be completed to: verbs, and names the daemon knows.

use super::verb::{self, VERBS, Words};

/// A process: its group and its name.
pub(super) type Process = (String, String);

/// Where the word under completion begins, as readline splits a line for the original: `:`, `*` and
/// `-` belong to words.
pub(super) fn word_start(line: &str) -> usize {
    let ends = |c: char| " \t\n`~!@#$%^&()=+[{]}\\|;'\",<>/?".contains(c);
    line.rfind(ends)
        .and_then(|at| line.get(at..)?.chars().next().map(|c| at + c.len_utf8()))
        .unwrap_or(0)
}

/// What `word` can become, the last of `line`. `processes` is asked only where a name is meant.
pub(super) fn candidates(
    line: &str,
    word: &str,
    processes: &mut dyn FnMut() -> Vec<Process>,
) -> Vec<String> {
    let typed: Vec<&str> = line.split_whitespace().collect();
    let words = match typed.as_slice() {
        [] => Words::Verbs,
        [_] if !line.ends_with(' ') => Words::Verbs,
        ["help", ..] => Words::Verbs,
        [verb, ..] => verb::find(verb).map_or(Words::Free, |verb| verb.words),
    };
    let all: Vec<String> = match words {
        Words::Free => Vec::new(),
        Words::Verbs => {
            let names = VERBS.iter().map(|verb| verb.name);
            names.chain(["help"]).map(str::to_owned).collect()
        }
        Words::Groups => {
            let mut groups: Vec<String> = Vec::new();
            for (group, _) in processes() {
                if !groups.contains(&group) {
                    groups.push(group);
                }
            }
            groups
        }
        Words::Processes => names(&processes(), word.contains(':')),
    };
    let mut found: Vec<String> = all
        .into_iter()
        .filter(|name| name.starts_with(word))
        .map(|name| name + " ")
        .collect();
    found.sort();
    found
}

/// Processes as they may be named; those of a group, and the whole group, with its name before them.
fn names(processes: &[Process], in_full: bool) -> Vec<String> {
    let mut names = Vec::new();
    for (group, name) in processes {
        if in_full || name != group {
            names.push(format!("{group}:{name}"));
            let whole = format!("{group}:*");
            if !names.contains(&whole) {
                names.push(whole);
            }
        } else {
            names.push(name.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(line: &str) -> Vec<String> {
        let known = || {
            [("cat", "cat"), ("g", "one"), ("g", "two"), ("gig", "gig")]
                .map(|(group, name)| (group.to_owned(), name.to_owned()))
                .to_vec()
        };
        let word = &line[word_start(line)..];
        candidates(line, word, &mut { known })
    }

    #[test]
    fn words_begin_where_readline_begins_them() {
        for (line, start) in [
            ("", 0),
            ("sta", 0),
            ("start g:o", 6),
            ("tail -f my-prog", 8),
            ("open unix://x", 12),
            ("start ä", 6),
        ] {
            assert_eq!(word_start(line), start, "{line:?}");
        }
    }

    #[test]
    fn verbs_groups_and_processes() {
        assert_eq!(complete("sta"), ["start ", "status "]);
        assert_eq!(
            complete("help re"),
            ["reload ", "remove ", "reread ", "restart "]
        );
        assert_eq!(complete("he"), ["help "]);
        assert_eq!(complete("stop g"), ["g:* ", "g:one ", "g:two ", "gig "]);
        assert_eq!(complete("stop cat:"), ["cat:* ", "cat:cat "]);
        assert_eq!(complete("add g"), ["g ", "gig "]);
        assert_eq!(complete("add x"), [""; 0]);
        assert_eq!(complete("version "), [""; 0]);
    }

    #[test]
    fn nobody_is_asked_for_verbs() {
        let mut asked = || panic!("a verb is known without the daemon");
        assert!(!candidates("", "", &mut asked).is_empty());
    }
}
