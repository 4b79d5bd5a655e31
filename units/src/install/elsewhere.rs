//! Links that are not about enabling: to files elsewhere, and from `default.target` to what boot is to
//! start.

use super::change::{Change, Deed, Plan};
use super::{Files, How, Problem};
use crate::name::{UnitKind, UnitName};
use crate::unit_set::DEFAULT_TARGET;

impl Files<'_> {
    /// A link to a file outside of the search path; one that is in it is known already.
    pub(super) fn link_file(&self, plan: &mut Plan, path: &str, how: How) -> Result<(), Problem> {
        let file = path.rsplit('/').next().unwrap_or(path);
        let name = UnitName::parse(file).map_err(|problem| {
            Problem::Refused(format!("{path} has no name of a unit: {problem}"))
        })?;
        if !path.starts_with('/') {
            return Err(Problem::Refused(format!("{path} is not an absolute path")));
        }
        if self.sources.iter().any(|source| *source.path == *path) {
            return Ok(());
        }
        let change = Change {
            base: self.places.to_write(how.runtime)?.to_owned(),
            directory: None,
            file: name.to_string(),
            deed: Deed::Link {
                target: path.to_owned(),
                replace: how.force,
            },
        };
        self.push_link(plan, change, path, how.force)
    }

    /// `default.target` as another name of a target. One that is built in has no file to lead to: a
    /// link by its name alone is understood as well.
    pub(super) fn set_default(
        &self,
        plan: &mut Plan,
        unit: &UnitName,
        force: bool,
    ) -> Result<(), Problem> {
        if unit.kind() != UnitKind::Target || unit.as_str() == DEFAULT_TARGET {
            let message = format!("{unit} cannot be what boot starts: another target is wanted");
            return Err(Problem::Refused(message));
        }
        let definition = self.definition(unit)?;
        if !definition.is_loaded() {
            return Err(Problem::NoSuchUnit(unit.clone()));
        }
        let target = match (
            definition.is_systemds(),
            definition.origin().fragment.as_deref(),
        ) {
            (true, Some(path)) => path,
            // A TOML file is not one unit: its name would say nothing.
            _ => unit.as_str(),
        };
        let change = Change {
            base: self.places.to_write(false)?.to_owned(),
            directory: None,
            file: DEFAULT_TARGET.to_owned(),
            deed: Deed::Link {
                target: target.to_owned(),
                replace: force,
            },
        };
        self.push_link(plan, change, target, force)
    }
}
