//! The one room that touches the file system: a search path to the files in it, and beside it a
//! supervisord.conf to the files it includes. Everything is bounded, nothing blocks on a strange
//! file, and nothing is understood yet.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Place};
use crate::name::UnitName;
use crate::source::{Content, Source};
use crate::surroundings::Surroundings;
use crate::systemd::gather;

/// The largest unit file that is read, in bytes.
pub const LARGEST_FILE: u64 = 1 << 20;

/// The most entries of one directory that are looked at.
const MOST_ENTRIES: usize = 100_000;

/// `O_NONBLOCK | O_NOCTTY` of Linux: opening a FIFO returns at once, and no terminal becomes ours.
/// The same on every architecture we build for but MIPS and SPARC.
const QUIETLY: i32 = 0o4000 | 0o400;

/// Reads the unit files of a search path: directories and single unit files, the first of which
/// replaces files of the same name in later ones.
///
/// `named` paths are ones that somebody asked for: it is an error when one is not there, and whoever
/// owns one is trusted with what is in it. Of a search path, what is not there is skipped, and root
/// takes files of root only. Relative paths are those of the current directory, and come out absolute.
pub fn read(
    paths: &[PathBuf],
    named: bool,
    around: &Surroundings,
) -> (Vec<Source>, Vec<Diagnostic>) {
    let paths: Vec<(PathBuf, bool)> = paths.iter().map(|path| (path.clone(), named)).collect();
    read_each(&paths, around)
}

/// As [`read`], where each path says itself whether somebody named it.
pub fn read_each(
    paths: &[(PathBuf, bool)],
    around: &Surroundings,
) -> (Vec<Source>, Vec<Diagnostic>) {
    let mut walk = Walk {
        around,
        trusted: None,
        roots: paths
            .iter()
            .filter_map(|(path, _)| fs::canonicalize(path).ok())
            .collect(),
        sources: Vec::new(),
        diagnostics: Vec::new(),
    };
    for (rank, (path, named)) in paths.iter().enumerate() {
        // `%Y` and whoever shows a unit's file need a path that holds in every directory.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        walk.path(u32::try_from(rank).unwrap_or(u32::MAX - 1), &path, *named);
    }
    (walk.sources, walk.diagnostics)
}

/// Where units are looked for when nobody names a place, the strongest first: systemd's order.
/// For a user, the configuration and data directories of the XDG specification stand in for
/// `/etc` and `/usr`.
pub fn search_path(around: &Surroundings, data_home: &str) -> Vec<PathBuf> {
    let system = ["/etc", "/run", "/usr/local/lib", "/usr/lib"];
    let user = [
        around.configuration_directory.as_str(),
        "/etc/xdg",
        around.runtime_directory.as_str(),
        data_home,
    ];
    let bases = if around.is_root { system } else { user };
    bases
        .iter()
        .filter(|base| !base.is_empty())
        .map(|base| Path::new(base).join("runner/units"))
        .collect()
}

/// systemd's own unit directories, the strongest first (systemd.unit(5), UNIT FILE LOAD PATH).
pub fn systemd_path() -> Vec<PathBuf> {
    [
        "/etc/systemd/system.control",
        "/run/systemd/system.control",
        "/run/systemd/transient",
        "/run/systemd/generator.early",
        "/etc/systemd/system",
        "/etc/systemd/system.attached",
        "/run/systemd/system",
        "/run/systemd/system.attached",
        "/run/systemd/generator",
        "/usr/local/lib/systemd/system",
        "/lib/systemd/system",
        "/usr/lib/systemd/system",
        "/run/systemd/generator.late",
    ]
    .into_iter()
    .map(PathBuf::from)
    .collect()
}

/// What a directory holds.
#[derive(Clone, Copy)]
enum Holds {
    /// Unit files of either format, links to them, and directories of the other sorts.
    Units,
    /// Drop-ins in TOML.
    Tables,
    /// Drop-ins as systemd has them.
    Confs,
    /// Links that say what a unit wants or requires.
    Links,
}

