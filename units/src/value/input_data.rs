//! What a service reads from its standard input when that stands in the unit file.

use super::ValueProblem;
use super::quoting::{escape_bytes, unescape_bytes};

/// Text for standard input, one line for each item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct InputText(Box<[u8]>);

/// Bytes for standard input, written in Base64.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct InputData(Box<[u8]>);

/// More than this is a file's business.
const MOST: usize = 1 << 20;

impl InputText {
    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// This text and the line `text`, C escapes resolved.
    ///
    /// # Errors
    /// For a bad escape, and above 1 MiB.
    pub fn with(&self, text: &str) -> Result<InputText, ValueProblem> {
        let mut bytes = self.0.to_vec();
        bytes.extend(unescape_bytes(text)?);
        bytes.push(b'\n');
        bounded(&bytes)?;
        Ok(InputText(bytes.into()))
    }
}

impl std::fmt::Display for InputText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&escape_bytes(self.0.strip_suffix(b"\n").unwrap_or(&self.0)))
    }
}

impl InputData {
    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// These bytes and those that `text` is the Base64 of; white space in it says nothing.
    ///
    /// # Errors
    /// When it is no Base64, and above 1 MiB.
    pub fn with(&self, text: &str) -> Result<InputData, ValueProblem> {
        let mut bytes = self.0.to_vec();
        bytes.extend(from_base64(text).ok_or_else(|| {
            ValueProblem::new(format!("{text:?} is no Base64"))
                .with_hint("`base64 -w0 FILE` writes it")
        })?);
        bounded(&bytes)?;
        Ok(InputData(bytes.into()))
    }
}

impl std::fmt::Display for InputData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&to_base64(&self.0))
    }
}

fn bounded(bytes: &[u8]) -> Result<(), ValueProblem> {
    if bytes.len() <= MOST {
        Ok(())
    } else {
        Err(ValueProblem::new(
            "standard input in a unit file has at most 1 MiB",
        ))
    }
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    if !letters.len().is_multiple_of(4) {
        return None;
    }
    let padding = letters.iter().rev().take_while(|b| **b == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3);
    let (digits, _) = letters.split_at(letters.len() - padding);
    let (mut held, mut bits) = (0u32, 0);
    for digit in digits {
        let value = LETTERS.iter().position(|letter| letter == digit)?;
        held = held << 6 | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let held = chunk
            .iter()
            .chain([&0, &0])
            .take(3)
            .fold(0u32, |held, byte| held << 8 | u32::from(*byte));
        for place in 0..4 {
            let letter = LETTERS.get((held >> (18 - 6 * place) & 63) as usize);
            let letter = letter.copied().filter(|_| place <= chunk.len());
            text.push(letter.map_or('=', char::from));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_and_data() {
        let text = InputText::default()
            .with("one\\ttwo")
            .unwrap()
            .with("")
            .unwrap();
        assert_eq!(text.bytes(), b"one\ttwo\n\n");
        assert_eq!(InputText::default().with(&text.to_string()), Ok(text));
        let data = InputData::default()
            .with("aGk=")
            .unwrap()
            .with("IQ ==")
            .unwrap();
        assert_eq!(data.bytes(), b"hi!");
        for bad in ["a", "a===", "aGk", "====", "a-==", "=aGk"] {
            assert!(InputData::default().with(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn base64_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(from_base64(&to_base64(&bytes)), Some(bytes));
        }
    }
}
