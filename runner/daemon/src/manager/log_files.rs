//! Which files the outputs of a service are logged to.
//!
//! A service that asks for `log-file = "auto"` gets a file whose name nobody can guess, in a
//! directory that others may write to. The name follows from a secret that lives as long as the
//! keeper does, so a manager that was killed leaves it to the next one.

use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use units::value::LogFile;
use units::{Definition, Output, UnitName, group};

use crate::link::Stream;
use crate::log::FileSink;
use crate::options::Options;

/// Where the secret is, in the runtime directory.
const SECRET: &str = "log-names";
/// How much of a service's name is in the name of its file: with what is added to it, backups
/// included, it fits into a file name.
const LONGEST_NAME: usize = 160;
/// What mkstemp(3) chooses from in Python.
const LETTERS: &[u8; 37] = b"abcdefghijklmnopqrstuvwxyz0123456789_";
/// How many of them.
const LETTER_COUNT: usize = 8;

/// How files are found and named.
#[derive(Debug)]
pub(super) struct LogFiles {
    identifier: String,
    /// Where files go that name no directory.
    directory: PathBuf,
    /// It was asked for by name.
    chosen: bool,
    keep_old: bool,
    secret: [u8; 16],
}

impl LogFiles {
    /// `first`: nothing was taken over, so the secret is a new one. One that cannot be kept is used
    /// all the same: files get other names then when the manager is killed.
    pub(super) fn new(options: &Options, runtime: &Path, first: bool) -> LogFiles {
        let path = runtime.join(SECRET);
        let kept = if first { None } else { read_secret(&path).ok() };
        let secret = kept.unwrap_or_else(|| {
            let secret = super::recover::random().to_le_bytes();
            if let Err(error) = write_secret(&path, secret) {
                tracing::warn!("cannot write {}: {error}", path.display());
            }
            secret
        });
        LogFiles {
            identifier: options.identifier.clone(),
            directory: options
                .child_log_dir
                .clone()
                .unwrap_or_else(std::env::temp_dir),
            chosen: options.child_log_dir.is_some(),
            keep_old: options.keep_old_logs,
            secret,
        }
    }

    /// Our own part in the names of the files we choose.
    pub(super) fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The path of a log file.
    pub(super) fn path(&self, unit: &UnitName, stream: Stream, file: &LogFile) -> PathBuf {
        match file {
            LogFile::Path(path) => absolute(Path::new(&**path)),
            LogFile::Auto { directory } => {
                let directory = directory.as_deref().map_or(&*self.directory, Path::new);
                absolute(directory).join(self.auto_name(unit, stream))
            }
        }
    }

    /// `NAME-stdout---IDENTIFIER-XXXXXXXX.log`, supervisord's form.
    fn auto_name(&self, unit: &UnitName, stream: Stream) -> String {
        let name = group::group_and_process(unit)
            .map_or_else(|| unit.as_str().to_owned(), |(_, process)| process);
        let mut shown = String::new();
        for letter in name.chars() {
            let letter = match letter {
                '/' | '\0' => '_',
                other => other,
            };
            if shown.len() + letter.len_utf8() > LONGEST_NAME {
                break;
            }
            shown.push(letter);
        }
        let (word, seed) = match stream {
            Stream::Out => ("stdout", b'o'),
            Stream::Err => ("stderr", b'e'),
        };
        // The hash is keyed by what comes first in it.
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.secret);
        hasher.write(unit.as_str().as_bytes());
        hasher.write_u8(0);
        hasher.write_u8(seed);
        let mut number = hasher.finish();
        let mut letters = String::new();
        for _ in 0..LETTER_COUNT {
            let at = usize::try_from(number % 37).unwrap_or_default();
            letters.push(char::from(LETTERS[at]));
            number /= 37;
        }
        format!("{shown}-{word}---{}-{letters}.log", self.identifier)
    }

    /// The file of an output, where it goes to one: for reading and for making it early, so whose it
    /// is to be is left out.
    pub(super) fn of(&self, definition: &Definition, stream: Stream) -> Option<FileSink> {
        let out = || {
            Some(FileSink {
                path: self.path(definition.name(), Stream::Out, definition.log_file()?),
                max_size: definition.log_max_size().as_bytes(),
                backups: definition.log_backups(),
                owner: None,
                mode: definition.log_mode().bits(),
            })
        };
        let err = || {
            let file = definition.error_log_file()?;
            Some(FileSink {
                path: self.path(definition.name(), Stream::Err, file),
                max_size: definition.error_log_max_size().as_bytes(),
                backups: definition.error_log_backups(),
                owner: None,
                mode: definition.error_log_mode().bits(),
            })
        };
        match (
            stream,
            definition.standard_output(),
            definition.standard_error(),
        ) {
            (Stream::Out, None | Some(Output::Log), _) => out(),
            (Stream::Err, _, Some(Output::Log)) => err().or_else(out),
            (Stream::Err, _, None) => err(),
            (Stream::Out, Some(_), _) | (Stream::Err, _, Some(_)) => None,
        }
    }

    /// The directories that may have files of earlier runs, given the services there are now.
    pub(super) fn directories<'a>(
        &self,
        definitions: impl Iterator<Item = &'a Definition>,
    ) -> Vec<PathBuf> {
        if self.keep_old {
            return Vec::new();
        }
        let mut directories: Vec<PathBuf> = definitions
            .flat_map(|definition| [definition.log_file(), definition.error_log_file()])
            .filter_map(|file| match file? {
                LogFile::Auto { directory } => Some(absolute(
                    directory.as_deref().map_or(&*self.directory, Path::new),
                )),
                LogFile::Path(_) => None,
            })
            .chain(self.chosen.then(|| absolute(&self.directory)))
            .collect();
        units::sort::all(&mut directories);
        directories.dedup();
        directories
    }
}

