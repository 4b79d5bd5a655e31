//! What becomes of a value in systemd's unit files that cannot be read: as in systemd the line counts
//! as not written, and a warning says so. Where that would start something else than was meant, or
//! with more rights, it is an error.

use super::is_unit_file;
use crate::definition::Item;
use crate::diagnostic::{Diagnostic, Severity};
use crate::settings::{SettingId, Shape};
use crate::value::{quote, split_words};

/// Settings whose wrong values are errors. systemd refuses the unit for commands, users, groups and
/// directories as well; for the others it would run the service with more rights, or as something
/// else.
pub const STRICT: &[&str] = &[
    "user",
    "group",
    "supplementary-groups",
    "working-directory",
    "root-directory",
    "type",
    "kill-mode",
    "no-new-privileges",
    "capability-bounding-set",
    "ambient-capabilities",
    "secure-bits",
    "ignore-unsupported",
];

/// Whether a wrong value of the setting is an error.
pub(crate) fn is_strict(id: SettingId) -> bool {
    let row = id.row();
    row.value.shape == Shape::Commands || STRICT.contains(&row.key)
}

/// Whether an item is from a file that systemd would read as well.
pub(crate) fn is_systemds(item: &Item) -> bool {
    let path = &item.place.path;
    let in_drop_in = || {
        let (directory, file) = path.rsplit_once('/').unwrap_or_default();
        let directory = directory.rsplit('/').next().unwrap_or_default();
        file.ends_with(".conf") && super::gather::drop_ins_of(directory).is_some()
    };
    is_unit_file(path) || in_drop_in()
}

/// What is left of `items` once the one at `at` cannot be read: the words of it apart, which may
/// show that only one of them is wrong, or nothing of it and a warning. `None` where it is an error.
pub(crate) fn without(
    id: SettingId,
    items: &[Item],
    at: usize,
    problem: &Diagnostic,
) -> Option<(Vec<Item>, Option<Diagnostic>)> {
    let item = items.get(at)?;
    if is_strict(id) || !is_systemds(item) {
        return None;
    }
    let mut left = items.to_vec();
    if let Some(words) = words_of(id, item) {
        left.splice(at..=at, words);
        return Some((left, None));
    }
    left.remove(at);
    let name = id.row().systemd.unwrap_or(id.key());
    let reason = problem.message.split_once(": ").map_or("", |(_, why)| why);
    let warning = Diagnostic {
        severity: Severity::Warning,
        message: format!("`{name}={}` is ignored: {reason}", item.text),
        ..problem.clone()
    };
    Some((left, Some(warning)))
}

/// The words of a list, each as an item of its own; `None` where there are no two.
fn words_of(id: SettingId, item: &Item) -> Option<Vec<Item>> {
    let shape = id.row().value.shape;
    let words = match shape {
        Shape::List | Shape::ListOrNumber | Shape::Assignments => split_words(&item.text).ok()?,
        _ => return None,
    };
    let several = words.len() > 1 || (words.len() == 1 && *words[0] != *item.text);
    let text = |word: &String| match shape {
        Shape::Assignments => quote(word),
        _ => word.clone(),
    };
    let items: Vec<Item> = words
        .iter()
        .map(|word| Item {
            text: text(word).into(),
            place: item.place.clone(),
        })
        .collect();
    // Quoting a word again must come to an end.
    (several && items.iter().any(|word| word.text != item.text)).then_some(items)
}
