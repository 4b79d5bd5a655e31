//! Command lines, as systemd.service(5) writes them.

use std::fmt;

use super::ValueProblem;
use super::quoting::{LexedWord, lex_command, quote, split_value};

/// What a program may keep of our privileges (`+`, `!`, `!!` before the path).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Privileges {
    /// Those of the unit: its user and group apply.
    #[default]
    OfUnit,
    /// `+`: all of ours; user, group and sandbox do not apply.
    Full,
    /// `!`: user and group do not apply, the rest of the sandbox does.
    NoSetuid,
    /// `!!`: as `!` where the kernel knows no ambient capabilities, else as if nothing was written;
    /// and no kernel we run on lacks them.
    NoSetuidWithoutAmbient,
}

/// One command: flags, program and arguments, specifiers already expanded, variables not yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ExecLine {
    /// `-`: a failure counts as success.
    pub ignore_failure: bool,
    /// `:`: `$` is an ordinary character.
    pub no_expand: bool,
    /// `+`, `!`, `!!`.
    pub privileges: Privileges,
    /// `@`: what the program sees as its own name, instead of the path.
    pub argv0: Option<Box<str>>,
    /// `=`: `path` is a whole command line, to be split as a POSIX shell does when the program is
    /// started; nothing else is set then.
    pub literal: bool,
    /// An absolute path, or a bare name to look for in the search path.
    pub path: Box<str>,
    /// The words after the program.
    pub args: Box<[Box<str>]>,
}

impl ExecLine {
    /// Reads one line, which holds one command or several separated by a lone `;`.
    ///
    /// # Errors
    /// On bad quoting, a path that is neither absolute nor a bare name, or contradicting prefixes.
    pub fn parse_line(text: &str) -> Result<Vec<ExecLine>, ValueProblem> {
        ExecLine::parse_line_with(text, &mut |word| Ok(word.to_owned()))
    }

    /// As [`ExecLine::parse_line`], `expand` being applied to each word once quoting is resolved.
    ///
    /// # Errors
    /// As [`ExecLine::parse_line`], and whatever `expand` refuses.
    pub fn parse_line_with(
        text: &str,
        expand: &mut dyn FnMut(&str) -> Result<String, ValueProblem>,
    ) -> Result<Vec<ExecLine>, ValueProblem> {
        if let Some(line) = text.strip_prefix('=') {
            return ExecLine::literal(line).map(|line| vec![line]);
        }
        let words = lex_command(text)?;
        let is_separator = |word: &LexedWord| word.bare && word.text == ";";
        let mut commands = Vec::new();
        for command in words.split(is_separator) {
            // A `;` at the end closes the last command, as in a shell.
            if command.is_empty() && !commands.is_empty() {
                continue;
            }
            commands.push(ExecLine::from_words(command, expand)?);
        }
        Ok(commands)
    }

    /// A line that is taken as it stands, supervisord's way; what is wrong with it shows when it
    /// is started.
    ///
    /// # Errors
    /// When it contains a NUL character.
    pub fn literal(line: &str) -> Result<ExecLine, ValueProblem> {
        if line.contains('\0') {
            return Err(ValueProblem::new("a command contains a NUL character"));
        }
        Ok(ExecLine {
            literal: true,
            path: line.into(),
            ..ExecLine::default()
        })
    }

    fn from_words(
        words: &[LexedWord],
        expand: &mut dyn FnMut(&str) -> Result<String, ValueProblem>,
    ) -> Result<ExecLine, ValueProblem> {
        let Some((first, rest)) = words.split_first() else {
            return Err(ValueProblem::new("a command is empty"));
        };
        let mut line = ExecLine::default();
        let mut own_name = false;
        let mut path = first.text.as_str();
        loop {
            let twice = |set: bool, prefix: &str| match set {
                true => Err(ValueProblem::new(format!(
                    "the prefix `{prefix}` stands twice"
                ))),
                false => Ok(true),
            };
            if let Some(after) = path.strip_prefix('-') {
                line.ignore_failure = twice(line.ignore_failure, "-")?;
                path = after;
            } else if let Some(after) = path.strip_prefix('@') {
                own_name = twice(own_name, "@")?;
                path = after;
            } else if let Some(after) = path.strip_prefix(':') {
                line.no_expand = twice(line.no_expand, ":")?;
                path = after;
            } else if let Some(after) = path.strip_prefix("!!") {
                line.set_privileges(Privileges::NoSetuidWithoutAmbient)?;
                path = after;
            } else if let Some(after) = path.strip_prefix('!') {
                line.set_privileges(Privileges::NoSetuid)?;
                path = after;
            } else if let Some(after) = path.strip_prefix('+') {
                line.set_privileges(Privileges::Full)?;
                path = after;
            } else {
                break;
            }
        }
        let path = expand(path)?;
        check_program(&path)?;
        line.path = path.into();
        let mut args = Vec::with_capacity(rest.len());
        for word in rest {
            args.push(Box::from(expand(&word.text)?));
        }
        if own_name {
            if args.is_empty() {
                return Err(ValueProblem::new(
                    "`@` needs a word after the path, the name to run as",
                ));
            }
            line.argv0 = Some(args.remove(0));
        }
        line.args = args.into();
        Ok(line)
    }

