//! The command line as Python's `getopt` reads it: options end at the first other word, a long one
//! may be cut short, and the messages are the same.

/// An option a program takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opt {
    /// `-x`, if there is a short form.
    pub(super) short: Option<char>,
    /// `--word`, if there is a long form.
    pub(super) long: Option<&'static str>,
    /// Whether a value follows.
    pub(super) takes_value: bool,
}

/// An option of a command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// Its row in the table.
    pub(super) row: usize,
    /// As it was meant: `-c`, or `--configuration` however short it was written.
    pub(super) name: String,
    /// The value, empty where none is taken.
    pub(super) value: String,
}

/// The options at the beginning of `words`, and the words after them.
///
/// # Errors
/// Python's message about the first option that makes no sense.
pub(super) fn read(table: &[Opt], words: &[String]) -> Result<(Vec<Given>, Vec<String>), String> {
    let mut given = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.as_slice().first() {
        if word == "-" || !word.starts_with('-') {
            break;
        }
        words.next();
        if word == "--" {
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            given.push(read_long(table, long, &mut words)?);
        } else {
            read_short(table, word, &mut words, &mut given)?;
        }
    }
    Ok((given, words.as_slice().to_vec()))
}

fn read_long(
    table: &[Opt],
    word: &str,
    rest: &mut std::slice::Iter<'_, String>,
) -> Result<Given, String> {
    let (word, value) = match word.split_once('=') {
        Some((word, value)) => (word, Some(value)),
        None => (word, None),
    };
    let longs = || {
        let rows = table.iter().enumerate();
        rows.filter_map(|(row, opt)| opt.long.map(|long| (row, long)))
    };
    let exact = longs().find(|(_, long)| *long == word);
    let mut begun = longs().filter(|(_, long)| long.starts_with(word));
    let (row, long) = match (exact, begun.next(), begun.next()) {
        (Some(exact), _, _) => exact,
        (None, Some(only), None) => only,
        (None, Some(_), Some(_)) => return Err(format!("option --{word} not a unique prefix")),
        (None, None, _) => return Err(format!("option --{word} not recognized")),
    };
    let takes_value = table.get(row).is_some_and(|opt| opt.takes_value);
    let value = match (takes_value, value) {
        (true, Some(value)) => value.to_owned(),
        (true, None) => rest
            .next()
            .cloned()
            .ok_or_else(|| format!("option --{long} requires argument"))?,
        (false, Some(_)) => return Err(format!("option --{long} must not have an argument")),
        (false, None) => String::new(),
    };
    Ok(Given {
        row,
        name: format!("--{long}"),
        value,
    })
}

/// The letters of one word: `-ic FILE`, `-cFILE`.
fn read_short(
    table: &[Opt],
    word: &str,
    rest: &mut std::slice::Iter<'_, String>,
    given: &mut Vec<Given>,
) -> Result<(), String> {
    let mut letters = word.chars();
    letters.next();
    while let Some(letter) = letters.next() {
        let row = table
            .iter()
            .position(|opt| opt.short == Some(letter))
            .ok_or_else(|| format!("option -{letter} not recognized"))?;
        let takes_value = table.get(row).is_some_and(|opt| opt.takes_value);
        let value = match (takes_value, letters.as_str()) {
            (false, _) => String::new(),
            (true, "") => rest
                .next()
                .cloned()
                .ok_or_else(|| format!("option -{letter} requires argument"))?,
            (true, attached) => {
                let attached = attached.to_owned();
                letters = "".chars();
                attached
            }
        };
        given.push(Given {
            row,
            name: format!("-{letter}"),
            value,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Opt] = &[
        Opt {
            short: Some('h'),
            long: Some("help"),
            takes_value: false,
        },
        Opt {
            short: Some('c'),
            long: Some("configuration"),
            takes_value: true,
        },
        Opt {
            short: None,
            long: Some("history_file"),
            takes_value: true,
        },
    ];

    fn of(words: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        read(TABLE, &words).map(|(given, rest)| {
            let given = given
                .iter()
                .map(|given| format!("{}={}", given.name, given.value))
                .collect();
            (given, rest)
        })
    }

    #[test]
    fn options_end_at_the_first_word() {
        let (given, rest) = of(&["-hcx", "--conf", "y", "--hist=z", "tail", "-f"]).unwrap();
        assert_eq!(
            given,
            ["-h=", "-c=x", "--configuration=y", "--history_file=z"]
        );
        assert_eq!(rest, ["tail", "-f"]);
        assert_eq!(of(&["--", "-h"]).unwrap().1, ["-h"]);
        assert_eq!(of(&["-", "-h"]).unwrap().1, ["-", "-h"]);
        assert_eq!(of(&["-c", "-h"]).unwrap().0, ["-c=-h"]);
    }

    #[test]
    fn mistakes_in_the_words_of_python() {
        for (words, message) in [
            (&["-x"][..], "option -x not recognized"),
            (&["-c"], "option -c requires argument"),
            (&["--conf"], "option --configuration requires argument"),
            (&["--h"], "option --h not a unique prefix"),
            (&["--bogus=1"], "option --bogus not recognized"),
            (&["--help=1"], "option --help must not have an argument"),
        ] {
            assert_eq!(of(words).unwrap_err(), message);
        }
    }
}
