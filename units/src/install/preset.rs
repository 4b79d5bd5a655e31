//! What a distribution or an administrator wants of units that nobody has decided about
//! (systemd.preset(5)).

use crate::disk::supervisord::matches;
use crate::name::UnitName;

/// Whether a unit is meant to be enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preset {
    /// It is.
    Enabled,
    /// It is not.
    Disabled,
}

impl Preset {
    /// systemd's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Preset::Enabled => "enabled",
            Preset::Disabled => "disabled",
        }
    }
}

/// The rules of all files, in order: the first that fits counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presets(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    preset: Preset,
    pattern: String,
    /// Instances of the template that are meant; none for whatever fits the pattern.
    instances: Vec<String>,
}

impl Presets {
    /// Reads files one after the other. A line that makes no sense is passed over, as systemd does.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Presets {
        let lines = texts.into_iter().flat_map(str::lines);
        Presets(lines.filter_map(Rule::parse).collect())
    }

    /// What is wanted of a unit; that it is enabled where nobody says anything.
    pub fn of(&self, unit: &UnitName) -> Preset {
        let rule = self.0.iter().find(|rule| rule.fits(unit));
        rule.map_or(Preset::Enabled, |rule| rule.preset)
    }
}

impl Rule {
    fn parse(line: &str) -> Option<Rule> {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            return None;
        }
        let mut words = line.split_whitespace();
        let preset = match words.next()? {
            "enable" => Preset::Enabled,
            "disable" => Preset::Disabled,
            _ => return None,
        };
        let pattern = words.next()?.to_owned();
        // Which instances are not started by default is not said by naming them.
        let instances = match preset {
            Preset::Enabled => words.map(str::to_owned).collect(),
            Preset::Disabled => Vec::new(),
        };
        Some(Rule {
            preset,
            pattern,
            instances,
        })
    }

    fn fits(&self, unit: &UnitName) -> bool {
        let name = unit.as_str();
        if self.instances.is_empty() {
            return matches(&self.pattern, name);
        }
        if unit.is_template() {
            return name == self.pattern;
        }
        let template = unit.template();
        let is_ours = template.is_some_and(|template| template.as_str() == self.pattern);
        let is_named = |instance: &str| self.instances.iter().any(|own| own == instance);
        is_ours && unit.instance().is_some_and(is_named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_counts() {
        let presets = Presets::parse([
            "# a comment\n; another\n\nenable a.service\nenable w@.service one two\nnonsense x\n",
            "disable a.service\n disable b*.service \ndisable w@*.service\ndisable *.path\n",
        ]);
        for (unit, preset) in [
            ("a.service", Preset::Enabled),
            ("b.service", Preset::Disabled),
            ("bb.service", Preset::Disabled),
            ("c.service", Preset::Enabled),
            ("c.path", Preset::Disabled),
            ("w@.service", Preset::Enabled),
            ("w@one.service", Preset::Enabled),
            ("w@three.service", Preset::Disabled),
        ] {
            assert_eq!(
                presets.of(&UnitName::parse(unit).unwrap()),
                preset,
                "{unit}"
            );
        }
        let none = Presets::default();
        assert_eq!(
            none.of(&UnitName::parse("a.service").unwrap()).as_str(),
            "enabled"
        );
    }
}
