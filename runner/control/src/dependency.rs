//! Trees of dependencies, walked over the definitions: what `list-dependencies` shows.

use std::collections::HashSet;

use units::{Dependency, UnitName, UnitSet};

/// Which dependencies are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Direction {
    /// What the unit needs: requires, wants, binds-to, and what consists of it.
    #[default]
    Requirements,
    /// What needs the unit.
    Reverse,
    /// What it is ordered after.
    After,
    /// What it is ordered before.
    Before,
}

impl Direction {
    /// Every direction with its word.
    pub const WORDS: &'static [(&'static str, Direction)] = &[
        ("requirements", Direction::Requirements),
        ("reverse", Direction::Reverse),
        ("after", Direction::After),
        ("before", Direction::Before),
    ];

    fn follows(self, dependency: Dependency) -> bool {
        match self {
            Direction::Requirements => matches!(
                dependency,
                Dependency::Requires
                    | Dependency::Wants
                    | Dependency::BindsTo
                    | Dependency::ConsistsOf
            ),
            Direction::Reverse => matches!(
                dependency,
                Dependency::RequiredBy
                    | Dependency::WantedBy
                    | Dependency::BoundBy
                    | Dependency::PartOf
            ),
            Direction::After => dependency == Dependency::After,
            Direction::Before => dependency == Dependency::Before,
        }
    }
}

/// One line of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// 0 for the root.
    pub depth: u32,
    /// The unit.
    pub unit: UnitName,
    /// It was shown with its own dependencies further up and is not gone into again.
    pub repeated: bool,
}

/// The tree below `root`, in preorder, children in order of name. Every unit is gone into once, so
/// the result is never longer than units plus dependencies, and circles end.
#[must_use]
pub fn walk(units: &UnitSet, root: &UnitName, direction: Direction) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut seen = HashSet::new();
    // An explicit stack: a chain of ten thousand units must not need ten thousand frames.
    let mut open = vec![(0, root.clone())];
    while let Some((depth, unit)) = open.pop() {
        let repeated = !seen.insert(unit.clone());
        if !repeated {
            let mut children: Vec<UnitName> = units
                .dependencies(&unit)
                .filter(|(dependency, _)| direction.follows(*dependency))
                .map(|(_, other)| other.clone())
                .collect();
            children.sort();
            children.dedup();
            open.extend(children.into_iter().rev().map(|child| (depth + 1, child)));
        }
        nodes.push(Node {
            depth,
            unit,
            repeated,
        });
    }
    // A leaf that occurs again has nothing to go into: only mark what was longer than its line.
    let leaves: HashSet<UnitName> = nodes
        .iter()
        .enumerate()
        .filter(|(at, node)| {
            !node.repeated
                && nodes
                    .get(at + 1)
                    .is_none_or(|next| next.depth <= node.depth)
        })
        .map(|(_, node)| node.unit.clone())
        .collect();
    for node in &mut nodes {
        node.repeated &= !leaves.contains(&node.unit);
    }
    nodes
}