/// A path from where we were started. Where that cannot be asked for it is as good as it is.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether a service has a file whose name we choose.
pub(super) fn has_auto(definition: &Definition) -> bool {
    [definition.log_file(), definition.error_log_file()]
        .into_iter()
        .any(|file| matches!(file, Some(LogFile::Auto { .. })))
}

fn read_secret(path: &Path) -> io::Result<[u8; 16]> {
    let mut secret = [0; 16];
    std::fs::File::open(path)?.read_exact(&mut secret)?;
    Ok(secret)
}

fn write_secret(path: &Path, secret: [u8; 16]) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(&secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(runtime: &Path, first: bool) -> LogFiles {
        LogFiles::new(&Options::default(), runtime, first)
    }

    #[test]
    fn names_are_supervisords_and_stay_until_the_next_start() {
        let runtime = tempfile::tempdir().unwrap();
        let unit = UnitName::parse("web:web_00.service").unwrap();
        let auto = LogFile::parse("auto:/var/log/x").unwrap();
        let first = files(runtime.path(), true);
        let path = first.path(&unit, Stream::Out, &auto);
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(path.parent(), Some(Path::new("/var/log/x")));
        assert!(name.starts_with("web_00-stdout---supervisor-") && name.ends_with(".log"));
        assert_eq!(name.len(), "web_00-stdout---supervisor-12345678.log".len());
        assert_ne!(first.path(&unit, Stream::Err, &auto), path);
        let recovered = files(runtime.path(), false);
        assert_eq!(recovered.path(&unit, Stream::Out, &auto), path);
        let next = files(runtime.path(), true);
        assert_ne!(next.path(&unit, Stream::Out, &auto), path);
    }

    #[test]
    fn names_stay_in_their_directory_and_short() {
        let runtime = tempfile::tempdir().unwrap();
        let files = files(runtime.path(), true);
        let auto = LogFile::parse("auto").unwrap();
        for name in [
            r"a\x2f..\x2fb.service",
            &format!("{}.service", "x".repeat(240)),
        ] {
            let unit = UnitName::parse(name).unwrap();
            let path = files.path(&unit, Stream::Out, &auto);
            assert_eq!(path.parent(), Some(&*std::env::temp_dir()));
            assert!(path.file_name().unwrap().len() < 240);
        }
    }

    #[test]
    fn relative_paths_begin_where_we_are() {
        let runtime = tempfile::tempdir().unwrap();
        let unit = UnitName::parse("a.service").unwrap();
        let file = LogFile::parse("logs/a.log").unwrap();
        assert_eq!(
            files(runtime.path(), true).path(&unit, Stream::Out, &file),
            std::env::current_dir().unwrap().join("logs/a.log")
        );
        let auto = LogFile::parse("auto:logs").unwrap();
        let path = files(runtime.path(), true).path(&unit, Stream::Out, &auto);
        let directory = std::env::current_dir().unwrap().join("logs");
        assert_eq!(path.parent(), Some(&*directory));
    }
}
