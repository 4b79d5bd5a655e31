//! The layout of `systemctl list-dependencies` (`list_dependencies_one` of systemd 252).
//!
//! Below a unit stand the units it needs, below each of those theirs: of targets only, or of all. A
//! unit that stands above itself is not gone into again; `...` says that there was one.

use std::collections::{HashMap, HashSet};

use dbus::client::DependencyLine;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The active state of the unit; none for `...`.
    pub(crate) active: Option<&'a str>,
    /// The lines that lead to it.
    pub(crate) branches: String,
    /// The unit, or `...`.
    pub(crate) name: &'a str,
}

/// What is to be shown of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    /// Go into units that are no targets, too.
    pub(crate) all: bool,
    /// A list, each unit once.
    pub(crate) plain: bool,
}

/// A unit whose dependencies are being shown.
struct Open<'a> {
    name: &'a str,
    children: &'a [&'a DependencyLine],
    next: usize,
    /// One of them stands above: it was left out.
    circular: bool,
    branches: String,
}

/// Hands over each line below the root. `tree` is in preorder, and every unit is gone into once.
///
/// # Errors
/// The first one of `show`.
pub(crate) fn each<E>(
    tree: &[DependencyLine],
    shape: Shape,
    mut show: impl FnMut(Line<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let children = children(tree);
    let below = |name: &str| children.get(name).map_or(&[][..], Vec::as_slice);
    let Some(root) = tree.first() else {
        return Ok(());
    };
    let mut above: HashSet<&str> = HashSet::from([root.unit.as_str()]);
    // An explicit stack: a chain of ten thousand units must not need ten thousand frames.
    let mut open = vec![Open {
        name: &root.unit,
        children: below(&root.unit),
        next: 0,
        circular: false,
        branches: String::new(),
    }];
    while let Some(at) = open.last_mut() {
        let Some(child) = at.children.get(at.next) else {
            if at.circular && !shape.plain {
                let branches = format!("{}└─", at.branches);
                show(Line {
                    active: None,
                    branches,
                    name: "...",
                })?;
            }
            if !shape.plain {
                above.remove(at.name);
            }
            open.pop();
            continue;
        };
        at.next += 1;
        if above.contains(child.unit.as_str()) {
            at.circular = true;
            continue;
        }
        let is_last = at.next == at.children.len();
        let branch = if is_last && !at.circular {
            "└─"
        } else {
            "├─"
        };
        show(Line {
            active: Some(&child.active_state),
            branches: format!("{}{branch}", at.branches),
            name: &child.unit,
        })?;
        if shape.all || is_target(&child.unit) {
            let more = if is_last { "  " } else { "│ " };
            let branches = format!("{}{more}", at.branches);
            above.insert(&child.unit);
            open.push(Open {
                name: &child.unit,
                children: below(&child.unit),
                next: 0,
                circular: false,
                branches,
            });
        }
    }
    Ok(())
}

/// What each unit depends on, in the order it is shown: targets after all others, names without
/// regard to case.
fn children(tree: &[DependencyLine]) -> HashMap<&str, Vec<&DependencyLine>> {
    let mut children: HashMap<&str, Vec<&DependencyLine>> = HashMap::new();
    // The units that lead to the one that is looked at, from the root on.
    let mut path: Vec<&str> = Vec::new();
    for line in tree {
        path.truncate(line.depth as usize);
        if let Some(parent) = path.last() {
            children.entry(parent).or_default().push(line);
        }
        path.push(&line.unit);
    }
    for list in children.values_mut() {
        list.sort_by_cached_key(|line| (is_target(&line.unit), line.unit.to_ascii_lowercase()));
    }
    children
}

fn is_target(unit: &str) -> bool {
    unit.ends_with(".target")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree from lines with two spaces for each step down; `…` after what is not gone into again.
    fn tree(text: &[&str]) -> Vec<DependencyLine> {
        text.iter()
            .map(|line| {
                let name = line.trim_start();
                DependencyLine {
                    depth: u32::try_from((line.len() - name.len()) / 2).unwrap(),
                    unit: name.trim_end_matches('…').to_owned(),
                    active_state: "active".to_owned(),
                    repeated: name.ends_with('…'),
                }
            })
            .collect()
    }

    fn shown(text: &[&str], shape: Shape) -> Vec<String> {
        let mut lines = Vec::new();
        let each = each(&tree(text), shape, |line| {
            lines.push(format!("{}{}", line.branches, line.name));
            Ok::<(), ()>(())
        });
        assert_eq!(each, Ok(()));
        lines
    }

    const CIRCLES: &[&str] = &[
        "a1.target",
        "  ab.target",
        "    aa.target",
        "      ab.target…",
        "      cc2.target",
        "        ca.service",
        "        cc.target",
        "          cc2.target…",
        "          zz.service",
        "  Ac.target",
        "    aa.target…",
    ];

    #[test]
    fn circles_are_cut_as_systemctl_does() {
        // What systemctl 252 printed for such targets.
        assert_eq!(
            shown(CIRCLES, Shape::default()),
            [
                "├─ab.target",
                "│ └─aa.target",
                "│   ├─cc2.target",
                "│     ├─ca.service",
                "│     └─cc.target",
                "│       ├─zz.service",
                "│       └─...",
                "│   └─...",
                "└─Ac.target",
                "  └─aa.target",
                "    ├─ab.target",
                "    │ └─...",
                "    └─cc2.target",
                "      ├─ca.service",
                "      └─cc.target",
                "        ├─zz.service",
                "        └─...",
            ]
        );
        let plain = Shape {
            plain: true,
            all: true,
        };
        let names: Vec<String> = shown(CIRCLES, plain)
            .iter()
            .map(|line| {
                line.trim_start_matches(['│', ' ', '├', '└', '─'])
                    .to_owned()
            })
            .collect();
        assert_eq!(
            names,
            [
                "ab.target",
                "aa.target",
                "cc2.target",
                "ca.service",
                "cc.target",
                "zz.service",
                "Ac.target",
            ]
        );
    }

    #[test]
    fn only_targets_are_gone_into_and_they_come_last() {
        let services = [
            "x.service",
            "  a.target",
            "    y.service",
            "  b.service",
            "    c.slice",
        ];
        assert_eq!(
            shown(&services, Shape::default()),
            ["├─b.service", "└─a.target", "  └─y.service"]
        );
        let all = Shape {
            all: true,
            plain: false,
        };
        assert_eq!(
            shown(&services, all),
            ["├─b.service", "│ └─c.slice", "└─a.target", "  └─y.service"]
        );
        assert!(shown(&["x.service"], all).is_empty());
        assert!(shown(&[], all).is_empty());
    }
}
