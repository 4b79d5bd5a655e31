//! Descriptors that services gave us to keep over their restarts (`FDSTORE=1`, sd_notify(3)).

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use rustix::fs::FileType;
use units::UnitName;

/// The name of a descriptor that came without one.
pub const UNNAMED: &str = "stored";

/// All fd stores.
#[derive(Debug, Default)]
pub struct FdStore {
    /// Oldest first.
    units: HashMap<UnitName, Vec<Stored>>,
}

/// One stored descriptor.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its `FDNAME`.
    pub name: String,
    /// Together with unit and name its key at the keeper; a higher one is newer.
    pub index: u32,
    /// The descriptor.
    pub fd: Arc<OwnedFd>,
    /// It is dropped when its other end hangs up.
    pub poll: bool,
}

impl FdStore {
    /// Adds descriptors, up to `max` in the unit's store, leaving out those it has already. Returns
    /// the new ones, for the keeper to hold and, where [`Stored::poll`], for the loop to watch for a
    /// hang-up. The others are closed.
    pub fn add(
        &mut self,
        unit: &UnitName,
        name: &str,
        descriptors: Vec<OwnedFd>,
        max: u32,
        poll: bool,
    ) -> Vec<Stored> {
        let store = self.units.entry(unit.clone()).or_default();
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut next = store
            .iter()
            .map(|stored| stored.index + 1)
            .max()
            .unwrap_or_default();
        let mut added = Vec::new();
        for fd in descriptors {
            if store.len() >= max {
                break;
            }
            if store
                .iter()
                .any(|stored| same_file(stored.fd.as_fd(), fd.as_fd()))
            {
                continue;
            }
            let poll = poll && can_hang_up(fd.as_fd());
            let stored = Stored {
                name: name.to_owned(),
                index: next,
                fd: Arc::new(fd),
                poll,
            };
            next += 1;
            store.push(stored.clone());
            added.push(stored);
        }
        if store.is_empty() {
            self.units.remove(unit);
        }
        added
    }

    /// Takes back what the keeper held, in any order. Whether a descriptor is watched for a hang-up
    /// is not held; it is.
    pub fn restore(&mut self, unit: &UnitName, name: String, index: u32, fd: OwnedFd) -> Stored {
        let poll = can_hang_up(fd.as_fd());
        let stored = Stored {
            name,
            index,
            fd: Arc::new(fd),
            poll,
        };
        let store = self.units.entry(unit.clone()).or_default();
        let at = store.partition_point(|other| other.index < index);
        store.insert(at, stored.clone());
        stored
    }

    /// Forgets the descriptors of a name, or all. Returns them, for the keeper to forget too.
    pub fn remove(&mut self, unit: &UnitName, name: Option<&str>) -> Vec<Stored> {
        self.remove_where(unit, |stored| name.is_none_or(|name| stored.name == name))
    }

    /// Forgets the one whose other end hung up.
    pub fn hung_up(&mut self, unit: &UnitName, fd: RawFd) -> Vec<Stored> {
        self.remove_where(unit, |stored| stored.fd.as_raw_fd() == fd)
    }

    fn remove_where(&mut self, unit: &UnitName, gone: impl Fn(&Stored) -> bool) -> Vec<Stored> {
        let Some(store) = self.units.get_mut(unit) else {
            return Vec::new();
        };
        let (removed, kept) = std::mem::take(store).into_iter().partition(gone);
        *store = kept;
        if store.is_empty() {
            self.units.remove(unit);
        }
        removed
    }

    /// A unit's descriptors, newest first, as services get them.
    pub fn of(&self, unit: &UnitName) -> impl Iterator<Item = &Stored> {
        self.units.get(unit).into_iter().flatten().rev()
    }

    /// Their names, newest first.
    #[must_use]
    pub fn names(&self, unit: &UnitName) -> Vec<String> {
        self.of(unit).map(|stored| stored.name.clone()).collect()
    }

