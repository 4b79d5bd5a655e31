//! The methods as systemd has them: which of ours it knows, and what only it does.

use super::Method;

/// Ours, which systemd does not know or knows with other arguments.
const OURS: &[&str] = &[
    "EnqueueJob",
    "AwaitJob",
    "AwaitUnit",
    "ListDependencies",
    "ListSockets",
    "GetUnitProperties",
    "Why",
    "Cat",
    "ReadLog",
    "ReloadUnits",
    "PreviewReload",
    "DescribeUnitFiles",
    "Exit",
];

/// Whether systemd has a method of this name and these arguments.
pub(super) fn knows(method: &Method) -> bool {
    !OURS.contains(&method.name)
}

/// What only systemd does.
pub(super) static METHODS: &[Method] = &[];
