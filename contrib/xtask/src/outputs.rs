//! Every generated file, and what it has to contain.

use std::path::{Path, PathBuf};

use dbus::names::interface::{JOB, MANAGER, PATH, SERVICE, SOCKET, TIMER, UNIT};

use crate::{completions, interface, schema, settings, supervisord, systemd, verbs};

/// A generated file.
pub(crate) struct Output {
    /// From the root of the tree.
    pub(crate) path: &'static str,
    /// What it has to contain.
    pub(crate) text: String,
}

/// The root of the source tree.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Makes the contents of one file out of the templates in the tree.
type Maker = fn(&Path) -> Result<String, String>;

/// Every generated file.
const OUTPUTS: &[(&str, Maker)] = &[
    ("contrib/completions/runnerctl.bash", |_| {
        completions::bash()
    }),
    ("contrib/completions/_runnerctl", |_| completions::zsh()),
    ("contrib/completions/runnerctl.fish", |_| {
        completions::fish()
    }),
    ("contrib/schema/runner-unit.schema.json", |_| schema::json()),
    ("contrib/dbus/org.unitrunner.Runner1.Manager.xml", |_| {
        Ok(interface::xml(MANAGER))
    }),
    ("contrib/dbus/org.unitrunner.Runner1.Unit.xml", |_| {
        Ok(interface::xml(UNIT))
    }),
    ("contrib/dbus/org.unitrunner.Runner1.Service.xml", |_| {
        Ok(interface::xml(SERVICE))
    }),
    ("contrib/dbus/org.unitrunner.Runner1.Socket.xml", |_| {
        Ok(interface::xml(SOCKET))
    }),
    ("contrib/dbus/org.unitrunner.Runner1.Timer.xml", |_| {
        Ok(interface::xml(TIMER))
    }),
    ("contrib/dbus/org.unitrunner.Runner1.Path.xml", |_| {
        Ok(interface::xml(PATH))
    }),
    ("contrib/dbus/org.unitrunner.Runner1.Job.xml", |_| {
        Ok(interface::xml(JOB))
    }),
    ("man/org.unitrunner.Runner1.5", interface::page),
    ("man/runnerctl.1", verbs::page),
    ("man/runner.unit.5", settings::page),
    ("man/runner-supervisord.7", supervisord::page),
    ("man/runner-systemd.7", systemd::page),
];

fn all(root: &Path) -> Result<Vec<Output>, String> {
    OUTPUTS
        .iter()
        .map(|(path, make)| {
            Ok(Output {
                path,
                text: make(root)?,
            })
        })
        .collect()
}

/// Writes the files that are not what they have to be, and names them.
///
/// # Errors
/// When a template is broken or a file cannot be written.
pub(crate) fn write(root: &Path) -> Result<Vec<&'static str>, String> {
    let mut written = Vec::new();
    for output in all(root)? {
        let path = root.join(output.path);
        if std::fs::read_to_string(&path).is_ok_and(|text| text == output.text) {
            continue;
        }
        let cannot = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(cannot)?;
        }
        std::fs::write(&path, output.text).map_err(cannot)?;
        written.push(output.path);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_are_current() {
        let root = root();
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            write(&root).unwrap();
        }
        let stale: Vec<&str> = all(&root)
            .unwrap()
            .into_iter()
            .filter(|output| {
                std::fs::read_to_string(root.join(output.path))
                    .ok()
                    .as_deref()
                    != Some(&output.text)
            })
            .map(|output| output.path)
            .collect();
        assert!(
            stale.is_empty(),
            "stale: {stale:?}; `UPDATE=1 cargo test -p xtask` or `cargo run -p xtask -- generate` rewrites them"
        );
    }
}
