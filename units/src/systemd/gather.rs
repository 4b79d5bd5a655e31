//! Which files make a unit, by systemd.unit(5): its own, drop-ins by its name, by a prefix of it and by
//! its kind, and links in directories of other units.

use crate::name::{UnitKind, UnitName};

/// What the directory of drop-ins adds to: a unit (`web.service`), every unit with a prefix
/// (`web-.service`), or every unit of a kind (`service`). `None` for another directory.
pub(crate) fn drop_ins_of(directory: &str) -> Option<&str> {
    let of = directory.strip_suffix(".d")?;
    let known = UnitKind::from_word(of).is_some() || UnitName::parse(of).is_ok();
    known.then_some(of)
}

/// The unit a directory of links adds to, and the key of the setting it adds to.
pub(crate) fn links_of(directory: &str) -> Option<(&str, &'static str)> {
    [
        (".wants", "wants"),
        (".requires", "requires"),
        (".upholds", "upholds"),
    ]
    .into_iter()
    .find_map(|(suffix, key)| Some((directory.strip_suffix(suffix)?, key)))
    .filter(|(of, _)| UnitName::parse(of).is_ok())
}

/// Directories of drop-ins for a unit, without their `.d`: its own first, then those of its template
/// and of prefixes, the one for its whole kind last.
pub(crate) fn drop_in_names(name: &UnitName, aliases: &[UnitName]) -> Vec<String> {
    let mut out = Vec::new();
    for name in std::iter::once(name).chain(aliases) {
        out.push(name.to_string());
        out.extend(name.template().map(|template| template.to_string()));
        let prefix = name.prefix();
        let dashes = prefix.rmatch_indices('-').map(|(at, _)| &prefix[..=at]);
        let kind = name.kind();
        // A prefix that ends in a dash would be itself.
        let shorter = dashes.filter(|part| part.len() < prefix.len());
        out.extend(shorter.map(|part| format!("{part}.{kind}")));
    }
    let mut seen = std::collections::BTreeSet::new();
    out.retain(|of| seen.insert(of.clone()));
    out.push(name.kind().to_string());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories() {
        for (directory, of) in [
            ("web.service.d", Some("web.service")),
            ("web-.service.d", Some("web-.service")),
            ("service.d", Some("service")),
            ("web.toml.d", None),
            ("conf.d", None),
            ("web.service", None),
        ] {
            assert_eq!(drop_ins_of(directory), of, "{directory}");
        }
        assert_eq!(links_of("a.target.wants"), Some(("a.target", "wants")));
        assert_eq!(
            links_of("a.target.requires"),
            Some(("a.target", "requires"))
        );
        assert_eq!(links_of("wants"), None);
        assert_eq!(links_of("a.wants"), None);
    }

    #[test]
    fn drop_ins_by_name_prefix_and_kind() {
        let names = |name: &str| drop_in_names(&UnitName::parse(name).unwrap(), &[]);
        assert_eq!(
            names("a-b-c.service"),
            ["a-b-c.service", "a-b-.service", "a-.service", "service"]
        );
        assert_eq!(
            names("a-b@x.service"),
            ["a-b@x.service", "a-b@.service", "a-.service", "service"]
        );
    }
}
