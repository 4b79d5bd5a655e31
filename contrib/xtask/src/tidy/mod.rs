//! Rules of the tree that no compiler checks, as ordinary tests. Each rule is a room of its own and
//! says why it is one.

mod arrows;
mod sources;
mod tables;

use std::path::{Path, PathBuf};

/// A text file of the tree.
struct Source {
    /// From the root of the tree.
    path: String,
    /// Its text.
    text: String,
}

/// Every file below the root for which `wanted` holds, sorted by path. Hidden directories and build
/// output are not part of the tree.
fn sources(wanted: fn(&str) -> bool) -> Vec<Source> {
    let root = crate::outputs::root();
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(root.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = directory.join(&name);
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    directories.push(path);
                }
            } else if kind.is_file() && wanted(&name) {
                let text = std::fs::read_to_string(root.join(&path)).unwrap();
                found.push(Source {
                    path: slashes(&path),
                    text,
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn slashes(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