    fn set_privileges(&mut self, privileges: Privileges) -> Result<(), ValueProblem> {
        if self.privileges != Privileges::OfUnit {
            return Err(ValueProblem::new(
                "only one of the prefixes `+`, `!` and `!!` may stand",
            ));
        }
        self.privileges = privileges;
        Ok(())
    }

    /// The argument vector with variables filled in: `${X}` anywhere in a word is the value or
    /// nothing, `$X` as a whole word is the value split into words, `$$` is `$`. The path is never
    /// expanded, the name after `@` is.
    pub fn expand(&self, env: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
        let mut words = Vec::with_capacity(1 + self.args.len());
        // Without a name of its own the program is called by its path, which may well have a `$`.
        if self.argv0.is_none() {
            words.push(self.path.to_string());
        }
        for word in self.argv0.iter().chain(&self.args) {
            if self.no_expand {
                words.push(word.to_string());
                continue;
            }
            match word.strip_prefix('$') {
                // A lone `$` names nothing, and so is no word at all.
                Some(name) if !name.starts_with(['{', '$']) => {
                    words.extend(
                        env(name)
                            .map(|value| split_value(&value))
                            .unwrap_or_default(),
                    );
                }
                _ => words.push(fill_in(word, env)),
            }
        }
        words
    }
}

/// Replaces every `${NAME}` and `$$` of a word. A `:` in the braces is the beginning of something
/// that systemd keeps for itself, so it stays.
fn fill_in(word: &str, env: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = after
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
            .filter(|(name, _)| !name.contains(':'))
        {
            out.push_str(&env(name).unwrap_or_default());
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

fn check_program(path: &str) -> Result<(), ValueProblem> {
    if path.is_empty() {
        return Err(ValueProblem::new("a command names no program"));
    }
    if path.contains('/') && !path.starts_with('/') {
        return Err(ValueProblem::new(format!(
            "{path:?} is neither an absolute path nor a bare program name"
        ))
        .with_hint("begin the path with `/`, or write the name alone to look it up"));
    }
    if path.ends_with('/') || path == "." || path == ".." {
        return Err(ValueProblem::new(format!(
            "{path:?} names a directory, not a program"
        )));
    }
    if path.contains('\0') {
        return Err(ValueProblem::new("a command contains a NUL character"));
    }
    Ok(())
}

impl fmt::Display for ExecLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.literal {
            return write!(f, "={}", self.path);
        }
        let mut first = String::new();
        if self.argv0.is_some() {
            first.push('@');
        }
        if self.ignore_failure {
            first.push('-');
        }
        if self.no_expand {
            first.push(':');
        }
        match self.privileges {
            Privileges::OfUnit => {}
            Privileges::Full => first.push('+'),
            Privileges::NoSetuid => first.push('!'),
            Privileges::NoSetuidWithoutAmbient => first.push_str("!!"),
        }
        first.push_str(&self.path);
        f.write_str(&quote(&first))?;
        for word in self.argv0.iter().chain(&self.args) {
            write!(f, " {}", quote(word))?;
        }
        Ok(())
    }
}

