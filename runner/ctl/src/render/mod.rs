//! Values to text for people: columns, trees, times, and how a process ended.

pub(crate) mod columns;
pub(crate) mod ending;
pub(crate) mod time;
