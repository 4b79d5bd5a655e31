//! `environment=`: the tokens of Python's `shlex` without POSIX rules, in threes and a separator.

use std::collections::{HashMap, HashSet};

use super::python::repr;

/// The tokens of `shlex.shlex(text)` with `/.+-():` added to the letters of words.
///
/// # Errors
/// When a quote is not closed.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut token = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let in_word = !token.is_empty();
        if is_word(letter) || (in_word && matches!(letter, '\'' | '"')) {
            token.push(letter);
        } else if letter == '#' {
            // The rest of the line is a comment; a word goes on behind it.
            while letters.next().is_some_and(|letter| letter != '\n') {}
        } else if matches!(letter, ' ' | '\t' | '\r' | '\n') {
            if in_word {
                tokens.push(std::mem::take(&mut token));
            }
        } else if in_word {
            tokens.push(std::mem::take(&mut token));
            // Python gives the letter that ended a word out as a token of its own.
            tokens.push(letter.to_string());
        } else if matches!(letter, '\'' | '"') {
            let mut quoted = String::from(letter);
            loop {
                let inside = letters.next().ok_or("No closing quotation")?;
                quoted.push(inside);
                if inside == letter {
                    break;
                }
            }
            tokens.push(quoted);
        } else {
            tokens.push(letter.to_string());
        }
    }
    if !token.is_empty() {
        tokens.push(token);
    }
    Ok(tokens)
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_/.+-():".contains(letter)
}

/// Reads `KEY=value,KEY="value"`. A later key replaces the value of an equal one and keeps its
/// place, as in Python's dictionaries.
///
/// # Errors
/// With supervisord's words, when the tokens are not key, `=`, value and separator.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let tokens = tokens(text)?;
    let mut pairs = Pairs::default();
    for four in tokens.chunks(4) {
        let [key, equals, value, ..] = four else {
            return Err(unexpected_end(text));
        };
        if equals != "=" {
            return Err(unexpected_end(text));
        }
        let value = value.trim_matches(['\'', '"']).to_owned();
        pairs.set(key.clone(), value);
    }
    Ok(pairs.all)
}

/// Pairs as Python's dictionaries keep them: a known key gets its new value in its old place.
#[derive(Default)]
pub(super) struct Pairs {
    pub(super) all: Vec<(String, String)>,
    places: HashMap<String, usize>,
}

impl Pairs {
    pub(super) fn set(&mut self, key: String, value: String) {
        let known = self.places.get(&key).and_then(|at| self.all.get_mut(*at));
        match known {
            Some((_, old)) => *old = value,
            None => {
                self.places.insert(key.clone(), self.all.len());
                self.all.push((key, value));
            }
        }
    }
}

fn unexpected_end(text: &str) -> String {
    format!("Unexpected end of key/value pairs in value '{text}'")
}

/// A variable that does not get the value somebody reading the file would expect.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Surprise {
    /// What is wrong.
    pub(super) message: String,
    /// What to write instead.
    pub(super) hint: String,
}

/// Compares what supervisord reads with what a person reads there: pairs between commas or at line
/// ends, quotes around values or around pairs.
pub(super) fn surprises(text: &str) -> Vec<Surprise> {
    let meant = as_meant(text);
    let write = |key: &str, value: &str| {
        let quote = if value.contains('"') { '\'' } else { '"' };
        format!("write {key}={quote}{value}{quote}")
    };
    let read = match parse(text) {
        Ok(read) => read,
        Err(_) => {
            let odd = meant
                .iter()
                .find(|(_, value, odd)| *odd || value.is_empty());
            let odd = odd.or(meant.first());
            let (key, value) = odd.map_or(("NAME", "value"), |(key, value, _)| (key, value));
            return vec![Surprise {
                message: "the pairs of `environment` cannot be told apart".to_owned(),
                hint: format!("{}, and a comma between pairs", write(key, value)),
            }];
        }
    };
    let got: HashMap<&str, &str> = read.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    // The last of equal keys counts.
    let last: HashMap<&str, &str> = meant
        .iter()
        .map(|(key, value, _)| (key.as_str(), value.as_str()))
        .collect();
    let mut told = HashSet::new();
    let mut found = Vec::new();
    for (key, ..) in &meant {
        let Some(value) = last.get(key.as_str()).filter(|_| told.insert(key)) else {
            continue;
        };
        match got.get(key.as_str()) {
            Some(got) if got == value => {}
            Some(got) => found.push(Surprise {
                message: format!("`{key}` becomes {} and not {}", repr(got), repr(value)),
                hint: write(key, value),
            }),
            None => found.push(Surprise {
                message: format!("`{key}` is not set by this"),
                hint: write(key, value),
            }),
        }
    }
    for (key, value) in &read {
        if !last.contains_key(key.as_str()) {
            found.push(Surprise {
                message: format!("this also sets `{key}` to {}", repr(value)),
                hint: "put values in quotes unless they are letters, digits and _/.+-():"
                    .to_owned(),
            });
        }
    }
    found
}