struct Walk<'a> {
    around: &'a Surroundings,
    /// Who owns the path that was named.
    trusted: Option<u32>,
    /// The directories that are read, without links on the way to them.
    roots: Vec<PathBuf>,
    sources: Vec<Source>,
    diagnostics: Vec<Diagnostic>,
}

fn place(path: &Path) -> Place {
    Place::file(path.to_string_lossy())
}

impl Walk<'_> {
    fn path(&mut self, rank: u32, path: &Path, named: bool) {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !named => return,
            Err(error) => {
                let message = format!("cannot read this: {error}");
                self.diagnostics
                    .push(Diagnostic::error(place(path), message));
                return;
            }
        };
        self.trusted = named.then(|| found.uid());
        if found.is_dir() {
            self.directory(rank, path, Holds::Units);
            return;
        }
        self.file(rank, path, named);
        let drop_ins = with_suffix(path, ".d");
        if drop_ins.is_dir() {
            let holds = match path.extension() {
                Some(extension) if extension == "toml" => Holds::Tables,
                _ => Holds::Confs,
            };
            self.directory(rank, &drop_ins, holds);
        }
    }

    /// Takes the files of a directory that can be in such a one, and of a directory of units those
    /// of the directories in it.
    fn directory(&mut self, rank: u32, path: &Path, holds: Holds) {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!("cannot read this directory: {error}");
                self.diagnostics
                    .push(Diagnostic::error(place(path), message));
                return;
            }
        };
        let mut names: Vec<PathBuf> = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) if names.len() < MOST_ENTRIES => names.push(entry.path()),
                Ok(_) => {
                    let message = format!("only the first {MOST_ENTRIES} files here are read");
                    self.diagnostics
                        .push(Diagnostic::error(place(path), message));
                    break;
                }
                Err(error) => {
                    let message = format!("cannot read all of this directory: {error}");
                    self.diagnostics
                        .push(Diagnostic::error(place(path), message));
                    break;
                }
            }
        }
        // The order of a directory means nothing, and findings come in the order of files.
        crate::sort::all(&mut names);
        for entry in names {
            let Some(name) = entry.file_name().and_then(OsStr::to_str) else {
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            match holds {
                Holds::Tables if name.ends_with(".toml") => self.file(rank, &entry, false),
                Holds::Confs if name.ends_with(".conf") => self.file(rank, &entry, false),
                Holds::Links if UnitName::parse(name).is_ok() => self.link(rank, &entry),
                Holds::Units => self.entry(rank, &entry, name),
                _ => {}
            }
        }
    }

    /// Takes what is in a directory of units.
    fn entry(&mut self, rank: u32, path: &Path, name: &str) {
        if name.ends_with(".toml") {
            self.file(rank, path, false);
        } else if name.ends_with(".toml.d") {
            self.directory(rank, path, Holds::Tables);
        } else if gather::drop_ins_of(name).is_some() {
            self.directory(rank, path, Holds::Confs);
        } else if gather::links_of(name).is_some() {
            self.directory(rank, path, Holds::Links);
        } else if let Ok(own) = UnitName::parse(name) {
            match self.leads_to(path, &own) {
                Some(other) => self.push(rank, path, Content::Link(other), false),
                None => self.file(rank, path, false),
            }
        }
    }

    /// A link in a directory of links: only its name counts, and whether it is there.
    fn link(&mut self, rank: u32, path: &Path) {
        let owner = fs::symlink_metadata(path).map(|found| found.uid());
        let trusted = [Some(0), Some(self.around.uid), self.trusted];
        match owner {
            Ok(owner) if self.around.is_root && !trusted.contains(&Some(owner)) => {
                let message = format!("this link belongs to user {owner}, not to root");
                self.diagnostics
                    .push(Diagnostic::error(place(path), message));
            }
            Ok(_) if is_mask(path) => self.push(rank, path, Content::Mask, false),
            Ok(_) => self.push(rank, path, Content::Bytes(Vec::new()), false),
            // It went away meanwhile.
            Err(_) => {}
        }
    }

    /// The other unit whose file in the search path this is a link to.
    fn leads_to(&self, path: &Path, own: &UnitName) -> Option<UnitName> {
        let target = path.parent()?.join(fs::read_link(path).ok()?);
        let other = UnitName::parse(target.file_name()?.to_str()?).ok()?;
        let directory = fs::canonicalize(target.parent()?).ok()?;
        (other != *own && self.roots.contains(&directory)).then_some(other)
    }

    fn push(&mut self, rank: u32, path: &Path, content: Content, named: bool) {
        self.sources.push(Source {
            rank,
            path: path.to_string_lossy().into(),
            content,
            named,
        });
    }

    fn file(&mut self, rank: u32, path: &Path, named: bool) {
        let content = if is_mask(path) {
            Content::Mask
        } else {
            match self.bytes(path) {
                Ok(bytes) => Content::Bytes(bytes),
                Err(problem) => Content::Unreadable(problem.into()),
            }
        };
        self.push(rank, path, content, named);
    }

    fn bytes(&self, path: &Path) -> Result<Vec<u8>, Diagnostic> {
        let fail = |message: String| Diagnostic::error(place(path), message);
        let unreadable = |error: io::Error| fail(format!("cannot read this file: {error}"));
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(QUIETLY)
            .open(path)
            .map_err(unreadable)?;
        // Asked of the open file, so nothing can be put in its place in between.
        let found = file.metadata().map_err(unreadable)?;
        if !found.is_file() {
            return Err(fail(format!("this is {}, not a file", kind_of(&found))));
        }
        if found.len() > LARGEST_FILE {
            return Err(too_large(path, found.len()));
        }
        if self.around.is_root {
            let own = Some(self.around.uid);
            refuse_untrusted(path, &found, &[Some(0), own, self.trusted])?;
        }
        read_at_most(file, path).map_err(unreadable)?
    }
}

