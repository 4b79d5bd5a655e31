//! A supervisord.conf and the files it includes, from the disk.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::{LARGEST_FILE, MOST_ENTRIES, QUIETLY, kind_of};
use crate::diagnostic::{Diagnostic, Place};
use crate::supervisord::{
    Around, Include, Included, Refused, SourceFile, Sources, Unread, include_patterns,
};

/// The most files that all patterns of an `[include]` together may find.
const MOST_FILES: usize = 4096;

/// The most bytes of a file and what it includes.
const MOST_BYTES: usize = 16 << 20;

/// Reads `path` and what its `[include]` names. What is in the files is not understood yet, but for
/// that one section; when that is wrong nothing is included, and
/// [`read`](crate::supervisord::read) says why.
///
/// # Errors
/// When there is no such file, or it cannot be read, with supervisord's words.
pub fn read(path: &str, around: &Around<'_>) -> Result<(Sources, Vec<Diagnostic>), Refused> {
    let mut diagnostics = Vec::new();
    let main = SourceFile {
        path: path.into(),
        bytes: main_bytes(path, around, &mut diagnostics)?,
    };
    let mut walk = Walk {
        files: 0,
        bytes: main.bytes.len(),
        diagnostics,
    };
    let patterns = include_patterns(&main, around).unwrap_or_default();
    let includes = patterns
        .into_iter()
        .map(|pattern| walk.include(pattern))
        .collect();
    Ok((Sources { main, includes }, walk.diagnostics))
}

/// Reads `path` alone, as the client does.
///
/// # Errors
/// As [`read`].
pub fn read_alone(path: &str, around: &Around<'_>) -> Result<SourceFile, Refused> {
    Ok(SourceFile {
        path: path.into(),
        bytes: main_bytes(path, around, &mut Vec::new())?,
    })
}

/// The name of the runtime directory of a daemon that runs this file, below the usual one: `conf-`
/// and eight hexadecimal digits. `canonical` is the file's path without links. The daemon and its
/// clients find each other by it, so it never changes.
pub fn runtime_name(canonical: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    // FNV-1a of 32 bits: two files that meet are told so by the lock.
    let hash = canonical
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
    format!("conf-{hash:08x}")
}

