//! The properties as systemd has them: which of ours it knows, what it types otherwise, and what
//! only it has.

use super::Property;

/// Whether systemd has a property of this name and type.
pub(super) fn knows(_row: &Property) -> bool {
    true
}

/// What only systemd has, or has with another type.
pub(super) fn rows() -> &'static [Property] {
    &[]
}
