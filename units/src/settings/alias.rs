//! Other names systemd has for its settings: old ones, and those that set two at once.

use super::Section;

/// One other name.
#[derive(Debug)]
pub struct Alias {
    /// The section it stands in.
    pub section: Section,
    /// The name.
    pub name: &'static str,
    /// The settings it stands for, by systemd's names of today, and the section they belong to.
    pub means: &'static [(Section, &'static str)],
    /// What its values become, where they do not stay as they are.
    pub values: fn(&str) -> Option<&'static str>,
}

/// Values stay as they are.
fn same(_: &str) -> Option<&'static str> {
    None
}

/// A yes or no that says whether to isolate.
fn isolate(text: &str) -> Option<&'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" | "y" | "t" => Some("isolate"),
        _ => Some("replace"),
    }
}

macro_rules! aliases {
    ($($section:ident $name:literal => $([$home:ident] $means:literal)+ $(by $values:ident)?;)+) => {
        /// Every other name.
        pub const ALIASES: &[Alias] = &[$(Alias {
            section: Section::$section,
            name: $name,
            means: &[$((Section::$home, $means)),+],
            values: aliases!(@values $($values)?),
        }),+];
    };
    (@values) => { same };
    (@values $values:ident) => { $values };
}

aliases! {
    Unit "BindTo" => [Unit] "BindsTo";
    Unit "PropagateReloadTo" => [Unit] "PropagatesReloadTo";
    Unit "PropagateReloadFrom" => [Unit] "ReloadPropagatedFrom";
    Unit "RequiresOverridable" => [Unit] "Requires";
    Unit "RequisiteOverridable" => [Unit] "Requisite";
    Unit "OnFailureIsolate" => [Unit] "OnFailureJobMode" by isolate;
    Unit "StartLimitInterval" => [Unit] "StartLimitIntervalSec";
    Service "StartLimitInterval" => [Unit] "StartLimitIntervalSec";
    Service "StartLimitBurst" => [Unit] "StartLimitBurst";
    Service "StartLimitAction" => [Unit] "StartLimitAction";
    Service "FailureAction" => [Unit] "FailureAction";
    Service "RebootArgument" => [Unit] "RebootArgument";
    Service "TimeoutSec" => [Service] "TimeoutStartSec" [Service] "TimeoutStopSec";
    Service "ReadWriteDirectories" => [Service] "ReadWritePaths";
    Service "ReadOnlyDirectories" => [Service] "ReadOnlyPaths";
    Service "InaccessibleDirectories" => [Service] "InaccessiblePaths";
    Socket "ReadWriteDirectories" => [Socket] "ReadWritePaths";
    Socket "ReadOnlyDirectories" => [Socket] "ReadOnlyPaths";
    Socket "InaccessibleDirectories" => [Socket] "InaccessiblePaths";
}

/// The other name `name` in `section`.
pub fn of(section: Section, name: &str) -> Option<&'static Alias> {
    ALIASES
        .iter()
        .find(|alias| alias.section == section && alias.name == name)
}

/// The other name a TOML key (`bind-to`) is in the table of a kind that has these sections.
pub(crate) fn keyed(sections: &[Section], key: &str) -> Option<&'static Alias> {
    let key = key.replace('-', "");
    ALIASES
        .iter()
        .find(|alias| sections.contains(&alias.section) && alias.name.eq_ignore_ascii_case(&key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{all, unsupported};

    #[test]
    fn other_names_lead_somewhere() {
        for alias in ALIASES {
            for (section, name) in alias.means {
                let row = all().any(|row| row.systemd == Some(name) && row.stands_in(*section));
                let known = row || unsupported::named(*section, name).is_some();
                assert!(known, "{} means {name}, which is nothing", alias.name);
            }
        }
    }
}