fn main_bytes(
    path: &str,
    around: &Around<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<u8>, Refused> {
    let refuse = |message: String| Refused::unreadable(message, path);
    let file = Path::new(&around.current_directory).join(path);
    if !fs::exists(&file).unwrap_or(false) {
        return Err(refuse(format!("could not find config file {path}")));
    }
    bytes(&file, diagnostics).map_err(|unread| {
        refuse(match unread {
            Unread::Skipped(_) => format!("could not read config file {path}"),
            Unread::Refused(why) => format!("could not read config file {path}: {why}"),
        })
    })
}

/// What is in a file. Of one that anybody can write, a warning.
fn bytes(path: &Path, diagnostics: &mut Vec<Diagnostic>) -> Result<Vec<u8>, Unread> {
    let skip = |error: io::Error| Unread::Skipped(format!("cannot read this file: {error}"));
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(QUIETLY)
        .open(path)
        .map_err(skip)?;
    // Asked of the open file, so nothing can be put in its place in between.
    let found = file.metadata().map_err(skip)?;
    if found.is_dir() {
        return Err(Unread::Skipped(
            "this is a directory, not a file".to_owned(),
        ));
    }
    if !found.is_file() {
        let message = format!("{} is {}, not a file", path.display(), kind_of(&found));
        return Err(Unread::Refused(message));
    }
    if found.mode() & 0o002 != 0 {
        let message = format!(
            "anybody can write this file (mode {:04o})",
            found.mode() & 0o7777
        );
        let place = Place::file(path.to_string_lossy());
        let hint = format!("chmod o-w {}", path.display());
        diagnostics.push(Diagnostic::warning(place, message).with_hint(hint));
    }
    match super::read_at_most(file, path).map_err(skip)? {
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(Unread::Refused(format!(
            "{} has more than {LARGEST_FILE} bytes",
            path.display()
        ))),
    }
}

struct Walk {
    files: usize,
    bytes: usize,
    diagnostics: Vec<Diagnostic>,
}

impl Walk {
    fn include(&mut self, pattern: String) -> Include {
        let mut paths = glob(&pattern, false);
        crate::sort::all(&mut paths);
        // One more than may be shows that there are too many.
        paths.truncate(MOST_FILES + 1);
        let files = paths.into_iter().map(|path| self.file(path)).collect();
        Include { pattern, files }
    }

    fn file(&mut self, path: String) -> Included {
        self.files += 1;
        let content = if self.files > MOST_FILES {
            Err(Unread::Refused(format!(
                "[include] names more than {MOST_FILES} files"
            )))
        } else if self.bytes > MOST_BYTES {
            Err(Unread::Refused(format!(
                "the included files have more than {MOST_BYTES} bytes"
            )))
        } else {
            bytes(Path::new(&path), &mut self.diagnostics)
        };
        self.bytes += content.as_ref().map_or(0, Vec::len);
        Included {
            path: Arc::from(path),
            content,
        }
    }
}

/// The paths a pattern finds, as Python's `glob` does it: `*`, `?` and `[…]` in every part, no
/// `**`, and names that begin with a dot only for patterns that do. Names that are no UTF-8 are
/// left out.
fn glob(pattern: &str, only_directories: bool) -> Vec<String> {
    let at = pattern.rfind('/').map_or(0, |at| at + 1);
    let (head, last) = pattern.split_at(at);
    let directory = match head.trim_end_matches('/') {
        "" => head,
        directory => directory,
    };
    if !has_magic(pattern) {
        let is_there = if last.is_empty() {
            Path::new(directory).is_dir()
        } else {
            fs::symlink_metadata(pattern).is_ok()
        };
        return if is_there {
            vec![pattern.to_owned()]
        } else {
            Vec::new()
        };
    }
    let directories = if directory != pattern && has_magic(directory) {
        glob(directory, true)
    } else {
        vec![directory.to_owned()]
    };
    let mut found = Vec::new();
    for directory in directories {
        let in_it = |name: &str| {
            if directory.is_empty() || directory.ends_with('/') {
                format!("{directory}{name}")
            } else {
                format!("{directory}/{name}")
            }
        };
        if has_magic(last) {
            let names = names_in(&directory, only_directories);
            let matching = names.iter().filter(|name| matches(last, name));
            found.extend(matching.map(|name| in_it(name)));
        } else {
            let path = in_it(last);
            let is_there = if last.is_empty() {
                Path::new(&directory).is_dir()
            } else {
                fs::symlink_metadata(&path).is_ok()
            };
            found.extend(is_there.then_some(path));
        }
        if found.len() > MOST_ENTRIES {
            break;
        }
    }
    found
}

fn has_magic(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

fn names_in(directory: &str, only_directories: bool) -> Vec<String> {
    let directory = if directory.is_empty() { "." } else { directory };
    // A directory that cannot be read has no names, as for Python.
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .take(MOST_ENTRIES)
        .filter(|entry| !only_directories || entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Whether a name without `/` matches a pattern, hidden names aside.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let pattern = parts(pattern);
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut in_name) = (0, 0);
    // The last star, and how much of the name it has taken: only that one is ever tried again.
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match (pattern.get(at), name.get(in_name)) {
            (Some(Part::Star), _) => {
                star = Some((at, in_name));
                at += 1;
            }
            (Some(part), Some(letter)) if part.takes(*letter) => {
                at += 1;
                in_name += 1;
            }
            _ => match &mut star {
                None => return false,
                Some((star_at, taken)) => {
                    *taken += 1;
                    in_name = *taken;
                    at = *star_at + 1;
                }
            },
        }
    }
    pattern
        .iter()
        .skip(at)
        .all(|part| matches!(part, Part::Star))
}

/// One element of a pattern.
enum Part {
    Star,
    Any,
    Letter(char),
    Set {
        is_not: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Part {
    fn takes(&self, letter: char) -> bool {
        match self {
            Part::Star => false,
            Part::Any => true,
            Part::Letter(own) => *own == letter,
            Part::Set { is_not, ranges } => {
                let is_in = ranges
                    .iter()
                    .any(|(from, to)| (*from..=*to).contains(&letter));
                is_in != *is_not
            }
        }
    }
}

fn parts(pattern: &str) -> Vec<Part> {
    let letters: Vec<char> = pattern.chars().collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        at += 1;
        parts.push(match letter {
            '*' => Part::Star,
            '?' => Part::Any,
            '[' => match set(letters.get(at..).unwrap_or_default()) {
                Some((set, length)) => {
                    at += length;
                    set
                }
                None => Part::Letter('['),
            },
            other => Part::Letter(*other),
        });
    }
    parts
}

/// What stands behind `[`, and how long it is with its `]`. `None` when that is missing.
fn set(letters: &[char]) -> Option<(Part, usize)> {
    let is_not = letters.first() == Some(&'!');
    let begin = usize::from(is_not);
    // A bracket in the first place is a member.
    let end = begin + 1 + letters.get(begin + 1..)?.iter().position(|c| *c == ']')?;
    let mut members = letters.get(begin..end)?;
    let mut ranges = Vec::new();
    while let [first, rest @ ..] = members {
        members = match rest {
            ['-', last, rest @ ..] => {
                ranges.push((*first, *last));
                rest
            }
            _ => {
                ranges.push((*first, *first));
                rest
            }
        };
    }
    Some((Part::Set { is_not, ranges }, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_python() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".a.conf", false),
            (".*.conf", ".a.conf", true),
            ("*.conf", "a.conf~", false),
            ("a?c*", "abcd", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "ab ba", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[!]]", "x", true),
            ("[ab", "[ab", true),
            ("[c-a]", "b", false),
            ("[-a]", "-", true),
            ("[a-]", "-", true),
            ("**", "abc", true),
            ("é?", "éü", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        // Each star could be tried at each place; only the last one is.
        assert!(!matches(&"*a".repeat(200), &"a".repeat(190)));
    }

    fn around(directory: &Path) -> Around<'static> {
        Around {
            current_directory: directory.to_str().unwrap().to_owned(),
            ..Around::anywhere()
        }
    }

    #[test]
    fn reads_a_file_and_what_it_includes() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for sub in ["d", "e1", "e2"] {
            fs::create_dir(at(sub)).unwrap();
        }
        let text = "[include]\nfiles = d/*.conf e?/x\n %(here)s/none/* d/b.conf\n";
        fs::write(at("main.conf"), text).unwrap();
        for name in [
            "d/b.conf",
            "d/B.conf",
            "d/.hidden.conf",
            "d/c",
            "e1/x",
            "e2/x",
        ] {
            fs::write(at(name), format!("[{name}]")).unwrap();
        }
        fs::create_dir(at("d/dir.conf")).unwrap();
        let around = around(directory.path());
        let (sources, diagnostics) = read("main.conf", &around).unwrap();
        assert_eq!(diagnostics, []);
        assert_eq!(&*sources.main.path, "main.conf");
        let shown: Vec<String> = sources
            .includes
            .iter()
            .map(|include| {
                let files = include.files.iter().map(|file| match &file.content {
                    Ok(bytes) => String::from_utf8(bytes.clone()).unwrap(),
                    Err(unread) => format!("{unread:?}"),
                });
                files.collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(
            shown,
            [
                "[d/B.conf] [d/b.conf] Skipped(\"this is a directory, not a file\")",
                "[e1/x] [e2/x]",
                "",
                "[d/b.conf]"
            ]
        );
        let whole = at("none/*").to_str().unwrap().to_owned();
        assert_eq!(sources.includes[2].pattern, whole);
    }

    #[test]
    fn says_what_cannot_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let around = around(directory.path());
        let message = |name: &str| read(name, &around).unwrap_err().message;
        assert_eq!(message("nosuch"), "could not find config file nosuch");
        assert_eq!(message("."), "could not read config file .");
        assert_eq!(
            message("/dev/null"),
            "could not read config file /dev/null: /dev/null is a device, not a file"
        );
        let large = vec![b' '; usize::try_from(LARGEST_FILE).unwrap() + 1];
        fs::write(directory.path().join("large"), large).unwrap();
        assert!(message("large").ends_with("has more than 1048576 bytes"));
    }

    #[test]
    fn warns_of_a_file_that_anybody_can_write() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("f");
        fs::write(&file, "[supervisord]\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        let (_, diagnostics) = read("f", &around(directory.path())).unwrap();
        assert_eq!(diagnostics.len(), 1);
        assert!(diagnostics[0].message.contains("anybody can write"));
    }
}
