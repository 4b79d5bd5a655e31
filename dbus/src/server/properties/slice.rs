//! Properties about slices: which one a unit is in, and what is in one.

use units::{Definition, Dependency, LoadState, UnitKind};
use zbus::Variant;

use super::systemd::DOC;
use super::{Access, Emits, Getter, Property, UnitFacts, row, text, texts};
use crate::names::interface::{SCOPE, SERVICE, SLICE, SOCKET, UNIT};

const MARKS: (Access, Emits) = (Access::State, Emits::Silent);

/// Which slice it is in, whoever said so.
pub(super) fn add(table: &mut Vec<Property>) {
    const DOC: &str =
        "The slice it is in: `slice`, or where nobody says the one that follows from its name";
    for interface in [SERVICE, SOCKET] {
        let slice = Getter::Unit(slice);
        table.push(row(interface, ("Slice", "s"), MARKS, DOC, slice));
    }
}

/// What is on systemd's face only.
pub(super) fn add_systemds(table: &mut Vec<Property>) {
    for interface in [SLICE, SCOPE] {
        let slice = Getter::Unit(slice);
        table.push(row(interface, ("Slice", "s"), MARKS, DOC, slice));
    }
    let perpetual = Getter::Unit(|u| u.detail.view.name.is_perpetual().into());
    table.push(row(UNIT, ("Perpetual", "b"), MARKS, DOC, perpetual));
    let members = Getter::Unit(members);
    table.push(row(UNIT, ("SliceOf", "as"), MARKS, DOC, members));
}

fn slice(facts: &UnitFacts) -> Variant<'static> {
    let definition = facts.detail.view.definition.as_deref();
    let found = definition.filter(|unit| *unit.load_state() != LoadState::NotFound);
    let slice = found.and_then(Definition::slice);
    text(slice.map_or_else(String::new, |slice| slice.to_string()))
}

/// What is in a slice requires it, and hardly anything else does.
fn members(facts: &UnitFacts) -> Variant<'static> {
    let can_be_in_it = |kind| {
        matches!(
            kind,
            UnitKind::Service | UnitKind::Socket | UnitKind::Scope | UnitKind::Slice
        )
    };
    let dependencies = match facts.detail.view.name.kind() {
        UnitKind::Slice => &facts.detail.dependencies[..],
        _ => &[],
    };
    let mut names: Vec<&str> = dependencies
        .iter()
        .filter(|(word, other)| *word == Dependency::RequiredBy && can_be_in_it(other.kind()))
        .map(|(_, other)| other.as_str())
        .collect();
    units::sort::all(&mut names);
    names.dedup();
    texts(names)
}
