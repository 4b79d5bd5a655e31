//! Base64 (RFC 4648), as Python reads and writes it.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `bytes` in one line, padded.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place > group.len() {
                out.push('=');
            } else {
                let six = bits >> (18 - 6 * place) & 0x3f;
                out.push(char::from(ALPHABET[six as usize]));
            }
        }
    }
    out
}

/// The bytes `text` stands for. Characters that do not belong (line breaks, blanks) are skipped,
/// and what follows the padding is ignored, as Python does. `None` if the padding is missing or a
/// character of the last group.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut padding) = (0u32, 0usize, 0usize);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if count >= 2 => {
                padding += 1;
                if count + padding == 4 {
                    out.push((bits >> (6 * (count - 1) - 2)) as u8);
                    if count == 3 {
                        out.push((bits >> 2) as u8);
                    }
                    return Some(out);
                }
                continue;
            }
            _ => continue,
        };
        padding = 0;
        bits = bits << 6 | u32::from(six);
        count += 1;
        if count == 4 {
            out.extend([(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]);
            (bits, count) = (0, 0);
        }
    }
    (count == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_texts() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decode(coded).unwrap(), plain.as_bytes());
        }
        assert_eq!(encode(&[0xff, 0xfe, 0xfb]), "//77");
    }

    #[test]
    fn foreign_characters_are_skipped_as_in_python() {
        assert_eq!(decode("Zm\n9v YmFy\r\n").unwrap(), b"foobar");
        assert_eq!(decode("Zg==garbage").unwrap(), b"f");
        assert_eq!(decode("=Zm9v").unwrap(), b"foo");
        assert_eq!(decode("!").unwrap(), b"");
        for broken in ["Z", "Zg", "Zg=", "Zm9vY"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
