//! `%(name)s` and all else that Python's `%` operator does with a dictionary, down to the words of
//! its errors.

use std::collections::{BTreeMap, BTreeSet};
use std::str::Chars;

use super::python::{ascii, repr};

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number: `process_num` and `numprocs`.
    Number(i64),
}

/// The names that may stand in a value.
#[derive(Debug, Clone, Default)]
pub struct Names<'a> {
    /// `ENV_X` for each `X` in it, unless [`own`](Names::own) says otherwise.
    environment: Option<&'a BTreeMap<String, String>>,
    own: BTreeMap<String, Value>,
}

impl<'a> Names<'a> {
    /// `ENV_X` for each variable.
    pub fn new(environment: &'a BTreeMap<String, String>) -> Names<'a> {
        Names {
            environment: Some(environment),
            own: BTreeMap::new(),
        }
    }

    /// With a name for a text.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Names<'a> {
        self.set(name, Value::Text(text.to_owned()));
        self
    }

    /// Lets a name stand for something else from now on.
    pub fn set(&mut self, name: &str, value: Value) {
        self.own.insert(name.to_owned(), value);
    }

    /// Lets each variable of the environment stand for itself again.
    pub fn restore_environment(&mut self) {
        let environment = self.environment;
        self.own.retain(|name, _| {
            let variable = name.strip_prefix("ENV_");
            !variable.is_some_and(|name| environment.is_some_and(|env| env.contains_key(name)))
        });
    }

    fn get(&self, name: &str) -> Option<Value> {
        self.own.get(name).cloned().or_else(|| {
            let text = self.environment?.get(name.strip_prefix("ENV_")?)?;
            Some(Value::Text(text.clone()))
        })
    }

    fn list(&self) -> String {
        let variables = self.environment.into_iter().flat_map(BTreeMap::keys);
        let mut all: BTreeSet<String> = variables.map(|name| format!("ENV_{name}")).collect();
        all.extend(self.own.keys().cloned());
        let all: Vec<String> = all.into_iter().collect();
        all.join(", ")
    }
}

/// The longest result, in bytes. Python knows no limit, and `%(x)999999999s` takes its memory.
const LONGEST: usize = 1 << 20;

/// Expands `text`, the value of `option`.
///
/// # Errors
/// With what supervisord says about names it does not know and formats Python does not understand.
/// One case is ours: a conversion without a name, such as `%s`, is refused. The real one puts its
/// whole dictionary there, all environment variables included.
pub fn expand(text: &str, names: &Names<'_>, option: &str) -> Result<String, String> {
    match format(text, names) {
        Ok(result) => Ok(result),
        Err(Trouble::Name(name)) => Err(format!(
            "Format string {} for {} contains names ({}) which cannot be expanded. Available names: {}",
            repr(text),
            repr(option),
            repr(&name),
            names.list()
        )),
        Err(Trouble::Format(detail)) => Err(format!(
            "Format string {} for {} is badly formatted: {detail}",
            repr(text),
            repr(option)
        )),
    }
}

enum Trouble {
    Name(String),
    Format(String),
}

fn trouble<T>(detail: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Format(detail.into()))
}

/// What the next conversion takes. Python sets it with each `(name)`, and lets it be taken once.
enum Argument {
    Dictionary,
    Value(Value),
    Taken,
}

/// One conversion: what stands between `%` and its letter.
#[derive(Default)]
struct Conversion {
    left: bool,
    sign: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

struct Format<'a> {
    letters: Chars<'a>,
    /// Letters read so far: Python's messages count them.
    position: usize,
    argument: Argument,
}

fn format(text: &str, names: &Names<'_>) -> Result<String, Trouble> {
    let mut result = String::with_capacity(text.len());
    let mut format = Format {
        letters: text.chars(),
        position: 0,
        argument: Argument::Dictionary,
    };
    while let Some(letter) = format.next() {
        if letter == '%' {
            result.push_str(&format.conversion(names)?);
        } else {
            result.push(letter);
        }
        if result.len() > LONGEST {
            return trouble(format!("the result is longer than {LONGEST} bytes"));
        }
    }
    Ok(result)
}

