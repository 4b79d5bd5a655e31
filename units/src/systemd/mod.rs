//! systemd's own unit files, read as they are: `syntax` takes lines apart, `read` finds the setting
//! of each, `gather` says which files make a unit, and `lenient` what becomes of a value that is none.
//! What comes out are the same definitions as those of TOML files.

pub mod deviations;
pub mod export;
pub(crate) mod gather;
pub mod import;
pub mod lenient;
pub(crate) mod read;
pub mod running;
pub(crate) mod syntax;

use crate::definition::Definition;
use crate::name::UnitName;

/// The name under which systemd's unit files have a setting that is ours only: systemd passes over
/// words that begin with `X-`.
pub fn own_name(key: &str) -> String {
    let mut name = String::from("X-");
    for part in key.split('-') {
        let mut letters = part.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// Whether a path is one of systemd's unit files by its name, such as `/etc/a.service`.
pub fn is_unit_file(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    UnitName::parse(file).is_ok()
}

impl Definition {
    /// Whether it was made from one of systemd's own unit files.
    pub fn is_systemds(&self) -> bool {
        let fragment = self.origin().fragment.as_deref();
        fragment.is_some_and(is_unit_file)
    }

    /// Whether what it says about its installation holds as it stands. For a file of systemd's that
    /// takes links, unless somebody named it on the command line.
    pub fn installs_itself(&self) -> bool {
        !self.is_systemds() || self.autostart()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;

    #[test]
    fn own_settings_have_names_of_their_own() {
        assert_eq!(own_name("ready-after"), "X-ReadyAfter");
        let ours = settings::all().filter(|row| row.systemd.is_none());
        for row in ours {
            let name = own_name(row.key);
            assert_eq!(
                name["X-".len()..].to_ascii_lowercase(),
                row.key.replace('-', "")
            );
        }
    }

    #[test]
    fn unit_files_are_known_by_their_names() {
        for (path, is) in [
            ("/etc/systemd/system/a.service", true),
            ("a@.timer", true),
            ("/u/a.toml", false),
            ("/etc/supervisord.conf", false),
            ("", false),
        ] {
            assert_eq!(is_unit_file(path), is, "{path}");
        }
    }
}
