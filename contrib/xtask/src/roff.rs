//! The little of roff(7) that man pages need.

/// A piece of a man page under construction.
#[derive(Default)]
pub(crate) struct Roff(String);

impl Roff {
    /// A chapter.
    pub(crate) fn chapter(&mut self, heading: &str) {
        self.macro_line("SH", heading);
    }

    /// A section of a chapter.
    pub(crate) fn section(&mut self, heading: &str) {
        self.macro_line("SS", heading);
    }

    /// Paragraphs, separated by empty lines.
    pub(crate) fn paragraphs(&mut self, text: &str) {
        for paragraph in text
            .split("\n\n")
            .filter(|paragraph| !paragraph.trim().is_empty())
        {
            self.0.push_str(".PP\n");
            self.prose(paragraph);
        }
    }

    /// Something in bold, and under it what it means; further paragraphs stay under it.
    pub(crate) fn entry(&mut self, tag: &str, text: &str) {
        self.0.push_str(".TP\n");
        self.prose(tag);
        let mut first = true;
        for paragraph in text
            .split("\n\n")
            .filter(|paragraph| !paragraph.trim().is_empty())
        {
            if !first {
                self.0.push_str(".IP\n");
            }
            self.prose(paragraph);
            first = false;
        }
        if first {
            self.0.push_str("\\&\n");
        }
    }

    /// The text so far.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn macro_line(&mut self, name: &str, argument: &str) {
        let argument = escape(argument).replace('"', "\\(dq");
        self.0.push_str(&format!(".{name} \"{argument}\"\n"));
    }

    /// Text in which `…` is bold, as in Markdown; a line that begins with `- ` is an item of a list.
    fn prose(&mut self, text: &str) {
        let mut listed = false;
        for line in text.lines().map(str::trim) {
            let line = match line.strip_prefix("- ") {
                Some(item) => {
                    self.0.push_str(if listed {
                        ".IP \\(bu 2\n"
                    } else {
                        ".RS\n.IP \\(bu 2\n"
                    });
                    listed = true;
                    item
                }
                None => line,
            };
            self.0.push_str(&at_line_start(&bold_code(line)));
            self.0.push('\n');
        }
        if listed {
            self.0.push_str(".RE\n");
        }
    }
}

/// Text between backticks in bold. A backtick without a partner stays one.
fn bold_code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        let Some((code, behind)) = after.split_once('`') else {
            break;
        };
        out.push_str(&escape(before));
        out.push_str(&format!("\\fB{}\\fR", escape(code)));
        rest = behind;
    }
    out + &escape(rest)
}

/// Letters that mean something to roff.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '~' => out.push_str("\\(ti"),
            '^' => out.push_str("\\(ha"),
            '`' => out.push_str("\\(ga"),
            '…' => out.push_str("..."),
            other => out.push(other),
        }
    }
    out
}

/// A line that begins with a dot would be a request.
fn at_line_start(line: &str) -> String {
    if line.starts_with('.') {
        format!("\\&{line}")
    } else {
        line.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_written_can_become_a_request() {
        let mut roff = Roff::default();
        roff.paragraphs(".SH evil\n'quoted' `--no-block` a\\b");
        assert_eq!(
            roff.finish(),
            ".PP\n\\&.SH evil\n\\(aqquoted\\(aq \\fB\\-\\-no\\-block\\fR a\\eb\n"
        );
    }

    #[test]
    fn lists_and_entries() {
        let mut roff = Roff::default();
        roff.entry("`x`", "first\n\nsecond\n- one\n- two");
        assert_eq!(
            roff.finish(),
            ".TP\n\\fBx\\fR\nfirst\n.IP\nsecond\n.RS\n.IP \\(bu 2\none\n.IP \\(bu 2\ntwo\n.RE\n"
        );
    }
}