/// Pairs as a person reads them: key, value, and whether the value needs quotes that it lacks.
fn as_meant(text: &str) -> Vec<(String, String, bool)> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for letter in text.chars() {
        match (quote, letter) {
            (None, ',' | '\n' | ';') => {
                parts.push(String::new());
                continue;
            }
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    let mut pairs = Vec::new();
    for part in &parts {
        let part = part.trim();
        let whole = unquoted(part);
        let Some((key, value)) = whole.split_once('=') else {
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        let odd = whole != part || !value.chars().all(|c| is_word(c) || c == '\'' || c == '"');
        pairs.push((
            key.trim_matches(['\'', '"']).to_owned(),
            unquoted(value).to_owned(),
            odd,
        ));
    }
    pairs
}

/// Without a pair of quotes around it.
fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        let inside = text
            .strip_prefix(quote)
            .and_then(|text| text.strip_suffix(quote));
        if let Some(inside) = inside
            && !inside.contains(quote)
        {
            return inside;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parse(text) {
            Ok(pairs) => pairs
                .iter()
                .map(|(key, value)| format!("<{key}|{value}>"))
                .collect(),
            Err(message) => message,
        }
    }

    #[test]
    fn reads_what_the_real_one_reads() {
        for (text, expected) in [
            ("", ""),
            ("A=\"1,2\",B='x y',C=abc", "<A|1,2><B|x y><C|abc>"),
            ("A=1,B=2,A=3,", "<A|3><B|2>"),
            ("A=$HOME", "<A|$>"),
            ("A=http://x/y?z=1", "<A|http://x/y><z|1>"),
            ("A=a b", "<A|a>"),
            ("A=\"x y\"z", "<A|x y>"),
            ("A=\"a\\\"", "<A|a\\>"),
            ("A=a;b=c", "<A|a><b|c>"),
            ("A = b", "<A|b>"),
            ("A=\"\",B=2", "<A|><B|2>"),
            ("A=\"a\"\"b\"", "<A|a>"),
            ("A='it''s'", "<A|it>"),
            ("A=éa", "<A|é>"),
            ("A=a*", "<A|a>"),
            ("A=b#c\nd", "<A|bd>"),
            ("FOO-BAR=1,1X=2,a.b=3", "<FOO-BAR|1><1X|2><a.b|3>"),
            ("A=x\"y", "<A|x\"y>"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        for text in [
            "A=1 B=2",
            "A",
            "A=",
            "A=a%b",
            "\"NODE_ENV=prod\"",
            "A=x\nB=y",
        ] {
            assert_eq!(
                shown(text),
                format!("Unexpected end of key/value pairs in value '{text}'")
            );
        }
        assert_eq!(shown("A=\"a"), "No closing quotation");
    }

    #[test]
    fn tells_what_is_read_differently() {
        let told = |text: &str| -> Vec<String> {
            surprises(text)
                .into_iter()
                .map(|surprise| format!("{}; {}", surprise.message, surprise.hint))
                .collect()
        };
        for fine in [
            "A=1,B=\"x y\"",
            "A=1,A=2",
            "A='',B=/x:y",
            "A=\"a,b\",\n  B=c,",
        ] {
            assert_eq!(told(fine), [] as [&str; 0], "{fine}");
        }
        assert_eq!(
            told("A=$HOME"),
            ["`A` becomes '$' and not '$HOME'; write A=\"$HOME\""]
        );
        assert_eq!(
            told("A=x y"),
            ["`A` becomes 'x' and not 'x y'; write A=\"x y\""]
        );
        assert_eq!(told("A=http://x/y?z=1").len(), 2);
        assert_eq!(
            told("\"NODE_ENV=prod\""),
            [
                "the pairs of `environment` cannot be told apart; write NODE_ENV=\"prod\", and a comma between pairs"
            ]
        );
    }
}
