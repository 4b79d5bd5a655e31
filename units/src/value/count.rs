//! Plain numbers.

use super::ValueProblem;

/// Reads a number from 0 to 4294967295.
///
/// # Errors
/// When it is anything else.
pub fn parse_count(text: &str) -> Result<u32, ValueProblem> {
    let trimmed = text.trim();
    Some(trimmed)
        .filter(|t| t.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|t| t.parse().ok())
        .ok_or_else(|| ValueProblem::new(format!("{text:?} is no number from 0 to {}", u32::MAX)))
}

/// Reads a whole number from -2147483648 to 2147483647.
///
/// # Errors
/// When it is anything else.
pub fn parse_integer(text: &str) -> Result<i32, ValueProblem> {
    text.trim().parse().map_err(|_| {
        ValueProblem::new(format!(
            "{text:?} is no number from {} to {}",
            i32::MIN,
            i32::MAX
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_only() {
        assert_eq!(parse_count(" 7 "), Ok(7));
        assert_eq!(parse_count("4294967295"), Ok(u32::MAX));
        for bad in ["", "-1", "+1", "4294967296", "1.0", "x"] {
            assert!(parse_count(bad).is_err(), "{bad}");
        }
    }
}