impl serde::Serialize for ExecLine {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ExecLine {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        let mut lines = ExecLine::parse_line(&text).map_err(serde::de::Error::custom)?;
        match (lines.pop(), lines.is_empty()) {
            (Some(line), true) => Ok(line),
            _ => Err(serde::de::Error::custom("not exactly one command")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> ExecLine {
        let mut lines = ExecLine::parse_line(text).unwrap();
        assert_eq!(lines.len(), 1, "{text}");
        lines.remove(0)
    }

    fn words(text: &str) -> Vec<String> {
        one(text).expand(&|name| match name {
            "X" => Some("one 'two three'".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn prefixes() {
        let line = one("-@:+/bin/sh own-name -c true");
        assert!(line.ignore_failure && line.no_expand);
        assert_eq!(line.privileges, Privileges::Full);
        assert_eq!(line.argv0.as_deref(), Some("own-name"));
        assert_eq!(line.expand(&|_| None), ["own-name", "-c", "true"]);
        assert_eq!(one("!/bin/x").privileges, Privileges::NoSetuid);
        let line = one("!!/bin/x");
        assert_eq!(line.privileges, Privileges::NoSetuidWithoutAmbient);
        assert_eq!(line.to_string(), "!!/bin/x");
        assert_eq!(one("echo").path.as_ref(), "echo");
        for bad in [
            "",
            "-",
            "--/bin/x",
            "+!/bin/x",
            "bin/x",
            "@/bin/x",
            "/bin/",
            "; /bin/x",
            "/bin/x ; ; ",
        ] {
            let outcome = ExecLine::parse_line(bad);
            assert!(outcome.is_err() || bad == "/bin/x ; ; ", "{bad}");
        }
    }

    #[test]
    fn a_literal_line_is_left_alone() {
        for text in ["=", "=bash -c \"%n $X ; 'y\"", "=a\n b", "==x"] {
            let line = one(text);
            assert!(line.literal);
            assert_eq!(line.to_string(), text);
            assert_eq!(&*line.path, &text[1..]);
        }
    }

    #[test]
    fn separates_commands() {
        let lines = ExecLine::parse_line(r#"/bin/a 1 ; -/bin/b \; ";" ;"#).unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[1].args.iter().map(|a| &**a).collect::<Vec<_>>(),
            [";", ";"]
        );
    }

    #[test]
    fn variables() {
        assert_eq!(words("p $X"), ["p", "one", "two three"]);
        assert_eq!(words("p \"$X\""), ["p", "one", "two three"]);
        assert_eq!(words("p a${X}b"), ["p", "aone 'two three'b"]);
        assert_eq!(words("p $EMPTY $NONE"), ["p"]);
        assert_eq!(words("p ${EMPTY} ${NONE}"), ["p", "", ""]);
        assert_eq!(words("p x$X \"text $X\""), ["p", "x$X", "text $X"]);
        assert_eq!(
            words("p $$X $${X} $ $$$X $$$"),
            ["p", "$X", "${X}", "$$X", "$$"]
        );
        assert_eq!(words("p ${X:-a} ${X-a} ${} $X:a"), ["p", "${X:-a}", "", ""]);
        assert_eq!(words("@p $X a"), ["one", "two three", "a"]);
        assert_eq!(words("p ${X"), ["p", "${X"]);
        assert_eq!(words(":p $X ${X}"), ["p", "$X", "${X}"]);
    }

    /// What systemd 252 passed to a program for this line.
    #[test]
    fn a_line_as_systemd_runs_it() {
        let line = concat!(
            r#"dump A='b c'd "e f"g 'it"s' x$X ${X}z $X $Y ${Y} $$X $${X} "$X" "t $X" ${X "#,
            r#"$OPT $Q $1 ";" \; a\sb p"q" @x"#
        );
        let argv = one(line).expand(&|name| match name {
            "X" => Some("one \"two three\"".to_owned()),
            "Y" => Some(String::new()),
            "OPT" => Some("-a b".to_owned()),
            "Q" => Some("it's".to_owned()),
            _ => None,
        });
        let expected = [
            "dump",
            "A=b cd",
            "e fg",
            "it\"s",
            "x$X",
            "one \"two three\"z",
            "one",
            "two three",
            "",
            "$X",
            "${X}",
            "one",
            "two three",
            "t $X",
            "${X",
            "-a",
            "b",
            "its",
            ";",
            ";",
            "a b",
            "pq",
            "@x",
        ];
        assert_eq!(argv, expected);
    }

    proptest! {
        #[test]
        fn print_then_parse(
            flags in any::<(bool, bool, bool)>(),
            path in "/[a-z $%;'\"]{0,8}[a-z]",
            args in proptest::collection::vec("[^\0]*", 0..4),
        ) {
            let line = ExecLine {
                ignore_failure: flags.0,
                no_expand: flags.1,
                privileges: if flags.2 { Privileges::Full } else { Privileges::OfUnit },
                literal: false,
                argv0: flags.2.then(|| "name".into()),
                path: path.into(),
                args: args.into_iter().map(Into::into).collect(),
            };
            prop_assert_eq!(one(&line.to_string()), line);
        }

        #[test]
        fn any_text(text in any::<String>()) {
            for line in ExecLine::parse_line(&text).unwrap_or_default() {
                line.expand(&|_| Some("a b".to_owned()));
            }
        }
    }
}