    /// Every unit that has something stored, with the names, newest first.
    #[must_use]
    pub fn all_names(&self) -> Vec<(UnitName, Vec<String>)> {
        let mut all: Vec<_> = self
            .units
            .keys()
            .map(|unit| (unit.clone(), self.names(unit)))
            .collect();
        units::sort::all(&mut all);
        all
    }
}

/// Regular files and directories never hang up, and epoll refuses them.
fn can_hang_up(fd: BorrowedFd<'_>) -> bool {
    rustix::fs::fstat(fd).is_ok_and(|found| {
        !matches!(
            FileType::from_raw_mode(found.st_mode),
            FileType::RegularFile | FileType::Directory
        )
    })
}

/// Whether two descriptors stand for one open file (kcmp(2)); where the kernel does not say, for
/// one file.
fn same_file(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    match compare(one, other) {
        Some(same) => same,
        None => match (rustix::fs::fstat(one), rustix::fs::fstat(other)) {
            // Event descriptors and the like all share one inode, which has no type.
            (Ok(a), Ok(b)) => {
                FileType::from_raw_mode(a.st_mode) != FileType::Unknown
                    && (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
            }
            _ => false,
        },
    }
}

#[expect(unsafe_code, reason = "kcmp(2) has no wrapper")]
fn compare(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> Option<bool> {
    const KCMP_FILE: libc::c_int = 0;
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    // SAFETY: kcmp(2) takes five numbers and touches no memory of ours.
    let order = unsafe {
        libc::syscall(
            libc::SYS_kcmp,
            pid,
            pid,
            KCMP_FILE,
            one.as_raw_fd(),
            other.as_raw_fd(),
        )
    };
    (order >= 0).then_some(order == 0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    fn unit() -> UnitName {
        UnitName::parse("a.service").unwrap()
    }

    fn file() -> OwnedFd {
        File::open("/dev/null").unwrap().into()
    }

    #[test]
    fn keeps_up_to_the_limit_and_nothing_twice() {
        let mut store = FdStore::default();
        let first = file();
        let copy = first.try_clone().unwrap();
        let added = store.add(&unit(), "a", vec![first, copy, file(), file()], 2, true);
        assert_eq!(added.len(), 2);
        assert_eq!(
            added.iter().map(|stored| stored.index).collect::<Vec<_>>(),
            [0, 1]
        );
        assert!(store.add(&unit(), "b", vec![file()], 2, true).is_empty());
        assert_eq!(store.remove(&unit(), Some("b")).len(), 0);
        assert_eq!(store.remove(&unit(), Some("a")).len(), 2);
        assert!(store.all_names().is_empty());
        assert!(store.add(&unit(), "a", vec![file()], 0, true).is_empty());
        assert!(store.all_names().is_empty());
    }

    #[test]
    fn hands_back_the_newest_first_also_after_a_recovery() {
        let mut store = FdStore::default();
        let mut held = store.add(&unit(), "a", vec![file()], 9, false);
        held.extend(store.add(&unit(), "b", vec![file(), file()], 9, true));
        assert_eq!(store.names(&unit()), ["b", "b", "a"]);
        let mut later = FdStore::default();
        for stored in [&held[1], &held[2], &held[0]] {
            let fd = stored.fd.try_clone().unwrap();
            later.restore(&unit(), stored.name.clone(), stored.index, fd);
        }
        assert_eq!(later.names(&unit()), ["b", "b", "a"]);
        assert_eq!(later.add(&unit(), "c", vec![file()], 9, false)[0].index, 3);
    }

    #[test]
    fn watches_only_what_can_hang_up() {
        let mut store = FdStore::default();
        let (one, _other) = UnixDatagram::pair().unwrap();
        let regular = File::open("/proc/self/exe").unwrap();
        let added = store.add(&unit(), "a", vec![one.into(), regular.into()], 9, true);
        assert_eq!(
            added.iter().map(|stored| stored.poll).collect::<Vec<_>>(),
            [true, false]
        );
        let raw = added[0].fd.as_raw_fd();
        assert_eq!(store.hung_up(&unit(), raw).len(), 1);
        assert_eq!(store.names(&unit()), ["a"]);
    }
}