impl Format<'_> {
    fn next(&mut self) -> Option<char> {
        let letter = self.letters.next()?;
        self.position += 1;
        Some(letter)
    }

    fn need(&mut self) -> Result<char, Trouble> {
        self.next()
            .ok_or_else(|| Trouble::Format("incomplete format".to_owned()))
    }

    fn conversion(&mut self, names: &Names<'_>) -> Result<String, Trouble> {
        let mut letter = self.need()?;
        if letter == '%' {
            return Ok("%".to_owned());
        }
        if letter == '(' {
            let name = self.name()?;
            let value = names.get(&name).ok_or(Trouble::Name(name))?;
            self.argument = Argument::Value(value);
            letter = self.need()?;
        }
        let mut how = Conversion::default();
        loop {
            match letter {
                '-' => how.left = true,
                '+' => how.sign = true,
                ' ' => how.blank = true,
                '#' => how.alternate = true,
                '0' => how.zero = true,
                _ => break,
            }
            letter = self.need()?;
        }
        if letter == '*' {
            let width = self.number_argument()?;
            how.left |= width < 0;
            how.width = bounded(width.unsigned_abs(), "width too big")?;
            letter = self.need()?;
        } else {
            let width;
            (width, letter) = self.digits(letter, "width too big")?;
            how.width = width;
        }
        if letter == '.' {
            letter = self.need()?;
            let precision;
            if letter == '*' {
                let number = self.number_argument()?;
                precision = bounded(number.max(0).unsigned_abs(), "precision too big")?;
                letter = self.need()?;
            } else {
                (precision, letter) = self.digits(letter, "precision too big")?;
            }
            how.precision = Some(precision);
        }
        if matches!(letter, 'h' | 'l' | 'L') {
            letter = self.need()?;
        }
        if letter == '%' {
            return Ok("%".to_owned());
        }
        self.convert(letter, &how)
    }

    /// The name in parentheses, which may hold balanced ones itself.
    fn name(&mut self) -> Result<String, Trouble> {
        let mut name = String::new();
        let mut depth = 1;
        while let Some(letter) = self.next() {
            match letter {
                ')' => depth -= 1,
                '(' => depth += 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(name);
            }
            name.push(letter);
        }
        trouble("incomplete format key")
    }

    fn digits(&mut self, first: char, too_big: &str) -> Result<(usize, char), Trouble> {
        let mut number: usize = 0;
        let mut letter = first;
        while let Some(digit) = letter.to_digit(10) {
            number = number * 10 + digit as usize;
            bounded(number as u64, too_big)?;
            letter = self.need()?;
        }
        Ok((number, letter))
    }

    fn take(&mut self) -> Result<Argument, Trouble> {
        match std::mem::replace(&mut self.argument, Argument::Taken) {
            Argument::Taken => trouble("not enough arguments for format string"),
            argument => Ok(argument),
        }
    }

    /// What `*` takes.
    fn number_argument(&mut self) -> Result<i64, Trouble> {
        match self.take()? {
            Argument::Value(Value::Number(number)) => Ok(number),
            _ => trouble("* wants int"),
        }
    }

    fn convert(&mut self, letter: char, how: &Conversion) -> Result<String, Trouble> {
        let argument = self.take()?;
        let number = match &argument {
            Argument::Value(Value::Number(number)) => Ok(*number),
            Argument::Value(Value::Text(_)) => Err("str"),
            Argument::Dictionary | Argument::Taken => Err("dict"),
        };
        match letter {
            's' | 'r' | 'a' => {
                let text = match (argument, letter) {
                    (Argument::Value(Value::Text(text)), 's') => text,
                    (Argument::Value(Value::Text(text)), 'r') => repr(&text),
                    (Argument::Value(Value::Text(text)), _) => ascii(&text),
                    (Argument::Value(Value::Number(number)), _) => number.to_string(),
                    // See `expand`.
                    _ => return trouble("not enough arguments for format string"),
                };
                let most = how.precision.unwrap_or(usize::MAX);
                Ok(how.pad("", "", &text.chars().take(most).collect::<String>(), false))
            }
            'i' | 'd' | 'u' | 'o' | 'x' | 'X' => match number {
                Ok(number) => Ok(how.integer(number, letter)),
                Err(kind) if matches!(letter, 'o' | 'x' | 'X') => trouble(format!(
                    "%{letter} format: an integer is required, not {kind}"
                )),
                Err(kind) => trouble(format!(
                    "%{letter} format: a real number is required, not {kind}"
                )),
            },
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => match number {
                Ok(number) => Ok(how.float(number, letter)),
                Err(kind) => trouble(format!("must be real number, not {kind}")),
            },
            'c' => match argument {
                Argument::Value(Value::Text(text)) if text.chars().count() == 1 => {
                    Ok(how.pad("", "", &text, false))
                }
                Argument::Value(Value::Number(number)) => {
                    let letter = u32::try_from(number).ok().and_then(char::from_u32);
                    match letter {
                        Some(letter) => Ok(how.pad("", "", &letter.to_string(), false)),
                        None => trouble("%c arg not in range(0x110000)"),
                    }
                }
                _ => trouble("%c requires int or char"),
            },
            other => trouble(format!(
                "unsupported format character '{}' (0x{:x}) at index {}",
                if ('\x1f'..='~').contains(&other) {
                    other
                } else {
                    '?'
                },
                u32::from(other),
                self.position - 1
            )),
        }
    }
}

