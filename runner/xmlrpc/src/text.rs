//! Text between tags.
//!
//! XML 1.0 has no way to write most control characters, not even escaped, and logs are full of
//! them. supervisord writes them as they are, and every client dies of the reply. Here each is
//! replaced by its picture, which is one character too and shows what was there: `ESC` becomes
//! U+241B (`␛`). U+FFFE and U+FFFF become U+FFFD.

/// Whether XML 1.0 has this character.
#[must_use]
pub fn is_xml(character: char) -> bool {
    !matches!(character,
        '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// What is written for a character: itself, where XML has it.
#[must_use]
pub fn substitute(character: char) -> char {
    match character {
        // The pictures stand in the order of the characters.
        control if control < ' ' && !is_xml(control) => {
            char::from_u32(0x2400 + u32::from(control)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        other if is_xml(other) => other,
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// Appends `text`, escaped as Python does: `&`, `<` and `>`, never a quote.
pub(crate) fn escape_into(text: &str, out: &mut String) {
    out.reserve(text.len());
    let mut rest = text;
    // Logs are long, and nearly all of their bytes stand for themselves: those are passed over
    // without looking at characters.
    while let Some(at) = rest.bytes().position(may_need_care) {
        out.push_str(&rest[..at]);
        let mut after = rest[at..].chars();
        match after.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some(other) => out.push(substitute(other)),
            None => {}
        }
        rest = after.as_str();
    }
    out.push_str(rest);
}

/// Whether a character that begins with this byte may be one that cannot stand as it is. Never true
/// of a byte within a character.
fn may_need_care(byte: u8) -> bool {
    match byte {
        b'\t' | b'\n' | b'\r' => false,
        // With the last one begin U+FFFE and U+FFFF, and 4,094 others.
        ..b' ' | b'&' | b'<' | b'>' | 0xef => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_carry_is_shown() {
        let mut out = String::new();
        escape_into(
            "\u{1b}[31m<a & \"b\">\0\t\r\n\u{fffe}é\u{7f}\u{85}",
            &mut out,
        );
        assert_eq!(
            out,
            "␛[31m&lt;a &amp; \"b\"&gt;␀\t\r\n\u{fffd}é\u{7f}\u{85}"
        );
    }

    #[test]
    fn every_control_character_becomes_one_that_xml_has() {
        for character in '\0'..='\u{1_0000}' {
            assert!(is_xml(substitute(character)), "{character:?}");
            assert!(!is_xml(character) || substitute(character) == character);
        }
    }
}
