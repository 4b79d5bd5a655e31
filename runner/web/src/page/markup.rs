//! HTML that cannot be broken out of: markup is what we wrote ourselves, everything else is text.

use crate::http::head::percent_decoded;

/// A page, or a part of one, under construction.
#[derive(Debug, Default)]
pub(super) struct Markup {
    out: String,
}

impl Markup {
    /// Adds markup. It is part of the program, so no stranger's word can be in it.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Markup {
        self.out.push_str(markup);
        self
    }

    /// Adds text, in an element or in a quoted attribute.
    pub(super) fn text(&mut self, text: &str) -> &mut Markup {
        for character in text.chars() {
            match character {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                // HTML has no place for these; a log may have any.
                '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f' => {
                    self.out.push('\u{fffd}');
                }
                other => self.out.push(other),
            }
        }
        self
    }

    /// Adds a value of a query or a part of a path, percent-encoded.
    pub(super) fn encoded(&mut self, text: &str) -> &mut Markup {
        self.out.push_str(&encode(text));
        self
    }

    /// Adds another part.
    pub(super) fn part(&mut self, part: &Markup) -> &mut Markup {
        self.out.push_str(&part.out);
        self
    }

    /// All of it.
    pub(super) fn finish(self) -> String {
        self.out
    }
}

/// Percent-encodes all but letters, digits and `-._~`.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The fields of a query or of a form, in order.
pub(super) fn fields(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|field| !field.is_empty())
        .map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// A form has `+` for a space.
fn decode(text: &str) -> String {
    percent_decoded(&text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_stays_text() {
        let mut page = Markup::default();
        page.raw("<p title=\"")
            .text("\"><script>'&\x1b[0m")
            .raw("\">");
        assert_eq!(
            page.finish(),
            "<p title=\"&quot;&gt;&lt;script&gt;&#39;&amp;\u{fffd}[0m\">"
        );
    }

    #[test]
    fn fields_of_forms() {
        assert_eq!(
            fields("action=start&processname=a%3Ab+c&&x&y=%zz%"),
            [
                ("action", "start"),
                ("processname", "a:b c"),
                ("x", ""),
                ("y", "%zz%")
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    proptest! {
        #[test]
        fn encoding_goes_both_ways(text in any::<String>()) {
            prop_assert_eq!(decode(&encode(&text)), text);
        }

        #[test]
        fn any_query(text in any::<String>()) {
            fields(&text);
        }
    }
}