fn bounded(number: u64, too_big: &str) -> Result<usize, Trouble> {
    match usize::try_from(number) {
        Ok(number) if number <= LONGEST => Ok(number),
        _ => trouble(too_big),
    }
}

impl Conversion {
    fn integer(&self, number: i64, letter: char) -> String {
        let magnitude = number.unsigned_abs();
        let (prefix, digits) = match letter {
            'o' => ("0o", format!("{magnitude:o}")),
            'x' => ("0x", format!("{magnitude:x}")),
            'X' => ("0X", format!("{magnitude:X}")),
            _ => ("", magnitude.to_string()),
        };
        let zeros = self.precision.unwrap_or(0).saturating_sub(digits.len());
        let digits = format!("{}{digits}", "0".repeat(zeros));
        let prefix = if self.alternate { prefix } else { "" };
        self.pad(self.sign_of(number < 0), prefix, &digits, true)
    }

    fn sign_of(&self, negative: bool) -> &'static str {
        match (negative, self.sign, self.blank) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        }
    }

    fn pad(&self, sign: &str, prefix: &str, text: &str, is_number: bool) -> String {
        let length = sign.len() + prefix.len() + text.chars().count();
        let fill = self.width.saturating_sub(length);
        if self.left {
            format!("{sign}{prefix}{text}{}", " ".repeat(fill))
        } else if self.zero && is_number {
            format!("{sign}{prefix}{}{text}", "0".repeat(fill))
        } else {
            format!("{}{sign}{prefix}{text}", " ".repeat(fill))
        }
    }

    /// A whole number as C's `printf` shows a `double`.
    fn float(&self, number: i64, letter: char) -> String {
        let precision = self.precision.unwrap_or(6);
        #[expect(
            clippy::cast_precision_loss,
            reason = "this is what the conversion is asked to do"
        )]
        let magnitude = number.unsigned_abs() as f64;
        let mut text = match letter.to_ascii_lowercase() {
            'f' => fixed(magnitude, precision, self.alternate),
            'e' => exponential(magnitude, precision, self.alternate),
            _ => {
                let digits = precision.max(1);
                let rounded = exponential(magnitude, digits - 1, true);
                let exponent = rounded.split_once('e').and_then(|(_, e)| e.parse().ok());
                let exponent: usize = exponent.unwrap_or(0);
                let text = if exponent < digits {
                    fixed(magnitude, digits - 1 - exponent, true)
                } else {
                    rounded
                };
                if self.alternate {
                    text
                } else {
                    without_trailing_zeros(&text)
                }
            }
        };
        if letter.is_ascii_uppercase() {
            text.make_ascii_uppercase();
        }
        self.pad(self.sign_of(number < 0), "", &text, true)
    }
}

