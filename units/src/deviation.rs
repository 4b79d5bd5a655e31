//! Differences from the programs whose words we take: rows of tables that manual pages are made from
//! and that comparisons with the real programs go by.

/// One difference, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// A short name, for tests and for headings.
    pub name: &'static str,
    /// What the other program does.
    pub original: &'static str,
    /// What is done here.
    pub here: &'static str,
    /// Why.
    pub why: &'static str,
}
