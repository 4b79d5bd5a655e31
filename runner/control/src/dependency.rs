//! Trees of dependencies, walked over the definitions: what `list-dependencies` shows.

use std::collections::HashSet;

use units::{Dependency, UnitName, UnitSet};

/// Which dependencies are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Direction {
    /// What the unit needs: requires, requisite, wants, binds-to, upholds, and what it consists of.
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
    fn follows(self, dependency: Dependency) -> bool {
        match self {
            Direction::Requirements => matches!(
                dependency,
                Dependency::Requires
                    | Dependency::Requisite
                    | Dependency::Wants
                    | Dependency::BindsTo
                    | Dependency::Upholds
                    | Dependency::ConsistsOf
            ),
            Direction::Reverse => matches!(
                dependency,
                Dependency::RequiredBy
                    | Dependency::RequisiteOf
                    | Dependency::WantedBy
                    | Dependency::BoundBy
                    | Dependency::UpheldBy
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
            units::sort::all(&mut children);
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

#[cfg(test)]
mod tests {
    use units::Surroundings;

    use super::*;

    /// The tree as lines, two spaces for each step down, `…` after what is not gone into again.
    fn tree(texts: &[(&str, &str)], root: &str, direction: Direction) -> Vec<String> {
        let (units, _) = units::load_texts(texts, &Surroundings::example());
        walk(&units, &UnitName::parse(root).unwrap(), direction)
            .into_iter()
            // What every set has on its own is not of interest here.
            .filter(|node| node.unit.as_str().ends_with(".service"))
            .map(|node| {
                let again = if node.repeated { "…" } else { "" };
                format!("{}{}{again}", "  ".repeat(node.depth as usize), node.unit)
            })
            .collect()
    }

    const DIAMOND: &[(&str, &str)] = &[
        (
            "a.toml",
            "[service]\nexec-start = \"/a\"\nrequires = [\"b.service\", \"c.service\"]\n",
        ),
        (
            "b.toml",
            "[service]\nexec-start = \"/b\"\nwants = [\"d.service\"]\n",
        ),
        (
            "c.toml",
            "[service]\nexec-start = \"/c\"\nrequires = [\"b.service\"]\n",
        ),
        (
            "d.toml",
            "[service]\nexec-start = \"/d\"\nafter = [\"a.service\"]\n",
        ),
    ];

    #[test]
    fn a_unit_is_gone_into_once() {
        assert_eq!(
            tree(DIAMOND, "a.service", Direction::Requirements),
            [
                "a.service",
                "  b.service",
                "    d.service",
                "  c.service",
                "    b.service…"
            ]
        );
        assert_eq!(
            tree(DIAMOND, "d.service", Direction::Reverse),
            [
                "d.service",
                "  b.service",
                "    a.service",
                "    c.service",
                "      a.service…"
            ]
        );
        assert_eq!(
            tree(DIAMOND, "d.service", Direction::After),
            ["d.service", "  a.service"]
        );
    }

    #[test]
    fn circles_and_strangers_end() {
        let circle: &[(&str, &str)] = &[
            (
                "a.toml",
                "[service]\nexec-start = \"/a\"\nwants = [\"b.service\"]\n",
            ),
            (
                "b.toml",
                "[service]\nexec-start = \"/b\"\nwants = [\"a.service\"]\n",
            ),
        ];
        assert_eq!(
            tree(circle, "a.service", Direction::Requirements),
            ["a.service", "  b.service", "    a.service…"]
        );
        assert_eq!(
            tree(circle, "x.service", Direction::Requirements),
            ["x.service"]
        );
    }
}