fn fixed(number: f64, precision: usize, keep_point: bool) -> String {
    let point = if keep_point && precision == 0 {
        "."
    } else {
        ""
    };
    // Rust bounds the precision of its formats at 65,535; a whole number has only zeros there.
    let shown = precision.min(1);
    let zeros = "0".repeat(precision - shown);
    format!("{number:.shown$}{point}{zeros}")
}

fn exponential(number: f64, precision: usize, keep_point: bool) -> String {
    // An `f64` made of an `i64` has at most 19 digits.
    let shown = precision.min(40);
    let text = format!("{number:.shown$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if keep_point && precision == 0 {
        "."
    } else {
        ""
    };
    let zeros = "0".repeat(precision - shown);
    format!("{mantissa}{point}{zeros}e+{exponent:0>2}")
}

fn without_trailing_zeros(text: &str) -> String {
    let (mantissa, exponent) = match text.find('e') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    format!("{mantissa}{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_some_names(text: &str) -> Result<String, String> {
        let environment = BTreeMap::from([
            ("A".to_owned(), "%x".to_owned()),
            ("B(c)".to_owned(), "é".to_owned()),
        ]);
        let mut names = Names::new(&environment).with("here", "/etc");
        names.set("n", Value::Number(7));
        names.set("m", Value::Number(-1_234_567));
        expand(text, &names, "s.o")
    }

    #[test]
    fn formats_as_python_does() {
        for (text, expected) in [
            ("plain", "plain"),
            ("%%d 100%%", "%d 100%"),
            ("%(here)s/%(ENV_A)s", "/etc/%x"),
            ("%(ENV_B(c))s|%(ENV_B(c))3s|%(ENV_B(c))-3s|", "é|  é|é  |"),
            ("%(here).2s %(here)r %(ENV_B(c))a", "/e '/etc' '\\xe9'"),
            ("%(n)d %(n)02d %(n)+d %(n) d %(n)-3d|", "7 07 +7  7 7  |"),
            ("%(m)x %(m)#o %(n)#06X", "-12d687 -0o4553207 0X0007"),
            ("%(n).3d %(n)05.3d %(n)*d", "007 00007 7"),
            ("%(n)s %(n)r %(n)ld %(n)%", "7 7 7 %"),
            ("%(n)f %(n).0f %(n)#.0f %(n)e", "7.000000 7 7. 7.000000e+00"),
            (
                "%(n)g %(m)g %(m).3G %(n)#g",
                "7 -1.23457e+06 -1.23E+06 7.00000",
            ),
        ] {
            match with_some_names(text) {
                Ok(result) => assert_eq!(result, expected, "{text}"),
                // `%(n)*d` takes the number twice, and Python has it once.
                Err(message) => assert!(
                    text.contains('*') && message.contains("not enough arguments"),
                    "{text}: {message}"
                ),
            }
        }
    }

    #[test]
    fn errors_are_pythons() {
        for (text, detail) in [
            ("100%", "incomplete format"),
            ("%(here)", "incomplete format"),
            ("%(here", "incomplete format key"),
            ("%Y", "unsupported format character 'Y' (0x59) at index 1"),
            ("ab%é", "unsupported format character '?' (0xe9) at index 3"),
            ("50% of", "%o format: an integer is required, not dict"),
            ("%d", "%d format: a real number is required, not dict"),
            ("%(here)d", "%d format: a real number is required, not str"),
            ("%(here)f", "must be real number, not str"),
            ("%(here)c", "%c requires int or char"),
            ("%(n)s %s", "not enough arguments for format string"),
            ("%(here)*d", "* wants int"),
            ("%(n)99999999999d", "width too big"),
            // Ours: see `expand`.
            ("date +%s", "not enough arguments for format string"),
        ] {
            assert_eq!(
                with_some_names(text),
                Err(format!(
                    "Format string '{text}' for 's.o' is badly formatted: {detail}"
                )),
            );
        }
        assert_eq!(
            with_some_names("%(x)s").unwrap_err(),
            "Format string '%(x)s' for 's.o' contains names ('x') which cannot be expanded. \
             Available names: ENV_A, ENV_B(c), here, m, n"
        );
    }

    #[test]
    fn results_are_bounded() {
        let long = "%(n)1000000d".repeat(3);
        assert!(with_some_names(&long).unwrap_err().contains("longer than"));
    }
}