fn read_at_most(file: File, path: &Path) -> io::Result<Result<Vec<u8>, Diagnostic>> {
    let mut bytes = Vec::new();
    // It can grow while it is read; one byte more than allowed shows that it did.
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(if length > LARGEST_FILE {
        Err(too_large(path, length))
    } else {
        Ok(bytes)
    })
}

fn too_large(path: &Path, length: u64) -> Diagnostic {
    let message = format!("this file has {length} bytes, and a unit file at most {LARGEST_FILE}");
    Diagnostic::error(place(path), message)
}

/// Who can write a unit file can run anything as root, so root reads those of trusted users only.
fn refuse_untrusted(
    path: &Path,
    found: &Metadata,
    trusted: &[Option<u32>],
) -> Result<(), Diagnostic> {
    let shown = path.display();
    if found.mode() & 0o002 != 0 {
        let message = format!(
            "anybody can write this file (mode {:04o})",
            found.mode() & 0o7777
        );
        let problem = Diagnostic::error(place(path), message);
        return Err(problem.with_hint(format!("chmod o-w {shown}")));
    }
    if !trusted.contains(&Some(found.uid())) {
        let message = format!("this file belongs to user {}, not to root", found.uid());
        let problem = Diagnostic::error(place(path), message);
        return Err(problem.with_hint(format!("chown root {shown}")));
    }
    Ok(())
}

fn kind_of(found: &Metadata) -> &'static str {
    let kind = found.file_type();
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something else"
    }
}

fn is_mask(path: &Path) -> bool {
    fs::read_link(path).is_ok_and(|target| target == Path::new("/dev/null"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub mod install;
pub mod preset;
pub mod supervisord;
pub mod zoneinfo;

#[cfg(test)]
mod tests;
