//! Values to text for people: columns, trees, times, properties, and how a process ended.

pub(crate) mod columns;
pub(crate) mod dependency_tree;
pub(crate) mod ending;
pub(crate) mod property;
pub(crate) mod time;
