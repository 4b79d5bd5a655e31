//! `%n`, `%i` and their like, as systemd.unit(5) has them.

use crate::name::{UnitName, unescape, unescape_path};
use crate::surroundings::Surroundings;
use crate::value::ValueProblem;

/// What specifiers stand for in the definition of one unit.
#[derive(Debug, Clone, Copy)]
pub struct Specifiers<'a> {
    name: &'a UnitName,
    surroundings: &'a Surroundings,
    file: &'a str,
}

/// The specifiers whose meaning differs between the instances of a template.
const OF_INSTANCE: [char; 6] = ['i', 'I', 'n', 'N', 'f', 'd'];

impl<'a> Specifiers<'a> {
    /// Those of the unit `name`, defined in the file `file`.
    pub fn new(name: &'a UnitName, surroundings: &'a Surroundings, file: &'a str) -> Self {
        Specifiers {
            name,
            surroundings,
            file,
        }
    }

    /// Whether `text` has a specifier that differs between instances.
    pub(crate) fn depend_on_instance(text: &str) -> bool {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c == '%' && chars.next().is_some_and(|c| OF_INSTANCE.contains(&c)) {
                return true;
            }
        }
        false
    }

    /// `text` with every specifier replaced.
    ///
    /// # Errors
    /// On an unknown specifier, a `%` at the end, or one whose meaning the caller did not know.
    pub fn expand(&self, text: &str) -> Result<String, ValueProblem> {
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let Some(letter) = chars.next() else {
                return Err(ValueProblem::new(format!("{text:?} ends in a lone `%`"))
                    .with_hint("write `%%` for a percent sign"));
            };
            out.push_str(&self.meaning(letter)?);
        }
        Ok(out)
    }

    fn meaning(&self, letter: char) -> Result<String, ValueProblem> {
        let around = self.surroundings;
        let instance = self.name.instance().unwrap_or_default();
        let prefix = self.name.prefix();
        let last_part = prefix.rsplit('-').next().unwrap_or(prefix);
        let plain = |text: &str| Ok(text.to_owned());
        let known = |text: &str| {
            if text.is_empty() {
                Err(ValueProblem::new(format!(
                    "what `%{letter}` stands for is not known here"
                )))
            } else {
                Ok(text.to_owned())
            }
        };
        let unescaped = |text: &str| {
            unescape(text).ok_or_else(|| {
                ValueProblem::new(format!("{text:?} cannot be unescaped for `%{letter}`"))
            })
        };
        match letter {
            '%' => plain("%"),
            'n' => plain(self.name.as_str()),
            'N' => plain(self.name.stem()),
            'p' => plain(prefix),
            'P' => unescaped(prefix),
            'i' => plain(instance),
            'I' => unescaped(instance),
            'j' => plain(last_part),
            'J' => unescaped(last_part),
            'f' => {
                let escaped = if instance.is_empty() {
                    prefix
                } else {
                    instance
                };
                unescape_path(escaped).ok_or_else(|| {
                    ValueProblem::new(format!("{escaped:?} cannot be unescaped for `%f`"))
                })
            }
            'y' => known(self.file),
            'Y' => known(
                self.file
                    .rsplit_once('/')
                    .map_or("", |(directory, _)| directory),
            ),
            'H' => known(&around.host_name),
            'l' => known(around.host_name.split('.').next().unwrap_or_default()),
            'm' => known(&around.machine_id),
            'b' => known(&around.boot_id),
            'v' => known(&around.kernel_release),
            'a' => known(&around.architecture),
            'u' => known(&around.user),
            'U' => plain(&around.uid.to_string()),
            'g' => known(&around.group),
            'G' => plain(&around.gid.to_string()),
            'h' => known(&around.home),
            's' => known(&around.shell),
            't' => known(&around.runtime_directory),
            'S' => known(&around.state_directory),
            'C' => known(&around.cache_directory),
            'L' => known(&around.log_directory),
            'E' => known(&around.configuration_directory),
            'T' => known(&around.temporary_directory),
            'V' => known(&around.lasting_temporary_directory),
            'd' => known(&around.credentials_directory).map(|base| format!("{base}/{}", self.name)),
            'q' => known(&around.pretty_host_name),
            'o' => plain(&around.os_id),
            'w' => plain(&around.os_version),
            'W' => plain(&around.os_variant),
            'B' => plain(&around.os_build),
            'M' => plain(&around.image_id),
            'A' => plain(&around.image_version),
            'D' if around.is_root => plain("/usr/share"),
            'D' => known(&around.home).map(|home| format!("{home}/.local/share")),
            _ => Err(ValueProblem::new(format!("`%{letter}` is no specifier"))
                .with_hint("write `%%` for a percent sign")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expand(name: &str, text: &str) -> Result<String, ValueProblem> {
        let name = UnitName::parse(name).unwrap();
        Specifiers::new(&name, &Surroundings::example(), "/etc/u/a.toml").expand(text)
    }

    #[test]
    fn names() {
        let name = "a-b\\x2dc@x-y.service";
        for (text, expanded) in [
            ("%n", name),
            ("%N", "a-b\\x2dc@x-y"),
            ("%p/%P", "a-b\\x2dc/a/b-c"),
            ("%i/%I", "x-y/x/y"),
            ("%j/%J", "b\\x2dc/b-c"),
            ("%f", "/x/y"),
            ("100%%", "100%"),
            ("%y %Y", "/etc/u/a.toml /etc/u"),
            ("%H %t %S", "localhost /run /var/lib"),
            ("%q <%o%w%W%B%M%A>", "localhost <linux>"),
        ] {
            assert_eq!(expand(name, text).as_deref(), Ok(expanded), "{text}");
        }
        let credentials = expand("web.service", "%d");
        assert_eq!(
            credentials.as_deref(),
            Ok("/run/runner/credentials/web.service")
        );
        assert_eq!(expand("web.service", "<%i>%f").as_deref(), Ok("<>/web"));
    }

    #[test]
    fn unknown_ones_are_errors() {
        for bad in ["%", "a%", "%z", "%é"] {
            assert!(expand("web.service", bad).is_err(), "{bad}");
        }
        let name = UnitName::parse("web.service").unwrap();
        let nowhere = Surroundings::default();
        assert!(Specifiers::new(&name, &nowhere, "").expand("%H").is_err());
    }

    proptest! {
        #[test]
        fn any_text(text in any::<String>()) {
            let _ = expand("a@b.service", &text);
        }

        #[test]
        fn doubled_percent_signs_come_back(text in any::<String>()) {
            prop_assert_eq!(expand("a@b.service", &text.replace('%', "%%")), Ok(text));
        }
    }
}
