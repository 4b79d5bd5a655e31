//! Conditions about pressure (PSI, `Documentation/accounting/psi.rst` of the kernel).

use std::path::{Path, PathBuf};

use super::{Found, text_of};

/// What the parameter asks.
#[derive(Debug, PartialEq)]
struct Question {
    slice: Option<String>,
    /// Per cent.
    limit: f64,
    /// `avg10`, `avg60` or `avg300`
    average: &'static str,
}

/// Whether the pressure on a resource is not above the limit. Where the kernel does not measure it
/// there is none.
pub(super) fn is_below(resource: &str, parameter: &str) -> Found {
    let question =
        read(parameter).ok_or_else(|| format!("{parameter:?} is no limit such as `10%/1min`"))?;
    if !Path::new("/proc/pressure").exists() {
        return Ok(true);
    }
    let file = match &question.slice {
        None => PathBuf::from("/proc/pressure").join(resource),
        Some(slice) => match directory_of(slice) {
            Some(directory) => directory.join(format!("{resource}.pressure")),
            None => return Ok(true),
        },
    };
    let text = match text_of(&file.to_string_lossy()) {
        Some(text) => text,
        // No such slice: nothing in it suffers.
        None => return Ok(true),
    };
    let now = average(&text, question.average)
        .ok_or_else(|| format!("{} does not tell the pressure", file.display()))?;
    Ok(now <= question.limit)
}

fn read(parameter: &str) -> Option<Question> {
    let (slice, value) = match parameter.split_once(':') {
        Some((slice, value)) => (Some(slice.to_owned()), value),
        None => (None, parameter),
    };
    let (limit, average) = match value.split_once('/') {
        None => (value, "avg300"),
        Some((limit, span)) => {
            let average = match span.trim() {
                "10sec" => "avg10",
                "1min" => "avg60",
                "5min" => "avg300",
                _ => return None,
            };
            (limit, average)
        }
    };
    let limit = percentage(limit.trim())?;
    Some(Question {
        slice,
        limit,
        average,
    })
}

/// `10%`, `10.25%`, and the same in `‰` and `‱`, as systemd takes them.
fn percentage(text: &str) -> Option<f64> {
    let units = [("%", 1.0), ("‰", 10.0), ("‱", 100.0)];
    let (number, parts) = units
        .into_iter()
        .find_map(|(unit, parts)| Some((text.strip_suffix(unit)?, parts)))?;
    let plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    if number.is_empty() || !number.bytes().all(plain) {
        return None;
    }
    let value: f64 = number.parse::<f64>().ok()? / parts;
    (value <= 100.0).then_some(value)
}

/// The value of an average: of the line `full`, or of `some` where that is the only one.
fn average(text: &str, name: &str) -> Option<f64> {
    let of = |kind: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
        line.split_ascii_whitespace()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    };
    of("full ").or_else(|| of("some "))
}

/// Where the control group of a slice is: `a-b.slice` is in `a.slice`.
fn directory_of(slice: &str) -> Option<PathBuf> {
    let stem = slice.strip_suffix(".slice")?;
    let mut directory = PathBuf::from("/sys/fs/cgroup");
    if stem == "-" {
        return Some(directory);
    }
    let is_name = |part: &str| !part.is_empty() && !part.contains('/');
    let parts: Vec<&str> = stem.split('-').collect();
    for (at, part) in parts.iter().enumerate() {
        if !is_name(part) {
            return None;
        }
        directory.push(format!("{}.slice", parts[..=at].join("-")));
    }
    Some(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let limit = |text: &str| read(text).map(|q| (q.slice, q.limit, q.average));
        assert_eq!(limit("10%"), Some((None, 10.0, "avg300")));
        assert_eq!(limit("10.5% / 1min"), Some((None, 10.5, "avg60")));
        assert_eq!(limit("5‰/10sec"), Some((None, 0.5, "avg10")));
        assert_eq!(
            limit("a.slice:10%"),
            Some((Some("a.slice".to_owned()), 10.0, "avg300"))
        );
        for bad in ["10", "", "%", "-1%", "101%", "10%/2min", "x%", "1e1%"] {
            assert_eq!(limit(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_average_of_the_line_that_counts() {
        let text = "some avg10=1.00 avg60=2.00 avg300=3.00 total=9\n\
                    full avg10=0.10 avg60=0.20 avg300=0.30 total=1";
        assert_eq!(average(text, "avg60"), Some(0.2));
        assert_eq!(average("some avg10=1.50 total=1", "avg10"), Some(1.5));
        assert_eq!(average("", "avg10"), None);
    }

    #[test]
    fn slices_are_in_slices() {
        let path = directory_of("a-b.slice").expect("a slice");
        assert_eq!(path, Path::new("/sys/fs/cgroup/a.slice/a-b.slice"));
        assert_eq!(directory_of("../x.slice"), None);
        assert_eq!(directory_of("x.service"), None);
    }
}
