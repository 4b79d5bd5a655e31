//! Credentials of a service: collected at each start, laid into a directory that only its user can
//! read, and removed when it has ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::event::SpawnFailure;
use rustix::fs::{FileType, Mode, Uid};
use units::Definition;
use units::value::LoadedCredential;

use super::directories::{Roots, remove_tree};
use super::identity::Identity;
use super::open;
use super::step::{Step, reason_of};

/// All credentials of a service together.
const MOST_BYTES: usize = 1 << 20;
/// How long whoever gives a credential over a socket may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where credentials lie that a unit names without a path.
const STORES: [&str; 4] = [
    "/etc/credstore",
    "/run/credstore",
    "/usr/local/lib/credstore",
    "/usr/lib/credstore",
];

/// Whether a unit has any.
pub(super) fn has_some(unit: &Definition) -> bool {
    !unit.load_credential().is_empty() || !unit.set_credential().is_empty()
}

/// Where those of a unit lie.
pub(super) fn directory(unit: &Definition, roots: &Roots) -> PathBuf {
    roots.credentials.join(unit.name().as_str())
}

/// Collects the credentials of a unit and lays them where its user finds them.
///
/// # Errors
/// When one cannot be read, they are too many, or there is no room.
pub(super) fn lay(
    unit: &Definition,
    roots: &Roots,
    identity: &Identity,
) -> Result<(), SpawnFailure> {
    let found = collect(unit)?;
    let size: usize = found
        .iter()
        .map(|(name, content)| name.len() + content.len())
        .sum();
    if size > MOST_BYTES {
        return Err(Step::Credentials.refused(format!(
            "its credentials have {size} bytes, {MOST_BYTES} are the most"
        )));
    }
    let path = directory(unit, roots);
    write_all(&path, &found, identity).map_err(|error| {
        let what = format!("cannot lay credentials into {}", path.display());
        open::failure(Step::Credentials, &what, &error)
    })
}

fn collect(unit: &Definition) -> Result<BTreeMap<String, Vec<u8>>, SpawnFailure> {
    let mut found = BTreeMap::new();
    for credential in unit.load_credential() {
        let given = |id: &str| unit.set_credential().iter().any(|set| &*set.id == id);
        let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        match read(credential, &mut found) {
            Ok(()) => {}
            // One that nobody gave us is missed by the service, if by anybody.
            Err((_, error)) if missing(&error) && credential.path.is_none() => {}
            Err((_, error)) if missing(&error) && given(&credential.id) => {}
            Err((path, error)) => {
                let id = &credential.id;
                let what = format!("cannot read credential {id} from {}", path.display());
                return Err(open::failure(Step::Credentials, &what, &error));
            }
        }
    }
    for set in unit.set_credential() {
        found
            .entry(set.id.to_string())
            .or_insert_with(|| set.content.to_vec());
    }
    Ok(found)
}

/// Reads one credential, or a directory of them. The error has the path it is about.
fn read(
    credential: &LoadedCredential,
    found: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), (PathBuf, io::Error)> {
    let id = &*credential.id;
    let path = match &credential.path {
        Some(path) => PathBuf::from(&**path),
        None => {
            let name = credential.received_as.as_deref().unwrap_or(id);
            let ours = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
            let places = ours.into_iter().chain(STORES.map(PathBuf::from));
            let mut places = places.map(|place| place.join(name));
            match places.find(|path| path.exists()) {
                Some(path) => path,
                None => return Err((name.into(), io::ErrorKind::NotFound.into())),
            }
        }
    };
    read_path(id, &path, 0, found).map_err(|error| (path, error))
}

fn read_path(
    id: &str,
    path: &Path,
    depth: usize,
    found: &mut BTreeMap<String, Vec<u8>>,
) -> io::Result<()> {
    let kind = FileType::from_raw_mode(rustix::fs::stat(path)?.st_mode);
    match kind {
        FileType::Directory if depth < 16 => {
            for entry in std::fs::read_dir(path)? {
                let entry = entry?;
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                let id = format!("{id}_{name}");
                if id.len() <= 255 {
                    read_path(&id, &entry.path(), depth + 1, found)?;
                }
            }
            Ok(())
        }
        FileType::Socket => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut content = Vec::new();
            stream
                .take(MOST_BYTES as u64 + 1)
                .read_to_end(&mut content)?;
            found.insert(id.to_owned(), content);
            Ok(())
        }
        _ => {
            found.insert(id.to_owned(), open::read_regular(path, MOST_BYTES)?);
            Ok(())
        }
    }
}

/// Makes the directory anew: beside the old one, which it then takes the place of.
fn write_all(
    path: &Path,
    found: &BTreeMap<String, Vec<u8>>,
    identity: &Identity,
) -> io::Result<()> {
    let above = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(above)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = above.join(name);
    remove_tree(&new)?;
    std::fs::DirBuilder::new().mode(0o700).create(&new)?;
    let owner = identity
        .user
        .as_ref()
        .filter(|_| rustix::process::geteuid().is_root())
        .map(|user| Uid::from_raw(user.uid));
    let give = |file: &OwnedFd| match owner {
        Some(owner) => rustix::fs::fchown(file, Some(owner), None),
        None => Ok(()),
    };
    for (name, content) in found {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(new.join(name))?;
        file.write_all(content)?;
        give(&file.into())?;
    }
    let directory: OwnedFd = File::open(&new)?.into();
    rustix::fs::fchmod(&directory, Mode::from_raw_mode(0o500))?;
    give(&directory)?;
    remove_tree(path)?;
    std::fs::rename(&new, path)
}

/// Removes the credentials of a unit.
///
/// # Errors
/// With a sentence.
pub(super) fn remove(unit: &Definition, roots: &Roots) -> Result<(), String> {
    let path = directory(unit, roots);
    match remove_tree(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!(
            "cannot remove {}: {}",
            path.display(),
            reason_of(&error)
        )),
        _ => Ok(()),
    }
}
