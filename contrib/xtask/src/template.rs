//! Hand-written chapters with places for generated ones: a line `.\" @name@` in `man/PAGE.in` is
//! replaced by the chapter of that name.

use std::path::Path;

/// The page `man/PAGE.in` with every place filled.
///
/// # Errors
/// When the template cannot be read, leaves a place empty, or has no place for a chapter.
pub(crate) fn fill(root: &Path, page: &str, chapters: &[(&str, String)]) -> Result<String, String> {
    let path = root.join("man").join(format!("{page}.in"));
    let template = std::fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut text =
        format!(".\\\" Generated from man/{page}.in by `cargo run -p xtask -- generate`.\n");
    let mut used = Vec::new();
    for line in template.lines() {
        let place = line
            .strip_prefix(".\\\" @")
            .and_then(|rest| rest.strip_suffix('@'));
        match place {
            Some(name) => {
                let (name, chapter) = chapters
                    .iter()
                    .find(|(known, _)| *known == name)
                    .ok_or_else(|| format!("{}: nothing is called @{name}@", path.display()))?;
                used.push(*name);
                text.push_str(chapter);
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    match chapters.iter().find(|(name, _)| !used.contains(name)) {
        Some((name, _)) => Err(format!("{}: no place for @{name}@", path.display())),
        None => Ok(text.replace("@version@", env!("CARGO_PKG_VERSION"))),
    }
}
